//! Files that were written here, read by tifffile, libvips, Pillow and GDAL: the pixels, the structure, the place on Earth.
//!
//! The judges are wheels from PyPI in an environment that is made on first use; where they cannot be had, that is said.
#![cfg(feature = "files")]

mod common;
#[path = "common/python.rs"]
mod python;

use std::fs;
use std::path::Path;
use std::process::Command;

use azulejo_imaging::file::{ApplyOptions, EncodeOptions, Encoder, FileKind, Metadata, apply_file};
use azulejo_imaging::{Depth, Encoding, PixelFormat, Raster, Recipe, Size, apply};

/// The Python that has the judges; `None` where they cannot be had.
fn python() -> Option<&'static Path> {
    python::python("judges of what is written")
}

fn judge(python: &Path, what: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/written.py");
    let output = Command::new(python)
        .arg(script)
        .arg(what)
        .arg(folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.is_empty(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Sizes of the pages that a file has with reduced pictures down to that side.
fn pages(size: Size, side: Option<u32>) -> Vec<[u32; 2]> {
    let mut pages = vec![[size.width, size.height]];
    while let (Some(side), [width, height]) = (side, pages[pages.len() - 1])
        && (width > side || height > side)
    {
        pages.push([width.div_ceil(2), height.div_ceil(2)]);
    }
    pages
}

/// Writes `image` as `text` says, its pixels as they are, and what the judges are to find.
fn write(folder: &Path, name: &str, text: &str, image: &Raster, worst: u32) {
    write_with(folder, name, text, image, worst, None);
}

fn write_with(folder: &Path, name: &str, text: &str, image: &Raster, worst: u32, no_data: Option<f64>) {
    let encoding: Encoding = text.parse().unwrap();
    let extension = encoding.kind().extension();
    let path = folder.join(format!("{name}.{extension}"));
    let options = EncodeOptions::from(encoding);
    let metadata = Metadata {
        no_data,
        ..Metadata::default()
    };
    let (size, format) = (image.size(), image.format());
    let mut encoder = Encoder::create(&path, encoding.kind(), &options, size, format, &metadata).unwrap();
    encoder.write_rows(image.bytes()).unwrap();
    encoder.finish().unwrap();
    fs::write(folder.join(format!("{name}.raw")), image.bytes()).unwrap();
    let side = match text.split_once("tile=") {
        Some((_, rest)) if rest.starts_with("strips") => 0,
        Some((_, rest)) => rest.split(',').next().unwrap().parse().unwrap(),
        None => 256,
    };
    let compression = ["none", "packbits", "lzw", "zstd", "jpeg"]
        .into_iter()
        .find(|name| text.contains(&format!("compression={name}")));
    let note = serde_json::json!({
        "suffix": format!(".{extension}"),
        "width": size.width,
        "height": size.height,
        "samples": format.channels.count(),
        "bytes": format.depth.bytes(),
        "numbers": match format.depth {
            Depth::Eight | Depth::Sixteen | Depth::ThirtyTwo => "u",
            Depth::SignedSixteen => "i",
            Depth::Float => "f",
        },
        "measurement": format.is_measurement(),
        "no_data": no_data,
        "worst": worst,
        "bigtiff": text.contains("bigtiff=true"),
        "compression": compression.map_or_else(|| "ADOBE_DEFLATE".to_owned(), str::to_uppercase),
        "tile": side,
        "pages": pages(size, text.contains("pyramid").then_some(if side == 0 { 256 } else { side })),
    });
    fs::write(folder.join(format!("{name}.json")), note.to_string()).unwrap();
}

fn photo(size: Size, format: PixelFormat) -> Raster {
    let noise = common::noise_image(size, format);
    apply(&"blur:sigma=3".parse::<Recipe>().unwrap(), &noise).unwrap()
}

#[test]
fn others_read_the_same_pixels_pages_and_packings() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let size = Size::new(333, 601);
    for format in PixelFormat::ALL {
        let image = photo(size, format);
        for (index, text) in [
            "png",
            "png:level=0",
            "png:level=6",
            "tiff",
            "tiff:compression=none,tile=64",
            "tiff:compression=packbits,tile=strips",
            "tiff:compression=lzw,tile=128,bigtiff=true",
            "tiff:compression=lzw,tile=strips,bigtiff=true",
            "tiff:compression=zstd,level=9,tile=16",
            "tiff:compression=zstd,tile=strips",
            "tiff:level=9,tile=512",
        ]
        .into_iter()
        .enumerate()
        {
            write(folder.path(), &format!("{format}-{index}"), text, &image, 0);
        }
        if !format.channels.has_alpha() {
            let text = "tiff:pyramid=true,tile=64";
            write(folder.path(), &format!("{format}-pyramid"), text, &image, 0);
            let text = "tiff:pyramid=true,tile=strips,bigtiff=true,compression=zstd";
            write(folder.path(), &format!("{format}-strips"), text, &image, 0);
        }
    }
    for format in [PixelFormat::GRAY8, PixelFormat::RGB8] {
        let image = photo(size, format);
        for (name, text) in [
            ("tiles", "tiff:compression=jpeg,tile=64,quality=95"),
            ("strips", "tiff:compression=jpeg,tile=strips,quality=90"),
        ] {
            write(folder.path(), &format!("{format}-jpeg-{name}"), text, &image, 24);
        }
    }
    judge(python, "pixels", folder.path());
}

#[test]
fn others_read_the_same_measurements_and_no_data() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, no_data) in [
        ("gray-i16le", -9999.0),
        ("gray-u32le", 4_294_967_295.0),
        ("gray-f32le", f64::from(f32::MIN)),
        ("rgb-i16le", -32768.0),
        ("rgb-f32le", f64::from(1e30_f32)),
        ("bands2-u8", 0.0),
        ("bands4-u16le", 65535.0),
        ("bands5-i16le", -1.0),
        ("bands13-f32le", -9999.0),
    ] {
        let image = common::noise_image(Size::new(133, 201), name.parse().unwrap());
        for (index, text) in [
            "tiff",
            "tiff:compression=none,tile=64",
            "tiff:compression=packbits,tile=strips",
            "tiff:compression=lzw,tile=32,bigtiff=true",
            "tiff:compression=zstd,tile=strips",
            "tiff:compression=zstd,tile=128",
        ]
        .into_iter()
        .enumerate()
        {
            let no_data = (index % 2 == 0).then_some(no_data);
            let name = format!("{name}-{index}");
            write_with(folder.path(), &name, text, &image, 0, no_data);
        }
    }
    judge(python, "pixels", folder.path());
}

