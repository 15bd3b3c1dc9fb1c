"""Tiny context encoders: the released bottleneck form that predicts the middle, and the paper's channel-wise fully connected form over the whole image.

Layers lie in one chain `main.N`, as in the usual PyTorch ports. Published weights are Torch7 files; the channel-wise layer is stored as `main.N.weight`
(channels, positions out, positions in) and `main.N.bias` (channels, positions), followed by a 1×1 convolution that mixes the channels.
Facts: Pathak et al., "Context Encoders: Feature Learning by Inpainting" (CVPR 2016), and its released training code.
Run: python -m golden.context_encoder (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, store_checkpoint, store_io

SIZE = 32
MEAN = torch.tensor([2 * 117 / 255 - 1, 2 * 104 / 255 - 1, 2 * 123 / 255 - 1]).view(1, 3, 1, 1)

# Kinds: s = strided convolution, b = bottleneck to 1×1, c = channel-wise, m = mixing 1×1, f = from 1×1 to 4×4, u = doubling.
BOTTLENECK = [("s", 8), ("s", 8), ("s", 12), ("b", 20), ("f", 12), ("u", 8), ("u", 3)]
CHANNEL_WISE = [("s", 8), ("s", 10), ("s", 12), ("c", 12), ("m", 14), ("u", 10), ("u", 8), ("u", 3)]


def layers(plan: list[tuple[str, int]]):
    """Index, kind, input and output channels, and whether a normalization follows."""
    index, width = 0, 3
    for position, (kind, out) in enumerate(plan):
        normalized = position > 0 and position < len(plan) - 1 and kind != "c"
        yield index, kind, width, out, normalized
        index += 1 if kind == "c" else (3 if normalized else 2)
        width = out


def make(plan: list[tuple[str, int]], seed: int) -> Tensors:
    s = TinyState(seed)
    for index, kind, width, out, normalized in layers(plan):
        name = f"main.{index}"
        if kind in "sbm":
            s.conv(name, out, width, 1 if kind == "m" else 4)
        elif kind == "c":
            s.put(f"{name}.weight", s.normal(width, 16, 16, scale=0.3))
            s.put(f"{name}.bias", s.normal(width, 16, scale=0.2))
        else:
            s.put(f"{name}.weight", s.normal(width, out, 4, 4, scale=(2 / (width * 4)) ** 0.5))
            s.put(f"{name}.bias", s.normal(out, scale=0.2))
        if normalized:
            s.batch_norm(f"main.{index + 1}", out)
    return s.tensors


def run(p: Tensors, plan: list[tuple[str, int]], image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    x = image * (1 - mask) + MEAN * mask
    decoding = False
    for index, kind, _, _, normalized in layers(plan):
        name = f"main.{index}"
        decoding = decoding or kind in "fu"
        if kind in "sbm":
            x = conv(p, name, x, stride=2 if kind == "s" else 1, padding=1 if kind == "s" else 0)
        elif kind == "c":
            n, c, h, w = x.shape
            x = torch.einsum("ncp,cqp->ncq", x.reshape(n, c, h * w), p[f"{name}.weight"]) + p[f"{name}.bias"]
            x = x.reshape(n, c, h, w)
            continue
        else:
            x = F.conv_transpose2d(x, p[f"{name}.weight"], p[f"{name}.bias"], stride=1 if kind == "f" else 2, padding=0 if kind == "f" else 1)
        if normalized:
            x = batch_norm(p, f"main.{index + 1}", x)
        if f"main.{index + (3 if normalized else 2)}.weight" in p or kind != "u":
            x = F.relu(x) if decoding else F.leaky_relu(x, 0.2)
    x = torch.tanh(x)
    margin = (SIZE - x.shape[-1]) // 2
    inside = F.pad(torch.ones_like(x[:, :1]), [margin] * 4) * mask
    return inside * F.pad(x, [margin] * 4) + (1 - inside) * image


def main() -> None:
    for name, plan, seed in (("context-encoder", BOTTLENECK, 71), ("context-encoder-channel-wise", CHANNEL_WISE, 73)):
        tensors = make(plan, seed)
        image = TinyState(seed + 1).uniform(1, 3, SIZE, SIZE, low=-1, high=1)
        mask = torch.zeros(1, 1, SIZE, SIZE)
        mask[:, :, 6:22, 8:24] = 1  # reaches beyond the middle 16×16
        store_checkpoint(name, {"epoch": 3, "state_dict": tensors})
        store_io(name, input=image, mask=mask, output=run(tensors, plan, image, mask))


if __name__ == "__main__":
    main()
