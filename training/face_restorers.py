"""The two shapes of face restorer that are compared: a degradation-removal U-Net, and the same with GFPGAN's generative prior.

Keys and structure are GFPGANv1Clean's (Wang et al., CVPR 2021; `src/engine/architectures/gfpgan-v1-clean.ts`), scaled down to crops of 256 pixels.
`FaceUNet` is its U-Net alone: the last toRGB is added to the input (`src/engine/architectures/face-u-net.ts`).
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

SIDE = 256
WIDTHS = {256: 48, 128: 80, 64: 112, 32: 144, 16: 176, 8: 208}
PRIOR_UNET = {256: 32, 128: 48, 64: 64, 32: 80, 16: 96, 8: 96, 4: 64}
PRIOR_STYLE = {256: 48, 128: 64, 64: 96, 32: 128, 16: 128, 8: 128, 4: 128}
STYLE = 96


def lrelu(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.2)


def scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class ResBlock(nn.Module):
    """Two convolutions around a change of size, beside a 1 x 1 one."""

    def __init__(self, inputs: int, outputs: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.conv1 = nn.Conv2d(inputs, inputs, 3, 1, 1)
        self.conv2 = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = lrelu(self.conv1(x))
        y = lrelu(self.conv2(scaled(y, self.factor)))
        return y + self.skip(scaled(x, self.factor))


class FaceUNet(nn.Module):
    """(n, 3, 256, 256) in [-1, 1] to the same, restored; in training also the smaller sizes' pictures, coarsest first."""

    def __init__(self, widths: dict[int, int] = WIDTHS) -> None:
        super().__init__()
        down = sorted(widths, reverse=True)
        up = down[::-1]
        self.conv_body_first = nn.Conv2d(3, widths[down[0]], 1)
        self.conv_body_down = nn.ModuleList(ResBlock(widths[a], widths[b], 0.5) for a, b in zip(down, down[1:]))
        self.final_conv = nn.Conv2d(widths[up[0]], widths[up[0]], 3, 1, 1)
        self.conv_body_up = nn.ModuleList(ResBlock(widths[a], widths[b], 2) for a, b in zip(up, up[1:]))
        self.toRGB = nn.ModuleList(nn.Conv2d(widths[b], 3, 1) for b in up[1:])

    def initialize(self, seed: int) -> None:
        torch.manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            if isinstance(module, ResBlock):
                module.conv2.weight.data.mul_(0.5)
                module.skip.weight.data.mul_(0.7)
        for last in self.toRGB:
            nn.init.zeros_(last.weight)

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        y = lrelu(self.conv_body_first(x))
        stack = []
        for block in self.conv_body_down:
            stack.append(y)
            y = block(y)
        y = lrelu(self.final_conv(y))
        out = []
        for block in self.conv_body_up:
            y = block(y) + stack.pop()
            out.append(y)
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        features = self.features(x)
        if not self.training:
            return x + self.toRGB[-1](features[-1])
        return [F.adaptive_avg_pool2d(x, f.shape[-1]) + rgb(f) for rgb, f in zip(self.toRGB, features)]


