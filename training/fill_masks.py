"""Holes to fill: strokes, boxes, scratches and object shapes, drawn once to a bank and kept on the device."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from training.pack import Pack

KINDS = ("strokes", "boxes", "scratches", "objects")
SHARES = (0.35, 0.2, 0.15, 0.3)


def strokes(rng: np.random.Generator, side: int) -> np.ndarray:
    """A few painted lines of 8 to 44 pixels (of 256), as a brush leaves them."""
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 5))):
        x, y = rng.uniform(0, side, 2)
        angle, width = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(np.log(8), np.log(44)))) * side / 256
        for _ in range(int(rng.integers(1, 8))):
            angle += rng.normal(0, 0.7)
            length = rng.uniform(0.04, 0.22) * side
            nx, ny = x + length * np.cos(angle), y + length * np.sin(angle)
            draw.line((x, y, nx, ny), fill=255, width=int(width))
            for px, py in ((x, y), (nx, ny)):
                draw.ellipse((px - width / 2, py - width / 2, px + width / 2, py + width / 2), fill=255)
            x, y = nx, ny
    return np.asarray(image) > 0


def boxes(rng: np.random.Generator, side: int) -> np.ndarray:
    """One to three rectangles, together at most about a third of the picture."""
    out = np.zeros((side, side), bool)
    for _ in range(int(rng.integers(1, 4))):
        w, h = (int(v) for v in rng.uniform(0.08, 0.5, 2) * side)
        if out.mean() + w * h / side**2 > 0.35:
            continue
        left, top = int(rng.integers(0, side - w + 1)), int(rng.integers(0, side - h + 1))
        out[top:top + h, left:left + w] = True
    return out


def scratches(rng: np.random.Generator, side: int) -> np.ndarray:
    """Long thin lines, bent a little, 1 to 7 pixels wide."""
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 12))):
        x, y = rng.uniform(-0.1, 1.1, 2) * side
        angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else np.pi / 2 + rng.normal(0, 0.05)
        bend, width = rng.normal(0, 0.02), int(rng.integers(1, 8))
        points = [(x, y)]
        for _ in range(int(rng.integers(6, 40))):
            angle += bend + rng.normal(0, 0.03)
            x, y = x + side / 24 * np.cos(angle), y + side / 24 * np.sin(angle)
            points.append((x, y))
        draw.line(points, fill=255, width=width, joint="curve")
    return np.asarray(image) > 0


def objects(rng: np.random.Generator, side: int) -> np.ndarray:
    """Blobs and figures: a closed wavy outline, sometimes two grown together."""
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 3))):
        cx, cy = rng.uniform(0.15, 0.85, 2) * side
        radius, stretch, turn = rng.uniform(0.07, 0.24) * side, rng.uniform(0.45, 1.0), rng.uniform(0, np.pi)
        t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        r = radius * (1 + sum(rng.normal(0, 0.28 / k) * np.cos(k * t + rng.uniform(0, 2 * np.pi)) for k in range(1, 6))).clip(0.2, 2)
        x, y = r * np.cos(t), stretch * r * np.sin(t)
        draw.polygon([(cx + a * np.cos(turn) - b * np.sin(turn), cy + a * np.sin(turn) + b * np.cos(turn)) for a, b in zip(x, y)], fill=255)
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.MaxFilter(5))
    return np.asarray(image) > 0


DRAWN = {"strokes": strokes, "boxes": boxes, "scratches": scratches, "objects": objects}


def draw_mask(kind: str, seed: int, side: int) -> np.ndarray:
    """(side, side) bool; between 0.3 and 55 % of it are selected. The same seed gives the same mask."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    while True:
        mask = DRAWN[kind](rng, side)
        if 0.003 < mask.mean() < 0.55:
            return mask


def packed(job: tuple[str, int, int]) -> np.ndarray:
    return np.packbits(draw_mask(*job))


class MaskBank:
    """So many masks of each kind on the device, in the shares above, and real film scratches and hairs among them."""

    def __init__(self, pack: Pack, side: int, device: str, seed: int, count: int = 2400) -> None:
        jobs = [(kind, seed + i, side) for kind, share in zip(KINDS, SHARES) for i in range(int(count * share))]
        with ProcessPoolExecutor(max(1, (os.cpu_count() or 2) // 4)) as pool:
            drawn = list(pool.map(packed, jobs, chunksize=32))
        masks = [np.unpackbits(d)[: side * side].reshape(side, side).astype(bool) for d in drawn]
        for kind in ("scratches", "hair", "lint", "spots"):
            for alpha in pack.damage.get(kind, [])[:-4]:
                image = Image.fromarray(alpha).resize((side, side), Image.Resampling.BILINEAR)
                mask = np.asarray(image.filter(ImageFilter.MaxFilter(3))) > 60
                if 0.003 < mask.mean() < 0.5:
                    masks.append(mask)
        self.masks = torch.from_numpy(np.stack(masks)).to(device)

    def batch(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """(n, 1, side, side) of 0 and 1, turned and mirrored."""
        index = torch.from_numpy(rng.integers(len(self.masks), size=n)).to(self.masks.device)
        mask = self.masks[index].float()[:, None].rot90(int(rng.integers(4)), (2, 3))
        return mask.flip(3) if rng.random() < 0.5 else mask
