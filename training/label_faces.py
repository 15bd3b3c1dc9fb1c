"""Boxes and five points for all training pictures, where both teachers agree: `python -m training.label_faces`.

Writes a JSON object, one entry a picture under its path in train/ without the ending: `file`, `width`, `height`, `faces` (each `box`
x1 y1 x2 y2, `points` five x y: eyes, nose, corners of the mouth from the picture's left, `score`), `loose` (the same, where
the teachers agree on the box but not on the points: beards, profiles), and `ignore`, boxes that one teacher alone found:
neither face nor background. All coordinates are shares of width and height.
What `no-faces.json` lists (looked at by eye: animals, food, doors, clouds) is background, whatever a teacher says.
Agreement: boxes overlap by more than half and the points are apart by a tenth of the distance between the eyes on average,
none by more than a quarter (the teachers place the corners of the mouth 10 to 15 % apart as a rule); twice that below
40 px. Boxes and points are then averaged, over several sizes of the picture and over the teachers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.face_network import overlap
from training.face_teachers import at_sizes, retina_face_teacher, yu_net_teacher
from training.imaging import DATA, RUNS

GROUPS = {"photos": ("photos", (640, 320)), "modern": ("portraits/modern", (480, 320)), "historic": ("portraits/historic", (480, 320))}
SURE, POSSIBLE, LONELY = 0.6, 0.35, (0.6, 0.9)
"""Scores: one of the two teachers must be sure, the other find it possible; YuNet or RetinaFace alone makes a region unclear."""
LARGE_FACES = (224, 160)
"""Long sides tried where the usual ones give nothing: faces that fill the frame."""
NO_FACES = json.loads((Path(__file__).parent / "no-faces.json").read_text())
"""Boxes by picture, in shares of width and height."""


def pictures(group: str) -> list[Path]:
    """The group's pictures in sorted order."""
    files = sorted((DATA / "train" / GROUPS[group][0]).rglob("*.*"))
    return [f for f in files if f.suffix.lower() in (".jpg", ".jpeg", ".png")]


Faces = list[torch.Tensor]


def agree(a: torch.Tensor, b: torch.Tensor) -> tuple[Faces, Faces, Faces]:
    """Faces both found (averaged), those whose points they place differently, and boxes only one is sure of."""
    shared, loose, alone = [], [], []
    overlaps = overlap(a[:, :4], b[:, :4]) if len(a) and len(b) else torch.zeros(len(a), len(b))
    taken: set[int] = set()
    for i, face in enumerate(a):
        j = int(overlaps[i].argmax()) if len(b) else -1
        if j >= 0 and overlaps[i, j] > 0.5 and max(face[14], b[j, 14]) >= SURE:
            taken.add(j)
            mine, other = face[4:14].view(5, 2), b[j, 4:14].view(5, 2)
            eyes = float((mine[0] - mine[1] + other[0] - other[1]).norm() / 2)
            side = float((face[2:4] - face[:2]).max())
            off = (mine - other).norm(dim=1) / max(eyes, 0.25 * side)  # a profile's eyes are close together
            small = side < 40  # where a pixel is a large share
            if float(off.mean()) <= (0.2 if small else 0.1) and float(off.max()) <= (0.4 if small else 0.25):
                shared.append((face + b[j]) / 2)
            elif float(off.mean()) <= 0.3:
                loose.append((face + b[j]) / 2)
            else:
                alone.append((face + b[j]) / 2)
        elif face[14] >= LONELY[0]:
            alone.append(face)
    alone += [face for j, face in enumerate(b) if j not in taken and face[14] >= LONELY[1]]
    return shared, loose, alone


def label(path: Path, sizes: tuple[int, ...], teachers: list) -> dict:
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"))
    x = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255
    h, w = rgb.shape[:2]
    shared, loose, alone = agree(*(at_sizes(find, x, sizes) for find in teachers))
    if not shared and not loose:
        shared, loose, _ = agree(*(at_sizes(find, x, LARGE_FACES) for find in teachers))
    unit = torch.tensor([w, h] * 7, dtype=torch.float32)
    rounded = lambda v: [round(float(n), 5) for n in v]
    entry = lambda f: {"box": rounded((f[:14] / unit)[:4]), "points": rounded((f[:14] / unit)[4:]), "score": round(float(f[14]), 4)}
    return {"file": str(path.relative_to(DATA / "train")), "width": w, "height": h, "faces": [entry(f) for f in shared],
            "loose": [entry(f) for f in loose], "ignore": [rounded(f[:4] / unit[:4]) for f in alone]}


def without_no_faces(name: str, entry: dict) -> dict:
    """The entry of a picture less what is no face at all: boxes that share more than half of their union with a listed one."""
    listed = torch.tensor(NO_FACES.get(name, [])).view(-1, 4)
    if not len(listed):
        return entry
    is_face = lambda box: float(overlap(torch.tensor([box]), listed).max()) < 0.5
    return {**entry, **{kind: [f for f in entry[kind] if is_face(f["box"])] for kind in ("faces", "loose")},
            "ignore": [box for box in entry["ignore"] if is_face(box)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RUNS / "face-labels.json")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", help="i/n: only every n-th picture, for several processes")
    parser.add_argument("--join", type=Path, nargs="*", default=[], help="finished parts to add to this one")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    teachers = [yu_net_teacher(POSSIBLE), retina_face_teacher(POSSIBLE)]
    part, parts = (int(v) for v in a.part.split("/")) if a.part else (0, 1)
    entries = []
    for group, (_, sizes) in reversed(GROUPS.items()):
        for i, path in enumerate(pictures(group)):
            if i % parts == part:
                entries.append({"group": group, "index": i, **label(path, sizes, teachers)})
        print(group, len(entries), flush=True)
    entries += [e for path in a.join for e in json.loads(path.read_text()).values()]
    order = list(GROUPS)
    entries.sort(key=lambda e: (order.index(e["group"]), e["index"]))
    a.out.parent.mkdir(parents=True, exist_ok=True)
    named = {str(Path(e["file"]).with_suffix("")): e for e in entries}
    a.out.write_text(json.dumps({name: without_no_faces(name, e) for name, e in named.items()}))
    count = lambda key: sum(len(e[key]) for e in entries)
    print(f"{a.out}: {len(entries)} pictures, {count('faces')} faces, {count('loose')} with unsure points, {count('ignore')} unclear regions")


if __name__ == "__main__":
    main()
