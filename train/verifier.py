"""The verdict "is this a plate": a small branch that looks at a wide cut (30 % around) and at what the
recogniser's trunk makes of the close cut. Before the trunk is asked, a glance at the wide cut alone rules out what would
show no plate, and says where the plate's corners lie in it (`glance.py` teaches both). It is trained on what the
detector itself proposes: true plates, and the badges, lamps, signs and lettering it takes for them. The trunk stays as it is.

`python verifier.py --mine 2500 --steps 2500` mines candidates with the present detector, then trains.
"""
import argparse
import itertools
import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import capture
import scenes
import words
from chain import AREA, ENLARGED, Chain, grow, iou
from common import CONFIG, WORK, Average, in_parts, seed
from detector import Detector
from recogniser import Recogniser, block


class Verifier(nn.Module):
    """(wide cuts [N, 1, 48, 144], trunk features [N, features, 1, 36]) -> logits [N, 1] of the verdict."""

    SEEN = 192  # numbers that are kept of a wide cut
    EARLY = 3  # blocks of the body before the glance's own branch

    def __init__(self, features=None):
        super().__init__()
        features = features or Recogniser().features
        self.body = nn.Sequential(block(1, 16, (2, 2)), block(16, 32, (2, 2)), block(32, 48), block(48, 64, (2, 2)), block(64, 64), block(64, 96, (1, 2)))
        self.text = nn.Sequential(nn.Linear(2 * features, 48), nn.ReLU(inplace=True), nn.Dropout(.3))
        self.out = nn.Linear(self.SEEN + 48, 1)
        self.places = nn.Sequential(block(48, 64, (2, 2)), block(64, 64), block(64, 32, (1, 2)))
        self.shift = nn.Sequential(nn.Linear(32 * 6 * 9, 96), nn.ReLU(inplace=True), nn.Linear(96, 8))
        self.place = nn.Sequential(nn.Linear(32 * 6 * 9, 96), nn.ReLU(inplace=True), nn.Dropout(.3))
        self.worth = nn.Sequential(nn.Linear(96 + self.SEEN + 1, 96), nn.ReLU(inplace=True), nn.Dropout(.2), nn.Linear(96, 2))

    @classmethod
    def like(cls, weights):
        """An untrained network of the size that the weights have."""
        return cls(weights["text.0.weight"].shape[1] // 2)

    @staticmethod
    def pooled(y):
        """What is seen of the wide cuts, [N, 192], of the body's map."""
        return torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)

    def glanced(self, context, heat):
        """All that the wide cuts and the detector's odds [N, 1] alone tell: logits [N, 2] of a read that is shown and of the
        verdict, what is seen [N, 192], and how far the corners lie from where the cut was made for [N, 8], x and y of each
        in turn, in the plate's own square."""
        early = self.body[:self.EARLY](context)
        seen, places = self.pooled(self.body[self.EARLY:](early)), self.places(early).flatten(1)
        heat = heat.clamp(1e-4, 1 - 1e-4)
        return self.worth(torch.cat([self.place(places), seen, torch.log(heat / (1 - heat)) / 2], 1)), seen, self.shift(places) * .1

    def first(self, context, heat):
        """The glance's logits [N, 1] of a read that is shown, and the rest of `glanced`. (The verdict's odds only teach it.)"""
        worth, seen, shift = self.glanced(context, heat)
        return worth[:, :1], seen, shift

    def verdict(self, seen, features):
        """Logits [N, 1] of all that is known."""
        t = self.text(torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1))
        return self.out(torch.cat([seen, t], 1))

    def forward(self, context, features):
        return self.verdict(self.pooled(self.body(context)), features)


