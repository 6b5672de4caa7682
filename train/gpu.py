"""The networks on a machine with a graphics card, in minutes: processes draw plates, compose windows, make cuts with the
detector and collect its candidates, and the card makes shots of them (`augment.py`) and trains: recognisers of several
sizes on the same samples, then a verdict for each; and detectors beside them, where asked for.

`python gpu.py --seconds 580 --out FOLDER` begins from detector.pt and recogniser.pt of the work folder where their size
fits, or from nothing, and takes the cuts' errors from errors.npy there (`cuts.py --errors`). It writes every minute, so that
what there is can be used whenever it is stopped: one checkpoint a network, of its averaged weights. Started again with
`--go-on` it takes those up. The rate falls with the time that has passed.
"""
import argparse
import multiprocessing
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import augment
import dies
import feed
import render
import scenes
import widen
from common import CONFIG, DATA, HERE, STROKES, WORK, greedy, seed
from detector import STRIDE, Detector
from recogniser import Recogniser, real_crops, upright
from verifier import Verifier, to_train

SHARES = {"real": .30, "store": .50, "cuts": .20}
REAL = {"us": .46, "br": .18, "eu": .28, "two": .08, "own": .3}


def suited(learners, run, device):
    """Puts every network into the memory layout in which `run(network)` is the quickest here."""
    if device.type != "cuda":
        return
    for learner in learners:
        times = {}
        for layout in (torch.channels_last, torch.contiguous_format):
            learner.net.to(memory_format=layout)
            for _ in range(4):  # the last of them counts
                torch.cuda.synchronize()
                began = time.time()
                run(learner.net).backward()
                torch.cuda.synchronize()
                times[layout] = time.time() - began
        learner.net.zero_grad(set_to_none=True)
        learner.net.to(memory_format=min(times, key=times.get))
        learner.mean = Mean(learner.net)
        print(f"{learner.name}: " + ", ".join(f"{str(k)[6:]} {v * 1000:.0f} ms a batch" for k, v in times.items()), flush=True)


class Mean:
    """Moving average of a network's weights, all tensors at once."""

    def __init__(self, net, decay=.999):
        self.names = [k for k, v in net.state_dict().items() if v.dtype.is_floating_point]
        self.decay, self.steps = decay, 0
        self.values = [v.detach().clone() for v in self.of(net)]

    def of(self, net):
        state = net.state_dict()
        return [state[k] for k in self.names]

    @torch.no_grad()
    def update(self, net):
        self.steps += 1
        torch._foreach_lerp_(self.values, self.of(net), 1 - min(self.decay, (1 + self.steps) / (10 + self.steps)))

    def state(self, net):
        """The network's state with the averages in it."""
        return {k: v.detach().clone().contiguous() for k, v in net.state_dict().items()} | {k: v.clone().contiguous() for k, v in zip(self.names, self.values)}


class Learner:
    """A network with its optimiser and average. It begins from a checkpoint, and where that is of a smaller network, from
    one that answers as the smaller does (`widen.py`)."""

    def __init__(self, net, name, rate, device, begin=None, grown=None):
        self.name, self.rate, self.before = name, rate, 0
        if begin and begin.exists():
            state = torch.load(begin, map_location="cpu", weights_only=False)
            self.before, self.rate = state["steps"], rate / 2
            if all(v.shape == net.state_dict()[k].shape for k, v in state["average"].items()):
                net.load_state_dict(state["average"])
            else:
                net = grown(state["average"])
        self.net = net.to(device, memory_format=torch.channels_last).train()
        self.mean = Mean(net)
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2, fused=device.type == "cuda")

    def step(self, loss, share):
        warm = min(1, (self.mean.steps + 1) / 300)
        for g in self.optimiser.param_groups:
            g["lr"] = self.rate * warm * (.01 + .99 * .5 * (1 + np.cos(np.pi * min(1, share))))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5)
        self.optimiser.step()
        self.mean.update(self.net)

    def save(self, folder):
        state = {k: v.cpu() for k, v in self.mean.state(self.net).items()}
        part = folder / f"{self.name}.new"
        torch.save({"average": state, "steps": self.before + self.mean.steps}, part)
        part.replace(folder / f"{self.name}.pt")

    def judged(self, kind, device):
        """The averaged network, ready to answer."""
        net = kind.like(self.net.state_dict())
        net.load_state_dict(self.mean.state(self.net))
        return net.to(device, memory_format=torch.channels_last).eval()


