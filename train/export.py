"""Writes models/detector.onnx, glance.onnx, skim.onnx, recogniser.onnx and contract.json from the newest checkpoints.

`python export.py`: thresholds and confidence come from calibration.json (`calibrate.py`) where it exists. The
convolutions of all but the detector are written in 8 bits: a third of the size and less than half of the time, and held-out
plates are read as well (`NOTES.md`). The detector stays as it is: 8 bits bring it nothing.
"""
import argparse
import hashlib
import json
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

import capture
import regions
from chain import AREA, NEAR, Chain
from common import CONFIG, MODELS, WORK, seed
from detector import Detector
from recogniser import Recogniser
from verifier import Verifier, load, mine


class Read(nn.Module):
    """A recogniser alone: crops -> (chars, layout); layout holds the odds of every region, then those of two lines."""

    def __init__(self, recogniser):
        super().__init__()
        self.recogniser = recogniser

    def told(self, early, features):
        layout = self.recogniser.layout(early, features)
        layout = torch.cat([torch.softmax(layout[:, :-1], -1), torch.sigmoid(layout[:, -1:])], 1)
        return torch.softmax(self.recogniser.columns(features), -1), layout

    def forward(self, crops):
        return self.told(*self.recogniser.both(crops))


class Whole(Read):
    """Recogniser and verdict as one graph: (crops, seen) -> (chars, plate, layout)."""

    def __init__(self, recogniser, verifier):
        super().__init__(recogniser)
        self.verifier = verifier

    def forward(self, crops, seen):
        early, features = self.recogniser.both(crops)
        chars, layout = self.told(early, features)
        return chars, torch.sigmoid(self.verifier.verdict(seen, features)), layout


class Glance(nn.Module):
    """What is asked before a place is read: (wide cuts, heat [N, 1]) -> (likely, seen, shift)."""

    def __init__(self, verifier):
        super().__init__()
        self.verifier = verifier

    def forward(self, context, heat):
        likely, seen, shift = self.verifier.first(context, heat)
        return torch.sigmoid(likely), seen, shift


class Heat(nn.Module):
    """The detector with its sigmoid inside; fed with grey values from 0 to 1 less the detector's `MIDDLE`."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        heat, corners = self.net.told(image)
        return torch.sigmoid(heat), corners


class Shown:
    """Inputs, eight at a time, for the range of every layer's values: what a quantiser asks for."""

    def __init__(self, inputs):
        n = len(next(iter(inputs.values())))
        self.batches = iter([{name: v[k:k + 8] for name, v in inputs.items()} for k in range(0, n, 8)])

    def get_next(self):
        return next(self.batches, None)


def in_eight_bits(path, inputs):
    """Rewrites a network's convolutions in 8 bits, the weights a channel each and in 7 of them: processors without the
    instructions for it add two products in 16 bits, and must not overflow. What cuts off at zero behind them goes into
    their range, and five in a hundred thousand values may lie beyond it."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    with tempfile.TemporaryDirectory() as folder:
        ready = str(Path(folder) / "ready.onnx")
        quant_pre_process(str(path), ready, skip_symbolic_shape=True)
        quantize_static(ready, str(path), Shown(inputs), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv", "Relu"],
                        calibrate_method=CalibrationMethod.Percentile, extra_options={"CalibPercentile": 99.995})


def cut(candidates, most, which):
    """At most so many candidates' close (0) or wide (1) cuts as a network takes them, [N, 1, 48, 144]."""
    some = random.sample(candidates, min(most, len(candidates)))
    return np.stack([capture.normalise(cuts[which]) for cuts, _ in some])[:, None].astype(np.float32)


def listed(name):
    path = MODELS / name
    return {"file": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}


