"""Training windows for the detector: real night and day scenes, real plates pasted where cars might
carry them, drawn car rears, and everything that looks like a plate and is none."""
import csv
import random

import cv2
import numpy as np

import render
from chain import AREA, ENLARGED
from common import DATA, HERE, STROKES


class Stock:
    """What windows are made of, loaded once a process: nine tenths to train with, or the tenth kept to choose
    thresholds with (`held`)."""

    def __init__(self, held=False, drawn=None):
        self.dies = drawn or render.Dies(DATA, HERE / "fonts/woff", STROKES)
        boxes = {}
        for row in csv.DictReader(open(DATA / "scenes/ro/boxes.csv", newline="", encoding="utf-8")):
            boxes.setdefault(row["image"], []).append([float(row[k]) for k in "xywh"])
        self.scenes = [(DATA / "scenes/ro" / name, b) for name, b in boxes.items()]
        self.empty = [p for p in sorted((DATA / "negatives").iterdir()) if p.suffix in (".jpg", ".png")]
        part = slice(-len(self.scenes) // 10, None) if held else slice(None, len(self.scenes) * 9 // 10)
        self.scenes = self.scenes[part]
        part = slice(-len(self.empty) // 10, None) if held else slice(None, len(self.empty) * 9 // 10)
        self.empty = self.empty[part]
        self.crops = {k: sorted((DATA / "crops" / k).glob("*.jpg")) for k in ("us", "br", "eu", "eu-two-line")}
        self.kept, self.flats, self.panels = {}, [], []
        self.noise = (np.random.randn(640, 640) * 64).astype(np.int16)  # 64 units are one deviation

    def picture(self, path):
        """The decoded picture; kept, since decoding costs more than all that follows (2 GB in all)."""
        if path not in self.kept:
            self.kept[path] = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        return self.kept[path]

    def plate(self):
        """A flat plate, real for most; drawn ones are drawn on four windows before another takes their place."""
        if random.random() < .62:
            return to_grey(self.picture(random.choice(self.crops[random.choice(["us", "us", "us", "us", "br", "eu", "eu", "eu-two-line"])])))
        return self.stored(self.flats, 400, lambda: render.any_plate(self.dies).image)

    def lettering(self):
        """A panel of words that is no plate."""
        return self.stored(self.panels, 300, self.panel)

    def panel(self):
        s, ink = random.randint(20, 90), random.randint(0, 255)
        panel = np.full((s, random.randint(s, 5 * s)), random.randint(0, 255), np.uint8)
        for k in range(random.randint(1, 3)):
            render.small_text(self.dies, panel, panel.shape[1] / 2, s * (.25 + .28 * k), max(6, int(s * random.uniform(.15, .3))), ink)
        return panel

    @staticmethod
    def stored(shelf, size, make):
        """One of the shelf's pictures; every fourth time a new one is put there first."""
        if len(shelf) < 40 or random.random() < .25:
            shelf.append(make())
            if len(shelf) > size:
                shelf.pop(random.randrange(size))
        return random.choice(shelf)

    def grain(self, h, w, sigma):
        """Noise of `sigma` grey levels, a random part of the stored field."""
        y, x = random.randint(0, 640 - h), random.randint(0, 640 - w)
        return self.noise[y:y + h, x:x + w] * np.int16(round(sigma * 4)) >> 8


def gradient(h, w, a, b, across=False):
    ramp = np.linspace(a, b, w if across else h, dtype=np.float32)
    return np.broadcast_to(ramp[None] if across else ramp[:, None], (h, w)).astype(np.uint8).copy()


def squeeze(flat, ground):
    """A plate with little contrast, or in the tone of what is around it: white on a white van, black on a black car."""
    flat = flat.astype(np.float32)
    if ground < 110 and random.random() < .12:  # light characters on a dark ground are rare among the real ones
        flat = 255 - flat
    if ground < 90 and np.percentile(flat, 50) < 110 and random.random() < .5:
        flat += max(ground, 8) + random.uniform(-8, 12) - np.percentile(flat, 30)
    if random.random() < .12:
        flat = flat.mean() + (flat - flat.mean()) * random.uniform(.3, .75)
    if ground > 90 and random.random() < .25:
        flat += ground + random.uniform(-15, 15) - np.percentile(flat, 75)
    return np.clip(flat, 0, 255).astype(np.uint8)


def placed(quad, corners, w, h):
    """Where points of a flat picture lie whose own corners (0,0) to (w,h) lie on the quad."""
    m = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(quad))
    return cv2.perspectiveTransform(np.float32(corners)[None], m)[0]


def framed(stock, flat, quad):
    """The plate in a dealer's frame or holder: (larger flat picture, its quad). The plate stays where it was;
    the frame covers a little of its edge and bears lettering below or above."""
    h, w = flat.shape
    over = random.choice([0, 0, .02, .04])
    left, right = (int(w * random.uniform(.015, .06)) for _ in range(2))
    top, low = int(h * random.uniform(.03, .14)), int(h * random.uniform(.05, .2))
    tone = random.choice([random.randint(0, 70), random.randint(0, 255)])
    big = np.full((h + top + low, w + left + right), tone, np.uint8)
    x, y = int(w * over), int(h * over * 1.5)
    big[top + y:top + h - y, left + x:left + w - x] = flat[y:h - y, x:w - x]
    ink = tone + random.randint(60, 255) if tone < 128 else tone - random.randint(60, 255)
    for at, tall in ((top / 2, top), (top + h - low * .1 + low / 2, low)):
        if tall > h * .08 and random.random() < .7:
            render.small_text(stock.dies, big, big.shape[1] / 2, at, max(6, int(tall * random.uniform(.5, .8))), int(np.clip(ink, 0, 255)))
    if random.random() < .4:
        cv2.rectangle(big, (0, 0), (big.shape[1] - 1, big.shape[0] - 1), random.randint(0, 255), random.randint(1, max(1, w // 60)))
    return big, placed(quad, [[-left, -top], [w + right, -top], [w + right, h + low], [-left, h + low]], w, h)


def recess(image, quad, ground=None):
    """The place that a car keeps for its plate, larger than the plate and with an edge of its own: in any tone, the
    plate's among them, shaded from above, its sides upright or slanting."""
    w, h = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
    sides = [w * random.choice([random.uniform(.03, .2), random.uniform(.15, .7)]) for _ in range(2)]
    if random.random() < .6:
        sides[1] = sides[0] * random.uniform(.8, 1.25)
    top, low = h * random.uniform(.03, .6), h * random.uniform(.03, .5)
    slant = random.uniform(-.25, .25) * min(sides) if random.random() < .5 else 0
    pts = placed(quad, [[-sides[0] - slant, -top], [w + sides[1] + slant, -top], [w + sides[1] - slant, h + low], [-sides[0] + slant, h + low]], w, h)
    x0, y0 = np.clip(np.floor(pts.min(0)).astype(int), 0, None)
    x1, y1 = np.ceil(pts.max(0)).astype(int)
    part = image[y0:y1, x0:x1]
    if part.size == 0:
        return
    tone = random.randint(0, 255) if ground is None else int(np.clip(ground + random.randint(-25, 25), 0, 255))
    mask = np.zeros(part.shape, np.uint8)
    shape = np.round((pts - [x0, y0]) * 8).astype(np.int32)
    cv2.fillPoly(mask, [shape], 255, cv2.LINE_AA, 3)
    if random.random() < .5:  # round corners
        r = max(1, int(h * random.uniform(.05, .25))) * 2 + 1
        mask = cv2.GaussianBlur(mask, (r, r), 0)
        mask = np.clip((mask.astype(np.float32) - 96) * 4, 0, 255).astype(np.uint8)
    fill = gradient(*part.shape, int(tone * random.uniform(.5, 1)), tone).astype(np.float32)
    a = mask.astype(np.float32) / 255 * random.choice([1, 1, random.uniform(.4, .9)])
    part[:] = (part * (1 - a) + fill * a).astype(np.uint8)
    if random.random() < .6:
        cv2.polylines(part, [shape], True, random.randint(0, 255), random.randint(1, max(1, int(h / 14))), cv2.LINE_AA, 3)


def mount(stock, image, flat, quad):
    """Puts a plate on a car: for most in a recess, some in a frame, then the plate itself."""
    if random.random() < .6:
        recess(image, quad, float(np.percentile(flat, 75)) if random.random() < .25 else None)
    part = image[inside(quad, max(image.shape))]
    flat = squeeze(flat, float(part.mean()) if part.size else 0)
    if random.random() < .3:
        flat, outer = framed(stock, flat, quad)
        paste(image, flat, outer)
    else:
        paste(image, flat, quad)


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
    """A drawn car around a plate place: body, window, bumper, lamps, badge, mouldings, dark recess.

    Returns the box x0, y0, x1, y1 that it covers."""
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
    return x0, int(y0 - h * .3), x1, y1


WORDS = ("{a} {d}-{d}-{d} {d}{d}-{d}-{d} {d}:{d}:{d} {a}{d} {a}.COM {d}{d}{d}{d} ({d}){d}-{d} {a}&{a} TEL.{d}.{d}.{d} CAM{d} {a}-{a}").split()


def painted(stock, image):
    """Words on a car's body, a maker's name, a telephone number, a camera's clock: lettering without a ground of its
    own, one to three lines, now and then with an outline."""
    ink, tall = random.randint(0, 255), random.randint(7, 40)
    draw = render.typeface(stock.dies, "font")
    lines = []
    for _ in range(random.choice([1, 1, 2, 3])):
        word = "".join(random.choice(render.LETTERS) for _ in range(random.randint(3, 10)))
        spec = random.choice(WORDS).replace("{a}", word)
        while "{d}" in spec:
            spec = spec.replace("{d}", f"{random.randint(0, 99):02d}", 1)
        height = max(6, int(tall * random.uniform(.6, 1.2)))
        lines.append(render.set_line(draw, spec, height, max(1, height // random.randint(4, 12)), {})[0])
    h, w = sum(m.shape[0] + tall // 3 for m in lines), max(m.shape[1] for m in lines)
    mask, y = np.zeros((h, w), np.uint8), 0
    for m in lines:
        x = random.choice([0, (w - m.shape[1]) // 2])
        mask[y:y + m.shape[0], x:x + m.shape[1]] = m
        y += m.shape[0] + tall // 3
    cx, cy = random.uniform(0, image.shape[1]), random.uniform(0, image.shape[0])
    quad = plate_quad(cx, cy, w, w / h) if random.random() < .6 else np.float32([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 + [cx, cy]
    m = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(quad))
    alpha = cv2.warpPerspective(mask, m, (image.shape[1], image.shape[0])).astype(np.float32) / 255
    if random.random() < .25:
        edge = cv2.dilate(alpha, np.ones((3, 3)))
        image[:] = (image * (1 - edge) + (255 - ink) * edge).astype(np.uint8)
    image[:] = (image * (1 - alpha) + ink * alpha).astype(np.uint8)


def distractor(stock, image):
    """Something that is no plate: lettering, a grille, a sign, a lamp, a badge, a bar."""
    if random.random() < .35:
        return painted(stock, image)
    h, w = image.shape
    x, y, s = random.randint(0, w), random.randint(0, h), random.randint(12, 90)
    ink = random.randint(0, 255)
    kind = random.random()
    if kind < .35:
        panel = stock.lettering()
        s = min(s, panel.shape[0])
        panel = cv2.resize(panel, (max(4, panel.shape[1] * s // panel.shape[0]), s), interpolation=cv2.INTER_AREA)
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


def to_grey(image):
    """Grey by chance weights of the colours: red lamps at dusk and the cast of a night camera vanish in some."""
    if image.ndim == 2:
        return image
    weights = np.random.dirichlet([1, 1, 1]) if random.random() < .6 else (.114, .587, .299)
    return cv2.transform(image, np.float32(weights)[None])


def view(image, boxes, size, zoom, aim):
    """A size x size grey window of a picture at the reader's scale times `zoom`, around a box if `aim`.

    Returns the window and the quads of the boxes whose centres lie in it; by chance mirrored.
    """
    h, w = image.shape[:2]
    s = min((AREA / (h * w)) ** .5, ENLARGED) * zoom
    reach = size / s
    if aim and boxes:
        x, y, bw, bh = random.choice(boxes)
        c = np.array([x + bw / 2, y + bh / 2]) + np.random.uniform(-.42, .42, 2) * reach
    else:
        c = np.array([random.uniform(0, w), random.uniform(0, h)])
    x0 = int(np.clip(c[0] - reach / 2, 0, max(0, w - reach)))
    y0 = int(np.clip(c[1] - reach / 2, 0, max(0, h - reach)))
    part = to_grey(image[y0:y0 + int(reach), x0:x0 + int(reach)])
    ph, pw = min(size, round(part.shape[0] * s)), min(size, round(part.shape[1] * s))
    window = np.full((size, size), random.randint(0, 255), np.uint8)
    window[:ph, :pw] = cv2.resize(part, (pw, ph), interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_LINEAR)
    quads = [(np.float32([[x, y], [x + bw, y], [x + bw, y + bh], [x, y + bh]]) - np.float32([x0, y0])) * s for x, y, bw, bh in boxes]
    if random.random() < .5:
        window = np.ascontiguousarray(window[:, ::-1])
        quads = [(np.float32([size, 0]) + q * [-1, 1])[[1, 0, 3, 2]] for q in quads]
    return window, [q for q in quads if (-20 < q.mean(0)).all() and (q.mean(0) < size + 20).all()]


def light(image, stock=None):
    """Exposure, contrast, gamma, darkness, haze, blur, noise, JPEG; grey uint8 to grey uint8."""
    dark = image.mean() < 64 and random.random() < .6  # a night scene lit up, as day scenes are few
    x = (np.arange(256, dtype=np.float32) / 255) ** (random.uniform(.3, .6) if dark else random.uniform(.55, 1.7))
    x = x * random.uniform(.5, 1.25) + random.uniform(-.12, .15)
    if random.random() < .15:
        x = 1 - (1 - x) * random.uniform(.3, .8)
    x = cv2.LUT(image, (np.clip(x, 0, 1) * 255).astype(np.uint8))
    if random.random() < .3:
        x = cv2.GaussianBlur(x, (0, 0), random.uniform(.3, 1.1))
    if random.random() < .25:  # the halos of a camera's sharpening
        x = cv2.addWeighted(x, 2, cv2.GaussianBlur(x, (0, 0), random.uniform(.8, 1.6)), -1, 0)
    if stock:
        x = np.clip(x + stock.grain(*x.shape, random.choice([1, 2.5, 5, 10])), 0, 255).astype(np.uint8)
    if random.random() < .4:
        x = cv2.imdecode(cv2.imencode(".jpg", x, [1, random.randint(30, 90)])[1], 0)
    return x


def composed(stock, size):
    """A window before its light: (grey uint8 [size, size], [(quad, how far its corners are to be trusted)])."""
    if random.random() < .12:  # no photograph at all: sky, wall, road
        image, quads = gradient(size, size, random.randint(0, 255), random.randint(0, 255), random.random() < .5), []
    else:
        path, boxes = random.choice(stock.scenes) if random.random() < .6 else (random.choice(stock.empty), [])
        zoom = float(np.exp(random.uniform(np.log(.55), np.log(1.9))))
        image, quads = view(stock.picture(path), boxes, size, zoom, aim=random.random() < .8)
    trust = [0.] * len(quads)  # the labels are upright boxes of one shape, often with the recess: centres, not corners
    for q in range(len(quads)):
        if random.random() < .6:  # another plate in the place of the real one
            quads[q], trust[q] = replace_plate(stock, image, quads[q]), 1.
    clean = image.copy()
    for _ in range(random.choice([0, 0, 1, 2, 4])):
        distractor(stock, image)
    for quad in quads:  # nothing may hide a plate
        part = inside(quad, size)
        image[part] = clean[part]
    known = [(q, t) for q, t in zip(quads, trust)]
    for _ in range(random.choice([0, 1, 1, 2])):
        known = add_plate(stock, image, known, size)
    return image, known


def window(stock, size):
    """One training window: (grey uint8 [size, size], quads, how far each quad's corners are to be trusted; below 0
    where a plate can hardly be seen, and may be found or not)."""
    image, known = composed(stock, size)
    image = light(image, stock)
    known = [(q, t, image[inside(q, size)].std()) for q, t in known]
    known = [(q, t if seen > 10 else -1.) for q, t, seen in known if seen > 4]  # lost in glare or dark: no plate to find
    return image, [np.float32(q) for q, _ in known], [t for _, t in known]


def inside(quad, size):
    """The upright box of a quad as slices of a size x size window."""
    x0, y0 = np.clip(np.floor(quad.min(0)), 0, size - 1).astype(int)
    x1, y1 = np.clip(np.ceil(quad.max(0)), 1, size).astype(int)
    return slice(y0, max(y1, y0 + 1)), slice(x0, max(x1, x0 + 1))


def replace_plate(stock, image, quad):
    flat = stock.plate()
    aspect = flat.shape[1] / flat.shape[0]
    c, w = quad.mean(0), quad[1, 0] - quad[0, 0]
    old_h = quad[3, 1] - quad[0, 1]
    if random.random() < .5:  # hidden by the new plate
        new = plate_quad(c[0], c[1], max(w, old_h * aspect) * random.uniform(1.0, 1.15), aspect)
    else:  # hidden by a panel around the new plate
        recess(image, quad)
        new = plate_quad(c[0], c[1], min(w, old_h * aspect) * random.uniform(.7, 1.), aspect)
    mount(stock, image, flat, new)
    return new


def add_plate(stock, image, known, size):
    """Pastes one more plate, mostly on a drawn car; returns the (quad, trust) that remain in sight."""
    flat = stock.plate()
    aspect = flat.shape[1] / flat.shape[0]
    width = float(np.exp(random.uniform(np.log(22), np.log(210))))
    for _ in range(8):
        cx, cy = random.uniform(0, size), random.uniform(0, size)
        if all(np.abs(q.mean(0) - [cx, cy]).max() > width * .8 + (q[1, 0] - q[0, 0]) for q, _ in known):
            break
    else:
        return known
    if random.random() < .65:
        x0, y0, x1, y1 = car_rear(image, cx, cy, width)
        known = [(q, t) for q, t in known if not (x0 < q.mean(0)[0] < x1 and y0 < q.mean(0)[1] < y1)]
    quad = plate_quad(cx, cy, width, aspect)
    mount(stock, image, flat, quad)
    if random.random() < .15:  # a thin frame around it
        cv2.polylines(image, [quad.astype(np.int32)], True, random.randint(0, 255), random.randint(1, 3), cv2.LINE_AA)
    return known + [(quad, 1.)]
