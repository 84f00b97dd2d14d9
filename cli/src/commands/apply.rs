//! `azulejo apply`: the same pixels without a server or Kafka.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::{Context as _, bail};
use azulejo_imaging::file::{ApplyOptions, Decoder, EncodeOptions, Encoder, FileKind, apply_file};
use azulejo_imaging::{Raster, Recipe, TileGrid, render};

use crate::commands::recipe;
use crate::{naming, output};

/// Apply a recipe to an image on this machine, without server or Kafka.
///
/// The pixels are those that the whole system gives. PNG and TIFF are read and written in strips, so memory does not grow with
/// the size of the image; JPEG, WebP and interlaced PNG are decoded as a whole, 134 megapixels at most. With --tile the result
/// is made from tiles as workers make it, which needs the image in memory; the bytes are the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: azulejo apply 'blur:sigma=2|sharpen' photo.jpg out.png")]
pub struct Arguments {
    /// What to do: operations joined by '|'; `azulejo recipes` lists them.
    #[arg(value_name = "RECIPE", value_parser = recipe)]
    recipe: Recipe,

    /// The image.
    #[arg(value_name = "IN")]
    input: PathBuf,

    /// The result. Its extension says which format it gets; without one it is that of the image.
    #[arg(value_name = "OUT")]
    output: PathBuf,

    /// Make the result from tiles of N by N pixels, 16 to 4096.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..=4096))]
    tile: Option<u32>,

    /// Quality of a JPEG, 1 to 100.
    #[arg(long, default_value_t = EncodeOptions::default().quality, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,

    /// Keep EXIF data, which may tell the place and the camera's serial number; not from or to TIFF, and never its thumbnail.
    #[arg(long)]
    keep_exif: bool,

    /// Write a TIFF as BigTIFF; without it that is done where 4 GiB might not do.
    #[arg(long)]
    bigtiff: bool,

    /// Overwrite a file that is there.
    #[arg(long, short)]
    force: bool,
}

/// Runs the command.
///
/// # Errors
/// When the image cannot be read, the recipe does not fit it, or the result cannot be written.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    let output = arguments.output.clone();
    let work = tokio::task::spawn_blocking({
        let stop = Arc::clone(&stop);
        move || apply(&arguments, &stop)
    });
    tokio::pin!(work);
    tokio::select! {
        result = &mut work => return result.context("the work ended unexpectedly")?.map(|()| ExitCode::SUCCESS),
        () = interruption() => stop.store(true, Relaxed),
    }
    // It ends after the strip or band at hand. An image that is decoded as a whole may take a while, so the second time
    // nothing is waited for.
    tokio::select! {
        result = work => match result {
            Ok(Ok(())) => {
                eprintln!("interrupted too late: {} is whole", output.display());
                Ok(ExitCode::SUCCESS)
            }
            _ => {
                eprintln!("interrupted: nothing was written");
                Ok(ExitCode::from(INTERRUPTED))
            }
        },
        () = interruption() => {
            naming::discard_drafts(&output);
            eprintln!("interrupted");
            std::process::exit(INTERRUPTED.into());
        }
    }
}

/// The exit code after Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Waits for Ctrl-C or for the signal that ends a service.
async fn interruption() {
    use tokio::signal::unix::{SignalKind, signal};
    // Without a handler the signal ends the process anyway.
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

fn apply(arguments: &Arguments, stop: &AtomicBool) -> anyhow::Result<()> {
    let Arguments {
        recipe,
        input,
        output,
        tile,
        force,
        ..
    } = arguments;
    naming::check(output, *force)?;
    let encode = EncodeOptions {
        quality: arguments.quality,
        keep_exif: arguments.keep_exif,
        big_tiff: arguments.bigtiff,
        ..EncodeOptions::default()
    };
    let options = ApplyOptions {
        encode,
        keep_existing: !force,
        ..ApplyOptions::default()
    };
    let bar = output::row_bar();
    let mut progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
        !stop.load(Relaxed)
    };
    let problem = || input.display().to_string();
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
        eprintln!("note: {sentence}");
    }
    Ok(())
}

