"""The whole chain as the Rust reader runs it, in Python: picture -> candidates -> verdicts -> texts.

`predict.py` judges with it, `verifier.py` mines with it.
"""
import cv2
import numpy as np
import torch

import capture
import formats
import regions
from common import CONFIG

ENLARGED = 1.5  # no picture is made larger than so many times for the detector
AREA, NEAR = 344_064, 86_016  # pixels of the detector's input, and of its look at a picture in which no plate was found
# Reads less sure than this are looked at again, at this margin and sharpened; at most so many of a picture. As in
# crates/vision/src/again.rs.
UNSURE, TIGHT, MOST = .7, .02, 6
FAR = .08  # corners that a glance moves further, in widths or twice the heights, are glanced at once more: as in reader.rs


def grey_of(path):
    bgr = cv2.imread(str(path))
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)


def to_input(grey, area=AREA):
    """The picture at the detector's size (own aspect, sides multiples of 32), and the scale in x and y."""
    h, w = grey.shape
    s = min((area / (h * w)) ** .5, ENLARGED)
    nw, nh = max(32, round(w * s / 32) * 32), max(32, round(h * s / 32) * 32)
    small = cv2.resize(grey, (nw, nh), interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_LINEAR)
    return small, nw / w, nh / h


def iou(a, b):
    ax, ay, bx, by = a.min(0), a.max(0), b.min(0), b.max(0)
    inter = np.clip(np.minimum(ay, by) - np.maximum(ax, bx), 0, None).prod()
    return inter / max(1e-6, (ay - ax).prod() + (by - bx).prod() - inter)


def peaks(heat, corners, threshold, most=40):
    """[(score, quad in input pixels)] of 3x3 local maxima, the overlapping ones dropped."""
    top = cv2.dilate(heat, np.ones((3, 3)))
    ys, xs = np.nonzero((heat >= top) & (heat >= threshold))
    order = np.argsort(-heat[ys, xs])[: 3 * most]
    out = []
    for y, x in zip(ys[order], xs[order]):
        quad = corners[:, y, x].reshape(4, 2) * 8 + [(x + .5) * 8, (y + .5) * 8]
        if (quad.max(0) - quad.min(0)).min() < 3:
            continue
        if all(iou(quad, q) < .35 for _, q in out):
            out.append((float(heat[y, x]), quad))
        if len(out) >= most:
            break
    return out


def grow(quad, margin):
    """The quad with each side `margin` of its length further out."""
    tl, tr, br, bl = (np.float32(p) for p in quad)
    return np.float32([tl + (tl - tr) * margin + (tl - bl) * margin, tr + (tr - tl) * margin + (tr - br) * margin,
                       br + (br - bl) * margin + (br - tr) * margin, bl + (bl - br) * margin + (bl - tl) * margin])


SQUARE = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])


def moved(quad, shift):
    """The quad with each corner moved by the glance's shift, which is told in the quad's own square."""
    m = cv2.getPerspectiveTransform(SQUARE, np.float32(quad))
    return cv2.perspectiveTransform((SQUARE + np.float32(shift).reshape(4, 2))[None], m)[0]


def missed(quad, hit):
    """How far the corners of `quad` lie from those of `hit`, in the square of `hit`, [4, 2]: the other way round than `moved`."""
    m = cv2.getPerspectiveTransform(np.float32(hit), SQUARE)
    return cv2.perspectiveTransform(np.float32(quad)[None], m)[0] - SQUARE


def sharpened(cut):
    """A cut with its edges raised."""
    return cv2.addWeighted(cut, 1.8, cv2.GaussianBlur(cut, (11, 11), 1.5), -.8, 0)


