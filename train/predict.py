"""Reads the validation scenes with the trained networks (torch) and writes the ruler's JSON lines.

python predict.py OUT.jsonl [--heat .2] [--plate .5]; then tools/score_plates.py judges OUT.jsonl.
"""
import argparse
import json
import time

import torch

from chain import Chain, grey_of
from common import DATA, WORK
from detector import Detector
from recogniser import Recogniser
from verifier import Verifier, load


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out")
    ap.add_argument("--heat", type=float, default=.2)
    ap.add_argument("--plate", type=float, default=.5)
    args = ap.parse_args()
    torch.set_num_threads(1)
    verifier = load(Verifier, "verifier") if (WORK / "verifier.pt").exists() else None
    chain = Chain(load(Detector, "detector"), load(Recogniser, "recogniser"), verifier)
    with open(args.out, "w", encoding="utf-8") as f:
        for path in sorted((DATA / "scenes").glob("validation-*/*.jpg")):
            start = time.perf_counter()
            plates = chain.read(grey_of(path), args.heat, args.plate)
            ms = (time.perf_counter() - start) * 1000
            f.write(json.dumps({"image": path.relative_to(DATA / "scenes").as_posix(), "plates": plates, "ms": ms}) + "\n")


if __name__ == "__main__":
    main()
