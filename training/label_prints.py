"""What is damage and what is scene on the real historic prints: `python -m training.label_prints --weights FIRST SECOND --out .pack/print-labels.npz`.

A detector that is there already proposes places on every print of `train/portraits/historic` (logits above NEAR, joined when a pixel apart).
`print-labels.json` says of 5,818 of them, looked at by eye on 746 prints, which are damage (1,528), which cannot be told (1,500), and which belong to the
scene (2,790): lapels, seams, buttonholes, lips, cords, studs, rims of glasses, woven dots, hair before a wall. On held-out prints everything from -1.2 on
was looked at, and lines from -2 on. The rest goes by rules that samples of 42 places a step bore out:

- specks: above SURE damage (42 of 42 above 2, 39 from 1 to 2, 36 from 0.3 to 1), above DOUBTFUL nobody knows (half of them are),
  below it background (one in eight is damage);
- lines nobody looked at: scene where the detector does not mark them either (two in a hundred are damage), else nobody knows;
- broad places: scene, as bright foreheads and shirts are;
- lines along the edge of the picture: scene, as borders, shadows and mounts are;
- a print with CROWD lines and more, most often an engraving or a screen of dots: whatever else is proposed there, nobody knows.

The detector trained on that brings up others: `print-labels-2.json` has 3,042 of them from 645 prints (1,451 damage, 1,140 scene, 451 unsure; nine lines in ten
and nearly every broad place belong to the scene, nine specks in ten are damage). What it is sure of and nobody looked at is damage where it is a speck, and
unknown otherwise. Held-out prints have none of these.

Last, every print but the engravings was looked at whole, with what was called damage so far marked on it (`print-lines.json`): lines that no detector had
found were followed by eye and are snapped to the print; and where buttons, studs, pins, nails of chairs and buttonholes had been called damage by rule, boxes say so.

The places of the two files of labels are those that the weights of commits 0ea3796 and 8adfaaf (resources/models/scratch-detect.safetensors) bring up: others give
other boxes. The file written holds for each print, under its name, the map (h, w) uint8 of the codes that scratch_scenes.py names. It needs scipy, for connected places.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from training.export import load_weights
from training.imaging import DATA
from training.pack import list_pictures
from training.scratch_network import KINDS, ScratchUNet, from_state
from training.scratch_scenes import BACKGROUND, DAMAGE, SCENE, UNKNOWN

NEAR, DOUBTFUL, UNCLEAR, SURE, LINE_SURE = -2.5, -1.8, -0.5, 0.3, 0.4
"""Logits."""
LONG, CROWD, MARGIN, BROAD = 24, 12, 0.05, 300
"""Pixels from which a place is a line; lines from which a print is a crowd; share of a side that is its edge; pixels of a place that is broad."""
LOOKED_FOR = (0, 1, 3)
"""Kinds: stains are told from the scene too badly."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass
class Place:
    """Its pixels in the print and the box around them, x0 y0 x1 y1 (ends excluded)."""

    mask: np.ndarray
    at: tuple[slice, slice]
    peak: float
    area: int
    kind: int

    @property
    def box(self) -> list[int]:
        rows, columns = self.at
        return [columns.start, rows.start, columns.stop, rows.stop]

    @property
    def length(self) -> float:
        x0, y0, x1, y1 = self.box
        return float(np.hypot(y1 - y0, x1 - x0))

    def at_edge(self, h: int, w: int) -> bool:
        x0, y0, x1, y1 = self.box
        y, x = (y0 + y1) / 2 / h, (x0 + x1) / 2 / w
        return min(y, 1 - y, x, 1 - x) < MARGIN

    def is_line(self, h: int, w: int) -> bool:
        return LONG <= self.length <= 0.95 * max(h, w) and self.area / self.length < 5


def load_gray(path: Path) -> np.ndarray:
    """Luma (h, w) in [0, 1]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(np.float32) @ LUMA / 255


@torch.no_grad()
def evidence(net: ScratchUNet, gray: np.ndarray) -> np.ndarray:
    """Logits (kinds, h, w) of a print's luma: mean over it as it is and across, in sixteenths."""
    h, w = gray.shape
    padded = np.pad(gray, ((0, -h % 8), (0, -w % 8)), mode="reflect")
    total = 0
    for across in (False, True):
        x = torch.from_numpy(np.ascontiguousarray(padded.T if across else padded))[None, None] * 2 - 1
        with torch.autocast("cpu", torch.bfloat16):
            y = net(x.contiguous(memory_format=torch.channels_last))[0].float().numpy()
        total = total + (y.transpose(0, 2, 1) if across else y)[:, :h, :w] / 2
    return np.clip(total * 16, -127, 127).astype(np.int8).astype(np.float32) / 16


