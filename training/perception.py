"""Stage 2's losses: SqueezeNet features before activation, and a U-Net discriminator with spectral normalization.

Discriminator after Real-ESRGAN (BasicSR `discriminator_arch.py`), adversarial loss vanilla or relativistic average (ESRGAN).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from training.graphed import adam, set_rate
from training.imaging import half_precision
from training.squeezenet import SqueezeFeatures


class UNetDiscriminator(nn.Module):
    """(n, 3, h, w) to a map of logits (n, 1, h, w); h and w multiples of 8. `features` 64 in the paper, 16 on a CPU."""

    def __init__(self, features: int = 16) -> None:
        super().__init__()
        f = features
        plain = lambda i, o, stride=1: spectral_norm(nn.Conv2d(i, o, 4 if stride == 2 else 3, stride, 1, bias=False))
        self.first = nn.Conv2d(3, f, 3, 1, 1)
        self.down = nn.ModuleList([plain(f, 2 * f, 2), plain(2 * f, 4 * f, 2), plain(4 * f, 8 * f, 2)])
        self.up = nn.ModuleList([plain(8 * f, 4 * f), plain(4 * f, 2 * f), plain(2 * f, f)])
        self.tail = nn.ModuleList([plain(f, f), plain(f, f)])
        self.last = nn.Conv2d(f, 1, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = [F.leaky_relu(self.first(x), 0.2)]
        for layer in self.down:
            skips.append(F.leaky_relu(layer(skips[-1]), 0.2))
        y = skips.pop()
        for layer in self.up:
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
            y = F.leaky_relu(layer(y), 0.2) + skips.pop()
        for layer in self.tail:
            y = F.leaky_relu(layer(y), 0.2)
        return self.last(y)


# Mean |difference| of each level before activation between a Lanczos enlargement and the photograph is of the order
# of these numbers: dividing by them makes the levels count alike.
LEVEL_SCALES = (25.0, 45.0, 45.0, 50.0, 40.0)


LATTICE = 4
"""Pixels by which the features' lattice may move: the enlarging network's block."""


class Perception:
    """Holds the frozen features, the discriminator and its optimizer."""

    def __init__(self, device: torch.device, rate: float, seed: int, gan_weight: float, perceptual_weight: float,
                 reduce: Callable[[list[nn.Parameter], list[float]], list[float]], features: int = 16,
                 relativistic: bool = True, fidelity_weight: float = 1.0) -> None:
        self.reduce = reduce
        torch.manual_seed(seed + 1)
        self.device, self.relativistic = device, relativistic
        self.gan_weight, self.perceptual_weight, self.fidelity_weight = gan_weight, perceptual_weight, fidelity_weight
        self.features = SqueezeFeatures().to(device, memory_format=torch.channels_last).eval()
        self.discriminator = UNetDiscriminator(features).to(device, memory_format=torch.channels_last)
        self.optimizer = adam(self.discriminator.parameters(), rate, device)
        self.steps = 0
        self.warmup = 300  # discriminator steps before its loss reaches the network in full
        self.ramp = torch.zeros((), device=device)
        self.shift = torch.zeros(2, dtype=torch.long, device=device)
        self.shifts = torch.Generator().manual_seed(seed + 2)

    def before_step(self, rate: float) -> None:
        """Sets the discriminator's rate, the adversarial loss's share and where the features' lattice lies."""
        set_rate(self.optimizer, rate)
        self.ramp.fill_(min(1.0, max(0.0, (self.steps - 100) / self.warmup)))
        self.shift.copy_(torch.randint(0, LATTICE, (2,), generator=self.shifts))
        self.steps += 1

    def state_dict(self) -> dict:
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        with half_precision(self.device):
            return self.discriminator(x.contiguous(memory_format=torch.channels_last)).float()

    def moved(self, x: torch.Tensor) -> torch.Tensor:
        """x without its first 0 to 3 rows and columns, and as much less at the other end."""
        for dim, shift in ((2, self.shift[0]), (3, self.shift[1])):
            x = x.index_select(dim, torch.arange(x.shape[dim] - LATTICE, device=x.device) + shift)
        return x.contiguous(memory_format=torch.channels_last)

    def perceptual(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The features look at every second pixel, then at every fourth: on a lattice that always lay the same over the output's blocks,

        they would leave a pattern in every block (measured: a weave of 4 pixels in foliage and skin). So it moves with every step.
        """
        with half_precision(self.device):
            with torch.no_grad():
                wanted = self.features(self.moved(target))
            made = self.features(self.moved(output))
        return sum((m.float() - w.float()).abs().mean() / s for m, w, s in zip(made, wanted, LEVEL_SCALES)) / len(LEVEL_SCALES)

    def generator_loss(self, output: torch.Tensor, target: torch.Tensor, fidelity: torch.Tensor) -> tuple[torch.Tensor, dict]:
        """fidelity + perceptual_weight * perceptual (near 1 at the start) + gan_weight * adversarial, ramped up."""
        perceptual = self.perceptual(output, target)
        self.discriminator.requires_grad_(False)
        fake = self.logits(output)
        if self.relativistic:
            with torch.no_grad():
                real = self.logits(target)
            gan = 0.5 * (F.softplus(-(fake - real.mean())).mean() + F.softplus(real - fake.mean()).mean())
        else:
            gan = F.softplus(-fake).mean()
        self.discriminator.requires_grad_(True)
        loss = self.fidelity_weight * fidelity + self.perceptual_weight * perceptual + self.gan_weight * self.ramp * gan
        return loss, {"perceptual": perceptual.detach(), "gan": gan.detach()}

    def discriminator_step(self, output: torch.Tensor, target: torch.Tensor) -> dict:
        self.optimizer.zero_grad(set_to_none=True)
        n = output.shape[0]
        both = self.logits(torch.cat([output, target]))
        fake, real = both[:n], both[n:]
        if self.relativistic:
            loss = 0.5 * (F.softplus(fake - real.mean()).mean() + F.softplus(-(real - fake.mean())).mean())
        else:
            loss = 0.5 * (F.softplus(fake).mean() + F.softplus(-real).mean())
        loss.backward()
        self.reduce(list(self.discriminator.parameters()), [])
        self.optimizer.step()
        return {"discriminator": loss.detach(), "real": real.detach().mean(), "fake": fake.detach().mean()}
