"""Masks of damage on the device: the overlays of `train/damage` and drawn ones, sampled at any scale and angle in one call."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F

from training.damage_shapes import DRAWN, chips, craquelure, render, stains
from training.pack import DAMAGE_HELD_OUT
from training.scratch_network import KIND_OF

SIDE = 400
SHARES = (0.45, 0.22, 0.03, 0.30)
"""How often each kind is taken: stains cover much and are told from the scene least surely."""
DRAWN_SHARES = (0.25, 0.12, 0.04, 0.59)
"""Of drawn masks: no overlay shows a crack, so they are nearly all that teaches what one is."""
ANCHORS, ANCHORED, THIN = 64, 0.8, 0.06
"""Places remembered of each mask; share of the windows put about one; share of a mask that is covered at most for that: a window put anywhere shows one in two creases."""


class MaskBank:
    """`masks` (n, 2, 400, 400) uint8 (alpha, shade), `kinds` (n,), `turns` (n,): how far a mask may be turned, in degrees."""

    def __init__(self, masks: torch.Tensor, kinds: list[int], turns: list[float], shares: tuple[float, ...] = SHARES) -> None:
        self.shares = shares
        self.masks, self.kinds, self.turns = masks, np.array(kinds), np.array(turns)
        self.anchors = [anchors_of(mask[0]) for mask in masks]
        self.members = [np.flatnonzero(self.kinds == k) for k in range(int(self.kinds.max()) + 1)]

    @staticmethod
    def overlays(damage: dict[str, list[np.ndarray]], device: str | torch.device, held_out: bool = False) -> "MaskBank":
        """The real overlays: those for training, or the last few of each kind, which are held out."""
        masks, kinds = [], []
        for name, alphas in damage.items():
            for alpha in alphas[-DAMAGE_HELD_OUT:] if held_out else alphas[:-DAMAGE_HELD_OUT]:
                a = torch.from_numpy(np.array(alpha)).to(device)[None, None].float()
                if a.shape[-2:] != (SIDE, SIDE):
                    a = F.interpolate(a, size=(SIDE, SIDE), mode="area")
                masks.append(torch.stack([a[0, 0], torch.full_like(a[0, 0], 128)]).round().to(torch.uint8))
                kinds.append(KIND_OF[name])
        return MaskBank(torch.stack(masks), kinds, [180.0] * len(kinds))

    @staticmethod
    def drawn(device: str | torch.device, seed: int, each: int, chunk: int = 16) -> "MaskBank":
        """`each` of every drawn sort, twice as many cracks and folds, three times as many creases."""
        rng, generator = np.random.default_rng(seed), torch.Generator(device).manual_seed(seed)
        masks, kinds, turns = [], [], []
        for name, (function, kind) in DRAWN.items():
            count = each * (3 if name == "crease" else 2 if kind == 3 else 1)
            for start in range(0, count, chunk):
                batch = [function(SIDE, rng) for _ in range(min(chunk, count - start))]
                masks.append(render(batch, SIDE, device, generator))
            kinds += [kind] * count
            turns += [8.0 if name == "film_scratch" else 12.0 if name == "fold" else 180.0] * count
        few = max(1, each // 3)
        masks += [stains(each, SIDE, device, rng, generator), craquelure(few, SIDE, device, rng), chips(each, SIDE, device, rng, generator)]
        kinds += [2] * each + [3] * (few + each)
        turns += [180.0] * (2 * each + few)
        return MaskBank(torch.cat(masks), kinds, turns, DRAWN_SHARES)

    def join(self, other: "MaskBank") -> "MaskBank":
        return MaskBank(torch.cat([self.masks, other.masks]), [*self.kinds, *other.kinds], [*self.turns, *other.turns])

    def draw(self, n: int, side: int, rng: np.random.Generator, smallest: float = 0.45, largest: float = 2.2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Alpha (n, 1, side, side) in [0, 1], shade (n, 1, side, side) in [-1, 1] and kind (n,)."""
        shares = np.array([s if len(m) else 0.0 for s, m in zip(self.shares, self.members)])  # overlays alone have no cracks
        kind = rng.choice(len(shares), size=n, p=shares / shares.sum())
        index = np.array([self.members[k][int(rng.integers(len(self.members[k])))] for k in kind])
        scale = np.exp(rng.uniform(math.log(smallest), math.log(largest), n))  # canvas pixels a mask pixel
        angle = np.radians(rng.uniform(-1, 1, n) * self.turns[index])
        flip = rng.choice([-1.0, 1.0], size=(n, 2))
        room = np.maximum(SIDE - side / scale, 0.25 * SIDE)[:, None]
        center = SIDE / 2 + rng.uniform(-0.5, 0.5, (n, 2)) * room
        for k, i in enumerate(index):
            if len(self.anchors[i]) and rng.random() < ANCHORED:
                center[k] = self.anchors[i][int(rng.integers(len(self.anchors[i])))] + rng.uniform(-0.4, 0.4, 2) * side / scale[k]
        step = side / (SIDE * scale)
        theta = np.zeros((n, 2, 3))
        theta[:, 0, 0], theta[:, 0, 1] = step * np.cos(angle) * flip[:, 0], step * np.sin(angle) * flip[:, 0]
        theta[:, 1, 0], theta[:, 1, 1] = -step * np.sin(angle) * flip[:, 1], step * np.cos(angle) * flip[:, 1]
        theta[:, :, 2] = center / SIDE * 2 - 1
        device = self.masks.device
        grid = F.affine_grid(torch.as_tensor(theta, dtype=torch.float32, device=device), [n, 1, side, side], align_corners=False)
        picked = self.masks[torch.as_tensor(index, device=device)].float()
        picked = torch.cat([picked[:, :1] / 255, (picked[:, 1:] - 128) / 127], 1)
        out = F.grid_sample(picked, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return out[:, :1].clamp(0, 1), out[:, 1:].clamp(-1, 1), torch.as_tensor(kind, device=device)


def anchors_of(alpha: torch.Tensor) -> np.ndarray:
    """Up to ANCHORS places x y (k, 2) of a mask (SIDE, SIDE) uint8 of thin damage; none of one that covers more."""
    y, x = np.nonzero(alpha.cpu().numpy() > 64)
    if len(x) > THIN * SIDE**2:
        return np.zeros((0, 2))
    few = slice(None, None, max(1, -(-len(x) // ANCHORS)))
    return np.stack([x, y], 1)[few] + 0.5
