"""Damage drawn from nothing: cracks, folds, film scratches, hairs, dust as strokes, stains as noise; batched on the device.

A mask is (2, side, side) uint8: alpha, and the shading beside a crack or fold (128 none, above it one side, below it the other).
Strokes are straight segments x0 y0 x1 y1 in pixels with a half width each; alpha falls from 1 to 0 within `soft` pixels of the edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from training.imaging import gaussian_blur

MOST = 72
"""Segments of one mask; fewer are filled up with strokes outside the picture."""


@dataclass
class Strokes:
    segments: np.ndarray
    """(k, 5): x0 y0 x1 y1 and half width."""
    soft: float = 0.7
    shade: float = 0.0
    """Reach in pixels of the shading, 0 for none."""
    edges: float = 0.0
    """Strength of two lines along the edges, as worn folds have them."""
    worn: float = 0.0
    """How far alpha varies along the stroke."""
    one_side: bool = False
    """The shading on one side alone, as a ridge casts it; else dark on one side and light on the other."""
    ramp: float = 0.0
    """How strongly alpha runs out, within the shading's reach, on the side that has none: the slope of a ridge that faces the light."""
    strength: float = 1.0


def path(points: np.ndarray, half: np.ndarray | float) -> np.ndarray:
    """Segments (k, 5) along a line of points (k + 1, 2)."""
    return np.concatenate([points[:-1], points[1:], np.broadcast_to(np.asarray(half, dtype=np.float64).reshape(-1, 1), (len(points) - 1, 1))], 1)


def fractal(a: np.ndarray, b: np.ndarray, levels: int, rough: float, rng: np.random.Generator) -> np.ndarray:
    """Midpoint displacement from a to b: 2^levels + 1 points; `rough` is the first displacement as a share of the length."""
    points = np.stack([a, b])
    length = np.linalg.norm(b - a)
    for level in range(levels):
        middle = (points[:-1] + points[1:]) / 2
        along = points[1:] - points[:-1]
        normal = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
        middle = middle + normal * rng.normal(0, rough * length * 0.55**level, (len(middle), 1))
        out = np.empty((2 * len(points) - 1, 2))
        out[0::2], out[1::2] = points, middle
        points = out
    return points


def direction(angle: float) -> np.ndarray:
    return np.array([math.cos(angle), math.sin(angle)])


def crack(side: int, rng: np.random.Generator) -> Strokes:
    """A jagged line with up to four branches, at times wide as a tear."""
    angle = rng.uniform(0, 2 * math.pi)
    start = rng.uniform(0.1, 0.9, 2) * side
    end = start + direction(angle) * side * rng.uniform(0.3, 1.2)
    main = fractal(start, end, 5, rng.uniform(0.03, 0.14), rng)
    half = math.exp(rng.uniform(math.log(0.4), math.log(1.8))) * (rng.uniform(2, 4) if rng.random() < 0.12 else 1)
    taper = np.minimum(1, np.linspace(rng.uniform(0.3, 1), 2.0, 32))[::rng.choice([-1, 1])]
    if rng.random() < 0.35:  # bits of the emulsion broken away beside it
        taper = taper * np.exp(rng.normal(0, 0.7, 32)).clip(0.3, 4)
    parts = [path(main, half * taper * rng.uniform(0.6, 1.3, 32))]
    for _ in range(int(rng.integers(0, 5))):
        at = main[int(rng.integers(4, 29))]
        turn = angle + rng.choice([-1, 1]) * rng.uniform(0.4, 1.5)
        branch = fractal(at, at + direction(turn) * side * rng.uniform(0.06, 0.3), 3, rng.uniform(0.03, 0.14), rng)
        parts.append(path(branch, half * 0.8 * np.linspace(1, 0.4, 8)))
    return Strokes(np.concatenate(parts), rng.uniform(0.5, 1.2), rng.uniform(1.5, 7) if rng.random() < 0.6 else 0, 0, rng.uniform(0, 0.6))


