"""Tiny LaMa generators: a traced TorchScript file as big-lama.pt is, and a zip `.ckpt`-like dictionary with a `generator.` prefix.

Facts: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions" (WACV 2022), and the released big-lama.
Run: python -m golden.la_ma (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, store_checkpoint, store_io, store_torchscript

FIRST = 3
LOCAL, GLOBAL = 4, 12
BLOCKS = 2
PREFIX = "generator.model."


def unit(s: TinyState, name: str, local_in: int, global_in: int, local_out: int, global_out: int, kernel: int = 3) -> None:
    ffc = f"{name}.ffc"
    s.conv(f"{ffc}.convl2l", local_out, local_in, kernel, bias=False, gain=1.0)
    if global_out:
        s.conv(f"{ffc}.convl2g", global_out, local_in, kernel, bias=False, gain=1.0)
    if global_in:
        s.conv(f"{ffc}.convg2l", local_out, global_in, kernel, bias=False, gain=1.0)
        half = global_out // 2
        s.conv(f"{ffc}.convg2g.conv1.0", half, global_in, 1, bias=False)
        s.batch_norm(f"{ffc}.convg2g.conv1.1", half)
        s.conv(f"{ffc}.convg2g.fu.conv_layer", 2 * half, 2 * half, 1, bias=False)
        s.batch_norm(f"{ffc}.convg2g.fu.bn", 2 * half)
        s.conv(f"{ffc}.convg2g.conv2", global_out, half, 1, bias=False)
    s.batch_norm(f"{name}.bn_l", local_out)
    if global_out:
        s.batch_norm(f"{name}.bn_g", global_out)


def make(seed: int) -> Tensors:
    s = TinyState(seed)
    unit(s, f"{PREFIX}1", 4, 0, FIRST, 0, kernel=7)
    unit(s, f"{PREFIX}2", FIRST, 0, 2 * FIRST, 0)
    unit(s, f"{PREFIX}3", 2 * FIRST, 0, 4 * FIRST, 0)
    unit(s, f"{PREFIX}4", 4 * FIRST, 0, LOCAL, GLOBAL)
    for block in range(BLOCKS):
        for k in (1, 2):
            unit(s, f"{PREFIX}{5 + block}.conv{k}", LOCAL, GLOBAL, LOCAL, GLOBAL)
    index, width = 5 + BLOCKS + 1, LOCAL + GLOBAL
    for _ in range(3):
        s.put(f"{PREFIX}{index}.weight", s.normal(width, width // 2, 3, 3, scale=(4 / (width * 9)) ** 0.5))
        s.put(f"{PREFIX}{index}.bias", s.normal(width // 2, scale=0.2))
        s.batch_norm(f"{PREFIX}{index + 1}", width // 2)
        index, width = index + 3, width // 2
    s.conv(f"{PREFIX}{index + 1}", 3, width, 7)
    return s.tensors


def reflect(p: Tensors, name: str, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
    padding = p[f"{name}.weight"].shape[-1] // 2
    return conv(p, name, F.pad(x, [padding] * 4, mode="reflect"), stride=stride)


def spectral(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    t = F.relu(batch_norm(p, f"{name}.conv1.1", conv(p, f"{name}.conv1.0", x)))
    n, c, h, w = t.shape
    f = torch.fft.rfftn(t, dim=(-2, -1), norm="ortho")
    f = torch.stack([f.real, f.imag], dim=2).view(n, 2 * c, h, w // 2 + 1)
    f = F.relu(batch_norm(p, f"{name}.fu.bn", conv(p, f"{name}.fu.conv_layer", f)))
    f = f.view(n, c, 2, h, w // 2 + 1)
    u = torch.fft.irfftn(torch.complex(f[:, :, 0], f[:, :, 1]), s=(h, w), dim=(-2, -1), norm="ortho")
    return conv(p, f"{name}.conv2", t + u)


def run_unit(p: Tensors, name: str, local: torch.Tensor, wide: torch.Tensor | None, stride: int = 1):
    ffc = f"{name}.ffc"
    y = reflect(p, f"{ffc}.convl2l", local, stride)
    g = None
    if f"{ffc}.convl2g.weight" in p:
        g = reflect(p, f"{ffc}.convl2g", local, stride)
    if wide is not None:
        y = y + reflect(p, f"{ffc}.convg2l", wide, stride)
        g = g + spectral(p, f"{ffc}.convg2g", wide)
    y = F.relu(batch_norm(p, f"{name}.bn_l", y))
    return y, None if g is None else F.relu(batch_norm(p, f"{name}.bn_g", g))


def run(p: Tensors, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    x = torch.cat([image * (1 - mask), mask], dim=1)
    local, wide = run_unit(p, f"{PREFIX}1", x, None)
    for index in (2, 3, 4):
        local, wide = run_unit(p, f"{PREFIX}{index}", local, wide, stride=2)
    for block in range(BLOCKS):
        name = f"{PREFIX}{5 + block}"
        a, b = run_unit(p, f"{name}.conv1", local, wide)
        a, b = run_unit(p, f"{name}.conv2", a, b)
        local, wide = local + a, wide + b
    x = torch.cat([local, wide], dim=1)
    index = 5 + BLOCKS + 1
    for _ in range(3):
        name = f"{PREFIX}{index}"
        x = F.conv_transpose2d(x, p[f"{name}.weight"], p[f"{name}.bias"], stride=2, padding=1, output_padding=1)
        x = F.relu(batch_norm(p, f"{PREFIX}{index + 1}", x))
        index += 3
    x = torch.sigmoid(reflect(p, f"{PREFIX}{index + 1}", x))
    return mask * x + (1 - mask) * image


def main() -> None:
    # Height 40 and width 56 give feature maps of 5 x 7: odd transforms. The second file has even ones.
    for name, seed, height, width in (("la-ma", 11, 40, 56), ("la-ma-even", 13, 64, 48)):
        tensors = make(seed)
        r = TinyState(seed + 1)
        image = r.uniform(1, 3, height, width, low=0, high=1)
        mask = torch.zeros(1, 1, height, width)
        mask[:, :, 10:25, 12:40] = 1
        if seed == 11:
            store_torchscript(name, tensors, run, image, mask)
        else:
            store_checkpoint(name, {"state_dict": tensors, "epoch": 3})
        store_io(name, input=image, mask=mask, output=run(tensors, image, mask))


if __name__ == "__main__":
    main()
