"""What a print and a scanner do to a whole batch, on the device: kernels from a bank, everything else from degradations.py.

The batch is worked on in chunks that draw their operations apart, so that one step shows several combinations.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from training.degradations import (Draw, draw_aging, draw_kernel, fade, film_grain, filter_each, gaussian_noise, halftone, jpeg,
                                   paper_texture, per_sample, scanner_blur, sharpening_halo)
from training.imaging import resize


class Wear:
    def __init__(self, device: str | torch.device, seed: int, kernels: int = 256) -> None:
        rng = np.random.default_rng(seed)
        self.kernels = torch.stack([draw_kernel(rng, (0.2, 3.0)) for _ in range(kernels)]).to(device)
        self.mild = torch.stack([draw_kernel(rng, (0.2, 1.1)) for _ in range(kernels)]).to(device)
        self.draw = Draw.seeded(seed + 1, str(device))

    def color(self, x: torch.Tensor, share: float = 0.6) -> torch.Tensor:
        """Gray, sepia or faded for `share` of the samples, and low contrast for some."""
        n, rng = len(x), self.draw.rng
        x = torch.where(per_sample((rng.random(n) < share).astype(np.float32), x) > 0, draw_aging(x, rng), x)
        low = np.where(rng.random(n) < 0.3, rng.uniform(0.25, 0.8, n), 1.0)  # contrast kept
        black = (1 - low) * rng.random(n)
        gamma = np.exp(rng.normal(0, 0.25, n))
        return fade(x, per_sample(black, x), per_sample(black + low, x), per_sample(gamma, x))

    def print_and_scan(self, x: torch.Tensor, strength: float = 1.0, chunk: int = 16) -> torch.Tensor:
        """Blur, lost resolution, grain, paper, printing screen, scanner, noise, JPEG; a fifth of the chunks stay nearly clean."""
        return torch.cat([self.one(part, strength) for part in x.split(chunk)])

    def one(self, x: torch.Tensor, s: float) -> torch.Tensor:
        d, n = self.draw, len(x)
        per = lambda low, high: per_sample(d.rng.uniform(low, high, n), x)
        h, w = x.shape[-2:]
        if d.some(0.2):
            return jpeg(x, d.rng.uniform(60, 97, n))
        if d.some(0.45):
            bank = self.kernels if d.some(0.5 * s) else self.mild
            x = filter_each(x, bank[torch.as_tensor(d.rng.integers(len(bank), size=n), device=x.device)]).clamp(0, 1)
        if d.some(0.25 * s):  # a small print or file enlarged later
            factor = d.uniform(0.35, 0.9)
            small = resize(x, 8 * round(h * factor / 8), 8 * round(w * factor / 8), "bilinear").clamp(0, 1)
            if d.some(0.5):
                small = jpeg(small, d.rng.uniform(40, 95, n))
            x = resize(small, h, w, "bicubic", antialias=False).clamp(0, 1)
        if d.some(0.55):
            amount = per_sample(0.01 + 0.15 * s * d.rng.random(n) ** 2, x)  # mostly fine, seldom as strong as in a pushed small negative
            x = film_grain(x, amount, d.uniform(0.0, 1.6), float(d.rng.choice([0.0, 0.3, 0.6])), d.torch)
        if d.some(0.2):
            x = paper_texture(x, per(0.01, 0.07), d.uniform(0.5, 2.0), d.torch)
        if d.some(0.18 * s):
            x = halftone(x, d.uniform(2.2, 6.5), d.uniform(0, math.pi / 2), per(0.05, 0.95)).clamp(0, 1)
        if d.some(0.4):
            x = scanner_blur(x, d.uniform(0.2, 0.9), d.uniform(0.2, 1.1)).clamp(0, 1)
        if d.some(0.25):
            x = sharpening_halo(x, per(0.2, 1.5), d.uniform(0.6, 1.8))
        if d.some(0.4):
            x = gaussian_noise(x, per(0, 12 * s / 255), per_sample((d.rng.random(n) < 0.5).astype(np.float32), x), d.torch)
        return jpeg(x, d.rng.uniform(35, 97, n)) if d.some(0.7) else x