class Chain:
    """Holds the networks (torch); `candidates` and `read` work on one grey picture. `platt` are the
    contract's two numbers that make a confidence of a text's probability."""

    def __init__(self, detector, recogniser=None, verifier=None, platt=None, skim=None):
        self.detector, self.recogniser, self.verifier, self.platt, self.skim = detector, recogniser, verifier, platt, skim
        self.find, self.again, self.near = self.candidates, True, True

    @torch.no_grad()
    def of_input(self, small, threshold):
        """[(score, quad)] of a picture that has the detector's size already."""
        heat, corners = self.detector(torch.from_numpy(small.astype(np.float32) / 255)[None, None])
        return peaks(torch.sigmoid(heat)[0, 0].numpy(), corners[0].numpy(), threshold)

    def candidates(self, grey, threshold, area=AREA):
        small, sx, sy = to_input(grey, area)
        return [(score, quad / [sx, sy]) for score, quad in self.of_input(small, threshold)]

    def read(self, grey, heat_threshold, plate_threshold, margin=.05, faint=1.):
        """[{text, confidence, region, box, corners, heat, plate}] of one picture; places from `faint` on only where those
        above the threshold are no plates, and the picture once more, smaller, where none of them is one."""
        found = self.find(grey, min(heat_threshold, faint))
        clear = [f for f in found if f[0] >= heat_threshold]
        return (self.read_at(grey, clear, plate_threshold, margin) or self.read_at(grey, found[len(clear):], plate_threshold, margin)
                or self.read_at(grey, self.candidates(grey, heat_threshold, NEAR) if self.near else [], plate_threshold, margin))

    @torch.no_grad()
    def read_at(self, grey, found, plate_threshold, margin):
        """What is read at some places, surest first."""
        if not found:
            return []
        found, likely, told = self.told_of(grey, found, margin)
        out, unsure = [], []
        for (score, quad), first, (plate, probs, prior, lined), easy in zip(found, likely, told, self.skimmed(grey, found, likely, margin)):
            if not easy and plate < plate_threshold or first < CONFIG["calibrate"]["glance"]:
                continue
            lines, best = 1, easy or formats.reading(probs, prior, self.platt)
            if easy:
                plate = 1.  # no verdict is asked
            elif lined and np.linalg.norm(quad[1] - quad[0]) < 2.3 * np.linalg.norm(quad[3] - quad[0]):
                split = formats.reading(self.two_lines(grey, grow(quad, margin)), prior, self.platt)
                if split and (not best or split[1] >= best[1]):
                    best, lines = split, 2
            if not best:
                continue
            if lines == 1 and best[1] < UNSURE:
                unsure.append((len(out), quad, probs, prior))
            x0, y0 = quad.min(0)
            x1, y1 = quad.max(0)
            out.append({"text": best[0], "confidence": best[1], "region": best[2] and best[2][0], "characters": best[3], "box": [float(v) for v in (x0, y0, x1 - x0, y1 - y0)],
                        "corners": quad.tolist(), "heat": score, "plate": float(plate)})
        if self.again:
            for place, quad, probs, prior in sorted(unsure, key=lambda u: -out[u[0]]["confidence"])[:MOST]:
                best = formats.together([probs, *self.looks(grey, quad, margin)], prior, self.platt)
                out[place] |= {"text": best[0], "confidence": best[1], "region": best[2] and best[2][0], "characters": best[3]}
        return sorted(out, key=lambda p: -p["confidence"])

    @torch.no_grad()
    def told_of(self, grey, found, margin=.05):
        """What the networks tell of some places: the places with the glance's corners, its odds, and of each the verdict's
        odds, the characters', the regions', and whether it has two lines."""
        likely = plates = [1.] * len(found)
        if self.verifier:
            found, likely, seen = self.glanced(grey, found)
        early, features = self.recogniser.both(self.cuts(grey, [q for _, q in found], margin))
        if self.verifier:
            likely, plates = (torch.sigmoid(v)[:, 0].tolist() for v in (likely, self.verifier.verdict(seen, features)))
        return found, likely, [(plate, *read) for plate, read in zip(plates, self.read_by(self.recogniser, early, features))]

    @staticmethod
    def read_by(net, early, features):
        """[(the characters' odds, the regions', whether it has two lines)] of cuts, by a recogniser's maps of them."""
        chars = torch.softmax(net.columns(features), -1).numpy()
        layout = net.layout(early, features)
        priors = [Chain.prior(odds) for odds in torch.softmax(layout[:, :-1], -1).numpy()]
        return list(zip(chars, priors, (layout[:, -1] > 0).tolist()))

    @staticmethod
    def prior(odds):
        """A network's odds of the regions by their names, without `other`."""
        return {c: float(p) for c, p in zip(regions.REGIONS, odds) if c != "other"}

    @torch.no_grad()
    def skimmed(self, grey, found, likely, margin):
        """What the skim reads so surely that the product takes it and asks nobody else; None of the other places."""
        out = [None] * len(found)
        asked = [k for k, odds in enumerate(likely) if odds >= CONFIG["skim"]["glance"]]
        if self.skim and asked:
            told = self.read_by(self.skim, *self.skim.both(self.cuts(grey, [found[k][1] for k in asked], margin)))
            for k, (chars, prior, lined) in zip(asked, told):
                best = formats.reading(chars, prior, self.platt)
                if self.sure(best, lined):
                    out[k] = best
        return out

    @staticmethod
    def sure(read, lined):
        """Whether a read of the skim is taken: what `formats.reading` made of it, and whether the plate has two lines."""
        least = CONFIG["skim"]
        return bool(read and not lined and read[1] >= least["sure"] and read[2] and read[2][1] >= least["region_sure"])

    @torch.no_grad()
    def glanced(self, grey, found):
        """What a glance at some places tells: the same places with the corners that it sees, its logits, and what is seen."""
        def first(places):
            heat = torch.tensor([[score] for score, _ in places], dtype=torch.float32)
            return self.verifier.first(self.cuts(grey, [q for _, q in places], .3), heat)
        likely, seen, shift = first(found)
        found = [(score, moved(q, d)) for (score, q), d in zip(found, shift.numpy())]
        for k in (shift.reshape(-1, 4, 2) * torch.tensor([1, .5])).abs().amax((1, 2)).gt(FAR).nonzero()[:, 0].tolist():
            score, q = found[k]
            found[k] = score, moved(q, first([found[k]])[2][0].numpy())
        return found, likely, seen

    @staticmethod
    def cuts(grey, quads, margin):
        """Cuts as the networks take them, [N, 1, 48, 144]."""
        return torch.from_numpy(np.stack([capture.normalise(capture.rectify(grey, grow(q, margin))) for q in quads]))[:, None]

    def looks(self, grey, quad, margin):
        """The columns of a second look: the place cut tighter, and the first cut sharpened."""
        cuts = [capture.rectify(grey, grow(quad, TIGHT)), sharpened(capture.rectify(grey, grow(quad, margin)))]
        x = torch.from_numpy(np.stack([capture.normalise(c) for c in cuts]))[:, None]
        return torch.softmax(self.recogniser.columns(self.recogniser.trunk(x)), -1).numpy()

    def two_lines(self, grey, quad):
        """The columns of a two-line plate: those of its lines, with a blank between them."""
        cuts = [capture.normalise(capture.rectify(grey, capture.between(quad, *part))) for part in capture.LINES]
        top, low = torch.softmax(self.recogniser.columns(self.recogniser.trunk(torch.from_numpy(np.stack(cuts))[:, None])), -1).numpy()
        return np.concatenate([top, np.eye(1, 37, dtype=np.float32), low])
