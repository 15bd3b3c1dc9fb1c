"""Weights in and out: the EMA of a run to fp16 safetensors, `python -m training.export --stage x4-fidelity`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from training.imaging import MODELS, RUNS

NAMES = {"x4-fidelity": ("enlarge-x4-fidelity", 4), "x4-perception": ("enlarge-x4-perception", 4),
         "clean-gentle": ("clean-x1-gentle", 1), "clean-strong": ("clean-x1-strong", 1)}


def load_weights(source: str | Path) -> dict[str, torch.Tensor]:
    """float32 tensors of a stage (its run's EMA, else its shipped file), a checkpoint or a .safetensors file."""
    if str(source) in NAMES:
        run = RUNS / str(source) / "checkpoint.pt"
        source = run if run.exists() else MODELS / f"{NAMES[str(source)][0]}.safetensors"
    path = Path(source)
    if path.suffix == ".safetensors":
        return {k: v.float() for k, v in load_file(path).items()}
    return {k: v.float().cpu() for k, v in torch.load(path, map_location="cpu", weights_only=False)["ema"].items()}


def export(stage: str, folder: Path = MODELS, others: dict[str, float] | None = None) -> Path:
    """Writes the stage's EMA as fp16 with its origin in the metadata; raises ValueError on a number fp16 cannot hold.

    With `others`, checkpoints or weights of other points or rounds of the same network and their shares, writes the weighted mean with them: it
    measured better than any of its parts.
    """
    state = torch.load(RUNS / stage / "checkpoint.pt", map_location="cpu", weights_only=False)
    name, scale = NAMES[stage]
    others = others or {}
    own = {k: v.float() * (1 - sum(others.values())) for k, v in state["ema"].items()}
    for other, share in others.items():
        weights = load_weights(other)
        own = {k: v + share * weights[k] for k, v in own.items()}
    half = {k: v.to(torch.float16).contiguous() for k, v in own.items()}
    for key, value in half.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{stage}: {key} has numbers beyond fp16")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file(half, path, metadata={
        "name": name, "architecture": "SRVGGNetCompact", "scale": str(scale), "features": "64", "convolutions": "16",
        **({"average": " ".join(f"{share}" for share in others.values())} if others else {}),
        "seed": str(state["seed"]), "iterations": str(state["iteration"]), "seconds": str(round(state["seconds"])),
        "range": "0..1 RGB", "license": "see the model card", "project": "Heirloom"})
    path.chmod(0o644)  # safetensors writes for the owner alone
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", choices=list(NAMES), required=True)
    parser.add_argument("--folder", type=Path, default=MODELS)
    parser.add_argument("--average-with", nargs="*", default=[], metavar="FILE=SHARE", help="checkpoints or weights of the same network")
    a = parser.parse_args()
    path = export(a.stage, a.folder, {file: float(share) for file, share in (each.rsplit("=", 1) for each in a.average_with)})
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
