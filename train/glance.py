"""What a glance at a place tells before it is read: where the plate's corners lie, and whether reading it would show a plate.

The corners are seen in the picture's own pixels: the detector says them to half of one of its cells. Plates in scenes as
the detector finds them, and as its errors would have misplaced them, teach it. Whether it is worth reading, the reader
itself says of what the detector proposes (distillation: the glance learns the verdict's odds as well as its outcome).
Both share a branch of the verdict's early map; what the verdict sees stays as it is.

`python glance.py` mines corners.npz and places.npz, unless they are there for the present detector and verdict, and puts
the taught layers into verifier.pt, which must be there.
"""
import argparse
import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import augment
import capture
import formats
import regions
import scenes
from calibrate import LEAST
from chain import Chain, grow, missed, moved
from common import CONFIG, WORK, Average, contract, seed
from cuts import met, shuffles
from detector import Detector
from recogniser import Recogniser, real_crops
from verifier import Verifier, lettered, load

TWO = .12  # share of two-line plates
FURTHEST = .6  # of a side: a corner that is further away is no matter of looking closer
WEIGHTS = torch.tensor([1., .4] * 4)  # a plate is wide: the same share of its height is fewer pixels
PLATE = .98  # odds of the verdict from which a read is shown
# Plates of little heat are few, and the glance is there for such places: each counts for so many.
FEW, RARE = .5, 3


def corners_mined(plates, held=False, more=2):
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


@torch.no_grad()
def places_mined(pictures, held=False):
    """(wide cuts uint8 [N, 48, 144], heat, verdict's odds and confidence of the read [N, 3]) of what the detector proposes
    in so many pictures; confidence 0 where the verdict thinks it none, or no text is seen."""
    chain = Chain(load(Detector, "detector").to(memory_format=torch.channels_last), load(Recogniser, "recogniser"), load(Verifier, "verifier"),
                  contract().get("confidence"))
    cuts, told = [], []
    for grey, *_ in lettered(scenes.Stock(held=held), pictures):
        found = chain.candidates(grey, CONFIG["calibrate"]["faint"])
        if not found:
            continue
        cuts += [capture.rectify(grey, grow(q, .3)) for _, q in found]
        for (heat, _), plate, (probs, prior) in zip(found, *verdicts(chain, grey, found)):
            best = formats.reading(probs, prior, chain.platt) if plate > .5 else None
            told.append((heat, plate, best[1] if best and len(best[0]) > formats.SHORT else 0.))
    return np.stack(cuts), np.float32(told)


def verdicts(chain, grey, found):
    """The verdict's odds, and the characters' odds with those of the regions, of each place as the product reads it."""
    near, _, seen = chain.glanced(grey, found)
    early, features = chain.recogniser.both(chain.cuts(grey, [q for _, q in near], .05))
    chars = torch.softmax(chain.recogniser.columns(features), -1).numpy()
    where = torch.softmax(chain.recogniser.layout(early, features)[:, :-1], -1).numpy().astype(float)
    priors = [{c: p for c, p in zip(regions.REGIONS, odds) if c != "other"} for odds in where]
    return torch.sigmoid(chain.verifier.verdict(seen, features))[:, 0].tolist(), list(zip(chars, priors))


def kept(name, after, mine):
    """Arrays that were mined before, or are mined anew where one of the checkpoints `after` is younger."""
    file = WORK / name
    if not file.exists() or any(file.stat().st_mtime < (WORK / f"{k}.pt").stat().st_mtime for k in after):
        np.savez(file, *mine())
    return list(np.load(file).values())


def normalised(cuts):
    """[N, 48, 144] as the network takes them."""
    return augment.normalised(torch.from_numpy(cuts).float()[:, None])


def drawn(cuts, n):
    """n places among so many cuts, and the cuts there as the network takes them, half of them with noise on top."""
    i = np.random.randint(len(cuts), size=n)
    x = cuts[i].astype(np.float32)
    x[::2] += np.random.randn(*x[::2].shape) * random.choice([2, 4, 8])
    return i, normalised(x)


@torch.no_grad()
def judged_corners(net, cuts, shifts, widths):
    """The corners' mean error, in widths of a plate three times as wide as high: before and after, median and nine tenths."""
    told = torch.cat([net.glanced(normalised(cuts[k:k + 128]), torch.full((len(cuts[k:k + 128]), 1), .5))[2] for k in range(0, len(cuts), 128)]).numpy()

    def off(v):
        return np.linalg.norm(v.reshape(-1, 4, 2) * [1, 1 / 3], axis=2).mean(1)
    lines = []
    for low, high in ((0, 999), (0, 50), (50, 90), (90, 999)):
        k = (widths >= low) & (widths < high)
        before, after = off(shifts[k]), off((shifts - told)[k])
        if k.any():
            lines.append(f"  {low} to {high} px: {k.sum()} plates, corners off {np.median(before):.4f} ({np.quantile(before, .9):.4f}) before, {np.median(after):.4f} ({np.quantile(after, .9):.4f}) after")
    return "\n".join(lines)


