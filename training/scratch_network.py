"""The scratch U-Net as `src/engine/architectures/scratch-u-net.ts` reads it (layout: Wan et al., CVPR 2020), narrower, with two parts of our own.

`KINDS` is the order of the four output channels. `Lines` tells the finest level, which sees little around a pixel, how much of a thin
line runs through it; `Context` lets the coarsest level see as far as 200 pixels. `initialize` lets both begin at nothing, so that weights
without them go on unchanged.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

KINDS = ("scratch", "dust", "stain", "crack")
"""Scratches, hairs and lint; dust, dots and spots; stains, smut and dirt; cracks, folds and tears."""
KIND_OF = {"scratches": 0, "hair": 0, "hair-short": 0, "lint": 0, "dots": 1, "spots": 1, "sprinkles": 1, "stain": 2, "smut": 2, "dirt": 2}
WIDTH, DEPTH = 24, 3
"""1.3 million weights without Lines and Context; depth 4 would leave room for a width of 14 only."""
LINE_SIZE, ORIENTATIONS, LINE_GAIN = 25, 16, 8.0
LINES = ((0.9, 5.0), (1.7, 6.0))
"""Standard deviations across and along, in pixels."""
CONTEXT_WIDTH, DILATIONS = 64, (2, 4, 8)


class MirrorEdges(torch.autograd.Function):
    """Reflection padding by slices, which keeps channels-last memory as it is; the gradient folds the margins back, without a full copy for each slice."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: int) -> torch.Tensor:
        ctx.pad = p
        x = torch.cat([x[:, :, 1:p + 1].flip(2), x, x[:, :, -p - 1:-1].flip(2)], 2)
        return torch.cat([x[..., 1:p + 1].flip(3), x, x[..., -p - 1:-1].flip(3)], 3)

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, None]:
        p = ctx.pad

        def folded(rows: torch.Tensor) -> torch.Tensor:
            inner = rows[..., p:-p].clone(memory_format=torch.channels_last)
            inner[..., 1:p + 1] += rows[..., :p].flip(3)
            inner[..., -p - 1:-1] += rows[..., -p:].flip(3)
            return inner

        inner = folded(g[:, :, p:-p])
        inner[:, :, 1:p + 1] += folded(g[:, :, :p]).flip(2)
        inner[:, :, -p - 1:-1] += folded(g[:, :, -p:]).flip(2)
        return inner, None


