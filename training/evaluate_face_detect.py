"""Recall, landmark error, false positives and speed of the face detector beside both teachers:
`python -m training.evaluate_face_detect --weights training/runs/face-detect/face-detect.safetensors`.

Held-out portraits, clean and worn in seeded ways; the truth are the teachers' own agreed labels on the clean pictures, which favors
the teachers in the clean row. A face counts as found where a box overlaps its label by more than 0.4; the landmark error is the
mean distance of the five points divided by the distance of the eyes, over the faces whose points the teachers agree on and that
the detector found. False positives: boxes on Kodak pictures without a face (those with people, a statue or painted figures are
left out, see WITH_FACES), and on the portraits where neither a label nor an unclear region is.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from training.degradations import Draw, fade, film_damage, film_grain, filter_each, gaussian_kernel, gaussian_noise, halftone, jpeg, saturation
from training.face_network import detect, from_state, overlap
from training.face_teachers import Detector, retina_face_teacher, yu_net_teacher
from training.imaging import DATA, RUNS, load_rgb, resize, to_tensor
from training.mask_bank import MaskBank
from training.pack import Pack, load_pack

WITH_FACES = (4, 5, 9, 10, 12, 14, 15, 17, 18, 24)
"""Kodak pictures with people (4, 5, 9, 10, 12, 14, 15, 18), a statue's head (17) and painted figures (24)."""
THRESHOLDS = {"ours": 0.7, "YuNet": 0.7, "RetinaFace": 0.8}
"""As the engine has them (src/engine/faces/face-detector.ts)."""
MATCH = 0.4
Wearer = Callable[[torch.Tensor, Draw, MaskBank], torch.Tensor]


def one(value: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), float(value))


def gray(x: torch.Tensor) -> torch.Tensor:
    return saturation(x, one(0))


def blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    return filter_each(x, gaussian_kernel(21, sigma, sigma, 0.0)[None]).clamp(0, 1)


def dirty(x: torch.Tensor, draw: Draw, dirt: MaskBank) -> torch.Tensor:
    """Two held-out overlays, one light and one dark, over the whole picture."""
    h, w = x.shape[-2:]
    for tone in (0.95, 0.1):
        alpha = dirt.draw(1, max(h, w), draw.rng, 1.0, 1.8)[0][..., :h, :w]
        x = film_damage(x, alpha * 0.95, one(tone))
    return x


def worn_out(x: torch.Tensor, draw: Draw, dirt: MaskBank) -> torch.Tensor:
    """Everything at once: gray, soft, faded, grainy, dusty, coded."""
    x = fade(blurred(gray(x), 2.0), one(0.25), one(0.75), one(1.1))
    return jpeg(film_grain(dirty(x, draw, dirt), one(0.06), 1.0, 0.0, draw.torch), np.array([30]))


def small(x: torch.Tensor, factor: float) -> torch.Tensor:
    return resize(x, max(32, round(x.shape[-2] * factor)), max(32, round(x.shape[-1] * factor)), "area").clamp(0, 1)


CONDITIONS: dict[str, Wearer] = {
    "clean": lambda x, d, m: x,
    "gray, blur 4 px": lambda x, d, m: blurred(gray(x), 4.0),
    "grain 0.15": lambda x, d, m: film_grain(gray(x), one(0.15), 1.2, 0.0, d.torch),
    "noise 40/255": lambda x, d, m: gaussian_noise(x, one(40 / 255), one(0), d.torch),
    "halftone 5 px": lambda x, d, m: halftone(gray(x), 5.0, math.pi / 4, one(0.9)).clamp(0, 1),
    "contrast 20 %": lambda x, d, m: fade(gray(x), one(0.5), one(0.7), one(1.0)),
    "scratches": dirty,
    "worn out": worn_out,
    "a quarter of the size": lambda x, d, m: small(x, 0.25),
    "an eighth, gray, JPEG 50": lambda x, d, m: jpeg(small(gray(x), 0.125), np.array([50])),
}


def held_out(pack: Pack) -> list[tuple[np.ndarray, dict]]:
    """Portraits with at least one labeled face."""
    out = []
    for group in ("modern", "historic"):
        for i, keep in enumerate(pack.held_out[group]):
            entry = pack.labels.get(pack.names[group][i])
            if keep and entry and (entry["faces"] or entry["loose"]):
                out.append((pack.pictures[group][i], entry))
    return out


