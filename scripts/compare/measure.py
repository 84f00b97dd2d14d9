"""Pictures to measure with, and clocks."""

import os
import resource
import subprocess
import time

import cv2
import numpy as np
import pyvips


def photograph(side):
    """Smooth shapes with some noise: what photographs are made of, and the same on every machine. RGB of 8 bit."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    noise = np.random.default_rng(7).normal(0, 4, (side, side, 3)).astype(np.float32)
    waves = [np.sin(9 * x + 5 * y), np.sin(23 * x * y + 1), np.cos(14 * y - 6 * x * x)]
    return np.clip(np.stack(waves, axis=2) * 90 + 128 + noise, 0, 255).astype(np.uint8)


def in_format(image, name):
    """The photograph in another pixel format of Azulejo."""
    kind = {"8": np.uint8, "16le": np.uint16, "-f32le": np.float32}
    channels, depth = next((name.removesuffix(end), kind[end]) for end in kind if name.endswith(end))
    if channels == "gray":
        image = image[..., :1]
    elif channels == "rgba":
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    if depth == np.uint16:
        return image.astype(np.uint16) * 257
    return np.ascontiguousarray(image.astype(depth))


def set_threads(count):
    """Of OpenCV and libvips."""
    cv2.setNumThreads(count)
    pyvips.vips_lib.vips_concurrency_set(count)


def timed(function, clock=time.process_time):
    """Milliseconds, and the result."""
    start = clock()
    result = function()
    return (clock() - start) * 1000, result


def timed_program(command):
    """Milliseconds on the processor of a process of its own."""
    usage = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    start = usage()
    subprocess.run(command, check=True)
    return (usage() - start) * 1000


def ours(options, recipe, side, name, raw, rounds, threads):
    """Milliseconds of Azulejo's best round; `None` where the operation does not take such pixels."""
    command = [options.measure, "operation", recipe, str(side), str(side), name, raw, str(rounds), f"threads={threads}"]
    # numpy asks for huge pages for large arrays; so does this for ours.
    env = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    # `main` prints errors as `Debug` writes them.
    if done.returncode != 0 and "Needs {" in done.stderr:
        return None
    done.check_returncode()
    return min(map(float, done.stdout.split()[:-1]))
