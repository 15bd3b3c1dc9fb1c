"""A tiny MI-GAN of 16 pixels, bare dictionary in a zip container.

Facts: Sargsyan et al., "MI-GAN: A Simple Baseline for Image Inpainting on Mobile Devices" (ICCV 2023), and its released inference network.
Run: python -m golden.mi_gan (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, conv, store_checkpoint, store_io

WIDTHS = {4: 16, 8: 12, 16: 8}
SIZE = max(WIDTHS)
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0])


def separable(s: TinyState, name: str, in_channels: int, out_channels: int) -> None:
    s.conv(f"{name}.conv1", in_channels, 1, 3, gain=0.7)
    s.conv(f"{name}.conv2", out_channels, in_channels, 1, bias=False, gain=0.7)


def blur(channels: int, divisor: float) -> torch.Tensor:
    return (TAPS[:, None] * TAPS[None, :] / divisor).expand(channels, 1, 4, 4).clone()


def up_filter(s: TinyState, name: str, channels: int, size: int) -> None:
    keep = torch.zeros(1, 1, size, size)
    keep[:, :, ::2, ::2] = 1
    s.put(f"{name}.upsample.filter_const", keep)
    s.put(f"{name}.upsample.filter.weight", blur(channels, 16))


def make() -> Tensors:
    s = TinyState(seed=51)
    separable(s, "synthesis.b4.conv1", WIDTHS[4], WIDTHS[4])
    separable(s, "synthesis.b4.conv2", WIDTHS[4], WIDTHS[4])
    s.conv("synthesis.b4.torgb", 3, WIDTHS[4], 1, gain=0.4)
    for size in (8, 16):
        for part, width in (("conv1", WIDTHS[size // 2]), ("conv2", WIDTHS[size])):
            name = f"synthesis.b{size}.{part}"
            s.put(f"{name}.noise_strength", s.normal(1, scale=0.4)[0])
            s.put(f"{name}.noise_const", s.normal(size, size))
            separable(s, name, width, WIDTHS[size])
            if part == "conv1":
                up_filter(s, name, WIDTHS[size], size)
        s.conv(f"synthesis.b{size}.torgb", 3, WIDTHS[size], 1, gain=0.4)
        up_filter(s, f"synthesis.b{size}", 3, size)
    s.conv(f"encoder.b{SIZE}.fromrgb", WIDTHS[SIZE], 4, 1)
    for size in (16, 8, 4):
        separable(s, f"encoder.b{size}.conv1", WIDTHS[size], WIDTHS[size])
        separable(s, f"encoder.b{size}.conv2", WIDTHS[size], WIDTHS[max(4, size // 2)])
        if size > 4:
            s.put(f"encoder.b{size}.conv2.downsample.filter.weight", blur(WIDTHS[size], 64))
    return s.tensors


def act(x: torch.Tensor) -> torch.Tensor:
    return (F.leaky_relu(x, 0.2) * 2**0.5).clamp(-256, 256)


def upsample(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    x = F.interpolate(x, scale_factor=2, mode="nearest") * p[f"{name}.upsample.filter_const"]
    return F.conv2d(F.pad(x, (2, 1, 2, 1)), p[f"{name}.upsample.filter.weight"], groups=x.shape[1])


def run_separable(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    x = act(conv(p, f"{name}.conv1", x, padding=1, groups=x.shape[1]))
    if f"{name}.downsample.filter.weight" in p:
        x = F.conv2d(x, p[f"{name}.downsample.filter.weight"], stride=2, padding=1, groups=x.shape[1])
    x = conv(p, f"{name}.conv2", x)
    if f"{name}.upsample.filter.weight" in p:
        x = upsample(p, name, x)
    if f"{name}.noise_const" in p:
        x = x + p[f"{name}.noise_const"] * p[f"{name}.noise_strength"]
    return act(x)


def run(p: Tensors, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    known = 1 - mask
    x = act(conv(p, f"encoder.b{SIZE}.fromrgb", torch.cat([known - 0.5, image * known], dim=1)))
    features = {}
    for size in (16, 8, 4):
        features[size] = run_separable(p, f"encoder.b{size}.conv1", x)
        x = run_separable(p, f"encoder.b{size}.conv2", features[size])
    rgb = None
    for size in (4, 8, 16):
        x = run_separable(p, f"synthesis.b{size}.conv1", x) + features[size]
        x = run_separable(p, f"synthesis.b{size}.conv2", x)
        layer = conv(p, f"synthesis.b{size}.torgb", x)
        rgb = layer if rgb is None else upsample(p, f"synthesis.b{size}", rgb) + layer
    return mask * rgb + known * image


def main() -> None:
    tensors = make()
    image = TinyState(seed=52).uniform(1, 3, SIZE, SIZE, low=-1, high=1)
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[:, :, 3:12, 5:14] = 1
    store_checkpoint("mi-gan", tensors)
    store_io("mi-gan", input=image, mask=mask, output=run(tensors, image, mask))


if __name__ == "__main__":
    main()
