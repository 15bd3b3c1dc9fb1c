"""The weighted mean of weights of one network that went on from another: `python -m training.average A.safetensors=0.5 B.safetensors=0.5 --out C.safetensors`.

A short run drifts to what it happened to draw; the mean with what it began with keeps both (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
Metadata are the last file's, with the shares.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def average(files: dict[Path, float]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """fp16 tensors and metadata; raises ValueError where names or shapes differ, shares do not add up to 1, or a number is beyond fp16."""
    if abs(sum(files.values()) - 1) > 1e-6:
        raise ValueError(f"the shares add up to {sum(files.values())}, not to 1")
    mean: dict[str, torch.Tensor] = {}
    for number, (path, share) in enumerate(files.items()):
        weights = load_file(path)
        if number and {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in mean.items()}:
            raise ValueError(f"{path} is not of the same network as the file before it")
        for key, value in weights.items():
            mean[key] = mean.get(key, 0) + share * value.float()
        metadata = safe_open(path, "pt").metadata()
    half = {k: v.to(torch.float16).contiguous() for k, v in mean.items()}
    broken = [k for k, v in half.items() if not torch.isfinite(v).all()]
    if broken:
        raise ValueError(f"{broken[0]} has numbers beyond fp16")
    return half, {**metadata, "average": " ".join(f"{share:g}" for share in files.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE=SHARE")
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    weights, metadata = average({Path(file): float(share) for file, share in (each.rsplit("=", 1) for each in a.files)})
    save_file(weights, a.out, metadata=metadata)
    a.out.chmod(0o644)  # safetensors writes for the owner alone
    print(f"{a.out}: {a.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
