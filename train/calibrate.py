"""Chooses the operating thresholds, on held-out training-side data only: the last tenth of the street
scenes and of the empty pictures (windows with pasted plates, and whole pictures).

`python calibrate.py` writes calibration.json into the work folder; `export.py` takes it over.
"""
import argparse
import json

import numpy as np
import torch

import scenes
from chain import Chain, iou
from common import CONFIG, WORK, seed
from detector import Detector
from recogniser import Recogniser
from verifier import Verifier, both_cuts, load, pictures, verdicts

HEAT = (.05, .08, .12, .16, .2, .25, .3, .4)
PLATE = (.3, .4, .5, .6, .7, .8, .9, .95, .97, .99)


def survey(chain, verifier, most):
    """([candidate: heat, plate odds, index of the plate it hits or -1], plates, pictures) of held-out pictures."""
    rows, plates, shown = [], 0, 0
    for grey, quads in pictures(scenes.Stock(held=True)):
        shown += 1
        inside = [q for q in quads if 0 <= q.min() and q[:, 0].max() < grey.shape[1] and q[:, 1].max() < grey.shape[0]]
        cut_off = [q for q in quads if not any(q is k for k in inside)]
        found = chain.candidates(grey, HEAT[0])
        odds = verdicts(verifier, chain.recogniser.trunk, [(both_cuts(grey, q), 0) for _, q in found]) if found else []
        for (heat, quad), p in zip(found, odds):
            hits = [plates + k for k, q in enumerate(inside) if iou(quad, q) > .4]
            if not hits and any(iou(quad, q) > .1 for q in cut_off):
                continue  # a plate at the picture's edge counts neither way
            rows.append((heat, p, hits[0] if hits else -1))
        plates += len(inside)
        if shown == most:
            return np.array(rows), plates, shown


def thresholds(rows, plates, shown, most):
    """The pair (heat, plate) with the best recall at no more than `most` false plates a picture."""
    best = (-1, .2, .5, 0)
    for heat in HEAT:
        for plate in PLATE:
            kept = rows[(rows[:, 0] >= heat) & (rows[:, 1] >= plate)]
            false, recall = (kept[:, 2] < 0).sum() / shown, len(set(kept[kept[:, 2] >= 0, 2])) / plates
            if false <= most and recall > best[0] + 1e-9:
                best = (recall, heat, plate, false)
    return best


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--pictures", type=int, default=CONFIG["calibrate"]["pictures"])
    ap.add_argument("--false", type=float, default=CONFIG["calibrate"]["false"], help="false plates a picture at most")
    args = ap.parse_args()
    torch.set_num_threads(1)
    seed()
    recogniser = load(Recogniser, "recogniser")
    chain, verifier = Chain(load(Detector, "detector"), recogniser), load(Verifier, "verifier")
    rows, plates, shown = survey(chain, verifier, args.pictures)
    recall, heat, plate, false = thresholds(rows, plates, shown, args.false)
    out = {"heat": heat, "plate": plate, "pictures": shown, "plates": plates, "recall": round(recall, 4), "false_a_picture": round(false, 4)}
    (WORK / "calibration.json").write_text(json.dumps(out, indent=1))
    print(json.dumps(out))
    seen = len(set(rows[rows[:, 2] >= 0, 2])) / plates
    print(f"seen at heat {HEAT[0]}: {seen:.3f}; candidates a picture {len(rows) / shown:.1f}")


if __name__ == "__main__":
    main()
