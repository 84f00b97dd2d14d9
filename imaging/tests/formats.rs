//! The table in `docs/formats.md` is what this computes; `UPDATE=1 cargo test -p azulejo-imaging --features files --test formats`
//! writes it anew.
#![cfg(feature = "files")]

#[path = "common/colors.rs"]
mod colors;
mod common;

use std::path::Path;

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileErrorKind, FileKind, Limits, Metadata};
use azulejo_imaging::{PixelFormat, Raster, Size};
use colors::colors;

const BEGIN: &str = "<!-- The table is computed: imaging/tests/formats.rs. -->\n";
const END: &str = "<!-- Here it ends. -->\n";

/// A file of `kind` with noise of that format.
fn file(kind: FileKind, format: PixelFormat, metadata: &Metadata) -> Option<(Raster, Vec<u8>)> {
    file_of(Size::new(33, 21), kind, format, metadata)
}

fn file_of(
    size: Size,
    kind: FileKind,
    format: PixelFormat,
    metadata: &Metadata,
) -> Option<(Raster, Vec<u8>)> {
    let image = common::noise_image(size, format);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let options = EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::default()
    };
    let mut encoder = Encoder::create(&path, kind, &options, image.size(), format, metadata).ok()?;
    encoder.write_rows(image.bytes()).unwrap();
    encoder.finish().unwrap();
    Some((image, std::fs::read(path).unwrap()))
}

/// Files of the kinds that are not written, made by other programs.
fn given(kind: FileKind) -> Vec<Vec<u8>> {
    let folders = ["other", "jp2", "jxl"];
    let folders = folders.map(|name| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name)
    });
    let entries = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_none_or(|extension| extension != "raw"));
    let files = paths.map(|path| std::fs::read(path).unwrap());
    files
        .filter(|file| FileKind::from_magic(&file[..file.len().min(FileKind::MAGIC_BYTES)]) == Some(kind))
        .collect()
}

fn open(file: &[u8]) -> Option<Decoder> {
    Decoder::of_bytes(file.to_vec(), &Limits::default()).ok()
}

/// Whether the whole image has to be in memory, found out by allowing a quarter of it.
fn is_whole(kind: FileKind, given: Vec<Vec<u8>>) -> bool {
    let large = file_of(
        Size::new(300, 1200),
        kind,
        PixelFormat::RGB8,
        &Metadata::default(),
    );
    let files = given.into_iter().chain(large.map(|(_, file)| file));
    let refused = files.map(|file| {
        let pixels = open(&file).map_or(0, |decoder| decoder.info().stored_size.pixels());
        let limits = Limits {
            max_unstreamed_pixels: pixels / 4,
            ..Limits::default()
        };
        let error = Decoder::of_bytes(file, &limits).err();
        error.is_some_and(|error| error.kind() == FileErrorKind::TooLarge)
    });
    // By none of them where it is read in strips.
    let refused: Vec<bool> = refused.collect();
    refused.contains(&true)
}

fn labels(formats: &[PixelFormat]) -> String {
    if formats == PixelFormat::ALL {
        return "gray and RGB, with and without alpha, 8 and 16 bit".to_owned();
    }
    let labels: Vec<String> = formats.iter().map(|format| format.label()).collect();
    if labels.is_empty() {
        "-".to_owned()
    } else {
        labels.join(", ")
    }
}

/// Whether numbers that are no intensities, and bands, come back from a file of `kind` as they were.
fn holds_measurements(kind: FileKind) -> bool {
    let names = [
        "gray-i16le",
        "gray-u32le",
        "gray-f32le",
        "rgb-i16le",
        "rgb-u32le",
        "rgb-f32le",
        "bands2-u8",
        "bands256-u16le",
    ];
    let held = names.map(|name| {
        let Some((image, file)) = file(kind, name.parse().unwrap(), &Metadata::default()) else {
            return false;
        };
        let back = open(&file).unwrap().read_all().unwrap();
        assert_eq!(back.format(), image.format(), "{kind}");
        assert!(back == image, "{kind} {name}");
        true
    });
    assert!(held.iter().all(|each| *each == held[0]), "{kind}: {held:?}");
    held[0]
}

