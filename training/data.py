"""Photographs, the pool of degraded pairs on disk, and the process that keeps refreshing it.

A pair is an input (3, p, p) and a target (3, p * scale, p * scale), both uint8. The pool is a ring in two memory-mapped
files; a producer degrades new crops in batches and overwrites the oldest, the trainer reads random pairs and cuts,
flips and turns them anew each time. `training.train --pack` keeps its pairs on the device instead (`bank.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.degradations import (Draw, draw_aging, film_grain, gaussian_noise, high_order, jpeg, old_photo, per_sample,
                                   reduce_well, sharpening_halo, single_order)
from training.imaging import DATA, RUNS, load_rgb, resize

BATCH = 8
MARGIN_PX = 6  # input pixels cut from each side after degrading, where filters met the mirrored edge


class Photos:
    """All training photographs in memory, grouped; `crop` draws one square of float RGB."""

    def __init__(self, seed: int = 0) -> None:
        train = DATA / "train"
        folders = {"photos": sorted((train / "photos").rglob("*.*")), "modern": sorted((train / "portraits/modern").glob("*.*")),
                   "historic": sorted((train / "portraits/historic").glob("*.*"))}
        pictures = {k: [p for p in v if p.suffix.lower() in (".jpg", ".jpeg", ".png")] for k, v in folders.items()}
        self.groups = {"photos": [load_rgb(p) for p in pictures["photos"]], "modern": [load_rgb(p) for p in pictures["modern"]]}
        self.groups["historic"] = sharpest([load_rgb(p) for p in pictures["historic"]], 150)
        self.shares = {"photos": 0.86, "modern": 0.10, "historic": 0.04}
        area = np.array([min(p.shape[0] * p.shape[1], 1.5e6) for p in self.groups["photos"]], dtype=np.float64)
        self.photo_weights = area / area.sum()
        self.alphas = [load_alpha(p) for p in sorted((train / "damage").rglob("*.png"))]

    def crop(self, side: int, rng: np.random.Generator) -> torch.Tensor:
        """(3, side, side) in [0, 1], shrunk at random where the photograph is large enough."""
        group = str(rng.choice(list(self.shares), p=list(self.shares.values())))
        pictures = self.groups[group]
        while True:
            index = int(rng.choice(len(pictures), p=self.photo_weights)) if group == "photos" else int(rng.integers(len(pictures)))
            picture = pictures[index]
            shortest = min(picture.shape[:2])
            if shortest >= side:
                break
        smallest = max(side / shortest, 0.4)
        factor = 1.0 if rng.random() < (0.1 if group == "historic" else 0.45) else float(rng.uniform(smallest, 1.0))
        window = min(shortest, int(round(side / factor)))
        top = int(rng.integers(picture.shape[0] - window + 1))
        left = int(rng.integers(picture.shape[1] - window + 1))
        x = torch.from_numpy(picture[top:top + window, left:left + window].copy()).permute(2, 0, 1).float() / 255
        return x if window == side else resize(x[None], side, side)[0].clamp(0, 1)

    def crops(self, n: int, side: int, rng: np.random.Generator) -> torch.Tensor:
        """(n, 3, side, side), each drawn by `crop`."""
        return torch.stack([self.crop(side, rng) for _ in range(n)])

    def damage(self, n: int, side: int, rng: np.random.Generator) -> torch.Tensor:
        """(n, 1, side, side) alpha of film dirt and scratches; half of the samples stay empty."""
        out = torch.zeros(n, 1, side, side)
        for i in range(n):
            if rng.random() < 0.5:
                continue
            alpha = self.alphas[int(rng.integers(len(self.alphas)))]
            window = int(rng.integers(side, min(alpha.shape) + 1)) if min(alpha.shape) > side else min(alpha.shape)
            top, left = (int(rng.integers(s - window + 1)) for s in alpha.shape)
            piece = torch.from_numpy(alpha[top:top + window, left:left + window].copy()).float()[None, None] / 255
            out[i] = resize(piece, side, side, "bilinear")[0].rot90(int(rng.integers(4)), (1, 2))
        return out.clamp(0, 1)


def load_alpha(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))[..., 3]


def sharpest(pictures: list[np.ndarray], keep: int) -> list[np.ndarray]:
    """The pictures whose half-size version has the most fine detail (grain mostly gone at half size)."""
    def detail(picture: np.ndarray) -> float:
        gray = picture.astype(np.float32).mean(2)
        gray = gray[: gray.shape[0] // 2 * 2, : gray.shape[1] // 2 * 2]
        half = (gray[::2, ::2] + gray[1::2, ::2] + gray[::2, 1::2] + gray[1::2, 1::2]) / 4
        laplace = 4 * half[1:-1, 1:-1] - half[:-2, 1:-1] - half[2:, 1:-1] - half[1:-1, :-2] - half[1:-1, 2:]
        return float(np.mean(np.abs(laplace)))
    return sorted(pictures, key=detail, reverse=True)[:keep]


def enlarge_pairs(target: torch.Tensor, scale: int, draw: Draw, photos: Photos) -> tuple[torch.Tensor, torch.Tensor]:
    """One batch for the enlarging networks: 17 % clean, 50 % single, 15 % high order, 18 % old photograph."""
    n, _, h, _ = target.shape
    kind = str(draw.rng.choice(["clean", "single", "high", "old"], p=[0.17, 0.50, 0.15, 0.18]))
    aged = draw_aging(target, draw.rng)
    share = {"clean": 0.1, "single": 0.12, "high": 0.15, "old": 0.55}[kind]
    target = torch.where(per_sample((draw.rng.random(n) < share).astype(np.float32), target) > 0, aged, target)
    if kind == "clean":
        return resize(target, h // scale, h // scale).clamp(0, 1), target
    if kind == "single":
        return single_order(target, scale, draw), target
    if kind == "high":
        return high_order(target, scale, draw, draw.uniform(0.3, 1.0)), target
    return old_photo(target, scale, draw, photos.damage(n, h // scale, draw.rng)), target


def coding_damage(x: torch.Tensor, draw: Draw, low: float, high: float, halos: float = 0.25) -> torch.Tensor:
    """JPEG, at times twice (the second on a shifted grid), at times after over-sharpening."""
    n = x.shape[0]
    if draw.some(halos):
        x = sharpening_halo(x, per_sample(draw.rng.uniform(0.2, 1.5, n), x), draw.uniform(0.6, 1.5))
    if draw.some(0.2):
        shift = (int(draw.rng.integers(8)), int(draw.rng.integers(8)))
        x = jpeg(x.roll(shift, (-2, -1)), draw.rng.uniform(max(low, 40), 95, n)).roll((-shift[0], -shift[1]), (-2, -1))
    return jpeg(x, draw.rng.uniform(low, high, n), subsample=draw.some(0.8))


def draw_grain(x: torch.Tensor, draw: Draw, top: float, coarsest_px: float = 1.3) -> torch.Tensor:
    """Film grain or sensor noise of up to `top` (0..1 units)."""
    n = x.shape[0]
    amount = per_sample(draw.rng.uniform(0, top, n), x)
    if draw.some(0.5):
        return film_grain(x, amount, draw.uniform(0.0, coarsest_px), float(draw.rng.choice([0.0, 0.3, 0.8])), draw.torch)
    return gaussian_noise(x, amount, per_sample((draw.rng.random(n) < 0.3).astype(np.float32), x), draw.torch)


def gentle_pairs(target: torch.Tensor, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Grain stays in the target; only coding and its ringing go. 35 % are untouched photographs."""
    n = target.shape[0]
    target = torch.where(per_sample((draw.rng.random(n) < 0.25).astype(np.float32), target) > 0, draw_aging(target, draw.rng), target)
    if draw.some(0.5):
        target = draw_grain(target, draw, 0.06)
    target = (target * 255).round() / 255
    if draw.some(0.35):
        return target, target
    return coding_damage(target, draw, 12, 92), target