/// As the workers do it: every tile rendered from its own cut-out of the image. `output` is the place and the file to write.
fn apply_tiles(
    recipe: &Recipe,
    input: &Path,
    output: (&Path, &Path),
    options: &ApplyOptions,
    tile: u32,
    progress: &mut dyn FnMut(u64, u64) -> bool,
) -> anyhow::Result<Vec<String>> {
    let mut decoder = Decoder::open(input, &options.limits)?;
    let info = decoder.info().clone();
    let recipe = info.full_recipe(recipe);
    let size = recipe.output_size(info.stored_size)?;
    let kind = FileKind::for_output(output.0, info.kind)?;
    let format = recipe.output_format(info.format);
    kind.check(size, format)?;
    let mut left_out = Vec::new();
    if options.encode.keep_exif && decoder.has_unread_exif() {
        left_out.push("EXIF is left out: it is not read from TIFF".to_owned());
    }
    let image = read_whole(&mut decoder)?;
    let metadata = info.metadata.after(&recipe);
    let mut encoder = Encoder::create(output.1, kind, &options.encode, size, format, &metadata)?;
    left_out.extend(encoder.left_out().map(str::to_owned));

    let grid = TileGrid::new(size, tile);
    let pixel = format.bytes_per_pixel();
    let stride = size.width as usize * pixel;
    let mut band = Vec::new();
    for row in 0..grid.rows() {
        let tiles = (0..grid.columns()).filter_map(|column| grid.region(row * grid.columns() + column));
        for region in tiles {
            band.resize(stride * region.height as usize, 0);
            let needed = recipe.input_region(image.size(), region)?;
            let pixels = render(&recipe, image.size(), needed, &image.crop(needed)?, region)?;
            for y in 0..region.height {
                let at = y as usize * stride + region.x as usize * pixel;
                band[at..at + pixels.stride()].copy_from_slice(pixels.row(y));
            }
        }
        encoder.write_rows(&band)?;
        band.clear();
        let done = ((row + 1) * tile).min(size.height);
        if !progress(done.into(), size.height.into()) {
            bail!("stopped before the end");
        }
    }
    encoder.finish()?;
    Ok(left_out)
}

/// All stored pixels.
pub fn read_whole(decoder: &mut Decoder) -> anyhow::Result<Raster> {
    let info = decoder.info().clone();
    let mut image = Raster::new(info.stored_size, info.format)?;
    let stride = image.stride();
    let mut rows = Vec::new();
    while let Some(span) = decoder.next_rows(&mut rows)? {
        let at = span.y as usize * stride;
        let end = at + span.rows as usize * stride;
        match (image.bytes_mut().get_mut(at..end), rows.get(..end - at)) {
            (Some(place), Some(rows)) => place.copy_from_slice(rows),
            _ => bail!("the decoder gave rows beyond the image"),
        }
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use azulejo_imaging::file::Limits;

    use super::*;
    use crate::photo;

    fn arguments(recipe: &str, input: &Path, output: &Path, tile: Option<u32>) -> Arguments {
        Arguments {
            recipe: recipe.parse().unwrap(),
            input: input.to_owned(),
            output: output.to_owned(),
            tile,
            quality: 90,
            keep_exif: false,
            bigtiff: false,
            force: false,
        }
    }

    fn pixels(file: &Path) -> Raster {
        read_whole(&mut Decoder::open(file, &Limits::default()).unwrap()).unwrap()
    }

    #[test]
    fn tiles_give_the_bytes_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.png");
        photo::write(&input, 300).unwrap();
        let stop = AtomicBool::new(false);
        for recipe in [
            "grayscale",
            "blur:sigma=2|sharpen",
            "edge_detection",
            "rotate_90|blur",
        ] {
            let whole = folder.path().join(format!("{recipe}.png"));
            apply(&arguments(recipe, &input, &whole, None), &stop).unwrap();
            for tile in [16, 100, 512] {
                let tiled = folder.path().join(format!("{recipe}-{tile}.png"));
                apply(&arguments(recipe, &input, &tiled, Some(tile)), &stop).unwrap();
                assert!(pixels(&whole) == pixels(&tiled), "{recipe} in tiles of {tile}");
            }
        }
    }

    #[test]
    fn a_failure_leaves_no_file_and_says_which_image() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
        std::fs::write(&input, "no image").unwrap();
        let stop = AtomicBool::new(false);
        let error = apply(&arguments("grayscale", &input, &output, None), &stop).unwrap_err();
        assert!(format!("{error:#}").contains("in.png"), "{error:#}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_extension_of_no_format_is_refused_with_those_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in.png"), folder.path().join("out.gif"));
        photo::write(&input, 64).unwrap();
        let stop = AtomicBool::new(false);
        for tile in [None, Some(64)] {
            let error = apply(&arguments("grayscale", &input, &output, tile), &stop).unwrap_err();
            assert!(format!("{error:#}").contains(".gif"), "{error:#}");
            assert!(format!("{error:#}").contains(".webp"), "{error:#}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_stays_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.png");
        photo::write(&input, 64).unwrap();
        let before = pixels(&input);
        let stop = AtomicBool::new(false);
        let mut onto_itself = arguments("invert", &input, &input, None);
        let error = apply(&onto_itself, &stop).unwrap_err();
        assert!(format!("{error:#}").contains("--force"), "{error:#}");
        assert!(pixels(&input) == before);
        onto_itself.force = true;
        apply(&onto_itself, &stop).unwrap();
        apply(&onto_itself, &stop).unwrap();
        assert!(pixels(&input) == before, "inverted twice");
    }

    #[test]
    fn an_interruption_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
        photo::write(&input, 300).unwrap();
        let stop = AtomicBool::new(true);
        for tile in [None, Some(64)] {
            apply(&arguments("grayscale", &input, &output, tile), &stop).unwrap_err();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
