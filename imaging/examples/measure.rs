//! What `scripts/compare.py` calls: times an operation alone on raw pixels, or applies a recipe from file to file.
//!
//! `measure operation RECIPE WIDTH HEIGHT FORMAT RAW_FILE ROUNDS [portable]` prints the milliseconds of each round and,
//! last, the SHA-256 of the result. `measure file RECIPE INPUT OUTPUT [THREADS [ENCODING]]` only works.
//! Milliseconds are those on the processor, so that other work on the machine counts less.
#![allow(clippy::print_stdout, reason = "printing is all that it does")]

use std::error::Error;
use std::path::Path;

use azulejo_imaging::file::{ApplyOptions, EncodeOptions, apply_file};
use azulejo_imaging::{Encoding, Raster, Recipe, Size, apply, set_portable_only};
use sha2::{Digest, Sha256};

/// Milliseconds that this thread has run.
fn clock() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
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
            set_portable_only(rest == ["portable"]);
            let recipe: Recipe = recipe.parse()?;
            let size = Size::new(width.parse()?, height.parse()?);
            let image = Raster::from_bytes(size, format.parse()?, std::fs::read(raw)?)?;
            let mut hash = String::new();
            for _ in 0..rounds.parse()? {
                let start = clock();
                let result = apply(&recipe, &image)?;
                println!("{:.3}", clock() - start);
                if hash.is_empty() {
                    hash = Sha256::digest(result.bytes())
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
