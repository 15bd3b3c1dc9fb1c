"""Trains the face detector: `python -m training.train_face_detect --seconds 120 --out training/runs/face-detect --pack .pack`."""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch

from training.degradations import film_damage, per_sample
from training.face_losses import face_losses
from training.face_lookalikes import SMALLEST_PX, add_lookalikes
from training.export import load_weights
from training.face_mosaic import Canvas, FaceMosaic
from training.face_network import OWN_SHARED, OWN_WIDTHS, YuNet, load_own_state, own_state
from training.imaging import RUNS, half_precision
from training.mask_bank import MaskBank
from training.pack import load_pack
from training.ring import Ring
from training.timed_run import TimedRun, add_arguments
from training.wear import Wear

SIDE = 448
DIRT_SHARES = (0.85, 0.6, 0.3)
"""Chance that a batch gets a first, second and third layer of film dirt, each on three in five of its canvases."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--start-from", help="weights to begin with")
    parser.add_argument("--side", type=int, default=SIDE, help="of the canvases, in pixels")
    parser.add_argument("--lookalikes", type=float, default=0.0, help="share of the canvases with something that looks like a face and is none")
    parser.add_argument("--smallest-lookalike", type=float, default=SMALLEST_PX, help="its height in pixels; small ones cost small faces their recall")
    parser.add_argument("--pool", type=int, default=3072, help="canvases kept on the device")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    pack = load_pack(a.pack)
    if not pack.labels:
        labels = RUNS / "face-labels.json"
        if not labels.exists():
            raise SystemExit("There are no face labels: run `python -m training.label_faces` first.")
        pack.labels.update(json.loads(labels.read_text()))
    mosaic = FaceMosaic(pack, a.device, a.limit)
    dirt = MaskBank.overlays(pack.damage, a.device)
    del pack
    net = YuNet()
    net.initialize(a.seed)
    if a.start_from:
        load_own_state(net, load_weights(a.start_from))
    width = OWN_WIDTHS[-1]
    run = TimedRun("face-detect", net, a, rate=3e-3, matrices=[p for p in net.parameters() if p.shape == (width, width, 1, 1)], matrix_rate=3e-3,
                   store=own_state, metadata={"architecture": "YuNet", "widths": " ".join(map(str, OWN_WIDTHS)), "shared": str(OWN_SHARED), "range": "0..1 RGB"})
    run.net.to(memory_format=torch.contiguous_format)  # with channels last, cuDNN builds a kernel for every depthwise shape: 10 s an iteration
    wear = Wear(a.device, a.seed + run.iteration)

    def canvases(side: int, n: int) -> list[torch.Tensor]:
        canvas = mosaic.batch(n, side, run.rng)
        taken = torch.cat([torch.where(canvas.weights[..., None] > 0, canvas.boxes, -1e4), canvas.ignored], 1)
        x = wear.color(add_lookalikes(canvas.x, taken, a.lookalikes, run.rng, a.smallest_lookalike), 0.65)
        for share in DIRT_SHARES:  # light dirt, dark dirt, or both
            if run.rng.random() < share:
                alpha = dirt.draw(n, side, run.rng)[0] * per_sample(run.rng.uniform(0.4, 1, n) * (run.rng.random(n) < 0.6), x)
                x = film_damage(x, alpha, per_sample(np.where(run.rng.random(n) < 0.6, run.rng.uniform(0.7, 1, n), run.rng.uniform(0, 0.3, n)), x))
        x = wear.print_and_scan(x).clamp(0, 1)
        return [(x * 255).round().to(torch.uint8), canvas.boxes, canvas.points, canvas.weights, canvas.point_weights, canvas.ignored]

    n, side = a.batch or 24, a.side
    pool = Ring(lambda: canvases(side, n), capacity=a.pool, first=8 * n, every=3)

    def losses(x: torch.Tensor, *faces: torch.Tensor) -> dict[str, torch.Tensor]:
        x = x.float() / 255
        with half_precision(run.device):
            maps = run.net(x)
        return face_losses(maps, Canvas(x, *faces))

    run.train(losses, lambda: pool.draw(n, run.rng))


if __name__ == "__main__":
    main()
