"""Precision, recall and F1 by kind on held-out damage, and coverage on clean pictures:
`python -m training.evaluate_scratch_detect --weights training/runs/scratch-detect/scratch-detect.safetensors`.

Held-out overlays (the last four files of each kind) and freshly drawn cracks, folds, film scratches, hairs, dust and stains lie on
held-out photographs and portraits, seeded, one kind a picture, followed by blur, grain and JPEG as in training. "Any" is where one
of the four channels passes its threshold, which is what a repair would mask; "own" the channel of the kind. Pixels too faint to say count for nothing.
"Within 2 px" allows marks two pixels beside the truth, and damage two pixels beside a mark. `--pictures FOLDER` writes the real
old photographs with their mask for looking at.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

from training.damage_shapes import DRAWN, chips, craquelure, render, stains
from training.imaging import DATA, RUNS, load_rgb
from training.mask_bank import SIDE, MaskBank
from training.pack import Pack, load_pack
from training.scratch_network import DEPTH, KINDS, ScratchUNet, from_state
from training.scratch_scenes import ScratchScenes

THRESHOLDS = (0.9, 0.9, 0.95, 0.9)
"""As the engine has them for the middle sensitivity (src/engine/damage/search-network.ts), but for stains, of which it asks 0.97."""
LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
COLORS = np.array([[255, 40, 40], [40, 220, 40], [60, 110, 255], [255, 200, 0]])
"""Of the four kinds in the pictures to look at."""


@torch.no_grad()
def probabilities(net: ScratchUNet, picture: np.ndarray, longest: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """(kinds, h, w) of a picture (h, w, 3) uint8 reduced to `longest` and cut to multiples of 2^depth; and the gray it saw."""
    x = (torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255 * LUMA).sum(1, keepdim=True)
    if max(x.shape[-2:]) > longest:
        size = [round(s * longest / max(x.shape[-2:])) for s in x.shape[-2:]]
        x = F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
    h, w = (s - s % 2**DEPTH for s in x.shape[-2:])
    x = x[..., :h, :w]
    return net(x * 2 - 1).sigmoid()[0].numpy(), x[0, 0].numpy()


def sources(pack: Pack) -> dict[str, MaskBank]:
    """A bank for every sort of held-out damage."""
    out = {name: MaskBank.overlays({name: alphas}, "cpu", held_out=True) for name, alphas in pack.damage.items()}
    rng, generator = np.random.default_rng(20_000), torch.Generator().manual_seed(20_000)
    for name, (function, kind) in DRAWN.items():
        masks = torch.cat([render([function(SIDE, rng)], SIDE, "cpu", generator) for _ in range(4)])
        turn = 8.0 if name == "film_scratch" else 12.0 if name == "fold" else 180.0
        out[f"drawn {name.replace('_', ' ')}"] = MaskBank(masks, [kind] * 4, [turn] * 4)
    out["drawn stain"] = MaskBank(stains(4, SIDE, "cpu", rng, generator), [2] * 4, [180.0] * 4)
    out["drawn chips"] = MaskBank(chips(4, SIDE, "cpu", rng, generator), [3] * 4, [180.0] * 4)
    out["drawn craquelure"] = MaskBank(craquelure(4, SIDE, "cpu", rng), [3] * 4, [180.0] * 4)
    return out


class Counts:
    """Pixels found and missed, exactly and within two pixels."""

    def __init__(self) -> None:
        self.hit = self.marked = self.true = self.near_marked = self.near_true = 0.0

    def add(self, marked: torch.Tensor, target: torch.Tensor, judged: torch.Tensor) -> None:
        """Three (n, 1, s, s) tensors of 0 and 1."""
        wide = lambda v: F.max_pool2d(v, 5, 1, 2)
        marked, target = marked * judged, target * judged
        self.hit += float((marked * target).sum())
        self.marked += float(marked.sum())
        self.true += float(target.sum())
        self.near_marked += float((marked * wide(target)).sum())
        self.near_true += float((target * wide(marked)).sum())

    def rates(self) -> dict[str, float]:
        def f1(p: float, r: float) -> float:
            return 2 * p * r / max(p + r, 1e-9)
        p, r = self.hit / max(self.marked, 1), self.hit / max(self.true, 1)
        q, s = self.near_marked / max(self.marked, 1), self.near_true / max(self.true, 1)
        return {"precision": p, "recall": r, "f1": f1(p, r), "nearPrecision": q, "nearRecall": s, "nearF1": f1(q, s)}


def on_damage(net: ScratchUNet, pack: Pack, thresholds: Sequence[float], samples: int) -> dict[str, dict]:
    scenes = ScratchScenes(pack, "cpu", 20_001, each=1, held_out=True)
    least = torch.tensor(thresholds).view(1, -1, 1, 1)
    results = {}
    for index, (name, bank) in enumerate(sources(pack).items()):
        rng = np.random.default_rng(20_002 + index)
        kind = int(bank.kinds[0])
        together, own = Counts(), Counts()
        for _ in range(samples // 8):
            with torch.no_grad():
                x, old, _ = scenes.pictures(8, 256, rng)
                x = scenes.wear.color(x, 0.6).mean(1, keepdim=True)
                x, target, faint, _ = scenes.damage(x, 1.0, torch.zeros(8, 1, 1, 1), rng, bank)
                x = scenes.wear.print_and_scan(x.clamp(0, 1).expand(-1, 3, -1, -1), 0.25, chunk=1).mean(1, keepdim=True).clamp(0, 1)
                p = net(x * 2 - 1).sigmoid()
            # undamaged parts of historic prints have damage of their own that nobody has marked: only what was added is judged
            judged = (1 - faint) * torch.maximum(1 - old, target).expand_as(target)
            together.add((p >= least).any(1, keepdim=True).float(), target, judged)
            own.add((p[:, kind:kind + 1] >= thresholds[kind]).float(), target, judged)
        results[name] = {"kind": KINDS[kind], "any": together.rates(), "own": own.rates()}
    return results


def coverage(net: ScratchUNet, pictures: list[np.ndarray], thresholds: Sequence[float]) -> dict[str, float]:
    """Share of marked pixels on clean pictures: mean, worst, and by kind."""
    least = np.array(thresholds)[:, None, None]
    marked = [probabilities(net, p)[0] >= least for p in pictures]
    shares = [float(m.any(0).mean()) for m in marked]
    return {"mean": float(np.mean(shares)), "worst": float(np.max(shares)), "pictures": len(shares),
            **{kind: float(np.mean([m[k].mean() for m in marked])) for k, kind in enumerate(KINDS)}}


def write_pictures(net: ScratchUNet, folder: Path, thresholds: Sequence[float]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((DATA / "eval/restricted/old-photos").rglob("*.*")):
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            continue
        p, gray = probabilities(net, load_rgb(path))
        base = np.repeat((gray * 255)[..., None], 3, -1)
        colored = base * 0.55
        for k in range(len(p)):
            colored = np.where((p[k] >= thresholds[k])[..., None], COLORS[k], colored)
        side = np.concatenate([base, colored], 1).clip(0, 255).astype(np.uint8)
        Image.fromarray(side).save(folder / f"{path.parent.name}-{path.stem}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=RUNS / "scratch-detect/scratch-detect.safetensors")
    parser.add_argument("--pack", type=Path, help="a pack; default ../shared/data")
    parser.add_argument("--thresholds", type=float, nargs=4, default=THRESHOLDS, help="of the four kinds")
    parser.add_argument("--samples", type=int, default=48, help="pictures for each sort of damage")
    parser.add_argument("--pictures", type=Path, help="write the real old photographs with their mask there")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    a = parser.parse_args()
    torch.set_num_threads(1)
    torch.backends.nnpack.set_flags(False)
    net = from_state(load_file(a.weights))
    if a.pictures:
        write_pictures(net, a.pictures, a.thresholds)
    pack = load_pack(a.pack)
    kodak = [load_rgb(p) for p in sorted((DATA / "eval/open/kodak24").glob("*.png"))]
    clean = {"Kodak24": coverage(net, kodak, a.thresholds),
             "modern portraits, held out": coverage(net, [p for p, out in zip(pack.modern, pack.held_out["modern"]) if out], a.thresholds),
             "photos, held out": coverage(net, [p for p, out in zip(pack.photos, pack.held_out["photos"]) if out], a.thresholds)}
    damage = on_damage(net, pack, a.thresholds, a.samples)
    percent = lambda rates, keys: " | ".join(f"{100 * rates[k]:.1f} %" for k in keys)
    print("| held-out damage | kind | precision | recall | F1 | within 2 px: precision | recall | F1 | own channel: precision | recall | F1 |")
    print("|---|---|" + "---|" * 9)
    for name, r in damage.items():
        print(f"| {name} | {r['kind']} | {percent(r['any'], ['precision', 'recall', 'f1', 'nearPrecision', 'nearRecall', 'nearF1'])} | {percent(r['own'], ['precision', 'recall', 'f1'])} |")
    print("\n| clean pictures | marked: mean | worst picture | " + " | ".join(KINDS) + " |\n|---|---|---|" + "---|" * len(KINDS))
    for name, c in clean.items():
        print(f"| {name} ({c['pictures']}) | " + " | ".join(f"{100 * c[k]:.4f} %" for k in ("mean", "worst", *KINDS)) + " |")
    if a.json:
        a.json.write_text(json.dumps({"thresholds": a.thresholds, "damage": damage, "clean": clean}, indent=1))


if __name__ == "__main__":
    main()
