"""Real-ESRGAN's high-order degradations and the damage of old photographs, batched in torch.

Every operation takes and returns (n, 3, h, w) float32 in [0, 1] on any device. Parameters that are drawn come from a
NumPy generator (small, on the CPU), pixel noise from a torch generator on the tensor's device, so that one seed
gives one result on one device. Formulas: Wang et al. 2021 (Real-ESRGAN), Zhang et al. 2021 (BSRGAN) for the kernels;
the film, paper and print models are stated where they stand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from training.imaging import gaussian_blur, resize

# ---------------------------------------------------------------- kernels


def kernel_grid(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x (rightward) and y (downward) of a size x size kernel, -floor(size/2) .. floor(size/2), float64."""
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    return axis[None, :].expand(size, size), axis[:, None].expand(size, size)


def mahalanobis(size: int, sigma_x: float, sigma_y: float, theta: float) -> torch.Tensor:
    """q' S^-1 q on the grid, S = R diag(sigma_x^2, sigma_y^2) R', R = [[cos, -sin], [sin, cos]]."""
    x, y = kernel_grid(size)
    along = math.cos(theta) * x + math.sin(theta) * y
    across = -math.sin(theta) * x + math.cos(theta) * y
    return (along / sigma_x) ** 2 + (across / sigma_y) ** 2


def gaussian_kernel(size: int, sigma_x: float, sigma_y: float, theta: float) -> torch.Tensor:
    """exp(-m / 2), sum 1."""
    k = torch.exp(-0.5 * mahalanobis(size, sigma_x, sigma_y, theta))
    return (k / k.sum()).float()


def generalized_kernel(size: int, sigma_x: float, sigma_y: float, theta: float, beta: float) -> torch.Tensor:
    """exp(-m^beta / 2), sum 1."""
    k = torch.exp(-0.5 * mahalanobis(size, sigma_x, sigma_y, theta) ** beta)
    return (k / k.sum()).float()


def plateau_kernel(size: int, sigma_x: float, sigma_y: float, theta: float, beta: float) -> torch.Tensor:
    """1 / (m^beta + 1), sum 1."""
    k = 1 / (mahalanobis(size, sigma_x, sigma_y, theta) ** beta + 1)
    return (k / k.sum()).float()


def sinc_kernel(size: int, omega: float) -> torch.Tensor:
    """Circular low-pass: omega J1(omega r) / (2 pi r), center omega^2 / (4 pi), sum 1."""
    x, y = kernel_grid(size)
    r = torch.sqrt(x**2 + y**2)
    k = omega * torch.special.bessel_j1(omega * r) / (2 * math.pi * r.clamp(min=1e-9))
    k[size // 2, size // 2] = omega**2 / (4 * math.pi)
    return (k / k.sum()).float()


def pad_kernel(kernel: torch.Tensor, size: int = 21) -> torch.Tensor:
    """Zeros around a kernel up to size x size."""
    pad = (size - kernel.shape[0]) // 2
    return F.pad(kernel, (pad, pad, pad, pad))


KINDS = ("iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso")
KIND_SHARES = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)


def draw_beta(rng: np.random.Generator, low: float, high: float) -> float:
    """Half the draws uniform below 1, half above (a plateau's low is 1)."""
    return float(rng.uniform(low, 1) if rng.random() < 0.5 else rng.uniform(1, high))


def draw_kernel(rng: np.random.Generator, sigma: tuple[float, float], sinc_share: float = 0.1) -> torch.Tensor:
    """One 21 x 21 kernel from Real-ESRGAN's mixture."""
    size = int(rng.choice(np.arange(7, 22, 2)))
    if rng.random() < sinc_share:
        return pad_kernel(sinc_kernel(size, float(rng.uniform(math.pi / (3 if size < 13 else 5), math.pi))))
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    sx = float(rng.uniform(*sigma))
    iso = not kind.endswith("aniso")
    sy = sx if iso else float(rng.uniform(*sigma))
    theta = 0.0 if iso else float(rng.uniform(-math.pi, math.pi))
    if kind.startswith("generalized"):
        return pad_kernel(generalized_kernel(size, sx, sy, theta, draw_beta(rng, 0.5, 4)))
    if kind.startswith("plateau"):
        return pad_kernel(plateau_kernel(size, sx, sy, theta, draw_beta(rng, 1, 2)))
    return pad_kernel(gaussian_kernel(size, sx, sy, theta))


