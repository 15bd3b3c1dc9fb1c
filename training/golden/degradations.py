"""Writes tests/fixtures/degradations.json: what the TypeScript twin of degradations.py must reproduce.

`python -m training.golden.degradations`. Two kinds of entry: exact ones (kernels, resizing, blur, print, color, seeded
normal numbers: equal to 1e-5) and statistics (mean, deviation, correlation over a flat 256 x 256 field: equal within the
tolerance stated beside them, since the two twins draw different noise).
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch

from training import degradations as d
from training.imaging import gaussian_blur, gaussian_taps, resize, seeded_normal

OUT = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "degradations.json"


def numbers(x: torch.Tensor | np.ndarray, digits: int = 7) -> list:
    values = np.asarray(x, dtype=np.float64)
    return json.loads(json.dumps(np.vectorize(lambda v: float(f"{v:.{digits}g}"))(values).tolist()))


def pattern(height: int, width: int) -> torch.Tensor:
    """(1, 3, h, w): value(c, y, x) = 0.5 + 0.4 sin(0.7 x + 0.3 y + c) cos(0.5 y - 0.2 x), the twins' test picture."""
    y = torch.arange(height, dtype=torch.float64)[:, None]
    x = torch.arange(width, dtype=torch.float64)[None, :]
    return torch.stack([0.5 + 0.4 * torch.sin(0.7 * x + 0.3 * y + c) * torch.cos(0.5 * y - 0.2 * x) for c in range(3)])[None].float()


def kernels() -> list[dict]:
    cases = [("gaussian", d.gaussian_kernel, dict(size=7, sigma_x=1.2, sigma_y=1.2, theta=0.0)),
             ("gaussian", d.gaussian_kernel, dict(size=9, sigma_x=2.4, sigma_y=0.7, theta=0.6)),
             ("generalized", d.generalized_kernel, dict(size=7, sigma_x=1.5, sigma_y=1.5, theta=0.0, beta=0.6)),
             ("generalized", d.generalized_kernel, dict(size=9, sigma_x=2.0, sigma_y=1.1, theta=-1.1, beta=2.5)),
             ("plateau", d.plateau_kernel, dict(size=7, sigma_x=1.5, sigma_y=1.5, theta=0.0, beta=1.4)),
             ("plateau", d.plateau_kernel, dict(size=9, sigma_x=2.6, sigma_y=0.9, theta=2.2, beta=1.0)),
             ("sinc", d.sinc_kernel, dict(size=7, omega=2.1)), ("sinc", d.sinc_kernel, dict(size=11, omega=1.1))]
    names = {"sigma_x": "sigmaXPx", "sigma_y": "sigmaYPx", "theta": "thetaRad", "omega": "omegaRad"}
    return [{"kind": kind, **{names.get(k, k): v for k, v in p.items()}, "rows": numbers(make(**p))} for kind, make, p in cases]


def statistics(field: torch.Tensor) -> dict:
    """Of (1, 3, h, w) noise: mean, deviation, lag-1 and lag-2 autocorrelation along x (channel 0), channel 0-1 correlation."""
    f = field[0].double()
    c = f - f.mean((1, 2), keepdim=True)
    variance = (c**2).mean((1, 2))
    lag = lambda k: float((c[0, :, k:] * c[0, :, :-k]).mean() / variance[0])
    return {"mean": numbers(f.mean(), 4), "deviation": numbers(variance.mean().sqrt(), 4), "lag1": round(lag(1), 3),
            "lag2": round(lag(2), 3), "channels": round(float((c[0] * c[1]).mean() / (variance[0] * variance[1]).sqrt()), 3)}


