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


class NafBlock(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1, features, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, features, 1, 1))
        self.conv1 = nn.Conv2d(features, 2 * features, 1)
        self.conv2 = nn.Conv2d(2 * features, 2 * features, 3, 1, 1, groups=2 * features)
        self.conv3 = nn.Conv2d(features, features, 1)
        self.sca = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(features, features, 1))
        self.conv4 = nn.Conv2d(features, 2 * features, 1)
        self.conv5 = nn.Conv2d(features, features, 1)
        self.norm1 = nn.LayerNorm(features, 1e-6)
        self.norm2 = nn.LayerNorm(features, 1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def norm(layer: nn.LayerNorm, value: torch.Tensor) -> torch.Tensor:
            return layer(value.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

        def gate(value: torch.Tensor) -> torch.Tensor:
            left, right = value.chunk(2, 1)
            return left * right

        y = gate(self.conv2(self.conv1(norm(self.norm1, x))))
        y = x + self.conv3(y * self.sca(y)) * self.beta
        return y + self.conv5(gate(self.conv4(norm(self.norm2, y)))) * self.gamma


class NafNet(nn.Module):
    def __init__(self, width: int, encoders: list[int], middle: int, decoders: list[int]) -> None:
        super().__init__()
        top = width * 2 ** len(encoders)

        def run(count: int, features: int) -> nn.Module:
            return nn.Sequential(*(NafBlock(features) for _ in range(count)))

        self.intro = nn.Conv2d(3, width, 3, 1, 1)
        self.ending = nn.Conv2d(width, 3, 3, 1, 1)
        self.encoders = nn.ModuleList(run(count, width * 2**level) for level, count in enumerate(encoders))
        self.downs = nn.ModuleList(nn.Conv2d(width * 2**level, width * 2 ** (level + 1), 2, 2) for level in range(len(encoders)))
        self.middle_blks = run(middle, top)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(top // 2**index, top * 2 // 2**index, 1, bias=False), nn.PixelShuffle(2))
            for index in range(len(decoders))
        )
        self.decoders = nn.ModuleList(run(count, top // 2 ** (index + 1)) for index, count in enumerate(decoders))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.intro(x)
        skips = []
        for encoder, down in zip(self.encoders, self.downs):
            y = encoder(y)
            skips.append(y)
            y = down(y)
        y = self.middle_blks(y)
        for decoder, up in zip(self.decoders, self.ups):
            y = decoder(up(y) + skips.pop())
        return self.ending(y) + x


class SwinLayer(nn.Module):
    def __init__(self, features: int, heads: int, window: int, hidden: int, shifted: bool) -> None:
        super().__init__()
        self.window, self.shift = window, window // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(features)
        self.attn = nn.Module()
        self.attn.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        place = torch.arange(window * window)
        rows, columns = place // window, place % window
        index = (rows[:, None] - rows[None] + window - 1) * (2 * window - 1) + columns[:, None] - columns[None] + window - 1
        self.attn.register_buffer("relative_position_index", index)
        self.attn.qkv = nn.Linear(features, 3 * features)
        self.attn.proj = nn.Linear(features, features)
        self.norm2 = nn.LayerNorm(features)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(features, hidden)
        self.mlp.fc2 = nn.Linear(hidden, features)
        if shifted:
            self.register_buffer("attn_mask", regions_mask(2 * window, 2 * window, window, self.shift, -100.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, h, w, _ = x.shape
        y = self.norm1(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        bias = self.attn.relative_position_bias_table[self.attn.relative_position_index].permute(2, 0, 1)
        mask = regions_mask(h, w, self.window, self.shift, -100.0) if self.shift else None
        y = window_attention(to_windows(y, self.window), self.attn.qkv, self.attn.proj, bias, mask)
        y = from_windows(y, self.window, h, w)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(x))))


def ending(features: int, three: bool) -> nn.Module:
    """What ends a group and the trunk: one convolution, or three around a narrow one."""
    if not three:
        return nn.Conv2d(features, features, 3, 1, 1)
    narrow = features // 4
    return nn.Sequential(
        nn.Conv2d(features, narrow, 3, 1, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, narrow, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, features, 3, 1, 1),
    )


class SwinGroup(nn.Module):
    def __init__(self, features: int, depth: int, heads: int, window: int, hidden: int, three: bool) -> None:
        super().__init__()
        self.residual_group = nn.Module()
        self.residual_group.blocks = nn.ModuleList(
            SwinLayer(features, heads, window, hidden, index % 2 == 1) for index in range(depth)
        )
        self.conv = ending(features, three)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for block in self.residual_group.blocks:
            y = block(y)
        return x + self.conv(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class SwinIr(nn.Module):
    """`upsampler` as in the published code; `span` is what [0, 1] is stretched to."""

    def __init__(
        self,
        features: int,
        depths: list[int],
        heads: int,
        window: int,
        upsampler: str,
        scale: int,
        channels: int = 3,
        up_features: int = 8,
        three: bool = False,
        span: float = 1.0,
    ) -> None:
        super().__init__()
        self.upsampler, self.scale, self.span = upsampler, scale, span
        mean = [0.4488, 0.4371, 0.4040] if channels == 3 else [0.0]
        self.mean = torch.tensor(mean).view(1, channels, 1, 1)
        self.conv_first = nn.Conv2d(channels, features, 3, 1, 1)
        self.patch_embed = nn.Module()
        self.patch_embed.norm = nn.LayerNorm(features)
        self.layers = nn.ModuleList(SwinGroup(features, depth, heads, window, 2 * features, three) for depth in depths)
        self.norm = nn.LayerNorm(features)
        self.conv_after_body = ending(features, three)
        factors = [2] * (scale.bit_length() - 1) if scale != 3 else [3]
        if upsampler in ("nearest+conv", "pixelshuffle"):
            self.conv_before_upsample = nn.Sequential(nn.Conv2d(features, up_features, 3, 1, 1), nn.LeakyReLU(0.01))
        if upsampler == "nearest+conv":
            self.ups = len(factors)
            for index in range(1, len(factors) + 1):
                setattr(self, f"conv_up{index}", nn.Conv2d(up_features, up_features, 3, 1, 1))
            self.conv_hr = nn.Conv2d(up_features, up_features, 3, 1, 1)
        elif upsampler == "pixelshuffle":
            layers: list[nn.Module] = []
            for factor in factors:
                layers += [nn.Conv2d(up_features, up_features * factor**2, 3, 1, 1), nn.PixelShuffle(factor)]
            self.upsample = nn.Sequential(*layers)
        elif upsampler == "pixelshuffledirect":
            self.upsample = nn.Sequential(nn.Conv2d(features, channels * scale**2, 3, 1, 1), nn.PixelShuffle(scale))
        if upsampler != "pixelshuffledirect":
            self.conv_last = nn.Conv2d(features if upsampler == "" else up_features, channels, 3, 1, 1)

    def forward(self, image_in: torch.Tensor) -> torch.Tensor:
        x = (image_in - self.mean) * self.span
        first = self.conv_first(x)
        y = self.patch_embed.norm(first.permute(0, 2, 3, 1))
        for layer in self.layers:
            y = layer(y)
        y = self.conv_after_body(self.norm(y).permute(0, 3, 1, 2)) + first
        if self.upsampler == "":
            y = x + self.conv_last(y)
        elif self.upsampler == "pixelshuffledirect":
            y = self.upsample(y)
        else:
            y = self.conv_before_upsample(y)
            if self.upsampler == "pixelshuffle":
                y = self.upsample(y)
            else:
                for index in range(1, self.ups + 1):
                    doubled = F.interpolate(y, scale_factor=2, mode="nearest")
                    y = F.leaky_relu(getattr(self, f"conv_up{index}")(doubled), 0.2)
                y = F.leaky_relu(self.conv_hr(y), 0.2)
            y = self.conv_last(y)
        return y / self.span + self.mean


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
    golden("naf-net", NafNet(6, [1, 2], 1, [1, 1]), "safetensors", image(3, 24, 32, 92), 902, gain=0.8)
    real = SwinIr(12, [2, 3], 2, 4, "nearest+conv", 4, three=True)
    golden("swin-ir-real-x4", real, "zip-ema", image(3, 12, 16, 93), 903, gain=0.8)
    golden("swin-ir-classical-x3", SwinIr(12, [2, 2], 3, 4, "pixelshuffle", 3), "zip", image(3, 8, 12, 94), 904, gain=0.8)
    golden("swin-ir-light-x2", SwinIr(8, [2, 2], 2, 4, "pixelshuffledirect", 2), "safetensors", image(3, 12, 8, 95), 905, gain=0.8)
    golden("swin-ir-jpeg", SwinIr(8, [2], 2, 7, "", 1, span=255.0), "zip", image(3, 14, 21, 96), 906, gain=0.8)
    golden("swin-ir-gray", SwinIr(8, [2, 1], 2, 4, "", 1, channels=1), "zip", image(1, 12, 16, 97), 907, gain=0.8)


if __name__ == "__main__":
    torch.set_num_threads(1)
    denoisers()
    attention_networks()