def fold(side: int, rng: np.random.Generator) -> Strokes:
    """One or two soft, nearly straight lines across the whole mask."""
    parts = []
    for k in range(1 + int(rng.random() < 0.2)):
        angle = rng.choice([0, math.pi / 2]) + rng.normal(0, 0.1) if rng.random() < 0.65 else rng.uniform(0, math.pi)
        middle = rng.uniform(0.25, 0.75, 2) * side
        reach = direction(angle) * side * 1.1
        points = fractal(middle - reach, middle + reach, 4, rng.uniform(0.0, 0.006), rng)
        parts.append(path(points, math.exp(rng.uniform(math.log(0.6), math.log(3.0))) * rng.uniform(0.7, 1.3, 16)))
    return Strokes(np.concatenate(parts), rng.uniform(0.8, 4.0), rng.uniform(3, 22) if rng.random() < 0.7 else 0,
                   rng.uniform(0.3, 1) if rng.random() < 0.4 else 0, rng.uniform(0.2, 0.95))


def crease(side: int, rng: np.random.Generator) -> Strokes:
    """A bend of the paper, as at a corner: a thin line, nearly straight, that fades out; a ridge in a slanting light has a bright slope and a dark one."""
    angle = rng.uniform(0, 2 * math.pi)
    start = rng.uniform(0.1, 0.9, 2) * side
    points = fractal(start, start + direction(angle) * side * rng.uniform(0.12, 0.9), 4, rng.uniform(0.0, 0.03), rng)
    half = math.exp(rng.uniform(math.log(0.3), math.log(1.4))) * np.linspace(1, rng.uniform(0.2, 1), 16) * rng.uniform(0.7, 1.3, 16)
    ridge = rng.random() < 0.75
    return Strokes(path(points, half), rng.uniform(0.5, 1.6), math.exp(rng.uniform(math.log(0.8), math.log(9))), 0, rng.uniform(0, 0.8), ridge,
                   rng.uniform(0, 0.8) if ridge else 0, rng.uniform(0.4, 1))


def scuff(side: int, rng: np.random.Generator) -> Strokes:
    """Short fine scratches in company, most of them along one direction, as prints in a box rub each other."""
    angle, spread = rng.uniform(0, math.pi), rng.choice([0.15, 0.5, 2.0])
    middle, reach = rng.uniform(0.2, 0.8, 2) * side, math.exp(rng.uniform(math.log(0.08), math.log(0.5))) * side
    parts = []
    for _ in range(int(rng.integers(5, 24))):
        at = middle + rng.normal(0, 1, 2) * reach
        along = direction(angle + rng.normal(0, spread)) * math.exp(rng.uniform(math.log(6), math.log(70)))
        points = fractal(at, at + along, 1, rng.uniform(0, 0.1), rng)
        parts.append(path(points, rng.uniform(0.3, 0.9)))
    return Strokes(np.concatenate(parts), rng.uniform(0.5, 1.2), 0, 0, rng.uniform(0, 0.7))


def film_scratch(side: int, rng: np.random.Generator) -> Strokes:
    """Thin lines along the transport of the film, full length or part of it."""
    parts = []
    for _ in range(int(rng.integers(1, 7))):
        x = rng.uniform(0, side)
        top, bottom = (0, side) if rng.random() < 0.5 else np.sort(rng.uniform(-0.2, 1.2, 2)) * side
        y = np.linspace(top, bottom, 9)
        drift = np.cumsum(rng.normal(0, 0.6, 9)) + rng.normal(0, 0.02) * (y - y[0])
        parts.append(path(np.stack([x + drift, y], 1), rng.uniform(0.3, 0.9) * np.ones(8)))
    return Strokes(np.concatenate(parts), rng.uniform(0.5, 1.0), 0, 0, rng.uniform(0, 0.8))


def hair(side: int, rng: np.random.Generator) -> Strokes:
    """One to three thin curls: cubic Bezier curves."""
    parts = []
    for _ in range(int(rng.integers(1, 4))):
        length = math.exp(rng.uniform(math.log(30), math.log(0.7 * side)))
        start = rng.uniform(0.1, 0.9, 2) * side
        control = start + np.concatenate([np.zeros((1, 2)), np.cumsum(rng.normal(0, 0.5, (3, 2)), 0) * length])
        t = np.linspace(0, 1, 21)[:, None]
        curve = (1 - t) ** 3 * control[0] + 3 * t * (1 - t) ** 2 * control[1] + 3 * t * t * (1 - t) * control[2] + t**3 * control[3]
        parts.append(path(curve, rng.uniform(0.4, 1.1)))
    return Strokes(np.concatenate(parts), rng.uniform(0.5, 1.2), 0, 0, rng.uniform(0, 0.5))


