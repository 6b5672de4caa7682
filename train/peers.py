"""Readers side by side on labelled scenes, one processor core each, decoding included: the product, and where they are
installed, others.

`python peers.py SCENES --homeplate ../target/release/homeplate` prints a Markdown table, a line for every reader and every
folder of SCENES that holds a labels.csv (image,x,y,w,h,text). A reader that is not installed is left out and named;
`pip install simplelpr` brings a commercial one, in its evaluation. With `--as NAME FOLDER` this script is a reader itself:
JSON lines as `homeplate read --json` writes them.
"""
import argparse
import csv
import difflib
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PICTURES = {".jpg", ".jpeg", ".png"}
# Countries that SimpleLPR is told to expect; it has none for the United States and reads plates of no country as well.
COUNTRIES = {"validation-br": {"Brazil"}, "validation-us": set(),
             "validation-eu": {"Austria", "Belgium", "Croatia", "Czech-Republic", "Denmark", "Estonia", "Finland", "France", "Germany", "Greece", "Hungary", "Ireland", "Italy", "Latvia", "Lithuania",
                               "Luxembourg", "Netherlands", "Norway", "Poland", "Portugal", "Romania", "Slovakia", "Slovenia", "Spain", "Sweden", "Switzerland", "UK-GreatBritain"}}


def simplelpr(folder):
    """Reads a folder with SimpleLPR: of every plate the match that it holds most probable."""
    import simplelpr
    engine = simplelpr.SimpleLPR(simplelpr.EngineSetupParms())
    for k in range(engine.numSupportedCountries):
        engine.set_countryWeight(k, float(engine.get_countryCode(k) in COUNTRIES.get(folder.name, set())))
    engine.realizeCountryWeights()
    reader = engine.createProcessor()
    reader.plateRegionDetectionEnabled = True
    reader.cropToPlateRegionEnabled = True

    def read(path):
        out = []
        for found in reader.analyze(str(path)):
            best, box = max(found.matches, key=lambda m: (m.confidence, m.country != "")), found.boundingBox
            out.append({"text": best.text, "confidence": best.confidence, "box": [box.left, box.top, box.width, box.height]})
        return out
    return read


PEERS = {"simplelpr": simplelpr}


def plain(text):
    return "".join(c for c in text.upper() if c.isascii() and c.isalnum())


def judged(labels, plates):
    """(labels read exactly, plates that are no label's) of one picture. A label takes one plate: of its own text first, else
    one whose middle lies in its box, else a similar one."""
    left, exact, open_labels = list(plates), 0, []
    for label in labels:
        same = next((p for p in left if plain(p["text"]) == label["text"]), None)
        if same:
            left.remove(same)
            exact += 1
        else:
            open_labels.append(label)
    for label in open_labels:
        def here(p):
            x, y, w, h = p["box"]
            return label["box"][0] <= x + w / 2 <= label["box"][0] + label["box"][2] and label["box"][1] <= y + h / 2 <= label["box"][1] + label["box"][3]
        near = [p for p in left if here(p)] or [p for p in left if difflib.SequenceMatcher(None, plain(p["text"]), label["text"]).ratio() >= .5]
        if near:
            left.remove(near[0])
    return exact, len(left)


def labels_of(folder):
    """{picture's name: its labels}."""
    out = {}
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            out.setdefault(row["image"], []).append({"text": plain(row["text"]), "box": [float(row[k]) for k in "xywh"]})
    return out


def run(command):
    """(lines of JSON, most memory in MB) of a reader on one processor core."""
    core = min(os.sched_getaffinity(0))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})) as child:
        lines = [json.loads(line) for line in child.stdout if line.startswith("{")]
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[0]} ended with {child.returncode}")
    return lines, used.ru_maxrss / 1024


def row(name, folder, command):
    labels, (lines, memory) = labels_of(folder), run(command)
    reads = {Path(line["image"]).name: line for line in lines}
    scores = [judged(of, reads[image]["plates"]) for image, of in labels.items()]
    times = [line["ms"] for line in lines[1:]]  # the first warms up
    texts = sum(len(of) for of in labels.values())
    return (f"| {name} | {folder.name} | {sum(e for e, _ in scores) / texts:.3f} of {texts} | {sum(f for _, f in scores) / len(labels):.3f} "
            f"| {statistics.median(times):.1f} | {memory:.0f} |")


def read_as(name, folder):
    """One line of JSON a picture."""
    read = PEERS[name](folder)
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES):
        begun = time.perf_counter()
        plates = read(path)
        print(json.dumps({"image": path.name, "plates": plates, "ms": (time.perf_counter() - begun) * 1000}), flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("scenes", type=Path)
    ap.add_argument("--homeplate", help="the executable")
    ap.add_argument("--as", dest="reader", choices=PEERS, help="read the folder with this one, instead of a table")
    args = ap.parse_args()
    if args.reader:
        return read_as(args.reader, args.scenes)
    folders = sorted(p.parent for p in args.scenes.glob("*/labels.csv"))
    if not folders:
        sys.exit(f"{args.scenes} has no folder with a labels.csv")
    print("| reader | scenes | exact | false a picture | ms a picture (median) | MB |\n|---|---|---|---|---|---|")
    for folder in folders:
        if args.homeplate:
            print(row("Homeplate", folder, [args.homeplate, "read", "--json", "--threads", "1", "--engine", "ort", folder]), flush=True)
        for name in PEERS:
            if importlib.util.find_spec(name):
                version = importlib.metadata.version(name)
                print(row(f"{name} {version}", folder, [sys.executable, __file__, "--as", name, folder]), flush=True)
    for name in PEERS:
        if not importlib.util.find_spec(name):
            print(f"{name} is not installed and was left out")


if __name__ == "__main__":
    main()
