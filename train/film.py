"""How sure the vote over a film's frames may be: held-out plates on cars that come nearer in held-out pictures, coded as a
camera codes them, read by the executable. It fits the two numbers of `crates/vision/src/vote.rs`.

`python film.py ../target/release/homeplate --passes 300` prints how many passes are told, how many of them rightly, and what
was said to be how sure against what was right. It needs gst-launch-1.0 with x264enc, as the tests do.
"""
import argparse
import json
import random
import subprocess

import cv2
import numpy as np
import torch

import capture
import render
import scenes
from common import WORK, seed
from confidence import by_chance, error, platt
from recogniser import real_crops

FPS, WIDE, HIGH = 10, 960, 540
SHOWN, EMPTY = 12, 25  # frames of a pass, and frames without one before the next
A, B = .425, .819  # of vote.rs, which this reader has
DRAWN = 220  # width in pixels that the plate has on the drawn car


def car(stock, flat):
    """(picture of a car with this plate on it, its mask): the same car for a whole pass, to be shrunk and moved."""
    canvas, _ = scenes.view(stock.picture(random.choice(stock.empty)), [], 1000, 1., aim=False)
    x0, y0, x1, y1 = scenes.car_rear(canvas, 500, 500, DRAWN)
    shot = capture.degrade(flat.image, min(flat.image.shape[1], DRAWN))
    scenes.mount(stock, canvas, shot, scenes.plate_quad(500, 500, DRAWN, flat.image.shape[1] / flat.image.shape[0]))
    mask = np.zeros(canvas.shape, np.float32)
    mask[max(0, y0):y1, max(0, x0):x1] = 1
    return canvas, mask


def background(stock):
    picture = scenes.to_grey(stock.picture(random.choice(stock.empty)))
    s = max(WIDE / picture.shape[1], HIGH / picture.shape[0]) + .01
    return cv2.resize(picture, None, fx=s, fy=s, interpolation=cv2.INTER_LINEAR)[:HIGH, :WIDE].copy()


def frames(stock, flat):
    """The frames of one pass: `SHOWN` with the car, then `EMPTY` without."""
    behind, (canvas, mask) = background(stock), car(stock, flat)
    last = float(np.exp(random.uniform(np.log(34), np.log(170))))
    first = last * random.uniform(.45, .95)
    begin, end = ([random.uniform(.25, .75) * WIDE, random.uniform(.35, .75) * HIGH] for _ in range(2))
    noise, smear, look = random.choice([1, 2, 4, 8]), random.choice([0, 0, 0, 1, 2]), random.getstate()
    for k in range(SHOWN + EMPTY):
        image = behind.copy()
        if k < SHOWN:
            t = k / (SHOWN - 1)
            s = (first + (last - first) * t) / DRAWN
            x, y = (a + (b - a) * t for a, b in zip(begin, end))
            small, part = (cv2.resize(v, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) for v in (canvas, mask))
            move = np.float32([[1, 0, x - 500 * s], [0, 1, y - 500 * s]])
            small, part = (cv2.warpAffine(v, move, (WIDE, HIGH), flags=cv2.INTER_LINEAR) for v in (small, part))
            image = (image * (1 - part) + small * part).astype(np.uint8)
            if smear:
                image = cv2.blur(image, (2 * smear + 1, 1))
        random.setstate(look)  # the light of a pass is one
        image = scenes.light(image)
        yield np.clip(image + np.random.randn(HIGH, WIDE) * noise, 0, 255).astype(np.uint8)


def shoot(folder, passes):
    """Writes film.mp4 into the folder: [(seconds of the first and last frame with a plate, its text)]."""
    stock, truth, n = scenes.Stock(held=True), [], 0
    flats = [c for name, crops in real_crops()[1].items() if name != "two" for c in crops]
    for _ in range(passes):
        flat = random.choice(flats) if random.random() < .8 else None
        while flat is None or flat.lines:
            flat = render.any_plate(stock.dies)
        truth.append((n / FPS, (n + SHOWN) / FPS, flat.text))
        for image in frames(stock, flat):
            cv2.imwrite(str(folder / f"{n:06d}.jpg"), image, [1, 95])
            n += 1
    subprocess.run(["gst-launch-1.0", "-q", "multifilesrc", f"location={folder}/%06d.jpg", f"caps=image/jpeg,framerate={FPS}/1", "!", "jpegdec", "!", "videoconvert", "!",
                    "x264enc", "bitrate=4000", "speed-preset=veryfast", "!", "mp4mux", "!", "filesink", f"location={folder}/film.mp4"], check=True)
    for path in folder.glob("*.jpg"):
        path.unlink()
    return truth


def told(reader, folder, truth):
    """[(confidence, right, pass)] of every line that the reader tells of the film."""
    out = subprocess.run([reader, "read", "--json", "--fps", str(FPS), "--min-confidence", "0", folder / "film.mp4"], capture_output=True, text=True, check=True).stdout
    rows = []
    for line in map(json.loads, out.splitlines()):
        if "track" in line and line.get("text"):
            which = next((k for k, (a, b, _) in enumerate(truth) if a - .3 <= line["best_s"] <= b + .3), -1)
            rows.append((line["confidence"], which >= 0 and line["text"] == truth[which][2], which))
    return np.array(rows, float).reshape(-1, 3)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("reader", help="the homeplate executable")
    ap.add_argument("--passes", type=int, default=300)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--again", action="store_true", help="the film that is there already")
    args = ap.parse_args()
    torch.set_num_threads(1)
    seed(args.seed)
    folder = WORK / f"film-{args.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    if not args.again:
        (folder / "truth.json").write_text(json.dumps(shoot(folder, args.passes)))
    truth = json.loads((folder / "truth.json").read_text())
    rows = told(args.reader, folder, truth)
    np.save(folder / "told.npy", rows)
    p, right = rows[:, 0], rows[:, 1]
    exact = len(set(rows[right > 0, 2]))
    print(f"{len(truth)} passes, {len(rows)} lines, {exact} passes exact, {len(rows) - len(set(rows[:, 2]))} lines more than passes told")
    q = np.clip(p, 1e-4, 1 - 1e-4)
    print(f"calibration error {error(p, right):.3f}, by chance {by_chance(p):.3f}, log loss {-np.mean(right * np.log(q) + (1 - right) * np.log(1 - q)):.3f}")
    agreed = (np.log(q / (1 - q)) - B) / A  # log odds before vote.rs makes them what is said
    a, b = platt(np.clip(agreed, -9.2, 9.2), right)
    print(f"their own numbers: A {a:.3f}, B {b:.3f}")
    for k in range(10):
        of = np.minimum((p * 10).astype(int), 9) == k
        if of.any():
            print(f"said {p[of].mean():.2f}  right {right[of].mean():.2f}  of {of.sum()}")
    for least in (.98, .99, .999):
        print(f"above {least}: {right[p > least].mean():.3f} of {(p > least).sum()}")


if __name__ == "__main__":
    main()
