"""EXIF and XMP, written and read by Pillow and tifffile.

    metadata.py made FOLDER     writes FOLDER/NAME.EXTENSION
    metadata.py kept FOLDER     looks whether FOLDER/NAME.*.EXTENSION say the same

Each difference is a line on standard output; none is success.
"""

import pathlib
import sys

import tifffile
from PIL import Image, TiffImagePlugin

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
DIRECTORIES = {0x8769: "EXIF", 0x8825: "GPS", 0xA005: "interoperability"}


def exif(endian):
    made = Image.Exif()
    made.endian = endian
    rational = TiffImagePlugin.IFDRational
    made.update({0x010E: "a description", 0x010F: "Maker", 0x0110: "Model 1", 0x013B: "Somebody", 0x8298: "(c)", 0x0132: "2024:01:02 03:04:05"})
    made._ifds[0x8769] = {
        0x829A: rational(1, 250), 0x829D: rational(28, 10), 0x8827: 400, 0x9000: b"0232", 0x9003: "2024:01:02 03:04:05",
        0x9204: rational(-1, 3), 0x927C: b"the maker's own notes, 01 02 03", 0x9286: b"ASCII\0\0\0comment", 0xA001: 65535, 0xA002: 64,
        0xA432: (rational(24), rational(70), rational(28, 10), rational(28, 10)), 0xA005: {1: "R98", 2: b"0100"},
    }
    made._ifds[0x8825] = {
        0: b"\x02\x03\x00\x00", 1: "N", 2: (rational(52), rational(30), rational(123, 10)), 3: "E", 4: (rational(13), rational(24), rational(5)),
        5: b"\x00", 29: "2024:01:02",
    }
    made[0x8769], made[0x8825] = made._ifds[0x8769], made._ifds[0x8825]
    return made


def made(folder):
    picture = Image.linear_gradient("L").resize((48, 32))
    colors = Image.merge("RGB", (picture, picture.rotate(180), picture))
    colors.save(folder / "little.jpg", exif=exif("<"), xmp=XMP)
    colors.save(folder / "big.jpg", exif=exif(">"), xmp=XMP)
    colors.save(folder / "little.png", exif=exif("<"))
    colors.save(folder / "big.webp", exif=exif(">"), xmp=XMP, lossless=True)
    both = exif("<")
    both[700] = XMP
    colors.save(folder / "classic.tif", exif=both)
    colors.save(folder / "bigtiff.tif", exif=both, big_tiff=True)
    # This kind of pixels makes Pillow write big endian.
    Image.new("I;16B", (48, 32)).save(folder / "motorola.tif", exif=exif(">"))


def told(path):
    image = Image.open(path)
    found = image.getexif()
    # Zero bytes at the end of a text are no part of it.
    tidy = lambda value: value.rstrip("\0") if isinstance(value, str) else value
    tags = {f"image {tag}": tidy(value) for tag, value in found.items() if tag in (270, 271, 272, 305, 306, 315, 33432)}
    for number, name in DIRECTORIES.items():
        for tag, value in found.get_ifd(number).items():
            if tag not in DIRECTORIES:
                tags[f"{name} {tag}"] = tidy(value)
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if xmp is None and image.format == "TIFF":
        xmp = image.tag_v2.get(700)
    return tags, xmp.encode() if isinstance(xmp, str) else xmp


def kept(folder):
    count = 0
    for source in sorted(folder.iterdir()):
        if source.name.count(".") != 1:
            continue
        tags, xmp = told(source)
        if len(tags) < 25:
            print(f"{source.name}: only {sorted(tags)} was written")
        for result in sorted(folder.glob(f"{source.stem}.*{source.suffix}.*")):
            found, document = told(result)
            # EXIF says the size of the image that it is of.
            tags["EXIF 40962"] = Image.open(result).width
            for name in sorted(tags.keys() | found.keys()):
                if tags.get(name) != found.get(name):
                    print(f"{result.name}: {name} is {found.get(name)!r}, not {tags.get(name)!r}")
            if xmp != document:
                print(f"{result.name}: XMP is {document!r}, not {xmp!r}")
            if result.suffix == ".tif":
                page = tifffile.TiffFile(result).pages[0]
                other = page.tags["ExifTag"].value
                if other["ISOSpeedRatings"] != 400 or page.tags["GPSTag"].value["GPSLatitudeRef"] != "N":
                    print(f"{result.name}: tifffile reads {other}")
                other = page.tags.get(700)
                if (other and other.value) != xmp:
                    print(f"{result.name}: tifffile reads other XMP")
            count += 1
    if count != 7 * 8:
        print(f"{count} results were looked at")


{"made": made, "kept": kept}[sys.argv[1]](pathlib.Path(sys.argv[2]))
