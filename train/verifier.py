"""The verdict "is this a plate": a small network over a wide cut (30 % around), trained on what the
detector itself proposes: true plates, and the badges, lamps, signs and lettering it takes for them.

`python verifier.py --minutes 4` mines candidates with the present detector, then trains.
"""
import argparse
import random
import time

import cv2
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import capture
import scenes
from chain import Chain, grow, iou
from common import WORK, Average
from detector import Detector
from recogniser import block


class Verifier(nn.Module):
    """[N, 1, 48, 144] wide cut -> logit [N, 1]."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(block(1, 16, (2, 2)), block(16, 32, (2, 2)), block(32, 48), block(48, 64, (2, 2)), block(64, 64), block(64, 96, (1, 2)))
        self.out = nn.Linear(192, 1)

    def forward(self, x):
        y = self.body(x)
        return self.out(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1))


def load(kind, name):
    net = kind()
    net.load_state_dict(torch.load(WORK / f"{name}.pt", weights_only=False)["average"])
    return net.eval()


def mine(chain, seconds, threshold):
    """[(wide cut uint8, is a plate)] from fresh windows and whole pictures, for so many seconds."""
    stock, out, end = scenes.Stock(), [], time.time() + seconds
    while time.time() < end:
        if random.random() < .6:
            grey, quads = scenes.window(stock, 384)
        elif random.random() < .5:
            grey, quads = cv2.imread(random.choice(stock.empty), 0), []
        else:
            path, boxes = random.choice(stock.scenes)
            grey = cv2.imread(path, 0)
            quads = [np.float32([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]) for x, y, w, h in boxes]
        for _, quad in chain.candidates(grey, threshold):
            near = max((iou(quad, q) for q in quads), default=0)
            if .2 < near < .5:
                continue  # neither one nor the other
            out.append((capture.rectify(grey, grow(quad, .3)), near >= .5))
        for q in quads:  # true plates with corner errors, so that there are enough of them
            if 0 <= q.min() and q[:, 0].max() < grey.shape[1] and q[:, 1].max() < grey.shape[0]:
                noisy = q + np.random.randn(4, 2) * [(q[1, 0] - q[0, 0]) * .03, (q[3, 1] - q[0, 1]) * .07]
                out.append((capture.rectify(grey, grow(noisy, .3)), True))
    return out


def batch(samples, n):
    picked = random.sample(samples, n)
    x = []
    for crop, _ in picked:
        crop = crop.astype(np.float32)
        if random.random() < .3:
            crop = cv2.GaussianBlur(crop, (0, 0), random.uniform(.3, 1.5))
        crop += np.random.randn(*crop.shape) * random.choice([0, 2, 6])
        x.append(capture.normalise(np.clip(crop, 0, 255)))
    return torch.from_numpy(np.stack(x).astype(np.float32))[:, None], torch.tensor([float(p) for _, p in picked])[:, None]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--minutes", type=float, default=4)
    ap.add_argument("--mine", type=float, default=240, help="seconds of mining")
    ap.add_argument("--threshold", type=float, default=.12)
    args = ap.parse_args()
    torch.set_num_threads(1)
    chain = Chain(load(Detector, "detector"))
    samples = mine(chain, args.mine, args.threshold)
    cut = len(samples) * 9 // 10
    train, test = samples[:cut], samples[cut:]
    print(f"{len(samples)} candidates, {sum(p for _, p in samples)} plates", flush=True)
    net = Verifier()
    average, optimiser = Average(net, .995), torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=2e-2)
    start, steps = time.time(), 0
    while (share := (time.time() - start) / (args.minutes * 60)) < 1:
        x, y = batch(train, 64)
        for g in optimiser.param_groups:
            g["lr"] = 2e-3 * .5 * (1 + np.cos(np.pi * share)) + 1e-5
        loss = F.binary_cross_entropy_with_logits(net(x), y)
        optimiser.zero_grad(), loss.backward(), optimiser.step()
        average.update(net)
        steps += 1
    with torch.no_grad():
        x = torch.from_numpy(np.stack([capture.normalise(c) for c, _ in test]))[:, None]
        p = torch.sigmoid(average.net(x))[:, 0].numpy()
    y = np.array([t for _, t in test])
    for t in (.3, .5, .7, .9):
        print(f"{steps} steps  above {t}: plates kept {np.mean(p[y] >= t):.3f}, others kept {np.mean(p[~y] >= t):.3f}", flush=True)
    torch.save({"average": average.net.state_dict(), "steps": steps}, WORK / "verifier.pt")


if __name__ == "__main__":
    main()
