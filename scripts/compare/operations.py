"""Every operation on pixels in memory: a table of Azulejo's milliseconds, and how many times as long the others take."""

import os
import time

import cv2
import numpy as np
import pyvips

import measure

# Pixel format and threads of each column.
COLUMNS = [("rgb8", 1), ("rgb8", 2), ("rgba8", 1), ("gray16le", 1), ("rgb16le", 1), ("rgb-f32le", 1)]


def gray(image):
    if image.shape[2] == 1:
        return image
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY if image.shape[2] == 3 else cv2.COLOR_RGBA2GRAY)


def top(image):
    return 1 if image.dtype == np.float32 else np.iinfo(image.dtype).max


def linear(factor, offset):
    """`offset` is a part of the range."""
    table = by_table(lambda v: v * factor + offset)
    return lambda i: table(i) if i.dtype != np.float32 else cv2.addWeighted(i, factor, i, 0, offset * top(i))


def by_table(function):
    def run(image):
        values = np.linspace(0, 1, top(image) + 1)
        table = (np.clip(function(values), 0, 1) * top(image) + 0.5).astype(image.dtype)
        return cv2.LUT(image, table)

    return run


def kernel(rows):
    return lambda i: cv2.filter2D(i, -1, np.array(rows, np.float32), borderType=cv2.BORDER_REFLECT_101)


def gradients(derivative):
    """The length of two derivatives of the luma, rounding as OpenCV's own calls do: what one would write for speed."""

    def run(image):
        luma = gray(image)
        x, y = derivative(luma, 1, 0), derivative(luma, 0, 1)
        length = cv2.magnitude(x, y)
        if image.dtype == np.float32:
            return length
        return cv2.convertScaleAbs(length) if image.dtype == np.uint8 else cv2.add(length, 0, dtype=cv2.CV_16U)

    return run


def prewitt(luma, x, y):
    rows = np.array([[-1, 0, 1]] * 3, np.float32)
    return cv2.filter2D(luma, cv2.CV_32F, rows if x else rows.T)


def form(operator, radius):
    square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return lambda i: cv2.morphologyEx(i, operator, square)


def unsharp(image):
    return cv2.addWeighted(image, 2, cv2.GaussianBlur(image, (0, 0), 2), -1, 0)


def each_band(function):
    return lambda i: cv2.merge([function(band) for band in cv2.split(i)[:3]])


def stretched(image):
    return cv2.normalize(image, None, 0, top(image), cv2.NORM_MINMAX)


def grainy(image):
    grain = np.empty(image.shape[:2], np.int16)
    cv2.randn(grain, 0, 12)
    return cv2.add(image, cv2.merge([grain] * image.shape[2]), dtype=cv2.CV_8U)


def blurred_within_edges(image):
    """As far as ours reaches, and as wide in space and colour: OpenCV adds the differences of the channels, ours takes their mean."""
    return cv2.bilateralFilter(image, 9, 0.1 * 255 * image.shape[2], 2, borderType=cv2.BORDER_REFLECT_101)


def brown(image):
    if image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    matrix = np.eye(image.shape[2], dtype=np.float32)
    matrix[:3, :3] = SEPIA
    return cv2.transform(image, matrix)


def written(image):
    place = (image.shape[1] - 700, image.shape[0] - 40)
    return cv2.putText(image.copy(), "Azulejo", place, cv2.FONT_HERSHEY_SIMPLEX, 3, (255,) * 4, 4, cv2.LINE_AA)


def askew(image):
    side = image.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), -20, 1)
    size = int(side * (abs(turn[0, 0]) + abs(turn[0, 1])))
    turn[:, 2] += (size - side) / 2
    return cv2.warpAffine(image, turn, (size, size), flags=cv2.INTER_LINEAR)


PERSPECTIVE = np.array([[1.1, 0.1, -30], [0.05, 1.05, 10], [0.00001, 0.00002, 1]])


def warped(image):
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(image, PERSPECTIVE, image.shape[1::-1], flags=flags)


def resized(side):
    return lambda i: cv2.resize(i, (side, side), interpolation=cv2.INTER_CUBIC)


