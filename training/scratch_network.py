"""The scratch U-Net as `src/engine/architectures/scratch-u-net.ts` reads it (layout: Wan et al., CVPR 2020), narrower.

`KINDS` is the order of the four output channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

KINDS = ("scratch", "dust", "stain", "crack")
"""Scratches, hairs and lint; dust, dots and spots; stains, smut and dirt; cracks, folds and tears."""
KIND_OF = {"scratches": 0, "hair": 0, "hair-short": 0, "lint": 0, "dots": 1, "spots": 1, "sprinkles": 1, "stain": 2, "smut": 2, "dirt": 2}
WIDTH, DEPTH = 24, 3
"""1.3 million weights; depth 4 would leave room for a width of 14 only."""


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


class ScratchUNet(nn.Module):
    """Gray (n, 1, h, w) in [-1, 1], sides multiples of 2^depth, to logits (n, kinds, h, w); the engine adds the sigmoid."""

    def __init__(self, width: int = WIDTH, depth: int = DEPTH, outputs: int = len(KINDS)) -> None:
        super().__init__()
        self.first = nn.Sequential(*conv(1, width, 7), nn.LeakyReLU(0.2))
        self.down_sample = nn.ModuleList(nn.Sequential(*normalized(width << i, width << i), Halve(width << i)) for i in range(depth))
        self.down_path = nn.ModuleList(Block(width << i, width << (i + 1)) for i in range(depth))
        self.up_path = nn.ModuleList(Rise(width << (depth - i), width << (depth - i - 1)) for i in range(depth))
        self.last = nn.Sequential(*conv(width, outputs))

    def initialize(self, seed: int) -> None:
        """Kaiming noise for the slope of 0.2, and a prior of 1 % for damage."""
        generator = torch.Generator().manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan = module.weight[0].numel()
                module.weight.data.normal_(0, (2 / (1.04 * fan)) ** 0.5, generator=generator)
                module.bias.data.zero_()
        self.last[1].weight.data.mul_(0.2)
        self.last[1].bias.data.fill_(-4.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        skips = []
        for sample, path in zip(self.down_sample, self.down_path):
            skips.append(x)
            x = path(sample(x))
        for rise in self.up_path:
            x = rise(x, skips.pop())
        return self.last(x)


def from_state(state: dict[str, torch.Tensor]) -> ScratchUNet:
    """A network in evaluation mode from stored weights."""
    depth = sum(f"down_sample.{i}.4.filt" in state for i in range(8))
    net = ScratchUNet(state["first.1.weight"].shape[0], depth, state["last.1.weight"].shape[0])
    missing, unexpected = net.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    if unexpected or any(not k.endswith("num_batches_tracked") for k in missing):
        raise ValueError(f"not a scratch U-Net: {unexpected or missing}")
    return net.eval()
