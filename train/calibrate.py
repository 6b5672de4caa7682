"""Chooses the operating thresholds and the scaling of the confidence, on held-out training-side data only:
the last tenth of the street scenes and of the empty pictures (windows with pasted plates, and whole
pictures), and labelled crops whose text is in no training crop.

`python calibrate.py --seconds 120` writes calibration.json into the work folder; `export.py` takes it over.
"""
import argparse
import json
import random
import time

import numpy as np
import torch

import capture
import scenes
from chain import Chain, iou
from common import WORK, greedy, likelihood
from detector import Detector
from recogniser import Recogniser, real_crops
from verifier import Verifier, both_cuts, load, pictures, verdicts

HEAT = (.05, .08, .12, .16, .2, .25, .3, .4)
PLATE = (.3, .4, .5, .6, .7, .8, .9, .95, .97, .99)


def survey(chain, verifier, seconds):
    """([candidate: heat, plate odds, index of the plate it hits or -1], plates, pictures) of held-out pictures."""
    rows, plates, shown, end = [], 0, 0, time.time() + seconds
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
        if time.time() > end:
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


@torch.no_grad()
def platt(net, n=1500):
    """(a, b, share right) of the logit of the text's likelihood, fitted on held-out crops under capture."""
    sets = [c for crops in real_crops()[1].values() for c in crops]
    logits, right = [], []
    for _ in range(n):
        image, text = random.choice(sets)
        probs = net(torch.from_numpy(capture.normalise(capture.take(image, (50, 220), .6)))[None, None]).exp()[0].numpy()
        got = greedy(probs)
        p = np.clip(likelihood(probs, got), 1e-6, 1 - 1e-6)
        logits.append(np.log(p / (1 - p))), right.append(got == text)
    x, y = np.array(logits), np.array(right, float)
    a, b = 1., 0.
    for _ in range(60):  # Newton's method on the logistic loss
        p = 1 / (1 + np.exp(-(a * x + b)))
        w = p * (1 - p) + 1e-6
        grad = np.array([((p - y) * x).sum(), (p - y).sum()])
        hess = np.array([[(w * x * x).sum() + 1e-3, (w * x).sum()], [(w * x).sum(), w.sum() + 1e-3]])
        a, b = np.array([a, b]) - np.linalg.solve(hess, grad)
    return float(a), float(b), float(y.mean())


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seconds", type=float, default=120)
    ap.add_argument("--false", type=float, default=.03, help="false plates a picture at most")
    args = ap.parse_args()
    torch.set_num_threads(1)
    random.seed(7), np.random.seed(7)
    recogniser = load(Recogniser, "recogniser")
    chain, verifier = Chain(load(Detector, "detector"), recogniser), load(Verifier, "verifier")
    rows, plates, shown = survey(chain, verifier, args.seconds)
    recall, heat, plate, false = thresholds(rows, plates, shown, args.false)
    a, b, right = platt(recogniser)
    out = {"heat": heat, "plate": plate, "a": round(a, 4), "b": round(b, 4), "pictures": shown, "plates": plates,
           "recall": round(recall, 4), "false_a_picture": round(false, 4), "crops_right": round(right, 4)}
    (WORK / "calibration.json").write_text(json.dumps(out, indent=1))
    print(json.dumps(out))
    seen = len(set(rows[rows[:, 2] >= 0, 2])) / plates
    print(f"seen at heat {HEAT[0]}: {seen:.3f}; candidates a picture {len(rows) / shown:.1f}")


if __name__ == "__main__":
    main()