def strong_pairs(target: torch.Tensor, draw: Draw, photos: Photos) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, grain, texture and blocking go; 8 % are untouched photographs.

    Few inputs are over-sharpened or blurred: a network that must allow for either softens every edge to hedge (measured:
    with a quarter over-sharpened and 12 % old-photograph chains, JPEG quality 50 came out 0.8 dB worse than it went in).
    """
    n, _, h, _ = target.shape
    target = torch.where(per_sample((draw.rng.random(n) < 0.25).astype(np.float32), target) > 0, draw_aging(target, draw.rng), target)
    kind = str(draw.rng.choice(["same", "coded", "noisy", "both", "old"], p=[0.08, 0.62, 0.12, 0.16, 0.02]))
    if kind == "same":
        return target, target
    if kind == "coded":
        return coding_damage(target, draw, 8, 80, halos=0.04), target
    if kind == "old":
        return old_photo(target, 1, draw, photos.damage(n, h, draw.rng)), target
    x = draw_grain(target, draw, 0.08, 0.8)
    if kind == "noisy":
        return (x * 255).round() / 255, target
    return coding_damage(x, draw, 15, 92, halos=0.04), target


SHAPES = {"x4": (4, 64), "clean-gentle": (1, 112), "clean-strong": (1, 112)}  # scale, stored input side


def make_pairs(recipe: str, photos: Photos, draw: Draw, n: int, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """n pairs of the recipe: input (n, 3, p, p) and target (n, 3, p * scale, p * scale), float in [0, 1]."""
    scale, side = SHAPES[recipe]
    whole = (side + 2 * MARGIN_PX) * scale
    target = photos.crops(n, whole, draw.rng).to(device)
    if recipe == "x4":
        source, target = enlarge_pairs(target, scale, draw, photos)
    elif recipe == "clean-gentle":
        source, target = gentle_pairs(target, draw)
    else:
        source, target = strong_pairs(target, draw, photos)
    m = MARGIN_PX
    return source[..., m:m + side, m:m + side], target[..., m * scale:(m + side) * scale, m * scale:(m + side) * scale]


class Pool:
    """The ring of pairs on disk; one writer, one reader."""

    def __init__(self, recipe: str, capacity: int, create: bool = False) -> None:
        self.folder = RUNS / f"pool-{recipe}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.scale, self.side = SHAPES[recipe]
        self.capacity = capacity
        mode = "w+" if create and not (self.folder / "input.u8").exists() else "r+"
        self.input = np.memmap(self.folder / "input.u8", np.uint8, mode, shape=(capacity, 3, self.side, self.side))
        big = self.side * self.scale
        self.target = np.memmap(self.folder / "target.u8", np.uint8, mode, shape=(capacity, 3, big, big))
        self.state = self.folder / "state.json"

    def written(self) -> int:
        return int(json.loads(self.state.read_text())["written"]) if self.state.exists() else 0

    def put(self, source: torch.Tensor, target: torch.Tensor) -> None:
        start = self.written() % self.capacity
        self.input[start:start + len(source)] = to_u8(source)
        self.target[start:start + len(source)] = to_u8(target)
        temporary = self.state.with_suffix(".tmp")
        temporary.write_text(json.dumps({"written": self.written() + len(source)}))
        os.replace(temporary, self.state)

    def batch(self, n: int, patch: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """n random pairs cut to patch input pixels, flipped and turned: float tensors in [0, 1]."""
        written = self.written()
        sources, targets, s = [], [], self.scale
        for _ in range(n):
            if written < self.capacity:
                i = int(rng.integers(written))
            else:  # stay clear of the pairs being overwritten
                i = int((written + 2 * BATCH + rng.integers(self.capacity - 2 * BATCH)) % self.capacity)
            top, left = (int(v) for v in rng.integers(self.side - patch + 1, size=2))
            a = self.input[i, :, top:top + patch, left:left + patch]
            b = self.target[i, :, top * s:(top + patch) * s, left * s:(left + patch) * s]
            turns, flip = int(rng.integers(4)), bool(rng.integers(2))
            a, b = np.rot90(a, turns, (1, 2)), np.rot90(b, turns, (1, 2))
            if flip:
                a, b = a[:, :, ::-1], b[:, :, ::-1]
            sources.append(torch.from_numpy(np.ascontiguousarray(a)))
            targets.append(torch.from_numpy(np.ascontiguousarray(b)))
        return torch.stack(sources).float() / 255, torch.stack(targets).float() / 255


def to_u8(x: torch.Tensor) -> np.ndarray:
    return (x.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8).numpy()


def produce(recipe: str, capacity: int, seed: int, burst: int, per_second: float, until: float) -> None:
    """Fills the pool to `burst` pairs at full speed, then adds `per_second`; batches differ by seed and index."""
    torch.set_num_threads(1)
    photos = Photos()
    pool = Pool(recipe, capacity, create=True)
    begun, first = time.time(), pool.written()
    while time.time() < until:
        written = pool.written()
        draw = Draw.seeded(seed * 1_000_003 + written)
        pool.put(*make_pairs(recipe, photos, draw, BATCH))
        ahead = (written - max(first, burst)) / per_second - (time.time() - begun)
        if written > burst and ahead > 0:
            time.sleep(min(ahead, 10))


def main() -> None:
    parser = argparse.ArgumentParser(description="Keeps a pool of degraded pairs filled.")
    parser.add_argument("--recipe", choices=list(SHAPES), required=True)
    parser.add_argument("--capacity", type=int, default=6144)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--burst", type=int, default=2048)
    parser.add_argument("--per-second", type=float, default=6.0)
    parser.add_argument("--minutes", type=float, default=60)
    a = parser.parse_args()
    produce(a.recipe, a.capacity, a.seed, a.burst, a.per_second, time.time() + a.minutes * 60)


if __name__ == "__main__":
    main()
