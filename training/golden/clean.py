"""Golden fixtures of the cleaning networks. Run from the repository root: python -m training.golden.clean"""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from training.golden.fixture import image, randomize, save


class DnCnn(nn.Module):
    def __init__(self, channels: int, features: int, convolutions: int, norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, features, 3, 1, 1), nn.ReLU()]
        for _ in range(convolutions - 2):
            layers.append(nn.Conv2d(features, features, 3, 1, 1))
            layers += [nn.BatchNorm2d(features), nn.ReLU()] if norm else [nn.ReLU()]
        layers.append(nn.Conv2d(features, channels, 3, 1, 1))
        self.model = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - self.model(x)


@torch.no_grad()
def golden(name: str, network: nn.Module, container: str, x: torch.Tensor, seed: int) -> None:
    randomize(network, seed)
    save(name, network.state_dict(), container, {"input": x, "output": network(x)})


def denoisers() -> None:
    golden("dn-cnn-gray", DnCnn(1, 12, 6, norm=False), "legacy", image(1, 15, 14, 81), 801)
    golden("dn-cnn-norm", DnCnn(3, 10, 5, norm=True), "zip", image(3, 14, 13, 82), 802)


if __name__ == "__main__":
    torch.set_num_threads(1)
    denoisers()