def noises() -> list[dict]:
    flat = lambda v: torch.full((1, 3, 256, 256), v)
    one = lambda v: torch.full((1, 1, 1, 1), v)
    out = []
    def add(kind: str, level: float, params: dict, noisy: torch.Tensor) -> None:
        out.append({"kind": kind, "level": level, **params, **statistics(noisy - level)})
    g = lambda: torch.Generator().manual_seed(1896)
    add("gaussian", 0.5, {"sigma": 0.04, "gray": False}, d.gaussian_noise(flat(0.5), one(0.04), one(0.0), g()))
    add("gaussian", 0.5, {"sigma": 0.04, "gray": True}, d.gaussian_noise(flat(0.5), one(0.04), one(1.0), g()))
    ramp = (torch.arange(256).float() / 255).expand(1, 3, 256, 256)
    for gray in (False, True):
        noise = d.poisson_noise(ramp, one(0.5), one(float(gray)), g()) - ramp
        out.append({"kind": "poisson", "level": "ramp: value(x) = x / 255", "scale": 0.5, "gray": gray,
                    "columns": [64, 128, 192], "columnDeviation": [numbers(noise[0, 0, :, x - 8:x + 9].std(), 4) for x in (64, 128, 192)]})
    for level, amount, size, color in ((0.5, 0.05, 0.0, 0.0), (0.5, 0.05, 0.8, 0.0), (0.2, 0.05, 1.3, 0.0), (0.5, 0.05, 0.8, 0.6)):
        noisy = d.film_grain(flat(level), one(amount), size, color, g())
        add("filmGrain", level, {"amount": amount, "sizePx": size, "color": color}, noisy)
    add("paperTexture", 0.6, {"amount": 0.05, "sizePx": 1.0}, d.paper_texture(flat(0.6), one(0.05), 1.0, g()))
    return out


def exact() -> dict:
    one = lambda v: torch.full((1, 1, 1, 1), v)
    three = lambda *v: torch.tensor(v).view(1, 3, 1, 1)
    small = pattern(6, 8)
    plane = lambda x: numbers(x[0], 6)
    return {
        "pattern": "value(c, y, x) = 0.5 + 0.4 sin(0.7 x + 0.3 y + c) cos(0.5 y - 0.2 x), planes c, rows y",
        "blur": {"heightPx": 9, "widthPx": 10, "sigmaPx": 1.2, "radiusPx": gaussian_taps(1.2).numel() // 2, "planes": plane(gaussian_blur(pattern(9, 10), 1.2))},
        "bicubicQuarter": {"heightPx": 24, "widthPx": 32, "planes": plane(resize(pattern(24, 32), 6, 8))},
        "halftone": {"heightPx": 6, "widthPx": 8, "periodPx": 3.1, "thetaRad": 0.4, "amount": 0.3, "planes": plane(d.halftone(small, 3.1, 0.4, one(0.3)))},
        "fade": {"heightPx": 6, "widthPx": 8, "black": [0.1, 0.05, 0.0], "white": [0.95, 0.9, 0.8], "gamma": [1.1, 1.0, 0.9],
                 "planes": plane(d.fade(small, three(0.1, 0.05, 0.0), three(0.95, 0.9, 0.8), three(1.1, 1.0, 0.9)))},
        "saturation": {"heightPx": 6, "widthPx": 8, "keep": 0.25, "planes": plane(d.saturation(small, one(0.25)))},
        "sharpeningHalo": {"heightPx": 9, "widthPx": 10, "amount": 1.5, "sigmaPx": 0.9, "planes": plane(d.sharpening_halo(pattern(9, 10), one(1.5), 0.9))},
        "scannerBlur": {"heightPx": 9, "widthPx": 10, "sigmaAcrossPx": 0.4, "sigmaAlongPx": 1.0, "planes": plane(d.scanner_blur(pattern(9, 10), 0.4, 1.0))},
    }


def jpeg_tables() -> list[dict]:
    out = []
    for quality in (20, 45, 70, 95):
        factor = 5000 / quality if quality < 50 else 200 - 2 * quality
        table = lambda t: ((t * factor + 50) / 100).floor().clamp(1, 255).int().tolist()
        out.append({"quality": quality, "luma": table(d.LUMA_TABLE), "chroma": table(d.CHROMA_TABLE)})
    return out


def main() -> None:
    seeds = [{"seed": s, "values": numbers(seeded_normal(s, 8), 9)} for s in (0, 1896, 4294967295)]
    many = seeded_normal(1896, 65536)
    document = {
        "about": "Written by training/golden/degradations.py. Exact entries agree to 1e-5, statistics within `tolerance`.",
        "tolerance": {"deviationShare": 0.03, "mean": 0.001, "correlation": 0.03},
        "kernels": kernels(), "exact": exact(), "noise": noises(), "jpegTables": jpeg_tables(),
        "seededNormal": {"first": seeds, "mean65536": numbers(many.mean(), 5), "deviation65536": numbers(many.std(), 5)},
        "kernelMixture": {"kinds": list(d.KINDS), "shares": list(d.KIND_SHARES), "sincShare": 0.1},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
