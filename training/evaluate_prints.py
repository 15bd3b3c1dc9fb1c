"""How well weights tell real damage from the scene on the held-out historic prints: `python -m training.evaluate_prints --weights FILE [FILE ...]`.

`print-labels.json` has every place of these prints looked at that weights of before found worth a look (logits above -1.2 for specks,
above -2 for lines; two prints with a screen are left out). A place counts with the highest logit at which a quarter of its box's longer side is marked (the box of a
lapel that runs aslant is mostly background, and a speck in it says nothing of the lapel), over the kinds but stains, in the mean over the print as it is and across;
with `--zooms 1 1.5` over two views of each size, as the engine shows it.
Printed for each file: the chance that a damaged place has a higher logit than one of the scene (area under the curve), recall of
damaged places where 1, 3 and 10 % of the scene's are marked, the same for lines of the scene alone, and how much of the pixels outside
all labels is marked at those limits; and how much of the length of the lines that `print-lines.json` has of these prints, followed by eye whether a
detector saw them or not, is found there. Places that other weights would have brought up are only in the last two.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch.nn import functional as F

from training.export import load_weights
from training.imaging import DATA
from training.label_prints import LONG, LOOKED_FOR, evidence, load_gray, snap
from training.pack import PORTRAITS_HELD_OUT, list_pictures
from training.scratch_network import ScratchUNet, from_state

SHARES = (0.01, 0.03, 0.1)
COVERED = 0.25
"""Of the longer side of a place's box, as in `scripts/damage-results/looked-at.ts`."""
Boxes = dict[str, list[list[int]]]


def curve(damage: np.ndarray, scene: np.ndarray) -> tuple[float, list[float], list[float]]:
    """Area under the curve, and limit and recall at each of SHARES."""
    below = np.searchsorted(np.sort(scene), damage, "left") + np.searchsorted(np.sort(scene), damage, "right")
    limits = [float(np.quantile(scene, 1 - share)) for share in SHARES]
    return float(below.mean() / (2 * len(scene))), limits, [float((damage > limit).mean()) for limit in limits]


def covering(box: np.ndarray) -> float:
    """The highest logit at which the marks of a box (height, width) reach over COVERED of its longer side."""
    across = box.max(0 if box.shape[1] >= box.shape[0] else 1)
    return float(np.sort(across)[-int(np.ceil(COVERED * len(across)))])


def along(most: np.ndarray, gray: np.ndarray, traced: dict[str, list]) -> np.ndarray:
    """The highest logit within two pixels of each pixel of the traced lines."""
    near = ndimage.maximum_filter(most, 5)
    h, w = most.shape
    ways = [snap(gray, points).round().astype(int).T for name in ("scratch", "crack") for points in traced.get(name, [])]
    return np.concatenate([near[y.clip(0, h - 1), x.clip(0, w - 1)] for x, y in ways]) if ways else np.zeros(0, np.float32)


def enlarged_evidence(net: ScratchUNet, gray: np.ndarray, zoom: float) -> np.ndarray:
    """`evidence` of a print that is shown larger, at its own size."""
    if zoom == 1:
        return evidence(net, gray)
    h, w = gray.shape
    larger = np.asarray(Image.fromarray(gray.astype(np.float32)).resize((round(w * zoom), round(h * zoom)), Image.Resampling.BICUBIC))
    found = torch.from_numpy(evidence(net, larger))[None]
    return F.interpolate(found, (h, w), mode="bilinear", align_corners=False)[0].numpy()


def measure(weights: dict[str, torch.Tensor], prints: list[tuple[Path, Boxes]], lines: dict[str, dict[str, list]], zooms: Sequence[float]) -> str:
    """One row of the table."""
    net = from_state(weights).to(memory_format=torch.channels_last)
    peaks: dict[str, list[float]] = {"damage": [], "scene": [], "line": []}
    outside, followed = [], []
    for path, boxes in prints:
        gray = load_gray(path)
        most = np.mean([enlarged_evidence(net, gray, zoom) for zoom in zooms], 0)[list(LOOKED_FOR)].max(0)
        followed.append(along(most, gray * 255, lines.get(path.stem, {})))
        elsewhere = np.ones(most.shape, bool)
        for kind, several in boxes.items():
            for x0, y0, x1, y1 in several:
                elsewhere[max(0, y0 - 3):y1 + 3, max(0, x0 - 3):x1 + 3] = False
                if kind in peaks:
                    peak = covering(most[y0:y1, x0:x1])
                    peaks[kind].append(peak)
                    if kind == "scene" and np.hypot(x1 - x0, y1 - y0) >= LONG:
                        peaks["line"].append(peak)
        outside.append(most[elsewhere])
    damage, scene, line, rest = (np.array(v) for v in (*peaks.values(), np.concatenate(outside)))
    area, limits, recall = curve(damage, scene)
    _, _, by_lines = curve(damage, line)
    traced = np.concatenate(followed)
    percent = lambda values, digits=1: " ".join(f"{100 * v:.{digits}f}" for v in values)
    return (f"{area:.4f} | {percent(recall)} % | {percent(by_lines)} % | {percent(((rest > t).mean() for t in limits), 3)} % | {percent((traced > t).mean() for t in limits)} % | "
            f"{' '.join(f'{t:.2f}' for t in limits)} | {len(damage)}, {len(scene)}, {len(line)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--zooms", type=float, nargs="+", default=[1.0], help="sizes at which a print is shown")
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.backends.nnpack.set_flags(False)
    seen: dict[str, Boxes] = json.loads((Path(__file__).parent / "print-labels.json").read_text())
    paths = list_pictures(DATA / "train")["historic"][::PORTRAITS_HELD_OUT]
    lines = json.loads((Path(__file__).parent / "print-lines.json").read_text())
    prints = [(path, seen[path.stem]) for path in paths if any(seen.get(path.stem, {}).get(k) for k in ("damage", "scene"))]
    print("| weights | area | recall at 1, 3, 10 % of the scene | of its lines | marked elsewhere | of traced lines | limits | damaged, scene, lines |")
    for file in a.weights:
        print(f"| {file} | {measure(load_weights(file), prints, lines, a.zooms)} |", flush=True)


if __name__ == "__main__":
    main()
