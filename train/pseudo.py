"""Labels for the unlabelled crops by agreement: a text counts where several cuts of a picture, read by the
present recogniser, agree and none of its characters is unsure. Writes pseudo.json into the work folder.

`python pseudo.py [--floor .85]`; `recogniser.py` mixes the result in when it is started next.
"""
import argparse
import collections
import csv
import json
from pathlib import Path

import cv2
import numpy as np
import torch

import capture
from common import ALPHABET, CONFIG, DATA, WORK
from recogniser import Recogniser

# (margin, lift of the right edge in heights): what a camera's cut might be.
CUTS = [(0, 0), (.04, 0), (-.02, 0), (.02, .06), (.02, -.06)]


def cuts(grey):
    """The picture cut in every way of CUTS, normalised: [5, 1, 48, 144]."""
    h, w = grey.shape
    out = []
    for m, lift in CUTS:
        quad = np.float32([[-w * m, -h * m], [w + w * m, -h * m - lift * h], [w + w * m, h + h * m - lift * h], [-w * m, h + h * m]])
        out.append(capture.normalise(capture.rectify(grey, quad)))
    return torch.from_numpy(np.stack(out))[:, None]


def firm(probs):
    """Best-path text of [T, 37] and the odds of its least sure character."""
    text, worst, last = "", 1., 0
    for t, c in enumerate(probs.argmax(-1)):
        if c and c != last:
            run = t
            while run + 1 < len(probs) and probs[run + 1].argmax() == c:
                run += 1
            text, worst = text + ALPHABET[c - 1], min(worst, float(probs[t:run + 1, c].max()))
        last = c
    return text, worst


def agreed(net, grey, floor):
    """The text at least four of the five cuts show surely, or None."""
    device = next(net.parameters()).device
    votes = collections.Counter(text for text, worst in map(firm, net(cuts(grey).to(device)).exp().cpu().numpy()) if worst > floor and 4 <= len(text) <= 9)
    text, n = votes.most_common(1)[0] if votes else (None, 0)
    return text if n >= 4 else None


def judged_texts():
    """Texts of the judging scenes: a crop that shows one is left out, so that no plate is trained on and judged."""
    return {row["text"] for p in (DATA / "scenes").glob("validation-*/labels.csv") for row in csv.DictReader(open(p, encoding="utf-8"))}


@torch.no_grad()
def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--floor", type=float, default=CONFIG["pseudo"]["floor"])
    ap.add_argument("--every", type=int, default=1, help="look at one crop of so many, to try it")
    args = ap.parse_args()
    torch.set_num_threads(1)
    weights = torch.load(WORK / "recogniser.pt", weights_only=False)["average"]
    net = Recogniser.like(weights)
    net.load_state_dict(weights)
    net.eval().to("cuda" if Path("/dev/nvidia0").exists() else "cpu")
    forbidden, out = judged_texts(), []
    paths = sorted((DATA / "crops/eu").glob("*.jpg"))
    unlabelled = [r["image"] for r in csv.DictReader(open(DATA / "crops/br/labels.csv", encoding="utf-8")) if not r["text"]]
    for path in (paths + [DATA / "crops/br" / name for name in unlabelled])[::args.every]:
        text = agreed(net, cv2.imread(str(path), 0), args.floor)
        brazil = path.parent.name == "br"
        if text and text not in forbidden and not (brazil and not (len(text) == 7 and text[:3].isalpha() and text[3:].isdigit())):
            out.append((f"{path.parent.name}/{path.name}", text))
    (WORK / "pseudo.json").write_text(json.dumps(out))
    print(f"{sum(n.startswith('eu/') for n, _ in out)} of {len(paths)} European, {sum(n.startswith('br/') for n, _ in out)} of {len(unlabelled)} Brazilian")


if __name__ == "__main__":
    main()
