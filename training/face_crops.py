"""Aligned faces of the training pictures on the device, turned and scaled a little for each batch, and how they are made worse.

Faces and their five points come from `label_faces`; the crops are aligned to the FFHQ template, 256 pixels wide as portraits of
480 x 600 pixels support (their eyes are about 60 to 110 pixels apart; the template's 63).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional as F

from training.degradations import Draw, draw_aging, film_grain, filter_each, jpeg, kernels_for, draw_noise, per_sample, sharpening_halo
from training.imaging import resize
from training.pack import Pack, detail

SIDE = 256
CANVAS, CANVAS_FACE = 480, 320  # crops are kept wider and finer than they are used, so that turning them costs no sharpness
TEMPLATE = np.array([[193.48138, 240.44708], [319.40277, 240.6936], [257.13416, 314.51935], [201.76117, 371.91043], [313.58905, 371.65118]]) / 512
"""FFHQ's eyes, nose and corners of the mouth as shares of the crop (GFPGAN's face helper)."""
SMALLEST_EYES_PX = 46
SHARES = {"modern": 0.5, "historic": 0.35, "photos": 0.15}
REGIONS = ((0.378, 0.470), (0.624, 0.470), (0.503, 0.726))
"""Middle of the left eye, the right eye and the mouth, as shares."""


def fit_similarity(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(2, 3) least-squares similarity from `start` to `end`, both (n, 2) (Umeyama 1991)."""
    a, b = start - start.mean(0), end - end.mean(0)
    along, across, spread = (a * b).sum(), (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a**2).sum()
    m = np.array([[along, -across], [across, along]]) / spread
    return np.concatenate([m, (end.mean(0) - m @ start.mean(0))[:, None]], 1)


