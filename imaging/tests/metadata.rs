//! EXIF and XMP from each kind of file that has them to each, as Pillow and tifffile read them, and what files say that lie.
#![cfg(feature = "files")]

#[path = "common/python.rs"]
mod python;

use std::path::Path;
use std::process::Command;

use azulejo_imaging::file::{
    ApplyOptions, Decoder, EncodeOptions, Encoder, FileKind, Limits, Metadata, apply_file, probe,
};
use azulejo_imaging::{PixelFormat, Recipe, Size};

fn judge(python: &Path, what: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judge/metadata.py");
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

fn keep(encoding: &str) -> EncodeOptions {
    EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::from(encoding.parse::<azulejo_imaging::Encoding>().unwrap())
    }
}

/// Applies nothing; gives what is left out.
fn convert(from: &Path, to: &Path, encoding: &str) -> Vec<String> {
    let options = ApplyOptions {
        encode: keep(encoding),
        ..ApplyOptions::default()
    };
    let recipe: Recipe = "flip_horizontal".parse().unwrap();
    apply_file(&recipe, from, to, &options, &mut |_| true)
        .unwrap()
        .left_out
}

#[test]
fn what_is_kept_is_what_others_read() {
    let Some(python) = python::python("judges of EXIF and XMP") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    judge(python, "made", folder);
    let sources: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for source in sources {
        let name = |number: usize, extension: &str| {
            let (stem, own) = (source.file_stem().unwrap(), source.extension().unwrap());
            let (stem, own) = (stem.to_str().unwrap(), own.to_str().unwrap());
            folder.join(format!("{stem}.{number}.{own}.{extension}"))
        };
        let is_deep = source.ends_with("motorola.tif");
        let mut number = 0;
        let chains: [&[(&str, &str)]; 3] = [
            &[("tiff", "tif"), ("png", "png")],
            &[
                ("tiff:bigtiff=true", "tif"),
                ("tiff", "tif"),
                ("jpeg", "jpg"),
                ("tiff:compression=zstd", "tif"),
            ],
            &[("webp", "webp"), ("tiff:bigtiff=true", "tif")],
        ];
        for chain in chains {
            let mut from = source.clone();
            for (encoding, extension) in chain {
                let deep = is_deep && matches!(*extension, "jpg" | "webp");
                let (encoding, extension) = if deep {
                    ("png", "png")
                } else {
                    (*encoding, *extension)
                };
                let to = name(number, extension);
                assert_eq!(
                    convert(&from, &to, encoding),
                    Vec::<String>::new(),
                    "{}",
                    to.display()
                );
                from = to;
                number += 1;
            }
        }
    }
    judge(python, "kept", folder);
}