def dust(side: int, rng: np.random.Generator) -> Strokes:
    """Specks of 1 to 7 px, short and round."""
    count = int(rng.integers(6, MOST))
    start = rng.uniform(0, side, (count, 2))
    size = np.exp(rng.normal(math.log(1.0), 0.5, count)).clip(0.5, 3.5)
    end = start + rng.normal(0, 1, (count, 2)) * size[:, None]
    return Strokes(np.concatenate([start, end, size[:, None]], 1), rng.uniform(0.5, 1.2), 0, 0, 0)


def render(strokes: list[Strokes], side: int, device: str | torch.device, generator: torch.Generator, chunk: int = 8) -> torch.Tensor:
    """(n, 2, side, side) uint8 masks."""
    n = len(strokes)
    table = np.full((n, MOST, 5), -1e4)
    for i, s in enumerate(strokes):
        table[i, : min(MOST, len(s.segments))] = s.segments[:MOST]
    table[..., 4] = np.where(table[..., 0] < -5e3, 0.1, table[..., 4])
    segments = torch.as_tensor(table, dtype=torch.float32, device=device)
    number = lambda name: torch.tensor([float(getattr(s, name)) for s in strokes], device=device)[:, None, None]
    soft, reach, edges, worn, one_side, ramp = (number(k) for k in ("soft", "shade", "edges", "worn", "one_side", "ramp"))
    at = torch.arange(side, device=device) + 0.5
    y, x = at[:, None], at[None, :]
    nearest = torch.full((n, side, side), 1e4, device=device)  # distance beyond the stroke's edge, negative inside
    sign, inner = torch.ones_like(nearest), torch.zeros_like(nearest)
    for k in range(0, MOST, chunk):
        x0, y0, x1, y1, half = (v[..., None, None] for v in segments[:, k:k + chunk].unbind(-1))
        ax, ay, bx, by = x - x0, y - y0, x1 - x0, y1 - y0
        t = ((ax * bx + ay * by) / (bx * bx + by * by).clamp(min=1e-4)).clamp(0, 1)
        distance = ((ax - t * bx) ** 2 + (ay - t * by) ** 2).sqrt()
        beyond, which = (distance - half).min(1)
        cross = torch.gather(bx * ay - by * ax, 1, which[:, None]).squeeze(1).sign()
        width = half.expand_as(distance).gather(1, which[:, None]).squeeze(1)
        closer = beyond < nearest
        nearest, sign, inner = torch.where(closer, beyond, nearest), torch.where(closer, cross, sign), torch.where(closer, width, inner)
    core = (0.5 - nearest / soft).clamp(0, 1)
    rim = torch.exp(-((nearest + 0.3 * inner) / (0.5 * soft)).pow(2))
    alpha = torch.where(edges > 0, torch.maximum(core * (1 - 0.6 * edges), rim * edges), core)
    noise = gaussian_blur(torch.randn((n, 1, side, side), generator=generator, device=device), 2.5)[:, 0]
    noise = noise / noise.std((-2, -1), keepdim=True).clamp(min=1e-6)
    fall = torch.where(reach > 0, torch.exp(-nearest.clamp(min=0) / reach.clamp(min=0.1)), torch.zeros_like(sign))
    alpha = torch.maximum(alpha, ramp * fall * (sign < 0))
    alpha = alpha * (1 - worn * torch.sigmoid(2.5 * noise)) * number("strength")
    shade = fall * torch.where(one_side > 0, sign.clamp(min=0), sign)
    return torch.stack([alpha * 255, 128 + shade * 127], 1).round().clamp(0, 255).to(torch.uint8)


