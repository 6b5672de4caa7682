"""A larger network that answers as a smaller one does, to train on from there (Chen et al., Net2Net): channels are
doubled, and what reads them shares its weights out among the copies by chance, so that the copies part ways.

`python widen.py` makes the work folder's recogniser.pt as wide as config.toml has it, to be trained on, and keeps the
narrower one as skim.pt.
"""
import torch

from common import CONFIG, WORK, seed
from detector import Detector
from recogniser import Recogniser


class Spread:
    """Which old channel each new one copies."""

    def __init__(self, old, new):
        extra = torch.randint(old, (max(0, new - old),)) if new - old > old else torch.randperm(old)[:max(0, new - old)]
        self.source = torch.cat([torch.arange(old), extra])

    def out(self, values):
        """Rows of weights, or numbers a channel, for the new channels."""
        return values[self.source]

    def read(self, weight):
        """Weights [out, in, ...] that read the old channels, for the new ones: each copy gets a part."""
        part = torch.rand(weight.shape[0], len(self.source)) * .4 + .8
        whole = torch.zeros(weight.shape[0], weight.shape[1]).index_add(1, self.source, part)
        part = part / whole[:, self.source]
        return weight[:, self.source] * part.reshape(*part.shape, *[1] * (weight.dim() - 2))


def same(n):
    return Spread(n, n)


class Writer:
    """Fills a new state from an old one, module by module."""

    def __init__(self, old, net):
        self.old, self.new = old, net.state_dict()

    def norm(self, name, spread):
        for k in ("weight", "bias", "running_mean", "running_var"):
            self.new[f"{name}.{k}"].copy_(spread.out(self.old[f"{name}.{k}"]))

    def conv(self, name, into, out, deep=False):
        w = self.old[f"{name}.weight"]
        self.new[f"{name}.weight"].copy_(out.out(w if deep else into.read(w)))
        if f"{name}.bias" in self.old:
            self.new[f"{name}.bias"].copy_(out.out(self.old[f"{name}.bias"]))

    def copy(self, prefix):
        for k, v in self.old.items():
            if k.startswith(prefix):
                self.new[k].copy_(v)

    def separable(self, name, into, out):
        """A `detector.Separable`."""
        self.conv(f"{name}.deep.0", into, into, deep=True), self.norm(f"{name}.deep.1", into)
        self.conv(f"{name}.point.0", into, out), self.norm(f"{name}.point.1", out)


@torch.no_grad()
def recogniser(old, wide):
    """A `Recogniser(wide)` that answers as the narrower one with these weights."""
    net = Recogniser(wide)
    w = Writer(old, net)
    into = same(1)
    for k in (0, 1, 2, 3, 4, 5, 6, 7, 9):
        name = f"trunk.{k}"
        out = Spread(old[f"{name}.0.weight"].shape[0], w.new[f"{name}.0.weight"].shape[0])
        w.conv(f"{name}.0", into, out), w.norm(f"{name}.1", out)
        if k == Recogniser.EARLY - 1:
            early = out
        into = out
    for k in (0, 1):
        inner = same(old[f"wide.{k}.enter.0.weight"].shape[0])
        w.conv(f"wide.{k}.enter.0", into, inner), w.norm(f"wide.{k}.enter.1", inner)
        w.copy(f"wide.{k}.deep"), w.copy(f"wide.{k}.all")
        w.conv(f"wide.{k}.leave", inner, into)
    w.conv("head", into, same(37))
    for k, v in old.items():
        if k.startswith("layout.") and k not in ("layout.body.0.0.weight", "layout.out.0.weight"):
            w.new[k].copy_(v)
    w.conv("layout.body.0.0", early, same(old["layout.body.0.0.weight"].shape[0]))
    v = old["layout.out.0.weight"]
    w.new["layout.out.0.weight"].copy_(torch.cat([v[:, :256], into.read(v[:, 256:])], 1))
    net.load_state_dict(w.new)
    return net


def every_layer(w, a, b, c, d, m):
    """Fills a `Detector`, given how the channels of each map (`Detector.SIZES`) come from the old network's. Blocks that
    only the new one has do nothing yet."""
    one, eight = same(1), same(8)
    w.conv("stem.0", one, a), w.norm("stem.1", a)
    for stage, into, out in (("s8", a, b), ("s16", b, c), ("s32", c, d), ("mix8", m, m)):
        before, now = ({int(k.split(".")[1]) for k in state if k.startswith(stage + ".")} for state in (w.old, w.new))
        for k in sorted(now & before):
            w.separable(f"{stage}.{k}", into if k == 0 else out, out)
        for k in now - before:
            w.new[f"{stage}.{k}.point.1.weight"].zero_()
    w.conv("up32", d, c), w.separable("mix16", c, c), w.conv("up16", c, m), w.conv("lat8", b, m)
    w.conv("heat", m, one), w.conv("corners", m, eight)


@torch.no_grad()
def detector(old, size):
    """A `Detector(size)` that answers as the smaller one with these weights."""
    net = Detector(size)
    w = Writer(old, net)
    every_layer(w, *(Spread(*pair) for pair in zip(Detector.channels(old), Detector.channels(w.new))))
    net.load_state_dict(w.new)
    return net


def main():
    seed(5)
    file = WORK / "recogniser.pt"
    state = torch.load(file, weights_only=False)
    weights, wide = state["average"], CONFIG["recogniser"]["wide"]
    net = Recogniser(wide)
    if Recogniser.like(weights).features == net.features:
        return print("it is so wide already")
    begun = {"steps": state["steps"], "schedule": 0}
    torch.save({"average": weights, **begun}, WORK / "skim.pt")
    torch.save({"average": recogniser(weights, wide).state_dict(), **begun}, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)
    print(f"from {Recogniser.like(weights).features} features to {net.features}")


if __name__ == "__main__":
    main()