# ---------------------------------------------------------------- the recogniser

def stacked(plates, device):
    """Many samples of feed.PLATE as tensors."""
    rows = [feed.flat_sample(p) for p in plates]
    return {k: torch.from_numpy(np.stack([np.asarray(r[k], feed.PLATE[k][1]) for r in rows])).to(device) for k in feed.PLATE}


class Batches:
    """Batches of cuts with their labels: real crops, what the workers drew, and cuts that the detector made. The candidates
    of the verdict come in beside them, for later."""

    def __init__(self, train, channels, device, backs):
        self.device, self.channels, self.backs = device, channels, backs
        few = device.type != "cuda"
        self.sets = {k: stacked(v, device) for k, v in train.items() if v}
        self.store = feed.Store(feed.PLATE, 2000 if few else 150_000, device)
        self.made = feed.Store(feed.CUT, 500 if few else 100_000, device)
        self.candidates = feed.Store(feed.CANDIDATE, 500 if few else 400_000, device)
        file = WORK / "errors.npy"  # without one: before there is a detector whose errors could be known
        errors = np.load(file) if file.exists() else np.random.default_rng(6).normal(0, (.02, .045), (1000, 4, 2))
        self.errors = torch.from_numpy(np.float32(errors)).to(device)

    def fill(self):
        for store, channels in zip((self.store, self.made, self.candidates), self.channels):
            store.fill(channels)

    def flats(self, n):
        """n flat samples, real ones and those of the workers."""
        real = round(n * SHARES["real"] / (SHARES["real"] + SHARES["store"]))
        names = list(self.sets)
        total = sum(REAL[k] for k in names)
        parts = [self.store.some(n - real)]
        left = real
        for k in names:
            take = left if k == names[-1] else min(left, round(real * REAL[k] / total))
            left -= take
            which = torch.randint(len(self.sets[k]["image"]), (take,), device=self.device)
            parts.append({f: t[which] for f, t in self.sets[k].items()})
        return {f: torch.cat([p[f] for p in parts]) for f in feed.PLATE}

    def cuts_of(self, s):
        """(cuts 0..255, classes, lengths, may, two) of flat samples; of two-line plates a line for most."""
        n, device = len(s["image"]), self.device
        has = (s["lengths"][:, 1] > 0) & augment.chance(n, .7, device)
        part = torch.where(has, torch.randint(1, 3, (n,), device=device), torch.zeros(n, dtype=torch.long, device=device))
        x = augment.take(s["image"][:, None], s["aspect"], part, self.errors, self.backs)
        rows = torch.arange(n, device=device)
        may = s["may"] * (part == 0).to(torch.uint8)[:, None]
        return x, s["classes"][rows, part], s["lengths"][rows, part], may, torch.where(part == 0, s["two"].float(), torch.full((n,), -1., device=device))

    @torch.no_grad()
    def __call__(self, n):
        """(normalised cuts, classes [n, 12], lengths, may-be regions, lines) as `recogniser.loss_of` takes them."""
        made = round(n * SHARES["cuts"]) if len(self.made) > 200 else 0
        x, y, length, may, two = self.cuts_of(self.flats(n - made))
        if made:
            s = self.made.some(made)
            x = torch.cat([x, augment.jittered(s["image"][:, None])])
            y, length, may = torch.cat([y, s["classes"]]), torch.cat([length.long(), s["length"].long()]), torch.cat([may, s["may"]])
            two = torch.cat([two, torch.zeros(made, device=self.device)])
        return augment.normalised(x), y.long(), length.long(), may.float(), two


