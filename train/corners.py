"""Where a plate's corners lie, by the picture's own pixels: the detector says it to half of one of its cells, and the
glance (`verifier.py`), which looks at the place's wide cut anyway, says how far each corner is from that. Plates in scenes
as the detector finds them, and as its errors would have misplaced them, teach it; the rest of the glance stays as it is.

`python corners.py` mines corners.npz, unless it is there for the present detector, and puts the taught layers into
verifier.pt, which must be there.
"""
import argparse
import random
import time

import numpy as np
import torch
import torch.nn as nn

import augment
import capture
import scenes
from chain import Chain, grow, missed, moved
from common import CONFIG, WORK, Average, seed
from cuts import met, shuffles
from detector import Detector
from recogniser import real_crops
from verifier import Verifier, load

TWO = .12  # share of two-line plates
FURTHEST = .6  # of a side: a corner that is further away is no matter of looking closer
WEIGHTS = torch.tensor([1., .4] * 4)  # a plate is wide: the same share of its height is fewer pixels


def mined(plates, held=False, more=2):
    """(wide cuts uint8 [N, 48, 144], shifts [N, 8], widths [N]) of so many plates: each as the detector found it and, `more`
    times, as its errors would have it."""
    chain, stock, flats = Chain(load(Detector, "detector").to(memory_format=torch.channels_last)), scenes.Stock(held=held), real_crops()[held]
    errors, dealt = np.load(WORK / "errors.npy"), shuffles(flats)
    out, seen = [], 0
    while seen < plates:
        for grey, quad, _, hit in met(chain, stock, flats, dealt, TWO):
            seen += 1
            near = [hit] if hit is not None else []
            for _ in range(more):
                near.append(moved(quad, random.choice(errors) * random.uniform(.4, 1.6) + np.random.randn(4, 2) * .01))
            for at in near:
                shift = missed(quad, at)
                if np.abs(shift).max() < FURTHEST:
                    out.append((capture.rectify(grey, grow(at, .3)), shift.reshape(8), np.linalg.norm(quad[1] - quad[0])))
    return [np.stack(v) for v in zip(*out)]


def samples(plates):
    """What was mined before with this detector, or mines anew: ((cuts, shifts, widths) to learn from, the same held out)."""
    file = WORK / "corners.npz"
    if not file.exists() or file.stat().st_mtime < (WORK / "detector.pt").stat().st_mtime:
        train, held = mined(plates), mined(max(20, plates // 5), True, 0)
        np.savez(file, x=train[0], y=train[1].astype(np.float32), w=train[2], hx=held[0], hy=held[1].astype(np.float32), hw=held[2])
    data = np.load(file)
    return [[data[k + name] for name in "xyw"] for k in ("", "h")]


def normalised(cuts):
    """[N, 48, 144] as the network takes them."""
    return augment.normalised(torch.from_numpy(cuts).float()[:, None])


@torch.no_grad()
def judged(net, cuts, shifts, widths):
    """The corners' mean error, in widths of a plate three times as wide as high: before and after, median and nine tenths."""
    told = torch.cat([net.first(normalised(cuts[k:k + 128]))[2] for k in range(0, len(cuts), 128)]).numpy()

    def off(v):
        return np.linalg.norm(v.reshape(-1, 4, 2) * [1, 1 / 3], axis=2).mean(1)
    lines = []
    for low, high in ((0, 999), (0, 50), (50, 90), (90, 999)):
        k = (widths >= low) & (widths < high)
        before, after = off(shifts[k]), off((shifts - told)[k])
        if k.any():
            lines.append(f"  {low} to {high} px: {k.sum()} plates, corners off {np.median(before):.4f} ({np.quantile(before, .9):.4f}) before, {np.median(after):.4f} ({np.quantile(after, .9):.4f}) after")
    return "\n".join(lines)


def main():
    config = CONFIG["corners"]
    ap = argparse.ArgumentParser()
    ap.add_argument("--plates", type=int, default=config["plates"], help="to mine")
    ap.add_argument("--steps", type=int, default=config["steps"])
    ap.add_argument("--rate", type=float, default=config["rate"])
    args = ap.parse_args()
    seed(5)
    torch.set_num_threads(1)
    (cuts, shifts, _), held = samples(args.plates)
    print(f"{len(cuts)} samples", flush=True)
    net = load(Verifier, "verifier")
    learned = nn.ModuleList([net.places, net.shift])
    optimiser, average = torch.optim.AdamW(learned.parameters(), lr=args.rate, weight_decay=1e-2), Average(net, .995)
    last, losses, half = time.time(), [], config["batch"] // 2
    for step in range(args.steps):
        for g in optimiser.param_groups:
            g["lr"] = args.rate * min(1, (step + 1) / 100) * .5 * (1 + np.cos(np.pi * step / args.steps)) + 1e-6
        i = np.random.randint(len(cuts), size=2 * half)
        x = cuts[i].astype(np.float32)
        x[:half] += np.random.randn(half, *x.shape[1:]) * random.choice([2, 4, 8])
        with torch.no_grad():
            early = net.body[:Verifier.EARLY](normalised(x))
        learned.train()
        loss = ((net.moved(early) - torch.from_numpy(shifts[i])) * WEIGHTS).abs().mean()
        optimiser.zero_grad(), loss.backward()
        nn.utils.clip_grad_norm_(learned.parameters(), 1)
        optimiser.step(), average.update(net)
        losses.append(loss.item())
        if time.time() - last > 120 or step + 1 == args.steps:
            print(f"{step + 1} steps, off {np.mean(losses[-200:]):.4f}", flush=True)
            last = time.time()
    print(judged(average.net.eval(), *held))
    state = torch.load(WORK / "verifier.pt", weights_only=False)
    torch.save(state | {"average": average.net.state_dict()}, WORK / "verifier.new")
    (WORK / "verifier.new").replace(WORK / "verifier.pt")


if __name__ == "__main__":
    main()
