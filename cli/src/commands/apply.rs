//! `azulejo apply`: the same pixels without a server or Kafka.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::Context as _;
use azulejo_imaging::file::{ApplyOptions, EncodeOptions, FileKind, apply_file};
use azulejo_imaging::{Encoding, Recipe, TiffOptions};
use tempfile::TempDir;

use crate::commands::place::{Format, check_output};
use crate::commands::{WrongArgument, recipe, tile_report};
use crate::input::{Input, shown};
use crate::signals::{Caught, Signals};
use crate::targets::is_dash;
use crate::tiled::apply_tiles;
pub use crate::tiled::read_whole;
use crate::{naming, output};

const AFTER_HELP: &str = "\
Examples:
  azulejo apply 'blur:sigma=2|sharpen' photo.jpg out.png
  azulejo apply blur - - < a.png > b.png
  azulejo apply --tile-report 915d4169-17.tile --rendered tile.png";

/// Apply a recipe to an image on this machine, without server or Kafka.
///
/// The pixels are those that the whole system gives. PNG, TIFF and JPEG are read and written in strips, so memory does not
/// grow with the size of the image; other kinds and interlaced PNG are decoded as a whole, 134 megapixels at most. With --tile the result
/// is made from tiles as workers make it, which needs the image in memory; the bytes are the same.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do: operations joined by '|'; `azulejo recipes` lists them.
    #[arg(value_name = "RECIPE", value_parser = recipe, required_unless_present = "tile_report")]
    recipe: Option<Recipe>,

    /// The image; '-' is standard input.
    #[arg(value_name = "IN", value_hint = clap::ValueHint::FilePath, required_unless_present = "tile_report")]
    input: Option<PathBuf>,

    /// The result. Its extension says which format it gets; without one it is that of the image. '-' is standard output.
    #[arg(value_name = "OUT", value_hint = clap::ValueHint::FilePath, required_unless_present = "tile_report")]
    output: Option<PathBuf>,

    #[command(flatten)]
    format: Format,

    /// Which page of the image, from 1 on: of a TIFF, a picture of an ICO, a frame of a GIF [default: the largest, of a GIF the first].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,

    /// Make the result from tiles of N by N pixels, 16 to 4096.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..=4096))]
    tile: Option<u32>,

    /// Quality of a JPEG, of a TIFF packed so or of a WebP, 1 to 100 [default: that of --format, else 90; a WebP without one loses nothing].
    #[arg(long, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,

    /// Keep EXIF and XMP, which may tell the place and the camera's serial number; never the thumbnail in EXIF.
    #[arg(long)]
    keep_exif: bool,

    /// Write a TIFF as BigTIFF; without it that is done where 4 GiB might not do.
    #[arg(long)]
    bigtiff: bool,

    /// Overwrite a file that is there.
    #[arg(long, short)]
    force: bool,

    /// Render the tile in this file, which `azulejo tiles export` writes, instead of an image: as the worker did, from what it got.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
        conflicts_with_all = ["recipe", "input", "output", "format", "compression", "tile", "quality", "keep_exif", "bigtiff"])]
    tile_report: Option<PathBuf>,

    /// Write the pixels of that tile to OUT: as a picture, or as they are where OUT ends in .raw.
    #[arg(long, value_name = "OUT", value_hint = clap::ValueHint::FilePath, requires = "tile_report")]
    rendered: Option<PathBuf>,
}

/// An image and what is to be done to it.
struct Order {
    recipe: Recipe,
    input: PathBuf,
    output: PathBuf,
    format: Format,
    page: Option<u32>,
    tile: Option<u32>,
    quality: Option<u8>,
    keep_exif: bool,
    bigtiff: bool,
    force: bool,
}

impl Arguments {
    /// What is asked for where there is an image.
    fn order(self) -> Option<Order> {
        Some(Order {
            recipe: self.recipe?,
            input: self.input?,
            output: self.output?,
            format: self.format,
            page: self.page,
            tile: self.tile,
            quality: self.quality,
            keep_exif: self.keep_exif,
            bigtiff: self.bigtiff,
            force: self.force,
        })
    }
}

impl Order {
    /// Checks what must fit together.
    ///
    /// # Errors
    /// A sentence that names the argument.
    fn check(&self) -> Result<(), WrongArgument> {
        if is_dash(&self.output) {
            check_output("OUT '-'")?;
            return self.encoding().map(drop);
        }
        FileKind::for_output(&self.output, FileKind::Png)
            .map_err(|error| WrongArgument(format!("OUT: {error}")))?;
        self.encoding().map(drop)
    }

    /// How the result is to be written, where that is said.
    fn encoding(&self) -> Result<Option<Encoding>, WrongArgument> {
        let file = Some(self.output.as_path()).filter(|output| !is_dash(output));
        self.format.agreed(file, "OUT")
    }

