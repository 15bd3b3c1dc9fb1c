"""A timed run with a second network that learns to tell results from photographs; it steps once for each step of the first."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from training.graphed import adam
from training.timed_run import TimedRun


class Critics:
    """Discriminators with one optimizer, stored beside a run's checkpoint; hinge or logistic losses are the caller's."""

    def __init__(self, networks: dict[str, nn.Module], run: TimedRun, rate: float) -> None:
        self.networks = nn.ModuleDict(networks).to(run.device, memory_format=torch.channels_last)
        self.optimizer = adam(self.networks.parameters(), rate, run.device, (0.5, 0.99))
        run.follow(self.optimizer, rate)
        self.path: Path = run.folder / "critics.pt"
        self.run = run
        if run.args.resume and self.path.exists():
            state = torch.load(self.path, map_location=run.device, weights_only=False)
            self.networks.load_state_dict(state["networks"])
            self.optimizer.load_state_dict(state["optimizer"])

    def __call__(self, name: str, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.run.device.type, dtype=torch.bfloat16, enabled=self.run.device.type == "cuda"):
            return self.networks[name](x.contiguous(memory_format=torch.channels_last))

    def frozen(self, frozen: bool) -> None:
        self.networks.requires_grad_(not frozen)

    def step(self, loss: torch.Tensor) -> None:
        """One update, at the rate that the run has set."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks.parameters(), 5.0)
        self.optimizer.step()

    def save(self) -> None:
        torch.save({"networks": self.networks.state_dict(), "optimizer": self.optimizer.state_dict()}, self.path)
