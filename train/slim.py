"""Teaches a smaller network by a larger one: it begins with the channels that the larger one's layers lean on most, and
learns the larger one's answers on all samples, as well as what is true of them (Hinton et al., Distilling the Knowledge in
a Neural Network). Half of the products, and nearly as good from the first hour on.

`python slim.py detector` (or `recogniser`) takes detector.pt of the work folder, keeps it as detector-large.pt, and writes
the smaller one to detector.pt; started again it goes on from its checkpoint.
"""
import argparse
import shutil
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import detector as detect
import recogniser as recognise
import widen
from common import CONFIG, WORK, Average, save, seed
from detector import Detector
from recogniser import Recogniser


class Kept:
    """Some of the old channels, in their order; as `widen.Spread`."""

    def __init__(self, which):
        self.which = which.sort().values

    def out(self, values):
        return values[self.which]

    def read(self, weight):
        return weight[:, self.which]


class Leaning:
    """What a network's layers lean on, noted while it runs."""

    def __init__(self, net, names, run):
        self.layers, self.met = dict(net.named_modules()), {}

        def note(name):
            return self.layers[name].register_forward_pre_hook(lambda _, x: self.met.__setitem__(name, (x[0].double() ** 2).mean((0, 2, 3))))
        hooks = [note(name) for name in names]
        run()
        for hook in hooks:
            hook.remove()

    def most(self, readers, n):
        """The n channels of a map that those who read it lean on most, together: by the power of what they make of each."""
        def share(name):
            power = (self.layers[name].weight.double() ** 2).sum((0, 2, 3)) * self.met[name]
            return power / power.sum()
        return Kept(torch.topk(sum(map(share, readers)), n).indices)


class Places:
    """The detector: its heat and its corners."""

    kind, told = Detector, "heat {:.3f} corners {:.3f}, from the teacher's {:.3f} {:.3f}"
    # The 1x1 convolutions that read each map.
    READERS = (("s8.0.point.0",), ("s8.1.point.0", "s16.0.point.0", "lat8"), ("s16.1.point.0", "s32.0.point.0", "up16"),
               ("s32.1.point.0", "up32"), ("mix8.0.point.0", "heat", "corners"))

    steepest = 5  # the length that gradients are cut to

    def __init__(self, teacher, shown):
        self.teacher, self.shown = teacher, shown

    @staticmethod
    def samples(position):
        return detect.Windows(CONFIG["detector"]["slim_size"], position)

    def fill(self, writer):
        leaning = Leaning(self.teacher, sum(self.READERS, ()), lambda: self.teacher(self.shown))
        widen.every_layer(writer, *map(leaning.most, self.READERS, Detector.channels(writer.new)))

    def loss(self, net, sample):
        """Half of its own loss, and how far it is from the teacher: divergence of the heat, and L1 of the corners in plate
        heights where the teacher sees a plate."""
        x, heat, corners, weight = sample
        x = x.to(memory_format=torch.channels_last)
        with torch.no_grad():
            want, where = self.teacher(x)
        told = net(x)
        hot, l1 = detect.loss_of(lambda _: told, x, heat, corners, weight)
        p = torch.sigmoid(want)
        apart = F.binary_cross_entropy_with_logits(told[0], p, reduction="none") - F.binary_cross_entropy_with_logits(want, p, reduction="none")
        apart = apart.sum() / heat.eq(1).sum().clamp(min=1)
        weight = p * (p > .05)
        tall = ((where[:, 5:6] - where[:, 3:4]).abs() + (where[:, 7:8] - where[:, 1:2]).abs()).clamp(min=4) / 2
        off = ((told[1] - where).abs() * weight / tall).sum() / (8 * weight.sum().clamp(min=1))
        return .5 * hot + 2 * l1 + apart + 4 * off, (hot, l1, apart, off)