def places(logits: np.ndarray) -> Iterator[Place]:
    """Everything above NEAR that has four pixels."""
    most = logits[list(LOOKED_FOR)].max(0)
    near = most > NEAR
    numbers, count = ndimage.label(ndimage.binary_dilation(near))
    for k, at in enumerate(ndimage.find_objects(numbers), 1):
        mask = numbers[at] == k
        area = int((near[at] & mask).sum())
        if area >= 4:
            inside = [float(logits[kind][at][mask].max()) for kind in LOOKED_FOR]
            yield Place(mask, at, max(inside), area, LOOKED_FOR[int(np.argmax(inside))])


def is_crowd(found: list[Place], h: int, w: int) -> bool:
    return sum(p.is_line(h, w) and not p.at_edge(h, w) for p in found) >= CROWD


def verdict(place: Place, seen: dict[str, list[list[int]]], crowd: bool, h: int, w: int) -> int:
    """One of the codes; DAMAGE without its kind."""
    for name, code in (("damage", DAMAGE), ("unsure", UNKNOWN), ("scene", SCENE)):
        if place.box in seen.get(name, []):
            return code
    if place.area >= BROAD and place.area / place.length >= 5:
        return SCENE
    if crowd:
        return UNKNOWN if place.peak > DOUBTFUL else BACKGROUND
    if place.is_line(h, w):
        return SCENE if place.at_edge(h, w) or place.peak < LINE_SURE else UNKNOWN
    if place.length >= LONG or place.at_edge(h, w):
        return UNKNOWN
    return DAMAGE if place.peak > SURE else UNKNOWN if place.peak > DOUBTFUL else BACKGROUND


def label(logits: np.ndarray, seen: dict[str, list[list[int]]]) -> np.ndarray:
    """The map of one print: about damage nobody knows how far it reaches, so that a margin of it is unknown."""
    h, w = logits.shape[1:]
    most = logits[list(LOOKED_FOR)].max(0)
    found = list(places(logits))
    crowd = is_crowd(found, h, w)
    codes = [verdict(p, seen, crowd, h, w) for p in found]
    out = np.zeros((h, w), np.uint8)
    for place, code in zip(found, codes):
        if code in (SCENE, UNKNOWN):
            out[place.at][place.mask] = code
    damaged = [p for p, code in zip(found, codes) if code == DAMAGE]
    for place in damaged:
        margin = 8 if place.length >= LONG else 2
        x0, y0, x1, y1 = place.box
        out[max(0, y0 - margin):y1 + margin, max(0, x0 - margin):x1 + margin] = UNKNOWN
    for place in damaged:
        core = place.mask & (most[place.at] > max(-1.5, place.peak - 3.5))
        out[place.at][core] = DAMAGE + place.kind
    return out


def refine(codes: np.ndarray, logits: np.ndarray, seen: dict[str, list[list[int]]]) -> None:
    """The second round: places that were looked at get their verdict in the map of the first; of the rest only where that has nothing."""
    h, w = codes.shape
    most = logits[list(LOOKED_FOR)].max(0)
    found = list(places(logits))
    crowd = is_crowd(found, h, w)
    by_eye = [box for boxes in seen.values() for box in boxes]
    damaged = []
    for place in found:
        inside = codes[place.at]
        if place.box in by_eye:
            code = next(c for name, c in (("damage", DAMAGE), ("unsure", UNKNOWN), ("scene", SCENE)) if place.box in seen.get(name, []))
        elif place.peak < UNCLEAR or inside[place.mask].any():
            continue
        else:
            plain = not crowd and place.length < LONG and not place.at_edge(h, w) and place.peak > SURE
            code = DAMAGE if plain else UNKNOWN
        if code == DAMAGE:
            damaged.append(place)
        inside[place.mask] = UNKNOWN if code == DAMAGE else code
    for place in damaged:
        margin = 8 if place.length >= LONG else 2
        x0, y0, x1, y1 = place.box
        around = codes[max(0, y0 - margin):y1 + margin, max(0, x0 - margin):x1 + margin]
        around[around == BACKGROUND] = UNKNOWN
    for place in damaged:
        core = place.mask & (most[place.at] > max(-1.5, place.peak - 3.5))
        codes[place.at][core] = DAMAGE + place.kind


