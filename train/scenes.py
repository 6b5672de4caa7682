"""Training windows for the detector: real night and day scenes, real plates pasted where cars might
carry them, drawn car rears, and everything that looks like a plate and is none."""
import csv
import random

import cv2
import numpy as np

import render
from common import DATA, HERE, STROKES

AREA = 344_064  # pixels of the picture as the reader sees it


class Stock:
    """What windows are made of, loaded once a process."""

    def __init__(self):
        self.dies = render.Dies(DATA, HERE / "fonts/woff", STROKES)
        boxes = {}
        for row in csv.DictReader(open(DATA / "scenes/ro/boxes.csv", newline="", encoding="utf-8")):
            boxes.setdefault(row["image"], []).append([float(row[k]) for k in "xywh"])
        self.scenes = [(str(DATA / "scenes/ro" / name), b) for name, b in boxes.items()]
        self.empty = [str(p) for p in sorted((DATA / "negatives").iterdir()) if p.suffix in (".jpg", ".png")]
        # The last tenth of each is kept to choose thresholds with.
        self.scenes = self.scenes[: len(self.scenes) * 9 // 10]
        self.empty = self.empty[: len(self.empty) * 9 // 10]
        self.crops = {k: sorted((DATA / "crops" / k).glob("*.jpg")) for k in ("us", "br", "eu")}

    def plate(self):
        """A flat plate, real for most."""
        p = random.random()
        if p < .62:
            path = random.choice(self.crops[random.choice(["us", "us", "us", "br", "eu", "eu"])])
            return cv2.imread(str(path), 0)
        return render.any_plate(self.dies)[0]


def gradient(h, w, a, b, across=False):
    ramp = np.linspace(a, b, w if across else h, dtype=np.float32)
    return np.broadcast_to(ramp[None] if across else ramp[:, None], (h, w)).astype(np.uint8).copy()


def paste(image, flat, quad):
    """Warps `flat` onto the quad of `image`, edges softened; light taken from the surroundings half the time."""
    h, w = flat.shape
    wide = max(4, int(np.linalg.norm(quad[1] - quad[0]) * 1.2))
    if wide < w:
        flat = cv2.resize(flat, (wide, max(3, round(h * wide / w))), interpolation=cv2.INTER_AREA)
        h, w = flat.shape
    flat = flat.astype(np.float32) * random.uniform(.45, 1.05) + random.uniform(-15, 25)
    if random.random() < .5:
        flat = cv2.GaussianBlur(flat, (0, 0), random.uniform(.3, 1.0) * max(.6, w / 120))
    m = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(quad))
    size = (image.shape[1], image.shape[0])
    alpha = cv2.warpPerspective(np.ones((h, w), np.float32), m, size, flags=cv2.INTER_LINEAR)
    warped = cv2.warpPerspective(np.clip(flat, 0, 255), m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    image[:] = (image * (1 - alpha) + warped * alpha).astype(np.uint8)


def plate_quad(cx, cy, width, aspect):
    """A plate's corners around a centre: turned up to 14 degrees, sheared, a little in perspective."""
    w, h = width / 2, width / aspect / 2
    quad = np.float32([[-w, -h], [w, -h], [w, h], [-w, h]])
    a = np.deg2rad(np.clip(np.random.randn() * 5, -14, 14))
    quad = quad @ np.float32([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    quad[:, 1] += quad[:, 0] * np.clip(np.random.randn() * .07, -.25, .25)
    quad[:, 0] *= random.uniform(.75, 1)
    quad += np.random.randn(4, 2).astype(np.float32) * height_noise(h)
    return quad + [cx, cy]


def height_noise(h):
    return min(1.5, h * .05)


def car_rear(image, cx, cy, pw):
    """A drawn car around a plate place: body, window, bumper, lamps, badge, mouldings, dark recess."""
    body = random.randint(15, 240)
    w, h = pw * random.uniform(2.6, 4.6), pw * random.uniform(1.6, 2.8)
    x0, y0 = int(cx - w / 2 + random.uniform(-.3, .3) * pw), int(cy - h * random.uniform(.45, .75))
    x1, y1 = int(x0 + w), int(y0 + h)
    cv2.rectangle(image, (x0, y0), (x1, y1), body, -1)
    shade = image[max(0, y0):max(0, y1), max(0, x0):max(0, x1)]
    if shade.size:
        shade[:] = np.clip(shade.astype(np.float32) * gradient(*shade.shape, random.randint(160, 255), random.randint(120, 255)) / 210, 0, 255).astype(np.uint8)
    cv2.rectangle(image, (int(x0 + w * .12), int(y0 - h * .3)), (int(x1 - w * .12), int(y0 + h * .12)), random.randint(10, 120), -1)
    cv2.rectangle(image, (x0, int(y1 - h * .22)), (x1, y1), random.randint(10, 200), random.choice([-1, 2]))
    lamp_w, lamp_h = int(w * random.uniform(.1, .2)), int(h * random.uniform(.12, .3))
    ly, level = int(y0 + h * random.uniform(.15, .45)), random.choice([random.randint(40, 120), 255])
    for lx in (x0, x1 - lamp_w):
        cv2.rectangle(image, (lx, ly), (lx + lamp_w, ly + lamp_h), level, -1)
        cv2.rectangle(image, (lx + 2, ly + lamp_h // 3), (lx + lamp_w - 2, ly + lamp_h // 2), random.randint(100, 255), -1)
    for _ in range(random.randint(0, 4)):
        y = random.randint(min(y0, y1 - 1), y1)
        cv2.line(image, (x0, y), (x1, y), random.randint(0, 255), random.randint(1, 3))
    if random.random() < .5:
        by = int(cy - pw * random.uniform(.35, .6))
        cv2.circle(image, (int(cx), by), max(2, int(pw * .07)), random.randint(120, 255), random.choice([-1, 2]))
    if random.random() < .6:
        r = pw * random.uniform(.55, .75)
        cv2.rectangle(image, (int(cx - r), int(cy - pw * .34)), (int(cx + r), int(cy + pw * .32)), random.randint(0, 100), -1)


def distractor(stock, image):
    """Something that is no plate: lettering, a grille, a sign, a lamp, a badge, a bar."""
    h, w = image.shape
    x, y, s = random.randint(0, w), random.randint(0, h), random.randint(12, 90)
    ink = random.randint(0, 255)
    kind = random.random()
    if kind < .35:
        panel = np.full((s, random.randint(s, 5 * s)), random.randint(0, 255), np.uint8)
        for k in range(random.randint(1, 3)):
            render.small_text(stock.dies, panel, panel.shape[1] / 2, s * (.25 + .28 * k), max(6, int(s * random.uniform(.15, .3))), ink)
        part = image[max(0, y):y + s, max(0, x):x + panel.shape[1]]
        part[:] = panel[:part.shape[0], :part.shape[1]]
    elif kind < .5:
        for k in range(random.randint(3, 8)):
            cv2.line(image, (x, y + 4 * k), (x + s, y + 4 * k), ink, random.randint(1, 2))
    elif kind < .65:
        for k in range(random.randint(3, 9)):
            cv2.line(image, (x + 5 * k, y), (x + 5 * k, y + s // 3), ink, random.randint(1, 3))
    elif kind < .85:
        cv2.rectangle(image, (x, y), (x + s, y + int(s * random.uniform(.2, .8))), ink, random.choice([-1, 1, 3]))
    else:
        cv2.ellipse(image, (x, y), (s // 2, s // 4), random.randint(0, 180), 0, 360, ink, random.choice([-1, 2]))


def load_scaled(path, boxes, zoom):
    """The picture at the reader's scale times `zoom`; its boxes as quads."""
    grey = cv2.imread(path, 0)
    s = min((AREA / grey.size) ** .5, 1.5) * zoom
    grey = cv2.resize(grey, None, fx=s, fy=s, interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_LINEAR)
    quads = [np.float32([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]) * s for x, y, w, h in boxes]
    return grey, quads


def cut(grey, quads, size, aim):
    """A size x size window, around a plate if `aim`; quads outside it are dropped."""
    h, w = grey.shape
    if aim and quads:
        c = random.choice(quads).mean(0) + np.random.uniform(-.42, .42, 2) * size
    else:
        c = np.array([random.uniform(0, w), random.uniform(0, h)])
    x = int(np.clip(c[0] - size / 2, 0, max(0, w - size)))
    y = int(np.clip(c[1] - size / 2, 0, max(0, h - size)))
    window = np.full((size, size), random.randint(0, 255), np.uint8)
    part = grey[y:y + size, x:x + size]
    window[:part.shape[0], :part.shape[1]] = part
    moved = [q - [x, y] for q in quads]
    return window, [q for q in moved if -20 < q.mean(0)[0] < size + 20 and -20 < q.mean(0)[1] < size + 20]


def light(image):
    """Exposure, contrast, gamma, darkness, blur, noise, JPEG, mirror-free."""
    x = image.astype(np.float32) / 255
    x = np.clip(x, 0, 1) ** random.uniform(.55, 1.7)
    x = x * random.uniform(.65, 1.6) + random.uniform(-.1, .15)
    if random.random() < .15:
        x = 1 - (1 - x) * random.uniform(.3, .8)  # haze
    if random.random() < .3:
        x = cv2.GaussianBlur(x, (0, 0), random.uniform(.3, 1.1))
    x += np.random.randn(*x.shape).astype(np.float32) * random.choice([.004, .01, .02, .04])
    x = (np.clip(x, 0, 1) * 255).astype(np.uint8)
    if random.random() < .4:
        x = cv2.imdecode(cv2.imencode(".jpg", x, [1, random.randint(30, 90)])[1], 0)
    return x


def window(stock, size):
    """One training window: (grey uint8 [size, size], quads)."""
    real = random.random() < .5
    path, boxes = random.choice(stock.scenes) if real else (random.choice(stock.empty), [])
    zoom = float(np.exp(random.uniform(np.log(.55), np.log(1.9))))
    grey, quads = load_scaled(path, boxes, zoom)
    image, quads = cut(grey, quads, size, aim=random.random() < .8)
    if random.random() < .15:  # no photograph at all: sky, wall, road
        image = gradient(size, size, random.randint(0, 255), random.randint(0, 255), random.random() < .5)
        quads = []
    for q in range(len(quads)):
        if random.random() < .55:  # another plate in the place of the real one
            quads[q] = replace_plate(stock, image, quads[q])
    keep = np.zeros(image.shape, np.uint8)
    cv2.fillPoly(keep, [q.astype(np.int32) for q in quads], 255)
    before = image.copy()
    for _ in range(random.choice([0, 0, 1, 2, 4])):
        distractor(stock, image)
    image[keep > 0] = before[keep > 0]  # no plate is hidden behind a distractor
    for _ in range(random.choice([0, 1, 1, 2])):
        add_plate(stock, image, quads, size)
    return light(image), [np.float32(q) for q in quads]


def replace_plate(stock, image, quad):
    flat = stock.plate()
    aspect = flat.shape[1] / flat.shape[0]
    c, w = quad.mean(0), quad[1, 0] - quad[0, 0]
    old_h = quad[3, 1] - quad[0, 1]
    new = plate_quad(c[0], c[1], max(w, old_h * aspect) * random.uniform(1.0, 1.15), aspect)
    paste(image, flat, new)
    return new


def add_plate(stock, image, quads, size):
    flat = stock.plate()
    aspect = flat.shape[1] / flat.shape[0]
    width = float(np.exp(random.uniform(np.log(22), np.log(190))))
    for _ in range(8):
        cx, cy = random.uniform(0, size), random.uniform(0, size)
        if all(np.abs(q.mean(0) - [cx, cy]).max() > width * .8 + (q[1, 0] - q[0, 0]) for q in quads):
            break
    else:
        return
    if random.random() < .65:
        car_rear(image, cx, cy, width)
        quads[:] = [q for q in quads if abs(q.mean(0)[0] - cx) > width * 2.4 or abs(q.mean(0)[1] - cy) > width * 2]
    quad = plate_quad(cx, cy, width, aspect)
    paste(image, flat, quad)
    if random.random() < .25:  # a frame around it
        cv2.polylines(image, [quad.astype(np.int32)], True, random.randint(0, 255), random.randint(1, 3), cv2.LINE_AA)
    quads.append(quad)