def shows(told):
    """Which places' reads are shown."""
    return (told[:, 1] >= PLATE) & (told[:, 2] >= LEAST)


@torch.no_grad()
def judged_places(net, cuts, told):
    """Shares of the places kept by thresholds of the glance: of those that show a plate, and of the others."""
    heat = torch.from_numpy(told[:, :1])
    odds = torch.cat([torch.sigmoid(net.first(normalised(cuts[k:k + 128]), heat[k:k + 128])[0]) for k in range(0, len(cuts), 128)])[:, 0].numpy()
    plates, few = shows(told), told[:, 0] < FEW
    return "\n".join(f"  above {t}: plates kept {np.mean(odds[plates] >= t):.4f}, of little heat {np.mean(odds[plates & few] >= t):.3f}; others {np.mean(odds[~plates] >= t):.3f}"
                     for t in (.001, .002, .005, .01, .02))


def losses(net, corners, places, n):
    """Of the corners, in sides; and of what reading shows, in nats: both of n drawn samples."""
    (cuts, shifts, _), (wide, told) = corners, places
    i, x = drawn(cuts, n)
    j, y = drawn(wide, n)
    heat = torch.cat([torch.full((n, 1), .5), torch.from_numpy(told[j, :1])])
    worth, _, shift = net.glanced(torch.cat([x, y]), heat)
    off = ((shift[:n] - torch.from_numpy(shifts[i])) * WEIGHTS).abs().mean()
    plate = torch.from_numpy(shows(told[j]).astype(np.float32))
    # What is hardly read at all is a small loss.
    weight = torch.where(plate > 0, .4 + torch.from_numpy(told[j, 2]), 1.) * torch.where((plate > 0) & (heat[n:, 0] < FEW), RARE, 1)
    shown = (F.binary_cross_entropy_with_logits(worth[n:, 0], plate, reduction="none") * weight).mean()
    return off, shown + F.binary_cross_entropy_with_logits(worth[n:, 1], torch.from_numpy(told[j, 1]))


def main():
    config = CONFIG["glance"]
    ap = argparse.ArgumentParser()
    ap.add_argument("--plates", type=int, default=config["plates"], help="to mine for their corners")
    ap.add_argument("--pictures", type=int, default=config["pictures"], help="to mine places from")
    ap.add_argument("--steps", type=int, default=config["steps"])
    ap.add_argument("--rate", type=float, default=config["rate"])
    args = ap.parse_args()
    seed(5)
    torch.set_num_threads(1)
    *corners, hx, hy, hw = kept("corners.npz", ["detector"], lambda: corners_mined(args.plates) + corners_mined(max(20, args.plates // 5), True, 0))
    wide, told, wide_held, told_held = kept("places.npz", ["detector", "recogniser"], lambda: [*places_mined(args.pictures), *places_mined(max(20, args.pictures // 10), True)])
    print(f"{len(corners[0])} corners', {len(wide)} places, {shows(told).sum()} of which show a plate", flush=True)
    net = load(Verifier, "verifier")
    learned = nn.ModuleList([net.places, net.shift, net.place, net.worth])
    fixed = [p for k, p in net.named_parameters() if k.startswith("body")]
    for p in fixed:
        p.requires_grad_(False)
    optimiser, average = torch.optim.AdamW(learned.parameters(), lr=args.rate, weight_decay=1e-2), Average(net, .995)
    last, met_ = time.time(), []
    for step in range(args.steps):
        for g in optimiser.param_groups:
            g["lr"] = args.rate * min(1, (step + 1) / 100) * .5 * (1 + np.cos(np.pi * step / args.steps)) + 1e-6
        learned.train()
        off, shown = losses(net, corners, (wide, told), config["batch"])
        optimiser.zero_grad(), (off + .05 * shown).backward()
        nn.utils.clip_grad_norm_(learned.parameters(), 1)
        optimiser.step(), average.update(net)
        met_.append((off.item(), shown.item()))
        if time.time() - last > 120 or step + 1 == args.steps:
            print(f"{step + 1} steps, off {{:.4f}}, shown {{:.3f}}".format(*np.mean(met_[-200:], 0)), flush=True)
            last = time.time()
    print(judged_corners(average.net.eval(), hx, hy, hw), judged_places(average.net, wide_held, told_held), sep="\n")
    state = torch.load(WORK / "verifier.pt", weights_only=False)
    torch.save(state | {"average": average.net.state_dict()}, WORK / "verifier.new")
    (WORK / "verifier.new").replace(WORK / "verifier.pt")


if __name__ == "__main__":
    main()
