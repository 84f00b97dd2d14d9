//! Versions of the record format.

use azulejo_imaging::{PixelFormat, Recipe};

/// Version of the record format that tasks are written in, header `v`, unless they need [`MEASURED`]. A result has the version
/// of its task.
pub const VERSION: u32 = 2;

/// Version of tasks on measurements: their formats, and recipes with `no_data`, are not known before it. Nothing else differs, and
/// what needs no more than [`VERSION`] is written in that, so that workers that do not read this one go on with it.
pub const MEASURED: u32 = 3;

/// Versions of the record format that are read.
pub const READABLE: &[u32] = &[1, VERSION, MEASURED];

/// The version that a task on an image of `format` with `recipe` needs.
pub fn version_for(format: PixelFormat, recipe: &Recipe) -> u32 {
    if format.is_measurement() || recipe.no_data().is_some() {
        MEASURED
    } else {
        VERSION
    }
}
