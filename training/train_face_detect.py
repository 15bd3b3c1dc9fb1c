"""Trains the face detector: `python -m training.train_face_detect --seconds 120 --out training/runs/face-detect --pack .pack`."""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch

from training.degradations import film_damage, per_sample
from training.face_losses import face_losses
from training.face_mosaic import FaceMosaic
from training.face_network import OWN_SHARED, OWN_WIDTHS, YuNet, own_state
from training.imaging import RUNS
from training.mask_bank import MaskBank
from training.pack import load_pack
from training.timed_run import TimedRun, add_arguments
from training.wear import Wear

SIDES, SIDE_SHARES = (320, 448), (0.65, 0.35)
PIXELS = 48 * 320 * 320
"""Of one step: smaller canvases come in larger batches."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
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
    width = OWN_WIDTHS[-1]
    run = TimedRun("face-detect", net, a, rate=3e-3, matrices=[p for p in net.parameters() if p.shape == (width, width, 1, 1)], matrix_rate=3e-3,
                   store=own_state, metadata={"architecture": "YuNet", "widths": " ".join(map(str, OWN_WIDTHS)), "shared": str(OWN_SHARED), "range": "0..1 RGB"})
    run.net.to(memory_format=torch.contiguous_format)  # with channels last, cuDNN builds a kernel for every depthwise shape: 10 s an iteration
    wear = Wear(a.device, a.seed + run.iteration)

    def losses() -> dict[str, torch.Tensor]:
        rng = run.rng
        side = int(rng.choice(SIDES, p=SIDE_SHARES)) if not a.batch else 256
        n = a.batch or max(8, PIXELS // side**2)
        with torch.no_grad():
            canvas = mosaic.batch(n, side, rng)
            x = wear.color(canvas.x, 0.65)
            if rng.random() < 0.5:
                alpha = dirt.draw(n, side, rng)[0] * per_sample(rng.uniform(0.3, 1, n) * (rng.random(n) < 0.5), x)
                x = film_damage(x, alpha, per_sample(np.where(rng.random(n) < 0.6, rng.uniform(0.7, 1, n), rng.uniform(0, 0.3, n)), x))
            x = wear.print_and_scan(x).clamp(0, 1).contiguous()
        with torch.autocast(run.device.type, dtype=torch.bfloat16, enabled=run.device.type == "cuda"):
            maps = run.net(x)
        return face_losses(maps, canvas)

    run.train(losses)


if __name__ == "__main__":
    main()
