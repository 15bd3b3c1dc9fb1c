"""A tiny face U-Net: 32-pixel faces, two levels, as `training/face_restorers.py` trains it.

Run: python -m training.golden.face_u_net (in the repository's root; the others run in training/)
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from golden.tiny_state import TinyState, store_checkpoint, store_io  # noqa: E402
from training.face_restorers import FaceUNet  # noqa: E402


def main() -> None:
    net = FaceUNet({32: 4, 16: 6, 8: 8}).eval()
    s = TinyState(seed=31)
    state = {}
    for name, tensor in net.state_dict().items():
        fan_in = tensor[0].numel() if tensor.dim() == 4 else 1
        state[name] = s.normal(*tensor.shape, scale=1.2 / fan_in**0.5 if tensor.dim() == 4 else 0.2)
    net.load_state_dict(state)
    image = s.uniform(1, 3, 32, 32, low=-1, high=1)
    with torch.inference_mode():
        output = net(image)
    store_checkpoint("face-u-net", {"params": state})
    store_io("face-u-net", input=image, output=output)


if __name__ == "__main__":
    main()
