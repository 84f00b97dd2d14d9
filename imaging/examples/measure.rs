//! What `scripts/compare` calls: times an operation alone on raw pixels, or applies a recipe from file to file.
//!
//! `measure operation RECIPE WIDTH HEIGHT FORMAT RAW_FILE ROUNDS [portable] [counted] [threads=N]` prints the milliseconds of each round and,
//! last, the SHA-256 of the result. `measure file RECIPE INPUT OUTPUT [THREADS [ENCODING]]` only works.
//! Milliseconds of one thread are those on the processor, so that other work on the machine counts less; those of several, each of
//! which renders a band of the result as workers render tiles, pass on the wall.
#![allow(clippy::print_stdout, reason = "printing is all that it does")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use azulejo_imaging::file::{ApplyOptions, EncodeOptions, apply_file};
use azulejo_imaging::{
    Encoding, Raster, Recipe, Region, RenderError, Size, apply, measure, render, set_portable_only,
};
use sha2::{Digest, Sha256};

/// Milliseconds that this thread has run.
fn clock() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// What is timed, and what `cargo xtask instructions` counts by this name.
#[inline(never)]
fn once(recipe: &Recipe, image: &Raster, threads: u32) -> Result<Vec<Raster>, RenderError> {
    match threads {
        1 => apply(recipe, image).map(|result| vec![result]),
        several => in_bands(recipe, image, several),
    }
}

/// The result of `recipe` in as many bands as there are threads.
fn in_bands(recipe: &Recipe, image: &Raster, threads: u32) -> Result<Vec<Raster>, RenderError> {
    let recipe = &measure(recipe, image)?;
    let whole = Region::new(0, 0, image.size().width, image.size().height);
    let size = recipe.output_size(image.size())?;
    let edge = |band: u32| (u64::from(size.height) * u64::from(band) / u64::from(threads)) as u32;
    std::thread::scope(|scope| {
        let bands: Vec<_> = (0..threads)
            .map(|band| {
                let output = Region::new(0, edge(band), size.width, edge(band + 1) - edge(band));
                scope.spawn(move || render(recipe, image.size(), whole, image, output))
            })
            .collect();
        bands
            .into_iter()
            .map(|band| band.join().expect("no panic"))
            .collect()
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [
            "operation",
            recipe,
            width,
            height,
            format,
            raw,
            rounds,
            ref rest @ ..,
        ] => {
            set_portable_only(rest.contains(&"portable"));
            let is_counted = rest.contains(&"counted");
            let threads = rest.iter().find_map(|word| word.strip_prefix("threads="));
            let threads: u32 = threads.map_or(Ok(1), str::parse)?;
            let recipe: Recipe = recipe.parse()?;
            let size = Size::new(width.parse()?, height.parse()?);
            let image = Raster::from_bytes(size, format.parse()?, std::fs::read(raw)?)?;
            let mut hash = String::new();
            for _ in 0..rounds.parse()? {
                // Valgrind does not bear the processor's clock.
                let began = Instant::now();
                let start = (threads == 1 && !is_counted).then(clock);
                let result = once(&recipe, &image, threads)?;
                let passed = match start {
                    Some(start) => clock() - start,
                    None => began.elapsed().as_secs_f64() * 1e3,
                };
                println!("{passed:.3}");
                if hash.is_empty() {
                    let digest = result
                        .iter()
                        .fold(Sha256::new(), |digest, band| digest.chain_update(band.bytes()));
                    hash = digest
                        .finalize()
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect();
                }
            }
            println!("{hash}");
        }
        ["file", recipe, input, output, ref rest @ ..] => {
            let threads = rest.first().map_or(Ok(1), |threads| threads.parse())?;
            let encoding: Option<Encoding> = rest.get(1).map(|encoding| encoding.parse()).transpose()?;
            let usual = encoding.map_or_else(
                || EncodeOptions {
                    quality: Some(75),
                    ..EncodeOptions::default()
                },
                EncodeOptions::from,
            );
            let encode = EncodeOptions { threads, ..usual };
            let options = ApplyOptions {
                encode,
                ..ApplyOptions::default()
            };
            apply_file(
                &recipe.parse()?,
                Path::new(input),
                Path::new(output),
                &options,
                &mut |_| true,
            )?;
        }
        _ => return Err("see the first lines of this example for its arguments".into()),
    }
    Ok(())
}
