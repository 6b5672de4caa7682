"""What the reader takes for what: pictures of held-out plates, as `confidence.py` makes them, are read by the
executable, its reads are laid beside the truth, and two files for the matcher of hot lists come out of it.

`python confusion.py ../target/release/homeplate --pictures 3000` (without an executable the chain in Python reads, with the
newest checkpoints) writes into the work folder
- confusion.txt: counts of `truth seen`, and of characters that were missing or too many, by place: the source of
  `crates/plate/src/confusion.txt`;
- places.txt: single places as the reader said them, `quality truth seen:ppm ...`, no two of one plate together, so that
  no plate can be put together again: `crates/hotlist/examples/scale` draws its reads from them.
"""
import argparse
import collections
import random

import numpy as np
import torch

from common import CONFIG, WORK, seed
from confidence import lines, pictures


def aligned(truth, seen):
    """The cheapest edit of truth into seen: [(place in truth or None, place in seen or None)]."""
    n, m = len(truth), len(seen)
    cost = [[1.01 * max(i, j) if not i or not j else 0 for j in range(m + 1)] for i in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost[i][j] = min(cost[i - 1][j - 1] + (truth[i - 1] != seen[j - 1]), cost[i - 1][j] + 1.01, cost[i][j - 1] + 1.01)
    out, i, j = [], n, m
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (truth[i - 1] != seen[j - 1]):
            i, j = i - 1, j - 1
            out.append((i, j))
        elif i and (not j or cost[i][j] == cost[i - 1][j] + 1.01):
            i -= 1
            out.append((i, None))
        else:
            j -= 1
            out.append((None, j))
    return out[::-1]


def pairs(reader, folder, truth):
    """(truth, read) of every read that lies on a plate whose text is known."""
    for line in lines(reader, folder):
        for plate in line["plates"]:
            x, y, w, h = plate["box"]
            c = np.array([x + w / 2, y + h / 2])
            for quad, text in truth[line["image"].rsplit("/", 1)[-1]]:
                if text and np.abs(c - quad.mean(0)).max() < np.ptp(quad[:, 0]) / 2:
                    yield text, plate


def quality(confidence):
    """Reads of one quality share their places: blurred plates are wrong in several at once."""
    return int(np.searchsorted([.3, .7, .9, .97], confidence, side="right"))


def edits(truth, steps, seen):
    return sum(i is None or j is None or truth[i] != seen[j] for i, j in steps)


def learn(reads, by):
    """The record, as `crates/plate/src/confusion.txt` has it, and the single places."""
    laid = [(t, p, aligned(t, p["text"])) for t, p in reads]
    laid = [(t, p, a) for t, p, a in laid if edits(t, a, p["text"]) <= 3]  # beyond, another plate was meant
    wrong = [(t, p, a) for t, p, a in laid if t != p["text"]]
    length = lambda d: sum(len(p["text"]) - len(t) == d for t, p, _ in wrong) / len(wrong)
    gaps = [(at, len(t if j is None else p["text"])) for t, p, a in wrong for i, j in a if i is None or j is None for at in [i if j is None else j]]
    mistakes, places = collections.defaultdict(collections.Counter), []
    for t, p, a in laid:
        for i, j in a:
            if i is None or j is None:
                continue
            if t[i] != p["text"][j]:
                mistakes[p["text"][j]][t[i]] += 1
            said = ",".join(f"{c}:{round(q * 1e4)}" for c, q in p["characters"][j])
            places.append((quality(p["confidence"]), t[i], said))
    sure = [t == p["text"] for t, p, _ in laid if p["confidence"] >= .99]
    record = [
        f"# {len(laid)} reads of held-out plates in held-out pictures, {len(laid) - len(wrong)} of them right, by the {by}; {len(reads) - len(laid)} that",
        "# differ in more than three characters are left out. Written by `train/confusion.py`; harder than life, so",
        "# that the shares among mistakes are used, and how many there are is taken from each read's own confidence.",
        "#",
        "# `surest`: no text is believed more than this. `missing` and `extra`: of wrong reads, those with a character too",
        "# few or too many; `ends`: the share of both at the first or the last place. Then by the character that was shown:",
        "# the true ones with counts.",
        f"surest {1 - (len(sure) - sum(sure) + 1) / (len(sure) + 2):.4f}",
        f"missing {length(-1):.4f}",
        f"extra {length(1):.4f}",
        f"ends {sum(at in (0, n - 1) for at, n in gaps) / len(gaps):.4f}",
    ]
    record += [f"{shown} " + " ".join(f"{t}:{n}" for t, n in sorted(mistakes[shown].items())) for shown in sorted(mistakes)]
    random.shuffle(places)
    kept = collections.Counter()
    few = [place for place in places if not kept.update([place[:2]]) and kept[place[:2]] <= 40]
    return record, [f"{q} {t} {said}" for q, t, said in sorted(few, key=lambda place: place[:2])]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("reader", nargs="?", help="the homeplate executable")
    ap.add_argument("--pictures", type=int, default=CONFIG["confidence"]["pictures"])
    args = ap.parse_args()
    torch.set_num_threads(1)
    seed(23)
    folder = WORK / "confusion"
    folder.mkdir(parents=True, exist_ok=True)
    reads = list(pairs(args.reader, folder, pictures(folder, args.pictures)))
    record, places = learn(reads, "executable" if args.reader else "chain in Python")
    (WORK / "confusion.txt").write_text("\n".join(record) + "\n")
    (WORK / "places.txt").write_text("\n".join(places) + "\n")
    print(len(reads), "reads,", sum(t == p["text"] for t, p in reads), "exact,", len(places), "places")


if __name__ == "__main__":
    main()
