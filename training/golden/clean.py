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


def window_attention(
    tokens: torch.Tensor, qkv: nn.Linear, out: nn.Linear, bias: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """tokens (n, windows, area, c), bias (heads, area, area), mask (windows, area, area)."""
    n, windows, area, channels = tokens.shape
    heads = bias.shape[0]
    q, k, v = qkv(tokens).reshape(n, windows, area, 3, heads, channels // heads).permute(3, 0, 1, 4, 2, 5)
    scores = q @ k.transpose(-1, -2) * (channels // heads) ** -0.5 + bias
    if mask is not None:
        scores = scores + mask[:, None]
    mixed = scores.softmax(-1) @ v
    return out(mixed.transpose(2, 3).reshape(n, windows, area, channels))


def to_windows(x: torch.Tensor, side: int) -> torch.Tensor:
    n, h, w, c = x.shape
    return x.view(n, h // side, side, w // side, side, c).transpose(2, 3).reshape(n, -1, side * side, c)


def from_windows(x: torch.Tensor, side: int, h: int, w: int) -> torch.Tensor:
    n, _, _, c = x.shape
    return x.view(n, h // side, w // side, side, side, c).transpose(2, 3).reshape(n, h, w, c)


def regions_mask(h: int, w: int, side: int, shift: int, penalty: float) -> torch.Tensor:
    """Pixels that were not neighbors before the roll do not see each other: regions are numbered and compared."""
    regions = torch.zeros(1, h, w, 1)
    number = 0
    for rows in (slice(0, -side), slice(-side, -shift), slice(-shift, None)):
        for columns in (slice(0, -side), slice(-side, -shift), slice(-shift, None)):
            regions[:, rows, columns] = number
            number += 1
    of_window = to_windows(regions, side)[0, :, :, 0]
    return torch.where(of_window[:, :, None] == of_window[:, None, :], 0.0, penalty)


class SwinAttention(nn.Module):
    """Parameters of SCUNet's window attention."""

    def __init__(self, channels: int, head: int, window: int) -> None:
        super().__init__()
        self.relative_position_params = nn.Parameter(torch.zeros(channels // head, 2 * window - 1, 2 * window - 1))
        self.embedding_layer = nn.Linear(channels, 3 * channels)
        self.linear = nn.Linear(channels, channels)


class ScuTransformer(nn.Module):
    def __init__(self, channels: int, head: int, window: int, shifted: bool) -> None:
        super().__init__()
        self.window, self.shifted = window, shifted
        self.ln1 = nn.LayerNorm(channels)
        self.msa = SwinAttention(channels, head, window)
        self.ln2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels))

    def attend(self, x: torch.Tensor) -> torch.Tensor:
        _, h, w, _ = x.shape
        side, shift = self.window, self.window // 2
        place = torch.arange(side * side)
        rows, columns = place // side, place % side
        table = self.msa.relative_position_params
        bias = table[:, rows[:, None] - rows[None] + side - 1, columns[:, None] - columns[None] + side - 1]
        mask = regions_mask(h, w, side, shift, float("-inf")) if self.shifted else None
        if self.shifted:
            x = torch.roll(x, (-shift, -shift), (1, 2))
        y = from_windows(window_attention(to_windows(x, side), self.msa.embedding_layer, self.msa.linear, bias, mask), side, h, w)
        return torch.roll(y, (shift, shift), (1, 2)) if self.shifted else y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attend(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class ScuBlock(nn.Module):
    def __init__(self, channels: int, head: int, window: int, shifted: bool) -> None:
        super().__init__()
        half = channels // 2
        self.trans_block = ScuTransformer(half, head, window, shifted)
        self.conv1_1 = nn.Conv2d(channels, channels, 1)
        self.conv1_2 = nn.Conv2d(channels, channels, 1)
        self.conv_block = nn.Sequential(
            nn.Conv2d(half, half, 3, 1, 1, bias=False), nn.ReLU(), nn.Conv2d(half, half, 3, 1, 1, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = self.conv1_1(x).chunk(2, 1)
        left = left + self.conv_block(left)
        right = self.trans_block(right.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + self.conv1_2(torch.cat([left, right], 1))


class ScuNet(nn.Module):
    def __init__(self, channels: int, features: int, blocks: list[int], head: int, window: int) -> None:
        super().__init__()

        def run(count: int, level: int) -> list[nn.Module]:
            return [ScuBlock(features * 2**level, head, window, index % 2 == 1) for index in range(count)]

        def down(level: int) -> nn.Module:
            return nn.Conv2d(features * 2**level, features * 2 ** (level + 1), 2, 2, bias=False)

        def up(level: int) -> nn.Module:
            return nn.ConvTranspose2d(features * 2 ** (level + 1), features * 2**level, 2, 2, bias=False)

        self.m_head = nn.Sequential(nn.Conv2d(channels, features, 3, 1, 1, bias=False))
        self.m_down1 = nn.Sequential(*run(blocks[0], 0), down(0))
        self.m_down2 = nn.Sequential(*run(blocks[1], 1), down(1))
        self.m_down3 = nn.Sequential(*run(blocks[2], 2), down(2))
        self.m_body = nn.Sequential(*run(blocks[3], 3))
        self.m_up3 = nn.Sequential(up(2), *run(blocks[4], 2))
        self.m_up2 = nn.Sequential(up(1), *run(blocks[5], 1))
        self.m_up1 = nn.Sequential(up(0), *run(blocks[6], 0))
        self.m_tail = nn.Sequential(nn.Conv2d(features, channels, 3, 1, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1 = self.m_head(x)
        x2 = self.m_down1(x1)
        x3 = self.m_down2(x2)
        x4 = self.m_down3(x3)
        y = self.m_up3(self.m_body(x4) + x4)
        y = self.m_up2(y + x3)
        y = self.m_up1(y + x2)
        return self.m_tail(y + x1)


@torch.no_grad()
def golden(name: str, network: nn.Module, container: str, x: torch.Tensor, seed: int, gain: float = 1.5) -> None:
    randomize(network, seed, gain)
    if container == "zip-half":
        network.half().float()
    save(name, network.state_dict(), container, {"input": x, "output": network(x)})


def denoisers() -> None:
    golden("dn-cnn-gray", DnCnn(1, 12, 6, norm=False), "legacy", image(1, 15, 14, 81), 801)
    golden("dn-cnn-norm", DnCnn(3, 10, 5, norm=True), "zip", image(3, 14, 13, 82), 802)


def attention_networks() -> None:
    # Two windows and more at the lowest resolution, so that the rolled windows matter at every one.
    golden("scu-net", ScuNet(3, 6, [1, 2, 1, 2, 1, 1, 1], 3, 4), "zip-half", image(3, 64, 96, 91), 901, gain=0.7)


if __name__ == "__main__":
    torch.set_num_threads(1)
    denoisers()
    attention_networks()
