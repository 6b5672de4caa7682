"""Trains the reader from nothing: all scripts in their order, with the seed of config.toml, on two processor cores; or with
`--card SECONDS` on a graphics card, for so long in all but for loading, and what follows on a processor.

`python everything.py` fills the work folder, which must be empty at the start; broken off and started again, it goes on
with the stage that it was in, the long ones from their newest checkpoint. The weights are written to models/ of the work
folder; `everything.json` there says what they were made of: seed, configuration, commit, versions, a hash of every folder
of pictures, and how long each stage took. `--try` runs every stage for a few steps on the weights of models/, to see that
all fit together. `--until MARK` ends after a stage: a card's machine need not wait for what a processor does; with the work
folder taken elsewhere the rest goes on there, with the same options.
"""
import argparse
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from common import CONFIG, DATA, HERE, WORK

# (mark, script and its options, what `--try` adds, whether the rate begins anew on the recogniser's checkpoint)
ERRORS = ("errors-of-corners", ["cuts.py", "--errors", "3000"], ["--errors", "10"], False)
GLANCE = ("glance", ["glance.py"], ["--plates", "30", "--pictures", "30", "--steps", "6"], False)
LAST = [
    ("thresholds", ["calibrate.py"], ["--pictures", "20"], False),
    ("confidence", ["confidence.py"], ["--pictures", "20"], False),
    ("weights", ["export.py"], [], False),
    ("judged", ["cuts.py", "--judge", "1600"], ["--judge", "20"], False),
]
LESS = ("places-in-less", ["slim.py"], ["--steps", "6", "--batch", "4"], False)
FEW = ["--steps", "6", "--batch", "8"]
SMALL = str(CONFIG["skim"]["wide"])
# Rounds of what runs side by side, each a list of stages one after the other. Letters are learned by a recogniser of the
# skim's size, which sees three samples in the time of one; it becomes the skim, and a copy that answers the same, of the
# size that is wanted, goes on.
ROUNDS = [
    [[("first-letters", ["recogniser.py", "--wide", SMALL, "--steps", "4000"], FEW, False),
      ("labels", ["pseudo.py"], ["--every", "20"], False),
      ("letters", ["recogniser.py"], FEW, True),
      ("labels-again", ["pseudo.py"], ["--every", "20"], False),
      ("widened", ["widen.py"], [], False)],
     [("places", ["detector.py"], ["--steps", "6", "--batch", "4"], False),
      ("cuts", ["cuts.py"], ["20"], False)]],
    # What the smaller detector proposes, and how it misses corners, waits for no letters.
    [[("letters-of-cuts", ["recogniser.py", "--rate", "1.5e-3"], FEW, False)],
     [LESS, ERRORS,
      ("candidates", ["verifier.py", "--only-mine"], ["--mine", "40"], False),
      ("corners", ["glance.py", "--only-corners"], ["--plates", "30"], False)]],
    [[("easy-letters", ["recogniser.py", "--skim", "--steps", "6000", "--rate", "8e-4"], FEW, False)],
     [("verdict", ["verifier.py"], ["--mine", "40", "--steps", "6"], False), GLANCE]],
    [LAST],
]


def with_card(seconds):
    """The stages of a training on a card: detector and recogniser at once, then the recogniser on what that detector cuts."""
    wide, size = ",".join(str(CONFIG[name]["wide"]) for name in ("skim", "recogniser")), CONFIG["detector"]["teacher"]

    def gpu(mark, share, *more):
        out = str(WORK / mark)
        workers = "1 0 0 1" if "--detectors" in more else "1 1 1 0"  # of a detector that is not there yet no cuts can be made
        short = ["--steps", "3", "--batch", "24", "--workers", *workers.split()]
        return mark, ["gpu.py", "--seconds", str(round(share * seconds)), "--wide", wide, "--out", out, "--go-on", out, *more], short, False
    return [
        gpu("places-and-letters", .35, "--detectors", size, "--verdict", "0", "--workers", "6", "0", "0", "7"),
        ("taken-over", ["everything.py", "--take", str(WORK / "places-and-letters")], [], False),
        ("labels", ["pseudo.py"], ["--every", "20"], False),
        ("errors", ["cuts.py", "--errors", "400"], ["--errors", "10"], False),
        gpu("letters-and-verdict", .65, "--verdict", "40"),
        ("taken-over-at-last", ["everything.py", "--take", str(WORK / "letters-and-verdict")], [], False),
        LESS,  # on a processor: the card's time is over by now
        ERRORS, GLANCE, *LAST,
    ]


