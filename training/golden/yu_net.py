"""A tiny YuNet, in a zip container with `meta` and optimizer state beside `state_dict`, with the decoded rows as reference.

Facts: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023), and the released network.
Run: python -m golden.yu_net (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, store_checkpoint, store_io

STAGES = [(3, 8, 8), (8, 12), (12, 12), (12, 12), (12, 12), (12, 12)]
POOL_AFTER = (0, 2, 3, 4)
TAKE = (3, 4, 5)


def make() -> Tensors:
    s = TinyState(seed=7)

    def unit(name: str, in_channels: int, out_channels: int, norm: bool = True) -> None:
        s.conv(f"{name}.conv1", out_channels, in_channels, 1, gain=1.4 if norm else 0.5)
        s.conv(f"{name}.conv2", out_channels, 1, 3, gain=1.0)
        if norm:
            s.batch_norm(f"{name}.bn", out_channels)

    _, middle, width = STAGES[0]
    s.conv("backbone.model0.conv1", middle, 3, 3, gain=0.004)
    unit("backbone.model0.conv2", middle, width)
    s.batch_norm("backbone.model0.bn1", middle)
    for i, (in_channels, out_channels) in enumerate(STAGES[1:], start=1):
        unit(f"backbone.model{i}.conv1", in_channels, in_channels)
        unit(f"backbone.model{i}.conv2", in_channels, out_channels)
    width = STAGES[-1][1]
    for i in range(3):
        unit(f"neck.lateral_convs.{i}", width, width)
    for i in range(3):
        unit(f"bbox_head.multi_level_share_convs.{i}.0", width, width)
    for head, size in (("cls", 1), ("bbox", 4), ("obj", 1), ("kps", 10)):
        for i in range(3):
            unit(f"bbox_head.multi_level_{head}.{i}", width, size, norm=False)
    return s.tensors


def run_unit(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    x = conv(p, f"{name}.conv1", x)
    x = conv(p, f"{name}.conv2", x, padding=1, groups=x.shape[1])
    return F.relu(batch_norm(p, f"{name}.bn", x)) if f"{name}.bn.weight" in p else x


def run(p: Tensors, rgb: torch.Tensor) -> dict[str, torch.Tensor]:
    x = rgb.flip(1) * 255
    maps = []
    for i in range(6):
        name = f"backbone.model{i}"
        if i == 0:
            x = F.relu(batch_norm(p, f"{name}.bn1", conv(p, f"{name}.conv1", x, stride=2, padding=1)))
            x = run_unit(p, f"{name}.conv2", x)
        else:
            x = run_unit(p, f"{name}.conv2", run_unit(p, f"{name}.conv1", x))
        if i in TAKE:
            maps.append(x)
        if i in POOL_AFTER:
            x = F.max_pool2d(x, 2)
    for i in (2, 1):
        maps[i] = run_unit(p, f"neck.lateral_convs.{i}", maps[i])
        maps[i - 1] = maps[i - 1] + F.interpolate(maps[i], scale_factor=2.0, mode="nearest")
    maps[0] = run_unit(p, "neck.lateral_convs.0", maps[0])
    outputs = {}
    for i, (stride, feature) in enumerate(zip((8, 16, 32), maps)):
        feature = run_unit(p, f"bbox_head.multi_level_share_convs.{i}.0", feature)
        for head in ("cls", "obj", "bbox", "kps"):
            y = run_unit(p, f"bbox_head.multi_level_{head}.{i}", feature)
            y = y.permute(0, 2, 3, 1).reshape(1, -1, y.shape[1])
            outputs[f"{head}_{stride}"] = y.sigmoid() if head in ("cls", "obj") else y
    return outputs


def decode(outputs: dict[str, torch.Tensor], width: int) -> torch.Tensor:
    """All cells as x, y, w, h, ten landmark numbers and the score, in pixels."""
    rows = []
    for stride in (8, 16, 32):
        cls, obj, box, points = (outputs[f"{head}_{stride}"][0] for head in ("cls", "obj", "bbox", "kps"))
        columns = width // stride
        for cell in range(len(box)):
            corner = torch.tensor([cell % columns, cell // columns], dtype=torch.float32)
            center = (corner + box[cell, :2]) * stride
            size = torch.exp(box[cell, 2:]) * stride
            landmarks = ((points[cell].view(5, 2) + corner) * stride).flatten()
            score = torch.sqrt(cls[cell].clamp(0, 1) * obj[cell].clamp(0, 1))
            rows.append(torch.cat([center - size / 2, size, landmarks, score]))
    return torch.stack(rows)


def main() -> None:
    tensors = make()
    height, width = 64, 96
    image = TinyState(seed=8).uniform(1, 3, height, width, low=0, high=1)
    outputs = run(tensors, image)
    momenta = {i: {"momentum_buffer": torch.zeros_like(t)} for i, t in enumerate(list(tensors.values())[:3])}
    optimizer = {"state": momenta, "param_groups": [{"lr": 0.01, "momentum": 0.9, "params": [0, 1, 2]}]}
    store_checkpoint("yu-net", {"meta": {"epoch": 640, "iter": 1}, "state_dict": tensors, "optimizer": optimizer})
    store_io("yu-net", input=image, decoded=decode(outputs, width), **outputs)


if __name__ == "__main__":
    main()
