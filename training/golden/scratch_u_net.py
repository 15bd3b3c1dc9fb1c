"""Tiny scratch detectors: depth 2, eight channels; `model_state` beside an optimizer state in a zip container, and one with lines and context.

Facts: Wan et al., "Bringing Old Photos Back to Life" (CVPR 2020), and the released detection network; the second is as training/scratch_network.py has it.
Run: python -m golden.scratch_u_net (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, store_checkpoint, store_io, store_safetensors

DEPTH = 2
WIDTH = 8
LINE_SIZE, FAR, FAR_WIDTH = 9, 3, 6


def block(s: TinyState, name: str, in_channels: int, out_channels: int) -> None:
    s.conv(f"{name}.block.1", out_channels, in_channels, 3)
    s.batch_norm(f"{name}.block.2", out_channels)
    s.conv(f"{name}.block.5", out_channels, out_channels, 3)
    s.batch_norm(f"{name}.block.6", out_channels)


def make() -> TinyState:
    s = TinyState(seed=21)
    s.conv("first.1", WIDTH, 1, 7)
    for i in range(DEPTH):
        block(s, f"down_path.{i}", WIDTH << i, WIDTH << (i + 1))
    binomial = torch.tensor([1.0, 2.0, 1.0])
    filt = binomial[:, None] * binomial[None, :] / 16
    for i in range(DEPTH):
        width = WIDTH << i
        s.conv(f"down_sample.{i}.1", width, width, 3)
        s.batch_norm(f"down_sample.{i}.2", width)
        s.put(f"down_sample.{i}.4.filt", filt.expand(width, 1, 3, 3).clone())
    for i in range(DEPTH):
        width = WIDTH << (DEPTH - i)
        s.conv(f"up_path.{i}.up.2", width // 2, width, 3)
        block(s, f"up_path.{i}.conv_block", width, width // 2)
    s.conv("last.1", 1, WIDTH, 3)
    return s


def make_far() -> Tensors:
    s = make()
    s.put("lines.filt", s.normal(6, 1, LINE_SIZE, LINE_SIZE, scale=0.2))
    s.conv("lines.mix", WIDTH, 6, 3)
    s.conv("context.enter", FAR_WIDTH, WIDTH << DEPTH, 1)
    for i in range(FAR):
        s.conv(f"context.far.{i}", FAR_WIDTH, FAR_WIDTH, 3)
    s.conv("context.leave", WIDTH << DEPTH, FAR_WIDTH, 1)
    return s.tensors


def lines(p: Tensors, x: torch.Tensor) -> torch.Tensor:
    around = F.pad(x, [LINE_SIZE // 2] * 4, mode="replicate")
    return conv(p, "lines.mix", lrelu(F.conv2d(around, p["lines.filt"])), padding=1)


def context(p: Tensors, x: torch.Tensor) -> torch.Tensor:
    y = lrelu(conv(p, "context.enter", x))
    for i in range(FAR):
        spacing = 2 ** (i + 1)
        y = y + lrelu(F.conv2d(y, p[f"context.far.{i}.weight"], p[f"context.far.{i}.bias"], padding=spacing, dilation=spacing))
    return x + conv(p, "context.leave", y)


def reflect(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    padding = p[f"{name}.weight"].shape[-1] // 2
    return conv(p, name, F.pad(x, [padding] * 4, mode="reflect"))


def lrelu(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.2)


def run_block(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    x = lrelu(batch_norm(p, f"{name}.block.2", reflect(p, f"{name}.block.1", x)))
    return lrelu(batch_norm(p, f"{name}.block.6", reflect(p, f"{name}.block.5", x)))


def run(p: Tensors, x: torch.Tensor) -> torch.Tensor:
    first = lrelu(reflect(p, "first.1", x))
    x = first + lines(p, x) if "lines.filt" in p else first
    skips = []
    for i in range(DEPTH):
        skips.append(x)
        x = lrelu(batch_norm(p, f"down_sample.{i}.2", reflect(p, f"down_sample.{i}.1", x)))
        x = F.conv2d(F.pad(x, [1] * 4, mode="reflect"), p[f"down_sample.{i}.4.filt"], stride=2, groups=x.shape[1])
        x = run_block(p, f"down_path.{i}", x)
    if "context.enter.weight" in p:
        x = context(p, x)
    for i in range(DEPTH):
        up = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = torch.cat([reflect(p, f"up_path.{i}.up.2", up), skips.pop()], dim=1)
        x = run_block(p, f"up_path.{i}.conv_block", x)
    return torch.sigmoid(reflect(p, "last.1", x))


def main() -> None:
    tensors = make().tensors
    image = TinyState(seed=22).uniform(1, 1, 40, 56, low=-1, high=1)
    optimizer = {"state": {0: {"step": 5, "exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    store_checkpoint("scratch-u-net", {"epoch": 2, "model_state": tensors, "optimizer_state": optimizer})
    store_io("scratch-u-net", input=image, output=run(tensors, image))
    tensors = make_far()
    store_safetensors("scratch-u-net-far", tensors)
    store_io("scratch-u-net-far", input=image, output=run(tensors, image))


if __name__ == "__main__":
    main()
