"""Cuts as the chain makes them: plates in scenes, found by the present detector and cut by what it says, with all
its errors. The recogniser learns to read them, and held-out plates tell how the whole chain reads.

`python cuts.py 24000` writes cuts.npz into the work folder, for `recogniser.py`;
`python cuts.py --judge 800` reads held-out plates in held-out pictures with the whole chain;
`python cuts.py --errors 4000` writes errors.npy, how the detector's corners miss, for `gpu.py`.
"""
import argparse
import random
import time

import cv2
import numpy as np
import torch

import capture
import render
import scenes
from chain import Chain, grow, iou, missed
from common import CONFIG, WORK, contract, seed
from detector import Detector
from recogniser import dealt_anew, real_crops, shuffles
from verifier import load, whole

SIDE = 320  # of a picture as the detector sees it
SMALL = .35  # of the plates to learn from are at most 70 pixels wide
KINDS = {"us": .42, "br": .12, "eu": .21, None: .25}  # None: a rendered one


def pick(stock, flats, dealt, two=0.):
    """A one-line plate with its text: real, or real with its characters dealt anew (`dealt`), or rendered. `two`: the share
    of two-line ones."""
    if random.random() < two and flats.get("two"):
        return random.choice(flats["two"])
    kind = random.choices(list(KINDS), list(KINDS.values()))[0]
    if kind in dealt and random.random() < CONFIG["recogniser"]["dealt"]:
        return dealt_anew(dealt[kind], kind)
    while True:
        flat = random.choice(flats[kind]) if flats.get(kind) else render.any_plate(stock.dies)
        if flat.text and not flat.lines:
            return flat


def composed(stock, flats, small=0., dealt=(), two=0.):
    """(grey picture larger than the detector's, [(quad, flat)], its sides over the detector's); `small` is the share of
    plates that are made small on purpose; `dealt` and `two` as for `pick`."""
    zoom = random.choice([1, random.uniform(.7, 1), random.uniform(1, 2.2)])
    size = round(SIDE * zoom)
    path = random.choice(stock.scenes)[0] if random.random() < .5 else random.choice(stock.empty)
    picture = stock.picture(path)
    image, _ = scenes.view(picture, [], SIDE, float(np.exp(random.uniform(np.log(.55), np.log(1.9)))), aim=False)
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
    known = []
    for _ in range(random.choice([1, 2, 2, 3])):
        flat = pick(stock, flats, dealt, two)
        aspect = flat.image.shape[1] / flat.image.shape[0]
        most = 70 if small and random.random() < small else 170
        width = float(np.exp(random.uniform(np.log(30), np.log(most)))) * zoom
        if width > size * .7:
            continue
        x, y = random.uniform(width * .55, size - width * .55), random.uniform(width * .5, size - width * .5)
        if any(np.abs(q.mean(0) - [x, y]).max() < width * 1.6 + np.ptp(q[:, 0]) for q, _ in known):
            continue
        if random.random() < .6:
            scenes.car_rear(image, x, y, width)
        quad = scenes.plate_quad(x, y, width, aspect)
        shot = flat.image if random.random() < .6 else capture.degrade(flat.image, min(flat.image.shape[1], max(24, int(width * random.uniform(1, 1.8)))))
        scenes.mount(stock, image, shot, quad)
        known.append((quad, flat))
    for _ in range(random.choice([0, 0, 1, 3])):
        clean = image.copy()
        scenes.distractor(stock, image)
        if any((image[scenes.inside(q, size)] != clean[scenes.inside(q, size)]).any() for q, _ in known):
            image = clean
    image = scenes.light(image)
    return image, [(q, f) for q, f in known if image[scenes.inside(q, size)].std() > 12], zoom


def found(chain, grey, threshold):
    """The detector's candidates in a composed picture, which is not brought to a whole picture's size."""
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA if grey.shape[0] > SIDE else cv2.INTER_LINEAR)
    return [(score, quad * (grey.shape[0] / SIDE)) for score, quad in chain.of_input(small, threshold)]