def in_pixels(entry: dict, w: int, h: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes, points, whether the points count, and unclear boxes, in pixels."""
    faces = [(f, True) for f in entry["faces"]] + [(f, False) for f in entry["loose"]]
    boxes = torch.tensor([f["box"] for f, _ in faces]).view(-1, 4) * torch.tensor([w, h, w, h])
    points = torch.tensor([f["points"] for f, _ in faces]).view(-1, 5, 2) * torch.tensor([w, h])
    unclear = torch.tensor(entry["ignore"]).view(-1, 4) * torch.tensor([w, h, w, h])
    return boxes, points, torch.tensor([sure for _, sure in faces]), unclear


def measure(find: Detector, pictures: list[tuple[np.ndarray, dict]], wear: Wearer, dirt: MaskBank) -> dict[str, float]:
    found = total = false = 0
    errors = []
    for i, (picture, entry) in enumerate(pictures):
        x = wear(to_tensor(picture), Draw.seeded(1896 + i), dirt)
        boxes, points, sure, unclear = in_pixels(entry, x.shape[-1], x.shape[-2])
        faces = find(x)
        total += len(boxes)
        both = overlap(boxes, faces[:, :4])
        for j in range(len(boxes)):
            if len(faces) and float(both[j].max()) > MATCH:
                found += 1
                if sure[j]:
                    eyes = float((points[j, 0] - points[j, 1]).norm())
                    off = (faces[int(both[j].argmax()), 4:14].view(5, 2) - points[j]).norm(dim=1).mean()
                    errors.append(float(off) / max(eyes, 1.0))
        known = torch.cat([boxes, unclear])
        false += int((overlap(faces[:, :4], known).amax(1) < 0.2).sum()) if len(faces) else 0
    return {"recall": found / max(total, 1), "landmark": float(np.mean(errors)) if errors else float("nan"), "false": false / len(pictures), "faces": total}


def write_pictures(folder: Path, pictures: list[tuple[np.ndarray, dict]], dirt: MaskBank) -> None:
    """The degraded portraits as `<number>.png`, and `truth.json` beside them, for `scripts/face-recall.ts`: file, condition, then boxes, points, whether the points count and unclear boxes in pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = []
    for condition, wear in CONDITIONS.items():
        for i, (picture, entry) in enumerate(pictures):
            x = wear(to_tensor(picture), Draw.seeded(1896 + i), dirt)
            boxes, points, sure, unclear = in_pixels(entry, x.shape[-1], x.shape[-2])
            file = f"{len(truth):04}.png"
            pixels = (x[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
            Image.fromarray(pixels.numpy()).save(folder / file)
            truth.append({"file": file, "condition": condition, "boxes": boxes.tolist(), "points": points.tolist(), "sure": sure.tolist(), "unclear": unclear.tolist()})
    (folder / "truth.json").write_text(json.dumps(truth))


def on_kodak(find: Detector) -> dict[str, float]:
    files = [p for p in sorted((DATA / "eval/open/kodak24").glob("*.png")) if int(p.stem) not in WITH_FACES]
    counts = {p.stem: len(find(to_tensor(load_rgb(p)))) for p in files}
    return {"false": sum(counts.values()) / len(files), "pictures": len(files), "where": [k for k, v in counts.items() if v]}


def speed(find: Detector) -> float:
    """Median milliseconds for 640 x 480 on one thread of this machine, in PyTorch."""
    x = torch.rand(1, 3, 480, 640, generator=torch.Generator().manual_seed(1))
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        find(x)
        times.append((time.perf_counter() - begun) * 1000)
    return float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=RUNS / "face-detect/face-detect.safetensors")
    parser.add_argument("--pack", type=Path, help="a pack; default ../shared/data")
    parser.add_argument("--labels", type=Path, default=RUNS / "face-labels.json", help="where the pack brings none")
    parser.add_argument("--limit", type=int, default=10**9, help="portraits at most")
    parser.add_argument("--threshold", type=float, default=THRESHOLDS["ours"])
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    parser.add_argument("--pictures", type=Path, help="only write the degraded portraits there, with what is true of them")
    parser.add_argument("--only-ours", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.nnpack.set_flags(False)
    pack = load_pack(a.pack)
    if not pack.labels:
        pack.labels.update(json.loads(a.labels.read_text()))
    net = from_state(load_file(a.weights))
    detectors: dict[str, Detector] = {"ours": lambda x: detect(net, x, a.threshold)}
    if not a.only_ours:
        detectors |= {"YuNet": yu_net_teacher(THRESHOLDS["YuNet"]), "RetinaFace": retina_face_teacher(THRESHOLDS["RetinaFace"])}
    pictures = held_out(pack)
    pictures = pictures[:: max(1, len(pictures) // a.limit)]
    dirt = MaskBank.overlays({k: v for k, v in pack.damage.items() if k in ("scratches", "hair", "dots", "smut")}, "cpu", held_out=True)
    if a.pictures:
        write_pictures(a.pictures, pictures, dirt)
        return
    results = {name: {c: measure(find, pictures, wear, dirt) for c, wear in CONDITIONS.items()} for name, find in detectors.items()}
    kodak = {name: on_kodak(find) for name, find in detectors.items()}
    speeds = {name: speed(find) for name, find in detectors.items()}
    print(f"{len(pictures)} held-out portraits, {next(iter(results.values()))['clean']['faces']} labeled faces\n")
    print("| held-out portraits | " + " | ".join(f"{n}: recall | landmark error | false a picture" for n in results) + " |")
    print("|---|" + "---|---|---|" * len(results))
    for c in CONDITIONS:
        print(f"| {c} | " + " | ".join(f"{100 * r[c]['recall']:.1f} % | {100 * r[c]['landmark']:.1f} % | {r[c]['false']:.2f}" for r in results.values()) + " |")
    print("\n| | " + " | ".join(results) + " |\n|---|" + "---|" * len(results))
    print(f"| false a Kodak picture without faces ({kodak['ours']['pictures']}) | " + " | ".join(f"{k['false']:.3f}" for k in kodak.values()) + " |")
    print("| 640 x 480, one thread, PyTorch | " + " | ".join(f"{s:.0f} ms" for s in speeds.values()) + " |")
    if a.json:
        a.json.write_text(json.dumps({"portraits": results, "kodak": kodak, "milliseconds": speeds}, indent=1))


if __name__ == "__main__":
    main()
