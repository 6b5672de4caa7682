"""What the formats of the regions make of character odds, as `crates/plate/src/rank.rs` does it for the product:
`chain.py` reads with it, so that scores and confidences in Python are those of the executable.

The formats themselves are read from the product's files; here is no second list.
"""
import functools

import numpy as np

from common import ALPHABET, HERE, likelihood

FOLDER = HERE.parent / "crates/plate/src/formats"
FREE, NAMED = .2, .5  # as in rank.rs
SHORT, RARE = 3, .1  # as in reader.rs
BELIEVED = .3  # of what formats make more probable, as in again.rs
LEAST, KEPT = .005, 5  # as in recognise.rs
DIGITS = frozenset("0123456789")
LETTERS = frozenset(ALPHABET) - DIGITS


@functools.cache
def formats():
    """(sets of characters [S, 36], {length: (region numbers [F], shares [F], set numbers [F, length])}, codes)."""
    sets, lengths, codes = [frozenset(ALPHABET)], {}, []
    for name in ("us.txt", "world.txt"):
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            code, rest = line.split(":", 1)
            words, _, no = rest.partition(" no ")
            issued = LETTERS - set(no.strip())
            shapes = [(w.split("*")[0], float(w.split("*")[1]) if "*" in w else 1.) for w in words.split()]
            for shape, share in shapes:
                places = []
                for c in shape:
                    allowed = {"A": issued, "L": LETTERS, "1": DIGITS}.get(c, frozenset(c.upper()))
                    if allowed not in sets:
                        sets.append(allowed)
                    places.append(sets.index(allowed))
                lengths.setdefault(len(shape), []).append((len(codes), share / sum(s for _, s in shapes), places))
            codes.append(code)
    bits = np.array([[c in s for c in ALPHABET] for s in sets], float)
    return bits, {n: tuple(np.array(v) for v in zip(*rows)) for n, rows in lengths.items()}, codes


def decode(probs):
    """Odds of every place of the best path of [T, 37]: [[(character, odds)]], best first."""
    places, best, t = [], probs.argmax(-1), 0
    while t < len(best):
        end = t
        while end < len(best) and best[end] == best[t]:
            end += 1
        if best[t]:
            sums = probs[t:end, 1:].sum(0)
            sums = sums / max(sums.sum(), 1e-9)
            order = sorted(range(36), key=lambda k: (-sums[k], k))[:KEPT]
            kept = max(1, sum(sums[k] >= LEAST for k in order))
            places.append([(k, float(sums[k])) for k in order[:kept]])
        t = end
    return places


def rank(places, prior):
    """(places re-ranked, (region, its odds) or None) under {region: odds}; what is missing to 1 is from elsewhere."""
    bits, lengths, codes = formats()
    q = np.zeros((len(places), 36))
    for row, place in zip(q, places):
        for k, p in place:
            row[k] = p / place[0][1]
    fits = q @ bits.T / bits.sum(1)  # [place, set]
    weights = np.zeros_like(fits)
    odds = np.array([prior.get(c, 0.) for c in codes])
    where = np.zeros(len(codes))
    if len(places) in lengths:
        region, share, sets = lengths[len(places)]
        fit = (1 - FREE) * share * fits[np.arange(len(places)), sets].prod(1)
        np.add.at(where, region, odds[region] * fit)
        each = (odds[region] + max(1 - odds.sum(), 0) / len(codes)) * fit  # what is from elsewhere is like any region
        for i in range(len(places)):
            np.add.at(weights[i], sets[:, i], each)
    free = fits[:, 0].prod()
    weights[:, 0] += FREE * free
    where += odds * FREE * free
    total = weights[0].sum()
    if total <= 0:
        return places, None
    share = np.divide(weights, fits * bits.sum(1), out=np.zeros_like(fits), where=fits > 0)
    sums = (share @ bits) * q
    out = []
    for i, place in enumerate(places):
        sure, norm = min(1., sum(p for _, p in place)), max(sums[i].sum(), 1e-300)
        out.append(sorted(((k, float(sums[i, k] / norm * sure)) for k, _ in place), key=lambda c: (-c[1], c[0])))
    top = int(where.argmax())
    sure = float(where[top] / total)
    return out, (codes[top], sure) if sure >= NAMED else None


def text_of(places):
    return "".join(ALPHABET[place[0][0]] for place in places)


def reading(probs, prior, platt=None):
    """(text, confidence, (region, its odds) or None, odds of every place) of [T, 37] and the network's odds of regions; None where it is no text."""
    return together([probs], prior, platt)


def together(looks, prior, platt=None):
    """As `reading`, of several looks at one plate: each proposes a text, and what all hold most probable together is taken
    (`crates/vision/src/again.rs`)."""
    proposed = {}
    for probs in looks:
        seen = decode(probs)
        if not 2 <= len(seen) <= 12:
            continue
        ranked, region = rank(seen, prior)
        text = text_of(ranked)

        def product(places):
            return np.prod([dict(place).get(ALPHABET.index(c), 0.) for c, place in zip(text, places)])
        before, after, alone = product(seen), product(ranked), np.mean([likelihood(look, text) for look in looks])
        lift, others = after / max(before, 1e-9), max(1 - after, 0) / max(1 - before, 1e-9)
        if text in proposed and proposed[text][1] >= alone * lift:  # the look speaks whose odds the formats change most
            continue
        proposed[text] = alone, alone * lift, alone * lift ** BELIEVED, others ** BELIEVED, region, [[(ALPHABET[k], q) for k, q in place] for place in ranked]
    if not proposed:
        return None
    text = max(proposed, key=lambda t: proposed[t][1])  # of those that are as probable the first
    _, _, weight, others, region, places = proposed[text]
    whole = sum(one[2] for one in proposed.values()) + max(1 - sum(one[0] for one in proposed.values()), 0) * others
    p = weight / whole if whole > 0 else 0.
    if platt:
        p = min(max(p, 1e-6), 1 - 1e-6)
        p = float(1 / (1 + np.exp(-(platt["a"] * np.log(p / (1 - p)) + platt["b"]))))
    if len(text) <= SHORT:
        p = RARE * p / (RARE * p + 1 - p)
    return text, float(p), region, places
