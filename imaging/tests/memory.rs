//! Memory, measured: a child process of this test does the work, and its peak is read from the system.
#![cfg(all(feature = "files", target_os = "linux"))]

mod common;
#[path = "common/damage.rs"]
mod damage;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use azulejo_imaging::file::{
    ApplyOptions, Decoder, EncodeOptions, Encoder, FileKind, Limits, Metadata, apply_file,
};
use azulejo_imaging::{PixelFormat, Size};

/// What the child is to do: `apply`, a recipe and two files; `decode` and a folder; or `whole` and a file.
const TASK: &str = "AZULEJO_MEMORY_TASK";

/// Runs the task in a process of its own; gives its peak in bytes.
fn peak(task: &[&str]) -> u64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_work_of_a_child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(TASK, task.join("\n"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{task:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let peak = text.lines().find_map(|line| line.split("peak kB ").nth(1));
    peak.unwrap_or_else(|| panic!("{task:?}: {text}"))
        .trim()
        .parse::<u64>()
        .unwrap()
        << 10
}

/// Not a test by itself: what [`peak`] runs.
#[test]
fn the_work_of_a_child() {
    let Ok(task) = std::env::var(TASK) else { return };
    match task.lines().collect::<Vec<_>>()[..] {
        ["apply", recipe, from, to] => {
            let recipe = recipe.parse().unwrap();
            let options = ApplyOptions::default();
            apply_file(&recipe, Path::new(from), Path::new(to), &options, &mut |_| true).unwrap();
        }
        ["decode", folder] => {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let Ok(mut decoder) = Decoder::open(&path, &Limits::default()) else {
                    continue;
                };
                let mut strip = Vec::new();
                while let Ok(Some(_)) = decoder.next_rows(&mut strip) {}
            }
        }
        ["whole", from] => {
            let decoder = Decoder::of_bytes(std::fs::read(from).unwrap(), &Limits::default()).unwrap();
            decoder.read_all().unwrap();
        }
        _ => panic!("unknown task {task}"),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    println!("peak kB {}", line.split_whitespace().nth(1).unwrap());
}

/// A picture of gentle slopes, written row by row.
fn picture(path: &Path, size: Size) {
    let options = EncodeOptions::default();
    let format = PixelFormat::RGB8;
    let mut encoder =
        Encoder::create(path, FileKind::Png, &options, size, format, &Metadata::default()).unwrap();
    let mut row = vec![0; size.width as usize * 3];
    for y in 0..size.height {
        for (x, sample) in row.iter_mut().enumerate() {
            *sample = (x / 50 + y as usize / 20) as u8;
        }
        encoder.write_rows(&row).unwrap();
    }
    encoder.finish().unwrap();
}

#[test]
fn applying_a_recipe_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.png"));
    picture(&from, Size::new(8192, 2048));
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    for recipe in [
        "blur:sigma=2",
        "rotate_90",
        "resize:width=64",
        "flip_vertical|blur:sigma=20",
        "blur:sigma=2|equalize|rotate_90|otsu",
    ] {
        let peak = peak(&["apply", recipe, from, to]);
        assert!(peak < 64 << 20, "{recipe}: {peak} bytes");
    }
}

#[test]
#[ignore = "a gigapixel takes minutes; run it with --release --ignored"]
fn a_gigapixel_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.png"));
    picture(&from, Size::new(40_000, 25_000));
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    for recipe in ["blur:sigma=2", "resize:width=100"] {
        let peak = peak(&["apply", recipe, from, to]);
        assert!(peak < 128 << 20, "{recipe}: {peak} bytes");
    }
}

#[test]
fn damaged_files_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    for (index, (_, bytes)) in damage::cases().into_iter().enumerate() {
        std::fs::write(folder.path().join(index.to_string()), bytes).unwrap();
    }
    // Larger than it is worth reading.
    let mut zeros = std::fs::File::create(folder.path().join("zeros")).unwrap();
    zeros.write_all(b"\xff\xd8\xff\xe0").unwrap();
    zeros.set_len(300 << 20).unwrap();
    let peak = peak(&["decode", folder.path().to_str().unwrap()]);
    assert!(peak < 256 << 20, "{peak} bytes");
}

/// More pixels than may be held as a whole, and coefficients of a progressive picture that would be as large as its pixels.
#[test]
fn reading_jpeg_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (large, to) = (folder.path().join("large.jpg"), folder.path().join("to.jpg"));
    let (size, format, options) = (
        Size::new(16_400, 8200),
        PixelFormat::GRAY8,
        EncodeOptions::default(),
    );
    assert!(size.pixels() > Limits::default().max_unstreamed_pixels);
    let metadata = Metadata::default();
    let mut encoder = Encoder::create(&large, FileKind::Jpeg, &options, size, format, &metadata).unwrap();
    let row: Vec<u8> = (0..size.width).map(|x| (x / 80) as u8).collect();
    for _ in 0..size.height {
        encoder.write_rows(&row).unwrap();
    }
    encoder.finish().unwrap();
    let progressive = folder.path().join("progressive.jpg");
    let pixels: Vec<u8> = (0..6000 * 4000 * 3)
        .map(|n| (n / 50 + n / 20_000) as u8)
        .collect();
    let mut encoder = jpeg_encoder::Encoder::new_file(&progressive, 90).unwrap();
    encoder.set_progressive(true);
    encoder
        .encode(&pixels, 6000, 4000, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    drop(pixels);
    for from in [large, progressive] {
        let peak = peak(&["apply", "invert", from.to_str().unwrap(), to.to_str().unwrap()]);
        assert!(peak < 48 << 20, "{from:?}: {peak} bytes");
    }
}

/// What the preview in the browser decides by.
#[test]
fn a_whole_image_takes_no_more_memory_than_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size::new(4000, 3000);
    let pixels: Vec<u8> = (0..size.pixels() * 3)
        .map(|n| (n / 50 + n / 20_000) as u8)
        .collect();
    let mut files = Vec::new();
    for kind in FileKind::WRITTEN {
        let path = folder.path().join(kind.extension());
        let (format, options) = (PixelFormat::RGB8, EncodeOptions::default());
        let mut encoder = Encoder::create(&path, kind, &options, size, format, &Metadata::default()).unwrap();
        encoder.write_rows(&pixels).unwrap();
        encoder.finish().unwrap();
        files.push(path);
    }
    let progressive = folder.path().join("progressive");
    let mut encoder = jpeg_encoder::Encoder::new_file(&progressive, 90).unwrap();
    encoder.set_progressive(true);
    encoder
        .encode(&pixels, 4000, 3000, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    files.push(progressive);
    for path in files {
        let file = std::fs::read(&path).unwrap();
        let length = file.len() as u64;
        let said = length
            + Decoder::of_bytes(file, &Limits::default())
                .unwrap()
                .bytes_for_all();
        let peak = peak(&["whole", path.to_str().unwrap()]);
        // The process itself, and buffers that do not grow with the image.
        assert!(
            peak < said + (16 << 20),
            "{path:?}: {peak} bytes, {said} were said"
        );
        assert!(said < 2 * peak, "{path:?}: {peak} bytes, {said} were said");
    }
}
