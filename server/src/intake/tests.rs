use std::path::Path;
use std::time::Duration;

use azulejo_protocol::ApiError;
use azulejo_protocol::health::IntakeLimits;
use bytes::Bytes;
use futures::stream;
use tempfile::TempDir;

use super::*;

pub(super) const LIMITS: IntakeLimits = IntakeLimits {
    min_side: 16,
    max_side: 200,
    max_pixels: 20_000,
    max_bytes: 100_000,
    tile_size: 16,
    max_record_bytes: 10 << 20,
};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

/// The header of a PNG with these sides and nothing after it.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(1, 1)[..33].to_vec();
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32fast::hash(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}

fn intake_with(change: impl FnOnce(&mut IntakeConfig)) -> (Intake, TempDir) {
    let folder = TempDir::new().unwrap();
    let mut config = IntakeConfig::new(folder.path().join("uploads"), LIMITS);
    change(&mut config);
    (Intake::open(config).unwrap(), folder)
}

async fn send(intake: &Intake, file: &[u8], name: &str) -> Result<Received, ApiError> {
    let chunks: Vec<_> = file
        .chunks(1000)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    intake.receive(stream::iter(chunks), None, name, None).await
}

fn files(folder: &TempDir) -> usize {
    std::fs::read_dir(folder.path().join("uploads")).unwrap().count()
}

