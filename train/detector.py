"""The detector: a grey picture to plate centres and corners at stride 8.

`python detector.py --steps 10000` trains; started again it goes on from its checkpoint. What is shipped is a smaller one
that `slim.py` teaches by this one's answers. Inputs are multiples of 32 pixels; outputs are `heat` (a plate's centre lies
in this cell) and `corners` (offsets of the four corners from the cell's centre, in units of 8 pixels).
"""
import argparse
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import scenes
from common import CONFIG, WORK, Average, save, seed

STRIDE = 8


def conv(cin, cout, k=3, s=1, groups=1):
    return nn.Sequential(nn.Conv2d(cin, cout, k, s, k // 2, groups=groups, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


class Separable(nn.Module):
    """Depthwise 3x3 (or 5x5), then 1x1; adds its input where the shapes agree."""

    def __init__(self, cin, cout, s=1, k=3):
        super().__init__()
        self.deep = nn.Sequential(nn.Conv2d(cin, cin, k, s, k // 2, groups=cin, bias=False), nn.BatchNorm2d(cin), nn.ReLU(inplace=True))
        self.point = nn.Sequential(nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout))
        self.same = s == 1 and cin == cout

    def forward(self, x):
        y = self.point(self.deep(x))
        return F.relu(x + y if self.same else y)


class Detector(nn.Module):
    """[N, 1, H, W] grey 0..1 -> heat logits [N, 1, H/8, W/8], corners [N, 8, H/8, W/8]. The maps at stride 16 and 32
    cost little: there the largest size has more channels and more blocks; the least one saves at stride 4 and 8."""

    MIDDLE = .45  # the grey value that is taken for none
    # channels at stride 4, 8, 16, 32 and of the last map; blocks at stride 8, 16 and 32, and of the last map
    SIZES = {"least": (16, 32, 96, 160, 48, 1, 3, 1), "small": (24, 48, 96, 160, 64, 2, 3, 2), "large": (24, 48, 128, 224, 64, 2, 4, 2)}

    def __init__(self, size=CONFIG["detector"]["net"]):
        super().__init__()
        a, b, c, d, m, at8, deep, mixes = self.SIZES[size] if isinstance(size, str) else size
        self.stem = nn.Sequential(nn.Conv2d(1, a, 8, 4, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU(inplace=True))
        self.s8 = nn.Sequential(Separable(a, b, 2), *[Separable(b, b) for _ in range(at8)])
        self.s16 = nn.Sequential(Separable(b, c, 2), *[Separable(c, c) for _ in range(deep)])
        self.s32 = nn.Sequential(Separable(c, d, 2), *[Separable(d, d, k=5) for _ in range(deep)])
        self.up32, self.up16, self.lat8 = nn.Conv2d(d, c, 1), nn.Conv2d(c, m, 1), nn.Conv2d(b, m, 1)
        self.mix16, self.mix8 = Separable(c, c), nn.Sequential(*[Separable(m, m, k=5) for _ in range(mixes)])
        self.heat, self.corners = nn.Conv2d(m, 1, 1), nn.Conv2d(m, 8, 1)
        nn.init.constant_(self.heat.bias, -5)

    @classmethod
    def like(cls, weights):
        """An untrained network of the size that the weights have."""
        at8, deep, mixes = (len({k.split(".")[1] for k in weights if k.startswith(stage + ".")}) for stage in ("s8", "s16", "mix8"))
        return cls((*cls.channels(weights), at8 - 1, deep - 1, mixes))

    @staticmethod
    def channels(weights):
        """Those of the maps at stride 4, 8, 16 and 32 and of the last one."""
        (m, b), (c, d) = weights["lat8.weight"].shape[:2], weights["up32.weight"].shape[:2]
        return weights["stem.0.weight"].shape[0], b, c, d, m

    def map(self, x):
        """The map at stride 8, [N, channels, H/8, W/8], of grey values less `MIDDLE`."""
        a = self.s8(self.stem(x))
        b = self.s16(a)
        c = self.s32(b)
        b = self.mix16(b + F.interpolate(self.up32(c), scale_factor=2, mode="nearest"))
        return self.mix8(self.lat8(a) + F.interpolate(self.up16(b), scale_factor=2, mode="nearest"))

    def told(self, x):
        """Heat's logits and corners of grey values less `MIDDLE`: what the product feeds."""
        a = self.map(x)
        return self.heat(a), self.corners(a)

    def forward(self, x):
        return self.told(x - self.MIDDLE)


def targets(quads, trust, size):
    """Heat (Gaussians that narrow with the plate), corner offsets and their weights of one picture."""
    g = size // STRIDE
    heat, corners, weight = np.zeros((g, g), np.float32), np.zeros((8, g, g), np.float32), np.zeros((g, g), np.float32)
    ys, xs = np.mgrid[0:g, 0:g]
    for quad, sure in zip(quads, trust):
        c = quad.mean(0) / STRIDE - .5
        w = np.linalg.norm(quad[1] - quad[0]) / STRIDE
        h = np.linalg.norm(quad[3] - quad[0]) / STRIDE
        sx, sy = max(.6, w * .12), max(.6, h * .2)
        if not (-.5 <= c[0] < g - .5 and -.5 <= c[1] < g - .5):
            continue
        cx, cy = int(round(c[0])), int(round(c[1]))
        if sure < 0:  # neither asked for nor forbidden: such heat weighs nothing
            heat = np.maximum(heat, .999 * ((np.abs(xs - c[0]) < w / 2) & (np.abs(ys - c[1]) < h / 2 + .5)))
            continue
        blob = np.exp(-((xs - c[0]) ** 2 / (2 * sx * sx) + (ys - c[1]) ** 2 / (2 * sy * sy)))
        heat = np.maximum(heat, blob)
        heat[cy, cx] = 1
        near = blob > .5
        near[cy, cx] = True
        for k in range(4):
            corners[2 * k][near] = quad[k, 0] / STRIDE - .5 - xs[near]
            corners[2 * k + 1][near] = quad[k, 1] / STRIDE - .5 - ys[near]
        weight[near] = sure / max(2., h)
    return heat, corners, weight


class Windows(torch.utils.data.IterableDataset):
    """Endless training windows."""

    def __init__(self, size, position):
        self.size, self.position = size, position

    def __iter__(self):
        seed(self.position, torch.utils.data.get_worker_info().id)
        stock = scenes.Stock()
        while True:
            image, quads, trust = scenes.window(stock, self.size)
            heat, corners, weight = targets(quads, trust, self.size)
            yield torch.from_numpy(image.astype(np.float32) / 255)[None], heat[None], corners, weight[None]


def loss_of(net, x, heat, corners, weight):
    """Focal loss on centres (Zhou et al., Objects as Points) and L1 on corners, in plate heights."""
    out, off = net(x)
    out, off = out.float(), off.float()
    p = torch.sigmoid(out).clamp(1e-4, 1 - 1e-4)
    pos = heat.eq(1)
    n = pos.sum().clamp(min=1)
    found = -(torch.log(p) * (1 - p) ** 2)[pos].sum()
    false = -(torch.log(1 - p) * p ** 2 * (1 - heat) ** 4)[~pos].sum()
    l1 = ((off - corners).abs() * weight).sum() / (8 * (weight > 0).sum().clamp(min=1))
    return (found + false) / n, l1


def main():
    ap = argparse.ArgumentParser()
    config = CONFIG["detector"]
    ap.add_argument("--steps", type=int, default=config["steps"], help="of the whole schedule; a step is one batch")
    ap.add_argument("--batch", type=int, default=config["batch"])
    ap.add_argument("--size", type=int, default=config["size"])
    ap.add_argument("--rate", type=float, default=config["rate"])
    ap.add_argument("--workers", type=int, default=1)
    ap.add_argument("--restart-schedule", action="store_true")
    args = ap.parse_args()
    seed()
    torch.set_num_threads(1)
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / "detector.pt"
    state = torch.load(file, weights_only=False) if file.exists() else None
    net = (Detector.like(state["average"]) if state else Detector(config["teacher"])).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=1e-2)
    average, steps = Average(net), 0
    if state:
        net.load_state_dict(state.get("net", state["average"])), average.net.load_state_dict(state["average"])
        average.steps = state["steps"]
        if not args.restart_schedule and "optimiser" in state:
            optimiser.load_state_dict(state["optimiser"])
            steps = state["schedule"]
    loader = iter(torch.utils.data.DataLoader(Windows(args.size, average.steps), batch_size=args.batch, num_workers=args.workers, prefetch_factor=4))
    last_save, losses = time.time(), []
    net.train()
    while steps < args.steps:
        x, heat, corners, weight = next(loader)
        share = steps / args.steps
        rate = args.rate * min(1, (steps + 1) / 200) * (.02 + .98 * .5 * (1 + np.cos(np.pi * share)))
        for g in optimiser.param_groups:
            g["lr"] = rate
        hot, l1 = loss_of(net, x.to(memory_format=torch.channels_last), heat, corners, weight)
        optimiser.zero_grad(set_to_none=True)
        (hot + 4 * l1).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimiser.step()
        average.update(net)
        steps += 1
        losses.append((hot.item(), l1.item()))
        if time.time() - last_save > 120 or steps >= args.steps:
            save(file, net, average, optimiser, steps)
            hot, l1 = np.mean(losses[-200:], 0)
            print(f"{steps:7d} steps {average.steps * args.batch / 1000:7.0f} k in all  heat {hot:.3f}  corners {l1:.3f}", flush=True)
            last_save = time.time()


if __name__ == "__main__":
    main()
