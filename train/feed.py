"""Samples from many processes to one: each worker writes into a ring of its own in shared memory, and the trainer
takes what is new. `Store` keeps the newest on the graphics card, so that each is seen several times, never twice alike.
"""
import mmap
import os
import random
import time

import cv2
import numpy as np
import torch

import capture
import cuts
import regions
import render
import scenes
import verifier
from augment import FLAT_H, FLAT_W
from chain import Chain
from common import ALPHABET, CONFIG, seed
from detector import Detector

LONGEST = 12
WINDOW, MOST = 288, 6  # side of a composed window, plates in it at most

# {name: (shape, type)} of one sample
PLATE = {"image": ((FLAT_H, FLAT_W), np.uint8), "aspect": ((), np.float32), "classes": ((3, LONGEST), np.uint8), "lengths": ((3,), np.uint8),
         "may": ((len(regions.REGIONS),), np.uint8), "two": ((), np.uint8)}
CUT = {"image": ((capture.H, capture.W), np.uint8), "classes": ((LONGEST,), np.uint8), "length": ((), np.uint8), "may": ((len(regions.REGIONS),), np.uint8)}
CANDIDATE = {"cuts": ((2, capture.H, capture.W), np.uint8), "plate": ((), np.uint8)}
SCENE = {"image": ((WINDOW, WINDOW), np.uint8), "quads": ((MOST, 4, 2), np.float32), "trust": ((MOST,), np.float32)}


class Channel:
    """One worker's ring. It waits where the trainer has not taken the oldest yet."""

    def __init__(self, fields, slots):
        self.slots, self.fields = slots, {}
        for name, (shape, kind) in fields.items():
            room = mmap.mmap(-1, max(4096, slots * int(np.prod(shape, dtype=int)) * np.dtype(kind).itemsize))
            self.fields[name] = np.frombuffer(room, kind, slots * int(np.prod(shape, dtype=int))).reshape(slots, *shape)
        self.counts = np.frombuffer(mmap.mmap(-1, 4096), np.int64, 2)  # made, taken

    def put(self, sample):
        while self.counts[0] - self.counts[1] >= self.slots:
            time.sleep(.002)
        slot = int(self.counts[0]) % self.slots
        for name, value in sample.items():
            self.fields[name][slot] = value
        self.counts[0] += 1

    def take(self):
        """{name: array} of all that is new, or None."""
        made, taken = (int(v) for v in self.counts)
        if made == taken:
            return None
        which = np.arange(taken, made) % self.slots
        out = {name: array[which] for name, array in self.fields.items()}
        self.counts[1] = made
        return out


class Store:
    """The newest samples of some channels, on the device."""

    def __init__(self, fields, capacity, device):
        self.tensors = {n: torch.zeros((capacity, *shape), dtype=torch.from_numpy(np.zeros(0, kind)).dtype, device=device) for n, (shape, kind) in fields.items()}
        self.capacity, self.device, self.seen = capacity, device, 0

    def __len__(self):
        return min(self.seen, self.capacity)

    def add(self, samples):
        n = len(next(iter(samples.values())))
        which = (torch.arange(self.seen, self.seen + n) % self.capacity).to(self.device)
        for name, array in samples.items():
            self.tensors[name][which] = torch.from_numpy(array).to(self.device)
        self.seen += n

    def fill(self, channels):
        for channel in channels:
            if (samples := channel.take()) is not None:
                self.add(samples)

    def some(self, n):
        """n of the samples by chance: {name: tensor}."""
        which = torch.randint(len(self), (n,), device=self.device)
        return {name: t[which] for name, t in self.tensors.items()}


def written(text):
    """A text's classes, zeros behind it."""
    out = np.zeros(LONGEST, np.uint8)
    out[:len(text)] = [ALPHABET.index(c) + 1 for c in text]
    return out


def ones_at(places):
    """The regions that a plate may be from, as ones."""
    out = np.zeros(len(regions.REGIONS), np.uint8)
    out[list(places)] = 1
    return out


def flat_sample(plate):
    """A `render.Flat` as a sample of PLATE."""
    texts = ("" if plate.lines else plate.text, *(plate.lines or ("", "")))
    classes, lengths, may = np.stack([written(t) for t in texts]), np.uint8([len(t) for t in texts]), ones_at(plate.regions)
    h, w = plate.image.shape
    return {"image": cv2.resize(plate.image, (FLAT_W, FLAT_H), interpolation=cv2.INTER_AREA), "aspect": w / h, "classes": classes, "lengths": lengths,
            "may": may, "two": plate.lines is not None}


def plates(number, channel, drawn, shuffles, share):
    """A worker that draws plates and deals the characters of real ones anew, `share` of the samples."""
    begin(number)
    names = list(shuffles)
    while True:
        try:
            if random.random() < share:
                name = random.choices(names, [{"us": .6, "eu": .25, "br": .15}[k] for k in names])[0]
                image, text, where = shuffles[name].plate(.5)
                w = {"us": 320, "eu": 520, "br": 400}[name] / {"us": 150, "eu": 112, "br": 130}[name]
                channel.put(flat_sample(render.Flat(image, text, where)) | {"aspect": w})
            else:
                channel.put(flat_sample(render.any_plate(drawn)))
        except cv2.error:
            continue


def windows(number, channel, stock):
    """A worker that composes windows for the detector, without their light."""
    begin(number)
    while True:
        try:
            image, known = scenes.composed(stock, WINDOW)
        except cv2.error:
            continue
        quads, trust = np.zeros((MOST, 4, 2), np.float32), np.full(MOST, -9, np.float32)  # -9: no plate at all
        for k, (quad, sure) in enumerate(known[:MOST]):
            quads[k], trust[k] = quad, sure
        if len(known) <= MOST:
            channel.put({"image": image, "quads": quads, "trust": trust})


def detected(number, channel, stock, flats, shuffles):
    """A worker that makes cuts of plates in pictures as the detector of the work folder finds them, as `cuts.py` does."""
    begin(number)
    chain = Chain(verifier.load(Detector, "detector"))
    while True:
        try:
            seen = cuts.met(chain, stock, flats, shuffles)
        except cv2.error:
            continue
        for grey, _, flat, hit in seen:
            if hit is not None:
                channel.put({"image": cuts.close(grey, hit), "classes": written(flat.text), "length": len(flat.text), "may": ones_at(flat.regions)})


def candidates(number, channel, stock):
    """A worker that collects what the detector of the work folder takes for plates, as `verifier.py` does."""
    begin(number)
    chain = Chain(verifier.load(Detector, "detector"))
    while True:
        try:
            for pair, plate in verifier.mine(chain, 1, CONFIG["verifier"]["threshold"], stock):
                channel.put({"cuts": pair, "plate": plate})
        except cv2.error:
            continue


def begin(number):
    """Every worker with chance of its own. Threads are the trainer's to switch off, before it makes workers: doing it
    here waits for ever on threads that a fork does not take along."""
    os.nice(5)
    seed(0, 100 + number)
