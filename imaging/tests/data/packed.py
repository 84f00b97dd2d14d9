"""Makes the files in `jp2`, `jxl` and `packed`, with OpenJPEG, libjxl and LERC (imagecodecs, Pillow), tifffile and GDAL (rasterio).

    python3 packed.py FOLDER

Where the packing loses nothing, the pixels are those of `picture`, which the tests make anew; elsewhere NAME.raw has what the
library of the format itself decodes.
"""

import pathlib
import sys

import imagecodecs
import numpy as np
import rasterio
import tifffile
from PIL import Image

WIDTH, HEIGHT = 37, 29
to = pathlib.Path(sys.argv[1])
for name in ("jp2", "jxl", "packed"):
    (to / name).mkdir(exist_ok=True)


def picture(samples, bits, kind="u"):
    y, x, c = np.mgrid[:HEIGHT, :WIDTH, :samples].astype(np.int64)
    v = (x * x * 3 + y * y * 5 + x * y * 7 + c * 1000) * (1 if bits == 8 else 31) % (1 << min(bits, 16))
    kind = np.dtype("%s%d" % (kind, max(bits, 8) // 8 if bits != 12 else 2))
    if kind.kind == "i":
        v -= 1 << (min(bits, 16) - 1)
    v = v.astype(kind)
    return v[..., 0] if samples == 1 else v


def save(name, data):
    (to / name).write_bytes(data)


# JPEG 2000
for name, samples, bits in [("gray8", 1, 8), ("rgb8", 3, 8), ("rgba8", 4, 8), ("gray16", 1, 16), ("rgb16", 3, 16), ("graya8", 2, 8)]:
    save(f"jp2/{name}.jp2", imagecodecs.jpeg2k_encode(picture(samples, bits), level=0, codecformat="jp2", mct=samples == 3))
save("jp2/gray12.jp2", imagecodecs.jpeg2k_encode(picture(1, 12), level=0, codecformat="jp2", bitspersample=12))
save("jp2/rgb8.j2k", imagecodecs.jpeg2k_encode(picture(3, 8), level=0, codecformat="j2k"))
Image.fromarray(picture(3, 8)).save(to / "jp2/tiled.jp2", tile_size=(16, 16), num_resolutions=3, irreversible=False)
y, x = np.mgrid[:HEIGHT, :WIDTH]
smooth = np.stack([x * 6, y * 8, 255 - x * 3 - y * 4], axis=-1).astype("u1")
lossy = imagecodecs.jpeg2k_encode(smooth, level=38, codecformat="jp2", reversible=False)
save("jp2/lossy.jp2", lossy)
save("jp2/lossy.raw", imagecodecs.jpeg2k_decode(lossy).tobytes())

# JPEG XL
for name, samples, bits in [("gray8", 1, 8), ("rgb8", 3, 8), ("rgba8", 4, 8), ("gray16", 1, 16), ("rgb16", 3, 16), ("graya8", 2, 8)]:
    save(f"jxl/{name}.jxl", imagecodecs.jpegxl_encode(picture(samples, bits), lossless=True, effort=5))
save("jxl/boxes.jxl", imagecodecs.jpegxl_encode(picture(3, 8), lossless=True, usecontainer=True))
lossy = imagecodecs.jpegxl_encode(smooth, lossless=False, distance=1.0)
save("jxl/lossy.jxl", lossy)
save("jxl/lossy.raw", imagecodecs.jpegxl_decode(lossy).tobytes())
frames = np.stack([picture(3, 8), 255 - picture(3, 8)])
save("jxl/frames.jxl", imagecodecs.jpegxl_encode(frames, lossless=True))
save("jxl/float.jxl", imagecodecs.jpegxl_encode((picture(1, 8) / 255).astype("f4"), lossless=True))


# Tiles of a TIFF
def tiff(name, image, compression, tile=(32, 32), **more):
    kind = "rgb" if image.ndim == 3 and image.shape[2] >= 3 else "minisblack"
    with tifffile.TiffWriter(to / f"packed/{name}.tif", byteorder="<") as out:
        out.write(image, compression=compression, tile=tile, photometric=kind, metadata=None, software=False, **more)


tiff("jp2_rgb8", picture(3, 8), "jpeg2000", compressionargs={"level": 0})
tiff("jp2_rgba8", picture(4, 8), "jpeg2000", compressionargs={"level": 0}, extrasamples=["unassalpha"])
# The numbers of a JPEG 2000 have no order of bytes; tifffile would reverse them, so it gets tiles that are packed.
gray = np.pad(picture(1, 16), ((0, 3), (0, 27)))
tiles = [imagecodecs.jpeg2k_encode(np.ascontiguousarray(gray[:, x : x + 32]), level=0, codecformat="j2k") for x in (0, 32)]
with tifffile.TiffWriter(to / "packed/jp2_gray16.tif", byteorder=">") as out:
    out.write(iter(tiles), shape=(HEIGHT, WIDTH), dtype="u2", compression="jpeg2000", tile=(32, 32), photometric="minisblack", metadata=None, software=False)
tiff("jp2_rgb16", picture(3, 16), 33005, compressionargs={"level": 0})
tiff("jp2_strips", picture(3, 8), "jpeg2000", tile=None, rowsperstrip=16, compressionargs={"level": 0})
rgb = smooth.astype(float)
luma = rgb @ [0.299, 0.587, 0.114]
ycc = np.stack([luma, (rgb[..., 2] - luma) / 1.772 + 128, (rgb[..., 0] - luma) / 1.402 + 128], axis=-1)
tiff("jp2_ycbcr", ycc.round().clip(0, 255).astype("u1"), 33003, compressionargs={"level": 0, "mct": False})
save("packed/jp2_ycbcr.raw", smooth.tobytes())

for name, image in [
    ("lerc_u8", picture(1, 8)),
    ("lerc_rgb8", picture(3, 8)),
    ("lerc_u16", picture(1, 16)),
    ("lerc_i16", picture(1, 16, "i")),
    ("lerc_rgb16", picture(3, 16)),
]:
    tiff(name, image, "lerc", compressionargs={"level": 0})
heights = (picture(1, 16) / 8).astype("f4")
heights[3:9, 5:20] = np.nan
for name, image, options in [
    ("lerc_gdal_f32", heights, dict(compress="LERC")),
    ("lerc_gdal_deflate", heights, dict(compress="LERC_DEFLATE")),
    ("lerc_gdal_zstd", heights, dict(compress="LERC_ZSTD")),
    ("lerc_gdal_lossy", heights, dict(compress="LERC_ZSTD", max_z_error=0.25)),
    ("lerc_gdal_u32", picture(1, 16).astype("u4") * 60000, dict(compress="LERC")),
    ("lerc_gdal_big", picture(1, 16), dict(compress="LERC", endianness="BIG")),
    ("lerc_gdal_i16", picture(1, 16, "i"), dict(compress="LERC_DEFLATE")),
    ("lerc_gdal_const", np.full((HEIGHT, WIDTH), 7.5, "f4"), dict(compress="LERC")),
]:
    file = to / f"packed/{name}.tif"
    with rasterio.open(file, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=1, dtype=image.dtype, tiled=True, blockxsize=32, blockysize=32, **options) as out:
        out.write(image, 1)
    with rasterio.open(file) as data:
        save(f"packed/{name}.raw", data.read(1).tobytes())
rgba = picture(4, 8)
rgba[..., 3] = np.where(rgba[..., 3] > 99, 255, 0)
with rasterio.open(to / "packed/lerc_gdal_rgba.tif", "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=4, dtype="uint8", interleave="pixel", photometric="rgb", alpha="yes", compress="LERC_ZSTD") as out:
    out.write(np.moveaxis(rgba, 2, 0))
with rasterio.open(to / "packed/lerc_gdal_rgba.tif") as data:
    save("packed/lerc_gdal_rgba.raw", np.moveaxis(data.read(), 0, 2).tobytes())
