"""Gray pictures with damage and the truth about it, composed on the device.

`x` (n, 1, s, s) in [-1, 1]; `target` (n, 4, s, s) 0 or 1 by kind; `weight` (n, 4, s, s): 0 where damage is too faint to say,
little on undamaged parts of historic prints, whose own damage nobody has marked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from training.degradations import per_sample
from training.imaging import gaussian_blur
from training.mask_bank import MaskBank
from training.picture_bank import PictureBank, level_for
from training.scene_bank import scene_bank
from training.scratch_network import KINDS
from training.wear import Wear

GROUP_SHARES = {"photos": 0.66, "modern": 0.24, "historic": 0.10}
CLEAN_SHARE = 0.25
LAYER_SHARES = (0.9, 0.55, 0.3)
"""Chance of a first, second and third layer of damage on a picture that is not clean."""
SEEN, UNSEEN = 0.1, 0.025
"""Change of brightness from which a pixel counts as damaged, and below which it does not."""
HISTORIC_TRUST = 0.1


@dataclass
class Scene:
    x: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor
    clean: torch.Tensor

    def packed(self) -> list[torch.Tensor]:
        """x, target and weight of each kind in one number (both uint8), clean."""
        levels = (self.weight * 10).round().to(torch.uint8) + 16 * self.target.to(torch.uint8)
        return [((self.x + 1) * 127.5).round().to(torch.uint8), levels, self.clean]

    @staticmethod
    def unpacked(x: torch.Tensor, levels: torch.Tensor, clean: torch.Tensor) -> "Scene":
        return Scene(x.float() / 127.5 - 1, (levels >= 16).float(), (levels % 16).float() / 10, clean)


class ScratchScenes:
    def __init__(self, pack, device: str, seed: int, limit: int = 10**9, each: int = 256, held_out: bool = False) -> None:
        self.device = torch.device(device)
        pictures, groups = [], []
        for group in GROUP_SHARES:
            chosen = [i for i, out in enumerate(pack.held_out[group]) if out] if held_out else pack.training(group)
            for i in chosen[:limit]:
                pictures.append(pack.pictures[group][i])
                groups.append(group)
        self.bank = PictureBank(pictures, 1024, device)
        self.members = {g: np.array([i for i, other in enumerate(groups) if other == g]) for g in GROUP_SHARES}
        self.sizes = self.bank.sizes.cpu().numpy()
        self.real = MaskBank.overlays(pack.damage, device, held_out)
        self.drawn = MaskBank.drawn(device, seed, each)
        self.content = scene_bank(device, seed, max(4, each // 4))
        self.wear = Wear(device, seed)

    def pictures(self, n: int, side: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Windows of random pictures (n, 3, side, side), and 1 for the historic ones (n, 1, 1, 1)."""
        group = rng.choice(list(GROUP_SHARES), size=n, p=list(GROUP_SHARES.values()))
        picture = np.array([self.members[g][int(rng.integers(len(self.members[g])))] for g in group])
        full = self.sizes[picture]
        zoom = np.minimum(np.exp(rng.uniform(math.log(0.6), math.log(2.6), n)), full.min(1) / side)
        angle = np.radians(90 * rng.integers(0, 2, n) * rng.choice([-1, 1], n) * (rng.random(n) < 0.3) + np.where(rng.random(n) < 0.2, rng.normal(0, 6, n), 0))
        room = np.maximum(full - zoom[:, None] * side, 0)
        center = (full - room) / 2 + rng.random((n, 2)) * room
        to = lambda v: torch.as_tensor(v, dtype=torch.float32, device=self.device).view(n, 1, 1)
        at = torch.arange(side, device=self.device) + 0.5 - side / 2
        dx, dy = at[None, None, :] * to(rng.choice([-1.0, 1.0], n)), at[None, :, None]
        cos, sin, z = to(np.cos(angle)), to(np.sin(angle)), to(zoom)
        u = to(center[:, 0]) + z * (cos * dx + sin * dy)
        v = to(center[:, 1]) + z * (cos * dy - sin * dx)
        # beyond the border the picture is mirrored, so that no straight edge stands there
        w, h = (torch.as_tensor(full[:, k], device=self.device).view(n, 1, 1) for k in (0, 1))
        u, v = (u.abs() % (2 * w)), (v.abs() % (2 * h))
        u, v = torch.where(u > w, 2 * w - u, u), torch.where(v > h, 2 * h - v, v)
        index = torch.as_tensor(picture, device=self.device).view(n, 1, 1).expand(n, side, side)
        rgb, _ = self.bank.sample(index, level_for(z).expand(n, side, side), u, v)
        old = torch.as_tensor(group == "historic", device=self.device).float().view(n, 1, 1, 1)
        return rgb.permute(0, 3, 1, 2).contiguous(), old

    def add_content(self, x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Text, wires, lace and margins of prints in a sixth of the pictures: part of the scene."""
        n, side = len(x), x.shape[-1]
        alpha, _, _ = self.content.draw(n, side, rng, 0.4, 1.6)
        alpha = alpha * per_sample((rng.random(n) < 0.16) * rng.uniform(0.4, 1.0, n), x)
        return x + alpha * (per_sample(rng.random(n), x) - x)

    def batch(self, n: int, side: int, rng: np.random.Generator) -> Scene:
        x, old = self.pictures(n, side, rng)
        x = self.wear.color(self.add_content(x, rng), 0.6).mean(1, keepdim=True).expand(-1, 3, -1, -1)
        if rng.random() < 0.5:
            x = self.wear.print_and_scan(x, 0.4)
        x = x.mean(1, keepdim=True)
        clean = torch.as_tensor(rng.random(n) < CLEAN_SHARE, device=self.device).float().view(n, 1, 1, 1)
        target = torch.zeros(n, len(KINDS), side, side, device=self.device)
        unsure = torch.zeros_like(target)
        for share in LAYER_SHARES:
            x, damaged, faint, kind = self.damage(x, share, clean, rng)
            row = torch.nn.functional.one_hot(kind, len(KINDS)).float()[:, :, None, None]
            target = torch.maximum(target, row * damaged)
            unsure = torch.maximum(unsure, (row * faint))
        if rng.random() < 0.7:  # the scan of the damaged print: milder than what the print itself went through
            x = self.wear.print_and_scan(x.clamp(0, 1).expand(-1, 3, -1, -1), 0.25).mean(1, keepdim=True)
        # a speck on a crack is not a wrong crack: other kinds stay unjudged where one kind is seen or faint
        other = (target.amax(1, keepdim=True) > 0) | (unsure.amax(1, keepdim=True) > 0)
        weight = torch.where(target > 0, 1.0, torch.where((unsure > 0), 0.0, torch.where(other, 0.5, 1 - old * (1 - HISTORIC_TRUST))))
        return Scene(x.clamp(0, 1) * 2 - 1, target, weight, clean)

    def damage(self, x: torch.Tensor, share: float, clean: torch.Tensor, rng: np.random.Generator, source: MaskBank | None = None) -> tuple[torch.Tensor, ...]:
        """One layer, of `source` alone if given: the picture with it, where it is seen, where it is faint, its kind."""
        n, side = len(x), x.shape[-1]
        if source:
            alpha, shade, kind = source.draw(n, side, rng)
        else:
            alpha, shade, kind = (torch.where(choice, a, b) for choice, a, b in self.two_sources(n, side, rng))
        if rng.random() < 0.35:
            alpha = gaussian_blur(alpha, float(rng.uniform(0.4, 1.4)))
        on = per_sample((rng.random(n) < share).astype(np.float32), x) * (1 - clean)
        opacity = on * per_sample(1 - 0.55 * rng.random(n) ** 2, x)
        light = rng.random(n) < 0.6
        tone = per_sample(np.where(light, rng.uniform(0.72, 1.0, n), rng.uniform(0.0, 0.25, n)), x)
        after = x + alpha * opacity * (tone - x)
        change = (after - x).abs()
        after = (after * (1 + on * shade * per_sample(rng.uniform(-0.35, 0.35, n), x))).clamp(0, 1)
        damaged = ((change > SEEN) & (alpha * opacity > 0.12)).float()
        faint = ((change > UNSEEN) | (alpha * opacity > 0.05)).float() * (1 - damaged)
        return after, damaged, faint, kind

    def two_sources(self, n: int, side: int, rng: np.random.Generator):
        """Real overlays for half of the samples and drawn masks for the rest; (choice, real, drawn) for alpha, shade, kind."""
        real, drawn = self.real.draw(n, side, rng), self.drawn.draw(n, side, rng)
        choice = torch.as_tensor(rng.random(n) < 0.5, device=self.device)
        return [(choice.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(real, drawn)]
