"""Teaches a smaller detector by a larger one: it begins with the channels that the larger one's layers lean on most, and
learns the larger one's heat and corners on all windows, as well as the plates that stand in them (Hinton et al.,
Distilling the Knowledge in a Neural Network). Half of the products, and nearly as good from the first hour on.

`python slim.py` takes detector.pt of the work folder, keeps it as teacher.pt, and writes the smaller one to detector.pt;
started again it goes on from its checkpoint.
"""
import argparse
import shutil
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import detector as detect
import widen
from common import CONFIG, WORK, Average, save, seed
from detector import Detector

# The 1x1 convolutions that read each map; what they make of a channel is what it is worth.
READERS = (("s8.0.point.0",), ("s8.1.point.0", "s16.0.point.0", "lat8"), ("s16.1.point.0", "s32.0.point.0", "up16"),
           ("s32.1.point.0", "up32"), ("mix8.0.point.0", "heat", "corners"))


class Kept:
    """Some of the old channels, in their order; as `widen.Spread`."""

    def __init__(self, which):
        self.which = which.sort().values

    def out(self, values):
        return values[self.which]

    def read(self, weight):
        return weight[:, self.which]


@torch.no_grad()
def begun(teacher, size, shown):
    """A `Detector(size)` of the larger one's channels."""
    met, layers = {}, dict(teacher.named_modules())

    def note(name):
        return layers[name].register_forward_pre_hook(lambda _, x: met.__setitem__(name, (x[0].double() ** 2).mean((0, 2, 3))))
    hooks = [note(name) for readers in READERS for name in readers]
    teacher(shown)
    for hook in hooks:
        hook.remove()

    def share(name):
        power = (layers[name].weight.double().flatten(1) ** 2).sum(0) * met[name]
        return power / power.sum()
    net = Detector(size)
    writer = widen.Writer(teacher.state_dict(), net)
    counts = Detector.channels(writer.new)
    widen.every_layer(writer, *(Kept(torch.topk(sum(map(share, readers)), n).indices) for readers, n in zip(READERS, counts)))
    net.load_state_dict(writer.new)
    return net


def unlike(told, taught):
    """How far a detector's (heat, corners) are from the teacher's: divergence of the heat, and L1 of the corners in plate
    heights where the teacher sees a plate."""
    (heat, off), (want, where) = told, taught
    p = torch.sigmoid(want)
    apart = (F.binary_cross_entropy_with_logits(heat, p, reduction="none") - F.binary_cross_entropy_with_logits(want, p, reduction="none")).sum()
    weight = p * (p > .05)
    tall = ((where[:, 5:6] - where[:, 3:4]).abs() + (where[:, 7:8] - where[:, 1:2]).abs()).clamp(min=4) / 2
    return apart, ((off - where).abs() * weight / tall).sum() / (8 * weight.sum().clamp(min=1))


def main():
    config = CONFIG["detector"]
    ap = argparse.ArgumentParser()
    ap.add_argument("--steps", type=int, default=config["slim_steps"])
    ap.add_argument("--batch", type=int, default=config["batch"])
    ap.add_argument("--size", type=int, default=config["slim_size"])
    ap.add_argument("--rate", type=float, default=config["rate"])
    args = ap.parse_args()
    seed(4)
    torch.set_num_threads(1)
    file, large = WORK / "detector.pt", WORK / "teacher.pt"
    if not large.exists():
        shutil.copy(file, large.with_suffix(".new")), large.with_suffix(".new").replace(large)
    old, state = torch.load(large, weights_only=False), torch.load(file, weights_only=False)
    teacher = Detector.like(old["average"])
    teacher.load_state_dict(old["average"]), teacher.eval().to(memory_format=torch.channels_last)
    loader = iter(torch.utils.data.DataLoader(detect.Windows(args.size, state["steps"] + 1), batch_size=args.batch, num_workers=1, prefetch_factor=8))
    goes_on = state["steps"] > old["steps"]
    net = Detector(config["net"]) if goes_on else begun(teacher, config["net"], torch.cat([next(loader)[0] for _ in range(3)]))
    net.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=1e-2)
    average, steps = Average(net, .998), 0
    average.steps = old["steps"]
    if goes_on:
        net.load_state_dict(state["net"]), average.net.load_state_dict(state["average"]), optimiser.load_state_dict(state["optimiser"])
        average.steps, steps = state["steps"], state["schedule"]
    last, losses = time.time(), []
    while steps < args.steps:
        x, heat, corners, weight = next(loader)
        x = x.to(memory_format=torch.channels_last)
        for g in optimiser.param_groups:
            g["lr"] = args.rate * min(1, (steps + 1) / 100) * (.01 + .99 * .5 * (1 + np.cos(np.pi * steps / args.steps)))
        with torch.no_grad():
            taught = teacher(x)
        told = net(x)
        hot, l1 = detect.loss_of(lambda _: told, x, heat, corners, weight)
        apart, off = unlike(told, taught)
        apart = apart / heat.eq(1).sum().clamp(min=1)
        optimiser.zero_grad(set_to_none=True)
        (.5 * hot + 2 * l1 + apart + 4 * off).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimiser.step()
        average.update(net)
        steps += 1
        losses.append((hot.item(), l1.item(), apart.item(), off.item()))
        if time.time() - last > 120 or steps >= args.steps:
            save(file, net, average, optimiser, steps)
            print(f"{steps:7d} steps  heat {{:.3f}} corners {{:.3f}}, from the teacher's {{:.3f}} {{:.3f}}".format(*np.mean(losses[-200:], 0)), flush=True)
            last = time.time()


if __name__ == "__main__":
    main()