def draw_final_sinc(rng: np.random.Generator, share: float = 0.8) -> torch.Tensor:
    """Real-ESRGAN's last filter: a sinc most times, otherwise a single 1 that changes nothing."""
    if rng.random() < share:
        return pad_kernel(sinc_kernel(int(rng.choice(np.arange(7, 22, 2))), float(rng.uniform(math.pi / 3, math.pi))))
    return pad_kernel(torch.ones(1, 1))


def filter_each(x: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Correlates sample i with kernels[i] (n, k, k), edges mirrored (reflect 101), by FFT."""
    k = kernels.shape[-1]
    r = k // 2
    h, w = x.shape[-2:]
    y = F.pad(x, (r, r, r, r), mode="reflect")
    size = (h + 2 * r, w + 2 * r)
    spectrum = torch.fft.rfft2(y) * torch.fft.rfft2(kernels.to(x.device), s=size)[:, None].conj()
    return torch.fft.irfft2(spectrum, s=size)[..., :h, :w]


# ---------------------------------------------------------------- noise


def normal(like: torch.Tensor, generator: torch.Generator, channels: int = 3) -> torch.Tensor:
    n, _, h, w = like.shape
    return torch.randn((n, channels, h, w), generator=generator, device=like.device)


def per_sample(values: np.ndarray | list[float], like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=like.device).view(-1, 1, 1, 1)


def gaussian_noise(x: torch.Tensor, sigma: torch.Tensor, gray: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """x + sigma * N(0, 1); sigma (n, 1, 1, 1) in [0, 1] units; gray 1: one field for all three channels."""
    color = normal(x, generator)
    field = color * (1 - gray) + color[:, :1] * gray
    return (x + sigma * field).clamp(0, 1)


def poisson_noise(x: torch.Tensor, scale: torch.Tensor, gray: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """x + scale * (Poisson(q v) / v - q): q is x (or its luma) at 8 bit, v = 2^ceil(log2(distinct values of q))."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=x.device).view(1, 3, 1, 1)
    mono = (x * weights).sum(1, keepdim=True).expand_as(x)
    q = torch.where(gray > 0, mono, x).clamp(0, 1).mul(255).round().div(255)
    levels = torch.zeros((len(q), 256), device=q.device).scatter_(1, (q * 255).round().long().flatten(1), 1.0)
    v = (2.0 ** torch.log2(levels.sum(1).clamp(min=2)).ceil()).view(-1, 1, 1, 1)  # counted without waiting for the device
    noise = torch.poisson(q * v, generator=generator) / v - q
    noise = torch.where(gray > 0, noise[:, :1].expand_as(noise), noise)
    return (x + scale * noise).clamp(0, 1)


# ---------------------------------------------------------------- JPEG

LUMA_TABLE = torch.tensor([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]], dtype=torch.float32)
CHROMA_TABLE = torch.full((8, 8), 99.0)
CHROMA_TABLE[:4, :4] = torch.tensor([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])
TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
FROM_YCC = torch.tensor([[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]])


def dct_matrix() -> torch.Tensor:
    k = torch.arange(8, dtype=torch.float64)
    m = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) * 0.5
    m[0] /= math.sqrt(2)
    return m.float()


