"""Puts the weights of models/*.onnx back into checkpoints, so that a training goes on from what is shipped.

`python restore.py` writes detector.pt, skim.pt, recogniser.pt and verifier.pt into the work folder; then every script is
started with `--restart-schedule`. The export folded each normalisation into the convolution before it. Here a
folded convolution is taken apart again: its rows get the length they have at the start of a training, and the
normalisation after it the mean and deviation that it meets on training samples, with the gain and offset that
give the same sum. The detector answers as before, the others as nearly as their 8 bits tell; only the optimiser's
memory is lost.
"""
import argparse
import json

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
from onnx import numpy_helper

import detector as detect
import recogniser as recognise
from common import CONFIG, MODELS, WORK, Average, save
from export import Glance, Heat, Read, Whole
from verifier import Verifier

ROW = 3 ** -.5  # length of a convolution's row as it is first drawn


def torch_name(node):
    """`/net/s8/s8.0/deep/deep.0/Conv` as `net.s8.0.deep.0`."""
    parts = []
    for part in node.strip("/").split("/")[:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts[-1] = part
        else:
            parts.append(part)
    return ".".join(parts)


def numbers(graph):
    """{name: tensor} of all that is stored in a network, and of what 8 bits stand for."""
    values = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in values:
            stored, scale, zero = (values[k].float() for k in node.input)
            wide = [-1] + [1] * (stored.dim() - 1)
            values[node.output[0]] = (stored - zero.reshape(wide)) * scale.reshape(wide)
    return values


def folded(whole, path, beside=()):
    """[(convolution, its normalisation or None)] of the network, with the file's weights in the convolutions and
    normalisations that do nothing. Modules whose names begin as `beside` says are in another file."""
    graph = onnx.load(str(path)).graph
    values = numbers(graph)
    modules, pairs, kept = dict(whole.named_modules()), [], set()
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        name = torch_name(node.name)
        name = next(n for n in (name, "recogniser." + name, "verifier." + name) if n in modules)  # not all is called by a `forward`
        conv, (weight, bias) = modules[name], (values[k] for k in node.input[1:3])
        assert conv.weight.shape == weight.shape, name
        conv.weight.data.copy_(weight)
        kept.add(name)
        head, _, last = name.rpartition(".")
        norm = modules.get(f"{head}.{int(last) + 1}") if last.isdigit() else None
        if conv.bias is not None:
            conv.bias.data.copy_(bias)
        else:
            assert isinstance(norm, nn.BatchNorm2d), name
            norm.bias.data.copy_(bias), norm.weight.data.fill_((1 + norm.eps) ** .5)
            norm.running_mean.zero_(), norm.running_var.fill_(1)
            pairs.append((conv, norm))
    missed = [k for k, m in modules.items() if isinstance(m, (nn.Conv2d, nn.Linear)) and k not in kept and not k.startswith(beside)]
    assert not missed, missed
    return pairs


@torch.no_grad()
def unfold(pairs, run):
    """Gives the normalisations the statistics that they meet while `run()` shows training samples."""
    sums, hooks = {}, []
    for conv, norm in pairs:
        length = conv.weight.flatten(1).norm(dim=1).clamp(min=1e-4)
        conv.weight.mul_((ROW / length)[:, None, None, None])
        norm.running_var.mul_((ROW / length) ** 2).sub_(norm.eps * (1 - (ROW / length) ** 2))  # the same as before

        def note(module, inputs, norm=norm):
            x = inputs[0].double()
            n, s, q = sums.get(norm, (0, 0, 0))
            sums[norm] = n + x.numel() // x.shape[1], s + x.sum((0, 2, 3)), q + (x * x).sum((0, 2, 3))
        hooks.append(norm.register_forward_pre_hook(note))
    run()
    for hook in hooks:
        hook.remove()
    for _, norm in pairs:
        if norm not in sums:
            continue
        n, s, q = sums[norm]
        mean, var = (s / n).float(), (q / n - (s / n) ** 2).clamp(min=1e-6).float()
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        offset = norm.bias - gain * norm.running_mean
        norm.weight.copy_(gain * (var + norm.eps).sqrt()), norm.bias.copy_(offset + gain * mean)
        norm.running_mean.copy_(mean), norm.running_var.copy_(var)


def batches(data, size, n):
    """The first entries of n batches of a training's samples."""
    loader = iter(torch.utils.data.DataLoader(data, batch_size=size, num_workers=1))
    return [next(loader)[0] for _ in range(n)]


def same(whole, path, inputs):
    """The largest difference between the network and the file it came from."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    told = session.run(None, {k: v.numpy() for k, v in inputs.items()})
    with torch.no_grad():
        ours = whole.eval()(*inputs.values())
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(told, ours))


@torch.no_grad()
def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--batches", type=int, default=24, help="of training samples, for the statistics")
    args = ap.parse_args()
    torch.set_num_threads(1)
    WORK.mkdir(parents=True, exist_ok=True)
    steps = json.loads((MODELS / "contract.json").read_text())["training"]
    found, read, verdict = detect.Detector().eval(), recognise.Recogniser().eval(), Verifier().eval()
    windows = batches(detect.Windows(256, steps["detector"]), 24, args.batches)
    crops = batches(recognise.Crops(recognise.real_crops()[0], .5, steps["recogniser"]), 64, args.batches)

    hot = torch.full((len(crops[0]), 1), .9)
    skimmed = recognise.Recogniser(CONFIG["skim"]["wide"]).eval()
    heat, glance, easy, whole = Heat(found), Glance(verdict), Read(skimmed), Whole(read, verdict)
    pairs = folded(heat, MODELS / "detector.onnx")
    unfold(pairs, lambda: [heat(x - found.MIDDLE) for x in windows])
    pairs = folded(easy, MODELS / "skim.onnx")
    unfold(pairs, lambda: [easy(x) for x in crops])
    pairs = folded(glance, MODELS / "glance.onnx", ("verifier.text", "verifier.out"))
    pairs += folded(whole, MODELS / "recogniser.onnx", ("verifier.body", "verifier.place", "verifier.shift", "verifier.worth"))
    unfold(pairs, lambda: [whole(x, glance(x, hot)[1]) for x in crops])
    for name, net in (("detector", found), ("skim", skimmed), ("recogniser", read), ("verifier", verdict)):
        optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
        average = Average(net)
        average.steps = steps[name]
        save(WORK / f"{name}.pt", net, average, optimiser, 0)
    print("largest differences", same(heat, MODELS / "detector.onnx", {"image": windows[0][:1] - found.MIDDLE}),
          same(glance, MODELS / "glance.onnx", {"context": crops[0], "heat": hot}),
          same(easy, MODELS / "skim.onnx", {"crops": crops[0]}),
          same(whole, MODELS / "recogniser.onnx", {"crops": crops[0], "seen": glance(crops[1], hot)[1]}))


if __name__ == "__main__":
    main()
