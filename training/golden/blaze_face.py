"""Tiny BlazeFace detectors in the front (128 px) and back (256 px) layouts, as bare dictionaries.

Facts: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019), and the MediaPipe networks in PyTorch.
Run: python -m golden.blaze_face (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, conv, store_checkpoint, store_io

# (layer index, output channels, stride) after the stem; the published layouts, narrower and, for the back network, shorter.
FRONT = {
    "backbone1": [(2, 8, 1), (3, 10, 1), (4, 10, 2), (5, 12, 1), (6, 12, 1), (7, 14, 2), (8, 14, 1), (9, 16, 1), (10, 16, 1), (11, 18, 1), (12, 20, 1)],
    "backbone2": [(0, 24, 2), (1, 24, 1), (2, 24, 1), (3, 24, 1), (4, 24, 1)],
}
BACK = {
    "backbone": [(i, 8, 1) for i in range(2, 9)]
    + [(9, 8, 2)]
    + [(i, 8, 1) for i in range(10, 17)]
    + [(17, 10, 2)]
    + [(i, 10, 1) for i in range(18, 25)]
    + [(25, 12, 2)]
    + [(i, 12, 1) for i in range(26, 33)],
    "final": [(None, 12, 2)],
}


def make(seed: int, layout: dict) -> Tensors:
    s = TinyState(seed)
    width = 8
    s.conv(f"{next(iter(layout))}.0", width, 3, 5)
    tap = width
    for part, layers in layout.items():
        for index, out, _ in layers:
            name = part if index is None else f"{part}.{index}"
            s.conv(f"{name}.convs.0", width, 1, 3, gain=0.5)
            s.conv(f"{name}.convs.1", out, width, 1, gain=0.5)
            width = out
        tap = tap if part in ("backbone2", "final") else width
    for name, channels, out in (("classifier_8", tap, 2), ("classifier_16", width, 6), ("regressor_8", tap, 32), ("regressor_16", width, 96)):
        s.conv(name, out, channels, 1)
    return s.tensors


def block(p: Tensors, name: str, x: torch.Tensor, stride: int) -> torch.Tensor:
    h = x
    if stride == 2:
        h = F.pad(x, (0, 2, 0, 2))
        x = F.max_pool2d(x, 2)
    h = conv(p, f"{name}.convs.0", h, stride=stride, padding=0 if stride == 2 else 1, groups=h.shape[1])
    h = conv(p, f"{name}.convs.1", h)
    if name == "final":
        return F.relu(h)
    x = F.pad(x, (0, 0, 0, 0, 0, h.shape[1] - x.shape[1]))
    return F.relu(h + x)


def run(p: Tensors, layout: dict, rgb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """RGB in [0, 1] to (regressions, class logits): (1, 896, 16) and (1, 896, 1)."""
    x = F.pad(rgb * 2 - 1, (1, 2, 1, 2))
    x = F.relu(conv(p, f"{next(iter(layout))}.0", x, stride=2))
    maps = []
    for part, layers in layout.items():
        for index, _, stride in layers:
            x = block(p, part if index is None else f"{part}.{index}", x, stride)
        maps.append(x)

    def rows(kind: str, length: int) -> torch.Tensor:
        return torch.cat([conv(p, f"{kind}_{k}", m).permute(0, 2, 3, 1).reshape(1, -1, length) for k, m in zip((8, 16), maps)], dim=1)

    return rows("regressor", 16), rows("classifier", 1)


def anchors() -> torch.Tensor:
    cells = [(16, 2), (8, 6)]
    rows = [[(c + 0.5) / n, (r + 0.5) / n] for n, k in cells for r in range(n) for c in range(n) for _ in range(k)]
    return torch.tensor(rows)


def decode(regression: torch.Tensor, logits: torch.Tensor, size: int) -> torch.Tensor:
    """Each anchor as xmin, ymin, xmax, ymax, twelve point numbers, score; coordinates in [0, 1]."""
    anchor = anchors()
    center = regression[:, :2] / size + anchor
    extent = regression[:, 2:4] / size
    points = [regression[:, 4 + 2 * k : 6 + 2 * k] / size + anchor for k in range(6)]
    score = logits.clamp(-100, 100).sigmoid()
    return torch.cat([center - extent / 2, center + extent / 2, *points, score], dim=1)


def blend(rows: torch.Tensor, score_threshold: float, overlap_threshold: float) -> torch.Tensor:
    """Weighted suppression: overlapping detections are averaged by their scores."""
    rows = rows[rows[:, -1] >= score_threshold]
    remaining = rows[:, -1].argsort(descending=True, stable=True).tolist()
    faces = []
    while remaining:
        best = rows[remaining[0]]
        overlapping = [i for i in remaining if overlap(best, rows[i]) > overlap_threshold or i == remaining[0]]
        remaining = [i for i in remaining if i not in overlapping]
        group = rows[overlapping]
        weight = group[:, -1:]
        face = (group * weight).sum(0) / weight.sum()
        face[-1] = weight.mean()
        faces.append(face)
    return torch.stack(faces)


def overlap(a: torch.Tensor, b: torch.Tensor) -> float:
    width = max(0.0, float(min(a[2], b[2]) - max(a[0], b[0])))
    height = max(0.0, float(min(a[3], b[3]) - max(a[1], b[1])))
    shared = width * height
    return shared / float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared) if shared else 0.0


def main() -> None:
    for name, seed, layout, size in (("blaze-face-front", 41, FRONT, 128), ("blaze-face-back", 43, BACK, 256)):
        tensors = make(seed, layout)
        # A small stored image, enlarged by the test and here alike, keeps the fixture small.
        image = TinyState(seed + 1).uniform(1, 3, 64, 64, low=0, high=1)
        full = F.interpolate(image, scale_factor=size // 64, mode="nearest")
        regression, logits = run(tensors, layout, full)
        regression_scale = size / regression.abs().max() * 0.5
        for kind in ("regressor_8", "regressor_16"):
            tensors[f"{kind}.weight"] *= regression_scale
            tensors[f"{kind}.bias"] *= regression_scale
        for kind in ("regressor_8.bias", "regressor_16.bias"):
            tensors[kind].view(-1, 16)[:, 2:4] += size * 0.3
        regression, logits = run(tensors, layout, full)
        rows = decode(regression[0], logits[0], size)
        faces = blend(rows, 0.5, 0.3)
        print(f"{int((rows[:, -1] >= 0.5).sum())} anchors above 0.5, {len(faces)} faces")
        store_checkpoint(name, tensors)
        store_io(name, image=image, regression=regression, classification=logits, faces=faces)


if __name__ == "__main__":
    main()
