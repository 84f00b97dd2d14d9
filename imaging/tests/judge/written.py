"""Reads files that were written here with programs that are not ours: tifffile, libvips, Pillow, GDAL.

    written.py pixels FOLDER     every FOLDER/*.json says what the file beside it is to be
    written.py place FOLDER      writes FOLDER/utm.tif, point.tif, gcps.tif
    written.py corners FOLDER    looks where the results NAME.RECIPE.tif lie
    written.py webp FOLDER       how near every FOLDER/*.webp is to the raw pixels beside it
    written.py colors FOLDER     converts NAME.png and looks whether NAME.SPACE.png has these colours

Each difference is a line on standard output; none is success.
"""

import io
import json
import pathlib
import sys

import numpy
import pyvips
import rasterio
import tifffile
from PIL import Image, ImageCms
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import Affine

Image.MAX_IMAGE_PIXELS = None
SIZE = (64, 48)


def pixels(folder):
    for note in sorted(folder.glob("*.json")):
        told = json.loads(note.read_text())
        file = note.with_suffix(told["suffix"])
        kind = numpy.dtype("<%s%d" % (told["numbers"], told["bytes"]))
        shape = (told["height"], told["width"], told["samples"])
        wanted = numpy.fromfile(note.with_suffix(".raw"), kind).reshape(shape)
        readings = {}
        # The libtiff in the wheel of libvips has no Zstandard.
        if told["compression"] != "ZSTD":
            readings["libvips"] = pyvips.Image.new_from_file(str(file), fail=True).numpy()
        if not told["measurement"] and (told["bytes"] == 1 or told["samples"] == 1):
            readings["Pillow"] = numpy.asarray(Image.open(file))
        if file.suffix == ".tif":
            readings["tifffile"] = tifffile.imread(file, key=0)
            with rasterio.open(file) as data:
                readings["GDAL"] = numpy.moveaxis(data.read(), 0, 2)
                if data.nodata != told["no_data"]:
                    print(f"{file.name}: GDAL has no data {data.nodata}, not {told['no_data']}")
        for judge, found in readings.items():
            if told["measurement"]:
                # To the bit: some are not numbers.
                if found.dtype != kind or found.reshape(shape).tobytes() != wanted.tobytes():
                    print(f"{file.name}: {judge} has other numbers, {found.dtype}")
                continue
            found = found.reshape(shape).astype(int)
            worst = int(abs(found - wanted.astype(int)).max())
            if worst > told["worst"]:
                print(f"{file.name}: {judge} has pixels that are {worst} off")
        if file.suffix == ".tif":
            structure(file, told)


def structure(file, told):
    with tifffile.TiffFile(file) as tiff:
        pages = [(page.imagewidth, page.imagelength) for page in tiff.pages]
        first = tiff.pages[0]
        found = {
            "bigtiff": tiff.is_bigtiff,
            "compression": first.compression.name,
            "tile": first.tilewidth if first.is_tiled else 0,
            "pages": [list(page) for page in pages],
        }
        reduced = [page.is_reduced for page in tiff.pages]
    for name, value in found.items():
        if value != told[name]:
            print(f"{file.name}: {name} is {value}, not {told[name]}")
    if reduced != [False] + [True] * (len(pages) - 1):
        print(f"{file.name}: reduced pages are {reduced}")
    if len(pages) > 1:
        with rasterio.open(file) as data:
            factors = data.overviews(1)
        if factors != [2**level for level in range(1, len(pages))]:
            print(f"{file.name}: GDAL has overviews {factors}")
        halved(file, pages)


def halved(file, pages):
    """Each page is the mean of two by two pixels of the one before, where there are such."""
    with tifffile.TiffFile(file) as tiff:
        images = [page.asarray().astype(int) for page in tiff.pages]
    for upper, lower in zip(images, images[1:]):
        height, width = upper.shape[0] // 2, upper.shape[1] // 2
        even = upper[: 2 * height, : 2 * width]
        mean = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2] + 2) // 4
        if abs(mean - lower[:height, :width]).max() > 0:
            print(f"{file.name}: a page is not the mean of the one before")


