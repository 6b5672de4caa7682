"""Characters of real US plates, cut from the labelled crops where the count of shapes is the count of
characters: {state: {character: [mask]}}, and each state's serial formats as its labels show them.
"""
import csv
import random

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


def fitted(grey, text):
    """([(x, y, w, h, mark)] of a text's characters in the crop at 480 x 240, the picture of marks, whether they are darker
    than the ground), or None where the shapes do not fit the text."""
    big = cv2.resize(grey, (480, 240), interpolation=cv2.INTER_CUBIC)
    flat = big.astype(np.float32)
    flat -= cv2.GaussianBlur(flat, (0, 0), 40)
    flat = cv2.normalize(cv2.GaussianBlur(flat, (0, 0), 1), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    level, _ = cv2.threshold(flat, 0, 255, cv2.THRESH_OTSU)
    for shift in (0, -15, 15, -30, 30):
        for dark in (True, False):
            fit = shapes(((flat < level + shift) == dark).astype(np.uint8), len(text))
            if fit is not None:
                return *fit, dark
    return None


def cut_glyphs(grey, text):
    """[(character, mask uint8)] of one crop, or an empty list where the shapes do not fit the text."""
    fit = fitted(grey, text)
    if fit is None:
        return []
    found, marks, _ = fit
    out = []
    for c, (x, y, w, h, i) in zip(text, found):
        mask = (marks[y:y + h, x:x + w] == i).astype(np.uint8) * 255
        out.append((c, cv2.GaussianBlur(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), (0, 0), .8)))
    return out


TAKEN_FOR_OTHERS = "WMHNAVUYBDOQGCSZ" "843605"  # what most slips at 60 to 100 pixels are about


class Shuffle:
    """Real crops with their characters dealt anew: each place keeps a letter or a digit, from the same plate or from
    another one of the set, in the paint, wear and light of a photograph. Texts cannot be learned by heart."""

    def __init__(self, crops, each=map):
        """`crops`: [(grey, text, group)]; those whose characters can be told apart are kept. `each` may be a pool's map."""
        self.plates, self.stock = [], {}
        for (grey, text, group), fit in zip(crops, each(boxes, [(g, t) for g, t, _ in crops])):
            if fit is None:
                continue
            places, dark = fit
            big = cv2.resize(grey, (480, 240), interpolation=cv2.INTER_CUBIC)
            kind = (group, dark)
            self.plates.append((big, text, places, kind))
            for c, (x, y, w, h) in zip(text, places):
                patch = big[max(0, y - 3):y + h + 3, max(0, x - 3):x + w + 3]
                self.stock.setdefault((kind, c.isdigit()), []).append((c, patch.copy()))
        self.taken = {}  # those that are taken for others, each character as often as any other
        for key, stock in self.stock.items():
            of = {c: [o for o in stock if o[0] == c] for c, _ in stock if c in TAKEN_FOR_OTHERS}
            most = max(map(len, of.values()), default=0)
            self.taken[key] = [o for some in of.values() for o in random.choices(some, k=most)]

    def __len__(self):
        return len(self.plates)

    def plate(self, alike=0.):
        """(grey 240 x 480, text, the group). `alike` is the share of places that get a character which others are taken for."""
        big, text, boxes, kind = random.choice(self.plates)
        out, new = big.copy(), []
        own = [(c, big[max(0, y - 3):y + h + 3, max(0, x - 3):x + w + 3]) for c, (x, y, w, h) in zip(text, boxes)]
        for k, (c, (x, y, w, h)) in enumerate(zip(text, boxes)):
            left = (boxes[k - 1][0] + boxes[k - 1][2] + x) // 2 if k else x - 6
            right = (x + w + boxes[k + 1][0]) // 2 if k + 1 < len(boxes) else x + w + 6
            left, right = max(left, x - 14, 0), min(right, x + w + 14, 480)
            if random.random() < alike and (likely := self.taken[kind, c.isdigit()]):
                character, patch = random.choice(likely)
                patch = alike_tones(patch, own[k][1])
            elif random.random() < .5:
                character, patch = random.choice([o for o in own if o[0].isdigit() == c.isdigit()])
            else:
                character, patch = random.choice(self.stock[kind, c.isdigit()])
                patch = alike_tones(patch, own[k][1])
            top, low = max(0, y - 3), min(240, y + h + 3)
            wide = min(patch.shape[1], right - left)
            patch = cv2.resize(patch, (wide, low - top), interpolation=cv2.INTER_AREA)
            slot = out[top:low, left:right]
            a, b = slot[:, :1].astype(np.float32), slot[:, -1:].astype(np.float32)
            t = np.linspace(0, 1, slot.shape[1], dtype=np.float32)[None]
            slot[:] = (a + (b - a) * t).astype(np.uint8)  # the ground, from the slot's edges
            at = (slot.shape[1] - wide) // 2
            slot[:, at:at + wide] = patch
            new.append(character)
        return out, "".join(new), kind[0]


def boxes(crop):
    """([(x, y, w, h)] of the characters of (grey, text), whether they are dark), or None."""
    fit = fitted(*crop)
    return fit and ([tuple(int(v) for v in f[:4]) for f in fit[0]], fit[2])


def alike_tones(patch, model):
    """A patch in the tones of another: its darkest and lightest tenth go where theirs are."""
    low, high = np.percentile(patch, (8, 92))
    low2, high2 = np.percentile(model, (8, 92))
    return np.clip(low2 + (patch.astype(np.float32) - low) / max(high - low, 8) * (high2 - low2), 0, 255).astype(np.uint8)


def load_us_dies(each=map):
    """({state: {character: [mask]}}, {state: [serial format]}) of the crops outside the held-out tenth; `each` may be a
    pool's map."""
    rows, dies, formats = [], {}, {}
    for row in csv.DictReader(open(DATA / "crops/us/labels.csv", newline="", encoding="utf-8")):
        if not held_out(row["text"]) and 4 <= len(row["text"]) <= 8:
            rows.append((row["image"], row["text"], row["region"].split("-")[-1]))
    for (_, text, state), glyphs in zip(rows, each(glyphs_of, rows)):
        formats.setdefault(state, []).append("".join("1" if c.isdigit() else "A" for c in text))
        for c, mask in glyphs:
            dies.setdefault(state, {}).setdefault(c, []).append(mask)
    return dies, formats


def glyphs_of(row):
    return cut_glyphs(cv2.imread(str(DATA / "crops/us" / row[0]), 0), row[1])
