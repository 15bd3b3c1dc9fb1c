"""A training run of so many seconds of wall time on one device: schedule, EMA, log, checkpoints, a clean end on SIGTERM.

Used by the detectors: `folder` gets checkpoint.pt (to resume), <name>.safetensors (EMA, fp16) and log.jsonl. The rate follows the
share of the time that is used up, as in train.py, so a run on a busy machine still ends annealed. Seconds count from the first step.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from training.graphed import Recorded, adam, move_average, set_rate
from training.muon import Muon

torch.backends.nnpack.set_flags(False)  # else it warns once a convolution where the processor lacks it
State = dict[str, torch.Tensor]
Losses = Callable[..., State]
FRESH = 4.0
"""How much faster than shipped weights those learn that have just been added to them."""
LOG_EVERY, SAVE_EVERY = 2.0, 20.0
"""Seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, required=True, help="wall time to train for; the rate anneals over it")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, weights and log")
    parser.add_argument("--pack", type=Path, help="folder written by training.pack; default: ../shared/data")
    parser.add_argument("--resume", type=Path, help="a checkpoint.pt to go on from; its used-up seconds count")
    parser.add_argument("--batch", type=int, default=0, help="pictures a step; 0: the network's own default")
    parser.add_argument("--limit", type=int, default=10**9, help="pictures of each group to load at most, for a trial")
    parser.add_argument("--seed", type=int, default=1896)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0.0, help="top learning rate; 0: the network's own default")


def rate_at(progress: float, iteration: int, warmup: int = 100) -> float:
    """Share of the top rate: linear warm-up, level for the first fifth, then half a cosine to 1 %."""
    bend = max(0.0, (min(progress, 1.0) - 0.2) / 0.8)
    return min(1.0, (iteration + 1) / warmup) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * bend)))


