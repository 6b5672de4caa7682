"""Fits the scaling of the confidence to what the reader itself says: pictures of the held-out tenth with
held-out plates pasted in are written to a folder, `homeplate read` reads them, and Platt's two numbers are
chosen so that of the reads called 80 % sure, 80 % are right. Formats, regions and the detector's errors are
in it, as they are in the product.

`python confidence.py ../target/release/homeplate --pictures 600` updates calibration.json in the work folder
and says how large the expected calibration error was and is; then `export.py` again. Without an executable the
chain in Python reads, with the newest checkpoints.
"""
import argparse
import json
import random
import subprocess

import cv2
import numpy as np
import torch

import capture
import render
import scenes
from chain import grey_of
from common import CONFIG, WORK, contract, seed
from formats import SHORT
from recogniser import real_crops
from verifier import whole


def pictures(folder, n):
    """Writes n pictures with one or two held-out plates each; {name: [(centre, width, text)]}."""
    stock = scenes.Stock(held=True)
    flats = [c for name, crops in real_crops()[1].items() if name != "two" for c in crops]
    truth = {}
    for i in range(n):
        path, boxes = random.choice(stock.scenes + [(p, []) for p in random.sample(stock.empty, min(20, len(stock.empty)))])
        grey = scenes.to_grey(stock.picture(path)).copy()
        h, w = grey.shape
        known = [(np.float32([[x, y], [x + bw, y], [x + bw, y + bh], [x, y + bh]]), None) for x, y, bw, bh in boxes]
        for _ in range(random.choice([1, 1, 2])):
            flat = random.choice(flats) if random.random() < .8 else None
            image, text = (flat.image, flat.text) if flat else (lambda p: (p.image, p.text))(render.any_plate(stock.dies))
            width = float(np.exp(random.uniform(np.log(34), np.log(min(240, w / 3)))))
            aspect = image.shape[1] / image.shape[0]
            cx, cy = random.uniform(width, w - width), random.uniform(width / 2, h - width / 2)
            if any(np.abs(q.mean(0) - [cx, cy]).max() < width * 1.5 + np.ptp(q[:, 0]) for q, _ in known):
                continue
            if random.random() < .6:
                scenes.car_rear(grey, cx, cy, width)
            quad = scenes.plate_quad(cx, cy, width, aspect)
            scenes.mount(stock, grey, capture.degrade(image, min(image.shape[1], int(width * 1.5))), quad)
            known.append((quad, text))
        name = f"{i:05d}.jpg"
        cv2.imwrite(str(folder / name), scenes.light(grey), [1, 92])
        truth[name] = [(q, t) for q, t in known]
    return truth


def lines(reader, folder):
    """What the executable says of every picture, or the chain in Python."""
    if reader:
        said = subprocess.run([reader, "read", "--json", "--min-confidence", "0", folder], capture_output=True, text=True).stdout
        yield from map(json.loads, said.splitlines())
        return
    chosen = json.loads((WORK / "calibration.json").read_text())
    chain = whole(contract().get("confidence"))
    for path in sorted(folder.glob("*.jpg")):
        yield {"image": path.name, "plates": chain.read(grey_of(path), chosen["heat"], chosen["plate"])}


def said(reader, folder, truth):
    """[(confidence, right)] of every read of a plate whose text is known, and of every read of nothing; without short
    texts, which are less sure by a rule of their own."""
    out = []
    for line in lines(reader, folder):
        for plate in line["plates"]:
            if len(plate["text"]) <= SHORT:
                continue
            x, y, w, h = plate["box"]
            c = np.array([x + w / 2, y + h / 2])
            near = [(q, t) for q, t in truth[line["image"].rsplit("/", 1)[-1]] if np.abs(c - q.mean(0)).max() < np.ptp(q[:, 0]) / 2]
            if near and near[0][1] is None:
                continue  # a real plate of the scene, whose text nobody wrote down
            out.append((plate["confidence"], bool(near) and near[0][1] == plate["text"]))
    return np.array([p for p, _ in out]), np.array([r for _, r in out], float)


def platt(x, y):
    """The two numbers by Newton's method on the logistic loss."""
    a, b = 1., 0.
    for _ in range(60):
        p = 1 / (1 + np.exp(-(a * x + b)))
        w = p * (1 - p) + 1e-6
        grad = np.array([((p - y) * x).sum(), (p - y).sum()])
        hess = np.array([[(w * x * x).sum() + 1e-3, (w * x).sum()], [(w * x).sum(), w.sum() + 1e-3]])
        a, b = np.array([a, b]) - np.linalg.solve(hess, grad)
    return float(a), float(b)


def error(p, y):
    """Expected calibration error over ten bins."""
    k = np.minimum((p * 10).astype(int), 9)
    return sum(abs(p[k == i].mean() - y[k == i].mean()) * (k == i).mean() for i in range(10) if (k == i).any())


def by_chance(p):
    """The calibration error that a reader which is exactly as sure as it should be would show on so many reads: few reads
    never hit their odds. Each bin's sum of misses is about normal, and its mean size sqrt(2/pi) deviations."""
    k = np.minimum((p * 10).astype(int), 9)
    return sum((2 / np.pi * (p[k == i] * (1 - p[k == i])).sum()) ** .5 for i in range(10)) / len(p)


def unseen(x, y, parts=5):
    """What the two numbers say of the reads that they were not fitted on: each fifth by those fitted on the others."""
    out = np.zeros(len(x))
    for part in range(parts):
        held = np.arange(len(x)) % parts == part
        a, b = platt(x[~held], y[~held])
        out[held] = 1 / (1 + np.exp(-(a * x[held] + b)))
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("reader", nargs="?", help="the homeplate executable, with the weights that are to be calibrated")
    torch.set_num_threads(1)
    ap.add_argument("--pictures", type=int, default=CONFIG["confidence"]["pictures"])
    args = ap.parse_args()
    seed()
    folder = WORK / "confidence"
    folder.mkdir(parents=True, exist_ok=True)
    truth = pictures(folder, args.pictures)
    p, y = said(args.reader, folder, truth)
    old = contract().get("confidence", {"a": 1, "b": 0})
    p = np.clip(p, 1e-4, 1 - 1e-4)
    raw = (np.log(p / (1 - p)) - old["b"]) / old["a"]  # before the scaling that this reader already has
    raw = np.clip(raw, -14, 14)
    a, b = platt(raw, y)
    now, held = 1 / (1 + np.exp(-(a * raw + b))), unseen(raw, y)
    print(json.dumps({"reads": len(p), "right": y.mean(), "a": a, "b": b, "error before": error(p, y), "error now": error(now, y),
                      "error on reads not fitted on": error(held, y), "of that by chance": by_chance(held)}, indent=1))
    np.savez(WORK / "reliability.npz", p=held, right=y)  # for figures.py
    file = WORK / "calibration.json"
    chosen = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(chosen | {"a": round(a, 4), "b": round(b, 4)}, indent=1))


if __name__ == "__main__":
    main()
