"""Measures networks against Lanczos (enlarging) or against doing nothing (cleaning).

`python -m training.evaluate --enlarge resources/models/enlarge-x4-fidelity.safetensors` prints PSNR on Y with the 4-pixel
crop for every strength of strengths.json over Kodak24, and the perceptual distance on SqueezeNet features with --perceptual.
`python -m training.evaluate --clean resources/models/clean-x1-gentle.safetensors` prints identity and JPEG gains.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from training.export import load_weights
from training.imaging import DATA, degrade_for_evaluation, load_rgb, pillow_jpeg, psnr_luma, resize, to_bytes, to_tensor
from training.network import Compact

STRENGTHS = json.loads((Path(__file__).parent / "strengths.json").read_text())


def kodak(count: int = 24) -> list[np.ndarray]:
    files = sorted((DATA / "eval/open/kodak24").glob("*.png"))
    return [load_rgb(f) for f in files[:: max(1, len(files) // count)][:count]]


def run(network: torch.nn.Module, image: np.ndarray) -> np.ndarray:
    device = next(network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        x = to_tensor(image).to(device).contiguous(memory_format=torch.channels_last)
        return to_bytes(network(x).cpu())


def lanczos(small: np.ndarray, scale: int) -> np.ndarray:
    return to_bytes(resize(to_tensor(small), small.shape[0] * scale, small.shape[1] * scale, "lanczos3"))


def quick_enlarge(network: torch.nn.Module, count: int = 6) -> dict[str, float]:
    """Mean gain in dB over Lanczos at each strength, a few photographs."""
    scale, out = STRENGTHS["scale"], {}
    for strength in STRENGTHS["strengths"]:
        gains = []
        for photo in kodak(count):
            small = degrade_for_evaluation(photo, strength, scale, STRENGTHS["seed"])
            gains.append(psnr_luma(run(network, small), photo) - psnr_luma(lanczos(small, scale), photo))
        out[strength["name"]] = round(float(np.mean(gains)), 3)
    return out


def quick_clean(network: torch.nn.Module, count: int = 4) -> dict[str, float]:
    """PSNR of an untouched photograph to itself, and gains after JPEG and after noise."""
    identity, coded, noisy = [], {10: [], 20: [], 50: []}, []
    rng = np.random.default_rng(5)
    for photo in kodak(count):
        photo = photo[:384, :384]
        identity.append(psnr_luma(run(network, photo), photo, 0))
        for quality, gains in coded.items():
            small = pillow_jpeg(photo, quality)
            gains.append(psnr_luma(run(network, small), photo, 0) - psnr_luma(small, photo, 0))
        rough = np.clip(photo + rng.normal(0, 15, photo.shape) + 0.5, 0, 255).astype(np.uint8)
        noisy.append(psnr_luma(run(network, rough), photo, 0) - psnr_luma(rough, photo, 0))
    return {"identity": round(float(np.mean(identity)), 2), **{f"jpeg{q}": round(float(np.mean(g)), 3) for q, g in coded.items()},
            "noise15": round(float(np.mean(noisy)), 3)}


def network_from(source: str | Path | dict[str, torch.Tensor]) -> Compact:
    """The network of a weights file, a stage or a state; width, depth and scale read from the shapes."""
    state = source if isinstance(source, dict) else load_weights(source)
    last = max(int(k.split(".")[1]) for k in state)
    scale = round((state[f"body.{last}.weight"].shape[0] / 3) ** 0.5)
    network = Compact(state["body.0.weight"].shape[0], (last - 2) // 2, scale)
    network.load_state_dict(state)
    return network.eval().to(memory_format=torch.channels_last)


def blend(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], alpha: float) -> dict[str, torch.Tensor]:
    """(1 - alpha) a + alpha b, tensor by tensor."""
    return {k: (1 - alpha) * v + alpha * b[k] for k, v in a.items()}


def table_enlarge(networks: dict[str, Compact], photos: list[np.ndarray], perceptual: bool) -> None:
    distance = None
    if perceptual:
        from training.squeezenet import FeatureDistance
        distance = FeatureDistance()
    scale = STRENGTHS["scale"]
    for strength in STRENGTHS["strengths"]:
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for photo in photos:
            photo = photo[: photo.shape[0] // scale * scale, : photo.shape[1] // scale * scale]
            small = degrade_for_evaluation(photo, strength, scale, STRENGTHS["seed"])
            outputs = {"lanczos": lanczos(small, scale), **{k: run(n, small) for k, n in networks.items()}}
            for name, output in outputs.items():
                back = to_bytes(resize(to_tensor(output), small.shape[0], small.shape[1]))
                rows.setdefault(name, []).append((psnr_luma(output, photo), distance(output, photo) if distance else float("nan"), psnr_luma(back, small, 0)))
        for name, values in rows.items():
            m = np.mean(values, 0)
            print(f"{strength['name']:<8} {name:<28} PSNR-Y {m[0]:6.2f} dB   distance {m[1]:.4f}   consistency {m[2]:6.2f} dB", flush=True)


def table_clean(networks: dict[str, Compact], photos: list[np.ndarray]) -> None:
    rng = np.random.default_rng(7)
    kinds = {"untouched": lambda p: p, "noise 15": lambda p: np.clip(p + rng.normal(0, 15, p.shape) + 0.5, 0, 255).astype(np.uint8)}
    kinds.update({f"jpeg {q}": (lambda p, q=q: pillow_jpeg(p, q)) for q in (10, 20, 40, 70)})
    for kind, damage in kinds.items():
        inputs = [damage(p) for p in photos]
        before = np.mean([min(psnr_luma(i, p, 0), 99.0) for i, p in zip(inputs, photos)])
        for name, network in networks.items():
            after = np.mean([psnr_luma(run(network, i), p, 0) for i, p in zip(inputs, photos)])
            print(f"{kind:<10} {name:<24} input {before:6.2f} dB   output {after:6.2f} dB   gain {after - before:+.2f} dB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--enlarge", nargs="*", default=[])
    parser.add_argument("--clean", nargs="*", default=[])
    parser.add_argument("--alphas", nargs="*", type=float, default=[], help="with two files: blends between them")
    parser.add_argument("--folder", type=Path, help="photographs to use instead of Kodak24")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--perceptual", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    photos = [load_rgb(p) for p in sorted(a.folder.iterdir()) if p.suffix in (".png", ".jpg")][: a.count] if a.folder else kodak(a.count)
    for files, table in ((a.enlarge, lambda n: table_enlarge(n, photos, a.perceptual)), (a.clean, lambda n: table_clean(n, photos))):
        if not files:
            continue
        if a.alphas:
            first, second = (load_weights(f) for f in files)
            networks = {f"alpha {alpha}": network_from(blend(first, second, alpha)) for alpha in a.alphas}
        else:
            networks = {Path(f).stem: network_from(f) for f in files}
        table(networks)


if __name__ == "__main__":
    main()
