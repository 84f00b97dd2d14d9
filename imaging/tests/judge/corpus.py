"""Decodes image files with libvips, Pillow, OpenCV and tifffile and says how far the pixels of each are from ours.

Each line of standard input is a JSON object: "file" is an image file; "same" is a TIFF of its pixels, upright, as they were decoded
here, "turned" is one of them turned by 90 degrees clockwise, and both are null where the file was refused. "judges" are those that are asked.
For each a line of JSON follows on standard output: which judges give pixels, and how far ours are from those of each.
Each file is looked at in a process of its own, with a limit of time and memory: the judges are libraries in C.
"""

import json
import os
import resource
import selectors
import signal
import sys
import warnings

os.environ["VIPS_WARNING"] = "0"
os.environ["VIPS_CONCURRENCY"] = "1"
os.environ["OPENCV_LOG_LEVEL"] = "OFF"
warnings.filterwarnings("ignore")

import logging

logging.disable(logging.CRITICAL)

import cv2
import numpy
import pyvips
import tifffile
from PIL import Image

cv2.setNumThreads(1)
Image.MAX_IMAGE_PIXELS = None
SECONDS = 60
BYTES = 8 << 30
# Samples of one picture: more is not asked of the judges.
MOST = 400_000_000
# Samples that are compared at once.
BLOCK = 4_000_000
# What JSON has no word for, infinity, is this.
MOST_NUMBER = 1e300
EIGHT, SIXTEEN = numpy.dtype(numpy.uint8), numpy.dtype(numpy.uint16)

# What turns the stored pixels upright, by the number of the orientation.
UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: numpy.rot90(a, -1),
    7: lambda a: numpy.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: numpy.rot90(a, 1),
}


def upright(pixels, orientation):
    return UPRIGHT[orientation](pixels) if orientation in UPRIGHT else pixels


def planes(pixels):
    pixels = numpy.asarray(pixels)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def inks(pixels, most):
    """Light that four inks let through: the arithmetic of a file without a profile."""
    ink = pixels.astype(numpy.float64)
    light = (most - ink[:, :, :3]) * (most - ink[:, :, 3:4]) / most
    light = numpy.floor(light + 0.5).astype(pixels.dtype)
    # What is beyond the inks is alpha or nothing.
    return numpy.concatenate([light, pixels[:, :, 4:5]], 2)


def straight(pixels):
    """Colours that are stored times alpha, divided again."""
    most = numpy.iinfo(pixels.dtype).max
    alpha = pixels[:, :, -1:].astype(numpy.float64)
    colors = numpy.floor(pixels[:, :, :-1].astype(numpy.float64) * most / numpy.maximum(alpha, 1) + 0.5)
    colors = numpy.where(alpha == 0, 0, numpy.minimum(colors, most)).astype(pixels.dtype)
    return numpy.concatenate([colors, pixels[:, :, -1:]], 2)


def by_vips(path, _):
    """As stored, and where there is a profile of inks through it."""
    image = pyvips.Image.new_from_file(path, fail_on="error").autorot()
    if image.width * image.height * image.bands > MOST:
        raise ValueError("too many samples")
    if image.interpretation != "cmyk":
        yield planes(image.numpy())
        return
    if image.get_typeof("icc-profile-data"):
        yield planes(image.icc_transform("srgb", embedded=True).numpy())
    pixels = planes(image.numpy())
    if pixels.dtype.kind == "u":
        yield inks(pixels, numpy.iinfo(pixels.dtype).max)


def by_pillow(path, orientation):
    with Image.open(path) as image:
        image.load()
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        elif image.mode in ("PA", "La", "RGBa"):
            image = image.convert("RGBA")
        elif image.mode == "1":
            image = image.convert("L")
        elif image.mode in ("L", "RGB") and "transparency" in image.info:
            image = image.convert("RGBA" if image.mode == "RGB" else "LA")
        elif image.mode == "YCbCr":
            image = image.convert("RGB")
        pixels = planes(image)
        if image.mode == "CMYK":
            pixels = inks(pixels, 255)
        elif image.mode in ("LAB", "HSV"):
            # Has pixels, but not as colours that can be compared.
            pixels = None
        elif image.mode == "I" and pixels.min() >= 0 and pixels.max() < 65536:
            pixels = pixels.astype(numpy.uint16)
        yield None if pixels is None else upright(pixels, orientation)


