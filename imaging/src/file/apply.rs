//! File in, recipe, file out, in pieces of the result with bounded memory.
//!
//! Where bands of rows need the input from top to bottom, and not too much of it, a window of decoded rows slides along. Where
//! they do not, as after a turn, pieces of any shape are read in blocks: from the file itself where that can be, else from a temporary
//! file that the decoded rows go to first. Several threads compute pieces while the caller's reads ahead and writes behind; what is under
//! way is bounded. Where operations need to know something of the whole image, passes that count go before. The arithmetic is that of [`render`](crate::render), so the result is the one that tiles give.

use std::path::Path;
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::cut::Work;
use super::progress::{ApplyProgress, Progress};
use super::{Decoder, EncodeOptions, Encoder, FileError, FileKind, ImageInfo, Limits};
use super::{measure, pieces};
use crate::{PixelFormat, Recipe, Size};

/// How to apply a recipe to a file.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// What the input may ask for.
    pub limits: Limits,
    /// Which page of the input, from 1 on: see [`Decoder::open_page`].
    pub page: Option<u32>,
    /// Format of the output; without it, that of the output's extension, else that of the input where it is written.
    pub kind: Option<FileKind>,
    /// How to write. As many threads as compress decode, too, and compute pieces, each where there is memory for it.
    pub encode: EncodeOptions,
    /// Where decoded rows go that have to be put aside; without it, beside the output.
    pub scratch: Option<std::path::PathBuf>,
    /// Whether a file that is in the output's place is an error instead of being replaced.
    pub keep_existing: bool,
}

/// What [`apply_file`] wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// What the input was.
    pub input: ImageInfo,
    /// Format of the file written.
    pub kind: FileKind,
    /// Size of the result.
    pub size: Size,
    /// Pixel format of the result.
    pub format: PixelFormat,
    /// Length of the file written.
    pub bytes: u64,
    /// Sentences on what of the input is left out or changed, and on what was asked for and could not be kept.
    pub left_out: Vec<String>,
}

/// Applies `recipe` to the image at `input`, turned upright, and writes the result to `output`, which may be the input. It
/// appears there whole, by a rename, or not at all. `progress` is told after every strip read and every band written; when it
/// answers `false` the work ends with an error.
///
/// # Errors
/// When the input cannot be read, the recipe does not fit it, it needs too much memory, or the output cannot be written.
pub fn apply_file(
    recipe: &Recipe,
    input: &Path,
    output: &Path,
    options: &ApplyOptions,
    progress: &mut dyn FnMut(ApplyProgress) -> bool,
) -> Result<Applied, FileError> {
    let mut decoder = Decoder::open_page(input, &options.limits, options.page)?;
    let info = decoder.info().clone();
    let mut left_out = decoder.left_out(options.encode.keep_exif);
    let kind = match options.kind {
        Some(kind) => kind,
        None => FileKind::for_output(output, info.kind)?,
    };
    decoder.convert(recipe)?;
    let work = Work::new(info.full_recipe(recipe), &info)?;
    let (size, format) = (work.size, work.format);
    let metadata = info.metadata.after(&work.recipe, info.stored_size);
    options.encode.check(kind, size, format)?;
    let plan = work.plan(options.encode.threads)?;
    let folder = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let draft = draft(output, folder)?;
    let scratch = options.scratch.as_deref().unwrap_or(folder);
    let measured_rows = measure::rows(&work.recipe, &info).map_err(|error| FileError::recipe(&error))?;
    let mut progress = Progress::new(measured_rows + u64::from(size.height), progress);
    let mut opened = Some(decoder);
    let mut open = || match opened.take() {
        Some(decoder) => Ok(decoder),
        None => open_again(input, &info, recipe, options),
    };
    let threads = options.encode.threads;
    let recipe = measure::measured(work.recipe, &info, &mut open, threads, scratch, &mut progress)?;
    let work = Arc::new(Work { recipe, ..work });
    let mut decoder = open()?;
    decoder.set_threads(plan.threads);
    let encoder = Encoder::create(draft.path(), kind, &options.encode, size, format, &metadata)?;
    let (bytes, told) = pieces::write(&work, plan, decoder, encoder, scratch, &mut progress)?;
    left_out.extend(told);
    // What is replaced must not be lost with the result in a power cut. A new file can be made again.
    if output.exists() {
        draft.as_file().sync_all()?;
    }
    let place = if options.keep_existing {
        draft.persist_noclobber(output)
    } else {
        draft.persist(output)
    };
    place.map_err(|error| error.error)?;
    Ok(Applied {
        input: info,
        kind,
        size,
        format,
        bytes,
        left_out,
    })
}

/// The same image once more.
fn open_again(
    input: &Path,
    info: &ImageInfo,
    recipe: &Recipe,
    options: &ApplyOptions,
) -> Result<Decoder, FileError> {
    let mut decoder = Decoder::open_page(input, &options.limits, options.page)?;
    let now = decoder.info();
    if (now.stored_size, now.format) != (info.stored_size, info.format) {
        return Err(FileError::damaged("it became another one while it was read"));
    }
    decoder.convert(recipe)?;
    Ok(decoder)
}

/// A file beside the output that vanishes unless it is given its name. The name tells whose it is, should the process be
/// killed.
fn draft(output: &Path, folder: &Path) -> Result<NamedTempFile, FileError> {
    // A rename would put a file where a device such as /dev/null was.
    if output.exists() && !output.is_file() {
        let name = output.display();
        return Err(FileError::unsupported(format!(
            "{name} is not a regular file; choose another name"
        )));
    }
    let prefix = format!(".azulejo-{}-", std::process::id());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private; a result is an ordinary file, as far as the umask allows.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    Ok(builder.tempfile_in(folder)?)
}
