"""A tiny scratch detector: depth 2, eight channels; `model_state` beside an optimizer state in a zip container.

Facts: Wan et al., "Bringing Old Photos Back to Life" (CVPR 2020), and the released detection network.
Run: python -m golden.scratch_u_net (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, store_checkpoint, store_io

DEPTH = 2
WIDTH = 8


def block(s: TinyState, name: str, in_channels: int, out_channels: int) -> None:
    s.conv(f"{name}.block.1", out_channels, in_channels, 3)
    s.batch_norm(f"{name}.block.2", out_channels)
    s.conv(f"{name}.block.5", out_channels, out_channels, 3)
    s.batch_norm(f"{name}.block.6", out_channels)


def make() -> Tensors:
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
    return s.tensors


def reflect(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    padding = p[f"{name}.weight"].shape[-1] // 2
    return conv(p, name, F.pad(x, [padding] * 4, mode="reflect"))


def lrelu(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.2)


def run_block(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    x = lrelu(batch_norm(p, f"{name}.block.2", reflect(p, f"{name}.block.1", x)))
    return lrelu(batch_norm(p, f"{name}.block.6", reflect(p, f"{name}.block.5", x)))


def run(p: Tensors, x: torch.Tensor) -> torch.Tensor:
    x = lrelu(reflect(p, "first.1", x))
    skips = []
    for i in range(DEPTH):
        skips.append(x)
        x = lrelu(batch_norm(p, f"down_sample.{i}.2", reflect(p, f"down_sample.{i}.1", x)))
        x = F.conv2d(F.pad(x, [1] * 4, mode="reflect"), p[f"down_sample.{i}.4.filt"], stride=2, groups=x.shape[1])
        x = run_block(p, f"down_path.{i}", x)
    for i in range(DEPTH):
        up = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = torch.cat([reflect(p, f"up_path.{i}.up.2", up), skips.pop()], dim=1)
        x = run_block(p, f"up_path.{i}.conv_block", x)
    return torch.sigmoid(reflect(p, "last.1", x))


def main() -> None:
    tensors = make()
    image = TinyState(seed=22).uniform(1, 1, 40, 56, low=-1, high=1)
    optimizer = {"state": {0: {"step": 5, "exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    store_checkpoint("scratch-u-net", {"epoch": 2, "model_state": tensors, "optimizer_state": optimizer})
    store_io("scratch-u-net", input=image, output=run(tensors, image))


if __name__ == "__main__":
    main()
