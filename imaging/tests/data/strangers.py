"""Makes strangers.json: what OpenCV, Pillow and NumPy make of the pictures that `common::noise_image` makes.

    python3 -m pip install opencv-python-headless pillow numpy
    python3 strangers.py > strangers.json

A line is an operation on a picture of 403 x 307: the recipe, the pixel formats, whose function it is, and the SHA-256 of the raw
bytes, row by row, 16 bit as little endian. Left out is what these define otherwise than Azulejo, or do not have: alpha that is not
opaque (they work on channels apart), `saturation`, `bilateral` (OpenCV adds the differences of the channels, Azulejo takes their mean),
`unsharp`, `auto_levels:clip=0` of ranges in which a half is met (OpenCV rounds it to even), `resize` with a filter (Pillow rounds
between rows and columns), Gaussians of 16 bit with another size of kernel, `watermark` (FreeType computes coverage in other steps;
`imaging/tests/lettering.rs` compares how near the letters are).
"""

import hashlib
import json

import cv2
import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT = 403, 307


def noise(length):
    i = np.arange(length, dtype=np.uint64)
    with np.errstate(over="ignore"):
        v = i * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        v ^= v >> np.uint64(33)
        v *= np.uint64(0xFF51AFD7ED558CCD)
        v ^= v >> np.uint64(33)
    return (v & np.uint64(255)).astype(np.uint8)


FORMATS = {
    "gray8": (1, np.uint8), "rgb8": (3, np.uint8), "rgba8": (4, np.uint8),
    "gray16le": (1, np.uint16), "rgb16le": (3, np.uint16), "rgba16le": (4, np.uint16),
}


def picture(name):
    """Noise; alpha, where there is some, is full."""
    channels, kind = FORMATS[name]
    flat = noise(WIDTH * HEIGHT * channels * np.dtype(kind).itemsize).view(kind)
    p = flat.reshape(HEIGHT, WIDTH, channels).copy()
    if channels == 4:
        p[..., 3] = np.iinfo(kind).max
    return p


def framed(p, radius):
    p = cv2.copyMakeBorder(p, radius, radius, radius, radius, cv2.BORDER_REFLECT_101)
    return p


def inner(p, radius):
    return p[radius:-radius, radius:-radius]


def square(radius):
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def colours(f):
    """f on the colours; alpha stays."""
    def g(p):
        if p.shape[2] != 4:
            return f(p)
        return np.dstack([f(p[..., :3]), p[..., 3]])
    return g


def half_up(p, kind):
    return np.clip(np.floor(p + 0.5), 0, np.iinfo(kind).max).astype(kind)


def table(f):
    """A function of a sample and full intensity, as a table: cv2.LUT for 8 bit, NumPy's indexing for 16."""
    def g(p):
        top = np.iinfo(p.dtype).max
        lut = half_up(f(np.arange(top + 1, dtype=np.float64), float(top)), p.dtype)
        return cv2.LUT(p, lut) if p.dtype == np.uint8 else lut[p]
    return colours(g)


def median(radius):
    side = 2 * radius + 1
    return lambda p: inner(cv2.medianBlur(framed(p, radius), side), radius)


def sepia(p):
    m = np.array([[393, 769, 189], [349, 686, 168], [272, 534, 131]], np.float64)
    return half_up(cv2.transform(p[..., :3].astype(np.float64), m) / 1000.0, p.dtype)


def pillow(p, f):
    return np.asarray(f(Image.fromarray(p)))


def emboss(p):
    k = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], np.float64)
    return cv2.filter2D(p, -1, k, borderType=cv2.BORDER_REFLECT_101)


def sharpen(amount):
    k = np.full((3, 3), -amount, np.float64)
    k[1, 1] = 1 + 8 * amount
    return lambda p: half_up(cv2.filter2D(p.astype(np.float64), cv2.CV_64F, k, borderType=cv2.BORDER_REFLECT_101), p.dtype)


def form(operator, radius):
    return lambda p: cv2.morphologyEx(p, operator, square(radius))


