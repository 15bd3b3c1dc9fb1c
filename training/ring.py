"""Samples kept on the device to be used more than once: making one costs more than a training step on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch


class Ring:
    """The newest `capacity` samples that `make` gave, many at a time; `draw` takes some at random and now and then replaces the oldest.

    `make()` gives tensors with the same first dimension; they are kept in their own types, so what is bulky should come as uint8.
    """

    def __init__(self, make: Callable[[], Sequence[torch.Tensor]], capacity: int, first: int, every: int) -> None:
        self.make, self.capacity, self.every = make, capacity, every
        self.rings: list[torch.Tensor] = []
        self.written = self.drawn = 0
        while self.written < min(first, capacity):
            self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        fresh = self.make()
        count = len(fresh[0])
        if not self.rings:
            self.rings = [torch.empty((self.capacity // count * count, *f.shape[1:]), dtype=f.dtype, device=f.device) for f in fresh]
        start = self.written % len(self.rings[0])
        for ring, new in zip(self.rings, fresh, strict=True):
            ring[start:start + count] = new
        self.written += count

    def draw(self, n: int, rng: np.random.Generator) -> list[torch.Tensor]:
        """n samples of each tensor."""
        self.drawn += 1
        if self.drawn % self.every == 0:
            self.refresh()
        index = torch.from_numpy(rng.integers(min(self.written, len(self.rings[0])), size=n)).to(self.rings[0].device)
        return [ring[index] for ring in self.rings]
