"""LaMa's generator (Suvorov et al., WACV 2022), narrower, with its keys (`src/engine/architectures/la-ma.ts`), and the context encoder.

The fast Fourier convolution works on two branches: local 3 x 3 convolutions, and a global one whose 1 x 1 convolution acts on the
spectrum of the whole map, so that every pixel sees the whole picture.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HALVINGS, BLOCKS, GLOBAL_SHARE = 32, 3, 6, 0.75


def reflect_conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, padding_mode="reflect")


class FourierUnit(nn.Module):
    """A 1 x 1 convolution, norm and ReLU on the real and imaginary parts of the spectrum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        with torch.autocast(x.device.type, enabled=False):
            f = torch.fft.rfftn(x.float().contiguous(), dim=(-2, -1), norm="ortho")
            f = torch.stack([f.real, f.imag], dim=2).view(n, 2 * c, h, w // 2 + 1)
        f = F.relu(self.bn(self.conv_layer(f.contiguous(memory_format=torch.channels_last))))
        with torch.autocast(x.device.type, enabled=False):
            f = f.float().contiguous().view(n, c, 2, h, w // 2 + 1)
            return torch.fft.irfftn(torch.complex(f[:, :, 0], f[:, :, 1]), s=(h, w), dim=(-2, -1), norm="ortho")


class SpectralTransform(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(inputs, outputs // 2, 1, bias=False), nn.BatchNorm2d(outputs // 2), nn.ReLU())
        self.fu = FourierUnit(outputs // 2)
        self.conv2 = nn.Conv2d(outputs // 2, outputs, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t = self.conv1(x)
        return self.conv2(t + self.fu(t).to(t.dtype))


class FfcParts(nn.Module):
    def __init__(self, inputs: tuple[int, int], outputs: tuple[int, int], kernel: int, stride: int) -> None:
        super().__init__()
        self.convl2l = reflect_conv(inputs[0], outputs[0], kernel, stride)
        if outputs[1]:
            self.convl2g = reflect_conv(inputs[0], outputs[1], kernel, stride)
        if inputs[1]:
            self.convg2l = reflect_conv(inputs[1], outputs[0], kernel, stride)
            self.convg2g = SpectralTransform(inputs[1], outputs[1])


class Ffc(nn.Module):
    """Fourier convolution, norms and ReLU from (local, global) to (local, global); a width of 0 leaves a branch out."""

    def __init__(self, inputs: tuple[int, int], outputs: tuple[int, int], kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.ffc = FfcParts(inputs, outputs, kernel, stride)
        self.bn_l = nn.BatchNorm2d(outputs[0])
        if outputs[1]:
            self.bn_g = nn.BatchNorm2d(outputs[1])

    def forward(self, local: torch.Tensor, wide: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        y = self.ffc.convl2l(local)
        g = self.ffc.convl2g(local) if hasattr(self.ffc, "convl2g") else None
        if wide is not None:
            y = y + self.ffc.convg2l(wide)
            g = g + self.ffc.convg2g(wide)
        return F.relu(self.bn_l(y)), None if g is None else F.relu(self.bn_g(g))


class FfcBlock(nn.Module):
    def __init__(self, local: int, wide: int) -> None:
        super().__init__()
        self.conv1 = Ffc((local, wide), (local, wide))
        self.conv2 = Ffc((local, wide), (local, wide))

    def forward(self, local: torch.Tensor, wide: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = self.conv2(*self.conv1(local, wide))
        return local + a, wide + b


class LaMa(nn.Module):
    """Image (n, 3, h, w) in [0, 1] and mask (n, 1, h, w), 1 where to fill; sides multiples of 8. Gives the generated picture, [0, 1]."""

    def __init__(self, width: int = WIDTH, halvings: int = HALVINGS, blocks: int = BLOCKS) -> None:
        super().__init__()
        top = width * 2**halvings
        wide = int(top * GLOBAL_SHARE)
        local = top - wide
        layers: dict[str, nn.Module] = {"1": Ffc((4, 0), (width, 0), 7)}
        for i in range(halvings):
            inputs = (width * 2**i, 0)
            outputs = (local, wide) if i == halvings - 1 else (width * 2 ** (i + 1), 0)
            layers[str(2 + i)] = Ffc(inputs, outputs, 3, 2)
        first = 2 + halvings
        for i in range(blocks):
            layers[str(first + i)] = FfcBlock(local, wide)
        index, channels = first + blocks + 1, top
        for _ in range(halvings):
            layers[str(index)] = nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, 1)
            layers[str(index + 1)] = nn.BatchNorm2d(channels // 2)
            index, channels = index + 3, channels // 2
        self.first_block, self.blocks, self.halvings, self.last = first, blocks, halvings, str(index + 1)
        layers[self.last] = nn.Conv2d(channels, 3, 7, 1, 3, padding_mode="reflect")
        self.model = nn.ModuleDict(layers)

    def initialize(self, seed: int) -> None:
        torch.manual_seed(seed)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight, a=0.0)
                if isinstance(module, nn.ConvTranspose2d):
                    module.weight.data.mul_(1.4)
        self.model[self.last].weight.data.mul_(0.2)
        for i in range(self.blocks):  # residual branches small to begin with
            block = self.model[str(self.first_block + i)]
            for norm in (block.conv2.bn_l, block.conv2.bn_g):
                nn.init.constant_(norm.weight, 0.3)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        local, wide = self.model["1"](torch.cat([image * (1 - mask), mask], 1), None)
        for i in range(self.halvings):
            local, wide = self.model[str(2 + i)](local, wide)
        for i in range(self.blocks):
            local, wide = self.model[str(self.first_block + i)](local, wide)
        x = torch.cat([local, wide], 1)
        index = self.first_block + self.blocks + 1
        for _ in range(self.halvings):
            x = F.relu(self.model[str(index + 1)](self.model[str(index)](x)))
            index += 3
        return torch.sigmoid(self.model[self.last](x).float())


CENTER_MEAN = (2 * 117 / 255 - 1, 2 * 104 / 255 - 1, 2 * 123 / 255 - 1)


class ContextEncoder(nn.Module):
    """The context encoder of Pathak et al. (CVPR 2016), bottleneck form: 128 x 128 in [-1, 1] with its middle masked to the middle 64 x 64.

    Keys `main.N` and the index of each layer as `src/engine/architectures/context-encoder.ts` reads them; narrower than the paper's.
    """

    def __init__(self, width: int = 32, bottleneck: int = 512) -> None:
        super().__init__()
        w = width
        plan = [("s", 3, w), ("s", w, w), ("s", w, 2 * w), ("s", 2 * w, 4 * w), ("s", 4 * w, 8 * w), ("b", 8 * w, bottleneck),
                ("f", bottleneck, 8 * w), ("u", 8 * w, 4 * w), ("u", 4 * w, 2 * w), ("u", 2 * w, w), ("u", w, 3)]
        layers: dict[str, nn.Module] = {}
        index = 0
        self.plan = []
        for position, (kind, inputs, outputs) in enumerate(plan):
            normalized = 0 < position < len(plan) - 1
            if kind in "sb":
                layers[str(index)] = nn.Conv2d(inputs, outputs, 4, 2 if kind == "s" else 1, 1 if kind == "s" else 0)
            else:
                layers[str(index)] = nn.ConvTranspose2d(inputs, outputs, 4, 1 if kind == "f" else 2, 0 if kind == "f" else 1)
            if normalized:
                layers[str(index + 1)] = nn.BatchNorm2d(outputs)
            self.plan.append((index, kind, normalized))
            index += 3 if normalized else 2
        self.main = nn.ModuleDict(layers)
        self.register_buffer("mean", torch.tensor(CENTER_MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The middle (n, 3, 64, 64) in [-1, 1]."""
        x = image * (1 - mask) + self.mean * mask
        for position, (index, kind, normalized) in enumerate(self.plan):
            x = self.main[str(index)](x)
            if normalized:
                x = self.main[str(index + 1)](x)
            if position < len(self.plan) - 1:
                x = F.relu(x) if kind in "fu" else F.leaky_relu(x, 0.2)
        return torch.tanh(x.float())
