"""The one network shape Heirloom trains: SRVGGNetCompact (Real-ESRGAN, BSD-3, `srvgg_arch.py`)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class FastSlope(torch.autograd.Function):
    """PReLU written with simple vectorized operations on (pixels, channels).

    On the CPU in bf16 PyTorch's own backward pass of PReLU takes as long as the convolution beside it (8.8 ms against
    8.5 ms for 16 x 64 x 48 x 48); this one takes 1 to 2 ms. The arithmetic is the same.
    """

    @staticmethod
    def forward(ctx, x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, slope)
        flat = x.permute(0, 2, 3, 1)
        return torch.addcmul(flat.clamp(min=0), flat.clamp(max=0), slope.to(x.dtype)).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, slope = ctx.saved_tensors
        flat, g = x.permute(0, 2, 3, 1), grad.permute(0, 2, 3, 1)
        above = torch.ops.aten.threshold_backward(g, flat, 0)
        below = g - above
        grad_slope = (below * flat).reshape(-1, flat.shape[-1]).sum(0, dtype=torch.float32)
        return torch.addcmul(above, below, slope.to(x.dtype)).permute(0, 3, 1, 2), grad_slope


class Compact(nn.Module):
    """A plain stack of 3x3 convolutions over a nearest-neighbor enlargement.

    Input (n, 3, h, w) in [0, 1]; output (n, 3, h * scale, w * scale), not clamped.
    Keys are body.0 (3 -> features), body.1 (slopes), then `convolutions` pairs of convolution and
    slopes, and the last convolution (features -> 3 * scale^2), exactly as in SRVGGNetCompact.
    """

    def __init__(self, features: int = 64, convolutions: int = 16, scale: int = 4) -> None:
        super().__init__()
        self.features, self.convolutions, self.scale = features, convolutions, scale
        layers: list[nn.Module] = [nn.Conv2d(3, features, 3, 1, 1), nn.PReLU(features)]
        for _ in range(convolutions):
            layers += [nn.Conv2d(features, features, 3, 1, 1), nn.PReLU(features)]
        layers.append(nn.Conv2d(features, 3 * scale * scale, 3, 1, 1))
        self.body = nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        fast = self.training and x.device.type == "cpu"
        for layer in self.body:
            y = FastSlope.apply(y, layer.weight) if fast and isinstance(layer, nn.PReLU) else layer(y)
        if self.scale == 1:
            return y + x
        base = F.interpolate(x, scale_factor=self.scale, mode="nearest")
        return F.pixel_shuffle(y, self.scale) + base

    def initialize(self, seed: int) -> None:
        """Kaiming-normal for slope 0.25, zero biases, last convolution times 0.1.

        PyTorch's default lets the signal vanish through 16 plain layers and never starts to learn. The first
        convolution sees inputs around 0.45 rather than 0, so its bias subtracts that mean.
        """
        generator = torch.Generator().manual_seed(seed)
        convolutions = [m for m in self.body if isinstance(m, nn.Conv2d)]
        with torch.no_grad():
            for index, conv in enumerate(convolutions):
                fan_in = conv.in_channels * 9
                std = (2.0 / ((1 + 0.25**2) * fan_in)) ** 0.5
                conv.weight.copy_(torch.randn(conv.weight.shape, generator=generator) * std)
                conv.bias.zero_()
                if index == 0:
                    conv.weight.mul_(3.0)  # pixels spread about 0.25 around their mean, not 1
                    conv.bias.copy_(-0.45 * conv.weight.sum(dim=(1, 2, 3)))
            convolutions[-1].weight.mul_(0.1)
            for layer in self.body:
                if isinstance(layer, nn.PReLU):
                    layer.weight.fill_(0.25)

    def graft_body(self, state: dict[str, torch.Tensor]) -> None:
        """Takes every tensor but the last convolution from another network of the same width and depth."""
        last = f"body.{len(self.body) - 1}."
        own = self.state_dict()
        own.update({k: v for k, v in state.items() if not k.startswith(last)})
        self.load_state_dict(own)


def grid_strength(output: torch.Tensor, target: torch.Tensor, scale: int) -> torch.Tensor:
    """How unevenly detail is spread over the places in a block of `scale` x `scale` pixels, beyond the target's own; 0 is even.

    A nearest-neighbor base leaves larger steps at the edges of its blocks, and losses on strided features leave a weave inside them; both show in
    smooth areas. For each place the mean logarithm of the steps to the right and down and of the Laplacian is taken, so that smooth areas count as
    much as edges; the squared differences from the target's are summed. Images (n, c, h, w) in [0, 1], sides multiples of `scale`.
    """
    total = output.new_zeros(())
    both = [[], []]
    for marks, x in zip(both, (output, target)):
        inner = x[..., :-1, :-1]
        laplacian = 4 * x[..., 1:-1, 1:-1] - x[..., :-2, 1:-1] - x[..., 2:, 1:-1] - x[..., 1:-1, :-2] - x[..., 1:-1, 2:]
        for detail in (x[..., :-1, 1:] - inner, x[..., 1:, :-1] - inner, laplacian / 2):
            h, w = (s // scale * scale for s in detail.shape[-2:])
            blocks = torch.log(detail[..., :h, :w].abs() + 0.004).unflatten(-1, (w // scale, scale)).unflatten(-3, (h // scale, scale))
            place = blocks.mean((0, 1, 2, 4))
            marks.append(place - place.mean())
    for made, wanted in zip(*both):
        total = total + (made - wanted).square().sum() / scale
    return total


def weave_strength(output: torch.Tensor, target: torch.Tensor, scale: int, window: int = 8) -> torch.Tensor:
    """How far places in a block of `scale` x `scale` pixels are off in one direction all over a neighborhood: a pattern that repeats with the blocks.

    The mean error of each place over `window` x `window` blocks, less that of all places together, in absolute value, averaged. Errors
    of texture average out, a weave does not. Images as in `grid_strength`.
    """
    by_place = F.pixel_unshuffle(output - target, scale).unflatten(1, (output.shape[1], scale * scale))
    local = F.avg_pool2d(by_place.flatten(0, 1), window, window // 2)
    return (local - local.mean(1, keepdim=True)).abs().mean()
