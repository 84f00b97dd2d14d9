"""What schemathesis cannot know of the API: which bytes are an image, which texts are recipes."""

import os

import schemathesis
from hypothesis import strategies as st

with open(os.environ["AZULEJO_IMAGE"], "rb") as image:
    IMAGE = image.read()

FILES = st.sampled_from([IMAGE, IMAGE, IMAGE, IMAGE[: len(IMAGE) // 2], b"no image"])
RECIPES = st.sampled_from(["grayscale", "blur:sigma=2|sharpen", "rotate_90", "resize:width=100,height=100", "nothing"])
ENCODINGS = st.sampled_from(["png", "jpeg:quality=80", "tiff", "webp", "bmp", ""])

schemathesis.openapi.format("binary", FILES)
schemathesis.openapi.format("recipe", RECIPES)
schemathesis.openapi.format("encoding", ENCODINGS)
schemathesis.openapi.media_type("application/octet-stream", FILES)
schemathesis.openapi.media_type("application/offset+octet-stream", FILES)
