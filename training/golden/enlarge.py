"""Golden fixtures of the enlarging networks. Run from the repository root: python -m training.golden.enlarge"""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from training.golden.fixture import image, randomize, save


def nearest(x: torch.Tensor, factor: int) -> torch.Tensor:
    return F.interpolate(x, scale_factor=factor, mode="nearest")


class Compact(nn.Module):
    """SRVGGNetCompact."""

    def __init__(self, features: int, convolutions: int, scale: int, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, features, 3, 1, 1), nn.PReLU(features)]
        for _ in range(convolutions):
            layers += [nn.Conv2d(features, features, 3, 1, 1), nn.PReLU(features)]
        layers.append(nn.Conv2d(features, channels * scale * scale, 3, 1, 1))
        self.body = nn.ModuleList(layers)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for layer in self.body:
            y = layer(y)
        return F.pixel_shuffle(y, self.scale) + nearest(x, self.scale)


class DenseBlock(nn.Module):
    def __init__(self, features: int, growth: int, plus: bool) -> None:
        super().__init__()
        for index in range(1, 6):
            outputs = features if index == 5 else growth
            setattr(self, f"conv{index}", nn.Conv2d(features + (index - 1) * growth, outputs, 3, 1, 1))
        self.conv1x1 = nn.Conv2d(features, growth, 1, bias=False) if plus else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [x]
        for index in range(1, 5):
            y = F.leaky_relu(getattr(self, f"conv{index}")(torch.cat(parts, 1)), 0.2)
            if self.conv1x1 is not None and index == 2:
                y = y + self.conv1x1(x)
            if self.conv1x1 is not None and index == 4:
                y = y + parts[2]
            parts.append(y)
        return self.conv5(torch.cat(parts, 1)) * 0.2 + x


class ResidualDense(nn.Module):
    def __init__(self, features: int, growth: int, plus: bool) -> None:
        super().__init__()
        for index in range(1, 4):
            setattr(self, f"rdb{index}", DenseBlock(features, growth, plus))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rdb3(self.rdb2(self.rdb1(x))) * 0.2 + x


class Rrdb(nn.Module):
    """RRDBNet; `unshuffle` takes the image apart first, `doublings` enlarge it afterwards."""

    def __init__(
        self, features: int, blocks: int, growth: int, doublings: int, unshuffle: int = 1, plus: bool = False, channels: int = 3
    ) -> None:
        super().__init__()
        self.unshuffle, self.doublings = unshuffle, doublings
        self.conv_first = nn.Conv2d(channels * unshuffle**2, features, 3, 1, 1)
        self.body = nn.ModuleList(ResidualDense(features, growth, plus) for _ in range(blocks))
        self.conv_body = nn.Conv2d(features, features, 3, 1, 1)
        for index in range(1, doublings + 1):
            setattr(self, f"conv_up{index}", nn.Conv2d(features, features, 3, 1, 1))
        self.conv_hr = nn.Conv2d(features, features, 3, 1, 1)
        self.conv_last = nn.Conv2d(features, channels, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.conv_first(F.pixel_unshuffle(x, self.unshuffle) if self.unshuffle > 1 else x)
        y = first
        for block in self.body:
            y = block(y)
        y = self.conv_body(y) + first
        for index in range(1, self.doublings + 1):
            y = F.leaky_relu(getattr(self, f"conv_up{index}")(nearest(y, 2)), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(y), 0.2))


def renamed(network: Rrdb, layout: str) -> dict[str, torch.Tensor]:
    """The state dict under the middle or old key names."""
    blocks, ups = len(network.body), network.doublings
    result = {}
    for key, value in network.state_dict().items():
        stem, _, kind = key.rpartition(".")
        parts = stem.split(".")
        if parts[0] == "body":
            dense = f"{parts[1]}.RDB{parts[2][3:]}.{parts[3]}"
            if layout == "middle":
                new = f"RRDB_trunk.{dense}"
            else:
                new = f"model.1.sub.{dense}" + ("" if parts[3] == "conv1x1" else ".0")
        elif layout == "middle":
            new = {"conv_body": "trunk_conv", "conv_hr": "HRconv"}.get(stem, stem.replace("conv_up", "upconv"))
        elif stem.startswith("conv_up"):
            new = f"model.{3 * int(stem[7:])}"
        else:
            numbers = {"conv_first": "0", "conv_body": f"1.sub.{blocks}", "conv_hr": 3 * ups + 2, "conv_last": 3 * ups + 4}
            new = f"model.{numbers[stem]}"
        result[f"{new}.{kind}"] = value
    return result


