"""Reads the same cuts of the same held-out plates with several recognisers: a fair comparison where a whole chain's score
moves with the detector, too. Formats are in it, the verdict is not.

`python paired.py 1600 RECOGNISER.pt [RECOGNISER.onnx ...] [--detector DETECTOR.pt]` prints the share that each reads exactly,
by width in the detector's pixels, its regions, and how many plates only the first or only the other reads. `SKIM.onnx+
RECOGNISER.onnx` asks the first alone where it is sure, by the odds of config.toml. For ONNX files two cuts are timed as well,
all files in turns on one core.
"""
import argparse
import time

import numpy as np
import onnxruntime
import torch

import capture
import cuts
import formats
import regions
import scenes
from chain import Chain, grow, iou
from common import WORK, contract, seed
from detector import Detector
from recogniser import Recogniser, real_crops
from verifier import Verifier


def net(kind, path):
    if "+" in str(path):
        return [net(kind, p) for p in str(path).split("+")]
    if str(path).endswith(".onnx"):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    weights = torch.load(path, map_location="cpu", weights_only=False)["average"]
    out = kind.like(weights)
    out.load_state_dict(weights)
    return out.eval()


def told(session, x):
    """What an ONNX recogniser of any of our releases tells of normalised cuts [N, 1, 48, 144]: its outputs by their names."""
    blank = {"context": x, "seen": np.zeros((len(x), Verifier.SEEN), np.float32)}  # the verdict is not looked at
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, {i.name: blank.get(i.name, x) for i in session.get_inputs()})))


@torch.no_grad()
def reading(recogniser, x, platt):
    """What `formats.reading` makes of one normalised cut, and whether the recogniser is sure enough to be asked alone."""
    if isinstance(recogniser, list):
        first, sure = reading(recogniser[0], x, platt)
        return (first, sure) if sure else reading(recogniser[1], x, platt)
    if isinstance(recogniser, onnxruntime.InferenceSession):
        out = told(recogniser, x.numpy())
        chars, prior, lined = out["chars"][0], Chain.prior(out["layout"][0, :-1]), out["layout"][0, -1] > .5
    else:
        chars, prior, lined = Chain.read_by(recogniser, *recogniser.both(x))[0]
    read = formats.reading(chars, prior, platt)
    return read, Chain.sure(read, lined)


def timed(recognisers, x, times=200):
    """Milliseconds that each takes for two cuts, the median of all turns."""
    took = [[] for _ in recognisers]
    for k in range(times):
        pair = np.concatenate([x[2 * k % len(x)], x[(2 * k + 1) % len(x)]])
        for one, ms in zip(recognisers, took):
            begun = time.perf_counter()
            told(one, pair)
            ms.append(1000 * (time.perf_counter() - begun))
    return [float(np.median(ms)) for ms in took]


def rows(pictures, detector, recognisers):
    """[(width, is real, then for each recogniser: text right, region right, was sure)] of plates that the detector finds, and
    their cuts."""
    seed(23)
    platt = contract().get("confidence")
    stock, flats, out, seen = scenes.Stock(held=True), real_crops()[1], [], []
    real = {id(f) for of in flats.values() for f in of}
    for _ in range(pictures):
        grey, known, zoom = cuts.composed(stock, flats)
        candidates = cuts.found(detector, grey, .3)
        for quad, flat in known:
            hit = next((c for _, c in candidates if iou(c, quad) > .35), None)
            if hit is None:
                continue
            x = torch.from_numpy(capture.normalise(capture.rectify(grey, grow(hit, .05))))[None, None]
            row = [np.linalg.norm(quad[1] - quad[0]) / zoom, id(flat) in real]
            for recogniser in recognisers:
                read, sure = reading(recogniser, x, platt)
                row += [bool(read) and read[0] == flat.text, bool(read and read[2]) and regions.index(read[2][0]) in flat.regions, sure]
            out.append(row)
            seen.append(x.numpy())
    return np.array(out, float), seen


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("pictures", type=int)
    ap.add_argument("recognisers", nargs="+")
    ap.add_argument("--detector", default=WORK / "detector.pt")
    args = ap.parse_args()
    torch.set_num_threads(1)
    nets = [net(Recogniser, p) for p in args.recognisers]
    table, seen = rows(args.pictures, Chain(net(Detector, args.detector)), nets)
    n = len(args.recognisers)
    width, real = table[:, 0], table[:, 1] > 0
    for name, which in (("all", width > 0), ("under 50 px", width < 50), ("50 to 80 px", (width >= 50) & (width < 80)), ("above", width >= 80), ("real", real), ("rendered", ~real)):
        of = table[which]
        text, where, sure = of[:, 2::3], of[:, 3::3], of[:, 4::3]
        against = [f"{int(((text[:, 0] == 1) & (text[:, k] == 0)).sum())} and {int(((text[:, 0] == 0) & (text[:, k] == 1)).sum())}" for k in range(1, n)]
        print(f"{name}: {len(of)} plates, exact " + " ".join(f"{v:.3f}" for v in text.mean(0)) + ", regions " + " ".join(f"{v:.3f}" for v in where.mean(0))
              + ", sure " + " ".join(f"{v:.2f}" for v in sure.mean(0))
              + ", only the first and only the other: " + ", ".join(against), flush=True)
    alone = [one for one in nets if isinstance(one, onnxruntime.InferenceSession)]
    if alone:
        print("ms for two cuts, ONNX files in their order: " + " ".join(f"{ms:.1f}" for ms in timed(alone, seen)))


if __name__ == "__main__":
    main()