def stains(n: int, side: int, device: str | torch.device, rng: np.random.Generator, generator: torch.Generator) -> torch.Tensor:
    """Blotches of smooth noise, some with a dark rim where the liquid dried."""
    out = []
    for _ in range(n):
        field = gaussian_blur(torch.randn((1, 1, side // 4, side // 4), generator=generator, device=device), rng.uniform(2.5, 11.0))
        field = torch.nn.functional.interpolate(field, size=(side, side), mode="bicubic", align_corners=False)[0, 0]
        field = (field - field.mean()) / field.std().clamp(min=1e-6)
        steep, level = rng.uniform(4, 16), rng.uniform(1.2, 2.2)
        body = torch.sigmoid((field - level) * steep)
        if rng.random() < 0.5:
            body = torch.maximum(body * rng.uniform(0.2, 0.6), torch.exp(-((field - level) * steep / 1.5).pow(2)))
        out.append(body * rng.uniform(0.6, 1.0))
    alpha = torch.stack(out)
    return torch.stack([alpha * 255, torch.full_like(alpha, 128)], 1).round().clamp(0, 255).to(torch.uint8)


def chips(n: int, side: int, device: str | torch.device, rng: np.random.Generator, generator: torch.Generator) -> torch.Tensor:
    """Places where the emulsion has come off down to the paper: ragged flakes of 2 to 30 px along a line or about a place."""
    at = torch.arange(side, device=device) + 0.5
    out = []
    for _ in range(n):
        angle, middle = rng.uniform(0, math.pi), rng.uniform(0.25, 0.75, 2) * side
        dx, dy = at[None, :] - float(middle[0]), at[:, None] - float(middle[1])
        along, across = dx * math.cos(angle) + dy * math.sin(angle), dy * math.cos(angle) - dx * math.sin(angle)
        across = across + rng.uniform(0, 0.06) * side * torch.sin(along / (side * rng.uniform(0.03, 0.3)) + rng.uniform(0, 6))
        long, wide = rng.uniform(0.03, 0.3) * side, math.exp(rng.uniform(math.log(1.5), math.log(0.06 * side)))
        field = torch.zeros(side, side, device=device)
        for sigma, share in ((rng.uniform(0.6, 1.2), 0.5), (rng.uniform(2, 7), 1.0)):
            noise = gaussian_blur(torch.randn((1, 1, side, side), generator=generator, device=device), sigma)[0, 0]
            field = field + share * noise / noise.std().clamp(min=1e-6)
        envelope = torch.exp(-(along / long).pow(2) - (across / wide).pow(2))
        out.append(((field * 0.5 + 2.6 * envelope - rng.uniform(1.6, 2.6)) * rng.uniform(3, 8) + 0.5).clamp(0, 1))
    alpha = torch.stack(out)
    return torch.stack([alpha * 255, torch.full_like(alpha, 128)], 1).round().clamp(0, 255).to(torch.uint8)


def craquelure(n: int, side: int, device: str | torch.device, rng: np.random.Generator) -> torch.Tensor:
    """Nets of cracks in emulsion: the borders between cells of random points, thinned by a second, coarser choice."""
    out = []
    at = torch.arange(side, device=device) + 0.5
    for _ in range(n):
        count = int(rng.integers(8, 40))
        points = torch.as_tensor(rng.uniform(-0.1, 1.1, (count, 2)) * side, dtype=torch.float32, device=device)
        bend = [torch.sin(at / float(p) + float(q)) * float(a) for a, p, q in zip(rng.uniform(1, 6, 2), rng.uniform(8, 30, 2), rng.uniform(0, 6, 2))]
        x, y = at[None, :] + bend[0][:, None], at[:, None] + bend[1][None, :]
        distance = ((x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2).sqrt()
        two, which = distance.topk(2, 0, largest=False)
        half = rng.uniform(0.4, 1.2)
        line = (0.5 - ((two[1] - two[0]) / 2 - half) / 0.8).clamp(0, 1)
        keep = torch.as_tensor(rng.random((count, count)) < rng.uniform(0.35, 0.9), device=device)
        keep = keep | keep.T
        alpha = line * keep[which[0], which[1]].float()
        out.append(alpha)
    alpha = torch.stack(out)
    return torch.stack([alpha * 255, torch.full_like(alpha, 128)], 1).round().clamp(0, 255).to(torch.uint8)


DRAWN = {"film_scratch": (film_scratch, 0), "hair": (hair, 0), "dust": (dust, 1), "crack": (crack, 3), "fold": (fold, 3),
         "crease": (crease, 3), "scuff": (scuff, 0)}
"""Drawing function and kind (see scratch_network.KINDS)."""
