"""The recogniser: a grey 48x144 cut of a plate to character odds in 36 columns (CTC), the region the
plate is from, and whether it has two lines. (Whether it is a plate at all is `verifier.py`'s question.)

A two-line plate is cut twice, a line each (`capture.LINES`), and the columns stand one after the other.

`python recogniser.py --steps 8000` trains; started again it goes on from its checkpoint.
"""
import argparse
import csv
import json
import random
import time

import cv2
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import capture
import regions
import render
from dies import Shuffle
from common import ALPHABET, CONFIG, DATA, HERE, OWN, STROKES, WORK, Average, greedy, held_out, judged_crops, labelled_crops, save, seed


def block(cin, cout, stride=(1, 1), kernel=3):
    pad = (kernel // 2, kernel // 2) if isinstance(kernel, int) else (0, kernel[1] // 2)
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, pad, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class Wide(nn.Module):
    """What stands elsewhere on the plate, added to every column: letters and digits have their places, so
    the rest of a serial tells O from 0. [N, C, 1, 36] in and out; begins as the identity."""

    def __init__(self, c, inner=128, reach=17):
        super().__init__()
        self.enter = block(c, inner, kernel=(1, 1))
        self.deep = nn.Conv2d(inner, inner, (1, reach), padding=(0, reach // 2), groups=inner)
        self.all = nn.Conv2d(inner, inner, 1)
        self.leave = nn.Conv2d(inner, c, 1)
        nn.init.zeros_(self.leave.weight), nn.init.zeros_(self.leave.bias)

    def forward(self, x):
        y = self.enter(x)
        return x + self.leave(F.relu(self.deep(y) + self.all(y.mean(3, keepdim=True))))


class Layout(nn.Module):
    """Where a plate is from and whether it has two lines, from the trunk's early map [N, early, 6, 36], where
    the state's name and the country's band are still to be seen: logits [N, regions + 1]."""

    def __init__(self, early=96, features=192):
        super().__init__()
        self.body = nn.Sequential(block(early, 64), block(64, 96, (2, 2)), nn.Dropout2d(.1), block(96, 128))
        self.out = nn.Sequential(nn.Linear(256 + features, 160), nn.ReLU(inplace=True), nn.Dropout(.2), nn.Linear(160, len(regions.REGIONS) + 1))

    def forward(self, early, features):
        y = self.body(early)
        return self.out(torch.cat([y.mean((2, 3)), y.amax((2, 3)), features.amax((2, 3))], 1))


class Recogniser(nn.Module):
    """[N, 1, 48, 144] -> log probabilities [N, 36, 37]; class 0 is blank. `wide` times the channels of the trunk."""

    EARLY = 5  # blocks of the trunk before `Layout` branches off
    CHANNELS = 32, 48, 64, 96, 128, 192

    def __init__(self, wide=CONFIG["recogniser"]["wide"]):
        super().__init__()
        a, b, c, d, e, f = (round(n * wide / 8) * 8 for n in self.CHANNELS)
        self.features = f
        self.trunk = nn.Sequential(
            block(1, a, (2, 2)), block(a, b, (2, 2)), block(b, c), block(c, d, (2, 1)), block(d, d),
            block(d, e, (2, 1)), block(e, e),
            block(e, f, kernel=(3, 1)), nn.Dropout2d(.1), block(f, f, kernel=(1, 5)))
        self.wide = nn.Sequential(Wide(f), Wide(f))
        self.head = nn.Conv2d(f, 37, 1)
        self.layout = Layout(d, f)

    @classmethod
    def like(cls, weights):
        """An untrained network of the size that the weights have."""
        return cls(weights["head.weight"].shape[1] / cls.CHANNELS[-1])

    def both(self, x):
        """The early map [N, 96, 6, 36] and the features [N, 192, 1, 36] of cuts, at their width of 1."""
        early = self.trunk[:self.EARLY](x)
        return early, self.trunk[self.EARLY:](early)

    def columns(self, features):
        """Logits [N, 36, 37] of the trunk's features [N, 192, 1, 36]."""
        return self.head(self.wide(features)).squeeze(2).transpose(1, 2)

    def forward(self, x):
        return F.log_softmax(self.columns(self.trunk(x)).float(), -1)


# {set: (its share of the plates with characters dealt anew, the sides that a crop of it has)}
DEALT = {"us": (.6, (320, 150)), "eu": (.25, (400, 86)), "br": (.15, (360, 117))}


def shuffles(real):
    """{set: `Shuffle`} of real plates."""
    every = {k: Shuffle([(p.image, p.text, p.regions) for p in real[k]]) for k in DEALT if k in real}
    return {k: v for k, v in every.items() if len(v)}


def dealt_anew(shuffle, name):
    """A real plate whose characters are others, in the shape of its set."""
    image, text, where = shuffle.plate(.5)
    return render.Flat(cv2.resize(image, DEALT[name][1], interpolation=cv2.INTER_AREA), text, where)


class Crops(torch.utils.data.IterableDataset):
    """An endless mix of rendered plates and real crops under hard augmentation."""

    def __init__(self, real, real_share, position):
        self.real, self.real_share, self.position = real, real_share, position

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        seed(self.position, worker.id if worker else 0)
        dies = render.Dies(DATA, HERE / "fonts/woff", STROKES)
        pool = Pool(WORK / "cuts.npz")
        dealt = shuffles(self.real)
        sets = list(self.real.values())
        weights = [{"us": .44, "br": .22, "eu": .26, "two": .08, "own": .3}[k] for k in self.real]
        while True:
            try:
                if pool and random.random() < CONFIG["recogniser"]["chain"]:
                    yield pool.sample()
                    continue
                real = random.random() < self.real_share
                if real and random.random() < CONFIG["recogniser"]["dealt"]:
                    name = random.choices(list(dealt), [DEALT[k][0] for k in dealt])[0]
                    yield sample(dealt_anew(dealt[name], name))
                    continue
                yield sample(random.choice(random.choices(sets, weights)[0]) if real else render.any_plate(dies))
            except cv2.error:
                continue


class Pool:
    """Cuts that `cuts.py` made with the detector; each is seen some times, a little different each time."""

    def __init__(self, file):
        data = np.load(file) if file.exists() else {"cuts": [], "texts": [], "regions": []}
        self.cuts, self.texts, self.regions = data["cuts"], data["texts"], data["regions"]

    def __len__(self):
        return len(self.cuts)

    def sample(self):
        i = random.randrange(len(self.cuts))
        cut, text = self.cuts[i], str(self.texts[i])
        if random.random() < .7:
            h, w = cut.shape
            x, y, a = random.uniform(-4, 4), random.uniform(-2, 2), random.uniform(-.04, .04)
            m = np.float32([[1 + a, random.uniform(-.05, .05), x - a * w / 2], [random.uniform(-.015, .015), 1 + a, y - a * h / 2]])
            cut = cv2.warpAffine(cut, m, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if random.random() < .5:
            noise = np.random.randn(*cut.shape) * cut.std() * random.choice([.03, .06, .12])
            cut = np.clip(cut + noise, 0, 255)
        label = torch.tensor([ALPHABET.index(c) + 1 for c in text] + [0] * (12 - len(text)))
        may = torch.zeros(len(regions.REGIONS))
        may[[int(k) for k in str(self.regions[i]).split(",") if k]] = 1
        return torch.from_numpy(capture.normalise(cut))[None], label, len(text), may, 0.


def sample(plate):
    """(cut, text's classes, its length or 0, may-be regions, lines: 0 one, 1 two, -1 not asked) of a `render.Flat`."""
    line = random.randrange(2) if plate.lines and plate.lines[0] and random.random() < .7 else None
    text = plate.text if line is None and not plate.lines else plate.lines[line] if line is not None else ""
    crop = capture.take(plate.image, part=(0, 1) if line is None else capture.LINES[line])
    label = torch.tensor([ALPHABET.index(c) + 1 for c in text] + [0] * (12 - len(text)))
    may = torch.zeros(len(regions.REGIONS))
    if line is None:
        may[list(plate.regions)] = 1
    two = -1. if line is not None else float(plate.lines is not None)
    return torch.from_numpy(capture.normalise(crop))[None], label, len(text), may, two


def own_crops():
    """What a site's people said about its plates (`homeplate read --correct`), one-line plates alone."""
    if not OWN:
        return []
    rows = [r for r in csv.DictReader(open(OWN / "labels.csv", newline="", encoding="utf-8")) if r["by"] == "person" and r["text"] and r["crop"]]
    pictures = [(cv2.imread(str(OWN / r["crop"]), 0), r) for r in rows]
    where = {c: frozenset([regions.index(c)]) for c in regions.REGIONS}
    return [render.Flat(im, r["text"], where.get(r["region"], frozenset())) for im, r in pictures if im.shape[1] > 1.8 * im.shape[0]]


def real_crops():
    """Training and held-out crops as lists of `render.Flat`, split by text; unlabelled ones come from
    `pseudo.py` once it has run. Two-line crops have no text: they teach what two lines look like.

    Crops that show a text of the judging scenes are left out, so that no plate is both trained on and judged.
    """
    from pseudo import judged_texts
    forbidden = judged_texts()
    train, test = {}, {}
    for name in ("us", "br"):
        every = [render.Flat(image, text, frozenset([regions.index(where)])) for image, text, where in labelled_crops(name) if text not in forbidden]
        train[name] = [c for c in every if not held_out(c.text)]
        test[name] = [c for c in every if held_out(c.text)][:150]
    pseudo = WORK / "pseudo.json"
    if pseudo.exists():
        train["eu"] = []
        for name, text in json.loads(pseudo.read_text()):
            where = regions.european(text) if name.startswith("eu") else frozenset([regions.index("br")])
            kept = test.setdefault("eu", []) if held_out(text) and name.startswith("eu") else train[name[:2]]
            if not held_out(text) or name.startswith("eu"):
                kept.append(render.Flat(cv2.imread(str(DATA / "crops" / name), 0), text, where))
    if own := own_crops():
        train["own"] = own
    known = {}
    if (WORK / "pseudo-two-line.json").exists():
        known = {name: (top, low) for name, top, low in json.loads((WORK / "pseudo-two-line.json").read_text())}
    pictures = [(p.name, cv2.imread(str(p), 0)) for p in sorted((DATA / "crops/eu-two-line").glob("*.jpg"))]
    flats = [render.Flat(im, "", regions.EU, known.get(name, ("", ""))) for name, im in pictures]
    train["two"] = [f for f, (name, _) in zip(flats, pictures) if not held_out(name)]
    test["two"] = [f for f, (name, _) in zip(flats, pictures) if held_out(name)]
    return {k: v for k, v in train.items() if v}, {k: v for k, v in test.items() if v}


@torch.no_grad()
def judge(net, sets):
    """Share of exactly read crops a set; of regions, those right among the labelled; of two-line plates, those seen as such."""
    out = {}
    for name, crops in sets.items():
        x = torch.from_numpy(np.stack([capture.normalise(c) for c, *_ in crops]))[:, None]
        early, features = net.both(x)
        probs, layout = torch.softmax(net.columns(features), -1).numpy(), net.layout(early, features).numpy()
        if name != "held-two":
            out[name] = np.mean([greedy(p) == t for p, (_, t, *_) in zip(probs, crops)])
        if name.startswith("held-"):
            out[name + " region"] = np.mean([int(l[:-1].argmax()) in where for l, (_, _, where, _) in zip(layout, crops)])
            out[name + " lines"] = np.mean([(l[-1] > 0) == two for l, (*_, two) in zip(layout, crops)])
    return out


def upright(crops):
    """Held-out crops as the reader would cut them: (cut, text, regions, two lines)."""
    out = []
    for plate in crops:
        h, w = plate.image.shape
        quad = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
        out.append((capture.rectify(plate.image, quad), plate.text, plate.regions, plate.lines is not None))
    return out


def loss_of(net, x, y, n, may, two, larger=None):
    """CTC where there is a text, the odds of the regions that a plate may be from, and of two lines; where a larger one
    teaches, how far the regions are from its own, which name one where the label allows several."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        early, features = net.both(x)
        columns, layout = net.columns(features), net.layout(early, features)
    logs, layout = F.log_softmax(columns.float(), -1), layout.float()
    text = n > 0
    ctc = F.ctc_loss(logs[text].transpose(0, 1), y[text], torch.full((int(text.sum()),), logs.shape[1]), n[text], zero_infinity=True)
    if larger:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            taught = larger.layout(*larger.both(x)).float()
        apart = F.kl_div(F.log_softmax(layout[:, :-1], -1), F.log_softmax(taught[:, :-1], -1), log_target=True, reduction="batchmean")
        return ctc, apart, F.binary_cross_entropy_with_logits(layout[:, -1], torch.sigmoid(taught[:, -1]))
    named = may.sum(1) > 0
    where = -torch.logsumexp(torch.log_softmax(layout[named, :-1], -1).masked_fill(may[named] == 0, -1e9), -1).mean()
    asked = two >= 0
    lines = F.binary_cross_entropy_with_logits(layout[asked, -1], two[asked])
    return ctc, where, lines


def main():
    ap = argparse.ArgumentParser()
    config = CONFIG["recogniser"]
    ap.add_argument("--steps", type=int, default=config["steps"], help="of the whole schedule; a step is one batch")
    ap.add_argument("--batch", type=int, default=config["batch"])
    ap.add_argument("--rate", type=float, default=config["rate"])
    ap.add_argument("--real", type=float, default=config["real"])
    ap.add_argument("--workers", type=int, default=1)
    ap.add_argument("--wide", type=float, help="times the channels of the smallest size, to begin with; else as config.toml says")
    ap.add_argument("--skim", action="store_true", help="the smaller one, which is asked first; recogniser.pt teaches it the regions")
    ap.add_argument("--restart-schedule", action="store_true", help="keep the weights, begin the rate anew")
    args = ap.parse_args()
    seed()
    torch.set_num_threads(1)
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / ("skim.pt" if args.skim else "recogniser.pt")
    state = torch.load(file, weights_only=False) if file.exists() else None
    net = (Recogniser.like(state["average"]) if state else Recogniser(args.wide or CONFIG["skim" if args.skim else "recogniser"]["wide"])).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=1e-2)
    average, steps = Average(net), 0
    if state:
        began = state.get("net", state["average"])  # what `gpu.py` and `restore.py` leave is the average alone
        net.load_state_dict(began), average.net.load_state_dict(state["average"])
        average.steps = state["steps"]
        if not args.restart_schedule and "optimiser" in state:
            optimiser.load_state_dict(state["optimiser"])
            steps = state["schedule"]
    larger = None
    if args.skim:
        weights = torch.load(WORK / "recogniser.pt", weights_only=False)["average"]
        larger = Recogniser.like(weights).to(memory_format=torch.channels_last).eval()
        larger.load_state_dict(weights)
    train, test = real_crops()
    judges = {f"held-{k}": upright(v) for k, v in test.items()}
    judges |= {k: judged_crops(k) for k in ("us", "eu", "br")}
    ahead = 4 if args.workers else None
    loader = iter(torch.utils.data.DataLoader(Crops(train, args.real, average.steps), batch_size=args.batch, num_workers=args.workers, prefetch_factor=ahead))
    last_save, losses = time.time(), []
    net.train()
    while steps < args.steps:
        x, y, n, may, two = next(loader)
        share = steps / args.steps
        rate = args.rate * min(1, (steps + 1) / 200) * (.02 + .98 * .5 * (1 + np.cos(np.pi * share)))
        for g in optimiser.param_groups:
            g["lr"] = rate
        parts = loss_of(net, x.to(memory_format=torch.channels_last), y, n, may, two.float(), larger)
        loss = parts[0] + (.4 if larger else .1) * parts[1] + .1 * parts[2]  # regions are what a smaller one is worse at
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimiser.step()
        average.update(net)
        steps += 1
        losses.append([float(p.detach()) for p in parts])
        if time.time() - last_save > 120 or steps >= args.steps:
            save(file, net, average, optimiser, steps)
            scores = judge(average.net, judges)
            ctc, where, lines = np.mean(losses[-200:], 0)
            print(f"{steps:7d} steps {average.steps * args.batch / 1000:7.0f} k in all  text {ctc:.3f} region {where:.3f} lines {lines:.3f}  "
                  + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()), flush=True)
            last_save = time.time()


if __name__ == "__main__":
    main()
