"""Gray pictures with damage and the truth about it, composed on the device.

`x` (n, 1, s, s) in [-1, 1]; `target` (n, 4, s, s) 0 or 1 by kind; `weight` (n, 4, s, s): 0 where damage is too faint to say,
little on undamaged parts of historic prints, whose own damage nobody has marked. With the maps of `label_prints` the damage that is
on the prints counts too, and what is known to be scene there counts fully.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.degradations import per_sample
from training.imaging import gaussian_blur
from training.mask_bank import MaskBank
from training.picture_bank import PictureBank, level_for
from training.scene_bank import scene_bank
from training.scratch_network import KINDS
from training.single_lines import single_lines
from training.wear import Wear

GROUP_SHARES = {"photos": 0.66, "modern": 0.24, "historic": 0.10}
GROUP_SHARES_LABELED = {"photos": 0.5, "modern": 0.18, "historic": 0.32}
"""Once something is known of the historic prints."""
CLEAN_SHARE = 0.25
LAYER_SHARES = (0.9, 0.55, 0.3)
"""Chance of a first, second and third layer of damage on a picture that is not clean."""
SEEN, UNSEEN = 0.1, 0.025
"""Change of brightness from which a pixel counts as damaged, and below which it does not."""
LINE_SEEN, LINE_REACH = 0.06, 3.0
"""Of scratches and cracks also what differs so much from the change about it (a Gaussian of so many pixels): thin faint lines, and the slopes of a crease."""
LINE_KINDS = (KINDS.index("scratch"), KINDS.index("crack"))
HISTORIC_TRUST, LABELED_TRUST = 0.1, 0.5
"""Weight of the undamaged parts of historic prints, without and with labels."""
ANCHORS = {"line": 0.35, "scene": 0.45, "speck": 0.2}
"""What the window of a labeled print shows; `line`: pixels of damage in scratches and cracks, `speck`: in dust."""
WHOLE, WHOLE_ZOOM = 0.12, 3.0
"""Share of the windows of historic prints that show as much of one as a small scan does, and how far reduced it is at most."""
SINGLE = 0.2
"""Share of the damaged pictures that have single thin lines alone."""
ANCHORED = 0.75
"""Share of the windows of labeled prints that show such a place."""
BACKGROUND, SCENE, UNKNOWN, DAMAGE = 0, 1, 2, 10
"""Codes of label_prints: taken for undamaged, known to be of the scene, not to be judged, and DAMAGE + k for the kinds of scratch_network.KINDS."""


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


class PrintLabels:
    """Maps of `label_prints` for some of a bank's pictures, and places to look at in them."""

    def __init__(self, maps: list[np.ndarray | None], sizes: np.ndarray, device: torch.device) -> None:
        parts, starts, position = [], np.full(len(maps), -1), 0
        anchors: dict[str, list[np.ndarray]] = {name: [] for name in ANCHORS}
        for i, codes in enumerate(maps):
            if codes is None:
                continue
            if (codes.shape[1], codes.shape[0]) != tuple(int(s) for s in sizes[i]):
                raise ValueError(f"labels of {codes.shape[1]}x{codes.shape[0]} pixels for a print of {sizes[i][0]:.0f}x{sizes[i][1]:.0f}: train without --pack")
            starts[i] = position
            parts.append(codes.reshape(-1))
            position += codes.size
            speck = DAMAGE + KINDS.index("dust")
            for name, chosen in (("line", (codes >= DAMAGE) & (codes != speck)), ("scene", codes == SCENE), ("speck", codes == speck)):
                y, x = np.nonzero(chosen)
                few = slice(None, None, max(1, len(x) // 40))
                anchors[name].append(np.stack([np.full(len(x), i), x, y], 1)[few])
        self.codes = torch.from_numpy(np.concatenate(parts)).to(device)
        self.first = torch.as_tensor(starts, device=device)
        self.sizes = torch.as_tensor(sizes, device=device).long()
        self.anchors = {name: np.concatenate(some) for name, some in anchors.items()}

    def anchor(self, rng: np.random.Generator) -> tuple[int, float, float]:
        """A picture and a pixel of it."""
        some = self.anchors[str(rng.choice(list(ANCHORS), p=list(ANCHORS.values())))]
        picture, x, y = some[int(rng.integers(len(some)))]
        return int(picture), float(x), float(y)

    def sample(self, picture: torch.Tensor, u: torch.Tensor, v: torch.Tensor, zoom: torch.Tensor) -> torch.Tensor:
        """The highest code within a window's pixel, which `zoom` of the picture's wide, about each coordinate; UNKNOWN in pictures without a map."""
        first, w, h = self.first[picture], self.sizes[picture, 0], self.sizes[picture, 1]
        most = torch.full_like(first, BACKGROUND)
        for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
            x, y = (u + 0.25 * dx * zoom).long().clamp(min=0).minimum(w - 1), (v + 0.25 * dy * zoom).long().clamp(min=0).minimum(h - 1)
            most = torch.maximum(most, self.codes[(first + y * w + x).clamp(min=0)].long())
        return torch.where(first < 0, UNKNOWN, most)


class ScratchScenes:
    def __init__(self, pack, device: str, seed: int, limit: int = 10**9, each: int = 256, held_out: bool = False,
                 labels: Mapping[str, np.ndarray] | None = None) -> None:
        """`labels`: maps of training.label_prints by the name of the print."""
        self.device = torch.device(device)
        pictures, groups, names = [], [], []
        for group in GROUP_SHARES:
            chosen = [i for i, out in enumerate(pack.held_out[group]) if out] if held_out else pack.training(group)
            for i in chosen[:limit]:
                pictures.append(pack.pictures[group][i])
                groups.append(group)
                names.append(Path(pack.names[group][i]).name if group == "historic" else "")
        self.bank = PictureBank(pictures, 1024, device)
        self.members = {g: np.array([i for i, other in enumerate(groups) if other == g]) for g in GROUP_SHARES}
        self.prints = PrintLabels([labels.get(n) if labels else None for n in names], self.bank.sizes.cpu().numpy(), self.device) if labels else None
        self.sizes = self.bank.sizes.cpu().numpy()
        self.real = MaskBank.overlays(pack.damage, device, held_out)
        self.drawn = MaskBank.drawn(device, seed, each)
        self.content = scene_bank(device, seed, max(4, each // 4))
        self.wear = Wear(device, seed)

    def pictures(self, n: int, side: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Windows of random pictures (n, 3, side, side), 1 for the historic ones (n, 1, 1, 1), and the codes of the labels there (n, 1, side, side)."""
        shares = GROUP_SHARES_LABELED if self.prints else GROUP_SHARES
        group = rng.choice(list(shares), size=n, p=list(shares.values()))
        picture = np.array([self.members[g][int(rng.integers(len(self.members[g])))] for g in group])
        zoom = np.exp(rng.uniform(math.log(0.6), math.log(2.6), n))
        near: dict[int, tuple[float, float]] = {}
        if self.prints:
            for k in np.flatnonzero(group == "historic"):
                zoom[k] = math.exp(rng.uniform(math.log(1.8), math.log(WHOLE_ZOOM)) if rng.random() < WHOLE else rng.uniform(math.log(0.6), math.log(1.8)))
                if rng.random() < ANCHORED:
                    picture[k], *near[int(k)] = self.prints.anchor(rng)
        full = self.sizes[picture]
        zoom = np.minimum(zoom, full.min(1) / side)
        angle = np.radians(90 * rng.integers(0, 2, n) * rng.choice([-1, 1], n) * (rng.random(n) < 0.3) + np.where(rng.random(n) < 0.2, rng.normal(0, 6, n), 0))
        room = np.maximum(full - zoom[:, None] * side, 0)
        center = (full - room) / 2 + rng.random((n, 2)) * room
        for k, at in near.items():
            away = np.array(at) + rng.uniform(-0.4, 0.4, 2) * side * zoom[k]
            center[k] = away.clip((full[k] - room[k]) / 2, (full[k] + room[k]) / 2)
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
        codes = self.prints.sample(index, u, v, z)[:, None] if self.prints else None
        return rgb.permute(0, 3, 1, 2).contiguous(), old, codes

    def add_content(self, x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Text, wires, lace and margins of prints in a sixth of the pictures: part of the scene."""
        n, side = len(x), x.shape[-1]
        alpha, _, _ = self.content.draw(n, side, rng, 0.4, 1.6)
        alpha = alpha * per_sample((rng.random(n) < 0.16) * rng.uniform(0.4, 1.0, n), x)
        return x + alpha * (per_sample(rng.random(n), x) - x)

    def batch(self, n: int, side: int, rng: np.random.Generator) -> Scene:
        x, old, codes = self.pictures(n, side, rng)
        x = self.wear.color(self.add_content(x, rng), 0.6).mean(1, keepdim=True).expand(-1, 3, -1, -1)
        if rng.random() < 0.5:
            x = self.wear.print_and_scan(x, 0.4)
        x = x.mean(1, keepdim=True)
        clean = torch.as_tensor(rng.random(n) < CLEAN_SHARE, device=self.device).float().view(n, 1, 1, 1)
        target = torch.zeros(n, len(KINDS), side, side, device=self.device)
        unsure = torch.zeros_like(target)
        trust = 1 - old * (1 - HISTORIC_TRUST)
        if codes is not None:
            own = torch.arange(len(KINDS), device=self.device).view(1, -1, 1, 1) + DAMAGE == codes
            target = (old * own).float()
            unsure = old * (codes >= DAMAGE) * torch.ones_like(target)  # which kind it is nobody has said
            scene = torch.where(codes == SCENE, 1.0, torch.where(codes == UNKNOWN, 0.0, LABELED_TRUST))
            trust = torch.where(old > 0, scene, torch.ones_like(scene))
        alone = torch.as_tensor(rng.random(n) < SINGLE, device=self.device).float().view(n, 1, 1, 1)
        layers = [lambda x, share=share: self.damage(x, share, torch.maximum(clean, alone), rng) for share in LAYER_SHARES]
        for layer in [*layers, lambda x: self.lines(x, (1 - clean) * alone, rng)]:
            x, damaged, faint, kind = layer(x)
            row = torch.nn.functional.one_hot(kind, len(KINDS)).float()[:, :, None, None]
            target = torch.maximum(target, row * damaged)
            unsure = torch.maximum(unsure, (row * faint))
        if rng.random() < 0.7:  # the scan of the damaged print: milder than what the print itself went through
            x = self.wear.print_and_scan(x.clamp(0, 1).expand(-1, 3, -1, -1), 0.25).mean(1, keepdim=True)
        # a speck on a crack is not a wrong crack: other kinds stay unjudged where one kind is seen or faint
        other = (target.amax(1, keepdim=True) > 0) | (unsure.amax(1, keepdim=True) > 0)
        weight = torch.where(target > 0, 1.0, torch.where((unsure > 0), 0.0, torch.where(other, 0.5 * (trust > 0), trust)))
        return Scene(x.clamp(0, 1) * 2 - 1, target, weight, clean * (1 - old))

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
        # mostly bright on what is dark and dark on what is bright: the rest is not seen
        bright = ((alpha * x).sum((1, 2, 3)) / alpha.sum((1, 2, 3)).clamp(min=1e-3)).cpu().numpy()
        light = rng.random(n) < (1.2 - 1.2 * bright).clip(0.1, 0.9)
        tone = per_sample(np.where(light, rng.uniform(0.72, 1.0, n), rng.uniform(0.0, 0.25, n)), x)
        after = x + alpha * opacity * (tone - x)
        change = (after - x).abs()
        after = (after * (1 + on * shade * per_sample(rng.uniform(-0.35, 0.35, n), x))).clamp(0, 1)
        whole = after - x
        thin = line_seen(whole)
        of_lines = torch.isin(kind, torch.tensor(LINE_KINDS, device=self.device)).view(-1, 1, 1, 1)
        damaged = (((change > SEEN) & (alpha * opacity > 0.12)) | (thin & of_lines)).float()
        faint = ((whole.abs() > UNSEEN) | (alpha * opacity > 0.05)).float() * (1 - damaged)
        return after, damaged, faint, kind

    def lines(self, x: torch.Tensor, on: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Single thin lines where `on` (n, 1, 1, 1) is 1; as `damage`."""
        added, kind = single_lines(len(x), x.shape[-1], self.device, rng)
        after = (x + on * added).clamp(0, 1)
        seen = line_seen(after - x).float()
        return after, seen, ((after - x).abs() > UNSEEN).float() * (1 - seen), kind

    def two_sources(self, n: int, side: int, rng: np.random.Generator):
        """Real overlays for half of the samples and drawn masks for the rest; (choice, real, drawn) for alpha, shade, kind."""
        real, drawn = self.real.draw(n, side, rng), self.drawn.draw(n, side, rng)
        choice = torch.as_tensor(rng.random(n) < 0.5, device=self.device)
        return [(choice.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(real, drawn)]


def line_seen(change: torch.Tensor) -> torch.Tensor:
    """Where a change of brightness, or a picture in 0..1, differs as much as a thin line from what is about it."""
    return (change - gaussian_blur(change, LINE_REACH)).abs() > LINE_SEEN
