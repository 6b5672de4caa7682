"""Draws plates: blank US designs, European and Brazilian dies, and our own street's stroke font.

Every drawing function returns a `Flat`: the plate seen flat and sharp. What a camera does to it is
`capture.py`'s business. Distractors (stickers, seals, crests, stacked
letters, bolts) are drawn and not labelled, or the reader takes them for characters.
"""
import json
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import regions
from dies import load_us_dies

@dataclass
class Flat:
    """A plate's grey picture uint8 [H, W], its text, the regions it may be from (indices), and its two
    lines where it has two."""

    image: np.ndarray
    text: str
    regions: frozenset = frozenset()
    lines: tuple | None = None


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"


class Dies:
    """All that characters can be drawn with: fonts, real glyphs cut from sheets, the stroke font."""

    def __init__(self, data: Path, fonts: Path, strokes: Path, each=map):
        self.fonts = sorted(fonts.glob("*.woff"))
        # (state, blank plate); the file name begins with the state's two letters.
        self.templates = [(p.name[:2], load_template(p)) for p in sorted((data / "templates/us").glob("*.jpg"))]
        self.us, self.us_formats = load_us_dies(each)
        self.sheets = load_sheets(data / "glyphs/sheets")
        self.glyphs = {c: load_glyphs(data / "glyphs" / c) for c in ("gb", "br")}
        self.strokes = json.loads(strokes.read_text()) if strokes.exists() else None
        self.loaded = [ImageFont.truetype(str(p), 96) for p in self.fonts]
        self.drawn = {}  # (font, character) -> mask, see font_mask

    def font(self):
        return random.choice(self.loaded)


def load_template(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY)


def load_sheets(folder):
    """{sheet: {char: [mask]}} from Tesseract box files (origin bottom left)."""
    out = {}
    for box in sorted(folder.glob("*.box")):
        sheet = np.array(Image.open(box.with_suffix(".tif")).convert("L"))
        chars = {}
        for line in box.read_text(encoding="utf-8").splitlines():
            c, left, bottom, right, top = line.split()[:5]
            if len(c) != 1 or c.upper() not in LETTERS + DIGITS:
                continue
            cut = sheet[sheet.shape[0] - int(top): sheet.shape[0] - int(bottom), int(left): int(right)]
            if cut.size and min(cut.shape) > 4:
                chars.setdefault(c.upper(), []).append(255 - cut)
        if len(chars) >= 20:
            out[box.stem] = chars
    return out


def load_glyphs(folder):
    """{char: [mask uint8, ink 255]}; `1` and `I` lose their shape in this set and are left out."""
    out = {}
    for path in sorted(folder.glob("*.jpg")):
        c = path.name[0].upper()
        if c in "1I" or c not in LETTERS + DIGITS:
            continue
        g = cv2.imread(str(path), 0)
        if g[0].mean() + g[-1].mean() > 255:
            g = 255 - g
        out.setdefault(c, []).append(g)
    return out


# ---------------------------------------------------------------- characters to masks

def font_mask(dies, font, c, height):
    """Ink mask of one character, `height` pixels high."""
    key = (id(font), c)  # fonts live as long as `dies`
    if key not in dies.drawn:
        x0, y0, x1, y1 = font.getbbox(c)
        im = Image.new("L", (max(1, x1 - x0) + 2, max(1, y1 - y0) + 2))
        ImageDraw.Draw(im).text((1 - x0, 1 - y0), c, fill=255, font=font)
        dies.drawn[key] = np.array(im)
    m = dies.drawn[key]
    return cv2.resize(m, (max(2, round(m.shape[1] * height / m.shape[0])), height), interpolation=cv2.INTER_AREA)


def stroke_mask(dies, c, height, pen, aspect):
    w = round(height * aspect)
    pad = round(height * pen / 2) + 1
    s = 4
    m = np.zeros((height * s, (w + 2) * s), np.uint8)
    for line in dies.strokes[c]:
        pts = [(round((pad + x * (w - 2 * pad)) * s), round((pad + y * (height - 2 * pad)) * s)) for x, y in line]
        cv2.polylines(m, [np.array(pts, np.int32)], False, 255, max(1, round(pen * height * s)), cv2.LINE_AA)
    return cv2.resize(m, (w + 2, height), interpolation=cv2.INTER_AREA)


