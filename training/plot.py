"""Curves of a run as PNG: `python -m training.plot --log training/runs/fill/log.jsonl --out training/curves/fill.png`.

One panel for each number in the log over the iterations: the values, thin, and their running mean. Needs matplotlib alone.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

NOT_DRAWN = ("iteration", "seconds", "steps", "evaluation", "evaluation_seconds", "faces")
WINDOW = 15
"""Lines of the log in the running mean."""


def read_log(path: Path) -> list[dict]:
    """Lines of a log; where a resumed run went back to its checkpoint, what it repeated replaces what it lost."""
    out: list[dict] = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        while out and out[-1]["iteration"] > entry["iteration"]:
            out.pop()
        out.append(entry)
    return out


def running_mean(values: list[float]) -> list[float]:
    return [sum(values[max(0, i - WINDOW + 1):i + 1]) / (i - max(0, i - WINDOW + 1) + 1) for i in range(len(values))]


def series(entries: list[dict]) -> dict[str, tuple[list[int], list[float]]]:
    """Iterations and values of every number, those of evaluations too."""
    out: dict[str, tuple[list[int], list[float]]] = {}
    for entry in entries:
        numbers = {k: v for k, v in entry.items() if k not in NOT_DRAWN} | {f"evaluation: {k}": v for k, v in entry.get("evaluation", {}).items()}
        for key, value in numbers.items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                x, y = out.setdefault(key, ([], []))
                x.append(entry["iteration"])
                y.append(value)
    return out


def plot(log: Path, out: Path) -> None:
    curves = series(read_log(log))
    columns = 4
    rows = math.ceil(len(curves) / columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(3.2 * columns, 2.1 * rows), constrained_layout=True, squeeze=False)
    for axis, (key, (x, y)) in zip(axes.flat, curves.items()):
        axis.plot(x, y, linewidth=0.5, alpha=0.5)
        axis.plot(x, running_mean(y), linewidth=1.2)
        axis.set_title(key, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    for axis in list(axes.flat)[len(curves):]:
        axis.set_visible(False)
    figure.suptitle(out.stem, fontsize=11)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=72)
    print(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args()
    plot(a.log, a.out)


if __name__ == "__main__":
    main()
