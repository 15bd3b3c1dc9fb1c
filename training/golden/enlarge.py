"""Golden fixtures of the enlarging networks. Run from the repository root: python -m training.golden.enlarge"""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from training.golden.containers import image, randomize, save


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    compact()
    rrdb()