def loss_of(net, x, y, n, may, two):
    """`recogniser.loss_of`, on any device."""
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        early, features = net.both(x)
        columns, layout = net.columns(features), net.layout(early, features)
    logs, layout = F.log_softmax(columns.float(), -1), layout.float()
    text = n > 0
    ctc = F.ctc_loss(logs[text].transpose(0, 1), y[text], torch.full((int(text.sum()),), logs.shape[1], device=x.device), n[text], zero_infinity=True)
    named = may.sum(1) > 0
    where = -torch.logsumexp(torch.log_softmax(layout[named, :-1], -1).masked_fill(may[named] == 0, -1e9), -1).mean()
    asked = two >= 0
    return ctc, where, F.binary_cross_entropy_with_logits(layout[asked, -1], two[asked])


@torch.no_grad()
def right(net, x, texts):
    """Share of cuts [N, 1, 48, 144] (normalised) that are read exactly."""
    said = []
    for k in range(0, len(x), 512):
        said += [greedy(p) for p in net(x[k:k + 512]).exp().cpu().numpy()]
    return float(np.mean([a == b for a, b in zip(said, texts)]))


def judges(test, batches, device):
    """{name: (cuts, texts)}: held-out crops upright, and shots of them, always the same."""
    out = {}
    for name, plates in test.items():
        if name == "two" or not plates:
            continue
        crops = upright(plates)
        x = torch.from_numpy(np.stack([c for c, *_ in crops])).to(device).float()[:, None]
        out[name] = augment.normalised(x), [p.text for p in plates]
        torch.manual_seed(5)
        n = 1024 if device.type == "cuda" else 32
        s = stacked([plates[k % len(plates)] for k in range(n)], device)
        shot = augment.take(s["image"][:, None], s["aspect"], torch.zeros(n, dtype=torch.long, device=device), batches.errors, batches.backs)
        out[f"{name}-shot"] = augment.normalised(shot), [plates[k % len(plates)].text for k in range(n)]
    return out


def train_recogniser(args, end, channels, train, test, pictures):
    """The recognisers, then their verdicts in the time that is kept for them."""
    device = torch.device(args.device)
    seed(1), torch.manual_seed(CONFIG["seed"])
    batches = Batches(train, channels, device, backs(pictures, device))
    learners = [Learner(Recogniser(wide), f"recogniser-{wide}", args.rate, device, start(args, f"recogniser-{wide}", "skim" if wide == CONFIG["skim"]["wide"] else "recogniser"),
                        lambda old, wide=wide: widen.recogniser(old, wide)) for wide in args.wide]
    shown = judges(test, batches, device)
    while len(batches.store) < (5_000 if device.type == "cuda" else 300):
        batches.fill(), time.sleep(.05)
    batch = batches(args.batch)
    suited(learners, lambda net: sum(loss_of(net, *batch)), device)
    timed(batches, args.batch, device)
    begun, last, losses, steps = time.time(), time.time(), [], 0
    print(f"recogniser begins, {end - begun:.0f} s left", flush=True)
    while time.time() < end - args.verdict and steps < args.steps:
        share = (time.time() - begun) / (end - args.verdict - begun)
        if steps % 8 == 0:
            batches.fill()
        batch = batches(args.batch)
        for learner in learners:
            ctc, where, lines = loss_of(learner.net, *batch)
            learner.step(ctc + .1 * where + .1 * lines, share)
            losses.append(torch.stack([ctc.detach(), where.detach(), lines.detach()]))
        steps += 1
        if steps < 20 or steps % 20 == 0:
            sound(losses[-len(learners):], batch, learners)
        if time.time() - last > args.every or steps >= args.steps:
            tell(learners, losses, shown, steps, begun, batches, args)
            last, losses = time.time(), []
    if losses:
        tell(learners, losses, shown, steps, begun, batches, args)
    for learner in learners:
        learner.save(args.out)
    if args.verdict > 0:  # the skim has none
        judged = [one for one, wide in zip(learners, args.wide) if wide != CONFIG["skim"]["wide"]]
        train_verdicts(args, judged or learners, batches, end)