def write(net, name, inputs, names, outputs, axes):
    path = MODELS / name
    torch.onnx.export(net.eval(), inputs, str(path), input_names=names, output_names=outputs, dynamic_axes=axes,
                      opset_version=17, dynamo=False)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--heat", type=float, help="instead of calibration.json's")
    ap.add_argument("--plate", type=float, help="instead of calibration.json's")
    ap.add_argument("--whole", action="store_true", help="all networks in 32 bits, to compare with")
    ap.add_argument("--all-candidates", action="store_true", help="ranges for 8 bits from what is no plate, too")
    args = ap.parse_args()
    torch.set_num_threads(1)
    chosen = json.loads((WORK / "calibration.json").read_text()) if (WORK / "calibration.json").exists() else {"heat": .2, "plate": .5}
    MODELS.mkdir(exist_ok=True)
    detector, recogniser, verifier = load(Detector, "detector"), load(Recogniser, "recogniser"), load(Verifier, "verifier")
    skim = load(Recogniser, "skim")
    hw, n = {2: "height", 3: "width"}, {0: "plates"}
    write(Heat(detector), "detector.onnx", torch.rand(1, 1, 384, 640), ["image"], ["heat", "corners"],
          {"image": hw, "heat": {2: "rows", 3: "columns"}, "corners": {2: "rows", 3: "columns"}})
    write(Glance(verifier), "glance.onnx", (torch.rand(2, 1, 48, 144), torch.rand(2, 1)), ["context", "heat"], ["likely", "seen", "shift"],
          {k: n for k in ("context", "heat", "likely", "seen", "shift")})
    write(Read(skim), "skim.onnx", torch.rand(2, 1, 48, 144), ["crops"], ["chars", "layout"], {k: n for k in ("crops", "chars", "layout")})
    write(Whole(recogniser, verifier), "recogniser.onnx", (torch.rand(2, 1, 48, 144), torch.rand(2, Verifier.SEEN)), ["crops", "seen"],
          ["chars", "plate", "layout"], {k: n for k in ("crops", "seen", "chars", "plate", "layout")})
    if not args.whole:
        seed()
        shown = mine(Chain(detector), 200, .12)
        wide = cut(shown, 256, 1)
        in_eight_bits(MODELS / "glance.onnx", {"context": wide, "heat": np.random.uniform(.1, .95, (len(wide), 1)).astype(np.float32)})
        close = cut([one for one in shown if one[1] or args.all_candidates], 256, 0)
        in_eight_bits(MODELS / "skim.onnx", {"crops": close})
        in_eight_bits(MODELS / "recogniser.onnx", {"crops": close, "seen": np.zeros((len(close), Verifier.SEEN), np.float32)})
    files = [listed(name) for name in ("detector.onnx", "glance.onnx", "skim.onnx", "recogniser.onnx")]
    contract = {
        "detector": {"area": AREA, "stride": 8, "heat_threshold": args.heat or chosen["heat"], "faint_threshold": CONFIG["calibrate"]["faint"], "near_area": NEAR},
        "recogniser": {"width": 144, "height": 48, "margin": .05, "context_margin": .3,
                       "glance_threshold": CONFIG["calibrate"]["glance"], "plate_threshold": args.plate or chosen["plate"]},
        "skim": {"glance_threshold": CONFIG["skim"]["glance"], "sure": CONFIG["skim"]["sure"], "region_sure": CONFIG["skim"]["region_sure"]},
        "layout": {"regions": regions.REGIONS, "line_split": [capture.LINES[1][0], capture.LINES[0][1]]},
        "files": files,
        "training": {k: int(torch.load(WORK / f"{k}.pt", weights_only=False)["steps"]) for k in ("detector", "skim", "recogniser", "verifier")},
    }
    if "a" in chosen:  # confidence = sigmoid(a * logit(P(text)) + b), fitted by confidence.py on the reader itself
        contract["confidence"] = {"a": chosen["a"], "b": chosen["b"]}
    (MODELS / "contract.json").write_text(json.dumps(contract, indent=1) + "\n")
    print(json.dumps(contract["files"], indent=1))


if __name__ == "__main__":
    main()