def place(folder):
    width, height = SIZE
    image = numpy.arange(width * height, dtype="u2").reshape(1, height, width)
    common = dict(driver="GTiff", width=width, height=height, count=1, dtype="uint16", nodata=7)
    upright = Affine(10.0, 0.0, 399960.0, 0.0, -10.0, 5700000.0)
    with rasterio.open(folder / "utm.tif", "w", crs=CRS.from_epsg(32633), transform=upright, **common) as data:
        data.write(image)
        data.update_tags(AREA_OR_POINT="Area", FLOWN="2026")
    with rasterio.open(folder / "point.tif", "w", crs=CRS.from_epsg(4326), transform=upright, **common) as data:
        data.write(image)
        data.update_tags(AREA_OR_POINT="Point")
    turned = Affine(3.0, 1.0, 500000.0, 2.0, -4.0, 5000000.0)
    with rasterio.open(folder / "turned.tif", "w", crs=CRS.from_epsg(32633), transform=turned, **common) as data:
        data.write(image)
    points = [
        GroundControlPoint(row, column, 10.0 + column / 100, 50.0 - row / 100, 0.0)
        for row, column in [(0, 0), (0, width), (height, 0), (height, width)]
    ]
    with rasterio.open(folder / "gcps.tif", "w", crs=CRS.from_epsg(4326), gcps=points, **common) as data:
        data.write(image)


def back(recipe, size):
    """The size after a recipe, and where in the image a place (u, v) of the result lies: written anew, by words."""
    width, height = size
    steps = []
    for step in recipe.split("+"):
        name, *numbers = step.split("-")
        numbers = [int(number) for number in numbers]
        w, h = width, height
        if name == "crop":
            x, y, width, height = numbers
            steps.append(lambda u, v, x=x, y=y: (u + x, v + y))
        elif name == "resize":
            width, height = numbers
            steps.append(lambda u, v, a=w / width, b=h / height: (u * a, v * b))
        elif name == "flip_horizontal":
            steps.append(lambda u, v, w=w: (w - u, v))
        elif name == "flip_vertical":
            steps.append(lambda u, v, h=h: (u, h - v))
        elif name == "rotate_180":
            steps.append(lambda u, v, w=w, h=h: (w - u, h - v))
        elif name == "rotate_90":
            width, height = h, w
            steps.append(lambda u, v, h=h: (v, h - u))
        elif name == "rotate_270":
            width, height = h, w
            steps.append(lambda u, v, w=w: (w - v, u))

    def at(u, v):
        for step in reversed(steps):
            u, v = step(u, v)
        return u, v

    return (width, height), at


def corners(folder):
    count = 0
    for file in sorted(folder.glob("*.*.tif")):
        name, recipe, _ = file.name.split(".")
        size, at = back(recipe, SIZE)
        with rasterio.open(folder / f"{name}.tif") as before, rasterio.open(file) as after:
            if after.crs != before.crs or after.nodata != before.nodata or (after.width, after.height) != size:
                print(f"{file.name}: {after.crs}, no data {after.nodata}, {after.width}x{after.height}")
            if after.tags().get("AREA_OR_POINT") != before.tags().get("AREA_OR_POINT"):
                print(f"{file.name}: {after.tags()}")
            if after.tags().get("FLOWN") != before.tags().get("FLOWN"):
                print(f"{file.name}: its own tags are {after.tags()}")
            if name == "gcps":
                found = {(p.x, p.y): at(p.col, p.row) for p in after.gcps[0]}
                wanted = {(p.x, p.y): (p.col, p.row) for p in before.gcps[0]}
                if found.keys() != wanted.keys() or any(
                    abs(a - b) > 1e-6 for key in found for a, b in zip(found[key], wanted[key])
                ):
                    print(f"{file.name}: control points {found}, not {wanted}")
                count += 1
                continue
            for u, v in [(0, 0), (size[0], 0), (0, size[1]), size, (size[0] / 2, 3)]:
                found, wanted = after.transform * (u, v), before.transform * at(u, v)
                if max(abs(a - b) for a, b in zip(found, wanted)) > 1e-6:
                    print(f"{file.name}: ({u}, {v}) lies at {found}, not {wanted}")
        count += 1
    if count == 0:
        print("no result was looked at")


