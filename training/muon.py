"""Muon (Jordan et al. 2024) for the inner convolutions: momentum, then the nearest orthogonal matrix as the step."""

from __future__ import annotations

import torch


def orthogonalize(g: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """(layers, rows, columns), rows <= columns, towards U V' of each singular value decomposition.

    Newton-Schulz with the quintic 3.4445, -4.7750, 2.0315: singular values end between about 0.7 and 1.2.
    """
    x = g / (g.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-7)
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


class Muon(torch.optim.Optimizer):
    """For equally shaped convolution weights (out, in, 3, 3); the step has a root mean square of 0.2 * lr, as Adam's has."""

    def __init__(self, params, lr: float, device: torch.device, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": torch.tensor(lr, device=device), "momentum": momentum})  # a tensor, so that a recorded step follows it

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            grads = torch.stack([p.grad.reshape(p.shape[0], -1) for p in params])
            state = self.state[params[0]]
            if "buffer" not in state:
                state["buffer"] = torch.zeros_like(grads)
            buffer = state["buffer"].lerp_(grads, 1 - group["momentum"])
            update = orthogonalize(grads.lerp(buffer, group["momentum"]))
            update *= 0.2 * max(update.shape[1:]) ** 0.5 * group["lr"]
            for p, u in zip(params, update):
                p.sub_(u.view_as(p))
