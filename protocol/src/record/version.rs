//! Versions of the record format.

use azulejo_imaging::{PixelFormat, Recipe};

/// Version of the record format that tasks are written in, header `v`, unless they need [`LATEST`]. A result has the version
/// of its task.
pub const VERSION: u32 = 2;

/// Version of tasks that need formats or operations which are not known before it, or ask for a statistic. Nothing else differs, and
/// what needs no more than [`VERSION`] is written in that, so that workers that do not read this one go on with it.
pub const LATEST: u32 = 3;

/// Versions of the record format that are read.
pub const READABLE: &[u32] = &[1, VERSION, LATEST];

/// The operations that whatever reads [`VERSION`] knows. One that is added to the table of operations after [`LATEST`] was released
/// needs a version of its own: a worker that does not know it fails the tile.
const OPERATIONS: [&str; 25] = [
    "bilateral",
    "blur",
    "box_blur",
    "brightness",
    "contrast",
    "crop",
    "dilate",
    "edge_detection",
    "emboss",
    "erode",
    "flip_horizontal",
    "flip_vertical",
    "gamma",
    "grayscale",
    "invert",
    "median",
    "resize",
    "rotate_180",
    "rotate_270",
    "rotate_90",
    "saturation",
    "sepia",
    "sharpen",
    "threshold",
    "unsharp",
];

/// The version that a task on an image of `format` with `recipe` needs.
pub fn version_for(format: PixelFormat, recipe: &Recipe) -> u32 {
    let is_known = recipe
        .steps()
        .iter()
        .all(|step| OPERATIONS.contains(&step.info().name));
    if is_known && !format.is_measurement() {
        VERSION
    } else {
        LATEST
    }
}
