"""Trains one stage: `python -m training.train --stage x4-fidelity --minutes 60`.

Resumable: a checkpoint (weights, EMA, optimizers, iteration, seconds trained, generator states) every few minutes under
training/runs/<stage>/, with log.jsonl beside it. The rate follows the share of the time budget used, so a run on a busy
machine still ends annealed. Started again with the same stage it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch.nn import functional as F

from training.bank import Bank, DevicePool
from training.data import SHAPES, Pool
from training.evaluate import quick_clean, quick_enlarge
from training.export import load_weights
from training.imaging import DATA, RUNS, half_precision
from training.graphed import Recorded, adam, move_average, set_rate
from training.muon import Muon
from training.network import Compact, grid_strength, weave_strength
from training.pack import load_pack
from training.timed_run import rate_at


@dataclass(frozen=True)
class Stage:
    recipe: str
    batch: int
    patch: int
    rate: float
    ema: float
    start_from: str | None = None  # a finished stage's run or shipped file
    graft: bool = False  # take only the body: the last convolution has another shape
    perception: bool = False


STAGES = {
    "x4-fidelity": Stage("x4", 16, 48, 5e-4, 0.999),
    "clean-gentle": Stage("clean-gentle", 8, 48, 4e-4, 0.995, "x4-fidelity", graft=True),
    "clean-strong": Stage("clean-strong", 16, 48, 4e-4, 0.995, "clean-gentle"),
    "x4-perception": Stage("x4", 8, 32, 2e-4, 0.995, "x4-fidelity", perception=True),
}


LUMA = (0.299, 0.587, 0.114)
"""Shares of R, G and B in brightness (BT.601)."""


class Run:
    """One stage on one device: network, EMA copy, optimizer, log, checkpoint."""

    def __init__(self, name: str, a: argparse.Namespace, rank: int = 0) -> None:
        self.name, self.stage, self.args, self.rank = name, STAGES[name], a, rank
        self.device = torch.device(a.device)
        self.folder = RUNS / name
        self.folder.mkdir(parents=True, exist_ok=True)
        scale = SHAPES[self.stage.recipe][0]
        self.net = Compact(64, 16, scale)
        self.net.initialize(a.seed)
        source = a.start_from or self.stage.start_from
        if source:
            state = load_weights(source)
            other = self.stage.graft and any(v.shape != state[k].shape for k, v in self.net.state_dict().items())
            self.net.graft_body(state) if other else self.net.load_state_dict(state)
            if other:
                with torch.no_grad():  # a residual near zero to begin with
                    self.net.body[-1].weight.mul_(0.1)
        self.net = self.net.to(self.device, memory_format=torch.channels_last)
        self.ema = Compact(64, 16, scale).to(self.device)
        self.ema.load_state_dict(self.net.state_dict())
        self.ema.eval()
        self.optimizers = self.make_optimizers()
        self.parameters = list(self.net.parameters())
        self.iteration, self.seconds = 0, 0.0
        self.stop: list[int] = []
        self.stopping = 0.0
        self.pending = 0.0  # the last step's seconds; joins `seconds` where all workers agree on it, so that all stop together
        self.rate = self.stage.rate
        self.share = torch.ones((), device=self.device)
        self.luma = torch.tensor(LUMA, device=self.device).view(1, 3, 1, 1)
        self.recorded = Recorded(self.update, self.device)
        self.rng = np.random.default_rng(a.seed)
        self.perception = None
        if self.stage.perception:
            from training.perception import Perception
            self.perception = Perception(self.device, self.stage.rate, a.seed, a.gan_weight, a.perceptual_weight, reduce=self.average,
                                         features=a.discriminator_features)
        self.resume()
        if rank > 0:  # the same weights, other pairs
            self.rng = np.random.default_rng([a.seed, rank, self.iteration])
        self.batch = (a.batch or self.stage.batch) // a.workers
        self.source = self.open_source()

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon for the inner convolutions (unless --optimizer adam), Adam for all else."""
        inner = [m.weight for m in self.net.body[1:-1] if isinstance(m, torch.nn.Conv2d)] if self.args.optimizer == "muon" else []
        chosen = {id(p) for p in inner}
        rest = [p for p in self.net.parameters() if id(p) not in chosen]
        first = adam(rest, self.stage.rate, self.device)
        return [first, Muon(inner, self.stage.rate, self.device)] if inner else [first]

    def open_source(self):
        patch, n = self.args.patch or self.stage.patch, self.batch
        if self.args.pack:
            pool = DevicePool(self.stage.recipe, Bank(load_pack(self.args.pack), self.args.device), self.args.seed + self.iteration,
                              first=384 if self.args.device != "cpu" else 192, every=10 if self.args.device != "cpu" else 24)
            return lambda: pool.batch(n, patch, self.rng)
        pool = Pool(self.stage.recipe, self.args.capacity)
        return lambda: pool.batch(n, patch, self.rng)

    def average(self, parameters: list[torch.nn.Parameter], extra: list[float]) -> list[float]:
        """Averages gradients, and a few numbers carried along, over all workers."""
        if self.args.workers == 1:
            return extra
        grads = [p.grad for p in parameters]
        flat = torch.cat([g.flatten() for g in grads] + [torch.tensor(extra, dtype=torch.float32, device=self.device)])
        dist.all_reduce(flat)
        flat /= self.args.workers
        position = 0
        for g in grads:
            g.copy_(flat[position:position + g.numel()].view(g.shape))
            position += g.numel()
        return flat[position:].tolist()

    def resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.net.load_state_dict(state["net"])
        self.ema.load_state_dict(state["ema"])
        if state.get("optimizer_kind") == self.args.optimizer:
            for optimizer, saved in zip(self.optimizers, state["optimizers"]):
                optimizer.load_state_dict(saved)
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        self.rng.bit_generator.state = state["rng"]
        if self.perception and "perception" in state:
            self.perception.load_state_dict(state["perception"])

    def save(self) -> None:
        state = {"net": self.net.state_dict(), "ema": self.ema.state_dict(), "optimizer_kind": self.args.optimizer,
                 "optimizers": [o.state_dict() for o in self.optimizers],
                 "iteration": self.iteration, "seconds": self.seconds, "seed": self.args.seed, "stage": self.name,
                 "rng": self.rng.bit_generator.state}
        if self.perception:
            state["perception"] = self.perception.state_dict()
        temporary = self.folder / "checkpoint.tmp"
        torch.save(state, temporary)
        temporary.replace(self.folder / "checkpoint.pt")

    def log(self, **fields: object) -> None:
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(json.dumps({"iteration": self.iteration, "seconds": round(self.seconds, 1), **fields}) + "\n")

    def update(self, source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        """One update of the network, and of its discriminator where it has one."""
        self.net.zero_grad(set_to_none=True)
        with half_precision(self.device):
            output = self.net(source)
        output = output.float()
        with torch.no_grad():
            base = F.interpolate(source.float(), scale_factor=self.net.scale, mode="nearest") if self.net.scale > 1 else source.float()
            reference = (base - target).abs().mean()
        away = output - target
        size = lambda d: (d.square() + self.args.charbonnier**2).sqrt().mean() if self.args.charbonnier else d.abs().mean()
        fidelity = size(away)
        parts = {"l1": away.detach().abs().mean(), "nearest": reference}
        if self.args.luma_weight:
            fidelity = fidelity + self.args.luma_weight * size((away * self.luma).sum(1))
        loss = fidelity
        if self.perception:
            loss, more = self.perception.generator_loss(output, target, fidelity)
            parts.update(more)
        if self.args.grid_weight and self.net.scale > 1:
            grid, weave = (f(output, target, self.net.scale) for f in (grid_strength, weave_strength))
            loss = loss + self.args.grid_weight * grid + self.args.weave_weight * weave
            parts.update(grid=grid.detach(), weave=weave.detach())
        loss.backward()
        if self.args.workers > 1:
            self.seconds, self.stopping = self.average(self.parameters, [self.seconds + self.pending, float(len(self.stop))])
        torch.nn.utils.clip_grad_norm_(self.parameters, 0.5)
        for optimizer in self.optimizers:
            optimizer.step()
        if self.perception:
            parts.update(self.perception.discriminator_step(output.detach(), target))
        move_average(list(self.ema.parameters()), self.parameters, self.share)
        return parts

    def step(self, source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        self.rate = self.stage.rate * self.args.rate_scale * rate_at(self.seconds / (self.args.minutes * 60), self.iteration)
        for optimizer in self.optimizers:
            set_rate(optimizer, self.rate)
        if self.perception:
            self.perception.before_step(self.rate)
        self.share.fill_(1 - min(self.stage.ema, (1 + self.iteration) / (10 + self.iteration)))
        parts = self.recorded(source.to(self.device).contiguous(memory_format=torch.channels_last), target.to(self.device))
        if self.args.workers == 1:
            self.seconds, self.stopping = self.seconds + self.pending, float(len(self.stop))
        self.iteration += 1
        return parts

    def measure(self) -> None:
        if not (DATA / "eval").exists():
            return
        begun = time.time()
        network = self.ema
        result = quick_enlarge(network) if network.scale > 1 else quick_clean(network)
        self.log(evaluation=result, evaluation_seconds=round(time.time() - begun, 1))
        print(self.name, self.iteration, json.dumps(result), flush=True)

    def train(self) -> None:
        budget = self.args.minutes * 60
        sums: dict[str, float] = {}
        count, data_seconds, window = 0, 0.0, time.time()
        next_save, next_measure = time.time() + self.args.save_every, time.time() + self.args.measure_every
        signal.signal(signal.SIGTERM, lambda number, frame: self.stop.append(number))
        while self.seconds < budget and self.iteration < self.args.iterations and self.stopping == 0:
            begun = time.time()
            source, target = self.source()
            loaded = time.time()
            parts = self.step(source, target)
            if self.device.type == "cuda" and self.iteration % 8 == 0:
                torch.cuda.synchronize()  # so that the clock is true and no queue builds up
            data_seconds += loaded - begun
            self.pending = time.time() - begun
            for key, value in parts.items():
                sums[key] = sums.get(key, 0.0) + value.detach()  # a number only where it is logged: reading it would wait for the device
            count += 1
            if count == 50 and self.rank > 0:
                sums, count = {}, 0
            elif count == 50:
                mean = {k: round(float(v) / count, 6) for k, v in sums.items()}
                self.log(ratio=round(mean["l1"] / max(mean["nearest"], 1e-9), 5), rate=self.rate,
                         seconds_each=round((time.time() - window) / count, 4), data_share=round(data_seconds / (time.time() - window), 4), **mean)
                sums, count, data_seconds, window = {}, 0, 0.0, time.time()
            if self.rank == 0 and time.time() > next_save:
                self.save()
                next_save = time.time() + self.args.save_every
            if self.rank == 0 and time.time() > next_measure:
                self.measure()
                next_measure = time.time() + self.args.measure_every
                window = time.time()
        if self.rank > 0:
            return
        self.save()
        if self.stopping == 0:
            self.measure()


def work(rank: int, a: argparse.Namespace) -> None:
    """One worker; several share each batch and meet once an iteration, which a busy machine disturbs less than threads."""
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    if a.workers > 1:
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{a.port}", rank=rank, world_size=a.workers)
    Run(a.stage, a, rank).train()
    if a.workers > 1:
        dist.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=list(STAGES), required=True)
    parser.add_argument("--minutes", type=float, default=60, help="budget of training time; the rate anneals over it")
    parser.add_argument("--iterations", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=1896)
    parser.add_argument("--workers", type=int, default=1, help="processes that share the batch (CPU: one a core)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each worker")
    parser.add_argument("--port", type=int, default=29517)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--optimizer", choices=["adam", "muon"], default="muon")
    parser.add_argument("--pack", help="a folder made by training.pack, or ../shared/data: pictures, pairs and training all on the device")
    parser.add_argument("--batch", type=int, help="instead of the stage's own")
    parser.add_argument("--patch", type=int, help="input pixels, instead of the stage's own")
    parser.add_argument("--discriminator-features", type=int, default=16)
    parser.add_argument("--capacity", type=int, default=6144)
    parser.add_argument("--start-from", help="a stage name or a .safetensors file; default: the stage's own")
    parser.add_argument("--rate-scale", type=float, default=1.0)
    parser.add_argument("--gan-weight", type=float, default=0.06)
    parser.add_argument("--perceptual-weight", type=float, default=0.08)
    parser.add_argument("--charbonnier", type=float, default=0.0, help="epsilon of a Charbonnier loss, 0..1 units; 0: L1. A large one aims at the mean, not the median")
    parser.add_argument("--luma-weight", type=float, default=0.0, help="of the same loss on brightness alone, beside that on R, G and B")
    parser.add_argument("--grid-weight", type=float, default=0.03, help="of the loss against a grid of output blocks (enlarging stages)")
    parser.add_argument("--weave-weight", type=float, default=1.0, help="of the loss against a pattern that repeats with the blocks (enlarging stages)")
    parser.add_argument("--save-every", type=float, default=180, help="seconds")
    parser.add_argument("--measure-every", type=float, default=600, help="seconds")
    a = parser.parse_args()
    if a.workers > 1:
        multiprocessing.spawn(work, (a,), nprocs=a.workers)
    else:
        work(0, a)


if __name__ == "__main__":
    main()
