"""The recogniser: a grey 48x144 cut of a plate to character odds in 36 columns (CTC), and a verdict
whether it is a plate at all (from a wider cut; trained by `verifier.py`).

`python recogniser.py --minutes 40` trains; started again it goes on from its checkpoint.
"""
import argparse
import json
import random
import shutil
import time

import cv2
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import capture
import render
from common import ALPHABET, DATA, HERE, STROKES, WORK, Average, greedy, held_out, judged_crops, labelled_crops


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


class Recogniser(nn.Module):
    """[N, 1, 48, 144] -> log probabilities [N, 36, 37]; class 0 is blank."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            block(1, 32, (2, 2)), block(32, 48, (2, 2)), block(48, 64), block(64, 96, (2, 1)), block(96, 96),
            block(96, 128, (2, 1)), block(128, 128),
            block(128, 192, kernel=(3, 1)), nn.Dropout2d(.1), block(192, 192, kernel=(1, 5)))
        self.wide = nn.Sequential(Wide(192), Wide(192))
        self.head = nn.Conv2d(192, 37, 1)

    def columns(self, features):
        """Logits [N, 36, 37] of the trunk's features [N, 192, 1, 36]."""
        return self.head(self.wide(features)).squeeze(2).transpose(1, 2)

    def forward(self, x):
        return F.log_softmax(self.columns(self.trunk(x)).float(), -1)


class Crops(torch.utils.data.IterableDataset):
    """An endless mix of rendered plates and real crops under hard augmentation."""

    def __init__(self, real, real_share, start_easy):
        self.real, self.real_share, self.start_easy = real, real_share, start_easy

    def __iter__(self):
        seed = (int(time.time() * 1000) + torch.utils.data.get_worker_info().id) % 2 ** 31
        random.seed(seed), np.random.seed(seed)
        dies = render.Dies(DATA, HERE / "fonts/woff", STROKES)
        done = 0
        sets = list(self.real.values())
        weights = [self.weight(k) for k in self.real]
        while True:
            # From easy to hard over the first 20,000 samples: CTC leaves its plateau sooner.
            ease = min(1.0, .35 + done / 20_000) if self.start_easy else 1.0
            done += 1
            try:
                if random.random() < self.real_share:
                    image, text = random.choice(random.choices(sets, weights)[0])
                else:
                    image, text = render.any_plate(dies)
                low = int(34 + (1 - ease) * 60)
                crop = capture.take(image, (low, 220), ease)
            except cv2.error:
                continue
            label = torch.tensor([ALPHABET.index(c) + 1 for c in text] + [0] * (12 - len(text)))
            yield torch.from_numpy(capture.normalise(crop))[None], label, len(text)

    @staticmethod
    def weight(name):
        return {"us": .45, "br": .25, "eu": .3}.get(name, .2)


def real_crops():
    """Training and held-out crops, split by text; unlabelled ones come from `pseudo.py` once it has run.

    Crops that show a text of the judging scenes are left out, so that no plate is both trained on and judged.
    """
    from pseudo import judged_texts
    forbidden = judged_texts()
    train, test = {}, {}
    for name in ("us", "br"):
        every = [c for c in labelled_crops(name) if c[1] not in forbidden]
        train[name] = [c for c in every if not held_out(c[1])]
        test[name] = [c for c in every if held_out(c[1])][:150]
    pseudo = WORK / "pseudo.json"
    if pseudo.exists():
        train["eu"] = []
        for name, text in json.loads(pseudo.read_text()):
            if not held_out(text):
                train[name[:2]].append((cv2.imread(str(DATA / "crops" / name), 0), text))
    return train, test


@torch.no_grad()
def judge(net, sets):
    """Share of exactly read crops a set."""
    out = {}
    for name, crops in sets.items():
        x = torch.from_numpy(np.stack([capture.normalise(c) for c, _ in crops]))[:, None]
        probs = net(x).exp().numpy()
        out[name] = sum(greedy(p) == t for p, (_, t) in zip(probs, crops)) / len(crops)
    return out


def upright(crops):
    """Held-out crops as the reader would cut them."""
    out = []
    for image, text in crops:
        h, w = image.shape
        quad = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
        out.append((capture.rectify(image, quad), text))
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--minutes", type=float, default=40)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--rate", type=float, default=2e-3)
    ap.add_argument("--real", type=float, default=.5)
    ap.add_argument("--workers", type=int, default=1)
    ap.add_argument("--restart-schedule", action="store_true", help="keep the weights, begin the rate anew")
    args = ap.parse_args()
    torch.set_num_threads(1)
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / "recogniser.pt"
    net = Recogniser().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=1e-2)
    average, spent, steps = Average(net), 0.0, 0
    if file.exists():
        state = torch.load(file, weights_only=False)
        grown = not any(k.startswith("wide") for k in state["net"])  # a checkpoint from before `Wide`
        net.load_state_dict(state["net"], strict=not grown), average.net.load_state_dict(state["average"], strict=not grown)
        average.steps = state["steps"]
        if not args.restart_schedule:
            optimiser.load_state_dict(state["optimiser"])
            spent, steps = state["spent"], state["steps"]
    train, test = real_crops()
    judges = {f"held-{k}": upright(v) for k, v in test.items()}
    judges |= {k: judged_crops(k) for k in ("us", "eu", "br")}
    loader = iter(torch.utils.data.DataLoader(Crops(train, args.real, steps == 0), batch_size=args.batch, num_workers=args.workers, prefetch_factor=4))
    ctc = nn.CTCLoss(zero_infinity=True)
    last, last_save, losses = time.time(), time.time(), []
    net.train()
    while spent < args.minutes * 60:
        x, y, n = next(loader)
        share = spent / (args.minutes * 60)
        rate = args.rate * min(1, (steps + 1) / 200) * (.02 + .98 * .5 * (1 + np.cos(np.pi * share)))
        for g in optimiser.param_groups:
            g["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = net(x.to(memory_format=torch.channels_last))
        loss = ctc(out.transpose(0, 1), y, torch.full((len(x),), out.shape[1]), n)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimiser.step()
        average.update(net)
        steps += 1
        losses.append(float(loss))
        now = time.time()
        spent, last = spent + now - last, now
        if now - last_save > 120 or spent >= args.minutes * 60:
            save(file, net, average, optimiser, spent, steps)
            scores = judge(average.net, judges)
            print(f"{spent / 60:6.1f} min {steps * args.batch / 1000:7.0f} k  loss {np.mean(losses[-200:]):.3f}  "
                  + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()), flush=True)
            last_save = last = time.time()


def save(file, net, average, optimiser, spent, steps):
    part = file.with_suffix(".new")
    torch.save({"net": net.state_dict(), "average": average.net.state_dict(), "optimiser": optimiser.state_dict(),
                "spent": spent, "steps": steps}, part)
    part.replace(file)
    number = int(spent // 600)  # one is kept for every ten minutes
    shutil.copy(file, file.with_name(f"recogniser-{number:02d}.pt"))


if __name__ == "__main__":
    main()