def snap(gray: np.ndarray, points: list[list[int]], reach: int = 5, across: int = 4) -> np.ndarray:
    """A line followed by eye, moved to where the print has one: pixels x y (n, 2) a pixel apart, none more than `reach` beside `points`.

    Of all offsets along the way those are taken (Viterbi) that differ most from what lies `across` pixels on both sides, changing by a pixel at most from one to the next.
    """
    parts = [np.linspace(a, b, max(2, int(np.hypot(b[0] - a[0], b[1] - a[1])) + 1)) for a, b in zip(points, points[1:])]
    way = np.concatenate(parts)
    along = np.concatenate([np.broadcast_to((part[-1] - part[0]) / max(np.linalg.norm(part[-1] - part[0]), 1e-6), part.shape) for part in parts])
    beside = np.stack([-along[:, 1], along[:, 0]], 1)
    shades = ndimage.gaussian_filter(gray, 0.7)
    offsets = np.arange(-reach - across, reach + across + 1)
    at = way[:, None] + offsets[None, :, None] * beside[:, None]
    profile = ndimage.map_coordinates(shades, [at[..., 1], at[..., 0]], order=1, mode="nearest")
    inner = slice(across, -across)
    contrast = np.abs(profile[:, inner] - (profile[:, : -2 * across] + profile[:, 2 * across:]) / 2)
    score, back = contrast[0], []
    for row in contrast[1:]:
        padded = np.pad(score, 1, constant_values=-np.inf)
        choice = np.stack([padded[:-2] - 1, padded[1:-1], padded[2:] - 1])  # a step aside costs a gray level
        back.append(choice.argmax(0) - 1)
        score = choice.max(0) + row
    k = int(score.argmax())
    taken = [k]
    for steps in reversed(back):
        k += int(steps[k])
        taken.append(k)
    return way + (np.array(taken[::-1]) - reach)[:, None] * beside


def draw(codes: np.ndarray, gray: np.ndarray, traced: dict[str, list]) -> None:
    """What print-lines.json has of this print: lines followed by eye, 2 px wide, unknown about them, and corrections in boxes."""
    h, w = codes.shape
    for name, code in (("scene", SCENE), ("unsure", UNKNOWN)):
        for x0, y0, x1, y1 in traced.get(name, []):
            box = codes[y0:y1, x0:x1]
            box[(box >= DAMAGE) | (code == UNKNOWN)] = code  # of the scene is what was called damage, the rest of the box is as it was
    lines = [(KINDS.index(name), snap(gray, points)) for name in ("scratch", "crack") for points in traced.get(name, [])]
    for _, way in lines:
        near = np.zeros((h, w), bool)
        x, y = way.round().astype(int).T
        near[y.clip(0, h - 1), x.clip(0, w - 1)] = True
        near = ndimage.binary_dilation(near, iterations=5)
        codes[near & (codes < DAMAGE)] = UNKNOWN
    for kind, way in lines:
        for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)):
            x, y = (way + (dx, dy)).round().astype(int).T
            codes[y.clip(0, h - 1), x.clip(0, w - 1)] = DAMAGE + kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, nargs=2, required=True, help="those of commits 0ea3796 and 8adfaaf")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.backends.nnpack.set_flags(False)
    rounds = [(from_state(load_weights(weights)).to(memory_format=torch.channels_last), json.loads((Path(__file__).parent / name).read_text()))
              for weights, name in zip(a.weights, ("print-labels.json", "print-labels-2.json"))]
    traced = json.loads((Path(__file__).parent / "print-lines.json").read_text())
    maps, unused = {}, 0
    for path in list_pictures(DATA / "train")["historic"]:
        gray = load_gray(path)
        first, second = (evidence(net, gray) for net, _ in rounds)
        mine, more = (seen.get(path.stem, {}) for _, seen in rounds)
        for logits, looked_at in ((first, mine), (second, more)):
            boxes = [p.box for p in places(logits)]
            unused += sum(box not in boxes for kind in looked_at.values() for box in kind)
        maps[path.stem] = label(first, mine)
        refine(maps[path.stem], second, more)
        draw(maps[path.stem], gray * 255, traced.get(path.stem, {}))
    np.savez_compressed(a.out, **maps)
    total = sum(m.size for m in maps.values())
    share = lambda chosen: f"{100 * sum(int(chosen(m).sum()) for m in maps.values()) / total:.3f} %"
    print(f"{len(maps)} prints: damage {share(lambda m: m >= DAMAGE)}, scene {share(lambda m: m == SCENE)}, unknown {share(lambda m: m == UNKNOWN)} of the pixels; "
          f"{unused} boxes of the labels met no place (other weights?)")


if __name__ == "__main__":
    main()