class Modulated(nn.Module):
    """StyleGAN2's modulated convolution; written as scaled inputs and outputs, which batches."""

    def __init__(self, inputs: int, outputs: int, kernel: int, demodulate: bool) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2))  # the published file has a first axis of 1
        self.modulation = nn.Linear(STYLE, inputs)
        nn.init.ones_(self.modulation.bias)
        nn.init.normal_(self.modulation.weight, std=0.02)

    def forward(self, x: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        style = self.modulation(latent)
        y = F.conv2d(x * style[:, :, None, None], self.weight, padding=self.weight.shape[-1] // 2)
        if not self.demodulate:
            return y
        power = torch.einsum("oikl,ni->no", self.weight.float() ** 2, style.float() ** 2)
        return y * torch.rsqrt(power + 1e-8)[:, :, None, None].to(y.dtype)


class StyleConv(nn.Module):
    """Modulated convolution, bias, leaky ReLU; the noise of the published network has weight zero here: results repeat."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1))
        self.modulated_conv = Modulated(inputs, outputs, 3, demodulate=True)

    def forward(self, x: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return lrelu(self.modulated_conv(x, latent) * 2**0.5 + self.bias)


class ToRgb(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        self.modulated_conv = Modulated(inputs, 3, 1, demodulate=False)
        self.modulated_conv.weight.data.mul_(0.3)

    def forward(self, x: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        return self.modulated_conv(x, latent) + self.bias


class Decoder(nn.Module):
    """The generative prior: a StyleGAN2 of bilinear enlargements."""

    def __init__(self, sizes: list[int], widths: dict[int, int]) -> None:
        super().__init__()
        self.constant_input = nn.Module()
        self.constant_input.weight = nn.Parameter(torch.randn(1, widths[4], 4, 4))
        self.style_conv1 = StyleConv(widths[4], widths[4])
        self.to_rgb1 = ToRgb(widths[4])
        self.style_convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        before = widths[4]
        for size in sizes:
            self.style_convs += [StyleConv(before, widths[size]), StyleConv(widths[size], widths[size])]
            self.to_rgbs.append(ToRgb(widths[size]))
            before = widths[size]


class GfpganSmall(nn.Module):
    """GFPGANv1Clean for 256 pixels: (n, 3, 256, 256) in [-1, 1] to the same; in training also the U-Net's smaller pictures."""

    def __init__(self) -> None:
        super().__init__()
        up = [8 << i for i in range(6)]
        self.conv_body_first = nn.Conv2d(3, PRIOR_UNET[SIDE], 1)
        down = [SIDE] + [SIDE >> (i + 1) for i in range(6)]
        self.conv_body_down = nn.ModuleList(ResBlock(PRIOR_UNET[a], PRIOR_UNET[b], 0.5) for a, b in zip(down, down[1:]))
        self.final_conv = nn.Conv2d(PRIOR_UNET[4], PRIOR_UNET[4], 3, 1, 1)
        self.conv_body_up = nn.ModuleList(ResBlock(PRIOR_UNET[max(4, s // 2)], PRIOR_UNET[s], 2) for s in up)
        self.toRGB = nn.ModuleList(nn.Conv2d(PRIOR_UNET[s], 3, 1) for s in up)
        self.latents = 2 * 8 - 2
        self.final_linear = nn.Linear(PRIOR_UNET[4] * 16, self.latents * STYLE)
        self.stylegan_decoder = Decoder(up, PRIOR_STYLE)
        make = lambda s: nn.Sequential(nn.Conv2d(PRIOR_UNET[s], PRIOR_UNET[s], 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(PRIOR_UNET[s], PRIOR_STYLE[s] // 2, 3, 1, 1))
        self.condition_scale = nn.ModuleList(make(s) for s in up)
        self.condition_shift = nn.ModuleList(make(s) for s in up)
        for scale in self.condition_scale:
            nn.init.ones_(scale[2].bias)

    def initialize(self, seed: int) -> None:
        torch.manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                module.weight.data.mul_(0.7)

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        y = lrelu(self.conv_body_first(x))
        stack = []
        for block in self.conv_body_down:
            y = block(y)
            stack.append(y)
        y = lrelu(self.final_conv(y))
        latents = self.final_linear(y.flatten(1)).view(-1, self.latents, STYLE)
        side, features = [], []
        for block, rgb, scale, shift in zip(self.conv_body_up, self.toRGB, self.condition_scale, self.condition_shift):
            y = block(y + stack.pop())
            features.append((scale(y), shift(y)))
            side.append(rgb(y))
        d = self.stylegan_decoder
        z = d.style_conv1(d.constant_input.weight.expand(x.shape[0], -1, -1, -1).to(y.dtype), latents[:, 0])
        out = d.to_rgb1(z, latents[:, 1])
        for k, (scale, shift) in enumerate(features):
            i = 1 + 2 * k
            z = d.style_convs[2 * k](scaled(z, 2), latents[:, i])
            keep, change = z.chunk(2, dim=1)
            z = torch.cat([keep, change * scale + shift], dim=1)
            z = d.style_convs[2 * k + 1](z, latents[:, i + 1])
            out = d.to_rgbs[k](z, latents[:, i + 2]) + scaled(out, 2)
        return side[:-1] + [out] if self.training else out
