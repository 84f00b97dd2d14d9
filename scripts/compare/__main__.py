"""Azulejo beside OpenCV, libvips and GraphicsMagick on the same work, in one run.

    cargo xtask compare [--side 4096] [--rounds 5] [--only TEXT] [--format rgb8] [--skip operations|files]

It installs OpenCV and libvips from PyPI for itself and builds `imaging/examples/measure.rs`; GraphicsMagick and Debian's libvips
(`apt-get install libvips-tools graphicsmagick`) are left out where they are not installed.

Operations alone work on pixels in memory; files go from disk to disk. Each figure is the best of several rounds in milliseconds: of
one thread on the processor (not on the wall: other work on the machine would count), of two threads on the wall. The rounds take
turns, so that a noisy machine is unfair to none. All of them keep the memory that they have freed and use it again, as a process does
that works through many pictures: what the kernel takes to clear new pages would otherwise be a large part of every figure.
"""

import argparse
import os
import sys
import tempfile

KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2 * 10**9), "MALLOC_TOP_PAD_": str(256 << 20)}
if not KEEP_MEMORY.items() <= os.environ.items():
    # The allocator reads its settings when a program starts.
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | KEEP_MEMORY)

import cv2
import pyvips

import files
import operations


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096, help="pixels a side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="operations whose recipe has this text")
    formats = list(dict.fromkeys(name for name, _ in operations.COLUMNS))
    parser.add_argument("--format", choices=formats, action="append", default=[], help="of operations [default: all]")
    parser.add_argument("--skip", choices=["operations", "files"], action="append", default=[])
    parser.add_argument("--measure", default="target/release/examples/measure", help="the program that times Azulejo")
    options = parser.parse_args()
    options.progress = sys.stderr
    pyvips.cache_set_max(0)
    version = ".".join(str(pyvips.version(part)) for part in range(3))
    print(f"OpenCV {cv2.__version__}, libvips {version}, {options.side} x {options.side}, {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        if "operations" not in options.skip:
            operations.table(options, folder)
        if "files" not in options.skip:
            files.table(options, folder)


main()
