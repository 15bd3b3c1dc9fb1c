"""The two teachers of the face detector, YuNet-n and RetinaFace (MobileNet 0.25), read from ../shared/data/weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

from training.face_network import detect, from_state, overlap, suppress
from training.imaging import DATA

torch.backends.nnpack.set_flags(False)  # else it warns once a convolution where the processor lacks it
sys.path.insert(0, str(Path(__file__).resolve().parent))  # the reference networks import each other from there
from golden import retina_face  # noqa: E402

SIZES = [[10, 20], [32, 64], [128, 256]]
"""Sides of this network's anchors by level; it was trained with plain ReLU, too (see retina-face-slope.ts)."""
leaky_unit = retina_face.unit
retina_face.unit = lambda p, name, x, slope, *rest, **more: leaky_unit(p, name, x, None if slope is None else 0.0, *rest, **more)

Detector = Callable[[torch.Tensor], torch.Tensor]
"""(1, 3, h, w) RGB in [0, 1] to rows of box x1 y1 x2 y2, five points, score: best first, in pixels."""


def yu_net_teacher(threshold: float = 0.6) -> Detector:
    state = torch.load(DATA / "weights/face_yunet/weights/yunet_n.pth", map_location="cpu", weights_only=False)["state_dict"]
    net = from_state(state)
    return lambda rgb: detect(net, rgb, threshold)


def retina_face_teacher(threshold: float = 0.6) -> Detector:
    path = DATA / "weights/face_1mb_landmark/mobilenet0.25_Final.pth"
    state = {k.removeprefix("module."): v.float() for k, v in torch.load(path, map_location="cpu", weights_only=False).items()}
    memory: dict[tuple[int, int], torch.Tensor] = {}

    @torch.no_grad()
    def find(rgb: torch.Tensor) -> torch.Tensor:
        h, w = rgb.shape[-2:]
        boxes, classes, landmarks = retina_face.run(state, rgb)
        if (h, w) not in memory:
            memory[h, w] = priors(h, w)
        prior, size = memory[h, w], torch.tensor([w, h])
        scores = classes[0, :, 1]
        likely = (scores >= threshold).nonzero()[:, 0]
        prior, box, point = prior[likely], boxes[0, likely], landmarks[0, likely]
        center = prior[:, :2] + box[:, :2] * 0.1 * prior[:, 2:]
        extent = prior[:, 2:] * torch.exp(box[:, 2:] * 0.2)
        corners = torch.cat([(center - extent / 2) * size, (center + extent / 2) * size], 1)
        points = (prior[:, None, :2] + point.view(-1, 5, 2) * 0.1 * prior[:, None, 2:]) * size
        kept = suppress(corners, scores[likely], 0.4)
        return torch.cat([corners[kept], points[kept].flatten(1), scores[likely][kept, None]], 1)

    return find


def priors(height: int, width: int) -> torch.Tensor:
    """Center and size of all anchors as shares of width and height, in `retina_face.priors`' order but without its loops."""
    out = []
    for step, sizes in zip((8, 16, 32), SIZES):
        rows, columns = -(-height // step), -(-width // step)
        y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
        centers = torch.stack([x * step / width, y * step / height], -1)[:, :, None].expand(-1, -1, len(sizes), -1)
        extents = torch.tensor([[s / width, s / height] for s in sizes]).expand(rows, columns, -1, -1)
        out.append(torch.cat([centers, extents], -1).reshape(-1, 4))
    return torch.cat(out)


def at_sizes(find: Detector, rgb: torch.Tensor, long_sides: tuple[int, ...], threshold: float = 0.4) -> torch.Tensor:
    """Joint detections of one picture brought to several sizes, averaged, in its own pixels, best first."""
    found = []
    for side in long_sides:
        scale = side / max(rgb.shape[-2:])
        size = [max(16, round(s * scale)) for s in rgb.shape[-2:]]
        faces = find(F.interpolate(rgb, size=size, mode="bilinear", antialias=True, align_corners=False) if scale != 1 else rgb)
        ratio = torch.tensor([rgb.shape[-1] / size[1], rgb.shape[-2] / size[0]])
        found.append(torch.cat([faces[:, :14] * ratio.repeat(7), faces[:, 14:]], 1))
    faces = torch.cat(found)
    kept = suppress(faces[:, :4], faces[:, 14], threshold)
    same = (overlap(faces[kept, :4], faces[:, :4]) > 0.6).float() * faces[None, :, 14]  # rows: weights of the detections joined
    return torch.cat([(same @ faces[:, :14]) / same.sum(1, keepdim=True), faces[kept, 14:]], 1) if kept else faces[:0]
