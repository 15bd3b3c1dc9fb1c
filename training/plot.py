"""Curves of a run as PNG: `python -m training.plot --stage x4-fidelity` (loss over baseline, rate, evaluation, speed)."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from training.imaging import RUNS  # noqa: E402


def read_log(path: Path) -> list[dict]:
    """Lines of a log; where a resumed run went back to its checkpoint, what it repeated replaces what it lost."""
    out: list[dict] = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        while out and out[-1]["iteration"] > entry["iteration"]:
            out.pop()
        out.append(entry)
    return out


def plot(stage: str, out: Path) -> None:
    entries = read_log(RUNS / stage / "log.jsonl")
    steps = [e for e in entries if "ratio" in e]
    evaluations = [e for e in entries if "evaluation" in e]
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    x = [e["iteration"] for e in steps]
    extra = [k for k in ("perceptual", "gan", "discriminator") if steps and k in steps[-1]]
    axes[0, 0].plot(x, [e["ratio"] for e in steps], label="L1 / L1 of the baseline", linewidth=0.9)
    for key in extra:
        axes[0, 0].plot(x, [e.get(key) for e in steps], label=key, linewidth=0.7)
    axes[0, 0].set_title("loss")
    axes[0, 0].legend()
    for key in evaluations[-1]["evaluation"] if evaluations else []:
        axes[0, 1].plot([e["iteration"] for e in evaluations], [e["evaluation"].get(key) for e in evaluations], marker="o", markersize=3, label=key)
    axes[0, 1].set_title("evaluation (dB; gains over Lanczos or over the input)")
    if evaluations:
        axes[0, 1].legend()
    axes[1, 0].plot(x, [e["rate"] for e in steps])
    axes[1, 0].set_title("learning rate")
    axes[1, 1].plot(x, [e["seconds_each"] for e in steps], label="seconds an iteration", linewidth=0.8)
    axes[1, 1].plot(x, [e["data_share"] for e in steps], label="share lost to data", linewidth=0.8)
    axes[1, 1].set_title("speed")
    axes[1, 1].legend()
    for axis in axes.flat:
        axis.set_xlabel("iteration")
        axis.grid(alpha=0.3)
    figure.suptitle(stage)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80)
    print(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--out", type=Path)
    a = parser.parse_args()
    plot(a.stage, a.out or RUNS / a.stage / "curves.png")


if __name__ == "__main__":
    main()
