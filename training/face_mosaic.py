"""Canvases for the face detector, composed on the device: a grid of 1 to 64 cells and up to three patches, each a portrait or photo.

Faces are 12 px to the whole frame, turned by up to 30 degrees, mirrored, cut by cell borders. A canvas comes with the faces to find
(`boxes` (n, m, 4) corners in pixels, `points` (n, m, 10), `weights` (n, m): 0 no face, 1 face; `point_weights` lower where the teachers
place the points differently) and with `ignored` boxes (n, k, 4): faces cut in half, too small, upside down, or unclear to the teachers. Some cells without a face show what
the teachers take for one and is none (`no-faces.json`), at the size and in the place of a face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from training.label_faces import NO_FACES
from training.picture_bank import PictureBank, level_for

GRIDS, GRID_SHARES = (1, 2, 3, 4, 6, 8), (0.30, 0.22, 0.18, 0.14, 0.10, 0.06)
SIDE_CELLS, PATCHES = 8, 3
CELLS = SIDE_CELLS**2 + PATCHES
FACES_EACH, UNCLEAR_EACH = 6, 16
SMALLEST_PX = 14
FACES_KEPT, IGNORED_KEPT = 40, 48
LURED = 0.15
"""Share of the cells without a face that show what is none."""
MIRRORED = [1, 0, 2, 4, 3]


@dataclass
class Canvas:
    x: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    weights: torch.Tensor
    point_weights: torch.Tensor
    ignored: torch.Tensor


class FaceMosaic:
    """Draws canvases from a pack and its labels ({name: entry of label_faces.py})."""

    def __init__(self, pack, device: str, limit: int = 10**9, longest: int = 512) -> None:
        self.device = torch.device(device)
        pictures, entries, groups, lures = [], [], [], []
        for group in ("modern", "historic", "photos"):
            for i in pack.training(group)[:limit]:
                entry = pack.labels.get(pack.names[group][i], {"faces": [], "loose": [], "ignore": []})
                if group == "photos":  # lions, monkeys, statues, masks: there such boxes are unclear
                    entry = {"faces": entry["faces"], "loose": [], "ignore": [*entry["ignore"], *(f["box"] for f in entry["loose"])]}
                found = bool(entry["faces"] or entry["loose"])
                crowd = len(entry["faces"]) + len(entry["ignore"]) > UNCLEAR_EACH
                if (group == "photos" and not crowd) or (group != "photos" and found):  # nothing agreed on teaches nothing
                    lures += [(len(pictures), *box) for box in NO_FACES.get(pack.names[group][i], [])]
                    pictures.append(pack.pictures[group][i])
                    entries.append(entry)
                    groups.append(group if found else "empty")
        self.bank = PictureBank(pictures, longest, device)
        self.members = {g: np.array([i for i, other in enumerate(groups) if other == g]) for g in ("modern", "historic", "photos", "empty")}
        shares = {"modern": 0.45, "historic": 0.45, "photos": 0.1}
        self.shares = {g: s for g, s in shares.items() if len(self.members[g])}
        self.sizes = self.bank.sizes.cpu().numpy()
        self.lures = np.array(lures, dtype=np.float32).reshape(-1, 5)
        """(m, 5): picture, and the box in shares of its width and height."""
        self.tabulate(entries)

    def tabulate(self, entries: list[dict]) -> None:
        """Faces and unclear boxes of every picture in its own pixels, padded to the same count."""
        n = len(entries)
        boxes, points = np.zeros((n, FACES_EACH, 4), np.float32), np.zeros((n, FACES_EACH, 5, 2), np.float32)
        self.kind = np.zeros((n, FACES_EACH), np.float32)  # 0 none, 0.4 points unsure, 1 face
        unclear = np.zeros((n, UNCLEAR_EACH, 4), np.float32)
        for i, entry in enumerate(entries):
            w, h = self.sizes[i]
            faces = [(f, 1.0) for f in entry["faces"]] + [(f, 0.4) for f in entry["loose"]]
            for j, (face, kind) in enumerate(faces[:FACES_EACH]):
                boxes[i, j] = np.array(face["box"]) * [w, h, w, h]
                points[i, j] = np.array(face["points"]).reshape(5, 2) * [w, h]
                self.kind[i, j] = kind
            rest = [f["box"] for f, _ in faces[FACES_EACH:]] + entry["ignore"]
            for j, box in enumerate(rest[:UNCLEAR_EACH]):
                unclear[i, j] = np.array(box) * [w, h, w, h]
        self.boxes_np = boxes
        self.boxes, self.points, self.unclear, self.kinds = (torch.from_numpy(v).to(self.device) for v in (boxes, points, unclear, self.kind))

    def layout(self, n: int, side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Column and row borders (n, 7), rectangles of all cells x y w h (n, CELLS, 4), which patches are ellipses (n, PATCHES)."""
        grid = rng.choice(GRIDS, size=n, p=GRID_SHARES)[:, None]
        step = np.arange(1, SIDE_CELLS)[None]
        borders = []
        for _ in range(2):
            at = (step + rng.uniform(-0.2, 0.2, (n, SIDE_CELLS - 1))) * side / grid
            borders.append(np.where(step < grid, at, 10.0 * side))
        edges = [np.concatenate([np.zeros((n, 1)), np.minimum(b, side), np.full((n, 1), side)], 1) for b in borders]
        left, top = np.meshgrid(np.arange(SIDE_CELLS), np.arange(SIDE_CELLS))
        left, top = left.ravel(), top.ravel()
        cells = np.stack([edges[0][:, left], edges[1][:, top], edges[0][:, left + 1] - edges[0][:, left], edges[1][:, top + 1] - edges[1][:, top]], -1)
        size = side * np.exp(rng.uniform(math.log(0.08), math.log(0.6), (n, PATCHES, 1))) * rng.uniform(0.75, 1.33, (n, PATCHES, 2))
        size = np.where(rng.random((n, PATCHES, 1)) < 0.25, size, 0)
        corner = rng.uniform(-0.1, 1.1, (n, PATCHES, 2)) * side - size / 2
        return *borders, np.concatenate([cells, np.concatenate([corner, size], -1)], 1).astype(np.float32), rng.random((n, PATCHES)) < 0.5

    def place(self, rects: np.ndarray, side: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What every cell shows and how: picture, canvas center, picture center, picture pixels a canvas pixel, angle, mirror."""
        n, k = rects.shape[:2]
        w, h = np.maximum(rects[..., 2], 1), np.maximum(rects[..., 3], 1)
        share = np.where(rng.random(n) < 0.2, 0.0, rng.uniform(0.3, 1.0, n))[:, None]
        wanted = rng.random((n, k)) < share
        picture = rng.choice(self.members["empty"], size=(n, k)) if len(self.members["empty"]) else np.zeros((n, k), int)
        group = rng.choice(list(self.shares), size=(n, k), p=np.array(list(self.shares.values())) / sum(self.shares.values()))
        for name in self.shares:
            picture = np.where(wanted & (group == name), rng.choice(self.members[name], size=(n, k)), picture)
        lured = ~wanted & (rng.random((n, k)) < (LURED if len(self.lures) else 0))
        lure = self.lures[rng.integers(len(self.lures), size=(n, k))] if len(self.lures) else np.zeros((n, k, 5), np.float32)
        picture = np.where(lured, lure[..., 0].astype(int), picture)
        count = (self.kind[picture] > 0).sum(-1)
        face = (rng.random((n, k)) * np.maximum(count, 1)).astype(int)
        box = np.where(lured[..., None], lure[..., 1:] * np.tile(self.sizes[picture], 2), self.boxes_np[picture, face])
        size = np.sqrt(np.maximum((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]), 1.0))
        extent = np.minimum(w, h)
        smallest = np.maximum(12.0, 0.1 * extent)
        target = smallest * np.exp(rng.random((n, k)) * np.log(np.maximum(1.05 * extent / smallest, 1.0)))
        zoom = size / target
        slack = np.where(rng.random((n, k)) < 0.12, 0.0, 1.0)
        margin = lambda length: slack * np.minimum(0.5, 0.5 * target / length)
        inner = lambda length: margin(length) + rng.random((n, k)) * (1 - 2 * margin(length))
        center = np.stack([rects[..., 0] + w * inner(w), rects[..., 1] + h * inner(h)], -1)
        source = np.stack([box[..., 0] + box[..., 2], box[..., 1] + box[..., 3]], -1) / 2
        angle = np.clip(rng.normal(0, 11, (n, k)), -30, 30)
        # cells without a face to aim at: a window of the photo, at any quarter turn
        full = self.sizes[picture]
        fit = np.minimum(full[..., 0] / w, full[..., 1] / h)
        window = np.minimum(np.exp(rng.uniform(math.log(0.5), math.log(4.0), (n, k))), np.maximum(fit, 0.2))
        room = np.maximum(full - window[..., None] * np.stack([w, h], -1), 0)
        middle = (full - room) / 2 + rng.random((n, k, 2)) * room
        empty = ~lured & (~wanted | (count == 0))
        turned = 90.0 * rng.choice([0, 0, 0, 1, 2, 3], size=(n, k)) + np.where(rng.random((n, k)) < 0.3, rng.normal(0, 12, (n, k)), 0)
        zoom = np.where(empty, window, zoom)
        source = np.where(empty[..., None], middle, source)
        center = np.where(empty[..., None], rects[..., :2] + np.stack([w, h], -1) / 2, center)
        angle = np.radians(np.where(empty, turned, np.where(rng.random((n, k)) < 0.03, angle + 180, angle)))
        mirror = np.where(rng.random((n, k)) < 0.5, -1.0, 1.0)
        tone = np.stack([rng.uniform(0.75, 1.2, (n, k)), rng.uniform(-0.08, 0.08, (n, k)), (rng.random((n, k)) < 0.6)], -1)
        fill = np.concatenate([rng.random((n, k, 1)) * 0.9 + rng.normal(0, 0.03, (n, k, 3)), (rng.random((n, k, 1)) < 0.5)], -1)
        numbers = {"center": center, "source": source, "zoom": zoom, "cos": np.cos(angle), "sin": np.sin(angle), "mirror": mirror, "tone": tone, "fill": fill}
        return {"picture": picture, **{key: v.astype(np.float32) for key, v in numbers.items()}}

    def batch(self, n: int, side: int, rng: np.random.Generator) -> Canvas:
        columns, lines, rects, ellipses = self.layout(n, side, rng)
        to = lambda v: torch.as_tensor(np.asarray(v), device=self.device)
        cell_map = self.cell_map(side, to(columns.astype(np.float32)), to(lines.astype(np.float32)), to(rects[:, SIDE_CELLS**2:]), to(ellipses))
        cells = {key: to(v) for key, v in self.place(rects, side, rng).items()}
        return Canvas(self.paint(cell_map, cells), *self.find_faces(cell_map, cells, to(rects)))

    def cell_map(self, side: int, columns: torch.Tensor, lines: torch.Tensor, patches: torch.Tensor, ellipses: torch.Tensor) -> torch.Tensor:
        """(n, side, side): which cell every pixel shows."""
        at = torch.arange(side, device=self.device) + 0.5
        column, line = ((at[None, :, None] > borders[:, None]).sum(-1) for borders in (columns, lines))
        cell = line[:, :, None] * SIDE_CELLS + column[:, None, :]
        for k in range(PATCHES):
            x, y, w, h = patches[:, k].unbind(-1)
            u = (at[None, None, :] - x[:, None, None]) / w.clamp(min=1e-3)[:, None, None] * 2 - 1
            v = (at[None, :, None] - y[:, None, None]) / h.clamp(min=1e-3)[:, None, None] * 2 - 1
            inside = torch.where(ellipses[:, k, None, None], u * u + v * v < 1, (u.abs() < 1) & (v.abs() < 1))
            cell = torch.where(inside & (w > 1)[:, None, None], SIDE_CELLS**2 + k, cell)
        return cell

    def paint(self, cell_map: torch.Tensor, cells: dict[str, torch.Tensor]) -> torch.Tensor:
        """(n, 3, side, side) colors."""
        n, side = cell_map.shape[:2]
        flat = cell_map + torch.arange(n, device=self.device)[:, None, None] * CELLS
        of = lambda name: cells[name].flatten(0, 1)[flat]
        at = torch.arange(side, device=self.device) + 0.5
        center, source, zoom, cos, sin = of("center"), of("source"), of("zoom"), of("cos"), of("sin")
        dx, dy = at[None, None, :] - center[..., 0], at[None, :, None] - center[..., 1]
        u = source[..., 0] + zoom * of("mirror") * (cos * dx + sin * dy)
        v = source[..., 1] + zoom * (cos * dy - sin * dx)
        rgb, inside = self.bank.sample(of("picture"), level_for(zoom), u, v)
        fill, tone = of("fill"), of("tone")
        rgb = torch.where(((inside < 0.5) & (fill[..., 3] > 0.5))[..., None], fill[..., :3], rgb)
        gray = rgb.mean(-1, keepdim=True)
        rgb = gray + (rgb - gray) * tone[..., 2:]
        return ((rgb - 0.5) * tone[..., :1] + 0.5 + tone[..., 1:2]).clamp(0, 1).permute(0, 3, 1, 2).contiguous()

    def to_canvas(self, xy: torch.Tensor, cells: dict[str, torch.Tensor]) -> torch.Tensor:
        """(n, CELLS, f, p, 2) picture coordinates to canvas coordinates."""
        wide = lambda v: v[:, :, None, None]
        q = (xy - wide(cells["source"])) / wide(cells["zoom"])[..., None]
        x, y = q[..., 0] * wide(cells["mirror"]), q[..., 1]
        cos, sin = wide(cells["cos"]), wide(cells["sin"])
        return torch.stack([cos * x - sin * y, sin * x + cos * y], -1) + wide(cells["center"])

    def boxes_on_canvas(self, boxes: torch.Tensor, cells: dict[str, torch.Tensor]) -> torch.Tensor:
        """Corner boxes (n, CELLS, f, 4) of the picture's boxes; a turned face keeps its width and height."""
        middle = self.to_canvas(((boxes[..., :2] + boxes[..., 2:]) / 2).unsqueeze(-2), cells).squeeze(-2)
        half = (boxes[..., 2:] - boxes[..., :2]) / 2 / cells["zoom"][:, :, None, None]
        sideways = cells["cos"].abs()[:, :, None, None] < 0.5
        half = torch.where(sideways, half.flip(-1), half)
        return torch.cat([middle - half, middle + half], -1)

    def visible(self, boxes: torch.Tensor, cell_map: torch.Tensor) -> torch.Tensor:
        """Share of 6 x 6 points of each box (n, CELLS, f, 4) where the canvas shows that cell."""
        n, side = cell_map.shape[:2]
        steps = (torch.arange(6, device=self.device) + 0.5) / 6
        x = boxes[..., 0:1] + (boxes[..., 2:3] - boxes[..., 0:1]) * steps
        y = boxes[..., 1:2] + (boxes[..., 3:4] - boxes[..., 1:2]) * steps
        x, y = x[..., None, :].expand(*x.shape, 6), y[..., :, None].expand(*y.shape, 6)
        inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
        index = y.clamp(0, side - 1).long() * side + x.clamp(0, side - 1).long()
        seen = torch.gather(cell_map.flatten(1), 1, index.flatten(1)).view_as(index)
        own = torch.arange(CELLS, device=self.device).view(1, -1, 1, 1, 1)
        return ((seen == own) & inside).float().mean((-2, -1))

    def find_faces(self, cell_map: torch.Tensor, cells: dict[str, torch.Tensor], rects: torch.Tensor) -> tuple[torch.Tensor, ...]:
        picture = cells["picture"]
        shown = (rects[..., 2:].amin(-1) > 2)[..., None]
        kind = self.kinds[picture]
        boxes = self.boxes_on_canvas(self.boxes[picture], cells)
        points = self.to_canvas(self.points[picture], cells)
        points = torch.where((cells["mirror"] < 0)[:, :, None, None, None], points[..., MIRRORED, :], points).flatten(-2)
        seen = self.visible(boxes, cell_map)
        size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0.1).prod(-1).sqrt()
        upright = (cells["cos"] > 0.84)[..., None]
        real = (kind > 0) & shown
        good = real & (seen > 0.6) & (size >= SMALLEST_PX) & upright
        unclear = self.boxes_on_canvas(self.unclear[picture], cells)
        dubious = (self.unclear[picture].amax(-1) > 0) & shown & (self.visible(unclear, cell_map) > 0.15)
        weight, order = good.flatten(1).float().topk(FACES_KEPT, 1)
        pick = lambda v: torch.gather(v.flatten(1, 2), 1, order[..., None].expand(-1, -1, v.shape[-1]))
        all_ignored = torch.cat([boxes.flatten(1, 2), unclear.flatten(1, 2)], 1)
        skip = torch.cat([(real & ~good & (seen > 0.15)).flatten(1), dubious.flatten(1)], 1).float()
        on, place = skip.topk(IGNORED_KEPT, 1)
        ignored = torch.gather(all_ignored, 1, place[..., None].expand(-1, -1, 4))
        ignored = torch.where(on[..., None] > 0, ignored, torch.full_like(ignored, -1e4))
        return pick(boxes), pick(points), weight, torch.gather(kind.flatten(1), 1, order) * weight, ignored