D50, D65 = (0.3457, 0.3585), (0.3127, 0.3290)


def under_d50(place, white):
    """Where x and y of a colour under that white lie under D50, by Bradford's matrix."""
    bradford = numpy.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    xyz = lambda xy: numpy.array([xy[0] / xy[1], 1.0, (1 - xy[0] - xy[1]) / xy[1]])
    ratio = (bradford @ xyz(D50)) / (bradford @ xyz(white))
    moved = numpy.linalg.inv(bradford) @ (ratio * (bradford @ xyz(place)))
    return moved[:2] / moved.sum()


def colors(folder):
    """LittleCMS, which is in Pillow, by the profiles of the two files; for sRGB by one of its own."""
    srgb = ImageCms.createProfile("sRGB")
    primaries = {
        "srgb": [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)],
        "display_p3": [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06)],
        "adobe_rgb": [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)],
        "prophoto": [(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)],
    }
    count = 0
    for file in sorted(folder.glob("*.*.png")):
        name, space, _ = file.name.split(".")
        before, after = Image.open(folder / f"{name}.png"), Image.open(file)
        read = lambda image: ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        source = read(before) if "icc_profile" in before.info else srgb
        target = read(after)
        told = target.profile
        for found, place in zip([told.red_colorant, told.green_colorant, told.blue_colorant], primaries[space]):
            found, place = numpy.array(found[1][:2]), under_d50(place, D50 if space == "prophoto" else D65)
            if abs(found - place).max() > 0.002:
                print(f"{file.name}: a primary is {found}, not {place}")
        wanted = ImageCms.profileToProfile(
            before, source, srgb if space == "srgb" else target, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.NOOPTIMIZE | ImageCms.Flags.HIGHRESPRECALC,
        )
        off = abs(numpy.asarray(wanted).astype(int) - numpy.asarray(after).astype(int))
        # Near black a curve that is a power is steep, and both look up rounded numbers there.
        bright = off[numpy.asarray(wanted) >= 32]
        if off.max() > 6 or bright.max() > 1 or off.mean() > 0.1:
            print(f"{file.name}: colours are {off.max()} off, {bright.max()} where it is bright, {off.mean():.4f} in the mean")
        count += 1
    if count != 16:
        print(f"{count} results were looked at")


def webp(folder):
    count = 0
    for note in sorted(folder.glob("*.json")):
        told = json.loads(note.read_text())
        raw = numpy.fromfile(note.with_suffix(".raw"), "u1")
        shape = (told["height"], told["width"])
        colors = raw[: 3 * shape[0] * shape[1]].reshape(*shape, 3)
        alpha = raw[3 * shape[0] * shape[1] :].reshape(shape)
        file = Image.open(note.with_suffix(".webp"))
        found = numpy.asarray(file.convert("RGBA"))
        noise = ((found[..., :3].astype(float) - colors) ** 2).mean()
        ratio = 10 * numpy.log10(255**2 / max(noise, 1e-9))
        if ratio < told["least"]:
            print(f"{note.stem}: {ratio:.1f} dB, not {told['least']}")
        if (found[..., 3] != alpha).any():
            print(f"{note.stem}: other alpha")
        if len(file.info.get("icc_profile", b"")) != told["icc"] or ("exif" in file.info) != told["has_exif"]:
            print(f"{note.stem}: {sorted(file.info)}")
        count += 1
    if count == 0:
        print("no file was looked at")


{"pixels": pixels, "webp": webp, "colors": colors, "place": place, "corners": corners}[sys.argv[1]](pathlib.Path(sys.argv[2]))
