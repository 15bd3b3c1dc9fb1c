"""Thin things that belong to the picture and are no damage: lines of text, fences, wires, grids, lace, margins of prints; as masks on the device."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from training.mask_bank import SIDE, MaskBank

LETTERS = "abcdefghijklmnopqrstuvwxyz    ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-&"


def text(rng: np.random.Generator) -> Image.Image:
    """Lines of random letters at one size, as captions, signs and letters have them."""
    image = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    size = int(np.exp(rng.uniform(math.log(9), math.log(70))))
    font = ImageFont.load_default(size)
    for line in range(int(rng.integers(1, 9))):
        words = "".join(rng.choice(list(LETTERS), size=int(rng.integers(4, 60))))
        draw.text((int(rng.uniform(-40, 0.5 * SIDE)), int(rng.uniform(0, 0.3 * SIDE) if line == 0 else line * size * 1.3)), words, 255, font)
    return image


def lattice(rng: np.random.Generator) -> Image.Image:
    """One or two families of parallel lines: fences, wires, window bars, cloth."""
    image = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    base, gap = rng.uniform(0, math.pi), math.exp(rng.uniform(math.log(8), math.log(90)))
    width = int(rng.integers(1, 4))
    for family in range(int(rng.integers(1, 3))):
        angle = base + family * rng.choice([math.pi / 2, math.pi / 3, 1.2])
        along, across = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
        sag = rng.uniform(0, 0.08) * SIDE if rng.random() < 0.3 else 0
        for k in range(-int(0.75 * SIDE / gap), int(0.75 * SIDE / gap) + 1):
            middle = SIDE / 2 + across * k * gap
            points = [tuple(middle + along * SIDE * t + across * sag * (1 - (2 * t) ** 2)) for t in np.linspace(-0.75, 0.75, 13)]
            draw.line(points, 255, width)
    return image


def lace(rng: np.random.Generator) -> Image.Image:
    """Rings and scallops in rows."""
    image = Image.new("L", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    pitch, width = int(rng.integers(9, 40)), int(rng.integers(1, 3))
    radius = pitch * rng.uniform(0.3, 0.7)
    top = int(rng.uniform(0, 0.7) * SIDE)
    for y in range(top, min(SIDE, top + int(rng.uniform(0.1, 0.6) * SIDE)), pitch):
        for x in range((y // pitch % 2) * pitch // 2, SIDE, pitch):
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=255, width=width)
    return image


def border(rng: np.random.Generator) -> Image.Image:
    """The margin of a print on up to all four sides, its corners round at times, its edge straight or deckled."""
    image = Image.new("L", (SIDE, SIDE), 255)
    draw = ImageDraw.Draw(image)
    gaps = np.where(rng.random(4) < 0.6, rng.uniform(0.02, 0.3, 4), -0.3) * SIDE
    x0, y0, x1, y1 = gaps[0], gaps[1], SIDE - gaps[2], SIDE - gaps[3]
    if rng.random() < 0.5:
        draw.rounded_rectangle([x0, y0, x1, y1], rng.uniform(0, 0.12) * SIDE, fill=0)
    else:
        rough, corners = rng.uniform(0.2, 2.5), [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        points = [np.array(a) + (np.array(b) - np.array(a)) * t + rng.normal(0, rough, 2) for a, b in zip(corners, corners[1:] + corners[:1]) for t in np.linspace(0, 1, 40)]
        draw.polygon([tuple(p) for p in points], fill=0)
    if rng.random() < 0.4:  # the line that printers and albums put around a picture
        draw.rounded_rectangle([x0 + 3, y0 + 3, x1 - 3, y1 - 3], 3, outline=255, width=int(rng.integers(1, 4)))
    return image


def scene_bank(device: str | torch.device, seed: int, each: int) -> MaskBank:
    """`each` masks of all four sorts, as one kind."""
    rng = np.random.default_rng(seed)
    images = [function(rng) for function in (text, border, lattice, lace) for _ in range(each)]
    alpha = torch.from_numpy(np.stack([np.asarray(i) for i in images])).to(device)
    return MaskBank(torch.stack([alpha, torch.full_like(alpha, 128)], 1), [0] * len(images), [15.0] * each + [5.0] * each + [180.0] * 2 * each)