#[test]
fn littlecms_converts_to_the_same_colours() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let apply = |space: &str, from: &str, to: &str| {
        let recipe: Recipe = format!("convert:profile={space}").parse().unwrap();
        let [from, to] = [from, to].map(|name| folder.path().join(format!("{name}.png")));
        apply_file(&recipe, &from, &to, &ApplyOptions::default(), &mut |_| true).unwrap();
    };
    // One without a profile, and one of each space, with colours that sRGB does not have.
    write(
        folder.path(),
        "plain",
        "png",
        &common::noise_image(Size::new(97, 83), PixelFormat::RGB8),
        0,
    );
    let spaces = ["srgb", "display_p3", "adobe_rgb", "prophoto"];
    for space in &spaces[1..] {
        apply(space, "plain", space);
    }
    for from in ["plain", "display_p3", "adobe_rgb", "prophoto"] {
        for to in spaces {
            apply(to, from, &format!("{from}.{to}"));
        }
    }
    judge(python, "colors", folder.path());
}

#[test]
fn corners_lie_where_they_lay_after_every_move() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    judge(python, "place", folder.path());
    for name in ["utm", "point", "turned", "gcps"] {
        for (short, recipe) in [
            ("invert", "invert"),
            ("crop-3-5-20-11", "crop:x=3,y=5,width=20,height=11"),
            ("resize-32-12", "resize:width=32,height=12"),
            ("resize-100-90", "resize:width=100,height=90"),
            ("rotate_90", "rotate_90"),
            ("rotate_180", "rotate_180"),
            ("rotate_270", "rotate_270"),
            ("flip_horizontal", "flip_horizontal"),
            ("flip_vertical", "flip_vertical"),
            (
                "rotate_90+crop-2-3-30-40+flip_vertical+resize-11-13",
                "rotate_90|crop:x=2,y=3,width=30,height=40|flip_vertical|resize:width=11,height=13",
            ),
        ] {
            let result = folder.path().join(format!("{name}.{short}.tif"));
            let recipe: Recipe = recipe.parse().unwrap();
            let from = folder.path().join(format!("{name}.tif"));
            apply_file(&recipe, &from, &result, &ApplyOptions::default(), &mut |_| true).unwrap();
        }
    }
    judge(python, "corners", folder.path());
    // Where the result cannot hold it, that is said.
    let options = ApplyOptions {
        kind: Some(FileKind::Png),
        ..ApplyOptions::default()
    };
    let (from, to) = (folder.path().join("utm.tif"), folder.path().join("out"));
    let applied = apply_file(&"invert".parse().unwrap(), &from, &to, &options, &mut |_| true).unwrap();
    assert!(
        applied
            .left_out
            .iter()
            .any(|note| note.contains("GeoTIFF") && note.contains("tiff"))
    );
}