class HalveOneWay(torch.autograd.Function):
    """Every second pixel along a dimension after the blur 1 2 1, mirrored at the edge; sides even. By additions: cuDNN is slow at convolutions of one channel each."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, dim: int) -> torch.Tensor:
        ctx.dim = dim
        even, odd = HalveOneWay.halves(x, dim)
        y = 0.5 * even + 0.25 * odd
        y.narrow(dim, 1, y.shape[dim] - 1).add_(odd.narrow(dim, 0, y.shape[dim] - 1), alpha=0.25)
        y.narrow(dim, 0, 1).add_(odd.narrow(dim, 0, 1), alpha=0.25)
        return y

    @staticmethod
    def backward(ctx: Any, g: torch.Tensor) -> tuple[torch.Tensor, None]:
        dim, length = ctx.dim, g.shape[ctx.dim]
        shape = list(g.shape)
        shape[dim] *= 2
        x = torch.empty(shape, dtype=g.dtype, device=g.device, memory_format=torch.channels_last)
        even, odd = HalveOneWay.halves(x, dim)
        torch.mul(g, 0.5, out=even)
        torch.mul(g, 0.25, out=odd)
        odd.narrow(dim, 0, length - 1).add_(g.narrow(dim, 1, length - 1), alpha=0.25)
        odd.narrow(dim, 0, 1).add_(g.narrow(dim, 0, 1), alpha=0.25)
        return x, None

    @staticmethod
    def halves(x: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
        return (x[:, :, 0::2], x[:, :, 1::2]) if dim == 2 else (x[..., 0::2], x[..., 1::2])


class Mirror(nn.Module):
    """Reflection padding."""

    def __init__(self, pad: int) -> None:
        super().__init__()
        self.pad = pad

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return MirrorEdges.apply(x, self.pad)


class Halve(nn.Module):
    """Every second pixel after a binomial blur; the filter is stored with the weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("filt", (taps[:, None] * taps[None] / 16).expand(channels, 1, 3, 3).clone())
        self.mirror = Mirror(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return F.conv2d(self.mirror(x), self.filt.to(x.dtype), stride=2, groups=x.shape[1])
        return HalveOneWay.apply(HalveOneWay.apply(x, 2), 3)


def conv(inner: int, outer: int, size: int = 3) -> list[nn.Module]:
    return [Mirror(size // 2), nn.Conv2d(inner, outer, size)]


def normalized(inner: int, outer: int) -> list[nn.Module]:
    return [*conv(inner, outer), nn.BatchNorm2d(outer), nn.LeakyReLU(0.2)]


class Block(nn.Module):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*normalized(inner, outer), *normalized(outer, outer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.block(x)


class Rise(nn.Module):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), *conv(inner, outer))
        self.conv_block = Block(2 * outer, outer)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.conv_block(torch.cat([self.up(x), skip], 1))


def line_filters() -> torch.Tensor:
    """(sorts * ORIENTATIONS, 1, LINE_SIZE, LINE_SIZE): second derivatives of a Gaussian across, a Gaussian along, without mean, absolute sum LINE_GAIN."""
    reach = LINE_SIZE // 2
    y, x = np.mgrid[-reach:reach + 1, -reach:reach + 1].astype(np.float64)
    filters = []
    for across, along in LINES:
        for turn in range(ORIENTATIONS):
            angle = math.pi * turn / ORIENTATIONS
            u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
            inside = np.exp(-u**2 / (2 * along**2) - v**2 / (2 * (3 * across)**2))
            f = (1 - (v / across)**2) * np.exp(-v**2 / (2 * across**2) - u**2 / (2 * along**2))
            f -= inside * f.sum() / inside.sum()
            filters.append(LINE_GAIN * f / np.abs(f).sum())
    return torch.from_numpy(np.stack(filters)[:, None]).float()


class Lines(nn.Module):
    """(n, 1, h, w) to (n, width, h, w): fixed filters for thin and broader lines in all directions, rectified, and what is made of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        filters = line_filters()
        self.register_buffer("filt", filters)
        self.mix = nn.Conv2d(len(filters), width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        reach = self.filt.shape[-1] // 2
        return self.mix(F.leaky_relu(F.conv2d(F.pad(x, [reach] * 4, mode="replicate"), self.filt.to(x.dtype)), 0.2))


class Context(nn.Module):
    """(n, channels, h, w) to the same: what is seen far around, by convolutions with holes (Yu and Koltun, ICLR 2016), added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels, CONTEXT_WIDTH, 1)
        self.far = nn.ModuleList(nn.Conv2d(CONTEXT_WIDTH, CONTEXT_WIDTH, 3, padding=d, dilation=d) for d in DILATIONS)
        self.leave = nn.Conv2d(CONTEXT_WIDTH, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.leaky_relu(self.enter(x), 0.2)
        for far in self.far:
            y = y + F.leaky_relu(far(y), 0.2)
        return x + self.leave(y)


class ScratchUNet(nn.Module):
    """Gray (n, 1, h, w) in [-1, 1], sides multiples of 2^depth, to logits (n, kinds, h, w); the engine adds the sigmoid.

    `far`: with Lines and Context.
    """

    def __init__(self, width: int = WIDTH, depth: int = DEPTH, outputs: int = len(KINDS), far: bool = True) -> None:
        super().__init__()
        self.lines = Lines(width) if far else None
        self.context = Context(width << depth) if far else None
        self.first = nn.Sequential(*conv(1, width, 7), nn.LeakyReLU(0.2))
        self.down_sample = nn.ModuleList(nn.Sequential(*normalized(width << i, width << i), Halve(width << i)) for i in range(depth))
        self.down_path = nn.ModuleList(Block(width << i, width << (i + 1)) for i in range(depth))
        self.up_path = nn.ModuleList(Rise(width << (depth - i), width << (depth - i - 1)) for i in range(depth))
        self.last = nn.Sequential(*conv(width, outputs))

    def initialize(self, seed: int) -> None:
        """Kaiming noise for the slope of 0.2, a prior of 1 % for damage, and nothing from Lines and Context."""
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.weight[0].numel()
                module.weight.data.normal_(0, (2 / (1.04 * fan)) ** 0.5, generator=generator)
                module.bias.data.zero_()
        for last in (self.lines.mix, self.context.leave) if self.lines and self.context else ():
            last.weight.data.zero_()
        self.last[1].weight.data.mul_(0.2)
        self.last[1].bias.data.fill_(-4.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x) if self.lines is None else self.first(x) + self.lines(x)
        skips = []
        for sample, path in zip(self.down_sample, self.down_path):
            skips.append(x)
            x = path(sample(x))
        if self.context is not None:
            x = self.context(x)
        for rise in self.up_path:
            x = rise(x, skips.pop())
        return self.last(x)


def from_state(state: dict[str, torch.Tensor]) -> ScratchUNet:
    """A network in evaluation mode from stored weights."""
    depth = sum(f"down_sample.{i}.4.filt" in state for i in range(8))
    net = ScratchUNet(state["first.1.weight"].shape[0], depth, state["last.1.weight"].shape[0], "lines.filt" in state)
    missing, unexpected = net.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    if unexpected or any(not k.endswith("num_batches_tracked") for k in missing):
        raise ValueError(f"not a scratch U-Net: {unexpected or missing}")
    return net.eval()
