"""Words that are no plate, as they stand on cars, lorries, shops and signs: what the verdict has to tell from plates
above all else, since the detector and the recogniser take both for lettering.

`python words.py sheet.png` shows some.
"""
import random
import sys

import cv2
import numpy as np

import render
import scenes

VOWELS, CONSONANTS = "AEIOU", "BCDFGLMNPRSTVZ"
CLOCKS = ("20{d}{d}-{d}{d}-{d}{d}", "{d}{d}:{d}{d}:{d}{d}", "{d}{d}/{d}{d}/20{d}{d}", "{d}{d}.{d}{d}.20{d}{d} {d}{d}:{d}{d}", "CAM {d}{d}")
DIGITS = ("{d}", "{d}00", "{d}.{d}", "{d}X{d}", "{d}{d}0{a}", "{d}V", "{a}{d}", "{a}{d}{d}{d}")


def syllables():
    """A word that can be spoken."""
    word = "".join(random.choice(CONSONANTS) + random.choice(VOWELS) + random.choice(["", "", "", "S", "R", "N", "L"]) for _ in range(random.randint(1, 4)))
    return word[random.choice([0, 0, 1]):]


def text(board=False):
    """A name, an abbreviation, two words, a model's number, a clock; none with digits on a board, which might as well be a plate."""
    p = random.random() * (.8 if board else 1)
    if p < .5:
        return syllables()
    if p < .7:
        return "".join(random.choice(render.LETTERS) for _ in range(random.randint(2, 5)))
    if p < .8:
        return f"{syllables()} {syllables()}"
    clock = p > .9  # what a camera writes into its picture
    spec = random.choice(CLOCKS if clock else DIGITS)
    while "{d}" in spec or "{a}" in spec:
        spec = spec.replace("{d}", random.choice(render.DIGITS), 1).replace("{a}", random.choice(render.LETTERS), 1)
    return spec if clock or random.random() < .5 else f"{syllables()} {spec}"


def line(dies, word, height):
    """The mask of a word: narrow, wide or widely set, upright or slanting, thin or fat."""
    draw = render.typeface(dies, "font")
    gap = max(1, int(height * random.choice([.05, .1, .2, .2, .5, 1.])))
    spaces = {i: int(height * .4) for i, c in enumerate(word) if i and word[i - 1] == " "}
    mask = render.set_line(lambda c, h: np.zeros((h, 2), np.uint8) if c == " " else draw(c, h), word, height, gap, spaces)[0]
    mask = cv2.resize(mask, (max(6, int(mask.shape[1] * random.uniform(.8, 1.9))), height), interpolation=cv2.INTER_LINEAR)
    if random.random() < .25:
        lean = random.uniform(.1, .35) * height
        m = np.float32([[1, -lean / height, lean], [0, 1, 0]])
        mask = cv2.warpAffine(mask, m, (int(mask.shape[1] + lean) + 1, height))
    if random.random() < .3:
        mask = (cv2.dilate if random.random() < .6 else cv2.erode)(mask, np.ones((3, 3), np.uint8))
    return mask


def edged(mask, ink, height):
    """As `sheet` answers: letters in outline, hollow, or with an edge of another grey around, as cameras write theirs."""
    wide = cv2.dilate(mask, np.ones((3, 3), np.uint8), iterations=max(1, int(height * random.uniform(.03, .1))))
    wide, mask = wide.astype(np.float32) / 255, mask.astype(np.float32) / 255
    if random.random() < .5:
        return np.full(mask.shape, ink, np.float32), wide - mask
    edge = float(np.clip(ink + random.choice([-1, 1]) * random.randint(80, 255), 0, 255))
    return edge + (ink - edge) * mask, wide


