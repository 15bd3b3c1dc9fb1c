"""YuNet as `src/engine/architectures/yu-net.ts` reads it, and the decoding of its rows (Wu et al. 2023, Apache-2.0 layout)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
POOL_AFTER = (0, 2, 3, 4)
TAKE = (3, 4, 5)
HEADS = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
OWN_WIDTHS = (24, 64, 96, 96, 96, 96)
"""Output channels of the six stages of our own network; the last three must be equal."""
OWN_SHARED = 2
TEACHER_WIDTHS = (16, 64, 64, 64, 64, 64)


class Unit(nn.Module):
    """1 x 1, then depthwise 3 x 3; normalized and rectified unless it is the end of a head."""

    def __init__(self, inner: int, outer: int, norm: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 1)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, groups=outer)
        if norm:
            self.bn = nn.BatchNorm2d(outer, eps=1e-5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv2(self.conv1(x))
        return F.relu(self.bn(x)) if hasattr(self, "bn") else x


class Stem(nn.Module):
    def __init__(self, width: int, outer: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 2, 1)
        self.bn1 = nn.BatchNorm2d(width, eps=1e-5)
        self.conv2 = Unit(width, outer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(F.relu(self.bn1(self.conv1(x))))


class Pair(nn.Module):
    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Unit(inner, inner), Unit(inner, outer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.conv1(x))


class YuNet(nn.Module):
    """RGB (n, 3, h, w) in [0, 1], sides multiples of 32, to one map (n, 16, h / s, w / s) a stride s: cls, obj (logits), box, points.

    The stored layout sees BGR in 0 to 255; `own_state` folds the factor of 255 into the first convolution, so that
    training works on numbers near 1. `value_range` is 255 for stored weights and 1 in training.
    """

    def __init__(self, widths: tuple[int, ...] = OWN_WIDTHS, shared: int = OWN_SHARED, value_range: float = 1.0) -> None:
        super().__init__()
        self.value_range = value_range
        stages = [Stem(widths[0], widths[0])] + [Pair(a, b) for a, b in zip(widths, widths[1:])]
        self.backbone, self.neck, self.bbox_head = nn.Module(), nn.Module(), nn.Module()
        for i, stage in enumerate(stages):
            self.backbone.add_module(f"model{i}", stage)
        width = widths[-1]
        self.neck.lateral_convs = nn.ModuleList(Unit(width, width) for _ in STRIDES)
        self.bbox_head.multi_level_share_convs = nn.ModuleList(nn.Sequential(*(Unit(width, width) for _ in range(shared))) for _ in STRIDES)
        for name, size in HEADS:
            self.bbox_head.add_module(f"multi_level_{name}", nn.ModuleList(Unit(width, size, norm=False) for _ in STRIDES))

    def initialize(self, seed: int) -> None:
        """Kaiming noise for everything, boxes of 3.3 cells around the cell's center, and a prior of 1 % for faces."""
        generator = torch.Generator().manual_seed(seed)
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                fan = module.weight[0].numel()
                gain = 2.0 if module.groups == 1 else 1.0
                module.weight.data.normal_(0, (gain / fan) ** 0.5, generator=generator)
                module.bias.data.zero_()
        for name, _ in HEADS:
            for unit in getattr(self.bbox_head, f"multi_level_{name}"):
                unit.conv2.bias.data.copy_(torch.tensor({"cls": [-4.0], "obj": [-4.0], "bbox": [0.5, 0.5, 1.2, 1.2], "kps": [0.5] * 10}[name]))
                unit.conv2.weight.data.mul_(0.3)

    def forward(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        x = rgb.flip(1) * self.value_range
        maps = []
        for i in range(6):
            x = getattr(self.backbone, f"model{i}")(x)
            if i in TAKE:
                maps.append(x)
            if i in POOL_AFTER:
                x = F.max_pool2d(x, 2)
        for i in (2, 1):
            maps[i] = self.neck.lateral_convs[i](maps[i])
            maps[i - 1] = maps[i - 1] + F.interpolate(maps[i], scale_factor=2.0, mode="nearest")
        maps[0] = self.neck.lateral_convs[0](maps[0])
        out = []
        for i, feature in enumerate(maps):
            feature = self.bbox_head.multi_level_share_convs[i](feature)
            out.append(torch.cat([getattr(self.bbox_head, f"multi_level_{name}")[i](feature) for name, _ in HEADS], 1))
        return out


def own_state(net: YuNet) -> dict[str, torch.Tensor]:
    """The state as the layout stores it: first convolution divided by 255, counters left out."""
    state = {k: v.detach().float().cpu().clone() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    state["backbone.model0.conv1.weight"] /= 255 / net.value_range
    return state


def load_own_state(net: YuNet, state: dict[str, torch.Tensor]) -> None:
    """The way back from `own_state`, to train on."""
    mine = {k: v.float().clone() for k, v in state.items()}
    mine["backbone.model0.conv1.weight"] *= 255 / net.value_range
    net.load_state_dict(mine, strict=False)  # all but the norms' counters


def from_state(state: dict[str, torch.Tensor]) -> YuNet:
    """A network in evaluation mode from stored weights of any widths."""
    widths = tuple(state[f"backbone.model{i}.conv2.conv1.weight"].shape[0] for i in range(6))
    shared = sum(f"bbox_head.multi_level_share_convs.0.{i}.conv1.weight" in state for i in range(8))
    net = YuNet(widths, shared, 255.0)
    missing, unexpected = net.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    if unexpected or any(not k.endswith("num_batches_tracked") for k in missing):
        raise ValueError(f"not a YuNet: {unexpected or missing}")
    return net.eval()


def rows(maps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All cells of the three maps: values (n, cells, 16), their corner (cells, 2) in cells as x, y, and stride (cells, 1)."""
    values, corners, strides = [], [], []
    for stride, y in zip(STRIDES, maps):
        _, _, h, w = y.shape
        values.append(y.flatten(2).transpose(1, 2))
        row, column = torch.meshgrid(torch.arange(h, device=y.device), torch.arange(w, device=y.device), indexing="ij")
        corners.append(torch.stack([column, row], -1).view(-1, 2).float())
        strides.append(torch.full((h * w, 1), float(stride), device=y.device))
    return torch.cat(values, 1), torch.cat(corners), torch.cat(strides)


def decode(values: torch.Tensor, corners: torch.Tensor, strides: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores (n, cells), boxes x1 y1 x2 y2 (n, cells, 4) and points (n, cells, 10), in pixels."""
    scores = (values[..., 0].sigmoid() * values[..., 1].sigmoid()).sqrt()
    center = (corners + values[..., 2:4]) * strides
    half = values[..., 4:6].clamp(max=8).exp() * strides / 2
    points = (values[..., 6:16].unflatten(-1, (5, 2)) + corners[:, None]) * strides[:, None]
    return scores, torch.cat([center - half, center + half], -1), points.flatten(-2)


def suppress(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> list[int]:
    """Indices of the kept boxes, best first: those that overlap a better one by more than `threshold` go."""
    order, kept = scores.argsort(descending=True), []
    while len(order):
        best = order[0]
        kept.append(int(best))
        order = order[1:][overlap(boxes[best][None], boxes[order[1:]])[0] <= threshold]
    return kept


def overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Intersection over union of (n, 4) and (m, 4) corner boxes: (n, m)."""
    low, high = torch.maximum(a[:, None, :2], b[None, :, :2]), torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    areas = (a[:, 2:] - a[:, :2]).prod(-1)[:, None] + (b[:, 2:] - b[:, :2]).prod(-1)[None]
    return both / (areas - both).clamp(min=1e-9)


@torch.no_grad()
def detect(net: YuNet, rgb: torch.Tensor, threshold: float = 0.6, overlap_threshold: float = 0.3) -> torch.Tensor:
    """Faces of one picture (1, 3, h, w) in [0, 1] of any size, best first: rows of box, ten points, score."""
    h, w = rgb.shape[-2:]
    maps = net(F.pad(rgb, (0, -w % 32, 0, -h % 32)))
    scores, boxes, points = (v[0].float() for v in decode(*rows([m.float() for m in maps])))
    likely = (scores >= threshold).nonzero()[:, 0]
    kept = likely[suppress(boxes[likely], scores[likely], overlap_threshold)]
    voters = (scores >= min(0.3, threshold)).nonzero()[:, 0]  # all cells that found the same face say where its points are
    shared = overlap(boxes[kept], boxes[voters])
    weight = torch.where(shared >= 0.6, shared * scores[voters] ** 2, torch.zeros_like(shared))
    return torch.cat([boxes[kept], weight @ points[voters] / weight.sum(1, keepdim=True).clamp(min=1e-9), scores[kept, None]], 1)
