"""Trains the face restorer: `python -m training.train_face_restore --end fidelity --seconds 250 --out training/runs/face-restore-fidelity --pack .pack`.

`--end fidelity`: L1, eyes and mouth weighing more, at every size of the U-Net. `--end perception` starts from the fidelity end
(`--start-from`) and adds features of SqueezeNet, U-Net discriminators for the whole face and for eyes and mouth, and a distance of deep
features that keeps the person. `--network gfpgan` trains the same with a generative prior, for comparison.
"""

from __future__ import annotations

import argparse

import torch
from torch.nn import functional as F

from training.degradations import Draw
from training.export import load_weights
from training.face_crops import SIDE, FaceCrops, region_weight, regions, worsen
from training.face_restorers import FaceUNet, GfpganSmall
from training.gan_run import Critics
from training.pack import load_pack
from training.perception import LEVEL_SCALES, UNetDiscriminator
from training.ring import Ring
from training.squeezenet import SqueezeFeatures
from training.timed_run import TimedRun, add_arguments


def face_pairs(crops: FaceCrops, seed: int, capacity: int, group: int = 16) -> Ring:
    """Pairs (n, 3, SIDE, SIDE) uint8 on the device, 16 of one kind at a time; each is used a few times."""
    draw = Draw.seeded(seed, str(crops.device))
    to_bytes = lambda x: (x.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)
    return Ring(lambda: [to_bytes(x) for x in worsen(crops.batch(group, draw.rng), draw)], capacity, 8 * group, every=3)


class FeatureLoss:
    """Distances of SqueezeNet features before activation: of whole faces, of eyes and mouth, and of the deepest level as directions."""

    def __init__(self, device: torch.device) -> None:
        self.net = SqueezeFeatures().to(device, memory_format=torch.channels_last).eval()
        self.device = device

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            return self.net((x + 1) / 2)

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(perceptual, near 1 for a blurred face; identity: 1 - cosine of the deepest features over the inner face)."""
        with torch.no_grad():
            wanted = self.features(target)
        made = self.features(output)
        perceptual = sum((m.float() - w.float()).abs().mean() / s for m, w, s in zip(made, wanted, LEVEL_SCALES)) / len(LEVEL_SCALES)
        inner = slice(made[-1].shape[-1] // 4, -(made[-1].shape[-1] // 6))
        a, b = (F.relu(t[-1][..., inner, inner].float()) for t in (made, wanted))
        return perceptual, (1 - F.cosine_similarity(a, b, dim=1)).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--end", choices=["fidelity", "perception"], required=True)
    parser.add_argument("--network", choices=["unet", "gfpgan"], default="unet")
    parser.add_argument("--start-from", help="weights to begin with: the fidelity end's .safetensors")
    parser.add_argument("--perceptual-weight", type=float, default=0.12)
    parser.add_argument("--gan-weight", type=float, default=0.03)
    parser.add_argument("--identity-weight", type=float, default=0.05)
    parser.add_argument("--pool", type=int, default=1536)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    perception = a.end == "perception"
    pack = load_pack(a.pack)
    pool = face_pairs(FaceCrops(pack, a.device, limit=a.limit), a.seed, a.pool)
    del pack
    net = FaceUNet() if a.network == "unet" else GfpganSmall()
    net.initialize(a.seed)
    if a.start_from:
        net.load_state_dict(load_weights(a.start_from))
    net.train()
    rate = 1.5e-4 if perception else 6e-4
    name = "face-restore-" + (a.end if a.network == "unet" else f"gfpgan-{a.end}")
    run = TimedRun(name, net, a, rate=rate, decay=0.999, metadata={"architecture": "Face U-Net" if a.network == "unet" else "GFPGANv1Clean", "size": str(SIDE), "range": "-1..1 RGB"})
    weight = region_weight(run.device)
    features = FeatureLoss(run.device) if perception else None
    critics = Critics({"face": UNetDiscriminator(32), "parts": UNetDiscriminator(32)}, run, 2e-4) if perception else None
    n = a.batch or (16 if perception else 32)
    half = lambda: torch.autocast(run.device.type, dtype=torch.bfloat16, enabled=run.device.type == "cuda")

    def pairs() -> list[torch.Tensor]:
        """Input and target (n, 3, SIDE, SIDE) in [-1, 1], mirrored or not."""
        flip = run.rng.random() < 0.5
        return [(x.flip(3) if flip else x).float().contiguous(memory_format=torch.channels_last) / 127.5 - 1 for x in pool.draw(n, run.rng)]

    def judge(x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Discriminator's loss of one update: relativistic average (ESRGAN)."""
        loss = 0.0
        for part, cut in (("face", lambda t: t), ("parts", regions)):
            both = critics(part, torch.cat([cut(x), cut(real)])).float()
            fake, true = both.chunk(2)
            loss = loss + 0.5 * (F.softplus(fake - true.mean()).mean() + F.softplus(-(true - fake.mean())).mean())
        return loss

    def losses(source: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
        with half():
            outputs = net(source)
        output = outputs[-1].float()
        l1 = ((output - target).abs() * weight).mean()
        scales = sum(F.l1_loss(o.float(), F.adaptive_avg_pool2d(target, o.shape[-1])) for o in outputs[:-1])
        parts = {"l1": l1, "scales": scales, "input": ((source - target).abs() * weight).mean()}
        loss = l1 + 0.1 * scales
        if perception:
            critics.frozen(False)
            discriminator = judge(output.detach(), target)
            critics.step(discriminator)
            critics.frozen(True)
            perceptual, identity = features(output, target)
            gan = 0.0
            for part, cut, more in (("face", lambda t: t, 1.0), ("parts", regions, 0.7)):
                fake = critics(part, cut(output)).float()
                with torch.no_grad():
                    real = critics(part, cut(target)).float().mean()
                gan = gan + more * F.softplus(-(fake - real)).mean()
            ramp = (run.clock / 200).clamp(max=1)
            loss = loss + a.perceptual_weight * perceptual + a.identity_weight * identity + a.gan_weight * ramp * gan
            parts.update(perceptual=perceptual, identity=identity, gan=gan, discriminator=discriminator)
        return {"loss": loss, **parts}

    run.train(losses, pairs)
    if critics:
        critics.save()


if __name__ == "__main__":
    main()
