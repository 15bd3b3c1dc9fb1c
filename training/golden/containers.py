"""Writes tiny weights files in every container that Heirloom reads, to tests/fixtures/weights/.

Usage: python training/golden/containers.py

Every file holds the tensors of `sample()`: each element type, strided views, shared storages, scalars and empty tensors.
`containers.json` beside them has the numbers that a reader must give, so that the tests need no PyTorch.
"""

from __future__ import annotations

import json
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "weights"


def sample() -> "OrderedDict[str, torch.Tensor]":
    generator = torch.Generator().manual_seed(7)
    base = torch.randn(4, 6, generator=generator)
    shared = torch.arange(12, dtype=torch.float32) / 8
    tensors: "OrderedDict[str, torch.Tensor]" = OrderedDict()
    tensors["conv.weight"] = torch.randn(2, 3, 3, 3, generator=generator)
    tensors["conv.bias"] = torch.tensor([0.5, -0.25])
    tensors["float64"] = torch.tensor([1 / 3, -1e300, 1e-300, 2.0], dtype=torch.float64)
    tensors["float16"] = torch.tensor([1.0, -0.333, 65504.0, 6e-8, 6e-5, float("inf"), -0.0], dtype=torch.float16)
    tensors["bfloat16"] = torch.tensor([1.0, -0.333, 3e38, 1e-40], dtype=torch.bfloat16)
    tensors["int64"] = torch.tensor([2**40, -(2**40), -1, 7], dtype=torch.int64)
    tensors["int32"] = torch.tensor([[2**30, -(2**31)]], dtype=torch.int32)
    tensors["int16"] = torch.tensor([-32768, 32767], dtype=torch.int16)
    tensors["int8"] = torch.tensor([-128, 127], dtype=torch.int8)
    tensors["uint8"] = torch.tensor([0, 255], dtype=torch.uint8)
    tensors["bool"] = torch.tensor([True, False, True])
    tensors["scalar"] = torch.tensor(42, dtype=torch.int64)
    tensors["empty"] = torch.empty(0, 5)
    tensors["transposed"] = base.t()
    tensors["strided"] = base[1:, ::2]
    tensors["expanded"] = torch.tensor([[1.5], [2.5]]).expand(2, 4)
    tensors["shared.low"] = shared[:6].view(2, 3)
    tensors["shared.high"] = shared[4:]
    tensors["parameter"] = nn.Parameter(torch.tensor([3.0, 4.0]))
    tensors["__proto__"] = torch.tensor([9.0])
    return tensors


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        self.stages = nn.ModuleList([nn.Linear(2, 2), nn.PReLU(2)])
        self.register_buffer("mean", torch.tensor([0.25, 0.5, 0.75]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x - self.mean.view(1, 3, 1, 1))
        for stage in self.stages:
            x = stage(x.transpose(1, 3)).transpose(1, 3) if isinstance(stage, nn.Linear) else stage(x)
        return x


def numbers(tensor: torch.Tensor) -> dict:
    flat = tensor.detach().to(torch.float64).to(torch.float32).reshape(-1)
    # As bit patterns: JSON has no infinity, and -0 must stay -0.
    bits = flat.contiguous().view(torch.int32).tolist()
    return {"shape": list(tensor.shape), "bits": [b & 0xFFFFFFFF for b in bits]}


def write_zip_copy(source: Path, target: Path, change) -> None:
    """Copies an archive entry by entry; `change(name, data)` gives the new data and the compression."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data, method = change(info.filename, old.read(info))
            new.writestr(zipfile.ZipInfo(info.filename), data, method)


def swap_storage(name: str, data: bytes, sizes: dict[str, int]) -> bytes:
    """The bytes of a storage as a big-endian machine would have written them."""
    key = name.rsplit("/", 1)[-1]
    if "/data/" not in name or key not in sizes:
        return data
    size = sizes[key]
    return b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))


def write_big_endian(source: Path, target: Path, tensors: "OrderedDict[str, torch.Tensor]") -> None:
    sizes: dict[str, int] = {}
    seen: dict[int, str] = {}
    for tensor in tensors.values():
        pointer = tensor.untyped_storage()._cdata
        if pointer not in seen:
            seen[pointer] = str(len(seen))
            sizes[seen[pointer]] = tensor.element_size()

    def change(name: str, data: bytes):
        return (b"big" if name.endswith("/byteorder") else swap_storage(name, data, sizes)), zipfile.ZIP_STORED

    write_zip_copy(source, target, change)


def fuse_transposed(layer: nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> nn.ConvTranspose2d:
    """PyTorch's own fusion leaves grouped transposed convolutions out; checked here against running both."""
    fused = nn.ConvTranspose2d(layer.in_channels, layer.out_channels, layer.kernel_size, groups=layer.groups)
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    with torch.no_grad():
        for group, inputs in enumerate(torch.arange(layer.in_channels).chunk(layer.groups)):
            outputs = slice(group * layer.weight.shape[1], (group + 1) * layer.weight.shape[1])
            fused.weight[inputs] = layer.weight[inputs] * factor[outputs].view(1, -1, 1, 1)
        fused.bias.copy_((layer.bias - norm.running_mean) * factor + norm.bias)
        x = torch.randn(1, layer.in_channels, 5, 5)
        assert torch.allclose(fused(x), norm(layer(x)), atol=1e-5)
    return fused


def write_norms() -> dict:
    """Layers whose weights are stored in parts, and what they compute with; batch normalization with its convolution."""
    torch.manual_seed(11)
    old_spectral = nn.utils.spectral_norm(nn.Conv2d(3, 4, 3))
    new_spectral = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3))
    transposed = nn.utils.spectral_norm(nn.ConvTranspose2d(3, 5, 2))
    old_weight = nn.utils.weight_norm(nn.Conv2d(3, 4, 3))
    new_weight = nn.utils.parametrizations.weight_norm(nn.Linear(6, 2))
    layers = nn.ModuleDict({"sn": old_spectral, "sn2": new_spectral, "snt": transposed, "wn": old_weight, "wn2": new_weight})
    layers["plain"] = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        old_weight.weight_g.mul_(1.5)
        old_spectral(torch.randn(1, 3, 5, 5)), transposed(torch.randn(1, 3, 5, 5)), old_weight(torch.randn(1, 3, 5, 5))
    layers.eval()
    with torch.no_grad():
        old_spectral(torch.randn(1, 3, 5, 5)), transposed(torch.randn(1, 3, 5, 5)), old_weight(torch.randn(1, 3, 5, 5))
        folded = {f"{name}.weight": numbers(layer.weight) for name, layer in layers.items()}
        state = {k: v.contiguous() for k, v in layers.state_dict().items()}
    batch = {}
    for name, layer in {
        "conv": nn.Conv2d(4, 6, 3, groups=2),
        "bare": nn.Conv2d(4, 6, 3, bias=False),
        "transposed": nn.ConvTranspose2d(4, 6, 3, groups=2),
    }.items():
        norm = nn.BatchNorm2d(6)
        with torch.no_grad():
            norm.weight.normal_(1, 0.3), norm.bias.normal_(), norm.running_mean.normal_(), norm.running_var.uniform_(0.3, 2)
        layer.eval(), norm.eval()
        fused = fuse_transposed(layer, norm) if name == "transposed" else nn.utils.fuse_conv_bn_eval(layer, norm)
        state |= {f"bn.{name}.conv.{k}": v for k, v in layer.state_dict().items()}
        state |= {f"bn.{name}.norm.{k}": v for k, v in norm.state_dict().items()}
        batch |= {f"{name}.{k}": numbers(v) for k, v in fused.state_dict().items()}
    save_file(state, FOLDER / "norms.safetensors")
    return {"norms": folded, "batch": batch}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    tensors = sample()
    torch.save(tensors, FOLDER / "plain.zip.pth")
    torch.save(tensors, FOLDER / "plain.legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(tensors, FOLDER / "plain.protocol4.pth", pickle_protocol=4)
    # Few tensors for what is mutated byte by byte.
    small = OrderedDict((k, tensors[k]) for k in ("conv.bias", "float16", "shared.low", "shared.high"))
    torch.save(small, FOLDER / "small.zip.pth")
    torch.save(small, FOLDER / "small.legacy.pth", _use_new_zipfile_serialization=False)
    contiguous = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    save_file(contiguous, FOLDER / "plain.safetensors", metadata={"title": "Tiny", "alpha": "0.5"})
    save_file({k: contiguous[k] for k in small}, FOLDER / "small.safetensors")

    model = Tiny()
    torch.manual_seed(7)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3, 4, 4)).sum().backward()
    optimizer.step()
    ema = OrderedDict(("module." + k, v * 2) for k, v in model.state_dict().items())
    wrapped = {
        "epoch": 3,
        "lr": 1e-4,
        "note": "café",
        "params": model.state_dict(),
        "params_ema": ema,
        "optimizer": optimizer.state_dict(),
    }
    torch.save(wrapped, FOLDER / "wrapped.zip.pth")
    torch.jit.script(model).save(str(FOLDER / "script.pt"))
    torch.jit.trace(model, torch.ones(1, 3, 4, 4)).save(str(FOLDER / "traced.pt"))

    write_zip_copy(FOLDER / "plain.zip.pth", FOLDER / "deflated.zip.pth", lambda _, data: (data, zipfile.ZIP_DEFLATED))
    write_big_endian(FOLDER / "plain.zip.pth", FOLDER / "bigendian.zip.pth", tensors)

    expected = {
        "plain": {k: numbers(v) for k, v in tensors.items()},
        "model": {k: numbers(v) for k, v in model.state_dict().items()},
        "ema": {k.removeprefix("module."): numbers(v) for k, v in ema.items()},
        **write_norms(),
    }
    (FOLDER / "containers.json").write_text(json.dumps(expected, separators=(",", ":")))
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:8d} {path.name}")


if __name__ == "__main__":
    main()
