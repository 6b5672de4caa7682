"""Reads the same cuts of the same held-out plates with several recognisers: a fair comparison where a whole chain's score
moves with the detector, too. Formats are in it, the verdict is not.

`python paired.py 1600 RECOGNISER.pt [RECOGNISER.onnx ...] [--detector DETECTOR.pt]` prints the share that each reads exactly,
by width in the detector's pixels, its regions, and how many plates only the first or only the other reads.
"""
import argparse

import numpy as np
import onnxruntime
import torch

import capture
import cuts
import formats
import regions
import scenes
from chain import Chain, grow, iou
from common import WORK, seed
from detector import Detector
from recogniser import Recogniser, real_crops
from verifier import Verifier


def net(kind, path):
    if str(path).endswith(".onnx"):
        return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    weights = torch.load(path, map_location="cpu", weights_only=False)["average"]
    out = kind.like(weights)
    out.load_state_dict(weights)
    return out.eval()


@torch.no_grad()
def reading(recogniser, x):
    """(text, region) of one normalised cut."""
    if isinstance(recogniser, onnxruntime.InferenceSession):
        second = {"context": x.numpy()} if recogniser.get_inputs()[1].name == "context" else {"seen": np.zeros((1, Verifier.SEEN), np.float32)}
        chars, _, layout = recogniser.run(None, {"crops": x.numpy()} | second)  # the verdict is not looked at
        chars, odds = chars[0], layout[0, :-1]
    else:
        early, features = recogniser.both(x)
        chars = torch.softmax(recogniser.columns(features), -1)[0].numpy()
        odds = torch.softmax(recogniser.layout(early, features)[0, :-1], -1).numpy()
    read = formats.reading(chars, {c: float(p) for c, p in zip(regions.REGIONS, odds) if c != "other"})
    return (read[0], read[2]) if read else ("", None)


def rows(pictures, detector, recognisers):
    """[(width, is real, then for each recogniser: text right, region right)] of plates that the detector finds."""
    seed(23)
    stock, flats, out = scenes.Stock(held=True), real_crops()[1], []
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
                text, region = reading(recogniser, x)
                row += [text == flat.text, region is not None and regions.index(region) in flat.regions]
            out.append(row)
    return np.array(out, float)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("pictures", type=int)
    ap.add_argument("recognisers", nargs="+")
    ap.add_argument("--detector", default=WORK / "detector.pt")
    args = ap.parse_args()
    torch.set_num_threads(1)
    table = rows(args.pictures, Chain(net(Detector, args.detector)), [net(Recogniser, p) for p in args.recognisers])
    n = len(args.recognisers)
    width, real = table[:, 0], table[:, 1] > 0
    for name, which in (("all", width > 0), ("under 50 px", width < 50), ("50 to 80 px", (width >= 50) & (width < 80)), ("above", width >= 80), ("real", real), ("rendered", ~real)):
        of = table[which]
        text, where = of[:, 2::2], of[:, 3::2]
        against = [f"{int(((text[:, 0] == 1) & (text[:, k] == 0)).sum())} and {int(((text[:, 0] == 0) & (text[:, k] == 1)).sum())}" for k in range(1, n)]
        print(f"{name}: {len(of)} plates, exact " + " ".join(f"{v:.3f}" for v in text.mean(0)) + ", regions " + " ".join(f"{v:.3f}" for v in where.mean(0))
              + ", only the first and only the other: " + ", ".join(against), flush=True)


if __name__ == "__main__":
    main()