SHARPEN = [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]
EMBOSS = [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
SEPIA = [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]
WARP = "warp:a=1.1,b=0.1,c=-30,d=0.05,e=1.05,f=10,g=0.00001,h=0.00002"
REFLECT = {"borderType": cv2.BORDER_REFLECT_101}
EIGHT = {np.dtype(np.uint8)}
WHOLE = {np.dtype(np.uint8), np.dtype(np.uint16)}
ANY = WHOLE | {np.dtype(np.float32)}


def opencv(side):
    """Recipe, the samples that OpenCV takes, and its way; `None` where it has none that is comparable."""
    half = side // 2
    return [
        ("grayscale", ANY, lambda i: gray(i) if i.shape[2] > 1 else i.copy()),
        ("invert", WHOLE, cv2.bitwise_not),
        ("brightness:factor=1.2", ANY, linear(1.2, 0)),
        ("contrast:factor=1.5", ANY, linear(1.5, -0.25)),
        ("gamma:gamma=2.2", WHOLE, by_table(lambda v: v ** (1 / 2.2))),
        ("saturation:factor=1.5", ANY, None),
        ("sepia", ANY, brown),
        ("auto_levels:clip=0", WHOLE, stretched),
        ("equalize", EIGHT, each_band(cv2.equalizeHist)),
        ("threshold", WHOLE, lambda i: cv2.threshold(gray(i), top(i) // 2, top(i), cv2.THRESH_BINARY)[1]),
        ("otsu", WHOLE, lambda i: cv2.threshold(gray(i), 0, top(i), cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]),
        ("adaptive_threshold:radius=5", EIGHT,
         lambda i: cv2.adaptiveThreshold(gray(i), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 11, 5)),
        ("noise", EIGHT, grainy),
        ("watermark", ANY, written),
        ("blur:sigma=2", ANY, lambda i: cv2.GaussianBlur(i, (0, 0), 2, **REFLECT)),
        ("blur:sigma=5", ANY, lambda i: cv2.GaussianBlur(i, (0, 0), 5, **REFLECT)),
        ("box_blur:radius=2", ANY, lambda i: cv2.blur(i, (5, 5), **REFLECT)),
        ("median:radius=1", ANY, lambda i: cv2.medianBlur(i, 3)),
        ("median:radius=2", ANY, lambda i: cv2.medianBlur(i, 5)),
        ("median:radius=5", EIGHT, lambda i: cv2.medianBlur(i, 11)),
        ("bilateral", EIGHT, blurred_within_edges),
        ("sharpen", ANY, kernel(SHARPEN)),
        ("unsharp", ANY, unsharp),
        ("edge_detection", ANY, gradients(lambda i, x, y: cv2.Sobel(i, cv2.CV_32F, x, y, ksize=3))),
        ("scharr", ANY, gradients(lambda i, x, y: cv2.Scharr(i, cv2.CV_32F, x, y))),
        ("prewitt", ANY, gradients(prewitt)),
        ("laplacian", EIGHT, lambda i: cv2.convertScaleAbs(cv2.Laplacian(gray(i), cv2.CV_32F, ksize=1))),
        ("emboss", ANY, kernel(EMBOSS)),
        ("erode:radius=2", ANY, form(cv2.MORPH_ERODE, 2)),
        ("dilate:radius=2", ANY, form(cv2.MORPH_DILATE, 2)),
        ("open:radius=2", ANY, form(cv2.MORPH_OPEN, 2)),
        ("close:radius=2", ANY, form(cv2.MORPH_CLOSE, 2)),
        ("gradient:radius=2", ANY, form(cv2.MORPH_GRADIENT, 2)),
        ("tophat:radius=2", ANY, form(cv2.MORPH_TOPHAT, 2)),
        ("blackhat:radius=2", ANY, form(cv2.MORPH_BLACKHAT, 2)),
        ("rotate_90", ANY, lambda i: cv2.rotate(i, cv2.ROTATE_90_CLOCKWISE)),
        ("rotate_180", ANY, lambda i: cv2.rotate(i, cv2.ROTATE_180)),
        ("rotate_270", ANY, lambda i: cv2.rotate(i, cv2.ROTATE_90_COUNTERCLOCKWISE)),
        ("flip_horizontal", ANY, lambda i: cv2.flip(i, 1)),
        ("flip_vertical", ANY, lambda i: cv2.flip(i, 0)),
        (f"crop:x=100,y=100,width={half},height={half}", ANY, lambda i: i[100:100 + half, 100:100 + half].copy()),
        (f"resize:width={half}", ANY, None),
        (f"resize:width={half},filter=bilinear", ANY, None),
        (f"resize:width={half},filter=nearest", ANY, lambda i: cv2.resize(i, (half, half), interpolation=cv2.INTER_NEAREST)),
        ("rotate_by:angle=20", ANY, askew),
        (WARP, ANY, warped),
    ]


def vips_kernel(rows):
    mask = pyvips.Image.new_from_array(rows)
    return lambda v: v.conv(mask, precision="float" if v.format == "float" else "integer")


def vips_gray(image):
    return image.extract_band(0) if image.bands == 1 else image.colourspace("grey16" if image.format == "ushort" else "b-w")


def vips_form(*ranks):
    """Ranks of 5 x 5, one after the other."""
    def run(image):
        for rank in ranks:
            image = image.rank(5, 5, rank)
        return image
    return run


def vips_range(image):
    return {"uchar": 255, "ushort": 65535}.get(image.format, 1)


def vips_cast(function):
    return lambda v: function(v).cast(v.format)


LEAST, MOST = 0, 24

# What libvips has of these, by the name of the operation and its parameters.
LIBVIPS = {
    "grayscale": vips_gray,
    "invert": lambda v: v.invert(),
    "brightness:factor=1.2": vips_cast(lambda v: v.linear(1.2, 0)),
    "contrast:factor=1.5": vips_cast(lambda v: v.linear(1.5, -0.25 * vips_range(v))),
    "gamma:gamma=2.2": lambda v: v.gamma(exponent=1 / 2.2),
    "sepia": vips_cast(lambda v: v.extract_band(0, n=3).recomb(SEPIA)),
    "equalize": lambda v: v.hist_equal(),
    "threshold": lambda v: vips_gray(v) > vips_range(v) // 2,
    "noise": vips_cast(lambda v: v + pyvips.Image.gaussnoise(v.width, v.height, sigma=12, mean=0)),
    "blur:sigma=2": lambda v: v.gaussblur(2),
    "blur:sigma=5": lambda v: v.gaussblur(5),
    "box_blur:radius=2": lambda v: v.convsep(pyvips.Image.new_from_array([1] * 5, scale=5), precision="integer"),
    "median:radius=1": lambda v: v.median(3),
    "median:radius=2": lambda v: v.median(5),
    "median:radius=5": lambda v: v.median(11),
    "sharpen": vips_kernel(SHARPEN),
    "edge_detection": lambda v: vips_gray(v).sobel(),
    "scharr": lambda v: vips_gray(v).scharr(),
    "prewitt": lambda v: vips_gray(v).prewitt(),
    "laplacian": lambda v: vips_kernel([[0, 1, 0], [1, -4, 1], [0, 1, 0]])(vips_gray(v)),
    "emboss": vips_kernel(EMBOSS),
    "erode:radius=2": vips_form(LEAST),
    "dilate:radius=2": vips_form(MOST),
    "open:radius=2": vips_form(LEAST, MOST),
    "close:radius=2": vips_form(MOST, LEAST),
    "rotate_90": lambda v: v.rot90(),
    "rotate_180": lambda v: v.rot180(),
    "rotate_270": lambda v: v.rot270(),
    "flip_horizontal": lambda v: v.fliphor(),
    "flip_vertical": lambda v: v.flipver(),
    "crop": lambda v: v.crop(100, 100, v.width // 2, v.height // 2),
    "resize": lambda v: v.resize(0.5),
    "resize,bilinear": lambda v: v.resize(0.5, kernel="linear"),
    "resize,nearest": lambda v: v.resize(0.5, kernel="nearest"),
    "rotate_by:angle=20": lambda v: v.similarity(angle=20),
}


def libvips(recipe):
    for name in ("crop", "resize"):
        if recipe.startswith(name):
            filtered = [recipe.rpartition("filter=")[2]] if "filter=" in recipe else []
            return LIBVIPS[",".join([name, *filtered])]
    return LIBVIPS.get(recipe)


def best(rounds, function, threads):
    """Of nothing where the library does not take such pixels."""
    clock = time.process_time if threads == 1 else time.perf_counter
    try:
        return min(measure.timed(function, clock)[0] for _ in range(rounds))
    except (cv2.error, pyvips.Error):
        return None


def cell(own, *others):
    if own is None:
        return ""
    figure = f"{own:.3g}" if own < 100 else f"{own:.0f}"
    ratios = ", ".join("–" if other is None else f"{other / own:.2g}" for other in others)
    return f"{figure} ({ratios})"


def table(options, folder):
    print("\nMilliseconds, and behind them how many times as long OpenCV and libvips take. Where these do other work: OpenCV leaves alpha")
    print("out of gray results; libvips mixes gray in linear light.\n")
    columns = [(name, threads) for name, threads in COLUMNS if not options.format or name in options.format]
    titles = [name + ("" if threads == 1 else f", {threads} threads") for name, threads in columns]
    print(f"| operation | {' | '.join(titles)} |\n|---{'|---' * len(titles)}|")
    photograph = measure.photograph(options.side)
    rows = [line for line in opencv(options.side) if options.only in line[0]]
    cells = {}
    # A format at a time: their pictures are large.
    for name in dict.fromkeys(name for name, _ in columns):
        image = measure.in_format(photograph, name)
        raw = os.path.join(folder, "image.raw")
        image.tofile(raw)
        vips = pyvips.Image.new_from_array(image).copy_memory()
        for threads in (threads for other, threads in columns if other == name):
            measure.set_threads(threads)
            for recipe, samples, way in rows:
                figures = [None, None, None]
                for _ in range(options.rounds):
                    # What is quick is repeated more often: where memory lies and what caches hold counts most then.
                    times = 10 if figures[0] is not None and figures[0] < 50 else 2
                    ways = [
                        lambda: measure.ours(options, recipe, options.side, name, raw, times, threads),
                        lambda: way and image.dtype in samples and best(times, lambda: way(image), threads) or None,
                        lambda: libvips(recipe) and best(1, lambda: libvips(recipe)(vips).copy_memory(), threads) or None,
                    ]
                    for which, run in enumerate(ways):
                        figure = run()
                        if figure is not None:
                            figures[which] = min(figure, figures[which] or figure)
                    if figures[0] is None:
                        break
                cells[recipe, name, threads] = cell(*figures)
                print(f"{recipe} {name} {threads}: {cells[recipe, name, threads]}", file=options.progress, flush=True)
    for recipe, *_ in rows:
        print(f"| `{recipe}` | {' | '.join(cells[recipe, name, threads] for name, threads in columns)} |")