def cut(picture: np.ndarray, points: np.ndarray, device: torch.device | str, canvas: int = CANVAS, face: int = CANVAS_FACE) -> torch.Tensor:
    """(3, canvas, canvas) uint8: the face aligned, `face` pixels wide in the middle; edges repeated. Points are in picture pixels."""
    template = TEMPLATE * face + (canvas - face) / 2
    m = fit_similarity(template, points)  # canvas to picture
    ramp = (torch.arange(canvas, dtype=torch.float32) + 0.5)
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    u, v = (m[i, 0] * x + m[i, 1] * y + m[i, 2] for i in (0, 1))
    h, w = picture.shape[:2]
    image = torch.from_numpy(np.array(picture)).to(device).permute(2, 0, 1)[None].float()
    shrink = float(np.hypot(m[0, 0], m[1, 0]))
    if shrink > 1.2:  # picture pixels a canvas pixel: reduce first, against aliasing
        nh, nw = max(8, round(h / shrink)), max(8, round(w / shrink))
        image = resize(image, nh, nw)
    grid = torch.stack([2 * u / w - 1, 2 * v / h - 1], -1)[None].to(device)
    out = F.grid_sample(image, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return (out[0].clamp(0, 255) + 0.5).to(torch.uint8)


def labeled_faces(pack: Pack, held_out: bool, smallest_eyes_px: float = SMALLEST_EYES_PX) -> list[tuple[str, int, np.ndarray]]:
    """(group, index, points in pixels of the pack's picture) of every face large enough."""
    where = {name: (g, i) for g, names in pack.names.items() for i, name in enumerate(names)}
    out = []
    for name, entry in pack.labels.items():
        if name not in where:
            continue
        group, index = where[name]
        if pack.held_out[group][index] != held_out:
            continue
        h, w = pack.pictures[group][index].shape[:2]
        for face in entry["faces"] + (entry.get("loose", []) if group != "photos" else []):
            points = np.array(face["points"], dtype=np.float64).reshape(5, 2) * [w, h]
            if np.hypot(*(points[1] - points[0])) >= smallest_eyes_px:
                out.append((group, index, points))
    return out


class FaceCrops:
    """All training faces; the blurriest quarter of the historic ones is left out."""

    def __init__(self, pack: Pack, device: str, held_out: bool = False, limit: int = 10**9) -> None:
        self.device = torch.device(device)
        faces = labeled_faces(pack, held_out)
        sharpness = {id(f): detail(pack.pictures[f[0]][f[1]]) for f in faces if f[0] == "historic"}
        floor = np.quantile(list(sharpness.values()), 0.25) if sharpness else 0
        faces = [f for f in faces if f[0] != "historic" or sharpness[id(f)] >= floor][:: max(1, len(faces) // limit)]
        self.crops = torch.stack([cut(pack.pictures[g][i], points, self.device) for g, i, points in faces])
        group = np.array([g for g, _, _ in faces])
        self.weight = np.zeros(len(faces))
        for name, share in SHARES.items():
            self.weight[group == name] = share / max(1, (group == name).sum())
        self.weight /= self.weight.sum()
        print(f"faces: {len(faces)} ({', '.join(f'{n} {int((group == n).sum())}' for n in SHARES)})", flush=True)

    def batch(self, n: int, rng: np.random.Generator) -> torch.Tensor:
        """(n, 3, SIDE, SIDE) in [0, 1]: mirrored half the time, turned up to 5 degrees, scaled 0.92 to 1.1, moved up to 8 pixels."""
        index = torch.from_numpy(rng.choice(len(self.weight), size=n, p=self.weight)).to(self.device)
        angle = np.deg2rad(rng.uniform(-5, 5, n))
        zoom = CANVAS_FACE / CANVAS / rng.uniform(0.92, 1.1, n)  # share of the canvas that the crop sees
        mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0)
        shift = rng.uniform(-8, 8, (n, 2)) / SIDE * zoom[:, None] * 2
        theta = np.stack([np.stack([zoom * np.cos(angle) * mirror, -zoom * np.sin(angle), shift[:, 0]], 1),
                          np.stack([zoom * np.sin(angle) * mirror, zoom * np.cos(angle), shift[:, 1]], 1)], 1)
        grid = F.affine_grid(torch.from_numpy(theta).float().to(self.device), [n, 3, SIDE, SIDE], align_corners=False)
        return F.grid_sample(self.crops[index].float() / 255, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)


def worsen(target: torch.Tensor, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Aged targets and what is left of them in a bad print or scan: one size of face for the batch, all else by sample.

    The face is 28 to 256 pixels wide where it is seen (the crop of the template's width); blur, reduction, grain or noise, JPEG, then back to 256
    pixels as the program's own crop does it. A tenth stays nearly as it is.
    """
    n, _, h, w = target.shape
    rng = draw.rng
    aged = draw_aging(target, rng)
    target = torch.where(per_sample((rng.random(n) < 0.5).astype(np.float32), target) > 0, aged, target)
    gray = per_sample((rng.random(n) < 0.15).astype(np.float32), target)
    target = torch.where(gray > 0, target.mean(1, keepdim=True).expand_as(target), target)
    kind = str(rng.choice(["same", "mild", "hard"], p=[0.08, 0.42, 0.5]))
    if kind == "same":
        return jpeg(target, rng.uniform(88, 99, n)), target
    hard = kind == "hard"
    side = int(round(math.exp(draw.uniform(math.log(28 if hard else 80), math.log(150 if hard else 256)))))
    x = filter_each(target, kernels_for(target, draw, (0.2, (3.5 if hard else 1.8)))).clamp(0, 1)
    x = resize(x, side, side, str(rng.choice(["bicubic", "area", "bilinear"]))).clamp(0, 1)
    if draw.some(0.75):
        amount = per_sample(rng.uniform(0.0, 0.09 if hard else 0.05, n), x)
        x = film_grain(x, amount, draw.uniform(0, 1.0), float(rng.choice([0.0, 0.0, 0.4])), draw.torch) if draw.some(0.6) else draw_noise(x, draw, (1, 20 if hard else 9), (0.05, 2.0))
    if draw.some(0.25):
        x = sharpening_halo(x, per_sample(rng.uniform(0.2, 1.2, n), x), draw.uniform(0.6, 1.4))
    if draw.some(0.8):
        x = jpeg(x, rng.uniform(35 if hard else 60, 97, n), subsample=draw.some(0.7))
    x = resize(x, h, w, "lanczos3" if draw.some(0.7) else "bicubic").clamp(0, 1)
    if draw.some(0.2):
        x = jpeg(x, rng.uniform(60, 95, n))
    gray_input = (target - target.mean(1, keepdim=True)).abs().amax((1, 2, 3), keepdim=True) < 1e-3  # a gray photo is opened as gray
    return torch.where(gray_input, x.mean(1, keepdim=True).expand_as(x), x), target


def region_weight(device: torch.device | str, gain: float = 3.0) -> torch.Tensor:
    """(1, 1, SIDE, SIDE): 1, and up to 1 + gain at eyes and mouth; mean 1."""
    ramp = (torch.arange(SIDE, device=device) + 0.5) / SIDE
    spots = [torch.exp(-((ramp[None, :] - x) ** 2 + (ramp[:, None] - y) ** 2) / (2 * 0.07**2)) for x, y in REGIONS]
    weight = 1 + gain * torch.stack(spots).amax(0)
    return (weight / weight.mean())[None, None]


def regions(x: torch.Tensor, side: int = 72) -> torch.Tensor:
    """(3 n, c, side, side): the eyes and the mouth of aligned faces."""
    out = []
    for cx, cy in REGIONS:
        left, top = (int(round(c * SIDE - side / 2)) for c in (cx, cy))
        out.append(x[..., top:top + side, left:left + side])
    return torch.cat(out)