def met(chain, stock, flats, dealt=(), two=0.):
    """[(grey picture, quad, flat, the detector's quad or None)] of the plates in one composed picture."""
    grey, known, _ = composed(stock, flats, SMALL, dealt, two)
    candidates = found(chain, grey, .15)
    return [(grey, quad, flat, next((c for _, c in candidates if iou(c, quad) > .35), None)) for quad, flat in known]


def close(grey, hit):
    """The product's cut of what the detector found."""
    return capture.rectify(grey, grow(hit, .05))


def cuts(n):
    """Writes n cuts with texts and regions."""
    chain, stock, flats = Chain(load(Detector, "detector")), scenes.Stock(), real_crops()[0]
    dealt = shuffles(flats)
    pictures, texts, where, missed, start = [], [], [], 0, time.time()
    while len(pictures) < n:
        for grey, _, flat, hit in met(chain, stock, flats, dealt):
            if hit is None:
                missed += 1
                continue
            pictures.append(close(grey, hit))
            texts.append(flat.text), where.append(",".join(map(str, sorted(flat.regions))))
    np.savez(WORK / "cuts.npz", cuts=np.stack(pictures), texts=np.array(texts), regions=np.array(where))
    print(f"{len(pictures)} cuts, {missed} plates not found, {time.time() - start:.0f} s")


def errors(n):
    """Writes how the detector's corners miss those of n plates, in the plate's own square: what `augment.py` imitates."""
    chain, stock, flats = Chain(load(Detector, "detector")), scenes.Stock(), real_crops()[0]
    out = []
    while len(out) < n:
        for _, quad, _, hit in met(chain, stock, flats):
            if hit is not None:
                out.append(missed(hit, quad))
    np.save(WORK / "errors.npy", np.float32(out))
    print(f"{len(out)} plates, corners off {np.abs(out).mean((0, 1))} of a side")


def judge(n, agreed):
    """Held-out plates in n held-out pictures: found, exact, false plates a picture; by width in the detector's pixels."""
    chain = whole(agreed.get("confidence"))
    stock, flats = scenes.Stock(held=True), real_crops()[1]
    chain.find, chain.near = lambda grey, threshold: found(chain, grey, threshold), False
    heat, plate = agreed["detector"]["heat_threshold"], agreed["recogniser"]["plate_threshold"]
    rows, said = [], []
    for _ in range(n):
        grey, known, zoom = composed(stock, flats)
        reads = [p for p in chain.read(grey, heat, plate) if p["confidence"] >= .05]
        for quad, flat in known:
            near = [p for p in reads if iou(np.float32(p["corners"]), quad) > .3]
            rows.append((np.linalg.norm(quad[1] - quad[0]) / zoom, bool(near), any(p["text"] == flat.text for p in near)))
            said += [(p["confidence"], p["text"] == flat.text) for p in near]
    rows = np.array(rows, float)
    for low, high in ((0, 400), (0, 50), (50, 80), (80, 400)):
        of = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        print(f"  {low} to {high} px: {len(of)} plates, found {of[:, 1].mean():.3f}, exact {of[:, 2].mean():.3f}")
    print(f"  mean confidence {np.mean([p for p, _ in said]):.3f}, right {np.mean([r for _, r in said]):.3f}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("cuts", type=int, nargs="?", default=CONFIG["recogniser"]["cuts"])
    ap.add_argument("--judge", type=int, help="pictures with held-out plates")
    ap.add_argument("--errors", type=int, help="plates, for errors.npy")
    args = ap.parse_args()
    torch.set_num_threads(1)
    seed(11)
    if args.errors:
        errors(args.errors)
    elif args.judge:
        judge(args.judge, contract())
    else:
        cuts(args.cuts)


if __name__ == "__main__":
    main()