def by_opencv(path, orientation):
    pixels = cv2.imread(path, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError("not read")
    pixels = planes(pixels)
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(pixels.shape[2])
    yield upright(pixels[:, :, order] if order else pixels, orientation)


def by_tifffile(path, _):
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        pixels = page.asarray()
        if page.planarconfig == 2 and pixels.ndim == 3:
            pixels = numpy.moveaxis(pixels, 0, -1)
        pixels = planes(pixels)
        if pixels.ndim != 3:
            raise ValueError("no picture")
        if pixels.dtype == bool:
            pixels = pixels.astype(numpy.uint8) * 255
        kind = getattr(page.photometric, "name", "")
        bits = page.bitspersample
        if pixels.dtype.kind == "u" and isinstance(bits, int):
            most = (1 << bits) - 1
            if kind == "MINISWHITE":
                pixels = most - pixels
            elif kind == "SEPARATED" and pixels.shape[2] >= 4:
                pixels = inks(pixels, most)
            elif kind == "PALETTE":
                pixels = numpy.moveaxis(page.colormap[:, pixels[:, :, 0]], 0, -1)
            if bits < 8 and kind != "PALETTE":
                # The number of fewer bits, from the least to the most.
                pixels = numpy.round(pixels.astype(numpy.float64) * 255 / most).astype(numpy.uint8)
            if kind in ("MINISBLACK", "RGB") and page.extrasamples == (1,):
                pixels = straight(pixels)
        tag = page.tags.get(274)
        yield upright(pixels, tag.value if tag is not None else 1)


JUDGES = {"libvips": by_vips, "Pillow": by_pillow, "OpenCV": by_opencv, "tifffile": by_tifffile}


def orientation(path):
    """What the file says of how it is to be turned, for the judges that do not turn."""
    try:
        with Image.open(path) as image:
            return image.getexif().get(274, 1)
    except Exception:
        pass
    try:
        image = pyvips.Image.new_from_file(path)
        return image.get("orientation") if image.get_typeof("orientation") else 1
    except Exception:
        return 1


def alike(ours, theirs):
    """Both with the same channels: gray in three, full alpha added."""

    def split(pixels):
        if pixels.shape[2] in (2, 4):
            return pixels[:, :, :-1], pixels[:, :, -1:]
        return pixels, None

    if ours.shape[2] == theirs.shape[2]:
        return ours, theirs
    (ours, our_alpha), (theirs, their_alpha) = split(ours), split(theirs)
    if ours.shape[2] == 1:
        ours = numpy.repeat(ours, theirs.shape[2], 2)
    elif theirs.shape[2] == 1:
        theirs = numpy.repeat(theirs, ours.shape[2], 2)

    def full(pixels):
        most = numpy.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
        return numpy.full(pixels.shape[:2] + (1,), most, pixels.dtype)

    if our_alpha is None and their_alpha is None:
        return ours, theirs
    return (
        numpy.concatenate([ours, full(ours) if our_alpha is None else our_alpha], 2),
        numpy.concatenate([theirs, full(theirs) if their_alpha is None else their_alpha], 2),
    )


def difference(ours, theirs):
    """Levels between the two, of 8 bit where one of them has 8; where the samples are numbers, their differences and the largest."""
    if ours.shape[:2] != theirs.shape[:2]:
        return {"size": "%dx%d, not %dx%d" % (ours.shape[1], ours.shape[0], theirs.shape[1], theirs.shape[0])}
    if alike(ours[:1], theirs[:1])[0].shape != alike(ours[:1], theirs[:1])[1].shape:
        return {"size": "%d bands, not %d" % (ours.shape[2], theirs.shape[2])}
    rows = max(1, BLOCK // (ours.shape[1] * max(ours.shape[2], theirs.shape[2])))
    blocks = [(ours[y : y + rows], theirs[y : y + rows]) for y in range(0, ours.shape[0], rows)]
    if ours.dtype in (EIGHT, SIXTEEN):
        counts = numpy.zeros(65536, numpy.int64)
        for block in blocks:
            counts += numpy.bincount(levels(*block).ravel(), minlength=65536)
        total, far = counts.sum(), numpy.arange(65536)
        return {
            "most": float(far[counts > 0].max()),
            "mean": float((counts * far).sum() / total),
            "p99": float(numpy.searchsorted(counts.cumsum(), 0.99 * total)),
        }
    told = [numbers(*block) for block in blocks]
    return {"most": max(most for most, _ in told), "largest": max(largest for _, largest in told)}


def levels(ours, theirs):
    """How far each sample is, in levels of 8 or 16 bit."""
    ours, theirs = alike(ours, theirs)
    if (ours.dtype, theirs.dtype) == (SIXTEEN, EIGHT):
        ours = (ours >> 8).astype(EIGHT)
    elif (ours.dtype, theirs.dtype) == (EIGHT, SIXTEEN):
        theirs = (theirs >> 8).astype(EIGHT)
    elif theirs.dtype.kind == "f":
        most = numpy.iinfo(ours.dtype).max
        theirs = numpy.round(numpy.clip(numpy.nan_to_num(theirs), 0, 1) * most)
    far = numpy.minimum(numpy.abs(ours.astype(numpy.int64) - theirs.astype(numpy.int64)), 65535)
    if ours.shape[2] in (2, 4):
        # A colour that nobody sees may be any.
        far[(ours[:, :, -1] == 0) & (theirs[:, :, -1] == 0)] = 0
    return far


def numbers(ours, theirs):
    """How far numbers are at most, and the largest of theirs. What is not a number is so on both sides."""
    ours, theirs = (pixels.astype(numpy.float64) for pixels in alike(ours, theirs))
    same = numpy.isnan(ours) & numpy.isnan(theirs) | (ours == theirs)
    with numpy.errstate(invalid="ignore"):
        far = numpy.where(same, 0, numpy.abs(ours - theirs))
    far[~numpy.isfinite(far)] = MOST_NUMBER
    largest = numpy.abs(theirs[numpy.isfinite(theirs)]).max(initial=0)
    return min(float(far.max(initial=0)), MOST_NUMBER), min(float(largest), MOST_NUMBER)


def is_lossy(path):
    """Whether decoders may differ by a few levels: where a cosine transform or colours of inks are computed."""
    with open(path, "rb") as file:
        magic = file.read(12)
    if magic[:2] == b"\xff\xd8" or magic[8:12] == b"WEBP":
        return True
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            compression, kind = page.compression, page.photometric
    except Exception:
        return False
    return "JPEG" in getattr(compression, "name", "") or getattr(kind, "name", "") in ("YCBCR", "SEPARATED", "CIELAB", "LOGLUV")


def ours_of(path):
    with tifffile.TiffFile(path) as tiff:
        return planes(tiff.pages[0].asarray())


def look(task):
    path = task["file"]
    told = {"file": path, "judges": {}, "turned": None, "lossy": is_lossy(path)}
    ours = None if task["same"] is None else ours_of(task["same"])
    turned = orientation(path)
    for name in task["judges"]:
        if name == "tifffile":
            with open(path, "rb") as file:
                if file.read(4) not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                    continue
        verdicts = []
        try:
            for pixels in JUDGES[name](path, turned):
                if pixels is None or ours is None:
                    verdicts.append({})
                else:
                    verdicts.append(difference(ours, pixels))
        except Exception as error:
            if not verdicts:
                told["judges"][name] = {"error": ("%s: %s" % (type(error).__name__, error))[:200]}
                continue
        # The nearest of those that this judge gives.
        known = [verdict for verdict in verdicts if verdict]
        told["judges"][name] = min(known, key=lambda verdict: verdict.get("mean", verdict.get("most", 2 * MOST_NUMBER))) if known else {}
    if ours is not None:
        told["turned"] = difference(ours_of(task["turned"]), numpy.rot90(ours, -1))
    return told


def begin(task):
    """Starts a process for `task`; gives what it will say, and its id."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(theirs)
        return ours, child
    try:
        os.close(ours)
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(SECONDS)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        with os.fdopen(theirs, "w") as told:
            json.dump(look(task), told)
    finally:
        os._exit(0)


def main():
    waiting = [json.loads(line) for line in sys.stdin]
    waiting.reverse()
    running, selector = {}, selectors.DefaultSelector()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            task = waiting.pop()
            pipe, child = begin(task)
            running[pipe] = (task, child, [])
            selector.register(pipe, selectors.EVENT_READ)
        for key, _ in selector.select():
            task, child, told = running[key.fd]
            data = os.read(key.fd, 1 << 16)
            told.append(data)
            if data:
                continue
            selector.unregister(key.fd)
            os.close(key.fd)
            os.waitpid(child, 0)
            del running[key.fd]
            try:
                said = json.loads(b"".join(told))
            except ValueError:
                # A judge ended the process, or did not end.
                said = {"file": task["file"], "judges": {}, "turned": None, "lossy": False, "lost": True}
            print(json.dumps(said), flush=True)


main()