def sound(losses, batch, learners):
    """Ends the job where a loss is no number any more, and says what else is none: the time of a card is dear."""
    if torch.isfinite(torch.stack(losses)).all():
        return
    cuts = torch.isfinite(batch[0]).flatten(1).all(1)
    bad = {f"{of.name}.{k}" for of in learners for k, v in of.net.state_dict().items() if not torch.isfinite(v).all()}
    sys.exit(f"losses {torch.stack(losses).tolist()}: of {len(cuts)} cuts {int((~cuts).sum())} hold what is no number, and {len(bad)} tensors: {sorted(bad)[:8]}")


def timed(batches, n, device):
    """Says how long a batch takes to make."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        began = time.time()
        for _ in range(5):
            batches(n)
        torch.cuda.synchronize()
        print(f"a batch of shots: {(time.time() - began) * 200:.0f} ms", flush=True)


def tell(learners, losses, shown, steps, begun, batches, args):
    """One line a network: its losses and what it reads."""
    values = torch.stack(losses).reshape(-1, len(learners), 3).float().mean(0).cpu()
    for learner, (ctc, where, lines) in zip(learners, values):
        learner.save(args.out)
        net = learner.judged(Recogniser, batches.device)
        scores = "  ".join(f"{k} {right(net, *v):.3f}" for k, v in shown.items())
        print(f"{time.time() - begun:5.0f} s {steps:6d} steps, drawn {batches.store.seen}, cut {batches.made.seen}, candidates {batches.candidates.seen}  {learner.name}  text {ctc:.3f} region {where:.3f} lines {lines:.3f}  {scores}", flush=True)


# ---------------------------------------------------------------- the detector

def targets(quads, trust, g):
    """`detector.targets` of a batch: quads [N, P, 4, 2], trust [N, P] (-9: no plate) to heat, corners and weights."""
    n, device = len(quads), quads.device
    ys, xs = torch.meshgrid(torch.arange(g, device=device), torch.arange(g, device=device), indexing="ij")
    xs, ys = xs.float()[None], ys.float()[None]
    heat, weight, corners = torch.zeros(n, g, g, device=device), torch.zeros(n, g, g, device=device), torch.zeros(n, 8, g, g, device=device)
    for p in range(quads.shape[1]):
        q, sure = quads[:, p], trust[:, p]
        c = q.mean(1) / STRIDE - .5
        w, h = (q[:, 1] - q[:, 0]).norm(dim=1) / STRIDE, (q[:, 3] - q[:, 0]).norm(dim=1) / STRIDE
        here = (sure > -5) & (c > -.5).all(1) & (c < g - .5).all(1)
        dx, dy = xs - c[:, :1, None], ys - c[:, 1:, None]
        opened = (here & (sure < 0)).reshape(-1, 1, 1) & (dx.abs() < w.reshape(-1, 1, 1) / 2) & (dy.abs() < h.reshape(-1, 1, 1) / 2 + .5)
        heat = torch.maximum(heat, .999 * opened.float())
        asked = here & (sure >= 0)
        sx, sy = (w * .12).clamp(min=.6).reshape(-1, 1, 1), (h * .2).clamp(min=.6).reshape(-1, 1, 1)
        blob = torch.exp(-(dx.square() / (2 * sx * sx) + dy.square() / (2 * sy * sy)))
        cell = (xs == c[:, :1, None].round()) & (ys == c[:, 1:, None].round())
        asked = asked.reshape(-1, 1, 1)
        heat = torch.where(asked, torch.maximum(heat, blob), heat)
        heat = torch.where(asked & cell, torch.ones_like(heat), heat)
        near = asked & ((blob > .5) | cell)
        off = q.reshape(-1, 8, 1, 1) / STRIDE - .5 - torch.stack([xs, ys] * 4, 1)
        corners = torch.where(near[:, None], off, corners)
        weight = torch.where(near, (sure.clamp(min=0) / h.clamp(min=2.)).reshape(-1, 1, 1).expand_as(weight), weight)
    return heat[:, None], corners, weight[:, None]


def lit(samples, size, whole=False):
    """Windows with light, their quads, and trust after what can be seen of each plate."""
    x, quads, trust = samples["image"][:, None].float(), samples["quads"], samples["trust"]
    if not whole:
        x, quads = augment.windowed(x, quads, size)
    x = augment.light(x)
    std = augment.seen(x, quads)
    trust = torch.where((trust > -5) & (std <= 10), torch.full_like(trust, -1.), trust)
    return x, quads, torch.where(std <= 4, torch.full_like(trust, -9.), trust)


def detector_loss(net, x, heat, corners, weight, half):
    """`detector.loss_of` with the trunk in 16 bits, the answers in 32."""
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=half):
        a = net.map(x - net.MIDDLE)
    a = a.float()
    out, off = net.heat(a), net.corners(a)
    p = torch.sigmoid(out).clamp(1e-4, 1 - 1e-4)
    pos = heat.eq(1)
    n = pos.sum().clamp(min=1)
    found = -(torch.log(p) * (1 - p) ** 2 * pos).sum()
    false = -(torch.log(1 - p) * p ** 2 * (1 - heat) ** 4 * ~pos).sum()
    l1 = ((off - corners).abs() * weight).sum() / (8 * (weight > 0).sum().clamp(min=1))
    return (found + false) / n, l1


@torch.no_grad()
def proposals(net, x, threshold=.12, most=10):
    """(quads [N, most, 4, 2] in pixels, heat [N, most]; 0 where there is none), as `chain.peaks`."""
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=x.device.type == "cuda"):
        a = net.map(x / 255 - net.MIDDLE)
    heat, corners = torch.sigmoid(net.heat(a.float())), net.corners(a.float())
    top = heat * (heat >= F.max_pool2d(heat, 3, 1, 1)) * (heat >= threshold)
    score, at = top.flatten(1).topk(most, 1)
    w = heat.shape[-1]
    off = corners.flatten(2).gather(2, at[:, None].expand(-1, 8, -1)).transpose(1, 2).reshape(len(x), most, 4, 2)
    centre = torch.stack([(at % w).float() + .5, (at // w).float() + .5], -1)
    quads = (off + centre[:, :, None]) * STRIDE
    for k in range(1, most):  # the overlapping ones dropped, best first
        over = (iou(quads[:, k:k + 1], quads[:, :k]) >= .35) & (score[:, :k] > 0)
        small = (quads[:, k].amax(1) - quads[:, k].amin(1)).amin(1) < 3
        score[:, k] = torch.where(over.any(1) | small, torch.zeros_like(score[:, k]), score[:, k])
    return quads, score


def iou(a, b):
    """Overlap of the upright boxes of quads [..., 4, 2]."""
    al, ah, bl, bh = a.amin(-2), a.amax(-2), b.amin(-2), b.amax(-2)
    inner = (torch.minimum(ah, bh) - torch.maximum(al, bl)).clamp(min=0).prod(-1)
    return inner / ((ah - al).prod(-1) + (bh - bl).prod(-1) - inner).clamp(min=1e-6)


@torch.no_grad()
def measured(net, x, quads, trust):
    """How a detector does on held-out windows: share found, median and nine tenths of the corners' error in widths, places
    of nothing a window."""
    got, score = proposals(net, x, .3)
    over = iou(got[:, :, None], quads[:, None]) * (score > 0)[:, :, None]
    inside = (trust > 0) & (quads.flatten(2).amin(2) >= 0) & (quads.flatten(2).amax(2) <= x.shape[-1])
    best, which = over.max(1)
    off = (got.gather(1, which[:, :, None, None].expand(-1, -1, 4, 2)) - quads).norm(dim=-1).mean(-1) / (quads[:, :, 1] - quads[:, :, 0]).norm(dim=-1).clamp(min=1)
    hit = inside & (best > .3)
    false = ((score > 0) & (over * (trust > -5)[:, None] < .1).all(2)).sum() / len(x)
    e = off[hit] if hit.any() else torch.ones(1, device=x.device)
    return f"found {hit.sum() / inside.sum():.3f} of {int(inside.sum())}, off {e.median():.4f} ({e.quantile(.9):.4f}), places of nothing {false:.3f}"


def held_windows(channels, n, device):
    """n lit windows of held-out pictures."""
    store = feed.Store(feed.SCENE, n, device)
    while store.seen < n:
        store.fill(channels), time.sleep(.02)
    torch.manual_seed(9)
    parts = [lit({k: t[i:i + 256] for k, t in store.tensors.items()}, feed.WINDOW, whole=True) for i in range(0, n, 256)]
    return [torch.cat(p) for p in zip(*parts)]


def train_detector(args, end, channels, held, pictures):
    device = torch.device(args.device)
    seed(2), torch.manual_seed(CONFIG["seed"] + 1)
    size, few = CONFIG["detector"]["size"], device.type != "cuda"
    store = feed.Store(feed.SCENE, 400 if few else 40_000, device)
    learners = [Learner(Detector(name), f"detector-{name}", args.rate, device, start(args, f"detector-{name}", "detector"),
                        lambda old, name=name: widen.detector(old, name)) for name in args.detectors]
    judge = held_windows(held, 64 if few else 2048, device)
    while len(store) < (200 if few else 4000):
        store.fill(channels), time.sleep(.05)
    with torch.no_grad():
        x, quads, trust = lit(store.some(args.windows), size)
        asked = targets(quads, trust, size // STRIDE)
    suited(learners, lambda net: sum(detector_loss(net, x / 255, *asked, half=True)), device)
    begun, last, losses, steps = time.time(), time.time(), [], 0
    print(f"detector begins, {end - begun:.0f} s left", flush=True)
    while time.time() < end and steps < args.steps:
        share = (time.time() - begun) / (end - begun)
        store.fill(channels)
        with torch.no_grad():
            x, quads, trust = lit(store.some(args.windows), size)
            asked = targets(quads, trust, size // STRIDE)
        for learner in learners:
            heat, l1 = detector_loss(learner.net, x / 255, *asked, half=not few)
            learner.step(heat + 4 * l1, share)
            losses.append(torch.stack([heat.detach(), l1.detach()]))
        steps += 1
        if time.time() - last > args.every or time.time() >= end or steps >= args.steps:
            values = torch.stack(losses).reshape(-1, len(learners), 2).mean(0).cpu()
            for learner, (heat, l1) in zip(learners, values):
                learner.save(args.out)
                net = learner.judged(Detector, device)
                print(f"{time.time() - begun:5.0f} s {steps:6d} steps, composed {store.seen}  {learner.name}  heat {heat:.3f} corners {l1:.4f}  {measured(net, *judge)}", flush=True)
            last, losses = time.time(), []
    for learner in learners:
        learner.save(args.out)


# ---------------------------------------------------------------- the verdict

VERDICT_STEPS = 6000


def train_verdicts(args, recognisers, batches, end):
    """A verdict for every recogniser, all on the candidates that the workers collected."""
    device, few = torch.device(args.device), args.device == "cpu"
    batches.fill()
    k = len(batches.candidates)
    cuts, kinds = batches.candidates.tensors["cuts"][:k], batches.candidates.tensors["plate"][:k] > 0
    print(f"{k} candidates, {int(kinds.sum())} plates, {end - time.time():.0f} s left", flush=True)
    trunks = [learner.judged(Recogniser, device).trunk for learner in recognisers]
    learners = [Learner(to_train(of.net.features), of.name.replace("recogniser", "verifier"), args.rate, device) for of in recognisers]
    deal = torch.randperm(k, device=device)
    held, deal = deal[:k // 10], deal[k // 10:]
    groups = [deal[kinds[deal]], deal[~kinds[deal]]]
    n, steps, begun, least = (16 if few else 512), 0, time.time(), min(args.steps, VERDICT_STEPS)
    while time.time() < end - 4 and steps < least:
        which = torch.cat([g[torch.randint(len(g), (n // 2,), device=device)] for g in groups])
        x = cuts[which].float()
        x = x + torch.randn_like(x) * augment.column(augment.one_of(n, [0, 0, 2, 4, 8], device))
        x = torch.stack([augment.normalised(x[:, k:k + 1]) for k in (0, 1)])
        y = kinds[which].float()[:, None]
        share = max(steps / least, (time.time() - begun) / max(1, end - 4 - begun))
        for trunk, learner in zip(trunks, learners):
            with torch.autocast(device.type, dtype=torch.bfloat16):
                with torch.no_grad():
                    features = trunk(x[0].contiguous(memory_format=torch.channels_last))
                out = learner.net(x[1].contiguous(memory_format=torch.channels_last), features)
            learner.step(F.binary_cross_entropy_with_logits(out.float(), y), share)
        steps += 1
    for trunk, learner in zip(trunks, learners):
        learner.save(args.out)
        print(f"{learner.name}: {steps} steps, {kept(learner.judged(Verifier, device), trunk, cuts[held], kinds[held])}", flush=True)


@torch.no_grad()
def kept(net, trunk, cuts, kinds):
    odds = []
    for k in range(0, len(cuts), 512):
        x = cuts[k:k + 512].float()
        odds.append(torch.sigmoid(net(augment.normalised(x[:, 1:]), trunk(augment.normalised(x[:, :1]))))[:, 0])
    odds = torch.cat(odds)
    return "  ".join(f"above {t}: plates {(odds[kinds] >= t).float().mean():.3f}, others {(odds[~kinds] >= t).float().mean():.3f}" for t in (.3, .5, .7, .9))


# ---------------------------------------------------------------- all of it

def backs(pictures, device, n=3000):
    """Parts of pictures to stand behind plates, [n, 1, 216, 344]."""
    h, w = 216, 344
    rng, out = np.random.default_rng(4), []
    for _ in range(n if device.type == "cuda" else 40):
        image = pictures[rng.integers(len(pictures))][0]
        s = max(h / image.shape[0], w / image.shape[1], rng.uniform(.4, 1.2)) + .01
        image = cv2.resize(image, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
        y, x = rng.integers(image.shape[0] - h + 1), rng.integers(image.shape[1] - w + 1)
        out.append(image[y:y + h, x:x + w])
    return torch.from_numpy(np.stack(out))[:, None].to(device)


def start(args, own, shipped):
    """The checkpoint to begin from: this job's own where it goes on, or the work folder's."""
    if args.go_on and (args.go_on / f"{own}.pt").exists():
        return args.go_on / f"{own}.pt"
    return WORK / f"{shipped}.pt"


def grey_pictures(stock):
    """[(grey picture, boxes)] of a stock's scenes and empty pictures."""
    def grey(path):
        image = stock.picture(path)
        return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return [(grey(p), b) for p, b in stock.scenes] + [(grey(p), []) for p in stock.empty]


