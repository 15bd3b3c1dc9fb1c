"""Trains the scratch detector: `python -m training.train_scratch_detect --seconds 120 --out training/runs/scratch-detect --pack .pack`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from training.export import load_weights
from training.imaging import half_precision
from training.pack import load_pack
from training.scratch_network import DEPTH, KINDS, WIDTH, ScratchUNet
from training.scratch_scenes import HISTORIC_TRUST, Scene, ScratchScenes, line_seen
from training.ring import Ring
from training.timed_run import TimedRun, add_arguments

SIDE, BATCH = 256, 32
CLEAN_WEIGHT = 2.0
"""Of every pixel of an undamaged picture: a mark there is worse than a missed speck."""
LINE_WEIGHT = 3.0
"""Of every pixel where the picture has a thin line, damage or not: they are few and the hardest to tell."""
LOOKS_DAMAGED = -1.5
"""Logit from which a historic print, whose own damage nobody has marked, is not held against the network: real creases must not be all that is called undamaged."""


def scratch_losses(logits: torch.Tensor, scene: Scene) -> dict[str, torch.Tensor]:
    """Cross-entropy by kind and for any kind together, and Dice by kind over the whole batch."""
    target = scene.target
    unmarked = (scene.weight <= HISTORIC_TRUST + 0.01) & (logits.detach().amax(1, keepdim=True) > LOOKS_DAMAGED)
    weight = torch.where(unmarked, 0.0, scene.weight) * (1 + (CLEAN_WEIGHT - 1) * scene.clean)
    weight = weight * (1 + (LINE_WEIGHT - 1) * line_seen(scene.x / 2 + 0.5))
    by_kind = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).mean((0, 2, 3)).sum()
    some, most = target.amax(1), logits.amax(1)
    sure = torch.where(some > 0, weight.amax(1), weight.amin(1))
    together = (F.binary_cross_entropy_with_logits(most, some, reduction="none") * sure).mean()
    p = logits.sigmoid() * (weight > 0)
    both = (p * target).sum((0, 2, 3))
    dice = 1 - (2 * both + 50) / (p.sum((0, 2, 3)) + target.sum((0, 2, 3)) + 50)
    with torch.no_grad():
        marked = (most > 0).float() * (sure > 0)
        hit = (marked * some).sum()
        clean = scene.clean[:, 0]
        parts = {"precision": hit / marked.sum().clamp(min=1), "recall": hit / some.sum().clamp(min=1),
                 "clean_marked": (marked * clean).sum() / (clean.sum() * marked[0].numel()).clamp(min=1)}
    return {"loss": 8 * by_kind + 8 * together + 0.25 * dice.sum(), "by_kind": by_kind, "together": together, "dice": dice.mean(), **parts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--start-from", help="weights to begin with")
    parser.add_argument("--pool", type=int, default=8192, help="scenes kept on the device")
    parser.add_argument("--each", type=int, default=256, help="masks drawn of each sort; on a CPU a fifth of a second each")
    parser.add_argument("--side", type=int, default=SIDE, help="of the windows, in pixels")
    parser.add_argument("--labels", type=Path, help="maps of the historic prints written by training.label_prints; without --pack")
    parser.add_argument("--still-norms", action="store_true", help="normalize by the stored statistics, which small batches would only disturb")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    pack = load_pack(a.pack)
    scenes = ScratchScenes(pack, a.device, a.seed, a.limit, each=a.each, labels=dict(np.load(a.labels)) if a.labels else None)
    del pack
    net = ScratchUNet()
    net.initialize(a.seed)
    fresh: list[torch.nn.Parameter] = []
    if a.start_from:
        absent = set(net.load_state_dict(load_weights(a.start_from), strict=False).missing_keys)  # all but the norms' counters, and what weights of before have not
        fresh = [p for name, p in net.named_parameters() if name in absent]
    inner = [m.weight for part in (net.down_sample, net.down_path, net.up_path) for m in part.modules() if isinstance(m, torch.nn.Conv2d)]
    run = TimedRun("scratch-detect", net, a, rate=1.5e-3, matrices=inner, matrix_rate=1.5e-3,
                   metadata={"architecture": "Scratch U-Net", "width": str(WIDTH), "depth": str(DEPTH), "outputs": " ".join(KINDS), "range": "-1..1 gray"}, fresh=fresh)
    if a.still_norms:
        for module in run.net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    n = a.batch or BATCH
    pool = Ring(lambda: scenes.batch(n, a.side, run.rng).packed(), capacity=a.pool, first=8 * n, every=5)

    def batches() -> list[torch.Tensor]:
        """Scenes of the pool, turned and mirrored."""
        turns, flip = int(run.rng.integers(4)), run.rng.random() < 0.5
        turned = [part.rot90(turns, (2, 3)) if part.dim() > 2 else part for part in pool.draw(n, run.rng)]
        return [part.flip(3).contiguous() if flip and part.dim() > 2 else part.contiguous() for part in turned]

    def losses(*packed: torch.Tensor) -> dict[str, torch.Tensor]:
        scene = Scene.unpacked(*packed)
        with half_precision(run.device):
            logits = run.net(scene.x.contiguous(memory_format=torch.channels_last))
        return scratch_losses(logits.float(), scene)

    run.train(losses, batches)


if __name__ == "__main__":
    main()
