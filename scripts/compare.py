#!/usr/bin/env python3
"""Azulejo, OpenCV, libvips and GraphicsMagick on the same work, side by side in one run, one thread each.

    cargo build --release -p azulejo-imaging --features files --example measure
    pip install numpy opencv-python-headless pyvips[binary]
    apt-get install libvips-tools graphicsmagick          # left out where they are not installed
    python3 scripts/compare.py [--side 4096] [--rounds 7] [--measure target/release/examples/measure]

Operations alone work on pixels in memory; files go from disk to disk. Each figure is the best of several rounds in
milliseconds on the processor (not on the wall: other work on the machine would count), the rounds taking turns so that a
noisy machine is unfair to none. A ratio above 1 says that Azulejo is faster. Where OpenCV defines the result, its bytes
are compared as well. All of them keep the memory that they have freed and use it again, as a process does that works
through many pictures: what the kernel takes to clear new pages would otherwise be a large part of every figure.
"""

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2 * 10**9), "MALLOC_TOP_PAD_": str(256 << 20)}
if not KEEP_MEMORY.items() <= os.environ.items():
    # The allocator reads its settings when a program starts.
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | KEEP_MEMORY)
os.environ["VIPS_CONCURRENCY"] = "1"

import cv2
import numpy as np
import pyvips

cv2.setNumThreads(1)
pyvips.cache_set_max(0)


def photograph(side):
    """Smooth shapes with some noise: what photographs are made of, and the same on every machine."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    noise = np.random.default_rng(7).normal(0, 4, (side, side, 3))
    waves = [np.sin(9 * x + 5 * y), np.sin(23 * x * y + 1), np.cos(14 * y - 6 * x * x)]
    return np.clip(np.stack(waves, axis=2) * 90 + 128 + noise, 0, 255).astype(np.uint8)


def edges(image):
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    gx, gy = (cv2.Sobel(gray, cv2.CV_16S, *d, ksize=3).astype(np.float32) for d in ((1, 0), (0, 1)))
    return np.minimum(255, np.floor(cv2.magnitude(gx, gy))).astype(np.uint8)


def edges_fast(image):
    """OpenCV's own calls only, rounding as they do: what one would write for speed."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    gx, gy = (cv2.Sobel(gray, cv2.CV_32F, *d, ksize=3) for d in ((1, 0), (0, 1)))
    return cv2.convertScaleAbs(cv2.magnitude(gx, gy))


KERNEL = np.array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]], np.float32)
VIPS_KERNEL = pyvips.Image.new_from_array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]])

# recipe, OpenCV (timed), OpenCV (whose bytes count), libvips
OPERATIONS = [
    ("grayscale", lambda i: cv2.cvtColor(i, cv2.COLOR_RGB2GRAY), None, lambda v: v.colourspace("b-w")),
    ("blur:sigma=2", lambda i: cv2.GaussianBlur(i, (0, 0), 2), None, lambda v: v.gaussblur(2)),
    ("blur", lambda i: cv2.GaussianBlur(i, (0, 0), 5), None, lambda v: v.gaussblur(5)),
    ("edge_detection", edges_fast, edges, lambda v: v.colourspace("b-w").sobel()),
    ("sharpen", lambda i: cv2.filter2D(i, -1, KERNEL), None, lambda v: v.conv(VIPS_KERNEL, precision="integer")),
    ("rotate_90", lambda i: cv2.rotate(i, cv2.ROTATE_90_CLOCKWISE), None, lambda v: v.rot90()),
]


def timed(function):
    start = time.process_time()
    result = function()
    return (time.process_time() - start) * 1000, result


def timed_program(command):
    usage = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    start = usage()
    subprocess.run(command, check=True)
    return (usage() - start) * 1000


def row(name, ours, *others):
    ratios = "".join(f"{other:10.1f} {other / ours:7.2f}x" for other in others)
    print(f"{name:28}{ours:10.1f}{ratios}", flush=True)