    fn options(&self) -> ApplyOptions {
        // Whatever is wrong with it was said before.
        let encoding = self.encoding().ok().flatten();
        let usual = encoding.map_or_else(EncodeOptions::default, EncodeOptions::from);
        ApplyOptions {
            encode: EncodeOptions {
                quality: self.quality.or(usual.quality),
                keep_exif: self.keep_exif,
                tiff: TiffOptions {
                    big: if self.bigtiff { Some(true) } else { usual.tiff.big },
                    ..usual.tiff
                },
                ..usual
            },
            kind: encoding.map(Encoding::kind),
            page: self.page,
            keep_existing: !self.force,
            ..ApplyOptions::default()
        }
    }
}

/// The work, with the files to read and to write.
struct Work {
    order: Order,
    input: Input,
    output: PathBuf,
    /// Where the result is written that goes to standard output.
    folder: Option<TempDir>,
}

/// Runs the command.
///
/// # Errors
/// When the image cannot be read, the recipe does not fit it, or the result cannot be written.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(report) = &arguments.tile_report {
        return tile_report::run(report, arguments.rendered.as_deref(), arguments.force);
    }
    let order = arguments
        .order()
        .ok_or_else(|| WrongArgument("RECIPE, IN and OUT are needed".into()))?;
    order.check()?;
    let mut signals = Signals::install()?;
    let work = tokio::select! {
        work = prepare(order) => Arc::new(work?),
        caught = signals.next() => return Ok(nothing_written(caught)),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let running = tokio::task::spawn_blocking({
        let (work, stop) = (Arc::clone(&work), Arc::clone(&stop));
        move || apply(&work, &stop)
    });
    tokio::pin!(running);
    let caught = tokio::select! {
        result = &mut running => {
            result.context("the work ended unexpectedly")??;
            return deliver(&work, &mut signals).await;
        }
        caught = signals.next() => caught,
    };
    stop.store(true, Relaxed);
    // It ends after the strip or band at hand. An image that is decoded as a whole may take a while, so the second time
    // nothing is waited for.
    tokio::select! {
        result = running => match result {
            Ok(Ok(())) if work.folder.is_none() => {
                output::say(&format!("{} too late: {} is whole", caught.word(), work.output.display()));
                Ok(ExitCode::SUCCESS)
            }
            _ => Ok(nothing_written(caught)),
        },
        again = signals.next() => {
            naming::discard_drafts(&work.output);
            output::say(again.word());
            std::process::exit(again.code().into());
        }
    }
}

fn nothing_written(caught: Caught) -> ExitCode {
    output::say(&format!("{}: nothing was written", caught.word()));
    caught.into()
}

/// Looks at the place of the result, and gets the image.
async fn prepare(order: Order) -> anyhow::Result<Work> {
    let (output, folder) = if is_dash(&order.output) {
        let folder = naming::spool_folder()?;
        (folder.path().join("result"), Some(folder))
    } else {
        naming::check(&order.output, order.force)?;
        (order.output.clone(), None)
    };
    Ok(Work {
        input: Input::open(&order.input, "image")
            .await
            .with_context(|| shown(&order.input))?,
        output,
        folder,
        order,
    })
}

/// Sends a result to standard output that is to go there.
async fn deliver(work: &Work, signals: &mut Signals) -> anyhow::Result<ExitCode> {
    if work.folder.is_some() {
        let file = std::fs::File::open(&work.output).context("cannot read the result")?;
        tokio::select! {
            copied = output::copy(file) => copied?,
            caught = signals.next() => {
                output::say(&format!("{}: the result was not written to its end", caught.word()));
                return Ok(caught.into());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn apply(work: &Work, stop: &AtomicBool) -> anyhow::Result<()> {
    let Order {
        recipe, tile, force, ..
    } = &work.order;
    let (input, output) = (work.input.path(), work.output.as_path());
    let options = work.order.options();
    let bar = output::row_bar();
    let mut progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
        !stop.load(Relaxed)
    };
    let problem = || shown(&work.order.input);
    let left_out = match tile {
        None => {
            apply_file(recipe, input, output, &options, &mut |at| {
                progress(at.done, at.total)
            })
            .with_context(problem)?
            .left_out
        }
        Some(tile) => {
            let draft = naming::draft(output)?;
            let left_out = apply_tiles(
                recipe,
                input,
                (output, draft.path()),
                &options,
                *tile,
                &mut progress,
            )
            .with_context(problem)?;
            naming::publish(draft, output, *force)?;
            left_out
        }
    };
    bar.finish();
    for sentence in left_out {
        output::say(&format!("note: {sentence}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
