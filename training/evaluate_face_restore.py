"""Measures the face restorers on portraits that were held out: `python -m training.evaluate_face_restore --pack .pack --markdown OUT.md`.

Three seeded degradations of the aligned face (256 pixels): a small scan, a grainy print, and both worse. For the degraded input as a plain enlargement
shows it, and for both ends and the middle of the pair: PSNR on Y, the distance of SqueezeNet features, and how far the person is (1 - the light-independent
structure of SSIM around eyes, nose and mouth at 96 pixels, as `src/engine/faces/identity-distance.ts`) from the true face. By decade of birth, and
for women and men (WOMEN: the lists of the data do not say; the sitters are public persons).
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.degradations import Draw, film_grain, jpeg, per_sample
from training.evaluate import blend
from training.export import load_weights
from training.face_crops import SIDE, TEMPLATE, cut, labeled_faces
from training.face_restorers import FaceUNet
from training.imaging import DATA, MODELS, gaussian_blur, psnr_luma, resize, to_bytes
from training.pack import load_pack
from training.squeezenet import FeatureDistance

DEGRADATIONS = {  # side of the face in the photo, blur, grain, JPEG quality
    "small (80 px), JPEG 75": (80, 0.6, 0.0, 75),
    "grainy (128 px, grain 0.06)": (128, 0.8, 0.06, 90),
    "poor (64 px, blur, grain 0.05, JPEG 50)": (64, 1.6, 0.05, 50),
}

WOMEN = {f"portraits/modern/wiki_{n}" for n in ("020351", "021110", "021738")}
"""Of the held-out sitters whose faces are large enough."""


def degrade(face: torch.Tensor, side: int, blur: float, grain: float, quality: int, seed: int) -> torch.Tensor:
    """(1, 3, SIDE, SIDE) in [0, 1] to what a plain enlargement of the bad photo shows."""
    draw = Draw.seeded(seed)
    x = resize(gaussian_blur(face, blur * SIDE / 160), side, side).clamp(0, 1)
    if grain > 0:
        x = film_grain(x, per_sample([grain], x), 0.5, 0.0, draw.torch)
    return resize(jpeg(x, np.array([quality])), SIDE, SIDE, "lanczos3").clamp(0, 1)


def structure_distance(a: torch.Tensor, b: torch.Tensor, side: int = 96) -> float:
    """0 for the same structure around the five points, about 1 for another's."""
    x, y = (resize(v.mean(1, keepdim=True), side, side, "lanczos3") for v in (a, b))
    blur = lambda v: gaussian_blur(v, max(1.5, side / 32))
    mx, my = blur(x), blur(y)
    vx, vy, xy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    c = 0.00045
    map_ = (xy + c) / ((vx.clamp(min=0) * vy.clamp(min=0)).sqrt() + c)
    ramp = (torch.arange(side) + 0.5) / side
    weight = sum(torch.exp(-((ramp[None] - px) ** 2 + (ramp[:, None] - py) ** 2) / (2 * 0.07**2)) for px, py in TEMPLATE)
    return float(1 - (map_[0, 0] * weight).sum() / weight.sum())


def births() -> dict[str, int]:
    out = {}
    for group in ("historic", "modern"):
        with open(DATA / f"train/portraits/{group}/LIST.csv", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["born"].isdigit():
                    out[f"portraits/{group}/{Path(row['file']).stem}"] = int(row["born"])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack")
    parser.add_argument("--folder", type=Path, default=MODELS)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet there: input, both ends, original")
    parser.add_argument("--count", type=int, default=10**9)
    a = parser.parse_args()
    torch.set_num_threads(1)
    pack, born = load_pack(a.pack), births()
    ends = [load_weights(a.folder / f"face-restore-{end}.safetensors") for end in ("fidelity", "perception")]
    networks = {}
    for name, alpha in (("α 0 (fidelity)", 0.0), ("α 0.5", 0.5), ("α 1 (perception)", 1.0)):
        net = FaceUNet()
        net.load_state_dict(blend(*ends, alpha))
        networks[name] = net.eval()
    distance = FeatureDistance()
    faces = [f for f in labeled_faces(pack, held_out=True) if f[0] != "photos"][: a.count]
    values: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    by_group: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    rows = []
    for number, (group, index, points) in enumerate(faces):
        face = cut(pack.pictures[group][index], points, "cpu", SIDE, SIDE)[None].float() / 255
        truth = to_bytes(face)
        year = born.get(pack.names[group][index])
        groups = (f"born in the {year // 20 * 20}s and {year // 20 * 20 + 10}s" if year else "born when nobody knows",
                  "women" if pack.names[group][index] in WOMEN else "men")
        for name, setting in DEGRADATIONS.items():
            bad = degrade(face, *setting, seed=number)
            if float((face - face.mean(1, keepdim=True)).abs().max()) < 0.02:
                bad = bad.mean(1, keepdim=True).expand_as(bad)
            with torch.inference_mode():
                outputs = {"plain enlargement": bad, **{k: ((n(bad * 2 - 1) + 1) / 2).clamp(0, 1) for k, n in networks.items()}}
            for key, made in outputs.items():
                picture = to_bytes(made)
                entry = (psnr_luma(picture, truth, 0), distance(picture, truth), structure_distance(made, face))
                values.setdefault((name, key), []).append(entry)
                for who in groups:
                    by_group.setdefault(who, {}).setdefault(key, []).append(entry)
            if number % max(1, len(faces) // 6) == 0:
                rows.append(np.concatenate([to_bytes(outputs[k]) for k in ("plain enlargement", "α 0 (fidelity)", "α 1 (perception)")] + [truth], 1))
    lines = [f"{len(faces)} held-out portraits; distance: SqueezeNet features, lower is nearer; person: structure distance, lower is nearer.", "",
             "| degradation | | PSNR (Y) dB | distance | person |", "|---|---|---:|---:|---:|"]
    cells = lambda v: " | ".join(f"{m:.{p}f}" for m, p in zip(np.mean(v, 0), (2, 3, 3)))
    lines += [f"| {name} | {key} | {cells(v)} |" for (name, key), v in values.items()]
    lines += ["", "| who | faces | plain: PSNR, distance, person | α 0 | α 1 |", "|---|---:|---|---|---|"]
    for who in sorted(by_group):
        group = by_group[who]
        lines.append(f"| {who} | {len(group['plain enlargement']) // len(DEGRADATIONS)} | " + " | ".join(cells(group[k]).replace(" | ", ", ") for k in ("plain enlargement", "α 0 (fidelity)", "α 1 (perception)")) + " |")
    text = "\n".join(lines) + "\n"
    print(text, flush=True)
    if a.markdown:
        a.markdown.write_text(text)
    if a.sheet:
        Image.fromarray(np.concatenate(rows, 0)).save(a.sheet)
        print(json.dumps({"sheet": str(a.sheet), "rows": len(rows)}))


if __name__ == "__main__":
    main()
