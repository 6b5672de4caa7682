"""Characters of real US plates, cut from the labelled crops where the count of shapes is the count of
characters: {state: {character: [mask]}}, and each state's serial formats as its labels show them.
"""
import csv

import cv2
import numpy as np

from common import DATA, held_out


def shapes(ink, n):
    """Boxes (x, y, w, h) of exactly `n` character-like components of a binary picture, left to right, or None."""
    h, w = ink.shape
    count, marks, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    found = []
    for i in range(1, count):
        x, y, bw, bh, area = stats[i]
        upright = .3 * h < bh < .75 * h and .04 * bh < bw < 1.05 * bh and area > .12 * bw * bh
        if upright and y > .06 * h and y + bh < .95 * h and x > 1 and x + bw < w - 1:
            found.append((x, y, bw, bh, i))
    if len(found) != n:
        return None
    found.sort()
    tall = np.median([f[3] for f in found])
    if any(abs(f[3] - tall) > .12 * tall for f in found):
        return None
    if any(a[0] + a[2] > b[0] + 2 for a, b in zip(found, found[1:])):
        return None
    return found, marks


def cut_glyphs(grey, text):
    """[(character, mask uint8)] of one crop, or an empty list where the shapes do not fit the text."""
    big = cv2.resize(grey, (480, 240), interpolation=cv2.INTER_CUBIC)
    flat = big.astype(np.float32)
    flat -= cv2.GaussianBlur(flat, (0, 0), 40)
    flat = cv2.normalize(cv2.GaussianBlur(flat, (0, 0), 1), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    level, _ = cv2.threshold(flat, 0, 255, cv2.THRESH_OTSU)
    for shift in (0, -15, 15, -30, 30):
        for dark in (True, False):
            ink = ((flat < level + shift) == dark).astype(np.uint8)
            fit = shapes(ink, len(text))
            if fit is None:
                continue
            found, marks = fit
            out = []
            for c, (x, y, w, h, i) in zip(text, found):
                mask = (marks[y:y + h, x:x + w] == i).astype(np.uint8) * 255
                out.append((c, cv2.GaussianBlur(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), (0, 0), .8)))
            return out
    return []


def load_us_dies():
    """({state: {character: [mask]}}, {state: [serial format]}) of the crops outside the held-out tenth."""
    dies, formats = {}, {}
    for row in csv.DictReader(open(DATA / "crops/us/labels.csv", newline="", encoding="utf-8")):
        text, state = row["text"], row["region"].split("-")[-1]
        if held_out(text) or not 4 <= len(text) <= 8:
            continue
        formats.setdefault(state, []).append("".join("1" if c.isdigit() else "A" for c in text))
        for c, mask in cut_glyphs(cv2.imread(str(DATA / "crops/us" / row["image"]), 0), text):
            dies.setdefault(state, {}).setdefault(c, []).append(mask)
    return dies, formats

