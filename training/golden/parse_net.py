"""A tiny ParseNet: 32 by 48 pixel faces, four levels, bare dictionary in the legacy container.

Facts: the face parsing network of the facexlib toolbox, after Chen et al., "Progressive Semantic-Aware Style Transformation" (CVPR 2021).
Run: python -m golden.parse_net (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, store_checkpoint, store_io

WIDTHS = [4, 6, 8, 8, 8]
BODY = 2


def block(s: TinyState, name: str, in_channels: int, out_channels: int, resized: bool) -> None:
    if resized or in_channels != out_channels:
        s.conv(f"{name}.shortcut_func.conv2d", out_channels, in_channels, 3, gain=0.7)
    for k, width in ((1, in_channels), (2, out_channels)):
        s.conv(f"{name}.conv{k}.conv2d", out_channels, width, 3, bias=False, gain=0.9)
        s.batch_norm(f"{name}.conv{k}.norm.norm", out_channels)


def make() -> Tensors:
    s = TinyState(seed=31)
    s.conv("encoder.0.conv2d", WIDTHS[0], 3, 3)
    for i in range(4):
        block(s, f"encoder.{i + 1}", WIDTHS[i], WIDTHS[i + 1], resized=True)
    for i in range(BODY):
        block(s, f"body.{i}", WIDTHS[-1], WIDTHS[-1], resized=False)
    for i in range(4):
        block(s, f"decoder.{i}", WIDTHS[4 - i], WIDTHS[3 - i], resized=True)
    s.conv("out_img_conv.conv2d", 3, WIDTHS[0], 3)
    s.conv("out_mask_conv.conv2d", 19, WIDTHS[0], 3)
    return s.tensors


def reflect(p: Tensors, name: str, x: torch.Tensor, scale: str = "none") -> torch.Tensor:
    if scale == "up":
        x = F.interpolate(x, scale_factor=2, mode="nearest")
    return conv(p, f"{name}.conv2d", F.pad(x, [1] * 4, mode="reflect"), stride=2 if scale == "down" else 1)


def run_block(p: Tensors, name: str, x: torch.Tensor, scale: str) -> torch.Tensor:
    shortcut = reflect(p, f"{name}.shortcut_func", x, scale) if f"{name}.shortcut_func.conv2d.weight" in p else x
    y = reflect(p, f"{name}.conv1", x, "up" if scale == "up" else "none")
    y = F.leaky_relu(batch_norm(p, f"{name}.conv1.norm.norm", y), 0.2)
    y = reflect(p, f"{name}.conv2", y, "down" if scale == "down" else "none")
    return shortcut + batch_norm(p, f"{name}.conv2.norm.norm", y)


def run(p: Tensors, x: torch.Tensor) -> torch.Tensor:
    x = reflect(p, "encoder.0", x)
    for i in range(4):
        x = run_block(p, f"encoder.{i + 1}", x, "down")
    y = x
    for i in range(BODY):
        y = run_block(p, f"body.{i}", y, "none")
    x = x + y
    for i in range(4):
        x = run_block(p, f"decoder.{i}", x, "up")
    return reflect(p, "out_mask_conv", x)


def main() -> None:
    tensors = make()
    image = TinyState(seed=32).uniform(1, 3, 32, 48, low=-1, high=1)
    store_checkpoint("parse-net", tensors, legacy=True)
    store_io("parse-net", input=image, output=run(tensors, image))


if __name__ == "__main__":
    main()
