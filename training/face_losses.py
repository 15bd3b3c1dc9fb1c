"""Assignment and losses of the face detector, dense over all cells so that nothing waits for the device."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from training.face_mosaic import Canvas
from training.face_network import decode, rows

SIZE_RANGES = ((8, 0.0, 46.0), (16, 32.0, 112.0), (32, 84.0, 1e9))
"""Stride and the face sizes (root of the area, px) it answers for; where they overlap both do."""
WEIGHTS = {"cls": 1.0, "obj": 1.0, "box": 3.0, "points": 8.0}


def assign(canvas: Canvas, corners: torch.Tensor, strides: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(n, cells): index of the face a cell answers for, 1 where it does, and the weight of its class losses."""
    center = (corners + 0.5) * strides
    boxes = canvas.boxes
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0.1).prod(-1).sqrt()
    off = (center[None, :, None] - middle[:, None]).abs().amax(-1)
    stride = strides[None]
    in_range = torch.zeros_like(off, dtype=torch.bool)
    for level, low, high in SIZE_RANGES:
        in_range |= (stride == level) & (size[:, None] >= low) & (size[:, None] < high)
    radius = torch.maximum(0.55 * stride, torch.minimum(0.25 * size[:, None], 1.5 * stride))
    real = canvas.weights[:, None] > 0
    score = torch.where((off <= radius) & in_range & real, off / size[:, None], torch.full_like(off, 1e9))
    best, face = score.min(-1)
    positive = best < 1e8
    near = ((off <= 1.7 * radius) & real & in_range).any(-1)
    x, y = center[None, :, None].unbind(-1)
    bad = canvas.ignored[:, None]
    ignored = ((x > bad[..., 0]) & (y > bad[..., 1]) & (x < bad[..., 2]) & (y < bad[..., 3])).any(-1)
    weight = (positive | ~(near | ignored)).float()
    return face, positive.float(), weight


def box_loss(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """EIoU (Zhang et al. 2021) of two lists of corner boxes, and their plain overlap."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    iou = both / (size_a.prod(-1) + size_b.prod(-1) - both).clamp(min=1e-3)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=1e-2)
    shift = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    distance = shift.pow(2).sum(-1) / hull.pow(2).sum(-1)
    return 1 - iou + distance + ((size_a - size_b) / hull).pow(2).sum(-1), iou


def face_losses(maps: list[torch.Tensor], canvas: Canvas) -> dict[str, torch.Tensor]:
    values, corners, strides = rows([m.float() for m in maps])
    _, boxes, points = decode(values, corners, strides)
    face, positive, weight = assign(canvas, corners, strides)
    count = positive.sum().clamp(min=1)
    wanted = lambda v: torch.gather(v, 1, face[..., None].expand(-1, -1, v.shape[-1]))
    target = wanted(canvas.boxes)
    loss_box, iou = box_loss(boxes, target)
    quality = positive * iou.detach().clamp(min=0.4).sqrt()
    loss_cls = (F.binary_cross_entropy_with_logits(values[..., 0], quality, reduction="none") * weight).sum() / count
    loss_obj = (F.binary_cross_entropy_with_logits(values[..., 1], positive, reduction="none") * weight).sum() / count
    size = (target[..., 2:] - target[..., :2]).clamp(min=1).prod(-1, keepdim=True).sqrt()
    trust = positive * torch.gather(canvas.point_weights, 1, face)
    off = F.smooth_l1_loss(points / size, wanted(canvas.points) / size, beta=0.03, reduction="none").mean(-1)
    parts = {"cls": loss_cls, "obj": loss_obj, "box": (loss_box * positive).sum() / count, "points": (off * trust).sum() / trust.sum().clamp(min=1)}
    loss = sum(WEIGHTS[k] * v for k, v in parts.items())
    found = (values[..., 0].sigmoid() * values[..., 1].sigmoid()).sqrt()
    with torch.no_grad():
        parts |= {"iou": (iou * positive).sum() / count, "score": (found * positive).sum() / count,
                  "false": ((found > 0.5) * (1 - positive) * weight).sum() / len(values), "faces": canvas.weights.sum() / len(values)}
    return {"loss": loss, **parts}
