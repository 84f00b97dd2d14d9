"""How far letters are from those of FreeType: lettering.py FONT FOLDER LETTER...

Letter number N is in FOLDER/N.raw: coverage from 0 to 255, 700 x 600, in a line of 400 pixels whose upper left corner is at 40, 40.
Prints for each the sum of differences as a part of the ink.
"""

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE, PLACE = 400, 40
# Of the font, in its own unit: the em, the height of a line and how much of it is above the baseline.
EM, LINE, ASCENT = 2048, 2384, 1901

path, folder, *letters = sys.argv[1:]
font = ImageFont.truetype(path, SIZE * EM / LINE, layout_engine=ImageFont.Layout.BASIC)
for index, letter in enumerate(letters):
    ours = np.fromfile(f"{folder}/{index}.raw", np.uint8).reshape(600, 700).astype(int)
    image = Image.new("L", (700, 600))
    baseline = PLACE + ASCENT * SIZE / LINE
    ImageDraw.Draw(image).text((PLACE, baseline), letter, fill=255, font=font, anchor="ls")
    theirs = np.asarray(image).astype(int)
    print(np.abs(ours - theirs).sum() / theirs.sum())
