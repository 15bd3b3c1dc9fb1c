"""Seeded random weights of tiny networks, and the containers they are stored in.

A network is written as a function over a dictionary of tensors whose names are those of the published checkpoints; `TinyState` fills that
dictionary with numbers large enough that every layer matters to the output. `store` writes the checkpoint and its input and output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

GOLDEN_FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "golden"

Tensors = dict[str, torch.Tensor]


class TinyState:
    """An ordered state dict filled from one seed."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors: Tensors = {}

    def normal(self, *shape: int, scale: float = 1.0) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator) * scale

    def uniform(self, *shape: int, low: float, high: float) -> torch.Tensor:
        return torch.rand(*shape, generator=self.generator) * (high - low) + low

    def put(self, name: str, tensor: torch.Tensor) -> None:
        assert name not in self.tensors, name
        self.tensors[name] = tensor

    def conv(self, name: str, out_channels: int, in_channels: int, kernel: int, bias: bool = True, gain: float = 1.4) -> None:
        """`in_channels` per group; a transposed convolution passes its own order."""
        fan_in = in_channels * kernel * kernel
        self.put(f"{name}.weight", self.normal(out_channels, in_channels, kernel, kernel, scale=gain / math.sqrt(fan_in)))
        if bias:
            self.put(f"{name}.bias", self.normal(out_channels, scale=0.2))

    def linear(self, name: str, out_features: int, in_features: int, bias: bool = True, gain: float = 1.0) -> None:
        self.put(f"{name}.weight", self.normal(out_features, in_features, scale=gain / math.sqrt(in_features)))
        if bias:
            self.put(f"{name}.bias", self.normal(out_features, scale=0.2))

    def batch_norm(self, name: str, channels: int) -> None:
        self.put(f"{name}.weight", self.uniform(channels, low=0.6, high=1.4))
        self.put(f"{name}.bias", self.normal(channels, scale=0.2))
        self.put(f"{name}.running_mean", self.normal(channels, scale=0.2))
        self.put(f"{name}.running_var", self.uniform(channels, low=0.5, high=1.5))
        self.put(f"{name}.num_batches_tracked", torch.tensor(7))

    def norm(self, name: str, channels: int) -> None:
        """Scale and shift of a group or layer normalization."""
        self.put(f"{name}.weight", self.uniform(channels, low=0.6, high=1.4))
        self.put(f"{name}.bias", self.normal(channels, scale=0.2))


def conv(p: Tensors, name: str, x: torch.Tensor, stride: int = 1, padding: int = 0, groups: int = 1) -> torch.Tensor:
    return torch.nn.functional.conv2d(x, p[f"{name}.weight"], p.get(f"{name}.bias"), stride=stride, padding=padding, groups=groups)


def batch_norm(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    mean, variance = p[f"{name}.running_mean"], p[f"{name}.running_var"]
    return torch.nn.functional.batch_norm(x, mean, variance, p[f"{name}.weight"], p[f"{name}.bias"], eps=1e-5)


def linear(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))


class TensorTree(torch.nn.Module):
    """A module tree that holds the tensors under their dotted names and computes `function(tensors, *inputs)`: something to trace."""

    def __init__(self, tensors: Tensors, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function
        for name, tensor in tensors.items():
            *path, leaf = name.split(".")
            module: torch.nn.Module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, torch.nn.Module())
                module = module._modules[part]
            module.register_buffer(leaf, tensor)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(dict(self.named_buffers()), *inputs)


def store_io(name: str, **tensors: torch.Tensor) -> None:
    """Writes `<name>.io.safetensors`: the tensors `input` and `output`, further inputs and outputs by their names."""
    GOLDEN_FOLDER.mkdir(parents=True, exist_ok=True)
    path = GOLDEN_FOLDER / f"{name}.io.safetensors"
    save_file({key: tensor.detach().float().contiguous() for key, tensor in tensors.items()}, path)
    report(path, tensors.get("output"))


def store_checkpoint(name: str, checkpoint: object, legacy: bool = False) -> None:
    GOLDEN_FOLDER.mkdir(parents=True, exist_ok=True)
    path = GOLDEN_FOLDER / f"{name}.pth"
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not legacy)
    report(path, None)


def store_safetensors(name: str, tensors: Tensors) -> None:
    GOLDEN_FOLDER.mkdir(parents=True, exist_ok=True)
    path = GOLDEN_FOLDER / f"{name}.safetensors"
    save_file(tensors, path)
    report(path, None)


def store_torchscript(name: str, tensors: Tensors, function: Callable[..., torch.Tensor], *example: torch.Tensor) -> None:
    GOLDEN_FOLDER.mkdir(parents=True, exist_ok=True)
    path = GOLDEN_FOLDER / f"{name}.pt"
    torch.jit.trace(TensorTree(tensors, function), example, check_trace=False).save(str(path))
    report(path, None)


def report(path: Path, output: torch.Tensor | None) -> None:
    size = path.stat().st_size
    assert size <= 200_000, f"{path.name} has {size} bytes: a committed golden file stays within 200 kB"
    spread = "" if output is None else f"  output mean {output.mean():.3f} deviation {output.std():.3f}"
    print(f"{path.name} {size} bytes{spread}")