class TimedRun:
    """`matrices` go to Muon at `matrix_rate`, `fresh` to Adam at FRESH times the rate, all other parameters to Adam at `rate`."""

    def __init__(self, name: str, net: nn.Module, a: argparse.Namespace, rate: float, matrices: Iterable[nn.Parameter] = (),
                 matrix_rate: float = 0.0, decay: float = 0.998, store: Callable[[nn.Module], State] | None = None,
                 metadata: dict[str, str] | None = None, fresh: Iterable[nn.Parameter] = ()) -> None:
        self.name, self.args, self.decay = name, a, decay
        self.device = torch.device(a.device)
        self.store = store or (lambda module: {k: v for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")})
        self.metadata = metadata or {}
        self.folder: Path = a.out
        self.folder.mkdir(parents=True, exist_ok=True)
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.net).eval()
        chosen, added = list(matrices), list(fresh)
        ids = {id(p) for p in chosen + added}
        rest = [p for p in self.net.parameters() if id(p) not in ids]
        self.tops = [rate * (a.rate / rate if a.rate else 1), matrix_rate * (a.rate / rate if a.rate else 1)]
        self.optimizers: list[torch.optim.Optimizer] = [adam(rest, rate, self.device)]
        if chosen:  # one group for each shape: Muon works on stacks
            shapes = sorted({tuple(p.shape) for p in chosen})
            self.optimizers.append(Muon([{"params": [p for p in chosen if tuple(p.shape) == shape]} for shape in shapes], matrix_rate, self.device))
        if added:
            self.optimizers.append(adam(added, rate, self.device))
            self.tops = [*self.tops[:len(self.optimizers) - 1], FRESH * self.tops[0]]
        self.following: list[tuple[torch.optim.Optimizer, float]] = []
        self.clock = torch.zeros((), device=self.device)
        """The iteration, on the device: ramps are made of it, so that a recorded step has them right."""
        self.share = torch.ones((), device=self.device)
        self.iteration, self.seconds, self.stop = 0, 0.0, False
        if a.resume:
            self.resume(a.resume)
        self.rng = np.random.default_rng([a.seed, self.iteration])

    @property
    def progress(self) -> float:
        return self.seconds / self.args.seconds

    def resume(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.net.load_state_dict(state["net"])
        self.ema.load_state_dict(state["ema"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.iteration, self.seconds = state["iteration"], state["seconds"]

    def save(self) -> None:
        state = {"net": self.net.state_dict(), "ema": self.ema.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers],
                 "iteration": self.iteration, "seconds": self.seconds, "seed": self.args.seed, "name": self.name}
        temporary = self.folder / "checkpoint.tmp"
        torch.save(state, temporary)
        temporary.replace(self.folder / "checkpoint.pt")
        half = {k: v.detach().float().cpu().to(torch.float16).contiguous() for k, v in self.store(self.ema).items()}
        broken = [k for k, v in half.items() if not torch.isfinite(v).all()]
        if broken:
            self.log(failure=f"numbers beyond fp16 in {broken[0]}")
            return
        temporary = self.folder / f"{self.name}.tmp"
        save_file(half, temporary, metadata={
            "name": self.name, "seed": str(self.args.seed), "iterations": str(self.iteration), "seconds": str(round(self.seconds)),
            "license": "see the model card", "project": "Heirloom", **self.metadata})
        temporary.chmod(0o644)  # safetensors writes for the owner alone
        temporary.replace(self.folder / f"{self.name}.safetensors")

    def log(self, **fields: object) -> None:
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(json.dumps({"iteration": self.iteration, "seconds": round(self.seconds, 1), **fields}) + "\n")

    def follow(self, optimizer: torch.optim.Optimizer, rate: float) -> None:
        """Another network's optimizer: its rate takes the same course."""
        self.following.append((optimizer, rate))

    @torch.no_grad()
    def update_ema(self) -> None:
        move_average(list(self.ema.parameters()), list(self.net.parameters()), self.share)
        for mine, other in zip(self.ema.buffers(), self.net.buffers()):
            if mine.is_floating_point():
                mine.lerp_(other, self.share.to(mine.dtype))

    def update(self, losses: Losses, *batch: torch.Tensor) -> State:
        """One update on `losses(*batch)["loss"]`; steps whose gradient is not finite are left out."""
        self.net.zero_grad(set_to_none=True)
        parts = losses(*batch)
        parts["loss"].backward()
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        for p in self.net.parameters():
            if p.grad is not None:
                p.grad.nan_to_num_(0, 0, 0)  # a norm that is not finite has made all of them so: the step is left out
        for optimizer in self.optimizers:
            optimizer.step()
        self.update_ema()
        return {key: value.detach() for key, value in parts.items()} | {"norm": norm}

    def before_step(self) -> float:
        """Sets all rates and the numbers that a recorded step reads; gives the share of the top rate."""
        share = rate_at(self.progress, self.iteration)
        for optimizer, top in [*zip(self.optimizers, self.tops), *self.following]:
            set_rate(optimizer, top * share)
        self.clock.fill_(self.iteration)
        self.share.fill_(1 - min(self.decay, (1 + self.iteration) / (10 + self.iteration)))
        return share

    def train(self, losses: Losses, batches: Callable[[], Sequence[torch.Tensor]] | None = None) -> None:
        """Until the seconds are used up or SIGTERM arrives; the last state is saved in both cases.

        `batches` gives what `losses` takes, in tensors of always the same shapes: on a GPU the step is then recorded once and replayed.
        """
        step = Recorded(lambda *batch: self.update(losses, *batch), self.device) if batches else None
        def halt(number: int, frame: object) -> None:
            self.stop = True
        signal.signal(signal.SIGTERM, halt)
        sums: dict[str, torch.Tensor] = {}
        count, last = 0, time.time()
        next_log, next_save = last + LOG_EVERY, last + SAVE_EVERY
        while self.seconds < self.args.seconds and not self.stop:
            share = self.before_step()
            parts = step(*batches()) if step and batches else self.update(losses)
            self.iteration += 1
            for key, value in parts.items():
                sums[key] = sums.get(key, 0) + value.detach().float()
            count += 1
            if self.device.type == "cuda" and count % 8 == 0:
                torch.cuda.synchronize()  # so that the clock is true and no queue builds up
            now = time.time()
            self.seconds += now - last
            last = now
            if now > next_log:
                self.log(rate=self.tops[0] * share, steps=count, **{k: round(float(v) / count, 5) for k, v in sums.items()})
                sums, count, next_log = {}, 0, now + LOG_EVERY
            if now > next_save:
                self.save()
                next_save = time.time() + SAVE_EVERY
        self.save()
        print(f"{self.name}: {self.iteration} iterations in {self.seconds:.0f} s", flush=True)
