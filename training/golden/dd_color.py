"""A tiny DDColor: four ConvNeXt stages, five color queries, spectral norms as stored by PyTorch; zip container with `params`.

Facts: Kang et al., "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders" (ICCV 2023), and the released networks.
Run: python -m golden.dd_color (in training/)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from golden.tiny_state import Tensors, TinyState, batch_norm, conv, linear, store_checkpoint, store_io

DIMS, DEPTHS = [6, 8, 10, 12], [1, 1, 2, 1]
PIXEL = [10, 8, 8]  # pixel decoder widths
HIDDEN, HEADS, QUERIES, LAYERS, WIDE = 16, 8, 5, 3, 24


def spectral(s: TinyState, name: str, out: int, width: int, kernel: int, bias: bool) -> None:
    if bias:
        s.put(f"{name}.bias", s.normal(out, scale=0.2))
    weight = s.normal(out, width, kernel, kernel)
    u = F.normalize(s.normal(out), dim=0)
    for _ in range(3):
        v = F.normalize(weight.flatten(1).T @ u, dim=0)
        u = F.normalize(weight.flatten(1) @ v, dim=0)
    s.put(f"{name}.weight_orig", weight)
    s.put(f"{name}.weight_u", u)
    s.put(f"{name}.weight_v", v)


def make() -> Tensors:
    s = TinyState(seed=81)
    s.put("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
    s.put("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
    arch = "encoder.arch"
    s.conv(f"{arch}.downsample_layers.0.0", DIMS[0], 3, 4)
    s.norm(f"{arch}.downsample_layers.0.1", DIMS[0])
    for i in (1, 2, 3):
        s.norm(f"{arch}.downsample_layers.{i}.0", DIMS[i - 1])
        s.conv(f"{arch}.downsample_layers.{i}.1", DIMS[i], DIMS[i - 1], 2)
    for i, (width, depth) in enumerate(zip(DIMS, DEPTHS)):
        for j in range(depth):
            name = f"{arch}.stages.{i}.{j}"
            s.put(f"{name}.gamma", s.uniform(width, low=0.3, high=1.0))
            s.conv(f"{name}.dwconv", width, 1, 7)
            s.norm(f"{name}.norm", width)
            s.linear(f"{name}.pwconv1", 4 * width, width)
            s.linear(f"{name}.pwconv2", width, 4 * width)
    for i, width in enumerate(DIMS):
        s.norm(f"{arch}.norm{i}", width)
    s.norm(f"{arch}.norm", DIMS[-1])
    width = DIMS[-1]
    for k, out in enumerate(PIXEL):
        name = f"decoder.layers.{k}"
        spectral(s, f"{name}.shuf.conv.0", 4 * out, width, 1, bias=False)
        s.batch_norm(f"{name}.shuf.conv.1", 4 * out)
        s.batch_norm(f"{name}.bn", DIMS[2 - k])
        spectral(s, f"{name}.conv.0", out, out + DIMS[2 - k], 3, bias=False)
        s.batch_norm(f"{name}.conv.2", out)
        width = out
    spectral(s, "decoder.last_shuf.conv.0", 16 * HIDDEN, width, 1, bias=True)
    color = "decoder.color_decoder"
    for i in range(LAYERS):
        for kind, part in (("self", "self_attn"), ("cross", "multihead_attn")):
            name = f"{color}.transformer_{kind}_attention_layers.{i}"
            s.put(f"{name}.{part}.in_proj_weight", s.normal(3 * HIDDEN, HIDDEN, scale=HIDDEN**-0.5))
            s.put(f"{name}.{part}.in_proj_bias", s.normal(3 * HIDDEN, scale=0.2))
            s.linear(f"{name}.{part}.out_proj", HIDDEN, HIDDEN)
            s.norm(f"{name}.norm", HIDDEN)
        name = f"{color}.transformer_ffn_layers.{i}"
        s.linear(f"{name}.linear1", WIDE, HIDDEN)
        s.linear(f"{name}.linear2", HIDDEN, WIDE)
        s.norm(f"{name}.norm", HIDDEN)
    s.norm(f"{color}.decoder_norm", HIDDEN)
    for name, rows in (("query_feat", QUERIES), ("query_embed", QUERIES), ("level_embed", 3)):
        s.put(f"{color}.{name}.weight", s.normal(rows, HIDDEN))
    for i, width in enumerate(PIXEL):
        s.conv(f"{color}.input_proj.{i}", HIDDEN, width, 1)
    for i in range(3):
        s.linear(f"{color}.color_embed.layers.{i}", HIDDEN, HIDDEN)
    spectral(s, "refine_net.0.0", 2, QUERIES + 3, 1, bias=True)
    return s.tensors


def sn_conv(p: Tensors, name: str, x: torch.Tensor, padding: int = 0) -> torch.Tensor:
    weight = p[f"{name}.weight_orig"]
    sigma = p[f"{name}.weight_u"] @ weight.flatten(1) @ p[f"{name}.weight_v"]
    return F.conv2d(x, weight / sigma, p.get(f"{name}.bias"), padding=padding)


def layer_norm(p: Tensors, name: str, x: torch.Tensor, eps: float) -> torch.Tensor:
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], eps)


def channel_norm(p: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    return layer_norm(p, name, x.permute(0, 2, 3, 1), 1e-6).permute(0, 3, 1, 2)


def encode(p: Tensors, x: torch.Tensor) -> list[torch.Tensor]:
    features = []
    for i, depth in enumerate(DEPTHS):
        name = f"encoder.arch.downsample_layers.{i}"
        if i == 0:
            x = channel_norm(p, f"{name}.1", conv(p, f"{name}.0", x, stride=4))
        else:
            x = conv(p, f"{name}.1", channel_norm(p, f"{name}.0", x), stride=2)
        for j in range(depth):
            block = f"encoder.arch.stages.{i}.{j}"
            y = conv(p, f"{block}.dwconv", x, padding=3, groups=x.shape[1]).permute(0, 2, 3, 1)
            y = F.gelu(linear(p, f"{block}.pwconv1", layer_norm(p, f"{block}.norm", y, 1e-6)))
            y = linear(p, f"{block}.pwconv2", y) * p[f"{block}.gamma"]
            x = x + y.permute(0, 3, 1, 2)
        features.append(channel_norm(p, f"encoder.arch.norm{i}", x))
    return features


def shuffle(p: Tensors, name: str, x: torch.Tensor, factor: int) -> torch.Tensor:
    x = sn_conv(p, f"{name}.conv.0", x)
    if f"{name}.conv.1.weight" in p:
        x = batch_norm(p, f"{name}.conv.1", x)
    x = F.pixel_shuffle(F.relu(x), factor)
    return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


def attend(p: Tensors, name: str, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """(positions, batch, channels), as the published layers."""
    return F.multi_head_attention_forward(
        q, k, v, HIDDEN, HEADS, p[f"{name}.in_proj_weight"], p[f"{name}.in_proj_bias"], None, None, False, 0.0,
        p[f"{name}.out_proj.weight"], p[f"{name}.out_proj.bias"], training=False, need_weights=False,
    )[0]


def sine(height: int, width: int) -> torch.Tensor:
    half = HIDDEN // 2
    y = (torch.arange(1, height + 1) / (height + 1e-6) * 2 * math.pi)[:, None].expand(height, width)
    x = (torch.arange(1, width + 1) / (width + 1e-6) * 2 * math.pi)[None, :].expand(height, width)
    j = torch.arange(half)
    divisor = 10000.0 ** (2 * (j // 2) / half)

    def interleaved(position: torch.Tensor) -> torch.Tensor:
        angle = position[..., None] / divisor
        return torch.stack([angle[..., 0::2].sin(), angle[..., 1::2].cos()], dim=-1).flatten(-2)

    return torch.cat([interleaved(y), interleaved(x)], dim=-1).reshape(height * width, 1, HIDDEN)


def run(p: Tensors, rgb: torch.Tensor) -> torch.Tensor:
    normal = (rgb - p["mean"]) / p["std"]
    features = encode(p, normal)
    x, maps = features[3], []
    for k in range(3):
        name = f"decoder.layers.{k}"
        u = shuffle(p, f"{name}.shuf", x, 2)
        x = F.relu(torch.cat([u, batch_norm(p, f"{name}.bn", features[2 - k])], dim=1))
        x = batch_norm(p, f"{name}.conv.2", F.relu(sn_conv(p, f"{name}.conv.0", x, padding=1)))
        maps.append(x)
    image = shuffle(p, "decoder.last_shuf", x, 4)
    color = "decoder.color_decoder"
    memories, positions = [], []
    for i, m in enumerate(maps):
        memory = conv(p, f"{color}.input_proj.{i}", m).flatten(2) + p[f"{color}.level_embed.weight"][i][None, :, None]
        memories.append(memory.permute(2, 0, 1))
        positions.append(sine(*m.shape[2:]))
    t = p[f"{color}.query_feat.weight"][:, None]
    place = p[f"{color}.query_embed.weight"][:, None]
    for i in range(LAYERS):
        name = f"{color}.transformer_cross_attention_layers.{i}"
        memory = memories[i % 3]
        t = layer_norm(p, f"{name}.norm", t + attend(p, f"{name}.multihead_attn", t + place, memory + positions[i % 3], memory), 1e-5)
        name = f"{color}.transformer_self_attention_layers.{i}"
        t = layer_norm(p, f"{name}.norm", t + attend(p, f"{name}.self_attn", t + place, t + place, t), 1e-5)
        name = f"{color}.transformer_ffn_layers.{i}"
        t = layer_norm(p, f"{name}.norm", t + linear(p, f"{name}.linear2", F.relu(linear(p, f"{name}.linear1", t))), 1e-5)
    t = layer_norm(p, f"{color}.decoder_norm", t, 1e-5).transpose(0, 1)
    for i in range(3):
        t = linear(p, f"{color}.color_embed.layers.{i}", t)
        t = F.relu(t) if i < 2 else t
    queries = torch.einsum("bqc,bchw->bqhw", t, image)
    return sn_conv(p, "refine_net.0.0", torch.cat([queries, normal], dim=1))


def main() -> None:
    tensors = make()
    image = TinyState(seed=82).uniform(1, 3, 64, 96, low=0, high=1)
    store_checkpoint("dd-color", {"params": {key: tensor.contiguous() for key, tensor in tensors.items()}})
    store_io("dd-color", input=image, output=run(tensors, image))


if __name__ == "__main__":
    main()