@torch.no_grad()
def golden(name: str, network: nn.Module, container: str, x: torch.Tensor, seed: int, state: dict | None = None) -> None:
    randomize(network, seed)
    if isinstance(network, Rrdb) and state is not None:
        state = renamed(network, state["layout"])
    save(name, state or network.state_dict(), container, {"input": x, "output": network(x)})


def compact() -> None:
    golden("compact-x4", Compact(12, 4, 4), "zip-ema", image(3, 13, 17, 11), 101)
    golden("compact-x2-gray", Compact(10, 3, 2, channels=1), "safetensors", image(1, 16, 9, 12), 102)
    golden("compact-x1", Compact(8, 5, 1), "legacy", image(3, 10, 12, 13, count=2), 103)


def rrdb() -> None:
    golden("rrdb-x4-new", Rrdb(8, 2, 4, 2), "zip-ema", image(3, 9, 11, 21), 201)
    golden("rrdb-x2-unshuffled", Rrdb(8, 2, 4, 2, unshuffle=2), "zip-ema", image(3, 12, 14, 22), 202)
    golden("rrdb-x1-unshuffled", Rrdb(8, 1, 4, 2, unshuffle=4), "safetensors", image(3, 12, 16, 23), 203)
    golden("rrdb-x4-middle", Rrdb(8, 3, 4, 2), "legacy", image(3, 9, 8, 24), 204, {"layout": "middle"})
    golden("rrdb-x4-old", Rrdb(8, 2, 4, 2), "zip", image(3, 8, 10, 25), 205, {"layout": "old"})
    golden("rrdb-x1-old", Rrdb(8, 1, 4, 0), "zip", image(3, 10, 10, 26), 206, {"layout": "old"})
    golden("rrdb-x2-old", Rrdb(8, 1, 4, 1), "safetensors", image(3, 8, 9, 27), 207, {"layout": "old"})
    golden("rrdb-x8-old", Rrdb(8, 1, 4, 3), "module", image(3, 6, 7, 28), 208, {"layout": "old"})
    golden("rrdb-plus-x4-old", Rrdb(8, 2, 4, 2, plus=True), "zip", image(3, 8, 8, 29), 209, {"layout": "old"})


class Residual(nn.Module):
    """x + scale * conv2(relu(conv1(x)))."""

    def __init__(self, features: int, scale: float = 1.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, 1, 1)
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.scale * self.conv2(F.relu(self.conv1(x)))


