"""Trains the filling network: `python -m training.train_fill --seconds 500 --out training/runs/fill --pack .pack`.

L1, features of SqueezeNet, a patch discriminator told where the hole is, and matching of its features (LaMa's recipe with a smaller feature
network). `--network context-encoder` trains the first GAN inpainting network (2016) as the historical baseline: squared error and a
discriminator on the middle of 128 pixels.
"""

from __future__ import annotations

import argparse

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from training.bank import Bank
from training.degradations import Draw, draw_aging, film_grain, per_sample
from training.export import load_weights
from training.fill_masks import MaskBank
from training.fill_network import BLOCKS, WIDTH, ContextEncoder, LaMa
from training.gan_run import Critics
from training.pack import load_pack
from training.perception import LEVEL_SCALES
from training.squeezenet import SqueezeFeatures
from training.timed_run import TimedRun, add_arguments

SIDE, OLD_SIDE = 256, 128


class PatchCritic(nn.Module):
    """(n, 4, h, w), picture and mask, to logits at a sixteenth of the size; also gives its inner features."""

    def __init__(self, inputs: int = 4, width: int = 48) -> None:
        super().__init__()
        widths = [inputs, width, 2 * width, 4 * width, 6 * width]
        self.layers = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in zip(widths, widths[1:]))
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        out = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            out.append(x)
        return out + [self.last(x)]


def train_la_ma(a: argparse.Namespace) -> None:
    pack = load_pack(a.pack)
    bank = Bank(pack, a.device, sharpest_historic=200)
    bank_masks = MaskBank(pack, SIDE, a.device, a.seed, count=2400 if a.device != "cpu" else 40)
    del pack
    net = LaMa()
    net.initialize(a.seed)
    if a.start_from:
        net.load_state_dict(load_weights(a.start_from), strict=False)  # all but the norms' counters
    run = TimedRun("fill", net, a, rate=8e-4, decay=0.998, metadata={"architecture": "LaMa", "width": str(WIDTH), "blocks": str(BLOCKS), "range": "0..1 RGB"})
    critics = Critics({"patch": PatchCritic()}, run, 2e-4)
    features = SqueezeFeatures().to(run.device, memory_format=torch.channels_last).eval()
    n = a.batch or 24
    draw = Draw.seeded(a.seed, a.device)
    half = lambda: torch.autocast(run.device.type, dtype=torch.bfloat16, enabled=run.device.type == "cuda")

    def pictures() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            x = torch.cat([bank.crops(n // 2, SIDE, run.rng), bank.crops(n - n // 2, SIDE, run.rng)])
            aged = per_sample((run.rng.random(n) < 0.3).astype("float32"), x)
            x = torch.where(aged > 0, draw_aging(x, run.rng), x)
            if run.rng.random() < 0.3:
                x = film_grain(x, per_sample(run.rng.uniform(0, 0.06, n), x), draw.uniform(0, 1.2), 0.0, draw.torch)
            x = x.flip(3) if run.rng.random() < 0.5 else x
            return x.contiguous(memory_format=torch.channels_last), bank_masks.batch(n, run.rng)

    def losses(image: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        with half():
            made = net(image, mask)
        filled = image * (1 - mask) + made * mask
        critics.frozen(False)
        inside = F.adaptive_max_pool2d(mask, SIDE // 16)
        both = critics("patch", torch.cat([torch.cat([filled.detach(), mask], 1), torch.cat([image, mask], 1)]))[-1].float()
        fake, real = both.chunk(2)
        # Only what was filled is fake; the rest of a filled picture is a photograph.
        told = F.softplus(fake) * inside + F.softplus(-fake) * (1 - inside)
        discriminator = told.mean() + F.softplus(-real).mean()
        critics.step(discriminator)
        critics.frozen(True)
        seen = critics("patch", torch.cat([filled, mask], 1))
        with torch.no_grad():
            wanted = critics("patch", torch.cat([image, mask], 1))
        gan = (F.softplus(-seen[-1].float()) * inside).sum() / inside.sum().clamp(min=1)
        matching = sum(F.l1_loss(s.float(), w.float()) for s, w in zip(seen[:-1], wanted[:-1])) / 4
        with half():
            with torch.no_grad():
                truth = features(image)
            guess = features(filled.contiguous(memory_format=torch.channels_last))
        perceptual = sum((g.float() - t.float()).abs().mean() / s for g, t, s in zip(guess, truth, LEVEL_SCALES)) / len(LEVEL_SCALES)
        hole = ((made - image).abs() * mask).sum() / (3 * mask.sum()).clamp(min=1)
        rest = ((made - image).abs() * (1 - mask)).mean()
        ramp = (run.clock / 500).clamp(max=1)
        loss = 1.5 * hole + 0.5 * rest + 1.5 * perceptual + ramp * (0.05 * gan + 0.4 * matching)
        return {"loss": loss, "hole": hole, "rest": rest, "perceptual": perceptual, "gan": gan, "matching": matching, "discriminator": discriminator}

    net.train()
    run.train(losses, pictures)
    critics.save()


def train_context_encoder(a: argparse.Namespace) -> None:
    pack = load_pack(a.pack)
    bank = Bank(pack, a.device)
    del pack
    net = ContextEncoder()
    run = TimedRun("context-encoder", net, a, rate=4e-4, decay=0.995, metadata={"architecture": "Context encoder", "size": str(OLD_SIDE), "range": "-1..1 RGB"})
    critics = Critics({"patch": PatchCritic(3, 32)}, run, 1e-4)
    n = a.batch or 64
    mask = torch.zeros(1, 1, OLD_SIDE, OLD_SIDE, device=run.device)
    quarter = OLD_SIDE // 4
    mask[..., quarter:-quarter, quarter:-quarter] = 1

    def pictures() -> list[torch.Tensor]:
        with torch.no_grad():
            wide = bank.crops(n, 2 * OLD_SIDE, run.rng)
            image = (F.avg_pool2d(wide, 2) if run.rng.random() < 0.6 else wide[..., :OLD_SIDE, :OLD_SIDE]) * 2 - 1
            return [image.flip(3) if run.rng.random() < 0.5 else image]

    def losses(image: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.autocast(run.device.type, dtype=torch.bfloat16, enabled=run.device.type == "cuda"):
            made = net(image, mask)
        truth = image[..., quarter:-quarter, quarter:-quarter]
        critics.frozen(False)
        fake, real = critics("patch", torch.cat([made.detach(), truth]))[-1].float().chunk(2)
        discriminator = F.softplus(fake).mean() + F.softplus(-real).mean()
        critics.step(discriminator)
        critics.frozen(True)
        gan = F.softplus(-critics("patch", made)[-1].float()).mean()
        l2 = F.mse_loss(made, truth)
        return {"loss": l2 + 0.002 * gan, "l2": l2, "gan": gan, "discriminator": discriminator}

    net.train()
    run.train(losses, pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--start-from", help="weights to begin with")
    parser.add_argument("--network", choices=["lama", "context-encoder"], default="lama")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    train_la_ma(a) if a.network == "lama" else train_context_encoder(a)


if __name__ == "__main__":
    main()
