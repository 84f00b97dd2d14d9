//! `cargo xtask instructions`: how many instructions the kernels of operations execute for a pixel, as callgrind counts them, beside
//! those in `imaging/benches/instructions.json`. Times differ from run to run by more than a regression does; these do not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{debian, shell};

/// Where the counts are kept.
const KEPT: &str = "imaging/benches/instructions.json";
/// Part that a count may grow by. Another compiler changes some by a few percent.
const MAY_GROW: f64 = 0.1;
/// Pixels a side.
const SIDE: u32 = 256;
/// What is counted: recipes, each on both formats.
const RECIPES: [&str; 25] = [
    "auto_levels",
    "bilateral",
    "blur:sigma=2",
    "box_blur:radius=2",
    "brightness:factor=1.2",
    "edge_detection",
    "emboss",
    "equalize",
    "erode:radius=2",
    "flip_horizontal",
    "grayscale",
    "invert",
    "median:radius=1",
    "median:radius=3",
    "noise",
    "open:radius=2",
    "otsu",
    "resize:width=128",
    "rotate_90",
    "rotate_by:angle=20",
    "saturation:factor=1.5",
    "scharr",
    "sharpen",
    "unsharp",
    "warp:a=1.1,b=0.1,c=-3,g=0.001",
];
const FORMATS: [(&str, usize); 2] = [("rgb8", 3), ("gray16le", 2)];

/// What to do with the counts.
#[derive(Args, Default)]
pub struct Options {
    /// Keep the counts of now, after a change that is meant to change them.
    #[arg(long)]
    write: bool,
}

/// Counts, and compares or keeps.
///
/// # Errors
/// A kernel executes more instructions than it may, or cannot be counted.
pub fn run(options: &Options) -> Result<()> {
    if !fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" avx2 ")) {
        shell::say(
            "SKIPPED: instructions are counted on x86-64 processors with AVX2, whose paths the kept counts are of",
        );
        return Ok(());
    }
    debian::ensure_valgrind()?;
    let mut build = shell::cargo();
    build.args(["build", "--locked", "--release", "--package", "azulejo-imaging"]);
    shell::run(build.args(["--features", "files", "--example", "measure"]))?;
    let folder = shell::target_dir().join("instructions");
    fs::create_dir_all(&folder)?;
    let mut counts = BTreeMap::new();
    for (format, bytes) in FORMATS {
        let raw = folder.join(format);
        fs::write(&raw, noise((SIDE * SIDE) as usize * bytes))?;
        for recipe in RECIPES {
            let count = count(recipe, format, &raw).with_context(|| format!("{recipe} on {format}"))?;
            counts.insert(format!("{recipe} {format}"), count);
        }
    }
    if options.write {
        let text = serde_json::to_string_pretty(&counts)?;
        return fs::write(KEPT, text + "\n").context(KEPT);
    }
    let kept = fs::read_to_string(KEPT).context(KEPT)?;
    let kept: BTreeMap<String, f64> = serde_json::from_str(&kept).context(KEPT)?;
    let faults = compare(&kept, &counts);
    if !faults.is_empty() {
        bail!(
            "{}\n`cargo xtask instructions --write` keeps the counts of now",
            faults.join("\n")
        );
    }
    shell::say(&format!(
        "{} kernels execute no more instructions than before",
        counts.len()
    ));
    Ok(())
}

/// What is wrong with the counts of now.
fn compare(kept: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) -> Vec<String> {
    let mut faults = Vec::new();
    for (what, count) in now {
        match kept.get(what) {
            Some(before) if *count > before * (1.0 + MAY_GROW) => faults.push(format!(
                "{what}: {count} instructions a pixel, and {before} before"
            )),
            Some(before) if *count < before * (1.0 - MAY_GROW) => faults.push(format!(
                "{what}: {count} instructions a pixel instead of {before}: keep what was won"
            )),
            Some(_) => {}
            None => faults.push(format!("{what}: nothing is kept of it")),
        }
    }
    let gone = kept.keys().filter(|what| !now.contains_key(*what));
    faults.extend(gone.map(|what| format!("{what}: is kept and not counted")));
    faults
}

/// Instructions for a pixel, to a tenth.
fn count(recipe: &str, format: &str, raw: &Path) -> Result<f64> {
    let side = SIDE.to_string();
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg("--toggle-collect=*measure*once*");
    valgrind.arg(shell::target_dir().join("release/examples/measure"));
    valgrind.args(["operation", recipe, &side, &side, format]);
    let output = valgrind.arg(raw).args(["1", "counted"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, count)| count.trim().parse::<f64>().ok())
        .with_context(|| format!("callgrind tells no count: {said}"))?;
    ensure!(collected > 0.0, "nothing was counted");
    Ok((collected / f64::from(SIDE * SIDE) * 10.0).round() / 10.0)
}

/// The same noise every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
        pairs
            .iter()
            .map(|(what, count)| ((*what).to_owned(), *count))
            .collect()
    }

    #[test]
    fn what_grows_or_is_unknown_is_a_fault() {
        let kept = counts(&[("blur", 100.0), ("invert", 2.0), ("old", 1.0)]);
        let now = counts(&[("blur", 111.0), ("invert", 2.1), ("new", 1.0)]);
        let faults = compare(&kept, &now);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("blur: 111"), "{faults:?}");
        assert!(compare(&kept, &kept).is_empty());
        let quicker = counts(&[("blur", 80.0), ("invert", 2.0), ("old", 1.0)]);
        assert!(compare(&kept, &quicker)[0].contains("keep what was won"));
    }
}