def quantize_plane(plane: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """(n, c, h, w), h and w multiples of 8, through the 8 x 8 DCT, the table (n, 1, 1, 1, 8, 8) and back."""
    n, c, h, w = plane.shape
    d = dct_matrix().to(plane.device)
    blocks = plane.view(n, c, h // 8, 8, w // 8, 8).transpose(3, 4)
    coefficients = d @ (blocks - 128) @ d.T
    coefficients = (coefficients / table).round() * table
    return (d.T @ coefficients @ d + 128).transpose(3, 4).reshape(n, c, h, w)


def jpeg(x: torch.Tensor, quality: np.ndarray, subsample: bool = True) -> torch.Tensor:
    """Baseline JPEG at one quality (1..100) a sample, tables of the standard's annex K scaled as libjpeg does.

    Chroma is averaged 2 x 2 and comes back with the triangle filter, as libjpeg's "fancy upsampling" does.
    """
    n, _, h, w = x.shape
    multiple = 16 if subsample else 8
    y = F.pad(x.clamp(0, 1), (0, -w % multiple, 0, -h % multiple), mode="replicate").mul(255).round()
    ycc = torch.einsum("ij,njhw->nihw", TO_YCC.to(x.device), y)
    ycc = torch.cat([ycc[:, :1], ycc[:, 1:] + 128], 1).round()
    q = np.clip(np.asarray(quality, dtype=np.float64).round(), 1, 100)
    factor = torch.as_tensor(np.where(q < 50, 5000 / q, 200 - 2 * q), dtype=torch.float32).view(-1, 1, 1)
    tables = [((t * factor + 50) / 100).floor().clamp(1, 255).view(n, 1, 1, 1, 8, 8).to(x.device) for t in (LUMA_TABLE, CHROMA_TABLE)]
    luma = quantize_plane(ycc[:, :1], tables[0])
    chroma = F.avg_pool2d(ycc[:, 1:], 2) if subsample else ycc[:, 1:]
    chroma = quantize_plane(chroma, tables[1])
    if subsample:
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    rgb = torch.einsum("ij,njhw->nihw", FROM_YCC.to(x.device), torch.cat([luma, chroma - 128], 1))
    return rgb[..., :h, :w].round().div(255).clamp(0, 1)


# ---------------------------------------------------------------- color: applied to input and target alike


def saturation(x: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """keep 0: gray by Rec. 601 luma; 1: unchanged."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=x.device).view(1, 3, 1, 1)
    mono = (x * weights).sum(1, keepdim=True)
    return mono + (x - mono) * keep


def fade(x: torch.Tensor, black: torch.Tensor, white: torch.Tensor, gamma: torch.Tensor) -> torch.Tensor:
    """black + (white - black) * x^gamma, each (n, 3, 1, 1): lost contrast and, where channels differ, a dye cast."""
    return (black + (white - black) * x.clamp(0, 1) ** gamma).clamp(0, 1)


def draw_aging(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Gray, sepia or a faded color print, one kind a sample; the network's target shows it too, so it stays."""
    n = x.shape[0]
    kind = rng.choice(4, size=n, p=[0.35, 0.3, 0.25, 0.1])  # gray, faded gray, sepia, faded color print
    keep = np.where(kind == 3, rng.uniform(0.4, 1.0, n), 0.0)
    common_black, common_white = rng.uniform(0, 0.2, n), rng.uniform(0.8, 1.0, n)
    black, white = np.repeat(common_black[:, None], 3, 1), np.repeat(common_white[:, None], 3, 1)
    gamma = np.repeat(rng.uniform(0.8, 1.25, n)[:, None], 3, 1)
    tint = rng.uniform(0.3, 1.0, n)[:, None] * np.array([[0.0, -0.07, -0.2]])
    white = np.where((kind == 2)[:, None], white + tint, white)
    cast = rng.uniform(-0.12, 0.12, (n, 3))
    black = np.where((kind == 3)[:, None], np.abs(black + cast), black)
    white = np.where((kind == 3)[:, None], np.minimum(1, white + rng.uniform(-0.15, 0.05, (n, 3))), white)
    black, white = np.where((kind == 0)[:, None], 0, black), np.where((kind == 0)[:, None], 1, white)
    gamma = np.where((kind == 0)[:, None], 1, gamma)
    shaped = [torch.as_tensor(v, dtype=torch.float32, device=x.device).view(n, 3, 1, 1) for v in (black, white, gamma)]
    return fade(saturation(x, per_sample(keep, x)), *shaped)


# ---------------------------------------------------------------- film, paper, print, scanner: input alone


def unit_field(like: torch.Tensor, sigma: float, generator: torch.Generator, channels: int = 1) -> torch.Tensor:
    """Gaussian noise blurred by `sigma` pixels, then scaled to zero mean and unit deviation per plane."""
    field = gaussian_blur(normal(like, generator, channels), sigma)
    field = field - field.mean((-2, -1), keepdim=True)
    return field / field.std((-2, -1), keepdim=True, correction=0).clamp(min=1e-6)


def film_grain(x: torch.Tensor, amount: torch.Tensor, size_px: float, color: float, generator: torch.Generator) -> torch.Tensor:
    """x + amount * (0.4 + 2.4 L (1 - L)) * g: grain strongest in the mid-tones (L = 0.5 gives 1.0).

    L is Rec. 601 luma; g is a unit field of blur `size_px`; `color` 0 shares it among the channels, 1 gives each its
    own (g = sqrt(1 - color) shared + sqrt(color) own).
    """
    weights = torch.tensor([0.299, 0.587, 0.114], device=x.device).view(1, 3, 1, 1)
    light = (x * weights).sum(1, keepdim=True).clamp(0, 1)
    shared = unit_field(x, size_px, generator)
    field = shared if color <= 0 else math.sqrt(1 - color) * shared + math.sqrt(color) * unit_field(x, size_px, generator, 3)
    return (x + amount * (0.4 + 2.4 * light * (1 - light)) * field).clamp(0, 1)


def paper_texture(x: torch.Tensor, amount: torch.Tensor, size_px: float, generator: torch.Generator) -> torch.Tensor:
    """x * (1 + amount * t), t = 0.8 fine + 0.6 coarse: unit fields of blur `size_px` and 4 `size_px`."""
    texture = 0.8 * unit_field(x, size_px, generator) + 0.6 * unit_field(x, 4 * size_px, generator)
    return (x * (1 + amount * texture)).clamp(0, 1)


def halftone(x: torch.Tensor, period_px: float, theta: float, amount: torch.Tensor) -> torch.Tensor:
    """A printing screen: x + amount * (d - x), d = sigmoid(6 (x - s)).

    s = 0.5 + 0.25 (cos(2 pi u / period) + cos(2 pi v / period)), u = x cos + y sin, v = -x sin + y cos, pixel indices.
    """
    h, w = x.shape[-2:]
    row = torch.arange(h, device=x.device, dtype=torch.float32)[:, None]
    column = torch.arange(w, device=x.device, dtype=torch.float32)[None, :]
    u = column * math.cos(theta) + row * math.sin(theta)
    v = -column * math.sin(theta) + row * math.cos(theta)
    screen = 0.5 + 0.25 * (torch.cos(2 * math.pi * u / period_px) + torch.cos(2 * math.pi * v / period_px))
    return x + amount * (torch.sigmoid(6 * (x - screen)) - x)


def sharpening_halo(x: torch.Tensor, amount: torch.Tensor, sigma: float) -> torch.Tensor:
    """Unsharp masking as scanners do it: x + amount * (x - blur(x, sigma)), clamped."""
    return (x + amount * (x - gaussian_blur(x, sigma))).clamp(0, 1)


def scanner_blur(x: torch.Tensor, sigma_across: float, sigma_along: float) -> torch.Tensor:
    """Axis-aligned Gaussian: across the sensor line and along the carriage's motion (downward)."""
    size = 2 * max(1, math.ceil(3 * max(sigma_across, sigma_along))) + 1
    kernel = gaussian_kernel(size, max(sigma_across, 0.05), max(sigma_along, 0.05), 0.0)
    return filter_each(x, kernel.expand(x.shape[0], size, size))


def film_damage(x: torch.Tensor, alpha: torch.Tensor, tone: torch.Tensor) -> torch.Tensor:
    """Dust and scratches: x + alpha * (tone - x), alpha (n, 1, h, w), tone (n, 1, 1, 1) 0 dark .. 1 light."""
    return x + alpha * (tone - x)


# ---------------------------------------------------------------- chains


@dataclass
class Draw:
    """The two sources of chance of one batch."""

    rng: np.random.Generator
    torch: torch.Generator

    @staticmethod
    def seeded(seed: int, device: str = "cpu") -> "Draw":
        return Draw(np.random.default_rng(seed), torch.Generator(device).manual_seed(seed))

    def some(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))


RESIZE_KINDS = ("area", "bilinear", "bicubic")


def plain_resize(x: torch.Tensor, h: int, w: int, rng: np.random.Generator) -> torch.Tensor:
    """Area, bilinear or bicubic without antialiasing, as torch and Real-ESRGAN do it."""
    kind = str(rng.choice(RESIZE_KINDS))
    if kind == "area":
        return F.interpolate(x, size=(h, w), mode="area")
    return F.interpolate(x, size=(h, w), mode=kind, align_corners=False).clamp(0, 1)


def draw_noise(x: torch.Tensor, draw: Draw, sigma: tuple[float, float], scale: tuple[float, float]) -> torch.Tensor:
    """Gaussian (half the time) or Poisson, gray for 40 % of the samples."""
    n = x.shape[0]
    gray = per_sample((draw.rng.random(n) < 0.4).astype(np.float32), x)
    if draw.some(0.5):
        return gaussian_noise(x, per_sample(draw.rng.uniform(*sigma, n) / 255, x), gray, draw.torch)
    return poisson_noise(x, per_sample(draw.rng.uniform(*scale, n), x), gray, draw.torch)


def kernels_for(x: torch.Tensor, draw: Draw, sigma: tuple[float, float]) -> torch.Tensor:
    return torch.stack([draw_kernel(draw.rng, sigma) for _ in range(x.shape[0])])


def random_scale(draw: Draw, shares: tuple[float, float, float], up: float, down: float) -> float:
    kind = draw.rng.choice(3, p=shares)
    return draw.uniform(1, up) if kind == 0 else draw.uniform(down, 1) if kind == 1 else 1.0


def high_order(x: torch.Tensor, scale: int, draw: Draw, strength: float = 1.0) -> torch.Tensor:
    """Real-ESRGAN's two-stage chain from (h, w) to (h / scale, w / scale); `strength` below 1 narrows its ranges."""
    n, _, h, w = x.shape
    s = strength
    y = filter_each(x, kernels_for(x, draw, (0.2, 0.2 + 2.8 * s))).clamp(0, 1)
    factor = random_scale(draw, (0.2, 0.7, 0.1), 1 + 0.5 * s, 1 - 0.85 * s)
    y = plain_resize(y, max(16, int(h * factor)), max(16, int(w * factor)), draw.rng)
    y = draw_noise(y, draw, (1, 1 + 29 * s), (0.05, 0.05 + 2.95 * s))
    y = jpeg(y, draw.rng.uniform(95 - 65 * s, 95, n))
    if draw.some(0.8):
        y = filter_each(y, kernels_for(y, draw, (0.2, 0.2 + 1.3 * s))).clamp(0, 1)
    factor = random_scale(draw, (0.3, 0.4, 0.3), 1 + 0.2 * s, 1 - 0.7 * s)
    y = plain_resize(y, max(12, int(h / scale * factor)), max(12, int(w / scale * factor)), draw.rng)
    y = draw_noise(y, draw, (1, 1 + 24 * s), (0.05, 0.05 + 2.45 * s))
    final = torch.stack([draw_final_sinc(draw.rng) for _ in range(n)])
    quality = draw.rng.uniform(95 - 65 * s, 95, n)
    if draw.some(0.5):
        y = filter_each(plain_resize(y, h // scale, w // scale, draw.rng), final).clamp(0, 1)
        y = jpeg(y, quality)
    else:
        y = jpeg(y, quality)
        y = filter_each(plain_resize(y, h // scale, w // scale, draw.rng), final)
    return y.clamp(0, 1)


def reduce_well(x: torch.Tensor, scale: int, draw: Draw) -> torch.Tensor:
    """To 1 / scale: MATLAB bicubic mostly, sometimes Lanczos, area or bilinear, all antialiased."""
    kind = str(draw.rng.choice(["bicubic", "lanczos3", "area", "bilinear"], p=[0.7, 0.1, 0.1, 0.1]))
    return resize(x, x.shape[-2] // scale, x.shape[-1] // scale, kind).clamp(0, 1)


def single_order(x: torch.Tensor, scale: int, draw: Draw) -> torch.Tensor:
    """Blur, reduce, noise, JPEG once, mild to strong with the emphasis on mild and medium."""
    n = x.shape[0]
    level = draw.rng.beta(1.4, 1.8, n)  # 0 mild .. 1 strong, loosely tied across the four
    wobble = lambda: np.clip(level + draw.rng.normal(0, 0.2, n), 0, 1)
    kernels = []
    for sigma in 0.1 + 2.3 * wobble():
        other = sigma * draw.uniform(0.6, 1.0) if draw.some(0.3) else sigma
        kernels.append(gaussian_kernel(21, float(sigma), float(other), draw.uniform(-math.pi, math.pi)))
    y = reduce_well(filter_each(x, torch.stack(kernels)).clamp(0, 1), scale, draw)
    sigma = np.where(draw.rng.random(n) < 0.85, 17 * wobble() ** 1.2, 0) / 255
    gray = (draw.rng.random(n) < 0.3).astype(np.float32)
    y = gaussian_noise(y, per_sample(sigma, x), per_sample(gray, x), draw.torch)
    quality = 95 - 57 * wobble()
    coded = jpeg(y, quality)
    return torch.where(per_sample((draw.rng.random(n) < 0.8).astype(np.float32), x) > 0, coded, (y * 255).round() / 255)


def old_photo(x: torch.Tensor, scale: int, draw: Draw, alpha: torch.Tensor | None) -> torch.Tensor:
    """Lens blur, grain, print, dust, then a scanner: reduction, blur, halos, sensor noise, JPEG."""
    n = x.shape[0]
    per = lambda low, high: per_sample(draw.rng.uniform(low, high, n), x)
    y = filter_each(x, kernels_for(x, draw, (0.2, 2.5))).clamp(0, 1)
    y = reduce_well(y, scale, draw)
    if draw.some(0.85):
        y = film_grain(y, per(0.01, 0.09), draw.uniform(0.0, 1.3), float(draw.rng.choice([0.0, 0.3, 0.6])), draw.torch)
    if draw.some(0.3):
        y = paper_texture(y, per(0.01, 0.07), draw.uniform(0.5, 1.5), draw.torch)
    if draw.some(0.15):
        y = halftone(y, draw.uniform(2.2, 4.5), draw.uniform(0, math.pi / 2), per(0.05, 0.45))
    if alpha is not None and draw.some(0.35):
        tone = per_sample(np.where(draw.rng.random(n) < 0.7, draw.rng.uniform(0.7, 1, n), draw.rng.uniform(0, 0.3, n)), x)
        y = film_damage(y, alpha.to(x.device) * per(0.2, 0.9), tone)
    if draw.some(0.6):
        y = scanner_blur(y, draw.uniform(0.2, 0.9), draw.uniform(0.2, 1.1))
    if draw.some(0.4):
        y = sharpening_halo(y, per(0.3, 2.0), draw.uniform(0.6, 1.8))
    gray = per_sample((draw.rng.random(n) < 0.5).astype(np.float32), x)
    y = gaussian_noise(y, per(0, 5 / 255), gray, draw.torch)
    return jpeg(y, draw.rng.uniform(50, 97, n)) if draw.some(0.85) else (y * 255).round() / 255
