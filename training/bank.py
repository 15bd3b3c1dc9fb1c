"""Training pictures as one flat tensor on the device, crops of it gathered in batches, and a ring of degraded pairs beside them.

What `data.Photos` and `data.Pool` do with one picture at a time on the CPU, for a GPU whose time is short: `python -m training.train
--pack .pack --device cuda` trains from these.
"""

from __future__ import annotations

import numpy as np
import torch

from training.data import SHAPES, make_pairs, sharpest
from training.degradations import Draw
from training.imaging import resize
from training.pack import Pack
from training.ring import Ring

FACTORS = (1.0, 0.85, 0.7, 0.6, 0.5, 0.42)  # few, so that their resampling matrices are made once


class Bank:
    """The training pictures of a pack (none that are held out); `crops` has the shares and the shrinking of `data.Photos.crop`."""

    def __init__(self, pack: Pack, device: str, sharpest_historic: int = 150) -> None:
        self.device = torch.device(device)
        groups = {g: [pack.pictures[g][i] for i in pack.training(g)] for g in ("photos", "modern", "historic")}
        groups["historic"] = sharpest(groups["historic"], sharpest_historic)
        self.shares = {"photos": 0.86, "modern": 0.10, "historic": 0.04}
        pictures = [p for group in groups.values() for p in group]
        self.flat = torch.from_numpy(np.concatenate([p.reshape(-1, 3) for p in pictures])).to(self.device)
        areas = np.array([p.shape[0] * p.shape[1] for p in pictures], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(areas)[:-1]])
        self.sizes = np.array([p.shape[:2] for p in pictures], dtype=np.int64)
        counts = [len(g) for g in groups.values()]
        self.group = np.repeat(np.arange(3), counts)
        self.weight = np.where(self.group == 0, np.minimum(areas, 1.5e6), 1.0)
        for index, share in enumerate(self.shares.values()):
            self.weight[self.group == index] *= share / self.weight[self.group == index].sum()
        overlays = [a for kind in pack.damage.values() for a in kind[:-4] if min(a.shape) >= 400]
        self.alphas = torch.from_numpy(np.stack([a[:400, :400] for a in overlays])).to(self.device)

    def crops(self, n: int, side: int, rng: np.random.Generator) -> torch.Tensor:
        """(n, 3, side, side) in [0, 1] on the device; the whole batch is shrunk by one factor."""
        shortest = self.sizes.min(1)
        factor = 1.0 if rng.random() < 0.4 else float(rng.choice(FACTORS[1:]))
        window = int(round(side / factor))
        if window > np.percentile(shortest, 80):  # only the few large photographs would do
            window = side
        fit = np.where(shortest >= window, self.weight, 0)
        chosen = rng.choice(len(fit), size=n, p=fit / fit.sum())
        top = (rng.random(n) * (self.sizes[chosen, 0] - window + 1)).astype(np.int64)
        left = (rng.random(n) * (self.sizes[chosen, 1] - window + 1)).astype(np.int64)
        first = torch.from_numpy(self.starts[chosen] + top * self.sizes[chosen, 1] + left).to(self.device)
        width = torch.from_numpy(self.sizes[chosen, 1]).to(self.device)
        ramp = torch.arange(window, device=self.device)
        index = first[:, None, None] + ramp[None, :, None] * width[:, None, None] + ramp[None, None, :]
        x = self.flat[index].permute(0, 3, 1, 2).float() / 255
        return x if window == side else resize(x, side, side).clamp(0, 1)

    def damage(self, n: int, side: int, rng: np.random.Generator) -> torch.Tensor:
        """(n, 1, side, side) alpha of film dirt and scratches; half of the samples stay empty."""
        window = int(rng.integers(min(side, 400), 401))
        top, left = (int(v) for v in rng.integers(0, 400 - window + 1, 2))
        chosen = torch.from_numpy(rng.integers(len(self.alphas), size=n)).to(self.device)
        piece = self.alphas[chosen, top:top + window, left:left + window].float()[:, None] / 255
        out = resize(piece, side, side, "bilinear").rot90(int(rng.integers(4)), (2, 3)).clamp(0, 1)
        keep = torch.from_numpy((rng.random(n) < 0.5).astype(np.float32)).to(self.device)
        return out * keep.view(-1, 1, 1, 1)


class DevicePool:
    """Pairs in a ring on the device; every batch of them is cut, flipped and turned anew."""

    def __init__(self, recipe: str, bank: Bank, seed: int, capacity: int = 4096, first: int = 384, group: int = 16, every: int = 10) -> None:
        self.scale, self.side = SHAPES[recipe]
        draw = Draw.seeded(seed, str(bank.device))
        to_bytes = lambda x: (x.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)
        self.ring = Ring(lambda: [to_bytes(x) for x in make_pairs(recipe, bank, draw, group, str(bank.device))], capacity, first, every)

    def batch(self, n: int, patch: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """n pairs cut to patch input pixels: float tensors in [0, 1]; one place, turn and flip for each quarter of the batch."""
        s, parts = self.scale, []
        for source, target in zip(*(x.tensor_split(4) for x in self.ring.draw(n, rng))):
            top, left = (int(v) for v in rng.integers(self.side - patch + 1, size=2))
            turns, flip = int(rng.integers(4)), bool(rng.integers(2))
            pair = (source[..., top:top + patch, left:left + patch], target[..., top * s:(top + patch) * s, left * s:(left + patch) * s])
            parts.append([(x.rot90(turns, (2, 3)).flip(3) if flip else x.rot90(turns, (2, 3))) for x in pair])
        source, target = (torch.cat([p[i] for p in parts]).float() / 255 for i in (0, 1))
        return source, target