def magnitude(across, down):
    """Of a gray picture; 64 bit hold the squares."""
    def g(p):
        x, y = (np.asarray(f(p.astype(np.float64)), np.int64) for f in (across, down))
        squared = x * x + y * y
        root = np.sqrt(squared.astype(np.float64)).astype(np.int64)
        root -= root * root > squared
        root += (root + 1) * (root + 1) <= squared
        return np.clip(root, 0, np.iinfo(p.dtype).max).astype(p.dtype)
    return g


def derivative(kernel):
    k = np.array(kernel, np.float64)
    return lambda p: cv2.filter2D(p, cv2.CV_64F, k, borderType=cv2.BORDER_REFLECT_101)


def scharr(dx, dy):
    return lambda p: cv2.Scharr(p, cv2.CV_64F, dx, dy, borderType=cv2.BORDER_REFLECT_101)


def sobel(dx, dy):
    return lambda p: cv2.Sobel(p, cv2.CV_64F, dx, dy, ksize=3, borderType=cv2.BORDER_REFLECT_101)


def laplacian(p):
    laplace = cv2.Laplacian(p.astype(np.float64), cv2.CV_64F, ksize=1, borderType=cv2.BORDER_REFLECT_101)
    return np.clip(np.abs(laplace), 0, np.iinfo(p.dtype).max).astype(p.dtype)


def adaptive(radius, constant):
    """OpenCV repeats the outermost pixels beyond the border, so the frame is there before."""
    return lambda p: inner(cv2.adaptiveThreshold(
        framed(p, radius), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 2 * radius + 1, constant), radius)


def equalized(p):
    if p.dtype == np.uint8:
        return np.dstack([cv2.equalizeHist(np.ascontiguousarray(p[..., c])) for c in range(p.shape[2])])
    bands = []
    for c in range(p.shape[2]):
        band = p[..., c].astype(np.int64)
        below = np.concatenate([[0], np.cumsum(np.bincount((band >> 8).ravel(), minlength=256))])
        at = (2 * 65535 * below + band.size) // (2 * band.size)
        edges = np.append(np.arange(256) * 256, 65535)
        # Fractions of 256 are exact, and no fraction of 255 is a half.
        bands.append(half_up(np.interp(band, edges, at), p.dtype))
    return np.dstack(bands)


def levels(percent, each):
    def band(p, samples):
        ordered = np.sort(samples.ravel())
        cut = int(ordered.size * percent / 100)
        low, high = int(ordered[cut]), int(ordered[-1 - cut])
        stretched = (p.astype(np.float64) - low) * np.iinfo(p.dtype).max / (high - low)
        return half_up(stretched, p.dtype)
    return lambda p: np.dstack([band(p[..., c], p[..., c] if each else p) for c in range(p.shape[2])])


def normalized(p):
    return cv2.normalize(p, None, 0, np.iinfo(p.dtype).max, cv2.NORM_MINMAX)


def otsu(p):
    return cv2.threshold(p, 0, np.iinfo(p.dtype).max, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]


def after(*steps):
    """cv2.LUT gives gray without its axis of channels."""
    def g(p):
        for f in steps:
            p = np.atleast_3d(f(p))
        return p
    return g


half_contrast = table(lambda v, top: (v - top / 2) * 0.5 + top / 2)
lighter = table(lambda v, top: (v / top) ** (1 / 3) * top)


def split_mix(state, place):
    z = state + place * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def grain(amount, seed, distribution):
    def g(p):
        height, width = p.shape[:2]
        with np.errstate(over="ignore"):
            y, x = np.mgrid[:height, :width].astype(np.uint64)
            bits = split_mix(split_mix(np.uint64(seed), np.uint64(1)), (y << np.uint64(32)) | x)
        if distribution == "uniform":
            n = (bits >> np.uint64(11)) / 2.0 ** 53 * 2 - 1
        else:
            high, low = (bits >> np.uint64(32)).astype(float), (bits & np.uint64(0xFFFFFFFF)).astype(float)
            n = np.sqrt(-2 * np.log((high + 0.5) / 2.0 ** 32)) * np.cos(2 * np.pi * (low / 2.0 ** 32))
        return half_up(p + amount * np.iinfo(p.dtype).max * n[..., None], p.dtype)
    return colours(g)


