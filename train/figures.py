"""Draws the figures of the model card as SVG files into models/: how far a confidence is to be believed, which characters
are taken for which, and what size and time bring.

`python figures.py` reads reliability.npz of the work folder (`confidence.py` writes it) and sizes.csv beside this script
(name, MB, milliseconds for two places, share exact), and reads held-out plates for the characters.
"""
import argparse
import csv
import itertools

import numpy as np
import torch

import capture
import formats
import regions
from common import ALPHABET, HERE, MODELS, WORK, seed
from recogniser import Recogniser, real_crops
from verifier import load

INK, SOFT, BLUE = "#1d2430", "#c9d0da", "#1f5fa8"


def svg(name, width, height, parts, title):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
            f'font-family="sans-serif" font-size="12" fill="{INK}"><title>{title}</title><rect width="{width}" height="{height}" fill="#fff"/>')
    (MODELS / name).write_text(head + "\n" + "\n".join(parts) + "\n</svg>\n", encoding="utf-8")


def text(x, y, words, anchor="middle", size=12, turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{turn}>{words}</text>'


def line(x0, y0, x1, y1, colour=SOFT, dash=""):
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}"{dash}/>'


def reliability():
    """Ten bins of what was said, against what was right; bars of two deviations by chance."""
    data = np.load(WORK / "reliability.npz")
    p, right = data["p"], data["right"]
    left, top, side = 60, 20, 320

    def at(x, y):
        return left + x * side, top + (1 - y) * side
    parts = [line(*at(0, 0), *at(1, 1), SOFT, ' stroke-dasharray="4 4"')]
    for v in np.linspace(0, 1, 6):
        parts += [line(*at(v, 0), *at(v, 1)), line(*at(0, v), *at(1, v)), text(at(v, 0)[0], top + side + 18, f"{v:.1f}"), text(left - 8, at(0, v)[1] + 4, f"{v:.1f}", "end")]
    bins = np.minimum((p * 10).astype(int), 9)
    for k in range(10):
        of = bins == k
        if of.sum() < 5:
            continue
        x, y = at(p[of].mean(), right[of].mean())
        spread = 2 * (right[of].mean() * (1 - right[of].mean()) / of.sum()) ** .5 * side
        parts += [line(x, y - spread, x, y + spread, BLUE), f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{BLUE}"/>', text(x, y - spread - 4, int(of.sum()), size=10)]
    parts += [text(left + side / 2, top + side + 38, "confidence said"), text(16, top + side / 2, "share right", turn=f' transform="rotate(-90 16 {top + side / 2})"')]
    svg("reliability.svg", left + side + 20, top + side + 50, parts, f"Confidence against what was right, {len(p)} reads of held-out plates")


@torch.no_grad()
def characters(n):
    """[(true, read)] over texts of equal length: shots of held-out real plates, with the formats."""
    seed(31)
    net, pairs, whole = load(Recogniser, "recogniser"), [], 0
    plates = [p for name, of in real_crops()[1].items() if name != "two" for p in of]
    for plate in itertools.islice(itertools.cycle(plates), n):
        x = torch.from_numpy(capture.normalise(capture.take(plate.image)))[None, None]
        early, features = net.both(x)
        odds = torch.softmax(net.layout(early, features)[0, :-1], -1).numpy()
        read = formats.reading(torch.softmax(net.columns(features), -1)[0].numpy(), {c: float(v) for c, v in zip(regions.REGIONS, odds) if c != "other"})
        if read and len(read[0]) == len(plate.text) and sum(a != b for a, b in zip(read[0], plate.text)) <= 2:
            pairs += zip(plate.text, read[0])
            whole += 1
    return pairs, whole


def confusion(n):
    pairs, whole = characters(n)
    table = np.zeros((36, 36))
    for a, b in pairs:
        table[ALPHABET.index(a), ALPHABET.index(b)] += 1
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    cell, left, top = 15, 40, 40
    parts = []
    for i, j in itertools.product(range(36), repeat=2):
        if share[i, j] < .002:
            continue
        shade = BLUE if i == j else "#b3261e"
        parts.append(f'<rect x="{left + j * cell}" y="{top + i * cell}" width="{cell}" height="{cell}" fill="{shade}" fill-opacity="{min(1, share[i, j] if i == j else .15 + share[i, j] * 8):.2f}">'
                     f'<title>{ALPHABET[i]} read as {ALPHABET[j]}: {share[i, j]:.3f} of {int(table[i].sum())}</title></rect>')
    for k, c in enumerate(ALPHABET):
        parts += [text(left - 10, top + k * cell + 12, c, size=11), text(left + k * cell + cell / 2, top - 8, c, size=11)]
    parts += [text(left + 18 * cell, 16, "read as"), text(12, top + 18 * cell, "is", size=12)]
    svg("confusion.svg", left + 36 * cell + 20, top + 36 * cell + 20, parts, f"Characters of held-out real plates: what is read as what, {len(pairs)} characters of {whole} plates")
    worst = sorted(((share[i, j], ALPHABET[i], ALPHABET[j], int(table[i, j])) for i in range(36) for j in range(36) if i != j and table[i, j] >= 3), reverse=True)
    print(f"{whole} of {n} shots with at most two wrong; most often: " + ", ".join(f"{a} as {b} {v:.3f} ({k})" for v, a, b, k in worst[:12]))


def sizes():
    rows = list(csv.DictReader(open(HERE / "sizes.csv", newline="", encoding="utf-8")))
    left, top, w, h = 60, 20, 420, 260
    ms, exact = ([float(r[k]) for r in rows] for k in ("ms", "exact"))
    x0, x1, y0, y1 = 0, max(ms) * 1.35, min(exact) - .01, max(exact) + .012

    def at(x, y):
        return left + (x - x0) / (x1 - x0) * w, top + (y1 - y) / (y1 - y0) * h
    parts = [line(left, top + h, left + w, top + h, INK), line(left, top, left, top + h, INK)]
    for v in np.arange(0, x1, .5 if x1 < 5 else 2):
        parts.append(text(at(v, y0)[0], top + h + 18, f"{v:g}"))
    for v in np.arange(np.ceil(y0 * 100) / 100, y1, .01):
        parts += [text(left - 8, at(0, v)[1] + 4, f"{v:.2f}", "end"), line(left, at(0, v)[1], left + w, at(0, v)[1])]
    for r, x, y in zip(rows, ms, exact):
        (px, py), size = at(x, y), 2 + 1.5 * float(r["MB"])
        dx, dy, anchor = {"left": (-size - 4, 4, "end"), "right": (size + 4, 4, "start"), "above": (0, -size - 4, "middle"), "below": (0, size + 12, "middle")}[r["label"]]
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{size:.1f}" fill="{BLUE}" fill-opacity=".6"/>', text(px + dx, py + dy, f'{r["name"]}, {r["MB"]} MB', anchor, size=11)]
    parts += [text(left + w / 2, top + h + 38, "ms for two places, one core"), text(14, top + h / 2, "exact, held-out plates", turn=f' transform="rotate(-90 14 {top + h / 2})"')]
    svg("sizes.svg", left + w + 40, top + h + 50, parts, "Size, time and accuracy of the recognisers tried")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--shots", type=int, default=3000, help="of held-out plates, for the characters")
    args = ap.parse_args()
    torch.set_num_threads(1)
    if (WORK / "reliability.npz").exists():
        reliability()
    if (HERE / "sizes.csv").exists():
        sizes()
    confusion(args.shots)


if __name__ == "__main__":
    main()
