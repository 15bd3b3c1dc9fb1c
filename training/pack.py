"""The training pictures packed small, to be carried to another machine, and read back fast.

`python -m training.pack --out .pack` re-encodes ../shared/data/train to about 41 MiB: photographs as JPEG 4:4:4 of at most 1280
pixels, portraits as WebP, the less sharp half of the historic ones at 320 pixels, damage overlays as gray PNG. `load_pack` decodes a
pack on all cores and marks what is held out, by the position in the sorted list, so that every script holds out the same pictures.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from training.imaging import DATA

PORTRAITS_HELD_OUT = 12  # every 12th of the sorted list of a portrait group
PHOTOS_HELD_OUT = 20
DAMAGE_HELD_OUT = 4  # the last files of each kind
PHOTO_QUALITY = 78
PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Pack:
    """Pictures (h, w, 3) uint8 by group in sorted order, their names, which are held out, and damage alphas (h, w) uint8 by kind."""

    pictures: dict[str, list[np.ndarray]]
    names: dict[str, list[str]]
    held_out: dict[str, list[bool]]
    damage: dict[str, list[np.ndarray]]
    labels: dict

    @property
    def photos(self) -> list[np.ndarray]:
        return self.pictures["photos"]

    @property
    def modern(self) -> list[np.ndarray]:
        return self.pictures["modern"]

    @property
    def historic(self) -> list[np.ndarray]:
        return self.pictures["historic"]

    def training(self, group: str) -> list[int]:
        return [i for i, out in enumerate(self.held_out[group]) if not out]


def list_pictures(train: Path) -> dict[str, list[Path]]:
    """The three groups, each sorted by path: the order every script counts in."""
    folders = {"photos": train / "photos", "modern": train / "portraits/modern", "historic": train / "portraits/historic"}
    return {group: sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES) for group, folder in folders.items()}


def load_pack(folder: str | Path | None = None) -> Pack:
    """A pack, or without one ../shared/data/train itself. Decoding takes a few seconds on 16 cores."""
    train = Path(folder) / "train" if folder else DATA / "train"
    labels = (Path(folder) if folder else DATA) / "face-labels.json"
    files = list_pictures(train)

    def rgb(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    def alpha(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGBA"))[..., 3] if image.mode != "L" else np.asarray(image)

    with ThreadPoolExecutor(max(2, (os.cpu_count() or 2) // 2)) as pool:
        pictures = {group: list(pool.map(rgb, paths)) for group, paths in files.items()}
        kinds = sorted(p.name for p in (train / "damage").iterdir() if p.is_dir())
        damage = {kind: list(pool.map(alpha, sorted((train / "damage" / kind).glob("*.png")))) for kind in kinds}
    every = {"photos": PHOTOS_HELD_OUT, "modern": PORTRAITS_HELD_OUT, "historic": PORTRAITS_HELD_OUT}
    return Pack(
        pictures,
        {g: [str(p.relative_to(train).with_suffix("")) for p in paths] for g, paths in files.items()},
        {g: [i % every[g] == 0 for i in range(len(paths))] for g, paths in files.items()},
        damage,
        json.loads(labels.read_text()) if labels.exists() else {},
    )


def detail(picture: np.ndarray) -> float:
    """Mean Laplacian at half size, where grain is mostly gone."""
    gray = picture.astype(np.float32).mean(2)
    gray = gray[: gray.shape[0] // 2 * 2, : gray.shape[1] // 2 * 2]
    half = (gray[::2, ::2] + gray[1::2, ::2] + gray[::2, 1::2] + gray[1::2, 1::2]) / 4
    return float(np.mean(np.abs(4 * half[1:-1, 1:-1] - half[:-2, 1:-1] - half[2:, 1:-1] - half[1:-1, :-2] - half[1:-1, 2:])))


def repack(path: Path, longest: int, quality: int, webp: bool) -> bytes:
    """Reduced where it is larger, and encoded anew: photographs as JPEG with full chroma, portraits as WebP."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    if max(image.size) > longest:
        factor = longest / max(image.size)
        image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if webp:
        image.save(buffer, "WEBP", quality=quality, method=4)
    else:
        image.save(buffer, "JPEG", quality=quality, subsampling="4:4:4", optimize=True)
    return buffer.getvalue()


def build(out: Path) -> None:
    train = out / "train"
    files = list_pictures(DATA / "train")
    details = {p: detail(np.asarray(Image.open(p).convert("RGB"))) for p in files["historic"]}
    sharp = set(sorted(details, key=details.__getitem__, reverse=True)[: len(details) // 2])
    for group, paths in files.items():
        for path in paths:
            if group == "photos":
                data = repack(path, 1280, PHOTO_QUALITY, webp=False)
            elif group == "modern" or path in sharp:
                data = repack(path, 640, 78 if group == "modern" else 70, webp=True)
            else:
                data = repack(path, 320, 66, webp=True)
            target = train / path.relative_to(DATA / "train").with_suffix(".jpg" if group == "photos" else ".webp")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    for path in sorted((DATA / "train/damage").rglob("*.png")):
        target = train / path.relative_to(DATA / "train")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(Image.open(path).convert("RGBA"))[..., 3]).save(target, optimize=True)
    weights = "weights/squeezenet_notop"
    shutil.copytree(DATA / weights, out / weights, dirs_exist_ok=True)
    for folder in sorted(p for p in out.rglob("*") if p.is_dir()):
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(f"{size / 2**20:7.2f} MiB  {folder.relative_to(out)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    build(parser.parse_args().out)


if __name__ == "__main__":
    main()