class Msr(nn.Module):
    """MSRResNet."""

    def __init__(self, features: int, blocks: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.factors = [2, 2] if scale == 4 else [scale]
        self.conv_first = nn.Conv2d(3, features, 3, 1, 1)
        self.body = nn.ModuleList(Residual(features) for _ in range(blocks))
        for index, factor in enumerate(self.factors, 1):
            setattr(self, f"upconv{index}", nn.Conv2d(features, features * factor**2, 3, 1, 1))
        self.conv_hr = nn.Conv2d(features, features, 3, 1, 1)
        self.conv_last = nn.Conv2d(features, 3, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.leaky_relu(self.conv_first(x), 0.1)
        for block in self.body:
            y = block(y)
        for index, factor in enumerate(self.factors, 1):
            y = F.leaky_relu(F.pixel_shuffle(getattr(self, f"upconv{index}")(y), factor), 0.1)
        y = self.conv_last(F.leaky_relu(self.conv_hr(y), 0.1))
        return y + F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)


class Edsr(nn.Module):
    def __init__(self, features: int, blocks: int, scale: int, residual_scale: float) -> None:
        super().__init__()
        factors = [2, 2] if scale == 4 else [scale]
        self.conv_first = nn.Conv2d(3, features, 3, 1, 1)
        self.body = nn.ModuleList(Residual(features, residual_scale) for _ in range(blocks))
        self.conv_after_body = nn.Conv2d(features, features, 3, 1, 1)
        layers: list[nn.Module] = []
        for factor in factors:
            layers += [nn.Conv2d(features, features * factor**2, 3, 1, 1), nn.PixelShuffle(factor)]
        self.upsample = nn.Sequential(*layers)
        self.conv_last = nn.Conv2d(features, 3, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = torch.tensor([0.4488, 0.4371, 0.4040]).view(1, 3, 1, 1)
        first = self.conv_first((x - mean) * 255)
        y = first
        for block in self.body:
            y = block(y)
        return self.conv_last(self.upsample(self.conv_after_body(y) + first)) / 255 + mean


def edsr_original(network: Edsr) -> dict[str, torch.Tensor]:
    blocks = len(network.body)
    result = {"sub_mean.weight": torch.eye(3).view(3, 3, 1, 1), "sub_mean.bias": torch.tensor([0.4488, 0.4371, 0.4040]) * -255}
    for key, value in network.state_dict().items():
        stem, _, kind = key.rpartition(".")
        if stem.startswith("body."):
            _, index, conv = stem.split(".")
            stem = f"body.{index}.body.{0 if conv == 'conv1' else 2}"
        else:
            names = {"conv_first": "head.0", "conv_after_body": f"body.{blocks}", "conv_last": "tail.1"}
            stem = names.get(stem, stem.replace("upsample", "tail.0"))
        result[f"{stem}.{kind}"] = value
    result |= {"add_mean.weight": torch.eye(3).view(3, 3, 1, 1), "add_mean.bias": torch.tensor([0.4488, 0.4371, 0.4040]) * 255}
    return result


class NormalizedResidual(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, 1, 1)
        self.bn1 = nn.BatchNorm2d(features)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bn2(self.conv2(self.prelu(self.bn1(self.conv1(x)))))


class ShuffleUp(nn.Module):
    def __init__(self, features: int, factor: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(features, features * factor**2, 3, 1, 1)
        self.prelu = nn.PReLU()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.prelu(F.pixel_shuffle(self.conv(x), self.factor))


class SrResNet(nn.Module):
    """SRResNet in the paper's form with numbered blocks; `tanh` maps the output to [0, 1] through (tanh + 1) / 2."""

    def __init__(self, features: int, blocks: int, doublings: int, tanh: bool) -> None:
        super().__init__()
        self.blocks, self.tanh = blocks, tanh
        self.block1 = nn.Sequential(nn.Conv2d(3, features, 9, 1, 4), nn.PReLU())
        for index in range(blocks):
            setattr(self, f"block{index + 2}", NormalizedResidual(features))
        setattr(self, f"block{blocks + 2}", nn.Sequential(nn.Conv2d(features, features, 3, 1, 1), nn.BatchNorm2d(features)))
        ups = [ShuffleUp(features, 2) for _ in range(doublings)]
        setattr(self, f"block{blocks + 3}", nn.Sequential(*ups, nn.Conv2d(features, 3, 9, 1, 4)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.block1(x)
        y = first
        for index in range(2, self.blocks + 3):
            y = getattr(self, f"block{index}")(y)
        y = getattr(self, f"block{self.blocks + 3}")(y + first)
        return (torch.tanh(y) + 1) / 2 if self.tanh else y


def sr_res_net_trunk(network: SrResNet) -> dict[str, torch.Tensor]:
    """The same network under the names of the layout with a trunk."""
    steps = {"conv1": 0, "bn1": 1, "prelu": 2, "conv2": 3, "bn2": 4}
    result = {}
    for key, value in network.state_dict().items():
        parts = key.split(".")
        number = int(parts[0][5:])
        rest = ".".join(parts[1:])
        if number == 1:
            new = f"conv1.{rest}"
        elif number < network.blocks + 2:
            new = f"trunk.{number - 2}.rcb.{steps[parts[1]]}.{parts[2]}"
        elif number == network.blocks + 2:
            new = f"conv2.{rest}"
        elif len(parts) == 3:
            new = f"conv3.{parts[2]}"
        else:
            new = f"upsampling.{parts[1]}.upsample_block.{0 if parts[2] == 'conv' else 2}.{parts[3]}"
        result[new] = value
    return result


class Srcnn(nn.Module):
    def __init__(self, channels: int, features: tuple[int, int], kernels: tuple[int, int, int], scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.conv1 = nn.Conv2d(channels, features[0], kernels[0], 1, kernels[0] // 2)
        self.conv2 = nn.Conv2d(features[0], features[1], kernels[1], 1, kernels[1] // 2)
        self.conv3 = nn.Conv2d(features[1], channels, kernels[2], 1, kernels[2] // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.scale > 1:
            x = F.interpolate(x, scale_factor=self.scale, mode="bicubic", align_corners=False)
        return self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))


class Espcn(nn.Module):
    def __init__(self, channels: int, features: tuple[int, int], scale: int) -> None:
        super().__init__()
        self.first_part = nn.Sequential(
            nn.Conv2d(channels, features[0], 5, 1, 2), nn.Tanh(), nn.Conv2d(features[0], features[1], 3, 1, 1), nn.Tanh()
        )
        self.last_part = nn.Sequential(nn.Conv2d(features[1], channels * scale**2, 3, 1, 1), nn.PixelShuffle(scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last_part(self.first_part(x))


def residual_networks() -> None:
    golden("msr-res-net-x4", Msr(8, 3, 4), "zip-ema", image(3, 9, 10, 31), 301)
    golden("msr-res-net-x3", Msr(8, 2, 3), "safetensors", image(3, 10, 9, 32), 302)
    network = Msr(8, 2, 2)
    randomize(network, 303)
    older = {k.replace("body.", "recon_trunk.").replace("conv_hr", "HRconv"): v for k, v in network.state_dict().items()}
    golden("msr-res-net-x2-middle", network, "legacy", image(3, 8, 11, 33), 303, older)
    golden("edsr-x4", Edsr(8, 3, 4, 1.0), "zip-ema", image(3, 9, 8, 41), 401)
    golden("edsr-x3", Edsr(8, 2, 3, 1.0), "safetensors", image(3, 8, 9, 42), 402)
    network = Edsr(8, 2, 2, 1.0)
    golden("edsr-x2-original", network, "legacy", image(3, 10, 9, 43), 403, edsr_original(network))
    golden("sr-res-net-x4", SrResNet(8, 3, 2, tanh=True), "zip", image(3, 12, 10, 51), 501)
    network = SrResNet(8, 2, 1, tanh=False)
    golden("sr-res-net-x2-trunk", network, "module", image(3, 11, 10, 52), 502, sr_res_net_trunk(network))


def small_networks() -> None:
    golden("srcnn", Srcnn(1, (16, 8), (9, 1, 5), 1), "zip", image(1, 18, 20, 61), 601)
    golden("srcnn-x3", Srcnn(3, (12, 8), (9, 5, 5), 3), "zip", image(3, 9, 8, 62), 602)
    golden("espcn-x3", Espcn(1, (16, 8), 3), "zip", image(1, 12, 11, 71), 701)
    network = Espcn(3, (12, 8), 2)
    names = {"first_part.0": "conv1", "first_part.2": "conv2", "last_part.0": "conv3"}
    state = {f"{names[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": v for k, v in network.state_dict().items()}
    golden("espcn-x2-rgb", network, "safetensors", image(3, 9, 12, 72), 702, state)


if __name__ == "__main__":
    torch.set_num_threads(1)
    compact()
    rrdb()
    residual_networks()
    small_networks()
