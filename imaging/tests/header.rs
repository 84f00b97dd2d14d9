//! What a header says without a codec is what the decoders say: kind, size, format and orientation of every file that they read, by
//! whichever way its bytes come.
#![cfg(feature = "files")]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileKind, ImageInfo, Limits, Metadata};
use azulejo_imaging::header::{Found, Header, Parts};
use azulejo_imaging::{Channels, Depth, FileError, Orientation, PixelFormat, Size};

/// The header from the file itself, from memory and from parts, which are the same.
fn header(path: &Path, page: Option<u32>) -> Result<Header, FileError> {
    let bytes = fs::read(path).unwrap();
    let length = bytes.len() as u64;
    let from_file = Header::read(&mut File::open(path).unwrap(), length, page);
    assert_eq!(
        Header::read(&mut &bytes[..], length, page),
        from_file,
        "{}",
        path.display()
    );
    let mut parts = Parts::new(length);
    let from_parts = loop {
        match parts.header(page) {
            Found::Missing(range) => {
                let part = bytes[range.start as usize..range.end as usize].to_vec();
                parts.add(range.start, part);
            }
            found => break found,
        }
    };
    match (&from_parts, &from_file) {
        (Found::Header(parts), Ok(file)) => assert_eq!(parts, file, "{}", path.display()),
        (Found::Unknown(Some(parts)), Err(file)) => assert_eq!(parts, file, "{}", path.display()),
        // More than is fetched for a header.
        (Found::Unknown(None), _) => assert!(length > 1 << 16, "{}", path.display()),
        _ => panic!("{}: {from_parts:?}, {from_file:?}", path.display()),
    }
    from_file
}

/// Whether the file is read, page by page, and then that its header is the same.
fn is_alike(path: &Path) -> bool {
    // A file that is one of many may be of any size.
    let limits = Limits::default();
    let decoded = |page| Decoder::open_page(path, &limits, page).map(|decoder| decoder.info().clone());
    let Ok(info) = decoded(None) else {
        // Whatever the header says then, it says it without trouble.
        let _ = header(path, None);
        return false;
    };
    let same = |header: Header, info: &ImageInfo, page: Option<u32>| {
        assert_eq!(
            (
                header.kind,
                header.stored_size,
                header.format,
                header.orientation,
                header.size()
            ),
            (
                info.kind,
                info.stored_size,
                info.format,
                info.orientation,
                info.size()
            ),
            "{} {page:?}",
            path.display()
        );
    };
    let first = header(path, None).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    same(first, &info, None);
    for page in 1..=first.pages.unwrap_or(1).min(8) {
        // A page may be of a kind that is not read.
        if let Ok(info) = decoded(Some(page)) {
            same(header(path, Some(page)).unwrap(), &info, Some(page));
        }
    }
    if let Some(pages) = first.pages {
        assert!(decoded(Some(pages + 1)).is_err(), "{}", path.display());
        assert!(header(path, Some(pages + 1)).is_err(), "{}", path.display());
    }
    true
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn headers_of_files_that_others_made_are_those_of_the_decoders() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = files(&here.join("tests/data"));
    let read = read.iter().filter(|path| is_alike(path)).count();
    assert!(read >= 100, "{read} files are read");
    // More of them, where they are.
    for folder in ["../../shared/corpus", "../../shared/cases"] {
        let folder = here.join(folder);
        if folder.is_dir() {
            let all = files(&folder);
            let read = all.iter().filter(|path| is_alike(path)).count();
            assert!(read > all.len() / 4, "{read} of {} are read", all.len());
        }
    }
}

