"""What a camera and a detector do to a flat plate: perspective, size, light, blur, noise, a cut that is
a little off. Input and output are grey images; the output is the recogniser's input, 144 by 48."""
import random

import cv2
import numpy as np

W, H = 144, 48


def normalise(crop):
    """(x - mean) / max(std, 8/255) on 0..1 values: the contract with the reader."""
    x = crop.astype(np.float32) / 255
    return (x - x.mean()) / max(float(x.std()), 8 / 255)


def jitter_corners(w, h, amount, margin):
    """Corners of the cut in the plate's own pixels: the plate grown by `margin` (of its width, of its height), each
    corner off a bit."""
    mx, my = w * margin[0], h * margin[1]
    quad = np.float32([[-mx, -my], [w + mx, -my], [w + mx, h + my], [-mx, h + my]])
    return quad + np.random.uniform(-1, 1, (4, 2)).astype(np.float32) * [w * amount, h * amount * 2.2]


def degrade(grey, width, far=False):
    """A shot `width` pixels wide of a flat plate, and back; every step by chance. What is seen from `far` gets less of
    noise and motion, or nothing could be read any more."""
    h, w = grey.shape
    small_h = max(6, round(width * h / w * random.uniform(.85, 1.15)))
    img = cv2.resize(grey, (width, small_h), interpolation=cv2.INTER_AREA).astype(np.float32)
    faint = random.random() < .15  # fog, glare, dirt: what is left of the contrast is not much more than the noise
    img = img * (random.uniform(.08, .3) if faint else random.uniform(.35, 1.1)) + random.uniform(-30, 60)
    if random.random() < .5:  # light falls off to a side, or a shadow's edge
        ramp = np.linspace(random.uniform(.5, 1), random.uniform(.5, 1), width, dtype=np.float32)
        img *= ramp[None] if random.random() < .7 else np.linspace(random.uniform(.5, 1), random.uniform(.5, 1), small_h, dtype=np.float32)[:, None]
    if random.random() < .12:
        x = random.randint(0, width)
        img[:, :x] *= random.uniform(.5, .9)
    if random.random() < .6:
        img = cv2.GaussianBlur(img, (0, 0), random.uniform(.3, 1.5) * max(.6, width / 130))
    if random.random() < .2:
        k = random.choice([2, 3] if far else [2, 3, 4, 5])
        kernel = np.zeros((k, k), np.float32)
        kernel[(k // 2, slice(None)) if random.random() < .6 else (slice(None), k // 2)] = 1 / k
        img = cv2.filter2D(img, -1, kernel)
    img += np.random.randn(*img.shape).astype(np.float32) * random.choice([1, 1, 2, 3] if faint else [1, 2, 3, 5] if far else [1, 2, 4, 8, 12])
    if random.random() < .2:
        img = cv2.addWeighted(img, 1.7, cv2.GaussianBlur(img, (0, 0), 1.2), -.7, 0)
    img = np.clip(img, 0, 255).astype(np.uint8)
    if random.random() < .5:
        img = cv2.imdecode(cv2.imencode(".jpg", img, [1, random.randint(25, 90)])[1], 0)
    return img


# A line's share of a two-line plate's height, from above: the cuts overlap, as lines differ in height.
LINES = (0, .58), (.42, 1)


def between(quad, low, high):
    """The part of a quad (tl, tr, br, bl) between two shares of its height."""
    tl, tr, br, bl = np.float32(quad)
    return np.float32([tl + (bl - tl) * low, tr + (br - tr) * low, tr + (br - tr) * high, tl + (bl - tl) * high])


BENT, INKED = .5, .3  # shares of the plates whose characters are bent, and whose strokes are another thickness
FIELD = (3, 6, .016, .024), (6, 17, .008, .02)  # knots down and across, deviations in widths and heights: plate, characters


def bent(grey):
    """A flat plate whose characters are a little wider, narrower, slanted or rounder than they were, each place in its own
    way, as another state's dies would make them: pixels move along a smooth field (Simard, Steinkraus and Platt 2003)."""
    h, w = grey.shape
    much = random.uniform(0, 1)
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    for down, across, far_x, far_y in FIELD:
        for at, far in ((xs, far_x * w), (ys, far_y * h)):
            at += cv2.resize(np.random.randn(down, across).astype(np.float32) * (far * much), (w, h), interpolation=cv2.INTER_CUBIC)
    return cv2.remap(grey, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def inked(grey):
    """A flat plate in thicker or thinner strokes: a pixel more, at a width of 256, of what is dark, or of what is light."""
    side = max(3, round(grey.shape[1] / 256) * 2 + 1)
    spread = random.choice([cv2.erode, cv2.dilate])(grey, np.ones((side, side), np.uint8))
    share = random.uniform(0, 1)
    return cv2.addWeighted(spread, share, grey, 1 - share, 0)


SMALL = .3, (30, 72)  # share of the plates that are shot from afar, and their widths in pixels
MIDDLE = .25, (56, 104)  # and of those between, where single characters are taken for others


def take(grey, rng_width=(34, 220), hard=1.0, part=(0, 1)):
    """A training crop of a flat plate image: tilted in space, shot, cut with an error, rectified; of the
    whole plate or of the `part` of its height that holds a line."""
    if random.random() < BENT:
        grey = bent(grey)
    if random.random() < INKED:
        grey = inked(grey)
    h, w = grey.shape
    pad = int(.35 * w)
    field = cv2.copyMakeBorder(grey, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=random.randint(0, 200))
    if random.random() < .6:  # a car is not one grey
        y = random.randint(0, pad)
        field[:y] = random.randint(0, 255)
        field[pad + h + random.randint(0, pad // 2):] = random.randint(0, 255)
    if random.random() < .3:  # the edge of a frame or of the recess
        x0, x1, y0, y1 = (int(w * random.choice([random.uniform(-.015, .06), random.uniform(.05, .3)])) for _ in range(4))
        if random.random() < .5:
            cv2.rectangle(field, (pad - x0, pad - y0), (pad + w + x1, pad + h + y1), random.randint(0, 255), random.randint(1, max(2, w // 40)))
        else:
            outside = np.full_like(field, random.randint(0, 255))
            inner = np.s_[max(0, pad - y0):pad + h + y1, pad - x0:pad + w + x1]
            outside[inner] = field[inner]
            field = outside
    margin = (random.uniform(0, .25), random.uniform(0, .25)) if random.random() < .15 else [random.uniform(0, .09)] * 2
    quad = jitter_corners(w, h, .035 * hard * random.choice([.4, 1, 1, 1.8]), margin) + pad
    if random.random() < .35 * hard:  # an upright box around a tilted plate
        c = quad.mean(0)
        a = np.deg2rad(random.uniform(-9, 9))
        shear = random.uniform(-.12, .12)
        m = np.float32([[np.cos(a), -np.sin(a) + shear], [np.sin(a), np.cos(a)]])
        quad = (quad - c) @ m.T + c
    p = random.random()
    far = p < SMALL[0]
    low, high = SMALL[1] if far else MIDDLE[1] if p < SMALL[0] + MIDDLE[0] else rng_width
    wide = int(random.uniform(low ** .5, high ** .5) ** 2)
    scale = wide / w
    shot = degrade(field, max(16, int(field.shape[1] * scale)), far)
    sx, sy = shot.shape[1] / field.shape[1], shot.shape[0] / field.shape[0]
    return rectify(shot, between(quad * [sx, sy], *part))


def rectify(grey, quad, w=W, h=H):
    """The quad (tl, tr, br, bl) warped to w by h; shrinks by area first where the plate is large."""
    quad = np.float32(quad)
    wide = np.linalg.norm(quad[1] - quad[0])
    if wide > 2 * w:
        s = 2 * w / wide * .75
        x0, y0 = np.floor(np.clip(quad.min(0) - 8, 0, None)).astype(int)
        x1, y1 = np.ceil(quad.max(0) + 8).astype(int)
        part = grey[y0:y1, x0:x1]
        if part.size:
            grey = cv2.resize(part, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
            quad = (quad - np.float32([x0, y0])) * s
    m = cv2.getPerspectiveTransform(np.float32(quad), np.float32([[0, 0], [w, 0], [w, h], [0, h]]))
    return cv2.warpPerspective(grey, m, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