/// What of the metadata comes back.
fn kept(kind: FileKind) -> String {
    let mut icc = vec![7; 300];
    icc[16..20].copy_from_slice(b"RGB ");
    let metadata = Metadata {
        icc: Some(icc),
        // The name of a camera's maker.
        exif: Some(b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0Abc\0\0\0\0\0".to_vec()),
        xmp: Some(b"<x:xmpmeta/>".to_vec()),
        resolution: Some((4000.0, 4000.0)),
        ..Metadata::default()
    };
    let back = file(kind, PixelFormat::RGB8, &metadata).and_then(|(_, file)| open(&file));
    let back = back
        .map(|decoder| decoder.info().metadata.clone())
        .unwrap_or_default();
    let parts = [
        ("profile", back.icc == metadata.icc),
        ("EXIF", back.exif == metadata.exif),
        ("XMP", back.xmp == metadata.xmp),
        ("resolution", back.resolution.is_some()),
    ];
    let parts: Vec<&str> = parts.iter().filter(|part| part.1).map(|part| part.0).collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(", ")
    }
}

fn table() -> String {
    let mut table =
        "| kind | `format` | file names | read | in memory | written | the same pixels | metadata kept |\n\
                     |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for kind in FileKind::ALL {
        let own: Vec<(Raster, Vec<u8>)> = PixelFormat::ALL
            .into_iter()
            .filter_map(|format| file(kind, format, &Metadata::default()))
            .collect();
        let files: Vec<Vec<u8>> = own.iter().map(|own| own.1.clone()).chain(given(kind)).collect();
        let read: Vec<PixelFormat> = files
            .iter()
            .filter_map(|file| Some(open(file)?.info().format))
            .collect();
        let read: Vec<PixelFormat> = PixelFormat::ALL
            .into_iter()
            .filter(|format| read.contains(format))
            .collect();
        assert!(!read.is_empty(), "{kind} is not read");
        let written: Vec<PixelFormat> = own.iter().map(|own| own.0.format()).collect();
        // A gray picture that comes back in colours, or in more bits, is the same.
        let same = own.iter().all(|(image, file)| {
            let back = open(file).unwrap().read_all().unwrap();
            colors(&back) == colors(image)
        });
        let names: Vec<String> = [
            "png", "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "webp", "bmp", "dib", "pnm", "pbm", "pgm",
            "ppm", "pam", "gif", "tga", "qoi", "ff", "ico", "dds", "hdr", "exr", "jp2", "j2k", "j2c", "jpc",
            "jpf", "jpx", "jxl",
        ]
        .into_iter()
        .filter(|name| FileKind::from_path(&Path::new("a").with_extension(name)) == Some(kind))
        .map(|name| format!("`.{name}`"))
        .collect();
        let measurements = if holds_measurements(kind) {
            ", [measurements](#measurements)"
        } else {
            ""
        };
        table += &format!(
            "| {kind} | {} | {} | {}{measurements} | {} | {}{measurements} | {} | {} |\n",
            if written.is_empty() {
                "-".to_owned()
            } else {
                format!("`{}`", kind.name())
            },
            names.join(", "),
            labels(&read),
            if is_whole(kind, given(kind)) {
                "whole"
            } else {
                "a few rows"
            },
            labels(&written),
            if written.is_empty() {
                "-"
            } else if same {
                "yes"
            } else {
                "no"
            },
            kept(kind),
        );
    }
    table
}

#[test]
fn the_table_is_true() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/formats.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table's beginning");
    let (stored, after) = rest.split_once(END).expect("the table's end");
    let computed = table();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, [before, BEGIN, &computed, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(stored, computed, "run it with UPDATE=1");
}
