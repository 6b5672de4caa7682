"""Splits a score by plate width, contrast and tilt: where the reader fails.

`homeplate read --json FOLDER/validation-* > out.jsonl; python breakdown.py out.jsonl` prints a Markdown table of the
share of labels whose text is exact. Contrast is the deviation of the grey values in the label's box, tilt the angle
of the read's upper edge against the horizontal (labels that nothing was read at have none).
"""
import argparse
import csv
import json
import math
from pathlib import Path

import cv2

from common import DATA

SETS = ("us", "eu", "br")


def labels():
    """[(set, image name, box, text, grey picture)] of the judging scenes."""
    for name in SETS:
        folder = DATA / "scenes" / f"validation-{name}"
        for row in csv.DictReader(open(folder / "labels.csv", newline="", encoding="utf-8")):
            yield name, row["image"], [float(row[k]) for k in "xywh"], row["text"], folder / row["image"]


def near(plate, box):
    """Whether a read's centre lies in the label's box."""
    x, y, w, h = plate["box"]
    return box[0] <= x + w / 2 <= box[0] + box[2] and box[1] <= y + h / 2 <= box[1] + box[3]


def tilt(plate):
    (x0, y0), (x1, y1) = plate["corners"][:2]
    return abs(math.degrees(math.atan2(y1 - y0, x1 - x0)))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("reads")
    args = ap.parse_args()
    reads = {Path(r["image"]).name: r.get("plates", []) for r in map(json.loads, open(args.reads, encoding="utf-8"))}
    rows = []
    for name, image, box, text, path in labels():
        plates = reads.get(image, [])
        grey = cv2.imread(str(path), 0)
        x, y, w, h = (max(0, round(v)) for v in box)
        here = [p for p in plates if near(p, box)]
        rows.append({"set": name, "exact": any(p["text"] == text for p in plates), "width": box[2], "contrast": float(grey[y:y + h, x:x + w].std()),
                     "tilt": tilt(here[0]) if here else None})
    groups = [("all", lambda r: True)]
    groups += [(f"width {a} to {b} px", lambda r, a=a, b=b: a <= r["width"] < b) for a, b in ((0, 65), (65, 100), (100, 150), (150, 9999))]
    groups += [(f"contrast {a} to {b}", lambda r, a=a, b=b: a <= r["contrast"] < b) for a, b in ((0, 30), (30, 50), (50, 999))]
    groups += [(f"tilt {a} to {b} degrees", lambda r, a=a, b=b: r["tilt"] is not None and a <= r["tilt"] < b) for a, b in ((0, 3), (3, 8), (8, 90))]
    print("| labels | " + " | ".join(SETS) + " | all |\n|---|" + "---|" * 4)
    for title, fits in groups:
        cells = []
        for name in (*SETS, None):
            of = [r["exact"] for r in rows if fits(r) and name in (None, r["set"])]
            cells.append(f"{sum(of) / len(of):.3f} ({len(of)})" if of else "-")
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