def decoded(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def spawn(target, *args):
    process = multiprocessing.get_context("fork").Process(target=target, args=args, daemon=True)
    process.start()
    return process


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seconds", type=float, default=480, help="in all, loading included")
    ap.add_argument("--verdict", type=float, default=40, help="seconds of them for the verdicts")
    ap.add_argument("--out", type=Path, default=WORK)
    ap.add_argument("--go-on", type=Path, help="a folder with checkpoints of this job")
    ap.add_argument("--wide", type=lambda s: [float(v) for v in s.split(",")], default=[CONFIG["recogniser"]["wide"]])
    ap.add_argument("--detectors", type=lambda s: s.split(",") if s else [], default=[], help="small, large or both")
    ap.add_argument("--batch", type=int, default=1536, help="twice as many take a sixth longer: what costs time is the number of calls")
    ap.add_argument("--windows", type=int, default=192)
    ap.add_argument("--rate", type=float, default=2e-3)
    ap.add_argument("--every", type=float, default=60, help="seconds between checkpoints")
    ap.add_argument("--workers", type=int, nargs=4, default=[6, 4, 5, 0], metavar=("DRAW", "CUT", "COLLECT", "COMPOSE"),
                    help="processes that draw plates, make cuts of them, collect candidates, and compose windows for detectors")
    ap.add_argument("--steps", type=int, default=10 ** 9, help="at most, of every training")
    ap.add_argument("--device", default="cuda" if Path("/dev/nvidia0").exists() else "cpu")
    args = ap.parse_args()
    begun = time.time()
    end = begun + args.seconds
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1), cv2.setNumThreads(1)
    seed()
    train, test = real_crops()
    few = args.device == "cpu"
    with multiprocessing.get_context("fork").Pool(sum(args.workers)) as pool:
        def each(of, rows):
            return pool.map(of, rows, chunksize=16)
        stock = scenes.Stock(drawn=render.Dies(DATA, HERE / "fonts/woff", STROKES, each))
        shuffles = {name: dies.Shuffle([(f.image, f.text, f.regions) for f in train[name][:20 if few else None]], each)
                    for name in ("us", "eu", "br") if name in train}
        if not few:  # workers inherit what is decoded
            paths = [p for p, _ in stock.scenes] + stock.empty + [p for of in stock.crops.values() for p in of]
            stock.kept = dict(zip(paths, each(decoded, paths)))
    pictures = grey_pictures_few(stock) if few else grey_pictures(stock)
    print(f"loaded in {time.time() - begun:.0f} s: " + ", ".join(f"{k} {len(v)} of {len(train[k])}" for k, v in shuffles.items()), flush=True)
    draw, cut, collect, compose = ([feed.Channel(fields, slots) for _ in range(n)] for n, fields, slots in zip(
        args.workers, (feed.PLATE, feed.CUT, feed.CANDIDATE, feed.SCENE), (512, 512, 512, 128)))
    processes = [spawn(feed.plates, k, c, stock.dies, shuffles, .3) for k, c in enumerate(draw)]
    processes += [spawn(feed.detected, 30 + k, c, stock, train, shuffles) for k, c in enumerate(cut)]
    processes += [spawn(feed.candidates, 60 + k, c, stock) for k, c in enumerate(collect)]
    processes += [spawn(feed.windows, 90 + k, c, stock) for k, c in enumerate(compose)]
    if args.detectors:
        held = scenes.Stock(held=True, drawn=stock.dies)
        judged = [feed.Channel(feed.SCENE, 128) for _ in range(2)]
        processes += [spawn(feed.windows, 120 + k, c, held) for k, c in enumerate(judged)]
        reader = spawn(train_recogniser, args, end, (draw, cut, collect), train, test, pictures)
        train_detector(args, end - 5, compose, judged, pictures)
        reader.join(60)
    else:
        train_recogniser(args, end, (draw, cut, collect), train, test, pictures)
    for p in processes:
        p.terminate()
    print(f"done, {time.time() - begun:.0f} s", flush=True)


def grey_pictures_few(stock):
    """As `grey_pictures`, of a few: to try the job without a graphics card."""
    stock.scenes, stock.empty = stock.scenes[:12], stock.empty[:12]
    return grey_pictures(stock)


if __name__ == "__main__":
    main()
