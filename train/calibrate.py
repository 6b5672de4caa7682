"""Chooses the operating thresholds, on held-out training-side data only: the last tenth of the street
scenes and of the empty pictures (windows with pasted plates, and whole pictures).

`python calibrate.py` writes calibration.json into the work folder; `export.py` takes it over.
"""
import argparse
import json

import numpy as np
import torch

import scenes
from chain import iou
from common import CONFIG, WORK, contract, seed
from verifier import overlap, pictures, whole

HEAT = (.1, .12, .15, .2, .25, .3, .35, .4)
PLATE = (.1, .3, .5, .7, .8, .9, .95, .98, .99)
LEAST = .1  # reads of less confidence are not shown


def survey(chain, most):
    """([read: heat, plate odds, index of the plate it hits or -1], plates, pictures, candidates) of held-out pictures:
    what would be shown if no place were ruled out."""
    chain.near = False  # its places have other heats
    rows, plates, shown, heats = [], 0, 0, []
    for grey, quads in pictures(scenes.Stock(held=True)):
        shown += 1
        inside = [(q, t) for q, t in quads if t >= 0 and 0 <= q.min() and q[:, 0].max() < grey.shape[1] and q[:, 1].max() < grey.shape[0]]
        left_open = [q for q, _ in quads if not any(q is k for k, _ in inside)]
        for read in chain.read(grey, HEAT[0], PLATE[0]):
            quad = np.float32(read["corners"])
            heats.append(read["heat"])
            if read["confidence"] < LEAST:
                continue
            hits = [plates + k for k, one in enumerate(inside) if overlap(quad, [one]) > .4]
            if not hits and any(iou(quad, q) > .1 for q in left_open):
                continue  # a plate at the picture's edge, or hardly to be seen, counts neither way
            rows.append((read["heat"], read["plate"], hits[0] if hits else -1))
        plates += len(inside)
        if shown == most:
            return np.array(rows), plates, shown, np.array(heats)


def thresholds(rows, plates, shown, heat, most):
    """The lowest odds of being a plate that leave no more than `most` false plates a picture, or higher ones that lose
    no more than one plate in a hundred by it: (recall, odds, false)."""
    allowed = None  # the recall at the lowest
    for plate in PLATE:
        kept = rows[(rows[:, 0] >= heat) & (rows[:, 1] >= plate)]
        recall, false = len(set(kept[kept[:, 2] >= 0, 2])) / plates, float((kept[:, 2] < 0).sum()) / shown
        if allowed is not None and recall < allowed - .01:
            break
        chosen = recall, plate, false
        if allowed is None and false <= most:
            allowed = recall
    return chosen


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--pictures", type=int, default=CONFIG["calibrate"]["pictures"])
    ap.add_argument("--heat", type=float, default=CONFIG["calibrate"]["heat"], help="each place above it costs a cut's time")
    ap.add_argument("--false", type=float, default=CONFIG["calibrate"]["false"], help="false plates a picture at most")
    args = ap.parse_args()
    torch.set_num_threads(1)
    seed()
    file = WORK / "calibration.json"
    chosen = json.loads(file.read_text()) if file.exists() else {}
    platt = chosen if "a" in chosen else contract().get("confidence")
    chain = whole(platt)
    rows, plates, shown, heats = survey(chain, args.pictures)
    recall, plate, false = thresholds(rows, plates, shown, args.heat, args.false)
    out = {"heat": args.heat, "plate": plate, "pictures": shown, "plates": plates, "recall": round(recall, 4), "false_a_picture": round(false, 4)}
    file.write_text(json.dumps(chosen | out, indent=1))
    print(json.dumps(out))
    for h in HEAT:
        kept = [rows[(rows[:, 0] >= h) & (rows[:, 1] >= p)] for p in (.3, .7, .9, .98)]
        print(f"heat {h}: {(heats >= h).sum() / shown:.1f} places a picture; recall and false at odds of .3 .7 .9 .98: "
              + "  ".join(f"{len(set(k[k[:, 2] >= 0, 2])) / plates:.3f} {(k[:, 2] < 0).sum() / shown:.3f}" for k in kept))


if __name__ == "__main__":
    main()