def operations(options, folder):
    image = photograph(options.side)
    raw = os.path.join(folder, "image.raw")
    image.tofile(raw)
    vips = pyvips.Image.new_from_array(image).copy(interpretation="srgb").copy_memory()
    print(f"\noperation alone, {options.side} square, RGB 8 bit, one thread, ms")
    print(f"{'':28}{'azulejo':>10}{'OpenCV':>10}{'':9}{'libvips':>10}")
    for recipe, opencv, exact, libvips in OPERATIONS:
        best = [float("inf")] * 3
        side = str(options.side)
        for _ in range(options.rounds):
            command = [options.measure, "operation", recipe, side, side, "rgb8", raw, "3"]
            # numpy asks for huge pages for large arrays; so does this for ours.
            env = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
            lines = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout.split()
            best[0] = min(best[0], *map(float, lines[:-1]))
            for _ in range(2):
                best[1] = min(best[1], timed(lambda: opencv(image))[0])
                best[2] = min(best[2], timed(lambda: libvips(vips).copy_memory())[0])
        expected = hashlib.sha256((exact or opencv)(image).tobytes()).hexdigest()
        same = "" if expected == lines[-1] else "  (bytes differ from OpenCV)"
        row(recipe + same, *best)


def with_pyvips(how):
    """libvips as built for PyPI, in this process, with its fastest settings for PNG; quality 75 for JPEG, as ours."""

    def run(source, target):
        settings = {"compression": 1} if target.endswith("png") else {"Q": 75}
        how(pyvips.Image.new_from_file(source, access="sequential")).write_to_file(target, **settings)

    return lambda source, target: timed(lambda: run(source, target))[0]


def with_vips(arguments):
    """libvips as Debian builds it, a process for each picture."""
    return lambda source, target: timed_program(
        ["vips", arguments[0], source, target + ("[compression=1]" if target.endswith("png") else "[Q=75]"), *arguments[1:]]
    )


def with_graphicsmagick(arguments):
    settings = ["-limit", "threads", "1"]
    return lambda source, target: timed_program(
        ["gm", "convert", *settings, source, *arguments, "-quality", "15" if target.endswith("png") else "75", target]
    )


FILES = [
    ("sharpen", OPERATIONS[4][3], ["conv", "KERNEL"], ["-convolve", "-1,-1,-1,-1,9,-1,-1,-1,-1"]),
    ("blur:sigma=2", OPERATIONS[1][3], ["gaussblur", "2"], ["-blur", "6x2"]),
]


def files(options, folder):
    image = photograph(options.side)
    png, jpeg = os.path.join(folder, "in.png"), os.path.join(folder, "in.jpg")
    vips = pyvips.Image.new_from_array(image).copy(interpretation="srgb")
    vips.write_to_file(png, compression=6)
    vips.write_to_file(jpeg, Q=90)
    kernel = os.path.join(folder, "kernel.mat")
    with open(kernel, "w") as file:
        file.write("3 3 1 0\n-1 -1 -1\n-1 9 -1\n-1 -1 -1\n")
    names = ["azulejo", "libvips"]
    names += ["vips"] if shutil.which("vips") else []
    names += ["gm"] if shutil.which("gm") else []
    print(f"\nfile to file, {options.side} square, one thread, ms; MB written")
    print(f"{'':28}{names[0]:>10}" + "".join(f"{name:>10}{'':9}" for name in names[1:]))
    for source, kind in ((png, "png"), (jpeg, "jpg")):
        for recipe, libvips, debian, graphicsmagick in FILES:
            ours = lambda source, target: timed_program([options.measure, "file", recipe, source, target, "1"])
            debian = [kernel if word == "KERNEL" else word for word in debian]
            tools = {"azulejo": ours, "libvips": with_pyvips(libvips), "vips": with_vips(debian)}
            tools["gm"] = with_graphicsmagick(graphicsmagick)
            targets = {name: os.path.join(folder, f"{name}.{kind}") for name in names}
            best = dict.fromkeys(names, float("inf"))
            for _ in range(options.rounds):
                for name in names:
                    best[name] = min(best[name], tools[name](source, targets[name]))
            row(f"{kind} {recipe}", *best.values())
            sizes = [os.path.getsize(path) / 1e6 for path in targets.values()]
            print(f"{'':28}{sizes[0]:10.1f}" + "".join(f"{size:10.1f}{'':9}" for size in sizes[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--measure", default="target/release/examples/measure")
    options = parser.parse_args()
    version = ".".join(str(pyvips.version(part)) for part in range(3))
    print(f"OpenCV {cv2.__version__}, libvips {version}")
    with tempfile.TemporaryDirectory() as folder:
        operations(options, folder)
        files(options, folder)


if __name__ == "__main__":
    main()
