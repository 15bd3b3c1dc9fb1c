"""Single thin lines over whole windows: a scratch or a crease alone on an undamaged print, drawn at the window's own scale.

Overlays come in company and the drawn masks are scaled with what they lie on; a print seen whole in a small scan has one line of a pixel or two.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from training.scratch_network import KINDS

MOST = 3
"""Lines of one window."""
REACH = {"long": (60.0, 400.0), "short": (14.0, 60.0)}
"""Lengths in pixels."""


def single_lines(n: int, side: int, device: torch.device, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """What they add to the brightness (n, 1, side, side), in -1..1, and their kind (n,): crease-like ones are cracks."""
    to = lambda v: torch.as_tensor(np.asarray(v), dtype=torch.float32, device=device).view(n, 1, 1)
    at = torch.arange(side, device=device) + 0.5
    ridge = rng.random(n) < 0.6
    total = torch.zeros(n, side, side, device=device)
    count = rng.choice([1, 2, MOST], n, p=[0.6, 0.25, 0.15])
    light = rng.random(n) < 0.7
    for k in range(MOST):
        some = "long" if rng.random() < 0.6 else "short"
        length = np.exp(rng.uniform(*np.log(REACH[some]), n))
        angle = rng.uniform(0, math.pi, n)
        middle = rng.uniform(0.08, 0.92, (n, 2)) * side
        dx, dy = at[None, None, :] - to(middle[:, 0]), at[None, :, None] - to(middle[:, 1])
        u = dx * to(np.cos(angle)) + dy * to(np.sin(angle))
        v = dy * to(np.cos(angle)) - dx * to(np.sin(angle))
        # an arc, and two waves on it
        v = v - to(rng.normal(0, 0.12, n) / length) * u * u
        for _ in range(2):
            wave = np.exp(rng.uniform(math.log(8), math.log(70), n))
            v = v - to(rng.normal(0, 0.02, n) * wave) * torch.sin(u / to(wave) * 2 * math.pi + to(rng.uniform(0, 7, n)))
        half = to(length / 2)
        ends = torch.sigmoid((half - u.abs()) / to(np.exp(rng.uniform(math.log(0.6), math.log(12), n))))
        worn = 1 - to(rng.random(n) ** 2) * (0.5 + 0.5 * torch.sin(u / to(np.exp(rng.uniform(math.log(6), math.log(60), n))) * 2 * math.pi + to(rng.uniform(0, 7, n))))
        width = to(np.exp(rng.uniform(math.log(0.5), math.log(1.5), n)))
        core = torch.exp(-0.5 * (v / width) ** 2)
        # the other slope of a crease lies beside it, dark where the first is bright
        beside = torch.exp(-0.5 * ((v - 2.2 * width * to(rng.choice([-1.0, 1.0], n))) / (1.3 * width)) ** 2)
        shape = core - to(ridge * rng.uniform(0, 0.7, n)) * beside
        strength = to((k < count) * np.where(light, 1, -1) * np.exp(rng.uniform(math.log(0.07), math.log(0.45), n)))
        total = total + strength * shape * ends * worn
    kind = np.where(ridge, KINDS.index("crack"), KINDS.index("scratch"))
    return total[:, None], torch.as_tensor(kind, device=device)