def to_train(features):
    """A verdict to train, for a recogniser of so many features. What looks at the wide cut is taken over from the work
    folder's; what reads the trunk, where it fits."""
    net = Verifier(features)
    if (WORK / "verifier.pt").exists():
        before, own = torch.load(WORK / "verifier.pt", map_location="cpu", weights_only=False)["average"], net.state_dict()
        net.load_state_dict(own | {k: v for k, v in before.items() if v.shape == own[k].shape})
    return net


def load(kind, name):
    """The averaged weights of the work folder's checkpoint, in a network of their size."""
    weights = torch.load(WORK / f"{name}.pt", weights_only=False)["average"]
    net = kind.like(weights)
    net.load_state_dict(weights)
    return net.eval()


def whole(platt=None):
    """The chain as the product runs it, of the work folder's checkpoints."""
    return Chain(load(Detector, "detector"), load(Recogniser, "recogniser"), load(Verifier, "verifier"), platt, load(Recogniser, "skim"))


def pictures(stock):
    """Endless (grey, [(quad, how far its corners are known)]): half drawn-on windows, the rest whole pictures, some at dusk."""
    while True:
        p = random.random()
        if p < .55:
            grey, *quads = scenes.window(stock, 384)
            quads = list(zip(*quads))
        elif p < .8:
            grey, quads = scenes.to_grey(stock.picture(random.choice(stock.empty))), []
        else:
            path, boxes = random.choice(stock.scenes)
            grey = scenes.light(scenes.to_grey(stock.picture(path)))
            quads = [(np.float32([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]), 0.) for x, y, w, h in boxes]
        yield grey, quads


def overlap(quad, quads):
    """How well a candidate fits the plate that it fits best. A box of fixed shape, often with the recess, is only half
    as much larger than a plate as it may seem: what lies in its middle counts double."""
    return max((iou(quad, q) * (2 if sure == 0 else 1) for q, sure in quads), default=0)


def both_cuts(grey, quad):
    """The close and the wide cut of a candidate, uint8 [2, 48, 144]."""
    return np.stack([capture.rectify(grey, grow(quad, .05)), capture.rectify(grey, grow(quad, .3))])


def lettered(stock, shown):
    """`pictures`, half of them with words set in besides (`words.py`): (grey, quads, corners of the words)."""
    for grey, quads in itertools.islice(pictures(stock), shown):
        set_in = []
        if random.random() < .5:
            grey = grey.copy()
            set_in = words.add(stock, grey, [q for q, _ in quads], max((grey.size / AREA) ** .5, 1 / ENLARGED))
            if random.random() < .6:
                grey = scenes.light(grey)
        yield grey, quads, set_in


def mine(chain, shown, threshold, stock=None):
    """[(close and wide cut uint8 [2, 48, 144], is a plate)] of so many pictures."""
    out = []
    for grey, quads, set_in in lettered(stock or scenes.Stock(), shown):
        for quad in set_in:  # a few words as if they had been found, whatever the detector thinks of them
            if random.random() < .25:
                cuts = both_cuts(grey, grow(quad, random.uniform(-.05, .12)))
                if cuts[0].std() > 8:
                    out.append((cuts, False))
        for _, quad in chain.candidates(grey, threshold):
            near = overlap(quad, quads)
            if overlap(quad, [one for one in quads if one[1] < 0]) > .15:
                continue
            if not .15 < near < .45:  # between: neither one nor the other
                out.append((both_cuts(grey, quad), near >= .45))
        for q in (q for q, sure in quads if sure >= 0):  # true plates with corner errors, so that there are enough of them
            if 0 <= q.min() and q[:, 0].max() < grey.shape[1] and q[:, 1].max() < grey.shape[0]:
                noisy = q + np.random.randn(4, 2) * [(q[1, 0] - q[0, 0]) * .03, (q[3, 1] - q[0, 1]) * .07]
                out.append((both_cuts(grey, noisy), True))
    return out


def mined(shown, threshold):
    """`mine` with the work folder's detector."""
    return mine(Chain(load(Detector, "detector")), shown, threshold)