#[tokio::test]
async fn a_good_file_is_kept_as_long_as_it_is_held() {
    let (intake, folder) = intake_with(|_| {});
    let file = png(64, 32);
    let received = send(&intake, &file, "../cat.png").await.unwrap();
    assert_eq!(received.filename, "cat.png");
    assert_eq!(received.bytes, file.len() as u64);
    assert_eq!(
        (received.info.size().width, received.info.size().height),
        (64, 32)
    );
    assert_eq!(std::fs::read(received.file.path()).unwrap(), file);
    drop(received);
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn bad_files_are_refused_with_a_reason_and_leave_nothing() {
    let (intake, folder) = intake_with(|_| {});
    let good = png(64, 32);
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for (file, status, code, words) in [
        // That of Photoshop, which is not read.
        (b"8BPS and so on and so forth".to_vec(), 415, "not_an_image", ""),
        // Its sides are the text behind the signature.
        (
            b"GIF89a and so on and so forth".to_vec(),
            413,
            "image_too_large",
            "24864",
        ),
        (b"hello".to_vec(), 415, "not_an_image", ""),
        (Vec::new(), 422, "image_empty", "empty"),
        (good[..good.len() - 20].to_vec(), 422, "image_damaged", "cut off"),
        (good[..good.len() - 1].to_vec(), 422, "image_damaged", "cut off"),
        (flipped, 422, "image_damaged", "checksum"),
        (
            png(15, 64),
            422,
            "image_too_small",
            "15 x 64; each side must have at least 16 pixels (MIN_IMAGE_SIZE)",
        ),
        (png_header(100_000, 100_000), 413, "image_too_large", "100000"),
        (png_header(201, 20), 413, "image_too_large", "200"),
        (png_header(150, 150), 413, "image_too_large", "20000"),
        (vec![0x89; 100_001], 413, "file_too_large", "100000"),
    ] {
        let error = send(&intake, &file, "x.png").await.map(|_| code).unwrap_err();
        assert_eq!(
            (error.status, error.code.as_str()),
            (status, code),
            "{}",
            error.detail
        );
        assert!(error.detail.contains(words), "{code}: {}", error.detail);
        assert_eq!(files(&folder), 0, "{code}");
    }
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_before_a_byte_is_read() {
    let (intake, folder) = intake_with(|_| {});
    let never = stream::pending::<Result<Bytes, ApiError>>();
    let error = intake.receive(never, Some(100_001), "x", None).await.unwrap_err();
    assert_eq!(error.status, 413);
    assert_eq!(files(&folder), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stalls_is_given_up() {
    let (intake, folder) = intake_with(|config| config.idle_timeout = Duration::from_secs(30));
    let stalls = futures::StreamExt::chain(
        stream::iter([Ok(Bytes::from_static(b"\x89PNG"))]),
        stream::pending(),
    );
    let error = intake.receive(stalls, None, "x", None).await.unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (408, "upload_stalled"));
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let (intake, folder) = intake_with(|_| {});
    let chunk = Ok(Bytes::from_static(b"\x89PNG"));
    let waits = futures::StreamExt::chain(stream::iter([chunk]), stream::pending());
    // The server drops what a client that went away had asked for.
    let dropped =
        tokio::time::timeout(Duration::from_millis(200), intake.receive(waits, None, "x", None)).await;
    assert!(dropped.is_err());
    assert_eq!(files(&folder), 0);

    let broken = [
        Ok(Bytes::from_static(b"\x89PNG")),
        Err(ApiError::new(400, "upload_interrupted", "broke")),
    ];
    let error = intake
        .receive(stream::iter(broken), None, "x", None)
        .await
        .unwrap_err();
    assert_eq!(error.code, "upload_interrupted");
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn a_kept_upload_can_be_taken_once() {
    let (intake, folder) = intake_with(|_| {});
    let received = send(&intake, &png(32, 32), "x.png").await.unwrap();
    let id = received.id;
    intake.keep(received).unwrap();
    assert_eq!(files(&folder), 1);
    let taken = intake.take(id).await.unwrap();
    assert_eq!(intake.take(id).await.unwrap_err().code, "upload_not_found");
    drop(taken);
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn kept_uploads_expire_and_are_bounded() {
    let (intake, folder) = intake_with(|config| config.waiting.count = 2);
    for _ in 0..2 {
        intake
            .keep(send(&intake, &png(32, 32), "x.png").await.unwrap())
            .unwrap();
    }
    let error = intake
        .keep(send(&intake, &png(32, 32), "x.png").await.unwrap())
        .unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (429, "too_many_uploads"));
    // The first of them expires in an hour, less the moments that this took.
    assert!(
        matches!(error.retry_after, Some(3540..=3600)),
        "{:?}",
        error.retry_after
    );
    assert_eq!(files(&folder), 2);

    let (intake, folder) = intake_with(|config| config.waiting.age = Duration::ZERO);
    let received = send(&intake, &png(32, 32), "x.png").await.unwrap();
    intake.keep(received).unwrap();
    intake.expire();
    assert_eq!(files(&folder), 0);
}

#[test]
fn leftovers_of_an_earlier_run_are_deleted_and_other_files_are_not() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("a.part"), "x").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
    Intake::open(IntakeConfig::new(folder.path(), LIMITS)).unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["notes.txt"]);
}

mod completeness {
    use super::*;
    use crate::intake::whole::{check_jpeg, check_png, check_webp};
    use proptest::prelude::*;

    /// The skeleton of a JPEG: a comment that looks like an end, two scans with stuffed bytes and restarts.
    fn jpeg() -> Vec<u8> {
        let mut file = vec![0xff, 0xd8, 0xff, 0xfe, 0, 4, 0xff, 0xd9];
        for _ in 0..2 {
            file.extend([0xff, 0xda, 0, 3, 1, 7, 0xff, 0, 8, 0xff, 0xd3, 9, 9]);
        }
        file.extend([0xff, 0xff, 0xd9]);
        file
    }

    fn with<T>(bytes: &[u8], check: impl FnOnce(&Path) -> T) -> T {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        check(file.path())
    }

    #[test]
    fn whole_files_pass_with_anything_after_their_end() {
        for end in [&b""[..], b"trailing"] {
            with(&[&png(20, 20), end].concat(), check_png).unwrap();
            with(&[&jpeg(), end].concat(), check_jpeg).unwrap();
        }
    }

    #[test]
    fn a_webp_file_is_as_long_as_it_says() {
        let file = [&b"RIFF"[..], &12u32.to_le_bytes(), b"WEBPVP8 ", &[0; 4]].concat();
        with(&file, check_webp).unwrap();
        for end in 0..file.len() {
            assert!(with(&file[..end], check_webp).is_err(), "{end}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let (png, jpeg) = (png(20, 20), jpeg());
        for end in 0..png.len() {
            assert!(with(&png[..end], check_png).is_err(), "{end}");
        }
        for end in 0..jpeg.len() {
            assert!(with(&jpeg[..end], check_jpeg).is_err(), "{end}");
        }
    }

    #[test]
    fn a_wrong_checksum_matters_only_where_pixels_depend_on_it() {
        let mut file = png(20, 20);
        let text = [&4u32.to_be_bytes()[..], b"tEXtabcd", &0u32.to_be_bytes()].concat();
        file.splice(33..33, text);
        with(&file, check_png).unwrap();
        file[30] ^= 1;
        assert!(with(&file, check_png).unwrap_err().to_string().contains("IHDR"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = with(&[b"\x89PNG\r\n\x1a\n", &bytes[..]].concat(), check_png);
            let _ = with(&[&[0xff, 0xd8][..], &bytes].concat(), check_jpeg);
        }
    }
}

#[tokio::test]
async fn a_borrowed_file_has_a_name_of_its_own_that_a_crash_costs_and_the_original_is_untouched() {
    let (intake, folder) = intake_with(|_| {});
    let file = png(64, 32);
    let original = folder.path().join("original");
    std::fs::write(&original, &file).unwrap();
    let borrowed = intake.borrow(&original, "cat.png").await.unwrap();
    assert_eq!((borrowed.bytes, borrowed.started_at), (file.len() as u64, None));
    assert_eq!(std::fs::read(borrowed.file.path()).unwrap(), file);
    // The process dies before the file has become a job.
    std::mem::forget(borrowed);
    assert_eq!(files(&folder), 1);
    let config = IntakeConfig::new(folder.path().join("uploads"), LIMITS);
    let intake = Intake::open(config).unwrap();
    assert_eq!(files(&folder), 0);
    assert_eq!(std::fs::read(&original).unwrap(), file);

    let borrowed = intake.borrow(&original, "cat.png").await.unwrap();
    std::fs::remove_file(&original).unwrap();
    assert_eq!(std::fs::read(borrowed.file.path()).unwrap(), file);
    let error = intake.borrow(&original, "cat.png").await.unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (410, "original_gone"));
}

#[tokio::test]
async fn an_upload_that_the_disk_has_no_room_for_is_refused_before_it_comes() {
    let (intake, folder) = intake_with(|config| config.limits.max_bytes = u64::MAX);
    let body = stream::pending::<Result<Bytes, ApiError>>();
    let error = intake
        .receive(body, Some(1 << 60), "x.png", None)
        .await
        .unwrap_err();
    assert_eq!((error.status, &*error.code), (507, "disk_full"));
    assert!(error.detail.contains("the upload needs"), "{}", error.detail);
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn a_client_that_falls_silent_between_the_fields_is_given_up() {
    let (intake, _folder) = intake_with(|config| config.idle_timeout = Duration::from_millis(20));
    let silence = std::future::pending::<Result<(), ApiError>>();
    let error = intake.in_time(silence).await.unwrap_err();
    assert_eq!((error.status, &*error.code), (408, "upload_stalled"));
    assert_eq!(intake.in_time(async { Ok(1) }).await.unwrap(), 1);
}
