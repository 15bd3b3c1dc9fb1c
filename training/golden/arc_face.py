"""Two tiny ArcFace backbones: one with squeeze and excitation, one without, 32 by 32 pixel faces, embeddings of 12 numbers.

Facts: the IR-SE-50 of the facexlib toolbox, in the layout of InsightFace_Pytorch, after Deng et al., "ArcFace" (CVPR 2019): four stages, the first block of each
at stride 2, and a vector of length 1 at the end.
Run: python -m golden.arc_face (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, linear, store_checkpoint, store_io

WIDTHS = [4, 6, 8, 10]
BLOCKS = [2, 1, 2, 1]
LENGTH = 12
SIZE = 32


def slopes(s: TinyState, name: str, channels: int) -> None:
    s.put(f"{name}.weight", s.uniform(channels, low=0.05, high=0.5))


def make(seed: int, excited: bool) -> Tensors:
    s = TinyState(seed)
    s.conv("input_layer.0", WIDTHS[0], 3, 3, bias=False)
    s.batch_norm("input_layer.1", WIDTHS[0])
    slopes(s, "input_layer.2", WIDTHS[0])
    index, before = 0, WIDTHS[0]
    for width, count in zip(WIDTHS, BLOCKS):
        for _ in range(count):
            if width != before:
                s.conv(f"body.{index}.shortcut_layer.0", width, before, 1, bias=False, gain=0.8)
                s.batch_norm(f"body.{index}.shortcut_layer.1", width)
            layer = f"body.{index}.res_layer"
            s.batch_norm(f"{layer}.0", before)
            s.conv(f"{layer}.1", width, before, 3, bias=False)
            slopes(s, f"{layer}.2", width)
            s.conv(f"{layer}.3", width, width, 3, bias=False)
            s.batch_norm(f"{layer}.4", width)
            if excited:
                s.conv(f"{layer}.5.fc1", 2, width, 1, bias=False)
                s.conv(f"{layer}.5.fc2", width, 2, 1, bias=False)
            index, before = index + 1, width
    side = SIZE // 2 ** len(WIDTHS)
    s.batch_norm("output_layer.0", before)
    s.linear("output_layer.3", LENGTH, before * side * side)
    s.batch_norm("output_layer.4", LENGTH)
    return s.tensors


def prelu(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.prelu(x, p[f"{name}.weight"])


def run_block(p: Tensors, index: int, x: torch.Tensor, first: bool) -> torch.Tensor:
    key, stride = f"body.{index}", 2 if first else 1
    y = conv(p, f"{key}.res_layer.1", batch_norm(p, f"{key}.res_layer.0", x), padding=1)
    y = conv(p, f"{key}.res_layer.3", prelu(p, f"{key}.res_layer.2", y), stride=stride, padding=1)
    y = batch_norm(p, f"{key}.res_layer.4", y)
    if f"{key}.res_layer.5.fc1.weight" in p:
        gate = F.relu(conv(p, f"{key}.res_layer.5.fc1", F.adaptive_avg_pool2d(y, 1)))
        y = y * torch.sigmoid(conv(p, f"{key}.res_layer.5.fc2", gate))
    if f"{key}.shortcut_layer.0.weight" in p:
        x = batch_norm(p, f"{key}.shortcut_layer.1", conv(p, f"{key}.shortcut_layer.0", x, stride=stride))
    else:
        x = F.max_pool2d(x, 1, stride)
    return y + x


def run(p: Tensors, x: torch.Tensor) -> torch.Tensor:
    x = prelu(p, "input_layer.2", batch_norm(p, "input_layer.1", conv(p, "input_layer.0", x, padding=1)))
    index = 0
    for count in BLOCKS:
        for block in range(count):
            x = run_block(p, index, x, first=block == 0)
            index += 1
    x = linear(p, "output_layer.3", batch_norm(p, "output_layer.0", x).flatten(1))
    return F.normalize(batch_norm(p, "output_layer.4", x))


def main() -> None:
    for name, seed, excited in (("arc-face-excited", 71, True), ("arc-face-plain", 73, False)):
        tensors = make(seed, excited)
        faces = TinyState(seed + 1).uniform(2, 3, SIZE, SIZE, low=-1, high=1)
        store_checkpoint(name, tensors, legacy=excited)
        store_io(name, input=faces, embedding=run(tensors, faces))


if __name__ == "__main__":
    main()
