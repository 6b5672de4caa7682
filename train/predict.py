"""Reads the validation scenes with the trained networks (torch) and writes the ruler's JSON lines.

python predict.py OUT.jsonl; then a ruler judges OUT.jsonl. Thresholds and confidence are those of
models/contract.json where no others are told.
"""
import argparse
import json
import time

import torch

from chain import grey_of
from common import DATA, contract
from verifier import whole


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("out")
    agreed = contract()
    ap.add_argument("--heat", type=float, default=agreed["detector"]["heat_threshold"])
    ap.add_argument("--faint", type=float, default=agreed["detector"].get("faint_threshold", 1.))
    ap.add_argument("--plate", type=float, default=agreed["recogniser"]["plate_threshold"])
    ap.add_argument("--min-confidence", type=float, default=.1, help="as the executable's")
    args = ap.parse_args()
    torch.set_num_threads(1)
    chain = whole(agreed.get("confidence"))
    with open(args.out, "w", encoding="utf-8") as f:
        for path in sorted((DATA / "scenes").glob("validation-*/*.jpg")):
            start = time.perf_counter()
            plates = [p for p in chain.read(grey_of(path), args.heat, args.plate, faint=args.faint) if p["confidence"] >= args.min_confidence]
            ms = (time.perf_counter() - start) * 1000
            f.write(json.dumps({"image": path.relative_to(DATA / "scenes").as_posix(), "plates": plates, "ms": ms}) + "\n")


if __name__ == "__main__":
    main()