def perspective(data):
    """Pillow's, of the places as they are; its affine maps of integers round these."""
    return lambda p: pillow(p.squeeze(), lambda i: i.transform(
        (211, 190), Image.Transform.PERSPECTIVE, data, Image.Resampling.NEAREST))


def looked_up(place, size):
    """The mean of four pixels by weights in 2^-15, in whole numbers."""
    def g(p):
        height, width = p.shape[:2]
        v, u = np.mgrid[:size[1], :size[0]] + 0.5
        x, y = place(u, v, width, height)
        is_inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        left, top = np.floor(x - 0.5), np.floor(y - 0.5)
        across = np.floor((x - 0.5 - left) * 32768 + 0.5).astype(np.int64)[..., None]
        down = np.floor((y - 0.5 - top) * 32768 + 0.5).astype(np.int64)[..., None]
        columns = [np.clip(left.astype(np.int64) + i, 0, width - 1) for i in (0, 1)]
        rows = [np.clip(top.astype(np.int64) + i, 0, height - 1) for i in (0, 1)]
        wide = p.astype(np.int64)
        sums = sum(wide[rows[j], columns[i]] * (across if i else 32768 - across) * (down if j else 32768 - down)
                   for i in (0, 1) for j in (0, 1))
        return np.where(is_inside[..., None], (sums + (1 << 29)) >> 30, 0).astype(p.dtype)
    return g


def warped(a, b, c, d, e, f, g, h):
    def place(u, v, width, height):
        w = g * u + h * v + 1
        return (a * u + b * v + c) / w, (d * u + e * v + f) / w
    return looked_up(place, (211, 190))