def sheet(dies, height):
    """(grey levels, how much each covers) of a word in chrome, in paint, in outline, or on a ground of its own, with what stands beside it."""
    board = random.random() < .4
    words = [line(dies, text(board), height)]
    if random.random() < .25:
        words.append(line(dies, text(), max(6, int(height * random.uniform(.3, .8)))))
    random.shuffle(words)
    w, gap = max(m.shape[1] for m in words), max(2, int(height * random.uniform(.15, .5)))
    mx, my = int(height * random.uniform(.15, 1.2)), int(height * random.uniform(.1, .6))
    h = sum(m.shape[0] for m in words) + gap * (len(words) - 1)
    mask, y = np.zeros((h + 2 * my, w + 2 * mx), np.uint8), my
    for m in words:
        x = mx + (w - m.shape[1]) // 2
        mask[y:y + m.shape[0], x:x + m.shape[1]] = m
        y += m.shape[0] + gap
    ink = random.randint(0, 255)
    if random.random() < .2:
        return edged(mask, ink, height)
    grey, cover = np.full(mask.shape, ink, np.float32), mask.astype(np.float32) / 255
    if board:  # a sign, a sticker
        ground = float(np.clip(ink + random.choice([-1, 1]) * random.randint(50, 220), 0, 255))
        grey, cover = ground + (ink - ground) * cover, np.ones_like(cover)
        if random.random() < .4:
            cv2.rectangle(grey, (0, 0), (grey.shape[1] - 1, grey.shape[0] - 1), random.randint(0, 255), random.randint(1, max(1, height // 8)))
        if random.random() < .3:
            render.emblem(grey, random.choice([mx / 2, grey.shape[1] - mx / 2]), grey.shape[0] / 2, height * random.uniform(.3, .7))
    elif random.random() < .5:  # chrome: light from above, a shadow below
        shadow = cv2.warpAffine(cover, np.float32([[1, 0, random.choice([-1, 0, 1])], [0, 1, max(1, height // 12)]]), cover.shape[::-1])
        grey = np.where(cover >= shadow, ink * np.linspace(1.2, .7, len(grey), dtype=np.float32)[:, None], random.randint(0, 90)).clip(0, 255)
        cover = np.maximum(cover, shadow * .7)
    return grey, cover


def put(stock, image, unit):
    """Sets one word somewhere into a picture, `unit` pixels of which are one of the detector's; its corners."""
    grey, cover = sheet(stock.dies, 32)
    h, w = grey.shape
    width = float(np.exp(random.uniform(np.log(28), np.log(190)))) * unit
    x, y = random.uniform(0, image.shape[1]), random.uniform(0, image.shape[0])
    quad = scenes.plate_quad(x, y, width, w / h)
    if random.random() < .4:
        tall = width * h / w
        quad = np.float32([[x, y], [x + width, y], [x + width, y + tall], [x, y + tall]])
    part = max(.15, width / w)
    if part < 1:
        grey, cover = (cv2.resize(a, None, fx=part, fy=part, interpolation=cv2.INTER_AREA) for a in (grey, cover))
        h, w = grey.shape
    m = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(quad))
    x0, y0 = np.clip(np.floor(quad.min(0)).astype(int) - 1, 0, None)
    x1, y1 = np.minimum(np.ceil(quad.max(0)).astype(int) + 2, image.shape[::-1])
    if x1 <= x0 or y1 <= y0:
        return None
    m = np.float64([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]]) @ m
    size = (int(x1 - x0), int(y1 - y0))
    alpha = cv2.warpPerspective(cover.astype(np.float32), m, size, flags=cv2.INTER_LINEAR) * random.choice([1, 1, random.uniform(.4, .9)])
    ink = cv2.warpPerspective(grey.astype(np.float32), m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    there = image[y0:y1, x0:x1]
    there[:] = (there * (1 - alpha) + ink * alpha).astype(np.uint8)
    return quad


def add(stock, image, quads, unit):
    """Up to six words where no plate is; the corners of those that can be seen."""
    out = []
    taken = [np.concatenate([q.min(0), q.max(0)]) for q in quads]
    for _ in range(random.choice([0, 1, 2, 3, 4, 6])):
        clean = image.copy()
        quad = put(stock, image, unit)
        if quad is None:
            continue
        box = np.concatenate([quad.min(0), quad.max(0)])
        if any(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken):
            image[:] = clean
            continue
        taken.append(box), out.append(quad)
    return out


def main():
    from common import seed
    from verifier import both_cuts
    seed(3)
    stock, cuts = scenes.Stock(), []
    while len(cuts) < 60:
        grey = scenes.to_grey(stock.picture(random.choice(stock.empty))).copy()
        cuts += [both_cuts(grey, q)[1] for q in add(stock, grey, [], 1.)]
    cv2.imwrite(sys.argv[1], np.vstack([np.hstack(cuts[k:k + 10]) for k in range(0, 60, 10)]))


if __name__ == "__main__":
    main()