/// A TIFF of one pixel with these tags (number, kind, count, value or place) and `rest` behind its directory.
fn tiff(tags: &[(u16, u16, u32, u32)], rest: &[u8]) -> Vec<u8> {
    let mut all = vec![
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 4),
        (279, 4, 1, 1),
    ];
    all.extend_from_slice(tags);
    all.sort_by_key(|tag| tag.0);
    let mut bytes = vec![b'I', b'I', 42, 0, 8, 0, 0, 0];
    bytes.extend((all.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in all {
        bytes.extend(u16::to_le_bytes(tag));
        bytes.extend(u16::to_le_bytes(kind));
        bytes.extend(u32::to_le_bytes(count));
        bytes.extend(u32::to_le_bytes(value));
    }
    bytes.extend([0; 4]);
    bytes.extend(rest);
    bytes
}

/// Where `rest` of [`tiff`] begins.
fn behind(tags: usize) -> u32 {
    8 + 2 + 12 * (tags as u32 + 6) + 4
}

#[test]
fn exif_of_a_tiff_that_lies_is_left_out_and_the_image_is_read() {
    // A directory that is the page's own, one beyond the end, and a value that is.
    for (tag, kind, count, value) in [
        (34665, 4, 1, 8),
        (34665, 4, 1, 90_000),
        (34853, 4, 1, 0xffff_ffff),
        (34665, 2, 2, 0),
        (271, 2, 0xffff_ffff, 8),
    ] {
        let file = tiff(&[(tag, kind, count, value)], &[]);
        let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
        let left_out = decoder.left_out(true).join("; ");
        let exif = decoder.info().metadata.exif.clone().unwrap_or_default();
        assert!(
            left_out.contains("EXIF is left out") || exif.len() < 300,
            "{tag} {kind} {value}: {left_out}"
        );
        assert!(decoder.left_out(false).is_empty());
        decoder.read_all().unwrap();
    }
    // Many tags that are all of a large value.
    let mut rest = 60_000u16.to_le_bytes().to_vec();
    for number in 0..60_000u16 {
        rest.extend(number.to_le_bytes());
        rest.extend(7u16.to_le_bytes());
        rest.extend(700_000u32.to_le_bytes());
        rest.extend(8u32.to_le_bytes());
    }
    let file = tiff(&[(34665, 4, 1, behind(1))], &rest);
    let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
    assert!(decoder.left_out(true)[0].contains("a part of EXIF"));
    assert!(decoder.info().metadata.exif.as_ref().unwrap().len() <= 9 << 20);
}

#[test]
fn a_description_of_the_files_own_pixels_is_not_kept() {
    for (text, is_kept) in [
        (&b"ImageJ=1.11a\nimages=3\0"[..], false),
        (b"{\"shape\": [1, 1]}\0", false),
        (b"A cat.\0", true),
    ] {
        let file = tiff(&[(270, 2, text.len() as u32, behind(1))], text);
        let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
        assert_eq!(decoder.info().metadata.exif.is_some(), is_kept);
    }
}

fn written(kind: FileKind, metadata: &Metadata) -> (Vec<u8>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let options = EncodeOptions {
        keep_exif: true,
        ..EncodeOptions::default()
    };
    let mut encoder = Encoder::create(
        &path,
        kind,
        &options,
        Size::new(4, 4),
        PixelFormat::RGB8,
        metadata,
    )
    .unwrap();
    let left_out = encoder.left_out().to_vec();
    encoder.write_rows(&[9; 48]).unwrap();
    encoder.finish().unwrap();
    (std::fs::read(path).unwrap(), left_out)
}

#[test]
fn xmp_that_does_not_fit_is_left_out_and_that_is_said() {
    for (length, is_kept) in [(65_504, true), (65_505, false)] {
        let metadata = Metadata {
            xmp: Some(vec![b'x'; length]),
            ..Metadata::default()
        };
        let (file, left_out) = written(FileKind::Jpeg, &metadata);
        let read = Decoder::of_bytes(file, &Limits::default())
            .unwrap()
            .info()
            .metadata
            .clone();
        assert_eq!(read.xmp.is_some(), is_kept);
        assert_eq!(left_out.iter().any(|said| said.contains("XMP")), !is_kept);
        for kind in [FileKind::Png, FileKind::Tiff, FileKind::WebP] {
            let (file, left_out) = written(kind, &metadata);
            let read = Decoder::of_bytes(file, &Limits::default())
                .unwrap()
                .info()
                .metadata
                .clone();
            assert!(read.xmp == metadata.xmp && left_out.is_empty(), "{kind}");
        }
        assert!(written(FileKind::Bmp, &metadata).1[0].contains("XMP is left out"));
    }
}

/// A PNG with a chunk before its pixels.
fn png_with(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let (png, _) = written(FileKind::Png, &Metadata::default());
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend_from_slice(name);
    chunk.extend_from_slice(data);
    chunk.extend(crc32fast::hash(&chunk[4..]).to_be_bytes());
    [&png[..33], &chunk, &png[33..]].concat()
}

#[test]
fn packed_xmp_of_a_png_is_read_within_the_limit() {
    let head = b"XML:com.adobe.xmp\0\x01\0en\0\0";
    let packed = |length: usize| fdeflate::compress_to_vec(&vec![b' '; length]);
    let read = |data: &[u8]| {
        let decoder = Decoder::of_bytes(png_with(b"iTXt", data), &Limits::default()).unwrap();
        (decoder.info().metadata.xmp.clone(), decoder.notes().len())
    };
    assert_eq!(
        read(&[&head[..], &packed(5000)].concat()),
        (Some(vec![b' '; 5000]), 0)
    );
    // A bomb, one that is damaged, and a text that is none of XMP.
    assert_eq!(read(&[&head[..], &packed(9 << 20)].concat()), (None, 1));
    assert_eq!(read(&[&head[..], &[7; 9]].concat()), (None, 1));
    assert_eq!(read(&head[..20]), (None, 1));
    assert_eq!(read(b"Comment\0\0\0\0\0text"), (None, 0));
}

#[test]
fn extended_xmp_of_a_jpeg_is_told_to_be_left_out() {
    let (jpeg, _) = written(FileKind::Jpeg, &Metadata::default());
    let data = b"http://ns.adobe.com/xmp/extension/\0more";
    let mut segment = vec![0xff, 0xe1, 0, data.len() as u8 + 2];
    segment.extend_from_slice(data);
    let file = [&jpeg[..2], &segment, &jpeg[2..]].concat();
    let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
    assert!(decoder.left_out(true)[0].contains("extended XMP"));
    assert!(decoder.left_out(false).is_empty());
}

#[test]
fn after_convert_exif_names_the_space_of_the_profile() {
    // A directory of EXIF whose only tag is the colour space, uncalibrated.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0".to_vec();
    exif.extend(b"\x01\0\x01\xa0\x03\0\x01\0\0\0\xff\xff\0\0\0\0\0\0");
    let metadata = Metadata {
        exif: Some(exif.clone()),
        ..Metadata::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a.png"), folder.path().join("b.tif"));
    std::fs::write(&from, written(FileKind::Png, &metadata).0).unwrap();
    for (recipe, value) in [
        ("invert", [0xff, 0xff]),
        ("convert", [1, 0]),
        ("convert:profile=display_p3", [0xff, 0xff]),
    ] {
        let options = ApplyOptions {
            encode: keep("tiff"),
            ..ApplyOptions::default()
        };
        let recipe: Recipe = recipe.parse().unwrap();
        apply_file(&recipe, &from, &to, &options, &mut |_| true).unwrap();
        exif[36..38].copy_from_slice(&value);
        assert_eq!(
            probe(&to, &Limits::default()).unwrap().metadata.exif.unwrap(),
            exif
        );
        std::fs::remove_file(&to).unwrap();
    }
}