def take(folder):
    """Makes what `gpu.py` left in a folder the work folder's own; the recogniser of the skim's size is the skim."""
    for file in sorted(folder.glob("*-*.pt")):
        name, _, size = file.stem.partition("-")
        if size != str(CONFIG["skim"]["wide"]):
            shutil.copy(file, WORK / f"{name}.pt")
        elif name == "recogniser":
            shutil.copy(file, WORK / "skim.pt")


def digest(folder):
    """One hash of all files of a folder: of their names and of what is in them."""
    whole = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def made_of():
    """What the weights depend on."""
    folders = sorted(p.relative_to(DATA) for top in ("crops", "scenes", "templates", "glyphs") for p in (DATA / top).iterdir() if p.is_dir())
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout.strip()
    changed = subprocess.run(["git", "status", "--porcelain", "."], cwd=HERE, capture_output=True, text=True).stdout.strip()
    return {
        "seed": CONFIG["seed"], "config": CONFIG, "commit": commit + (" and changes" if changed else ""),
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "numpy", "opencv-python-headless", "onnxruntime")},
        "data": {f.as_posix(): digest(DATA / f) for f in folders} | {"negatives": digest(DATA / "negatives")},
        "seconds": {},
    }


def anew(file):
    """Keeps a checkpoint's weights and lets its rate begin from the start. Not left to `--restart-schedule`: that would do so
    each time the stage goes on."""
    state = torch.load(file, weights_only=False)
    state.pop("optimiser", None)
    torch.save(state | {"schedule": 0}, file.with_suffix(".new"))
    file.with_suffix(".new").replace(file)


def run(stage, trying, record):
    """Runs a stage, if it is not done; whether it is by now."""
    mark, command, short, again = stage
    done, begun = (WORK / "stages" / f"{mark}.{end}" for end in ("done", "begun"))
    if done.exists():
        return True
    if again and not begun.exists():
        anew(WORK / "recogniser.pt")
    begun.write_text("")
    print(f"{mark}: {' '.join(command)}", flush=True)
    start = time.time()
    env = os.environ | {"OMP_NUM_THREADS": "1", "HOMEPLATE_MODELS": str(WORK / "models"), "PYTHONHASHSEED": "0"}
    with open(WORK / "stages" / f"{mark}.log", "a", encoding="utf-8") as log:
        code = subprocess.run([sys.executable, *command, *(short if trying else [])], cwd=HERE, env=env, stdout=log, stderr=subprocess.STDOUT).returncode
    record["seconds"][mark] = round(record["seconds"].get(mark, 0) + time.time() - start)
    (WORK / "everything.json").write_text(json.dumps(record, indent=1) + "\n")
    if code:
        print(f"{mark} ended with {code}: see {WORK / 'stages' / (mark + '.log')}; started again, it goes on from there", flush=True)
        return False
    done.write_text("")
    return True


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--try", dest="trying", action="store_true", help="a few steps of every stage")
    ap.add_argument("--card", type=float, metavar="SECONDS", help="train on a graphics card for so long")
    ap.add_argument("--until", metavar="MARK", help="end after this stage and those beside it")
    ap.add_argument("--take", type=Path, metavar="FOLDER", help="only make what gpu.py left there the work folder's own")
    args = ap.parse_args()
    if args.take:
        return take(args.take)
    rounds = [[[stage]] for stage in with_card(args.card)] if args.card else ROUNDS
    marks = [[stage[0] for chain in side for stage in chain] for side in rounds]
    if args.until and not any(args.until in side for side in marks):
        sys.exit(f"no stage is called {args.until}: {', '.join(m for side in marks for m in side)}")
    (WORK / "stages").mkdir(parents=True, exist_ok=True)
    file = WORK / "everything.json"
    if not any((HERE / "fonts/woff").glob("*.woff")):
        subprocess.run([str(HERE / "fonts.sh")], check=True)
    if not file.exists():
        if (WORK / "recogniser.pt").exists() or (WORK / "detector.pt").exists():
            sys.exit(f"{WORK} holds weights already: name an empty folder with HOMEPLATE_WORK")
        if args.trying:  # a few steps from nothing would find no plate to go on with
            subprocess.run([sys.executable, "restore.py"], cwd=HERE, check=True)
        file.write_text(json.dumps(made_of(), indent=1) + "\n")
    record = json.loads(file.read_text())
    for side, names in zip(rounds, marks):
        with ThreadPoolExecutor() as pool:
            if not all(pool.map(lambda chain: all(run(stage, args.trying, record) for stage in chain), side)):
                sys.exit(1)
        if args.until in names:
            return
    print((WORK / "stages/judged.log").read_text())


if __name__ == "__main__":
    main()
