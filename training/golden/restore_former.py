"""Tiny RestoreFormer and RestoreFormer++: three levels of 8, 16, 16 channels.

`restore-former`: legacy container, bare dictionary. `restore-former-plus-plus`: a Lightning-like checkpoint with `state_dict` and the prefix `vqvae.` beside
tensors of its losses.
Facts: Wang et al., "RestoreFormer" (CVPR 2022) and "RestoreFormer++" (TPAMI 2023), and the released networks.
Run: python -m golden.restore_former (in training/)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, conv, store_checkpoint, store_io

WIDTHS = [8, 16, 16]
TOP = len(WIDTHS) - 1
ENCODER_BLOCKS, DECODER_BLOCKS = 1, 2
GROUPS = 8
CODES, CODE_WIDTH = 32, 6


def block(s: TinyState, name: str, in_channels: int, out_channels: int) -> None:
    s.norm(f"{name}.norm1", in_channels)
    s.conv(f"{name}.conv1", out_channels, in_channels, 3)
    s.norm(f"{name}.norm2", out_channels)
    s.conv(f"{name}.conv2", out_channels, out_channels, 3)
    if in_channels != out_channels:
        s.conv(f"{name}.nin_shortcut", out_channels, in_channels, 1)


def attention(s: TinyState, name: str, channels: int) -> None:
    s.norm(f"{name}.norm1", channels)
    s.norm(f"{name}.norm2", channels)
    for part in ("q", "k", "v", "proj_out"):
        s.conv(f"{name}.{part}", channels, channels, 1)


def middle(s: TinyState, name: str, channels: int) -> None:
    block(s, f"{name}.mid.block_1", channels, channels)
    attention(s, f"{name}.mid.attn_1", channels)
    block(s, f"{name}.mid.block_2", channels, channels)


def make(plus: bool) -> Tensors:
    s = TinyState(seed=63 if plus else 61)
    s.conv("encoder.conv_in", WIDTHS[0], 3, 3)
    width = WIDTHS[0]
    for level, out in enumerate(WIDTHS):
        for j in range(ENCODER_BLOCKS):
            block(s, f"encoder.down.{level}.block.{j}", width, out)
            width = out
            if level == TOP:
                attention(s, f"encoder.down.{level}.attn.{j}", width)
        if level < TOP:
            s.conv(f"encoder.down.{level}.downsample.conv", width, width, 3)
    middle(s, "encoder", width)
    s.norm("encoder.norm_out", width)
    s.conv("encoder.conv_out", CODE_WIDTH, width, 3)
    s.conv("decoder.conv_in", width, CODE_WIDTH, 3)
    middle(s, "decoder", width)
    for level in reversed(range(len(WIDTHS))):
        for j in range(DECODER_BLOCKS):
            block(s, f"decoder.up.{level}.block.{j}", width, WIDTHS[level])
            width = WIDTHS[level]
            if level == TOP or (plus and level == TOP - 1):
                attention(s, f"decoder.up.{level}.attn.{j}", width)
        if level > 0:
            s.conv(f"decoder.up.{level}.upsample.conv", width, width, 3)
    s.norm("decoder.norm_out", width)
    s.conv("decoder.conv_out", 3, width, 3)
    s.put("quantize.embedding.weight", s.normal(CODES, CODE_WIDTH))
    s.conv("quant_conv", CODE_WIDTH, CODE_WIDTH, 1)
    s.conv("post_quant_conv", CODE_WIDTH, CODE_WIDTH, 1)
    return s.tensors


def norm(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.group_norm(x, GROUPS, p[f"{name}.weight"], p[f"{name}.bias"], eps=1e-6)


def swish(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(x)


def run_block(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    h = conv(p, f"{name}.conv1", swish(norm(p, f"{name}.norm1", x)), padding=1)
    h = conv(p, f"{name}.conv2", swish(norm(p, f"{name}.norm2", h)), padding=1)
    return h + (conv(p, f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in p else x)


def run_attention(p: Tensors, name: str, x: torch.Tensor, heads: int, other: torch.Tensor | None = None) -> torch.Tensor:
    a = norm(p, f"{name}.norm1", x)
    q = conv(p, f"{name}.q", a if other is None else norm(p, f"{name}.norm2", other))
    n, c, h, w = x.shape
    q, k, v = (t.reshape(n, heads, c // heads, h * w) for t in (q, conv(p, f"{name}.k", a), conv(p, f"{name}.v", a)))
    weight = (q.transpose(2, 3) @ k * (c // heads) ** -0.5).softmax(dim=-1)
    out = (v @ weight.transpose(2, 3)).reshape(n, c, h, w)
    return x + conv(p, f"{name}.proj_out", out)


def run(p: Tensors, x: torch.Tensor, plus: bool) -> torch.Tensor:
    heads = 4 if plus else 8
    x = conv(p, "encoder.conv_in", x, padding=1)
    kept = {}
    for level in range(len(WIDTHS)):
        for j in range(ENCODER_BLOCKS):
            x = run_block(p, f"encoder.down.{level}.block.{j}", x)
            if level == TOP:
                x = run_attention(p, f"encoder.down.{level}.attn.{j}", x, heads)
        if level < TOP:
            kept[level] = x
            x = conv(p, f"encoder.down.{level}.downsample.conv", F.pad(x, (0, 1, 0, 1)), stride=2)
    x = run_block(p, "encoder.mid.block_1", x)
    kept[TOP] = x
    x = run_attention(p, "encoder.mid.attn_1", x, heads)
    mid = x = run_block(p, "encoder.mid.block_2", x)
    z = conv(p, "quant_conv", conv(p, "encoder.conv_out", swish(norm(p, "encoder.norm_out", x)), padding=1))
    n, c, h, w = z.shape
    flat = z.permute(0, 2, 3, 1).reshape(-1, c)
    distance = torch.cdist(flat.double(), p["quantize.embedding.weight"].double())
    margin = distance.topk(2, largest=False).values
    print(f"{len(distance.argmin(1).unique())} codes used, smallest margin {float((margin[:, 1] - margin[:, 0]).min()):.1e}")
    z = p["quantize.embedding.weight"][distance.argmin(1)].reshape(n, h, w, c).permute(0, 3, 1, 2)
    x = conv(p, "decoder.conv_in", conv(p, "post_quant_conv", z), padding=1)
    x = run_block(p, "decoder.mid.block_1", x)
    x = run_attention(p, "decoder.mid.attn_1", x, heads, mid)
    x = run_block(p, "decoder.mid.block_2", x)
    for level in reversed(range(len(WIDTHS))):
        for j in range(DECODER_BLOCKS):
            x = run_block(p, f"decoder.up.{level}.block.{j}", x)
            if f"decoder.up.{level}.attn.{j}.q.weight" in p:
                x = run_attention(p, f"decoder.up.{level}.attn.{j}", x, heads, kept[level])
        if level > 0:
            x = conv(p, f"decoder.up.{level}.upsample.conv", F.interpolate(x, scale_factor=2, mode="nearest"), padding=1)
    return conv(p, "decoder.conv_out", swish(norm(p, "decoder.norm_out", x)), padding=1)


def main() -> None:
    for plus in (False, True):
        tensors = {key: tensor.half() for key, tensor in make(plus).items()}
        exact = {key: tensor.float() for key, tensor in tensors.items()}
        image = TinyState(seed=62).uniform(1, 3, 64, 64, low=-1, high=1)
        name = "restore-former-plus-plus" if plus else "restore-former"
        if plus:
            state = {f"vqvae.{key}": tensor for key, tensor in tensors.items()} | {"loss.discriminator.weight": torch.zeros(2, 2)}
            store_checkpoint(name, {"epoch": 1, "state_dict": state}, legacy=True)
        else:
            store_checkpoint(name, tensors, legacy=True)
        store_io(name, input=image, output=run(exact, image, plus))


if __name__ == "__main__":
    main()
