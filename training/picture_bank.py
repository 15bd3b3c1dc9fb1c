"""Pictures of any size on the device, sampled by millions of pixels at once with rotation, scale and mip levels.

All pictures lie in one flat int32 tensor, one number a pixel (R + 256 G + 65536 B), each halved again and again beside it:
sampling a canvas is four gathers, whatever the number of pictures in it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

LEVELS = 5


class PictureBank:
    """`sizes` (pictures, 2) width and height at level 0; pictures wider or higher than `longest` are reduced to it."""

    def __init__(self, pictures: list[np.ndarray], longest: int, device: str | torch.device) -> None:
        pixels, table, position = [], [], 0
        for picture in pictures:
            x = torch.from_numpy(np.array(picture)).to(device).permute(2, 0, 1)[None].float()
            factor = min(1.0, longest / max(x.shape[-2:]))
            if factor < 1:
                size = [max(16, round(s * factor)) for s in x.shape[-2:]]
                x = F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
            rows = []
            for level in range(LEVELS):
                if level:
                    x = F.interpolate(x, size=[max(2, (s + 1) // 2) for s in x.shape[-2:]], mode="area")
                r, g, b = x[0].round().clamp(0, 255).to(torch.int32)
                pixels.append((r + 256 * g + 65536 * b).flatten())
                rows.append([position, x.shape[-1], x.shape[-2]])
                position += x.shape[-1] * x.shape[-2]
            table.append(rows)
        self.pixels = torch.cat(pixels)
        self.table = torch.tensor(table, device=device)
        self.sizes = self.table[:, 0, 1:].float()
        self.device = torch.device(device)

    def __len__(self) -> int:
        return len(self.table)

    def sample(self, picture: torch.Tensor, level: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Colors (..., 3) in [0, 1] at level-0 coordinates u, v (pixel centers at .5) of the given pictures, edges repeated.

        All arguments share one shape. The second result is 1 inside the picture and 0 outside.
        """
        offset, w, h = self.table[picture, level].unbind(-1)
        full = self.sizes[picture]
        inside = ((u >= 0) & (v >= 0) & (u < full[..., 0]) & (v < full[..., 1])).float()
        x = (u * w / full[..., 0] - 0.5).maximum(torch.zeros_like(u)).minimum(w - 1.0)
        y = (v * h / full[..., 1] - 0.5).maximum(torch.zeros_like(v)).minimum(h - 1.0)
        x0, y0 = x.floor().long(), y.floor().long()
        fx, fy = (x - x0)[..., None], (y - y0)[..., None]
        right, down = (x0 < w - 1).long(), (y0 < h - 1).long() * w
        first = offset + y0 * w + x0
        a, b, c, d = (unpack(self.pixels[first + step]) for step in (0, right, down, right + down))
        return torch.lerp(torch.lerp(a, b, fx), torch.lerp(c, d, fx), fy), inside


def unpack(packed: torch.Tensor) -> torch.Tensor:
    return torch.stack([packed & 255, (packed >> 8) & 255, packed >> 16], -1).float() / 255


def level_for(pixels_each: torch.Tensor) -> torch.Tensor:
    """The mip level for so many picture pixels a canvas pixel."""
    return (pixels_each.clamp(min=1e-3).log2() + 0.35).floor().clamp(0, LEVELS - 1).long()