def typeface(dies, kind):
    """A function (char, height) -> mask in one consistent face; kind: font, stroke, sheet name, gb, br, us-XX."""
    if kind == "stroke":
        pen, aspect = random.uniform(.12, .18), random.uniform(.45, .65)
        return lambda c, h: stroke_mask(dies, c, h, pen, aspect)
    if kind.startswith("us-"):
        return us_typeface(dies, kind[3:])
    if kind in dies.sheets:
        chars = dies.sheets[kind]
        backup = dies.font()

        def draw(c, h):
            if c not in chars:
                return font_mask(dies, backup, c, h)
            m = random.choice(chars[c])
            return cv2.resize(m, (max(3, round(m.shape[1] * h / m.shape[0])), h), interpolation=cv2.INTER_AREA)
        return draw
    if kind in dies.glyphs:
        chars, aspect = dies.glyphs[kind], random.uniform(.5, .72)
        backup = dies.font()

        def draw(c, h):
            if c not in chars:
                return font_mask(dies, backup, c, h)
            return cv2.resize(random.choice(chars[c]), (round(h * aspect), h), interpolation=cv2.INTER_AREA)
        return draw
    font = dies.font()
    stretch = random.uniform(.8, 1.25)

    def draw(c, h):
        m = font_mask(dies, font, c, h)
        return cv2.resize(m, (max(2, round(m.shape[1] * stretch)), h))
    return draw


def us_typeface(dies, state):
    """A state's own die; a character that no crop of it shows comes from another state's."""
    stretch, borrowed = random.uniform(.85, 1.15), {}
    own = dies.us.get(state, {})
    heavier = random.choice([0, 0, 0, 1, -1])  # paint that filled or wore off

    def draw(c, h):
        if c not in own and c not in borrowed:
            others = [d[c] for d in dies.us.values() if c in d]
            borrowed[c] = random.choice(others) if others else [font_mask(dies, dies.font(), c, 96)]
        m = random.choice(own.get(c) or borrowed[c])
        if heavier:
            m = (cv2.dilate if heavier > 0 else cv2.erode)(m, np.ones((3, 3), np.uint8))
        return cv2.resize(m, (max(3, round(m.shape[1] * h * stretch / m.shape[0])), h), interpolation=cv2.INTER_AREA)
    return draw


def set_line(draw, text, height, spacing, gaps):
    """Characters side by side; `gaps` maps an index to the extra room before it (px, or a drawn mask).

    Returns (mask [height, W], list of (x0, x1) of the gaps)."""
    parts, holes, x = [], [], 0
    for i, c in enumerate(text):
        if i in gaps:
            holes.append((x, x + gaps[i]))
            x += gaps[i]
        m = draw(c, height)
        parts.append((x, m))
        x += m.shape[1] + spacing
    out = np.zeros((height, max(1, x - spacing)), np.uint8)
    for x, m in parts:
        w = min(m.shape[1], out.shape[1] - x)
        out[:, x:x + w] = np.maximum(out[:, x:x + w], m[:, :w])
    return out, holes


