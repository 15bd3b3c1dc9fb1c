"""One training step of fixed shapes as a CUDA graph: recorded after a few steps, then replayed as a single launch.

The networks here are small: on a GPU their hundreds of kernels wait for Python, not for arithmetic. What changes from step to step (learning rate,
ramps, EMA share) must therefore lie in tensors on the device, which `set_rate` and `Tensor.fill_` change between replays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

Parts = dict[str, torch.Tensor]


def adam(parameters: Iterable[torch.nn.Parameter], rate: float, device: torch.device, betas: tuple[float, float] = (0.9, 0.99)) -> torch.optim.Adam:
    """Adam whose rate is a tensor on a GPU, so that its step can be recorded."""
    if device.type != "cuda":
        return torch.optim.Adam(parameters, lr=rate, betas=betas)
    return torch.optim.Adam(parameters, lr=torch.tensor(rate, device=device), betas=betas, fused=True, capturable=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


@torch.no_grad()
def move_average(averages: list[torch.Tensor], values: list[torch.Tensor], share: torch.Tensor) -> None:
    """Moves each average by `share` (0-dimensional) of its distance to the value."""
    away = torch._foreach_sub(values, averages)
    torch._foreach_mul_(away, share)
    torch._foreach_add_(averages, away)


class Recorded:
    """Calls `step` with tensors of always the same shapes. On a GPU the call after `warmup` records it and every later one replays.

    What it returns stays the same tensors, overwritten by the next call. A step that cannot be recorded is said so and called as it is.
    """

    def __init__(self, step: Callable[..., Parts], device: torch.device, warmup: int = 4) -> None:
        self.step, self.left = step, warmup
        self.enabled = device.type == "cuda"
        self.graph: torch.cuda.CUDAGraph | None = None
        self.held: list[torch.Tensor] = []
        self.parts: Parts = {}

    def __call__(self, *batch: torch.Tensor) -> Parts:
        if not self.enabled:
            return self.step(*batch)
        if not self.held:
            self.held = [b.clone() for b in batch]
        else:
            for held, fresh in zip(self.held, batch, strict=True):
                held.copy_(fresh)
        if self.graph:
            self.graph.replay()
            return self.parts
        if self.left:
            self.left -= 1
            return self.aside()
        return self.record()

    def aside(self) -> Parts:
        """One step on another stream, as recording wants it before, with cuDNN choosing among its algorithms."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        torch.backends.cudnn.benchmark = True
        with torch.cuda.stream(side):
            parts = self.step(*self.held)
        torch.backends.cudnn.benchmark = False
        torch.cuda.current_stream().wait_stream(side)
        return parts

    def record(self) -> Parts:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        torch.backends.cudnn.benchmark = True
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                self.parts = self.step(*self.held)
        except RuntimeError as error:
            print(f"not recorded, goes on step by step: {error}", flush=True)
            self.enabled = False
            torch.cuda.synchronize()
            return self.step(*self.held)
        finally:
            torch.backends.cudnn.benchmark = False
        self.graph = graph
        graph.replay()
        return self.parts
