"""Fills every PHOTO.png of a folder where PHOTO.mask.png is white, with OpenCV's two methods, for the table of scripts/fill-results.ts.

/usr/bin/python3 scripts/fill-baselines.py FOLDER; needs Debian's python3-opencv. Writes PHOTO.telea.png and PHOTO.navier-stokes.png beside them.
Both look 4 pixels around, as IOPaint calls them.
"""

import sys
from pathlib import Path

import cv2

METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}
RADIUS_PX = 4


def main() -> None:
    for mask_file in sorted(Path(sys.argv[1]).glob("*.mask.png")):
        name = mask_file.name.removesuffix(".mask.png")
        photo = cv2.imread(str(mask_file.with_name(f"{name}.png")), cv2.IMREAD_COLOR)
        mask = cv2.imread(str(mask_file), cv2.IMREAD_GRAYSCALE)
        for method, flag in METHODS.items():
            cv2.imwrite(str(mask_file.with_name(f"{name}.{method}.png")), cv2.inpaint(photo, mask, RADIUS_PX, flag))


if __name__ == "__main__":
    main()
