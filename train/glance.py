"""What a glance at a place tells before it is read: where the plate's corners lie, and whether reading it would show a plate.

The corners are seen in the picture's own pixels: the detector says them to half of one of its cells. Plates in scenes as
the detector finds them, and as its errors would have misplaced them, teach it. Whether it is worth reading, the reader
itself says of what the detector proposes (distillation: the glance learns the verdict's odds as well as its outcome).
Both share a branch of the verdict's early map; what the verdict sees stays as it is.

`python glance.py` mines corners.npz and places.npz, unless they are there for the present networks, and puts the taught
layers into verifier.pt, which must be there.
"""
import argparse
import hashlib
import random
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import augment
import capture
import formats
import scenes
from calibrate import LEAST
from chain import Chain, grow, missed, moved
from common import CONFIG, WORK, Average, contract, in_parts, seed
from cuts import met, shuffles
from detector import Detector
from recogniser import Recogniser, real_crops
from verifier import Verifier, lettered, load

TWO = .12  # share of two-line plates
FURTHEST = .6  # of a side: a corner that is further away is no matter of looking closer
WEIGHTS = torch.tensor([1., .4] * 4)  # a plate is wide: the same share of its height is fewer pixels
PLATE = .98  # odds of the verdict from which a read is shown
LEARNED = "places", "shift", "place", "worth"  # layers of the verifier
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
        for (heat, _), (plate, probs, prior, _) in zip(found, chain.told_of(grey, found)[2]):
            best = formats.reading(probs, prior, chain.platt) if plate > .5 else None
            told.append((heat, plate, best[1] if best and len(best[0]) > formats.SHORT else 0.))
    return np.stack(cuts), np.float32(told)


def mark(names):
    """One hash of the weights that something was mined with; of the verdict's without what is taught here."""
    whole = hashlib.sha256()
    for name in names:
        for key, value in torch.load(WORK / f"{name}.pt", weights_only=False)["average"].items():
            if name != "verifier" or key.partition(".")[0] not in LEARNED:
                whole.update(key.encode() + value.contiguous().numpy().tobytes())
    return whole.hexdigest()


def kept(name, names, mine):
    """Arrays that were mined before with the present weights of these networks, or are mined anew."""
    file, now = WORK / name, mark(names)
    data = np.load(file) if file.exists() else {}
    if "mark" not in data or str(data["mark"]) != now:
        np.savez(file, *mine(), mark=now)
        data = np.load(file)
    return [data[k] for k in data.files if k != "mark"]


def joined(parts):
    """The arrays that several processes made, one behind the other."""
    return [np.concatenate(v) for v in zip(*parts)]


def corners(args):
    """(cuts, shifts, widths) of plates to learn from, and of held-out ones, which were mined before or are mined anew."""
    def mine():
        seed(5)
        return joined(in_parts(corners_mined, args.plates, position=5)) + corners_mined(max(20, args.plates // 5), True, 0)
    *learned, x, y, w = kept("corners.npz", ["detector"], mine)
    return learned, (x, y, w)


def places(args):
    """(cuts, told) of places to learn from, and of held-out ones, which were mined before or are mined anew."""
    def mine():
        seed(5)
        return joined(in_parts(places_mined, args.pictures, position=7)) + list(places_mined(max(20, args.pictures // 10), True))
    cuts, told, *held = kept("places.npz", ["detector", "recogniser", "verifier"], mine)
    return (cuts, told), held


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


def of_corners(net, cuts, shifts, n):
    """The corners' mean error on n drawn samples, in sides."""
    i, x = drawn(cuts, n)
    shift = net.glanced(x, torch.full((n, 1), .5))[2]
    return ((shift - torch.from_numpy(shifts[i])) * WEIGHTS).abs().mean()


def of_places(net, cuts, told, n):
    """How far the glance is from what reading n drawn places shows, and from the verdict, in nats."""
    i, x = drawn(cuts, n)
    heat, verdict, sure = torch.from_numpy(told[i]).T
    worth = net.glanced(x, heat[:, None])[0]
    plate = torch.from_numpy(shows(told[i]))
    weight = torch.where(plate, .4 + sure, 1.) * torch.where(plate & (heat < FEW), RARE, 1)  # what is hardly read is a small loss
    shown = F.binary_cross_entropy_with_logits(worth[:, 0], plate.float(), weight)
    return shown + F.binary_cross_entropy_with_logits(worth[:, 1], verdict)


def taught(net, corners, places, steps, rate):
    """The network, averaged, after so many steps on both; on the corners alone where no places are given."""
    learned = nn.ModuleList([getattr(net, name) for name in LEARNED])
    net.requires_grad_(False), learned.requires_grad_(True)
    optimiser, average = torch.optim.AdamW(learned.parameters(), lr=rate, weight_decay=1e-2), Average(net, .995)
    n, last, recent = CONFIG["glance"]["batch"], time.time(), []
    for step in range(steps):
        for g in optimiser.param_groups:
            g["lr"] = rate * min(1, (step + 1) / 100) * .5 * (1 + np.cos(np.pi * step / steps)) + 1e-6
        learned.train()
        off, shown = of_corners(net, *corners[:2], n), of_places(net, *places, n) if places else torch.zeros(())
        optimiser.zero_grad(), (off + .05 * shown).backward()
        nn.utils.clip_grad_norm_(learned.parameters(), 1)
        optimiser.step(), average.update(net)
        recent.append((off.item(), shown.item()))
        if time.time() - last > 120 or step + 1 == steps:
            print(f"{step + 1} steps, off {{:.4f}}, shown {{:.3f}}".format(*np.mean(recent[-200:], 0)), flush=True)
            last = time.time()
    return average.net.eval()


def keep(net):
    """Puts the layers into the work folder's verifier.pt."""
    state = torch.load(WORK / "verifier.pt", weights_only=False)
    torch.save(state | {"average": net.state_dict()}, WORK / "verifier.new")
    (WORK / "verifier.new").replace(WORK / "verifier.pt")


def main():
    config = CONFIG["glance"]
    ap = argparse.ArgumentParser()
    ap.add_argument("--plates", type=int, default=config["plates"], help="to mine for their corners")
    ap.add_argument("--pictures", type=int, default=config["pictures"], help="to mine places from")
    ap.add_argument("--steps", type=int, default=config["steps"], help="on the corners alone, and as many on both")
    ap.add_argument("--only-corners", action="store_true", help="mine the corners and teach nothing yet: the detector is all that it needs")
    ap.add_argument("--rate", type=float, default=config["rate"])
    args = ap.parse_args()
    torch.set_num_threads(1)
    learned, (x, y, w) = corners(args)
    print(f"{len(learned[0])} corners'", flush=True)
    if args.only_corners:
        return
    # Places are read with the corners that the glance sees: it has to know them first.
    seed(5)
    keep(taught(load(Verifier, "verifier"), learned, None, args.steps, args.rate))
    read, held = places(args)
    print(f"{len(read[0])} places, {shows(read[1]).sum()} of which show a plate", flush=True)
    seed(5)
    net = taught(load(Verifier, "verifier"), learned, read, args.steps, args.rate)
    print(judged_corners(net, x, y, w), judged_places(net, *held), sep="\n")
    keep(net)


if __name__ == "__main__":
    main()
