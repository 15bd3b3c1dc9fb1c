"""SqueezeNet 1.1 features (Iandola et al. 2016, ImageNet) from the Keras file in ../shared/data/weights: loss and measure.

No HDF5 library is needed: the file has the old plain layout (superblock 0, symbol-table groups, contiguous float32), read
here from the HDF5 file format specification, version 1 structures.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from training.imaging import DATA, to_tensor

FILE = DATA / "weights/squeezenet_notop/squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"


class PlainHdf5:
    """All contiguous float32 datasets of an old-style HDF5 file: `datasets()` gives path -> array."""

    def __init__(self, path: Path) -> None:
        self.bytes = path.read_bytes()
        if self.bytes[:8] != b"\x89HDF\r\n\x1a\n" or self.bytes[8] != 0:
            raise ValueError(f"{path.name} is not an HDF5 file with superblock version 0")

    def messages(self, address: int) -> list[tuple[int, bytes]]:
        """(type, data) of a version 1 object header, continuations followed."""
        version, _, count, _, size = struct.unpack_from("<BBHII", self.bytes, address)
        if version != 1:
            raise ValueError(f"object header version {version} at {address}")
        blocks, out = [(address + 16, size)], []
        while blocks:
            position, left = blocks.pop(0)
            end = position + left
            while position + 8 <= end and len(out) < count:
                kind, length = struct.unpack_from("<HH", self.bytes, position)
                data = self.bytes[position + 8:position + 8 + length]
                out.append((kind, data))
                if kind == 0x10:
                    blocks.append(struct.unpack_from("<QQ", data))
                position += 8 + length
        return out

    def children(self, tree: int, heap: int) -> list[tuple[str, int]]:
        data_address = struct.unpack_from("<Q", self.bytes, heap + 24)[0]
        out: list[tuple[str, int]] = []
        level, used = struct.unpack_from("<BH", self.bytes, tree + 5)
        for i in range(used):
            child = struct.unpack_from("<Q", self.bytes, tree + 24 + 8 + 16 * i)[0]
            if level > 0:
                out += self.children(child, heap)
                continue
            for s in range(struct.unpack_from("<H", self.bytes, child + 6)[0]):
                name_at, header = struct.unpack_from("<QQ", self.bytes, child + 8 + 40 * s)
                start = data_address + name_at
                out.append((self.bytes[start:self.bytes.index(b"\0", start)].decode(), header))
        return out

    def datasets(self) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        queue = [("", struct.unpack_from("<Q", self.bytes, 64)[0])]
        while queue:
            path, header = queue.pop()
            by_kind = {kind: data for kind, data in self.messages(header)}
            if 0x11 in by_kind:
                queue += [(f"{path}/{name}", child) for name, child in self.children(*struct.unpack_from("<QQ", by_kind[0x11]))]
            elif 0x08 in by_kind and 0x01 in by_kind:
                found[path] = self.array(by_kind[0x01], by_kind[0x08])
        return found

    def array(self, space: bytes, layout: bytes) -> np.ndarray:
        shape = struct.unpack_from(f"<{space[1]}Q", space, 8)
        if layout[0] != 3 or layout[1] != 1:
            raise ValueError("only contiguous datasets are read")
        address = struct.unpack_from("<Q", layout, 2)[0]
        return np.frombuffer(self.bytes, "<f4", math.prod(shape), address).reshape(shape)


def convolution(weights: dict[str, np.ndarray], layer: str) -> nn.Conv2d:
    """The frozen convolution of a Keras layer; kernels go from (h, w, in, out) to (out, in, h, w)."""
    mine = [v for k, v in weights.items() if k.startswith(f"/{layer}/") or k.startswith(f"/{layer}_")]
    kernel = next(v for v in mine if v.ndim == 4)
    bias = next(v for v in mine if v.ndim == 1)
    h, w, inputs, outputs = kernel.shape
    conv = nn.Conv2d(inputs, outputs, (h, w), stride=2 if layer == "conv1" else 1, padding=h // 2 if layer != "conv1" else 0)
    conv.weight = nn.Parameter(torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy()), requires_grad=False)
    conv.bias = nn.Parameter(torch.from_numpy(bias.copy()), requires_grad=False)
    return conv


class SqueezeFeatures(nn.Module):
    """RGB (n, 3, h, w) in [0, 1] to the features BEFORE activation of conv1, fire2, fire3, fire5 and fire7."""

    def __init__(self, path: Path = FILE, deepest: int = 7) -> None:
        super().__init__()
        weights = PlainHdf5(path).datasets()
        self.conv1 = convolution(weights, "conv1")
        self.fires = nn.ModuleDict({str(i): nn.ModuleDict({part: convolution(weights, f"fire{i}/{part}") for part in ("squeeze1x1", "expand1x1", "expand3x3")}) for i in range(2, deepest + 1)})
        self.register_buffer("mean", torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1))
        self.taken, self.deepest = {2, 3, 5, 7}, deepest

    def forward(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        x = rgb.flip(1) * 255 - self.mean  # the weights want BGR, 0..255, ImageNet's mean taken off
        x = self.conv1(x)
        out = [x]
        x = F.max_pool2d(F.relu(x), 3, 2)
        for i in range(2, self.deepest + 1):
            fire = self.fires[str(i)]
            squeezed = F.relu(fire["squeeze1x1"](x))
            before = torch.cat([fire["expand1x1"](squeezed), fire["expand3x3"](squeezed)], 1)
            if i in self.taken:
                out.append(before)
            x = F.relu(before)
            if i in (3, 5):
                x = F.max_pool2d(x, 3, 2)
        return out


class FeatureDistance:
    """Perceptual distance on our own features (not LPIPS): per level, features after activation are scaled to unit length

    over channels, the squared difference is summed over channels and averaged over pixels; the mean of five levels.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.features = SqueezeFeatures().to(device).eval()

    def __call__(self, a: np.ndarray, b: np.ndarray) -> float:
        with torch.inference_mode():
            total = 0.0
            for u, v in zip(self.features(to_tensor(a)), self.features(to_tensor(b))):
                u, v = F.relu(u), F.relu(v)
                u, v = (t / (t.norm(dim=1, keepdim=True) + 1e-10) for t in (u, v))
                total += float(((u - v) ** 2).sum(1).mean())
            return total / 5
