"""From file to file, one thread each, PNG and JPEG: milliseconds on the processor."""

import os
import shutil

import pyvips

import measure


def with_pyvips(how):
    """libvips as built for PyPI, in this process, with its fastest settings for PNG; quality 75 for JPEG, as ours."""

    def run(source, target):
        settings = {"compression": 1} if target.endswith("png") else {"Q": 75}
        how(pyvips.Image.new_from_file(source, access="sequential")).write_to_file(target, **settings)

    return lambda source, target: measure.timed(lambda: run(source, target))[0]


def with_vips(arguments):
    """libvips as Debian builds it, a process for each picture."""
    return lambda source, target: measure.timed_program(
        ["vips", arguments[0], source, target + ("[compression=1]" if target.endswith("png") else "[Q=75]"), *arguments[1:]]
    )


def with_graphicsmagick(arguments):
    settings = ["-limit", "threads", "1"]
    return lambda source, target: measure.timed_program(
        ["gm", "convert", *settings, source, *arguments, "-quality", "15" if target.endswith("png") else "75", target]
    )


SHARPEN = pyvips.Image.new_from_array([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]])

# Recipe, libvips within this process, arguments of `vips`, arguments of `gm`.
WORK = [
    ("sharpen", lambda v: v.conv(SHARPEN, precision="integer"), ["conv", "KERNEL"], ["-convolve", "-1,-1,-1,-1,9,-1,-1,-1,-1"]),
    ("blur:sigma=2", lambda v: v.gaussblur(2), ["gaussblur", "2"], ["-blur", "6x2"]),
]


def row(name, ours, *others):
    ratios = "".join(f"{other:10.1f} {other / ours:7.2f}x" for other in others)
    print(f"{name:28}{ours:10.1f}{ratios}", flush=True)


def table(options, folder):
    measure.set_threads(1)
    os.environ["VIPS_CONCURRENCY"] = "1"
    image = measure.photograph(options.side)
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
    print("\nFile to file, one thread, milliseconds on the processor; below them the MB that were written.\n")
    print(f"{'':28}{names[0]:>10}" + "".join(f"{name:>10}{'':9}" for name in names[1:]))
    for source, kind in ((png, "png"), (jpeg, "jpg")):
        for recipe, libvips, debian, graphicsmagick in WORK:
            ours = lambda source, target: measure.timed_program([options.measure, "file", recipe, source, target, "1"])
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