def blend(plate, mask, x, y, ink):
    """Draws `mask` onto `plate` at (x, y), cut at the edges; ink is the grey of full mask."""
    h, w = plate.shape
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(w, x + mask.shape[1]), min(h, y + mask.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    a = mask[y0 - y:y1 - y, x0 - x:x1 - x].astype(np.float32) / 255
    part = plate[y0:y1, x0:x1]
    part[:] = (part * (1 - a) + ink * a).astype(np.uint8)


def emblem(plate, cx, cy, r):
    """A seal, crest, star, dot or state outline: anything that stands in a gap and is no character."""
    kind = random.random()
    ink, other = random.randint(0, 255), random.randint(0, 255)
    c = (int(cx), int(cy))
    if kind < .35:
        cv2.circle(plate, c, int(r), ink, -1, cv2.LINE_AA)
        cv2.circle(plate, c, max(1, int(r * random.uniform(.3, .8))), other, random.choice([-1, 1, 2]), cv2.LINE_AA)
    elif kind < .55:
        cv2.circle(plate, c, max(1, int(r * .3)), ink, -1, cv2.LINE_AA)
    elif kind < .7:
        n = random.randint(5, 9)
        a = np.sort(np.random.rand(n)) * 2 * np.pi
        rr = r * np.random.uniform(.5, 1.1, n)
        pts = np.stack([cx + rr * np.cos(a), cy + rr * np.sin(a)], 1).astype(np.int32)
        cv2.fillPoly(plate, [pts], ink, cv2.LINE_AA)
    elif kind < .85:
        cv2.rectangle(plate, (int(cx - r * .8), int(cy - r)), (int(cx + r * .8), int(cy + r)), ink, random.choice([-1, 1, 2]))
        cv2.line(plate, (int(cx - r * .7), int(cy)), (int(cx + r * .7), int(cy)), other, 1 + int(r / 6))
    else:
        cv2.line(plate, (int(cx - r * .5), int(cy)), (int(cx + r * .5), int(cy)), ink, max(2, int(r * .3)))


def small_text(dies, plate, cx, cy, height, ink, n=None):
    text = "".join(random.choice(LETTERS + "    ") for _ in range(n or random.randint(6, 18))).strip() or "STATE"
    draw = typeface(dies, "font")
    m, _ = set_line(draw, text.replace(" ", "I"), max(5, height), max(1, height // 5), {})
    if m.shape[1] > plate.shape[1] * .9:
        m = cv2.resize(m, (int(plate.shape[1] * .9), m.shape[0]))
    blend(plate, m, int(cx - m.shape[1] / 2), int(cy - m.shape[0] / 2), ink)


# ---------------------------------------------------------------- texts

def pattern(spec):
    """'A' a letter, '1' a digit, '?' either; anything else stands for itself."""
    pick = {"A": LETTERS, "1": DIGITS, "?": LETTERS + DIGITS}
    return "".join(random.choice(pick[c]) if c in pick else c for c in spec)


US = ("AAA1111 AAA111 111AAA 1AAA111 AAA 1111|AA11111 A11AAA 1111AA 11A1111 AA1111 A111111 111111 AA111A 1A11111 "
      "11AA11 AAA11A A11111 1A1AA 1AA1A1 A1AAA ??????? ?????? ????? 11111A 1111111 AA11AA AAAA11 11111").replace("|", " ").split()
def us_plate(dies):
    """A serial on a blank state plate (or a plain one with made-up small print)."""
    state, plate = random.choice(dies.templates)
    where = frozenset([regions.index(f"us-{state.lower()}")])
    formats = dies.us_formats.get(state)
    text = pattern(random.choice(formats if formats and random.random() < .6 else US))
    if random.random() < .8:
        plate = cv2.resize(plate, (300, 150))
    else:
        plate, where = np.full((150, 300), random.randint(40, 245), np.uint8), regions.US
        ink = 255 - int(plate[0, 0])
        small_text(dies, plate, 150, random.randint(12, 24), random.randint(12, 20), ink)
        if random.random() < .7:
            small_text(dies, plate, 150, random.randint(128, 140), random.randint(8, 13), ink)
    ground = float(np.median(plate[45:110]))
    ink = random.randint(0, 90) if ground > 110 else random.randint(180, 255)
    if random.random() < .6:
        kind = "us-" + (state if state in dies.us and random.random() < .7 else random.choice(list(dies.us)))
    else:
        kind = random.choice(["font"] * 6 + list(dies.sheets)[:1] + (["stroke"] * 2 if dies.strokes else []))
    draw = typeface(dies, kind)
    height = random.randint(58, 82)
    cut = random.choice([None, 2, 3, 3, 3, 4]) if len(text) > 4 else None
    gaps = {cut: random.randint(6, 34)} if cut and cut < len(text) else {}
    m, holes = set_line(draw, text, height, random.randint(2, 12), gaps)
    room = random.randint(235, 285)
    if m.shape[1] > room:
        m2 = cv2.resize(m, (room, height), interpolation=cv2.INTER_AREA)
        holes = [(a * room / m.shape[1], b * room / m.shape[1]) for a, b in holes]
        m = m2
    x = (300 - m.shape[1]) // 2 + random.randint(-6, 6)
    y = 76 - height // 2 + random.randint(-6, 8)
    if random.random() < .3:  # embossing: a light edge beside the stroke
        blend(plate, m, x - 1, y - 1, 255)
    blend(plate, m, x, y, ink)
    for a, b in holes:
        if random.random() < .6 and b - a > 12:
            emblem(plate, x + (a + b) / 2, y + height / 2, min(14, (b - a) / 2.4))
    us_extras(dies, plate, ink, x)
    if random.random() < .3:
        beside(dies, plate, x, x + m.shape[1], y, height)
    return Flat(plate, text, where)


def beside(dies, plate, left, right, y, height):
    """What stands hard by a serial and is no part of it: a frame's side, a sticker, a painted line. Their edges look
    like a 1 or an I."""
    for side in random.choice([(0,), (1,), (0, 1)]):
        gap, kind = random.randint(2, 9), random.random()
        at = left - gap if side == 0 else right + gap
        tone = random.randint(0, 255)
        if kind < .35:  # the frame covers all that is further out
            plate[:, :max(0, at)] = tone if side == 0 else plate[:, :max(0, at)]
            plate[:, min(300, at):] = tone if side == 1 else plate[:, min(300, at):]
        elif kind < .75:  # a sticker, with lettering or plain
            w, h = random.randint(10, 44), random.randint(18, height)
            x0, y0 = at - w if side == 0 else at, y + random.choice([0, height - h, random.randint(-8, max(0, height - h) + 8)])
            part = plate[max(0, y0):max(0, y0 + h), max(0, x0):max(0, x0 + w)]
            if part.size:
                part[:] = tone
                cv2.rectangle(part, (0, 0), (part.shape[1] - 1, part.shape[0] - 1), random.randint(0, 255), random.choice([1, 1, 2]))
                if min(part.shape) > 12 and random.random() < .6:
                    small_text(dies, part, part.shape[1] / 2, part.shape[0] / 2, min(10, part.shape[0] // 2), 255 - tone, random.randint(1, 3))
        else:  # a line that is thinner or shorter than a stroke
            t, short = random.randint(1, 4), random.randint(0, height // 3)
            x0 = at - t if side == 0 else at
            cv2.line(plate, (x0, y + short - 6), (x0, y + height + 6), tone, t)


def us_extras(dies, plate, ink, x):
    """Bolts, stickers, a dealer frame, stacked letters at the side."""
    for cx, cy in ((70, 11), (230, 11), (70, 139), (230, 139)):
        if random.random() < .5:
            cv2.circle(plate, (cx, cy), random.randint(3, 6), random.randint(0, 255), -1)
    for corner in ((4, 4), (252, 4), (4, 118), (252, 118)):
        if random.random() < .18:
            s = plate[corner[1]:corner[1] + 28, corner[0]:corner[0] + 44]
            s[:] = random.randint(60, 255)
            small_text(dies, s, 22, 14, 16, random.randint(0, 80), random.randint(2, 4))
    if random.random() < .12 and x > 40:  # unlabelled stacked letters, like CU over a T
        draw = typeface(dies, "font")
        for k in range(2):
            blend(plate, draw(random.choice(LETTERS), 24), 8, 48 + 28 * k, ink)
    if random.random() < .25:
        g = random.randint(0, 255)
        t = random.randint(4, 14)
        cv2.rectangle(plate, (0, 0), (299, 149), g, t)
        if random.random() < .6:
            small_text(dies, plate, 150, 143, 9, 255 - g)


def band(dies, part, code):
    """The blue band: a ring of stars, and the country's letters below it."""
    h, w = part.shape
    part[:] = random.randint(20, 110)
    cv2.circle(part, (w // 2, int(h * .3)), int(w * .28), random.randint(150, 255), 2)
    m, _ = set_line(typeface(dies, "font"), code, max(8, int(h * .19)), 2, {})
    if m.shape[1] > w - 6:
        m = cv2.resize(m, (w - 6, m.shape[0]), interpolation=cv2.INTER_AREA)
    blend(part, m, (w - m.shape[1]) // 2, int(h * .68), 235)


def eu_plate(dies):
    """A long plate with band, gaps, seals; the label leaves out whatever stands in the gaps."""
    country = random.choice(list(regions.EUROPE))
    code, specs = regions.EUROPE[country]
    spec = random.choice(specs.split())
    wide = random.random() < .92
    W, H = (520, 112) if wide else (460, 112)
    dark = random.random() < .07
    ground = random.randint(20, 70) if dark else random.randint(165, 250)
    ink = random.randint(200, 255) if dark else random.randint(0, 60)
    plate = np.full((H, W), ground, np.uint8)
    left = random.randint(38, 48) if random.random() < .85 else 0
    if left:
        band(dies, plate[:, :left], code)
    if random.random() < .2:
        plate[:, W - 42:] = random.randint(20, 110)
        small_text(dies, plate[:, W - 42:], 21, 88, 20, 235, 2)
    sheet = [k for k in dies.sheets if "brazil" not in k]
    kind = random.choice(sheet * 2 + ["gb", "gb", "font", "font", "font"])
    draw = typeface(dies, kind)
    parts = [pattern(p) for p in spec.split("|")]
    text, gaps = "", {}
    for p in parts:
        if text:
            gaps[len(text)] = random.randint(10, 62)
        text += p
    height = random.randint(70, 84)
    m, holes = set_line(draw, text, height, random.randint(5, 14), gaps)
    room = W - left - random.randint(14, 40)
    scale = min(1.0, room / m.shape[1])
    m = cv2.resize(m, (max(1, int(m.shape[1] * scale)), height), interpolation=cv2.INTER_AREA)
    x = left + max(4, (W - left - m.shape[1]) // 2 + random.randint(-8, 8))
    y = (H - height) // 2 + random.randint(-3, 3)
    blend(plate, m, x, y, ink)
    for a, b in holes:
        a, b = a * scale, b * scale
        if b - a > 14 and random.random() < .75:
            cx = x + (a + b) / 2
            if random.random() < .5 and b - a > 20:
                r = min(14, (b - a) / 2.6)
                emblem(plate, cx, H * .32, r)
                emblem(plate, cx, H * .68, r)
            else:
                emblem(plate, cx, H / 2, min(22, (b - a) / 2.4))
    cv2.rectangle(plate, (1, 1), (W - 2, H - 2), random.choice([ink, ground, 120]), random.randint(1, 4))
    if random.random() < .3:
        cv2.rectangle(plate, (0, 0), (W - 1, H - 1), random.randint(0, 90), random.randint(4, 10))
    return Flat(plate, text, frozenset([regions.index(country)]) if left else regions.european(text))


def br_plate(dies):
    """Three letters, a dot, four digits; the town above."""
    text = pattern("AAA1111")
    dark = random.random() < .2
    plate = np.full((130, 400), random.randint(30, 90) if dark else random.randint(130, 235), np.uint8)
    ink = random.randint(200, 255) if dark else random.randint(0, 60)
    sheet = [k for k in dies.sheets if "brazil" in k] or ["br"]
    draw = typeface(dies, random.choice(["br", "br", sheet[0], "font"]))
    height = random.randint(66, 80)
    m, holes = set_line(draw, text, height, random.randint(4, 10), {3: random.randint(18, 36)})
    m2 = cv2.resize(m, (min(m.shape[1], 376), height), interpolation=cv2.INTER_AREA)
    scale = m2.shape[1] / m.shape[1]
    x, y = (400 - m2.shape[1]) // 2, random.randint(36, 44)
    blend(plate, m2, x, y, ink)
    for a, b in holes:
        cv2.circle(plate, (int(x + scale * (a + b) / 2), y + height // 2), random.randint(3, 6), ink, -1)
    small_text(dies, plate, 200, 20, random.randint(12, 18), ink)
    for cx in (60, 340):
        if random.random() < .6:
            cv2.circle(plate, (cx, random.choice([12, 118])), 5, random.randint(0, 255), -1)
    cv2.rectangle(plate, (1, 1), (398, 128), ink, random.randint(1, 4))
    return Flat(plate, text, frozenset([regions.index("br")]))


def street_plate(dies):
    """The project's own rendered street: plain ground, a state name, the stroke font."""
    if not dies.strokes:
        return us_plate(dies)
    text = pattern(random.choice(US))
    plate = np.full((150, 300), random.randint(150, 250), np.uint8)
    if random.random() < .15:
        plate[:] = random.randint(20, 90)
    ink = 255 - int(plate[0, 0]) if plate[0, 0] < 100 else random.randint(0, 90)
    for y in (0, 150 - 24):
        if random.random() < .3:
            plate[y:y + 24] = random.randint(0, 255)
    draw = typeface(dies, "stroke")
    m, _ = set_line(draw, text, random.randint(62, 84), random.randint(3, 10), {random.choice([0, 3]): random.choice([0, 10])})
    if m.shape[1] > 280:
        m = cv2.resize(m, (280, m.shape[0]), interpolation=cv2.INTER_AREA)
    blend(plate, m, (300 - m.shape[1]) // 2, 78 - m.shape[0] // 2, ink)
    small_text(dies, plate, 150, 16, random.randint(11, 18), ink, random.randint(4, 12))
    return Flat(plate, text, regions.US)


def two_line_plate(dies):
    """A square European plate or a motorcycle's, in Brazil with the town above."""
    brazil = random.random() < .25
    aspect = random.uniform(1.1, 1.4) if brazil else random.choice([random.uniform(1.3, 1.75), random.uniform(.95, 1.3)])
    h = 240
    w = int(h * aspect)
    dark = random.random() < .1
    plate = np.full((h, w), random.randint(20, 80) if dark else random.randint(150, 250), np.uint8)
    ink = random.randint(200, 255) if dark else random.randint(0, 70)
    country = random.choice(list(regions.EUROPE))
    top, low = ("AAA", "1111") if brazil else split_spec(random.choice(regions.EUROPE[country][1].split()))
    top, low = pattern(top), pattern(low)
    sheets = [k for k in dies.sheets if ("brazil" in k) == brazil]
    draw = typeface(dies, random.choice(sheets + ["br" if brazil else "gb", "font", "font"]))
    banded = not brazil and random.random() < .7
    left = random.randint(36, 50) if banded else 0
    if left:
        band(dies, plate[:h // 2 + random.randint(-10, 10), :left], regions.EUROPE[country][0])
    head = random.randint(36, 50) if brazil else random.randint(8, 20)
    tall = (h - head - random.randint(14, 40)) // 2
    for k, line in enumerate((top, low)):
        m, _ = set_line(draw, line, tall, random.randint(6, 16), {random.choice([1, 2]): random.choice([0, 0, 10, 20])} if len(line) > 2 else {})
        x0 = left + 6 if k == 0 else random.choice([6, left + 6])
        room = w - x0 - 8
        if m.shape[1] > room:
            m = cv2.resize(m, (room, tall), interpolation=cv2.INTER_AREA)
        spare = room - m.shape[1]
        x = x0 + (spare // 2 if random.random() < .7 else random.randint(0, spare))
        y = head + k * (tall + random.randint(6, 14))
        blend(plate, m, x, y, ink)
        if spare > 40 and random.random() < .6:  # seals stand where there is room
            place = x + m.shape[1] + (w - x - m.shape[1]) / 2 if random.random() < .7 else (x0 + x) / 2
            emblem(plate, place, y + tall / 2, min(24, spare / 5))
    if brazil:
        small_text(dies, plate, w / 2, head / 2, head // 2, ink)
    cv2.rectangle(plate, (1, 1), (w - 2, h - 2), random.choice([ink, 120]), random.randint(1, 5))
    where = frozenset([regions.index("br")]) if brazil else frozenset([regions.index(country)]) if left else regions.EU
    return Flat(plate, top + low, where, (top, low))


def split_spec(spec):
    """A layout as two lines: at its first gap, or in its middle; a line has one character at least."""
    parts = spec.split("|")
    if len(parts) == 1:
        return spec[:len(spec) // 2], spec[len(spec) // 2:]
    if len(parts) == 3 and random.random() < .5:
        return "".join(parts[:2]), parts[2]
    return parts[0], "".join(parts[1:])


def other_plate(dies):
    """From none of the regions that are named: made-up layouts with a side panel or a crest."""
    text = pattern(random.choice("AA1111 AAA1111 AA111AA A111AA111 11A11111 AAA11A 111111 A11111 AA111111 1111AA11".split()))
    w, h = random.choice([(300, 150), (520, 112), (440, 140)])
    dark = random.random() < .35
    plate = np.full((h, w), random.randint(20, 90) if dark else random.randint(130, 245), np.uint8)
    ink = random.randint(190, 255) if dark else random.randint(0, 80)
    side, at = random.randint(0, 60), random.choice([0, 1])
    if side > 20:
        part = plate[:, :side] if at == 0 else plate[:, w - side:]
        part[:] = random.randint(0, 255)
        emblem(part, side / 2, h / 2, side / 3)
    m, _ = set_line(typeface(dies, "font"), text, int(h * random.uniform(.45, .7)), random.randint(3, 12), {random.choice([2, 3]): random.randint(0, 30)})
    room = w - side - 14
    if m.shape[1] > room:
        m = cv2.resize(m, (room, m.shape[0]), interpolation=cv2.INTER_AREA)
    blend(plate, m, (side + 7 if side > 20 and at == 0 else 7) + (room - m.shape[1]) // 2, (h - m.shape[0]) // 2 + random.randint(-6, 10), ink)
    cv2.rectangle(plate, (1, 1), (w - 2, h - 2), ink, random.randint(1, 5))
    return Flat(plate, text, frozenset([regions.index("other")]))


def any_plate(dies):
    """A plate of the mix that training uses."""
    kinds = (us_plate, .36), (eu_plate, .34), (br_plate, .10), (street_plate, .12), (two_line_plate, .10), (other_plate, .03)
    return random.choices([k for k, _ in kinds], [share for _, share in kinds])[0](dies)
