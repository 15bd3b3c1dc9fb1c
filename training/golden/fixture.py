"""Writes golden fixtures: tiny networks with random weights, in the containers that real models come in, with an input and its output.

The networks are written from published facts; the product's own graphs must give the same output from the same file.
"""
from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "golden"
LIMIT_BYTES = 200 * 1024


def randomize(network: torch.nn.Module, seed: int, gain: float = 1.5) -> torch.nn.Module:
    """Fills a network with numbers that keep the signal alive, so that an error anywhere shows in the output."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: torch.Tensor, mean: float, deviation: float) -> None:
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * deviation + mean)

    norms = (torch.nn.BatchNorm2d, torch.nn.LayerNorm, torch.nn.GroupNorm)
    with torch.no_grad():
        for module in network.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if isinstance(module, norms) and name == "weight":
                    normal(parameter, 1.0, 0.2)
                elif isinstance(module, torch.nn.PReLU):
                    normal(parameter, 0.25, 0.2)
                elif parameter.dim() >= 2:
                    normal(parameter, 0.0, (gain / parameter[0].numel()) ** 0.5)
                else:
                    normal(parameter, 0.0, 0.1)
            if isinstance(module, torch.nn.BatchNorm2d):
                normal(module.running_mean, 0.0, 0.2)
                module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
    return network.eval()


def save(name: str, state: dict[str, torch.Tensor], container: str, tensors: dict[str, torch.Tensor]) -> None:
    """Stores weights as `name.<suffix>` and the input, output and further tensors as `name.io.safetensors`.

    Containers: `zip` (bare), `zip-half` (in half precision), `zip-ema` (under params_ema, beside other numbers under params), `legacy`, `module` (data-parallel prefixes under
    state_dict, with optimizer leftovers), `safetensors`.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    state = OrderedDict((key, value.detach().contiguous()) for key, value in state.items())
    path = FOLDER / (f"{name}.safetensors" if container == "safetensors" else f"{name}.pth")
    if container == "safetensors":
        save_file(dict(state), path)
    elif container == "zip":
        torch.save(state, path)
    elif container == "zip-half":
        torch.save(OrderedDict((key, value.half()) for key, value in state.items()), path)
    elif container == "zip-ema":
        torch.save({"params_ema": state, "params": OrderedDict((k, v * 0) for k, v in state.items() if v.dim() < 2)}, path)
    elif container == "legacy" and not stored_already(path, state):
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif container == "module":
        prefixed = OrderedDict((f"module.{key}", value) for key, value in state.items())
        torch.save({"epoch": 3, "lr": 1e-4, "state_dict": prefixed, "optimizer": {"state": {}, "betas": [0.9, 0.99]}}, path)
    elif container != "legacy":
        raise ValueError(container)
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, FOLDER / f"{name}.io.safetensors")
    size = path.stat().st_size
    if size > LIMIT_BYTES:
        raise ValueError(f"{path.name} has {size} bytes, more than {LIMIT_BYTES}")
    output = tensors["output"]
    print(f"{path.name:36} {size:7} bytes, output {tuple(output.shape)} std {output.std():.3f} range {output.min():.2f} .. {output.max():.2f}")


def stored_already(path: Path, state: dict[str, torch.Tensor]) -> bool:
    """Whether a legacy file holds these tensors: it names them by address, so writing it again would change it for nothing."""
    if not path.exists():
        return False
    old = torch.load(path, weights_only=True)
    return list(old) == list(state) and all(torch.equal(old[key], state[key]) for key in state)


def image(channels: int, height: int, width: int, seed: int = 1, count: int = 1) -> torch.Tensor:
    """A random picture in [0, 1] with some smoothness, (count, channels, height, width)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, channels, (height + 3) // 4 + 1, (width + 3) // 4 + 1), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
    return (0.8 * smooth + 0.2 * torch.rand((count, channels, height, width), generator=generator)).clamp(0, 1)
