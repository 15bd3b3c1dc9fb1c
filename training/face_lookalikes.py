"""Things that look like faces and are none: two discs for eyes in a plate, often with a nose and a mouth, as coin viewers, sockets, masks, car fronts and
drawn smiles have them. Pasted on canvases of the face detector where no face is, they teach it to ask for more than that arrangement.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from training.degradations import per_sample

SMALLEST_PX, LARGEST_SHARE = 34, 0.5
"""Below 34 pixels a worn face has no more to show than this: at 26 the recall of small faces fell."""


def soft(distance: torch.Tensor, edge: torch.Tensor) -> torch.Tensor:
    """1 where a signed distance (in units of the thing's half height) is negative, with a soft edge."""
    return (0.5 - distance / edge).clamp(0, 1)


def lookalikes(side: int, center: np.ndarray, half: np.ndarray, like: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Colors (n, 3, side, side) and cover (n, 1, side, side) of one thing a canvas; `center` (n, 2) and `half` height (n) in pixels."""
    n = len(half)
    number = lambda low, high: per_sample(rng.uniform(low, high, n), like)
    chance = lambda share: per_sample((rng.random(n) < share).astype(np.float32), like)
    at = torch.arange(side, device=like.device) + 0.5
    h, angle = per_sample(half, like), number(-0.35, 0.35)
    dx = (at.view(1, 1, 1, -1) - per_sample(center[:, 0], like)) / h
    dy = (at.view(1, 1, -1, 1) - per_sample(center[:, 1], like)) / h
    x, y = angle.cos() * dx + angle.sin() * dy, angle.cos() * dy - angle.sin() * dx
    edge = number(1.0, 2.5) / h
    # the plate: from ellipse to rounded rectangle, at times narrower below
    power, width = number(2, 6), number(0.6, 1.0) * (1 - number(-0.1, 0.35) * y.clamp(-1, 1))
    plate = soft((((x / width.clamp(min=0.2)).abs() + 1e-6) ** power + (y.abs() + 1e-6) ** power) ** (1 / power) - 1, edge)
    tone, color = number(0.05, 0.95), torch.cat([number(-0.12, 0.12) for _ in range(3)], 1)
    shade = number(-0.25, 0.25) * x + number(-0.25, 0.25) * y
    rgb = (tone + color + shade).expand(n, 3, side, side)
    mark = torch.where(tone > 0.45, tone - number(0.3, 0.9), tone + number(0.3, 0.9)).clamp(0, 1)  # darker on light things, lighter on dark ones
    mark = torch.where(chance(0.25) > 0, number(0.0, 0.2), mark)
    apart, high, radius = number(0.22, 0.42), number(-0.55, -0.1), number(0.08, 0.2)
    square = chance(0.2)
    lens = lambda u, v, r: soft(torch.where(square > 0, torch.maximum(u.abs(), v.abs()), (u * u + v * v).sqrt()) - r, edge)
    marks = torch.maximum(lens(x - apart, y - high, radius), lens(x + apart, y - high, radius))
    glint = torch.maximum(lens(x - apart - 0.3 * radius, y - high + 0.3 * radius, 0.35 * radius), lens(x + apart - 0.3 * radius, y - high + 0.3 * radius, 0.35 * radius))
    nose = lens(x, y - number(-0.1, 0.25), number(0.04, 0.12)) * chance(0.6)
    # the mouth: a bow of a circle, or a slot
    bow, depth, thick = number(-0.15, 0.6), number(0.35, 0.7), number(0.02, 0.07)
    reach = number(0.2, 0.6)
    mouth = soft((y - depth + bow * x * x / reach).abs() - thick, edge) * soft(x.abs() - reach, edge) * chance(0.75)
    marks = torch.maximum(marks, torch.maximum(nose, mouth)) * number(0.6, 1.0)
    rgb = rgb + marks * (mark - rgb)
    rgb = rgb + glint * chance(0.3) * (0.9 - rgb)
    return rgb.clamp(0, 1), plate


def add_lookalikes(x: torch.Tensor, occupied: torch.Tensor, share: float, rng: np.random.Generator, smallest: float = SMALLEST_PX) -> torch.Tensor:
    """Pastes them on canvases (n, 3, side, side) in [0, 1] clear of the `occupied` boxes (n, k, 4): one on this share of them, two on some; a place that is taken stays as it is."""
    n, side = len(x), x.shape[-1]
    for chance in (share, 0.4 * share):
        half = np.exp(rng.uniform(math.log(smallest / 2), math.log(LARGEST_SHARE * side / 2), n))
        center = rng.uniform(0.05, 0.95, (n, 2)) * side
        rgb, cover = lookalikes(side, center, half, x, rng)
        box = torch.as_tensor(np.concatenate([center - 1.2 * half[:, None], center + 1.2 * half[:, None]], 1), dtype=torch.float32, device=x.device)[:, None]
        meets = ((occupied[..., :2] < box[..., 2:]) & (occupied[..., 2:] > box[..., :2])).all(-1).any(1)
        wanted = torch.as_tensor(rng.random(n) < chance, device=x.device) & ~meets
        x = x + (cover * wanted.float().view(-1, 1, 1, 1)) * (rgb - x)
    return x
