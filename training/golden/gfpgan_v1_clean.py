"""A tiny GFPGANv1Clean: 32-pixel faces, style dimension 12. Legacy container with `params_ema`, as the published files.

Facts: Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior" (CVPR 2021), and the released clean network.
Run: python -m golden.gfpgan_v1_clean (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, conv, linear, store_checkpoint, store_io

SIZE = 32
LEVELS = 5  # log2(SIZE)
STYLE = 12
UNET = {4: 8, 8: 8, 16: 6, 32: 4}
STYLEGAN = {size: 2 * channels for size, channels in UNET.items()}
LATENTS = 2 * LEVELS - 2


def make() -> Tensors:
    s = TinyState(seed=1)
    sizes_down = [SIZE >> (i + 1) for i in range(LEVELS - 2)]
    sizes_up = [8 << i for i in range(LEVELS - 2)]
    s.conv("conv_body_first", UNET[SIZE], 3, 1)
    width = UNET[SIZE]
    for i, size in enumerate(sizes_down):
        res_block(s, f"conv_body_down.{i}", width, UNET[size])
        width = UNET[size]
    s.conv("final_conv", UNET[4], width, 3)
    width = UNET[4]
    for i, size in enumerate(sizes_up):
        res_block(s, f"conv_body_up.{i}", width, UNET[size])
        width = UNET[size]
    for i, size in enumerate(sizes_up):
        s.conv(f"toRGB.{i}", 3, UNET[size], 1)
    s.linear("final_linear", LATENTS * STYLE, UNET[4] * 16)
    for i in range(8):
        s.linear(f"stylegan_decoder.style_mlp.{2 * i + 1}", STYLE, STYLE)
    s.put("stylegan_decoder.constant_input.weight", s.normal(1, STYLEGAN[4], 4, 4))
    style_conv(s, "style_conv1", STYLEGAN[4], STYLEGAN[4])
    to_rgb(s, "to_rgb1", STYLEGAN[4])
    width = STYLEGAN[4]
    for i, size in enumerate(sizes_up):
        style_conv(s, f"style_convs.{2 * i}", STYLEGAN[size], width)
        style_conv(s, f"style_convs.{2 * i + 1}", STYLEGAN[size], STYLEGAN[size])
        width = STYLEGAN[size]
    for i, size in enumerate(sizes_up):
        to_rgb(s, f"to_rgbs.{i}", STYLEGAN[size])
    for i in range(2 * (LEVELS - 2) + 1):
        side = 4 << ((i + 1) // 2)
        s.put(f"stylegan_decoder.noises.noise{i}", s.normal(1, 1, side, side))
    for kind in ("condition_scale", "condition_shift"):
        for i, size in enumerate(sizes_up):
            s.conv(f"{kind}.{i}.0", UNET[size], UNET[size], 3)
            s.conv(f"{kind}.{i}.2", STYLEGAN[size] // 2, UNET[size], 3)
    return s.tensors


def res_block(s: TinyState, name: str, in_channels: int, out_channels: int) -> None:
    s.conv(f"{name}.conv1", in_channels, in_channels, 3)
    s.conv(f"{name}.conv2", out_channels, in_channels, 3)
    s.conv(f"{name}.skip", out_channels, in_channels, 1, bias=False, gain=0.7)


def modulated(s: TinyState, name: str, out_channels: int, in_channels: int, kernel: int) -> None:
    s.put(f"{name}.weight", s.normal(1, out_channels, in_channels, kernel, kernel, scale=1 / (in_channels * kernel * kernel) ** 0.5))
    s.put(f"{name}.modulation.weight", s.normal(in_channels, STYLE, scale=0.2))
    s.put(f"{name}.modulation.bias", 1 + s.normal(in_channels, scale=0.2))


def style_conv(s: TinyState, name: str, out_channels: int, in_channels: int) -> None:
    name = f"stylegan_decoder.{name}"
    s.put(f"{name}.weight", s.normal(1, scale=0.3))
    s.put(f"{name}.bias", s.normal(1, out_channels, 1, 1, scale=0.2))
    modulated(s, f"{name}.modulated_conv", out_channels, in_channels, 3)


def to_rgb(s: TinyState, name: str, in_channels: int) -> None:
    name = f"stylegan_decoder.{name}"
    s.put(f"{name}.bias", s.normal(1, 3, 1, 1, scale=0.2))
    modulated(s, f"{name}.modulated_conv", 3, in_channels, 1)


def lrelu(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.2)


def resize(x: torch.Tensor, factor: float) -> torch.Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def run_res_block(p: Tensors, name: str, x: torch.Tensor, factor: float) -> torch.Tensor:
    a = lrelu(conv(p, f"{name}.conv1", x, padding=1))
    a = lrelu(conv(p, f"{name}.conv2", resize(a, factor), padding=1))
    return a + conv(p, f"{name}.skip", resize(x, factor))


def run_modulated(p: Tensors, name: str, x: torch.Tensor, latent: torch.Tensor, demodulate: bool) -> torch.Tensor:
    weight = p[f"{name}.weight"]
    style = linear(p, f"{name}.modulation", latent).view(1, 1, -1, 1, 1)
    weight = weight * style
    if demodulate:
        weight = weight * torch.rsqrt(weight.pow(2).sum([2, 3, 4], keepdim=True) + 1e-8)
    return F.conv2d(x, weight[0], padding=weight.shape[-1] // 2)


def run_style_conv(p: Tensors, name: str, x: torch.Tensor, latent: torch.Tensor, noise: torch.Tensor, up: bool = False) -> torch.Tensor:
    name = f"stylegan_decoder.{name}"
    if up:
        x = resize(x, 2)
    m = run_modulated(p, f"{name}.modulated_conv", x, latent, demodulate=True) * 2**0.5
    return lrelu(m + p[f"{name}.weight"] * noise + p[f"{name}.bias"])


def run_to_rgb(p: Tensors, name: str, x: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
    name = f"stylegan_decoder.{name}"
    return run_modulated(p, f"{name}.modulated_conv", x, latent, demodulate=False) + p[f"{name}.bias"]


def run(p: Tensors, x: torch.Tensor) -> torch.Tensor:
    f = lrelu(conv(p, "conv_body_first", x))
    stack = []
    for i in range(LEVELS - 2):
        f = run_res_block(p, f"conv_body_down.{i}", f, 0.5)
        stack.append(f)
    f = lrelu(conv(p, "final_conv", f, padding=1))
    latents = linear(p, "final_linear", f.flatten(1)).view(-1, LATENTS, STYLE)
    conditions = []
    for i in range(LEVELS - 2):
        f = run_res_block(p, f"conv_body_up.{i}", f + stack.pop(), 2)
        both = [conv(p, f"{k}.{i}.2", lrelu(conv(p, f"{k}.{i}.0", f, padding=1)), padding=1) for k in ("condition_scale", "condition_shift")]
        conditions.append(both)
    noises = [p[f"stylegan_decoder.noises.noise{i}"] for i in range(2 * (LEVELS - 2) + 1)]
    x = run_style_conv(p, "style_conv1", p["stylegan_decoder.constant_input.weight"], latents[:, 0], noises[0])
    rgb = run_to_rgb(p, "to_rgb1", x, latents[:, 1])
    for k, (scale, shift) in enumerate(conditions):
        i = 1 + 2 * k
        x = run_style_conv(p, f"style_convs.{2 * k}", x, latents[:, i], noises[i], up=True)
        keep, change = x.chunk(2, dim=1)
        x = torch.cat([keep, change * scale + shift], dim=1)
        x = run_style_conv(p, f"style_convs.{2 * k + 1}", x, latents[:, i + 1], noises[i + 1])
        rgb = run_to_rgb(p, f"to_rgbs.{k}", x, latents[:, i + 2]) + resize(rgb, 2)
    return rgb


def main() -> None:
    tensors = make()
    image = TinyState(seed=2).uniform(1, 3, SIZE, SIZE, low=-1, high=1)
    store_checkpoint("gfpgan-v1-clean", {"params_ema": tensors}, legacy=True)
    store_io("gfpgan-v1-clean", input=image, output=run(tensors, image))


if __name__ == "__main__":
    main()