#[test]
fn headers_of_what_is_written_are_those_of_the_decoders() {
    let folder = tempfile::tempdir().unwrap();
    let size = Size::new(23, 17);
    let counts = [2, 5, 13].map(|count| Channels::without_colour(count).unwrap());
    let measured = [Channels::Gray, Channels::Rgb].into_iter().chain(counts);
    let measured = measured.flat_map(|channels| Depth::ALL.map(|depth| PixelFormat { channels, depth }));
    let formats: Vec<PixelFormat> = PixelFormat::ALL.into_iter().chain(measured).collect();
    let mut count = 0;
    for kind in FileKind::WRITTEN {
        for format in &formats {
            if kind.check(size, *format).is_err() {
                continue;
            }
            let path = folder.path().join(format!("{format}.{}", kind.extension()));
            let (options, metadata) = (EncodeOptions::default(), Metadata::default());
            let mut encoder = Encoder::create(&path, kind, &options, size, *format, &metadata).unwrap();
            let bytes = size.pixels() as usize * format.bytes_per_pixel();
            encoder.write_rows(&vec![7; bytes]).unwrap();
            encoder.finish().unwrap();
            assert!(is_alike(&path), "{kind} {format}");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

/// EXIF that says which way is up.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

#[test]
fn orientation_is_found_wherever_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let sound = |kind| {
        let path = folder.path().join("sound");
        let image = common::noise_image(Size::new(60, 40), PixelFormat::RGB8);
        let (options, metadata) = (EncodeOptions::default(), Metadata::default());
        let mut encoder =
            Encoder::create(&path, kind, &options, image.size(), image.format(), &metadata).unwrap();
        encoder.write_rows(image.bytes()).unwrap();
        encoder.finish().unwrap();
        fs::read(path).unwrap()
    };
    for tag in 0..10 {
        let block = exif(tag);
        let chunk = |name: &[u8], damage: u8| {
            let mut chunk = (block.len() as u32).to_be_bytes().to_vec();
            chunk.extend_from_slice(name);
            chunk.extend_from_slice(&block);
            let sum = crc32fast::hash(&chunk[4..]) ^ u32::from(damage);
            chunk.extend(sum.to_be_bytes());
            chunk
        };
        let png = sound(FileKind::Png);
        let end = png.len() - 12;
        let mut cases = vec![
            (
                "before.png",
                [&png[..33], &chunk(b"eXIf", 0), &png[33..]].concat(),
                tag,
            ),
            (
                "behind.png",
                [&png[..end], &chunk(b"eXIf", 0), &png[end..]].concat(),
                tag,
            ),
            (
                "damaged.png",
                [&png[..33], &chunk(b"eXIf", 1), &png[33..]].concat(),
                1,
            ),
        ];
        let jpeg = sound(FileKind::Jpeg);
        let mut segment = vec![0xff, 0xe1, 0, block.len() as u8 + 8];
        segment.extend(b"Exif\0\0");
        segment.extend(&block);
        cases.push(("a.jpg", [&jpeg[..2], &segment, &jpeg[2..]].concat(), tag));
        let webp = sound(FileKind::WebP);
        let mut extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x08\0\0\0".to_vec();
        extended.extend([59, 0, 0, 39, 0, 0]);
        extended.extend(&webp[12..]);
        extended.extend(b"EXIF");
        extended.extend((block.len() as u32).to_le_bytes());
        extended.extend(&block);
        let riff = extended.len() as u32 - 8;
        extended[4..8].copy_from_slice(&riff.to_le_bytes());
        cases.push(("a.webp", extended, tag));
        for (name, bytes, tag) in cases {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert!(is_alike(&path), "{name}");
            let found = header(&path, None).unwrap().orientation;
            assert_eq!(found, Orientation::from_tag(tag.into()), "{name} {tag}");
        }
    }
}

#[test]
fn no_header_reads_beyond_its_end_and_every_one_checks_its_size() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in files(&here.join("tests/data")) {
        let bytes = fs::read(&path).unwrap();
        for end in (0..bytes.len().min(600)).chain([bytes.len()]) {
            let _ = Header::read(&mut &bytes[..end], end as u64, None);
        }
        // Numbers that lie.
        for at in 0..bytes.len().min(300) {
            for lie in [0, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = lie;
                let _ = Header::read(&mut &bytes[..], bytes.len() as u64, Some(2));
                let _ = Header::read(&mut &bytes[..], bytes.len() as u64, None);
            }
        }
    }
    let qoi = b"qoif\0\x01\0\0\0\0\x80\0\x04\0";
    let header = Header::read(&mut &qoi[..], qoi.len() as u64, None).unwrap();
    let limits = |max_pixels| Limits {
        max_pixels,
        ..Limits::default()
    };
    assert_eq!(header.size(), Size::new(65536, 32768));
    let error = header.check(&limits(1 << 31)).unwrap_err();
    assert!(error.to_string().contains("cannot be read in strips"), "{error}");
    let error = header.check(&limits(1 << 30)).unwrap_err();
    assert!(
        error.to_string().contains("1073741824 pixels are allowed"),
        "{error}"
    );
}