def turned(degrees):
    """403 x 307 by 30 degrees is 503 x 468."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    def place(u, v, width, height):
        return (cosine * (u - 251.5) + sine * (v - 234) + width / 2, cosine * (v - 234) - sine * (u - 251.5) + height / 2)
    return looked_up(place, (503, 468))


WARP = (1.7, 0.21, -13.3, -0.11, 1.43, 21.7, 0.00031, 0.00017)
SHEAR = (1.3, 0.45, -31.25, -0.21, 1.61, 7.4, 0, 0)
PREWITT = [[-1, 0, 1]] * 3
GRAY = ["gray8", "gray16le"]
EIGHT = ["gray8", "rgb8", "rgba8"]
ALL = list(FORMATS)
COLOUR = ["rgb8", "rgba8", "rgb16le", "rgba16le"]

LINES = [
    ("invert", ALL, "cv2.bitwise_not", colours(cv2.bitwise_not)),
    ("brightness:factor=1.2", ALL, "cv2.LUT", table(lambda v, top: v * 1.2)),
    ("brightness:factor=0.5", ALL, "cv2.LUT", table(lambda v, top: v * 0.5)),
    ("contrast:factor=1.5", ALL, "cv2.LUT", table(lambda v, top: (v - top / 2) * 1.5 + top / 2)),
    ("gamma:gamma=2.2", ALL, "cv2.LUT", table(lambda v, top: (v / top) ** (1 / 2.2) * top)),
    ("threshold:level=0.5", ["gray8", "gray16le"], "cv2.threshold",
     lambda p: cv2.threshold(p, np.iinfo(p.dtype).max // 2, np.iinfo(p.dtype).max, cv2.THRESH_BINARY)[1]),
    ("equalize", EIGHT, "cv2.equalizeHist", colours(equalized)),
    ("equalize", ["gray16le", "rgb16le", "rgba16le"], "NumPy", colours(equalized)),
    ("gamma:gamma=3|equalize", ALL, "cv2.equalizeHist, at 16 bit NumPy", colours(after(lighter, equalized))),
    ("auto_levels:clip=2", ALL, "NumPy", colours(levels(2, False))),
    ("auto_levels:clip=5,bands=each", ALL, "NumPy", colours(levels(5, True))),
    ("contrast:factor=0.5|auto_levels:clip=0", EIGHT, "cv2.normalize", colours(after(half_contrast, normalized))),
    ("otsu", GRAY, "cv2.threshold with THRESH_OTSU", otsu),
    ("gamma:gamma=3|otsu", GRAY, "cv2.threshold with THRESH_OTSU", after(lighter, otsu)),
    ("blur:sigma=7.3|otsu", ["gray8"], "cv2.threshold with THRESH_OTSU",
     after(lambda p: cv2.GaussianBlur(p, (0, 0), 7.3, borderType=cv2.BORDER_REFLECT_101), otsu)),
    ("adaptive_threshold:radius=5,offset=0.0196078431372549", ["gray8"], "cv2.adaptiveThreshold", adaptive(5, 5)),
    ("adaptive_threshold:radius=1,offset=0", ["gray8"], "cv2.adaptiveThreshold", adaptive(1, 0)),
    ("noise:amount=0.1,distribution=uniform,seed=5", ALL, "NumPy", grain(0.1, 5, "uniform")),
    ("noise:amount=0.05,seed=4294967295", ALL, "NumPy", grain(0.05, 4294967295, "gaussian")),
    ("sepia", ["rgb8", "rgb16le"], "cv2.transform", sepia),
    ("blur:sigma=2", ["gray8", "rgba8"], "cv2.GaussianBlur",
     lambda p: cv2.GaussianBlur(p, (0, 0), 2, borderType=cv2.BORDER_REFLECT_101)),
    ("blur:sigma=7.3", EIGHT, "cv2.GaussianBlur",
     lambda p: cv2.GaussianBlur(p, (0, 0), 7.3, borderType=cv2.BORDER_REFLECT_101)),
    ("blur:sigma=2", ["gray16le", "rgb16le", "rgba16le"], "cv2.GaussianBlur of the side 17",
     lambda p: cv2.GaussianBlur(p, (17, 17), 2, borderType=cv2.BORDER_REFLECT_101)),
    ("box_blur:radius=1", ALL, "cv2.blur", lambda p: cv2.blur(p, (3, 3), borderType=cv2.BORDER_REFLECT_101)),
    ("box_blur:radius=3", ALL, "cv2.blur", lambda p: cv2.blur(p, (7, 7), borderType=cv2.BORDER_REFLECT_101)),
    ("median:radius=1", ALL, "cv2.medianBlur", median(1)),
    ("median:radius=2", ALL, "cv2.medianBlur", median(2)),
    ("median:radius=5", EIGHT, "cv2.medianBlur", median(5)),
    ("erode:radius=1", ALL, "cv2.erode", lambda p: inner(cv2.erode(framed(p, 1), square(1)), 1)),
    ("erode:radius=4", ALL, "cv2.erode", lambda p: inner(cv2.erode(framed(p, 4), square(4)), 4)),
    ("dilate:radius=1", ALL, "cv2.dilate", lambda p: inner(cv2.dilate(framed(p, 1), square(1)), 1)),
    ("dilate:radius=4", ALL, "cv2.dilate", lambda p: inner(cv2.dilate(framed(p, 4), square(4)), 4)),
    ("dilate:radius=1", ["gray8"], "Pillow's ImageFilter.MaxFilter",
     lambda p: inner(pillow(framed(p[..., 0], 1), lambda i: i.filter(ImageFilter.MaxFilter(3))), 1)),
    ("edge_detection", GRAY, "cv2.Sobel", magnitude(sobel(1, 0), sobel(0, 1))),
    ("scharr", GRAY, "cv2.Scharr", magnitude(scharr(1, 0), scharr(0, 1))),
    ("prewitt", GRAY, "cv2.filter2D", magnitude(derivative(PREWITT), derivative(np.transpose(PREWITT)))),
    ("laplacian", GRAY, "cv2.Laplacian", laplacian),
    ("open:radius=1", ALL, "cv2.morphologyEx", form(cv2.MORPH_OPEN, 1)),
    ("open:radius=3", ALL, "cv2.morphologyEx", form(cv2.MORPH_OPEN, 3)),
    ("close:radius=1", ALL, "cv2.morphologyEx", form(cv2.MORPH_CLOSE, 1)),
    ("close:radius=3", ALL, "cv2.morphologyEx", form(cv2.MORPH_CLOSE, 3)),
    ("gradient:radius=1", ALL, "cv2.morphologyEx", colours(form(cv2.MORPH_GRADIENT, 1))),
    ("gradient:radius=4", ALL, "cv2.morphologyEx", colours(form(cv2.MORPH_GRADIENT, 4))),
    ("tophat:radius=2", ALL, "cv2.morphologyEx", colours(form(cv2.MORPH_TOPHAT, 2))),
    ("blackhat:radius=2", ALL, "cv2.morphologyEx", colours(form(cv2.MORPH_BLACKHAT, 2))),
    ("emboss", ALL, "cv2.filter2D", colours(emboss)),
    ("sharpen", ALL, "cv2.filter2D", sharpen(1.0)),
    ("sharpen:amount=0.5", ALL, "cv2.filter2D", sharpen(0.5)),
    ("rotate_90", ALL, "cv2.rotate", lambda p: cv2.rotate(p, cv2.ROTATE_90_CLOCKWISE)),
    ("rotate_180", ALL, "cv2.rotate", lambda p: cv2.rotate(p, cv2.ROTATE_180)),
    ("rotate_270", ALL, "cv2.rotate", lambda p: cv2.rotate(p, cv2.ROTATE_90_COUNTERCLOCKWISE)),
    ("flip_horizontal", ALL, "cv2.flip", lambda p: cv2.flip(p, 1)),
    ("flip_vertical", ALL, "cv2.flip", lambda p: cv2.flip(p, 0)),
    ("crop:x=13,y=7,width=201,height=150", ALL, "NumPy", lambda p: p[7:157, 13:214]),
    ("warp:a=1.7,b=0.21,c=-13.3,d=-0.11,e=1.43,f=21.7,g=0.00031,h=0.00017,width=211,height=190,filter=nearest", EIGHT,
     "Pillow's Image.transform", perspective(WARP)),
    ("warp:a=1.3,b=0.45,c=-31.25,d=-0.21,e=1.61,f=7.4,width=211,height=190,filter=nearest", EIGHT,
     "Pillow's Image.transform", perspective(SHEAR)),
    ("warp:a=1.7,b=0.21,c=-13.3,d=-0.11,e=1.43,f=21.7,g=0.00031,h=0.00017,width=211,height=190", ALL, "NumPy", warped(*WARP)),
    ("warp:a=1.3,b=0.45,c=-31.25,d=-0.21,e=1.61,f=7.4,width=211,height=190", ALL, "NumPy", warped(*SHEAR)),
    ("rotate_by:angle=30", ALL, "NumPy", turned(30)),
    ("rotate_by:angle=90", ALL, "cv2.rotate", lambda p: cv2.rotate(p, cv2.ROTATE_90_CLOCKWISE)),
    ("rotate_by:angle=-180,filter=nearest", ALL, "cv2.rotate", lambda p: cv2.rotate(p, cv2.ROTATE_180)),
    ("resize:width=211,height=97,filter=nearest", EIGHT, "Pillow's Image.resize",
     lambda p: pillow(p.squeeze(), lambda i: i.resize((211, 97), Image.Resampling.NEAREST))),
]


def main():
    lines = []
    for recipe, formats, whose, f in LINES:
        for name in formats:
            result = np.ascontiguousarray(f(picture(name)))
            assert result.dtype == FORMATS[name][1], (recipe, name)
            lines.append({
                "recipe": recipe, "format": name, "by": whose,
                "sha256": hashlib.sha256(result.astype(result.dtype.newbyteorder("<")).tobytes()).hexdigest(),
            })
    print("[")
    print(",\n".join(json.dumps(line) for line in lines))
    print("]")


main()
