"""What schemathesis cannot know of the API: which bytes are an image, which texts are recipes, which job there is."""

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

JOB = os.environ["AZULEJO_JOB"]


@schemathesis.hook
def flatmap_path_parameters(context, path_parameters):
    """Two of three requests about a job are about one that there is; it is not deleted."""
    operation = context.operation
    is_of_job = operation.path.startswith(("/job/", "/download/"))
    if is_of_job and operation.method.upper() != "DELETE" and path_parameters and "id" in path_parameters:
        known = {**path_parameters, "id": JOB}
        return st.sampled_from([known, known, path_parameters])
    return st.just(path_parameters)
