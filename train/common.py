"""Paths, the alphabet, CTC decoding and small helpers that every script here shares.

HOMEPLATE_DATA names the folder with the pictures (crops, scenes, templates, glyphs, negatives),
HOMEPLATE_WORK one for checkpoints, HOMEPLATE_OWN one with a site's own labelled plates, if there is one, HOMEPLATE_MODELS
one for the weights that are written, where it is not models/; none is part of the repository.
"""
import copy
import csv
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import tomllib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # class 0 is the CTC blank
DATA = Path(os.environ.get("HOMEPLATE_DATA", "data"))
WORK = Path(os.environ.get("HOMEPLATE_WORK", "work"))
OWN = Path(os.environ["HOMEPLATE_OWN"]) if "HOMEPLATE_OWN" in os.environ else None
HERE = Path(__file__).resolve().parent
MODELS = Path(os.environ.get("HOMEPLATE_MODELS", HERE.parent / "models"))
CONFIG = tomllib.loads((HERE / "config.toml").read_text())
STROKES = HERE.parent / "crates/street/assets/strokes.json"


def seed(position=0, worker=0):
    """Seeds all generators: the same for the same configuration, checkpoint position and worker."""
    value = (CONFIG["seed"] + 7919 * position + 104_729 * worker) % 2 ** 31
    random.seed(value), np.random.seed(value), torch.manual_seed(value)


def part_of(made, n, options, position, worker):
    """One process's part of `in_parts`."""
    torch.set_num_threads(1)
    seed(position, worker)
    return made(n, *options)


def in_parts(made, n, *options, position, parts=2):
    """Lists of what `made(n, *options)` returns, made by so many processes side by side, an n-th part by each: the same on
    every machine, however many cores it has. `made` is a function of a module, and seeds nothing itself."""
    shares = [n // parts + (k < n % parts) for k in range(parts)]
    # New processes and not copies: threads of libraries do not outlive a fork.
    with ProcessPoolExecutor(parts, mp_context=multiprocessing.get_context("spawn")) as pool:
        waited = [pool.submit(part_of, made, share, options, position, 1 + k) for k, share in enumerate(shares) if share]
        return [one.result() for one in waited]


def contract():
    """What models/contract.json says, and where nothing was exported yet, what is needed before."""
    file = MODELS / "contract.json"
    if file.exists():
        return json.loads(file.read_text())
    return {"detector": {"heat_threshold": CONFIG["calibrate"]["heat"]}, "recogniser": {"plate_threshold": .5}}


def held_out(text, share=10):
    """Whether a plate's text belongs to the held-out tenth: by text, since texts recur in the data."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % share == 0


def labelled_crops(name):
    """[(grey image, text, region)] of a crops folder, those without text left out."""
    out = []
    for row in csv.DictReader(open(DATA / "crops" / name / "labels.csv", newline="", encoding="utf-8")):
        if 3 <= len(row["text"]) <= 9:
            out.append((cv2.imread(str(DATA / "crops" / name / row["image"]), 0), row["text"], row["region"]))
    return out


def judged_crops(name, margin=.05):
    """[(crop 48x144 uint8, text)]: true boxes of the validation scenes, which only judge."""
    from capture import rectify
    out = []
    folder = DATA / "scenes" / f"validation-{name}"
    for row in csv.DictReader(open(folder / "labels.csv", newline="", encoding="utf-8")):
        grey = cv2.imread(str(folder / row["image"]), 0)
        x, y, w, h = (float(row[k]) for k in "xywh")
        mx, my = w * margin, h * margin
        quad = [[x - mx, y - my], [x + w + mx, y - my], [x + w + mx, y + h + my], [x - mx, y + h + my]]
        out.append((rectify(grey, np.float32(quad)), row["text"]))
    return out


def greedy(probs):
    """Best-path text of [T, 37] probabilities."""
    text, last = "", 0
    for c in probs.argmax(-1):
        if c and c != last:
            text += ALPHABET[c - 1]
        last = c
    return text


def likelihood(probs, text):
    """P(text) under CTC: the sum over all alignments, by the forward recursion."""
    states = [0]
    for c in text:
        states += [ALPHABET.index(c) + 1, 0]
    alpha = np.zeros(len(states))
    alpha[:2] = probs[0, states[:2]]
    for column in probs[1:]:
        moved = alpha.copy()
        moved[1:] += alpha[:-1]
        for s in range(3, len(states), 2):  # from one character straight to another one
            if states[s] != states[s - 2]:
                moved[s] += alpha[s - 2]
        alpha = moved * column[states]
    return float(min(1., alpha[-2:].sum()))


class Average:
    """Exponential moving average of a network's weights; what is exported."""

    def __init__(self, net, decay=.999):
        self.net, self.decay = copy.deepcopy(net).eval(), decay
        self.steps = 0

    @torch.no_grad()
    def update(self, net):
        self.steps += 1
        d = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for a, b in zip(self.net.state_dict().values(), net.state_dict().values()):
            if a.dtype.is_floating_point:
                a.lerp_(b, 1 - d)
            else:
                a.copy_(b)


def save(file, net, average, optimiser, schedule):
    """Writes a checkpoint whole or not at all; `schedule` counts the steps of the present schedule, and one
    checkpoint is kept for every thousand of them."""
    part = file.with_suffix(".new")
    torch.save({"net": net.state_dict(), "average": average.net.state_dict(), "optimiser": optimiser.state_dict(),
                "schedule": schedule, "steps": average.steps}, part)
    part.replace(file)
    shutil.copy(file, file.with_name(f"{file.stem}-{average.steps // 1000:03d}.pt"))
