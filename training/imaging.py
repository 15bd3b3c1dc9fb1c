"""Small exact image arithmetic: resizing as MATLAB does, luma, PSNR, Lanczos, seeded noise, 8-bit files."""

from __future__ import annotations

import functools
import io
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RUNS = Path(__file__).resolve().parent / "runs"
MODELS = Path(__file__).resolve().parents[1] / "resources" / "models"


def half_precision(device: torch.device) -> torch.autocast:
    """bf16 where the device has it: emulated on a CPU without it, a step takes three times as long as in fp32."""
    has = device.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has)


def load_rgb(path: Path) -> np.ndarray:
    """An image file as (h, w, 3) uint8; gray becomes three equal channels."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic kernel with a = -0.5 (MATLAB's bicubic)."""
    a = np.abs(x)
    near = (1.5 * a - 2.5) * a * a + 1
    far = ((-0.5 * a + 2.5) * a - 4) * a + 2
    return np.where(a <= 1, near, np.where(a <= 2, far, 0.0))


def lanczos3(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, 1 - np.abs(x))


def box(x: np.ndarray) -> np.ndarray:
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


FILTERS = {"bicubic": (cubic, 4.0), "lanczos3": (lanczos3, 6.0), "bilinear": (triangle, 2.0), "area": (box, 1.0)}


@functools.lru_cache(maxsize=512)
def resize_matrix(length: int, target: int, kind: str = "bicubic", antialias: bool = True) -> torch.Tensor:
    """(target, length) float32 weights of MATLAB's imresize along one axis, symmetric at the edges."""
    kernel, width = FILTERS[kind]
    scale = target / length
    stretch = min(scale, 1.0) if antialias else 1.0
    width = width / stretch
    center = (np.arange(target) + 0.5) / scale - 0.5
    left = np.floor(center - width / 2).astype(int)
    taps = np.arange(int(math.ceil(width)) + 2)
    position = left[:, None] + taps[None, :]
    weight = kernel((center[:, None] - position) * stretch) * stretch
    weight = weight / weight.sum(1, keepdims=True)
    period = np.concatenate([np.arange(length), np.arange(length - 1, -1, -1)])
    position = period[np.mod(position, 2 * length)]
    matrix = np.zeros((target, length))
    np.add.at(matrix, (np.arange(target)[:, None].repeat(taps.size, 1), position), weight)
    return torch.from_numpy(matrix.astype(np.float32))


@functools.lru_cache(maxsize=512)
def placed_matrix(length: int, target: int, kind: str, antialias: bool, device: torch.device) -> torch.Tensor:
    """`resize_matrix` on a device, kept there: copying it anew would wait for all that the device still has to do."""
    return resize_matrix(length, target, kind, antialias).to(device)


def resize(x: torch.Tensor, height: int, width: int, kind: str = "bicubic", antialias: bool = True) -> torch.Tensor:
    """(n, c, h, w) to (n, c, height, width), not clamped."""
    rows = placed_matrix(x.shape[-2], height, kind, antialias, x.device)
    columns = placed_matrix(x.shape[-1], width, kind, antialias, x.device)
    return rows @ (x @ columns.T)


def luma(rgb: np.ndarray) -> np.ndarray:
    """(h, w, 3) in [0, 255] to MATLAB's Y in [16, 235], not rounded, float64."""
    return 16 + rgb.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255


def psnr_luma(a: np.ndarray, b: np.ndarray, crop: int = 4) -> float:
    """PSNR on Y after cutting `crop` pixels from every edge (SRGAN's protocol). Inputs (h, w, 3) 0..255."""
    if crop:
        a, b = a[crop:-crop, crop:-crop], b[crop:-crop, crop:-crop]
    error = np.mean((luma(a) - luma(b)) ** 2)
    return float("inf") if error == 0 else 10 * math.log10(255**2 / error)


def to_tensor(rgb: np.ndarray) -> torch.Tensor:
    """(h, w, 3) uint8 to (1, 3, h, w) float32 in [0, 1]."""
    return torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None].float() / 255


def to_bytes(x: torch.Tensor) -> np.ndarray:
    """(1, 3, h, w) float to (h, w, 3) uint8, clamped, rounded half up."""
    return (x[0].float().clamp(0, 1) * 255 + 0.5).floor().permute(1, 2, 0).to(torch.uint8).numpy()


def pillow_jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    """Through libjpeg at the given quality, chroma 4:2:0."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    buffer.seek(0)
    return np.asarray(Image.open(buffer).convert("RGB"))


def mix32(h: np.ndarray) -> np.ndarray:
    """MurmurHash3's 32-bit finalizer, elementwise on uint32."""
    h = h.astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h


def seeded_normal(seed: int, count: int) -> np.ndarray:
    """`count` standard-normal float64 numbers, the same in every language.

    Number i: a = mix32(mix32(seed) + 2i), b = mix32(mix32(seed) + 2i + 1) in 32-bit wrap-around arithmetic,
    u = (a + 0.5) / 2^32, v = (b + 0.5) / 2^32, result sqrt(-2 ln u) cos(2 pi v) (Box-Muller, cosine half).
    """
    base = mix32(np.array([seed], dtype=np.uint32))[0]
    index = np.arange(2 * count, dtype=np.uint32) + base
    u = (mix32(index).astype(np.float64) + 0.5) / 2**32
    return np.sqrt(-2 * np.log(u[0::2])) * np.cos(2 * np.pi * u[1::2])


def gaussian_taps(sigma: float) -> torch.Tensor:
    """1-D Gaussian of radius ceil(3 sigma), sum 1."""
    radius = int(math.ceil(3 * sigma))
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    taps = torch.exp(-0.5 * (x / sigma) ** 2)
    return (taps / taps.sum()).float()


def gaussian_blur(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Separable Gaussian, edges mirrored without repeating the edge pixel (reflect 101)."""
    if sigma <= 0:
        return x
    taps = gaussian_taps(sigma).to(x.device)
    radius = taps.numel() // 2
    n, c, h, w = x.shape
    y = torch.nn.functional.pad(x, (radius, radius, radius, radius), mode="reflect").reshape(n * c, 1, h + 2 * radius, -1)
    y = torch.nn.functional.conv2d(y, taps.view(1, 1, 1, -1))
    y = torch.nn.functional.conv2d(y, taps.view(1, 1, -1, 1))
    return y.reshape(n, c, h, w)


def degrade_for_evaluation(photo: np.ndarray, strength: dict, scale: int, seed: int) -> np.ndarray:
    """One entry of strengths.json applied to a photograph (h, w, 3) uint8; sides are cut to multiples of scale."""
    h, w = (side - side % scale for side in photo.shape[:2])
    x = gaussian_blur(to_tensor(photo[:h, :w]), strength["blurSigmaPx"])
    if scale > 1:
        x = resize(x, h // scale, w // scale)
    if strength["noiseSigmaLevels"] > 0:
        noise = seeded_normal(seed, x.numel()).reshape(h // scale, w // scale, 3)  # raster order, R G B interleaved
        x = x + torch.from_numpy(noise).permute(2, 0, 1)[None].float() * (strength["noiseSigmaLevels"] / 255)
    small = to_bytes(x)
    return pillow_jpeg(small, strength["jpegQuality"]) if strength["jpegQuality"] else small
