"""Writes the SqueezeNet 1.1 features of ../shared/data/weights as .safetensors with torchvision's tensor names.

`python -m training.export_squeezenet OUT.safetensors`; for `scripts/results.ts`, never committed. The first convolution is changed to
take RGB normalized with ImageNet's mean and deviation instead of BGR 0..255 less its mean. The weights came from Caffe: they are not
torchvision's, so the trained layers of LPIPS do not apply to them, which the metadata `backbone: other` says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from training.squeezenet import FILE, PlainHdf5, convolution

MEAN = np.array([0.485, 0.456, 0.406])
DEVIATION = np.array([0.229, 0.224, 0.225])
CAFFE_MEAN = np.array([123.68, 116.779, 103.939])  # RGB
INDEX = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}  # fire module to torchvision's features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.safetensors")
    a = parser.parse_args()
    weights = PlainHdf5(FILE).datasets()
    first = convolution(weights, "conv1")
    rgb = first.weight.numpy()[:, ::-1].astype(np.float64)
    bias = first.bias.numpy() + (rgb * (255 * MEAN - CAFFE_MEAN)[:, None, None]).sum((1, 2, 3))
    out = {"features.0.weight": rgb * (255 * DEVIATION)[:, None, None], "features.0.bias": bias}
    for fire, index in INDEX.items():
        for theirs, ours in (("squeeze1x1", "squeeze"), ("expand1x1", "expand1x1"), ("expand3x3", "expand3x3")):
            layer = convolution(weights, f"fire{fire}/{theirs}")
            out[f"features.{index}.{ours}.weight"] = layer.weight.numpy()
            out[f"features.{index}.{ours}.bias"] = layer.bias.numpy()
    tensors = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in out.items()}
    save_file(tensors, a.out, metadata={"backbone": "other", "source": "SqueezeNet 1.1 (Caffe, through Keras), MIT"})


if __name__ == "__main__":
    main()
