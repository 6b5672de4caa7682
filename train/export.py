"""Writes models/detector.onnx, recogniser.onnx and contract.json from the newest checkpoints.

`python export.py`: thresholds and confidence come from calibration.json (`calibrate.py`) where it exists.
"""
import argparse
import hashlib
import json

import torch
import torch.nn as nn

import capture
import regions
from common import MODELS, WORK
from detector import Detector
from recogniser import Recogniser
from verifier import Verifier, load


class Whole(nn.Module):
    """Recogniser and verifier as one graph: (crops, context) -> (chars, plate, layout); layout holds the odds
    of every region, then those of two lines."""

    def __init__(self, recogniser, verifier):
        super().__init__()
        self.recogniser, self.verifier = recogniser, verifier

    def forward(self, crops, context):
        early, features = self.recogniser.both(crops)
        layout = self.recogniser.layout(early, features)
        layout = torch.cat([torch.softmax(layout[:, :-1], -1), torch.sigmoid(layout[:, -1:])], 1)
        return torch.softmax(self.recogniser.columns(features), -1), torch.sigmoid(self.verifier(context, features)), layout


class Heat(nn.Module):
    """The detector with its sigmoid inside."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        heat, corners = self.net(image)
        return torch.sigmoid(heat), corners


def write(net, name, inputs, names, outputs, axes):
    path = MODELS / name
    torch.onnx.export(net.eval(), inputs, str(path), input_names=names, output_names=outputs, dynamic_axes=axes,
                      opset_version=17, dynamo=False)
    return {"file": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--heat", type=float, help="instead of calibration.json's")
    ap.add_argument("--plate", type=float, help="instead of calibration.json's")
    args = ap.parse_args()
    chosen = json.loads((WORK / "calibration.json").read_text()) if (WORK / "calibration.json").exists() else {"heat": .2, "plate": .5}
    MODELS.mkdir(exist_ok=True)
    detector, recogniser, verifier = load(Detector, "detector"), load(Recogniser, "recogniser"), load(Verifier, "verifier")
    hw, n = {2: "height", 3: "width"}, {0: "plates"}
    files = [
        write(Heat(detector), "detector.onnx", torch.rand(1, 1, 384, 640), ["image"], ["heat", "corners"],
              {"image": hw, "heat": {2: "rows", 3: "columns"}, "corners": {2: "rows", 3: "columns"}}),
        write(Whole(recogniser, verifier), "recogniser.onnx", (torch.rand(2, 1, 48, 144), torch.rand(2, 1, 48, 144)), ["crops", "context"],
              ["chars", "plate", "layout"], {k: n for k in ("crops", "context", "chars", "plate", "layout")}),
    ]
    contract = {
        "detector": {"area": 344064, "stride": 8, "heat_threshold": args.heat or chosen["heat"]},
        "recogniser": {"width": 144, "height": 48, "margin": .05, "context": True, "context_margin": .3, "plate_threshold": args.plate or chosen["plate"]},
        "layout": {"regions": regions.REGIONS, "line_split": [capture.LINES[1][0], capture.LINES[0][1]]},
        "files": files,
        "training": {k: int(torch.load(WORK / f"{k}.pt", weights_only=False)["steps"]) for k in ("detector", "recogniser", "verifier")},
    }
    if "a" in chosen:  # confidence = sigmoid(a * logit(P(text)) + b), fitted by confidence.py on the reader itself
        contract["confidence"] = {"a": chosen["a"], "b": chosen["b"]}
    (MODELS / "contract.json").write_text(json.dumps(contract, indent=1) + "\n")
    print(json.dumps(contract["files"], indent=1))


if __name__ == "__main__":
    main()