def candidates(args):
    """What was mined with the same options before, or mines anew: it depends on the detector alone, and takes long."""
    file = WORK / f"candidates-{args.mine}.npz"
    if file.exists() and file.stat().st_mtime > (WORK / "detector.pt").stat().st_mtime:
        data = np.load(file)
        return list(zip(data["cuts"], data["plates"]))
    out = [one for part in in_parts(mined, args.mine, args.threshold, position=6) for one in part]
    np.savez(file, cuts=np.stack([c for c, _ in out]), plates=np.array([p for _, p in out]))
    return out


def batch(groups, n):
    """n samples, half plates and half others: (close, wide, is a plate). Half of them with noise on top."""
    picked = random.choices(groups[True], k=n // 2) + random.choices(groups[False], k=n // 2)
    x = np.stack(picked).astype(np.float32)
    x[::2] += np.random.randn(n // 2, *x.shape[1:]).astype(np.float32) * random.choice([2, 4, 8])
    x -= x.mean((2, 3), keepdims=True)
    x /= np.maximum(x.std((2, 3), keepdims=True), 8)
    x = torch.from_numpy(x)
    return x[:, :1], x[:, 1:], torch.tensor([1.] * (n // 2) + [0.] * (n // 2))[:, None]


@torch.no_grad()
def verdicts(net, trunk, samples):
    """Odds of being a plate, [N]."""
    out = []
    for k in range(0, len(samples), 64):
        x = torch.from_numpy(np.stack([[capture.normalise(c) for c in cuts] for cuts, _ in samples[k:k + 64]]))
        out.append(torch.sigmoid(net(x[:, 1:], trunk(x[:, :1])))[:, 0].numpy())
    return np.concatenate(out)


def main():
    ap = argparse.ArgumentParser()
    config = CONFIG["verifier"]
    ap.add_argument("--steps", type=int, default=config["steps"])
    ap.add_argument("--mine", type=int, default=config["pictures"], help="pictures to mine")
    ap.add_argument("--threshold", type=float, default=config["threshold"])
    ap.add_argument("--rate", type=float, default=config["rate"], help="a third of it where the verdict only follows a trunk that was trained on")
    ap.add_argument("--only-mine", action="store_true", help="train nothing yet: candidates need no recogniser")
    args = ap.parse_args()
    torch.set_num_threads(1)
    samples = candidates(args)
    if args.only_mine:
        return
    seed()
    recogniser = load(Recogniser, "recogniser")
    trunk = recogniser.trunk
    random.shuffle(samples)
    cut = len(samples) * 9 // 10
    train, test = samples[:cut], samples[cut:]
    groups = {kind: [c for c, p in train if p == kind] for kind in (True, False)}
    print(f"{len(samples)} candidates, {sum(p for _, p in samples)} plates", flush=True)
    net = to_train(recogniser.features)
    average, optimiser = Average(net, .995), torch.optim.AdamW(net.parameters(), lr=config["rate"], weight_decay=2e-2)
    for step in range(args.steps):
        close, wide, y = batch(groups, config["batch"])
        for g in optimiser.param_groups:
            g["lr"] = args.rate * .5 * (1 + np.cos(np.pi * step / args.steps)) + 1e-5
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            features = trunk(close.to(memory_format=torch.channels_last)).float()
        loss = F.binary_cross_entropy_with_logits(net(wide, features), y)
        optimiser.zero_grad(), loss.backward(), optimiser.step()
        average.update(net)
    p, y = verdicts(average.net, trunk, test), np.array([t for _, t in test])
    for t in (.3, .5, .7, .9, .98):
        print(f"{args.steps} steps  above {t}: plates kept {np.mean(p[y] >= t):.3f}, others kept {np.mean(p[~y] >= t):.3f}", flush=True)
    torch.save({"average": average.net.state_dict(), "steps": args.steps}, WORK / "verifier.pt")


if __name__ == "__main__":
    main()
