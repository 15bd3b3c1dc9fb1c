"""Tiny RetinaFace detectors on both backbones, with priors, decoding and non-maximum suppression as the reference for the decoder.

`retina-face-mobilenet`: zip container, `module.` prefix. `retina-face-resnet`: legacy container, bare dictionary, block counts 1, 2, 1, 1.
Facts: Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild" (2019), and the released PyTorch networks.
Run: python -m golden.retina_face (in training/)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, store_checkpoint, store_io

STAGES = {1: [4, 4, 6, 6, 8, 8], 2: [12] * 6, 3: [16] * 2}
STRIDES = {1: [2, 1, 2, 1, 2, 1], 2: [2, 1, 1, 1, 1, 1], 3: [2, 1]}
BLOCKS = [1, 2, 1, 1]
WIDTH = 3
MEAN_BGR = torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
SIZES = [[16, 32], [64, 128], [256, 512]]


def conv_bn(s: TinyState, name: str, out_channels: int, in_channels: int, kernel: int) -> None:
    s.conv(f"{name}.0", out_channels, in_channels, kernel, bias=False)
    s.batch_norm(f"{name}.1", out_channels)


def make_mobilenet(s: TinyState) -> list[int]:
    width = 3
    for stage, widths in STAGES.items():
        for i, out in enumerate(widths):
            name = f"body.stage{stage}.{i}"
            if stage == 1 and i == 0:
                s.conv(f"{name}.0", out, 3, 3, bias=False, gain=0.02)
                s.batch_norm(f"{name}.1", out)
            else:
                s.conv(f"{name}.0", width, 1, 3, bias=False)
                s.batch_norm(f"{name}.1", width)
                s.conv(f"{name}.3", out, width, 1, bias=False)
                s.batch_norm(f"{name}.4", out)
            width = out
    return [widths[-1] for widths in STAGES.values()]


def make_resnet(s: TinyState) -> list[int]:
    s.conv("body.conv1", WIDTH, 3, 7, bias=False, gain=0.02)
    s.batch_norm("body.bn1", WIDTH)
    width, outs = WIDTH, []
    for layer, blocks in enumerate(BLOCKS, start=1):
        middle = WIDTH << (layer - 1)
        for block in range(blocks):
            name = f"body.layer{layer}.{block}"
            for k, (o, i, kernel) in enumerate([(middle, width, 1), (middle, middle, 3), (4 * middle, middle, 1)], start=1):
                s.conv(f"{name}.conv{k}", o, i, kernel, bias=False, gain=1.0)
                s.batch_norm(f"{name}.bn{k}", o)
            if block == 0:
                s.conv(f"{name}.downsample.0", 4 * middle, width, 1, bias=False, gain=0.7)
                s.batch_norm(f"{name}.downsample.1", 4 * middle)
            width = 4 * middle
        outs.append(width)
    return outs[1:]


def make_head(s: TinyState, widths: list[int], fpn: int) -> None:
    for i, width in enumerate(widths, start=1):
        conv_bn(s, f"fpn.output{i}", fpn, width, 1)
    for i in (1, 2):
        conv_bn(s, f"fpn.merge{i}", fpn, fpn, 3)
    for i in (1, 2, 3):
        conv_bn(s, f"ssh{i}.conv3X3", fpn // 2, fpn, 3)
        conv_bn(s, f"ssh{i}.conv5X5_1", fpn // 4, fpn, 3)
        for part in ("conv5X5_2", "conv7X7_2", "conv7x7_3"):
            conv_bn(s, f"ssh{i}.{part}", fpn // 4, fpn // 4, 3)
    for head, size in (("ClassHead", 2), ("BboxHead", 4), ("LandmarkHead", 10)):
        for i in range(3):
            s.conv(f"{head}.{i}.conv1x1", 2 * size, fpn, 1)


def unit(p: Tensors, name: str, x: torch.Tensor, slope: float | None, stride: int = 1, groups: int = 1, keys: tuple[str, str] = (".0", ".1")):
    kernel = p[name + keys[0] + ".weight"].shape[-1]
    x = batch_norm(p, name + keys[1], conv(p, name + keys[0], x, stride=stride, padding=kernel // 2, groups=groups))
    return x if slope is None else F.leaky_relu(x, slope)


def run_mobilenet(p: Tensors, x: torch.Tensor) -> list[torch.Tensor]:
    outs = []
    for stage, strides in STRIDES.items():
        for i, stride in enumerate(strides):
            name = f"body.stage{stage}.{i}"
            if f"{name}.3.weight" not in p:
                x = unit(p, name, x, 0.1, stride)
                continue
            x = unit(p, name, x, 0.1, stride, groups=x.shape[1])
            x = unit(p, name, x, 0.1, keys=(".3", ".4"))
        outs.append(x)
    return outs


def run_resnet(p: Tensors, x: torch.Tensor) -> list[torch.Tensor]:
    x = unit(p, "body", x, 0.0, 2, keys=(".conv1", ".bn1"))
    x = F.max_pool2d(x, 3, 2, 1)
    outs = []
    for layer, blocks in enumerate(BLOCKS, start=1):
        for block in range(blocks):
            name = f"body.layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = unit(p, name, x, 0.0, keys=(".conv1", ".bn1"))
            y = unit(p, name, y, 0.0, stride, keys=(".conv2", ".bn2"))
            y = unit(p, name, y, None, keys=(".conv3", ".bn3"))
            if block == 0:
                x = unit(p, f"{name}.downsample", x, None, stride)
            x = F.relu(x + y)
        outs.append(x)
    return outs[1:]


def run(p: Tensors, rgb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """RGB in [0, 1] to (boxes, class probabilities, landmarks), each (1, anchors, k)."""
    x = rgb.flip(1) * 255 - MEAN_BGR
    mobile = "body.stage1.0.0.weight" in p
    slope = 0.1 if mobile else 0.0
    maps = run_mobilenet(p, x) if mobile else run_resnet(p, x)
    o = [unit(p, f"fpn.output{i + 1}", m, slope) for i, m in enumerate(maps)]
    o[1] = unit(p, "fpn.merge2", o[1] + F.interpolate(o[2], size=o[1].shape[2:], mode="nearest"), slope)
    o[0] = unit(p, "fpn.merge1", o[0] + F.interpolate(o[1], size=o[0].shape[2:], mode="nearest"), slope)
    features = []
    for i, f in enumerate(o, start=1):
        a = unit(p, f"ssh{i}.conv3X3", f, None)
        b1 = unit(p, f"ssh{i}.conv5X5_1", f, slope)
        b = unit(p, f"ssh{i}.conv5X5_2", b1, None)
        c = unit(p, f"ssh{i}.conv7x7_3", unit(p, f"ssh{i}.conv7X7_2", b1, slope), None)
        features.append(F.relu(torch.cat([a, b, c], dim=1)))

    def head(kind: str, size: int) -> torch.Tensor:
        parts = [conv(p, f"{kind}.{i}.conv1x1", f).permute(0, 2, 3, 1).reshape(1, -1, size) for i, f in enumerate(features)]
        return torch.cat(parts, dim=1)

    return head("BboxHead", 4), head("ClassHead", 2).softmax(-1), head("LandmarkHead", 10)


def priors(height: int, width: int) -> torch.Tensor:
    rows = []
    for step, sizes in zip((8, 16, 32), SIZES):
        for row in range(math.ceil(height / step)):
            for column in range(math.ceil(width / step)):
                for size in sizes:
                    rows.append([(column + 0.5) * step / width, (row + 0.5) * step / height, size / width, size / height])
    return torch.tensor(rows)


def decode(boxes: torch.Tensor, landmarks: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """All anchors as x1, y1, x2, y2 and ten landmark numbers, in pixels."""
    prior = priors(height, width)
    scale = torch.tensor([width, height])
    center = prior[:, :2] + boxes[:, :2] * 0.1 * prior[:, 2:]
    size = prior[:, 2:] * torch.exp(boxes[:, 2:] * 0.2)
    points = [(prior[:, :2] + landmarks[:, 2 * k : 2 * k + 2] * 0.1 * prior[:, 2:]) * scale for k in range(5)]
    return torch.cat([(center - size / 2) * scale, (center + size / 2) * scale, *points], dim=1)


def suppress(rows: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    order, kept = scores.argsort(descending=True, stable=True).tolist(), []
    while order:
        best = order.pop(0)
        kept.append(best)
        order = [other for other in order if overlap(rows[best], rows[other]) <= threshold]
    return kept


def overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(width * height / (areas - width * height))


def main() -> None:
    height, width = 72, 104  # neither is a multiple of 32: map sizes round up
    for name, seed in (("retina-face-mobilenet", 3), ("retina-face-resnet", 5)):
        s = TinyState(seed)
        widths = make_mobilenet(s) if seed == 3 else make_resnet(s)
        make_head(s, widths, fpn=8)
        image = TinyState(seed + 1).uniform(1, 3, height, width, low=0, high=1)
        boxes, scores, landmarks = run(s.tensors, image)
        if seed == 3:
            store_checkpoint(name, {f"module.{key}": tensor for key, tensor in s.tensors.items()})
        else:
            store_checkpoint(name, s.tensors, legacy=True)
        rows = decode(boxes[0], landmarks[0], height, width)
        likely = torch.nonzero(scores[0, :, 1] > 0.5)[:, 0]
        kept = likely[suppress(rows[likely], scores[0, likely, 1], 0.4)]
        faces = torch.cat([rows[kept], scores[0, kept, 1:]], dim=1)
        print(f"{len(likely)} of {len(rows)} anchors above 0.5, {len(kept)} kept")
        store_io(name, input=image, box=boxes, score=scores, landmark=landmarks, decoded=rows, faces=faces)


if __name__ == "__main__":
    main()