class Letters:
    """The recogniser: its columns, the region and the lines, and the features, pooled as the verdict reads them."""

    kind, told = Recogniser, "text {:.3f}, from the teacher's columns {:.3f} features {:.3f} layout {:.3f}"

    steepest = 10

    def __init__(self, teacher, shown):
        self.teacher, self.shown = teacher, shown
        with torch.no_grad():
            self.spread = self.pooled(teacher.trunk(shown)).var(0) + 1e-3

    @staticmethod
    def samples(position):
        return recognise.Crops(recognise.real_crops()[0], CONFIG["recogniser"]["real"], position)

    def fill(self, writer):
        reads = [(f"trunk.{after}.0",) for after in Recogniser.BLOCKS[1:]]
        reads[Recogniser.EARLY - 1] += ("layout.body.0.0",)
        leaning = Leaning(self.teacher, sum(reads, ()), lambda: self.teacher.layout(*self.teacher.both(self.shown)))
        outs = [leaning.most(readers, writer.new[f"trunk.{k}.0.weight"].shape[0]) for k, readers in zip(Recogniser.BLOCKS, reads)]
        widen.every_block(writer, [*outs, widen.same(self.teacher.features)])

    @staticmethod
    def pooled(features):
        return torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)

    def answers(self, net, x):
        """A network's columns, pooled features and layout, in 32 bits; on a card what makes them runs in 16."""
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=x.device.type == "cuda"):
            early, features = net.both(x)
            columns, layout = net.columns(features), net.layout(early, features)
        return torch.log_softmax(columns.float(), -1), self.pooled(features.float()), layout.float()

    def loss(self, net, sample):
        """Its own loss on the text, and how far it is from the teacher in all that it tells."""
        x, y, n, *_ = sample
        x, text = x.to(memory_format=torch.channels_last), n > 0
        with torch.no_grad():
            want, pool, where = self.answers(self.teacher, x)
        logs, pooled, layout = self.answers(net, x)
        ctc = F.ctc_loss(logs[text].transpose(0, 1), y[text], torch.full((int(text.sum()),), logs.shape[1], device=x.device), n[text], zero_infinity=True)
        apart = (want.exp() * (want - logs)).sum((1, 2)).mean()
        off = ((pooled - pool) ** 2 / self.spread).mean()
        elsewhere = F.kl_div(torch.log_softmax(layout[:, :-1], -1), torch.log_softmax(where[:, :-1], -1), log_target=True, reduction="batchmean")
        elsewhere = elsewhere + F.binary_cross_entropy_with_logits(layout[:, -1], torch.sigmoid(where[:, -1]))
        return 1.5 * ctc + apart + 3 * off + .6 * elsewhere, (ctc, apart, off, elsewhere)


@torch.no_grad()
def begun(subject, size):
    """A network of some size, of the larger one's channels."""
    net = subject.kind(size)
    writer = widen.Writer(subject.teacher.state_dict(), net)
    subject.fill(writer)
    net.load_state_dict(writer.new)
    return net


def without_dropout(net):
    """In training, but for what is dropped by chance: the teacher drops nothing."""
    net.train()
    for layer in net.modules():
        if isinstance(layer, (nn.Dropout, nn.Dropout2d)):
            layer.eval()
    return net


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("name", choices=("detector", "recogniser"))
    ap.add_argument("--steps", type=int)
    ap.add_argument("--batch", type=int)
    args = ap.parse_args()
    config = CONFIG[args.name]
    last_step, rate = args.steps or config["slim_steps"], config["slim_rate"]
    seed(4)
    torch.set_num_threads(1)
    file, large = WORK / f"{args.name}.pt", WORK / f"{args.name}-large.pt"
    if not large.exists():
        shutil.copy(file, large.with_suffix(".new")), large.with_suffix(".new").replace(large)
    old, state = torch.load(large, weights_only=False), torch.load(file, weights_only=False)
    kind = {"detector": Places, "recogniser": Letters}[args.name]
    teacher = kind.kind.like(old["average"])
    teacher.load_state_dict(old["average"]), teacher.eval().to(memory_format=torch.channels_last)
    samples = torch.utils.data.DataLoader(kind.samples(state["steps"] + 1), batch_size=args.batch or config["batch"], num_workers=1, prefetch_factor=8)
    loader = iter(samples)
    subject = kind(teacher, torch.cat([next(loader)[0] for _ in range(8)]))
    goes_on = state["steps"] > old["steps"]
    net = subject.kind(config["net"]) if goes_on else begun(subject, config["net"])
    net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2)
    average, steps = Average(net, .998), 0
    average.steps = old["steps"]
    if goes_on:
        net.load_state_dict(state["net"]), average.net.load_state_dict(state["average"]), optimiser.load_state_dict(state["optimiser"])
        average.steps, steps = state["steps"], state["schedule"]
    without_dropout(net)
    last, losses = time.time(), []
    while steps < last_step:
        for g in optimiser.param_groups:
            g["lr"] = rate * min(1, (steps + 1) / 100) * (.01 + .99 * .5 * (1 + np.cos(np.pi * steps / last_step)))
        loss, parts = subject.loss(net, next(loader))
        optimiser.zero_grad(set_to_none=True), loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), subject.steepest)
        optimiser.step(), average.update(net)
        steps += 1
        losses.append([p.item() for p in parts])
        if time.time() - last > 120 or steps >= last_step:
            save(file, net, average, optimiser, steps)
            print(f"{steps:7d} steps  {subject.told.format(*np.mean(losses[-200:], 0))}", flush=True)
            last = time.time()


if __name__ == "__main__":
    main()
