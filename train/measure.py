"""How well the detector's corners fit, on held-out windows with pasted plates: recall, error of the corners in
plate widths (median, nine tenths), share of boxes that overlap by .7, candidates that hit nothing.

`python measure.py [detector.pt ...]` compares checkpoints on the same windows.
"""
import argparse
import itertools
from pathlib import Path

import numpy as np
import torch

import scenes
from chain import Chain, iou
from common import WORK, seed
from detector import Detector

WIDTHS = ((22, 50), (50, 80), (80, 400))


def windows(n, size=384):
    """[(grey, [(quad, whether its corners are known)])] of the held-out pictures, always the same."""
    seed(3)
    stock, out = scenes.Stock(held=True), []
    for grey, quads, trust in itertools.islice(iter(lambda: scenes.window(stock, size), None), n):
        out.append((grey, [(q, t) for q, t in zip(quads, trust)]))
    return out


def measure(chain, shown, threshold):
    found, total, false = {w: [] for w in WIDTHS}, dict.fromkeys(WIDTHS, 0), 0
    for grey, quads in shown:
        candidates = chain.candidates(grey, threshold)
        size = grey.shape[0]
        for quad, trust in quads:
            wide = np.linalg.norm(quad[1] - quad[0])
            group = next((w for w in WIDTHS if w[0] <= wide < w[1]), None)
            if trust <= 0 or not group or quad.min() < 0 or quad.max() > size:
                continue
            total[group] += 1
            best = max(candidates, key=lambda c: iou(c[1], quad), default=None)
            if best and iou(best[1], quad) > .3:
                found[group].append((np.linalg.norm(best[1] - quad, axis=1).mean() / wide, iou(best[1], quad)))
        false += sum(all(iou(q, c) < .1 for q, _ in quads) for _, c in candidates)
    return found, total, false / len(shown)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("checkpoints", nargs="*", default=[WORK / "detector.pt"])
    ap.add_argument("--windows", type=int, default=400)
    ap.add_argument("--heat", type=float, default=.2)
    args = ap.parse_args()
    torch.set_num_threads(1)
    shown = windows(args.windows)
    for path in args.checkpoints:
        weights = torch.load(path, weights_only=False)["average"]
        net = Detector.like(weights)
        net.load_state_dict(weights)
        found, total, false = measure(Chain(net.eval()), shown, args.heat)
        print(f"{Path(path).name}: {false:.2f} candidates of nothing a window")
        for group, rows in found.items():
            error, over = (np.array(v) for v in zip(*rows))
            print(f"  {group[0]} to {group[1]} px: {total[group]} plates, found {len(rows) / total[group]:.3f}, corners off {np.median(error):.3f} "
                  f"({np.quantile(error, .9):.3f}), overlap above .7 {np.sum(over > .7) / total[group]:.3f}")


if __name__ == "__main__":
    main()
