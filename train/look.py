"""Writes a sheet of rendered plates and of training crops, to be looked at before any training."""
import random
import sys

import cv2
import numpy as np

import capture
import render
from common import DATA, HERE, STROKES

random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
np.random.seed(random.randint(0, 9999))
dies = render.Dies(DATA, HERE / "fonts/woff", STROKES)
rows = []
for _ in range(12):
    row = []
    for _ in range(4):
        plate = render.any_plate(dies)
        flat, text = plate.image, plate.text
        crop = capture.take(flat)
        both = np.full((100, 340), 128, np.uint8)
        f = cv2.resize(flat, (180, min(80, round(180 * flat.shape[0] / flat.shape[1]))))
        both[:f.shape[0], :180] = f
        both[:48, 190:334] = crop
        cv2.putText(both, text, (190, 75), 0, .6, 255, 1, cv2.LINE_AA)
        row.append(both)
    rows.append(np.hstack(row))
cv2.imwrite(sys.argv[1], np.vstack(rows))
