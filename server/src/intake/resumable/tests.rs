use std::time::Duration;

use azulejo_protocol::ApiError;
use bytes::Bytes;
use futures::{StreamExt, stream};
use tempfile::TempDir;
use uuid::Uuid;

use super::{Announced, Checksum};
use crate::intake::tests::LIMITS;
use crate::intake::{Intake, IntakeConfig};

/// A PNG of noise, which does not pack.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    let pixels: Vec<u8> = noise.take((width * height * 3) as usize).collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

fn intake_in(folder: &TempDir, change: impl FnOnce(&mut IntakeConfig)) -> Intake {
    let mut config = IntakeConfig::new(folder.path(), LIMITS);
    change(&mut config);
    Intake::open(config).unwrap()
}

fn announced(length: usize) -> Announced {
    Announced {
        filename: "../cat.png".into(),
        length: length as u64,
        ..Announced::default()
    }
}

fn body(bytes: &[u8]) -> impl futures::Stream<Item = Result<Bytes, ApiError>> + Unpin + use<> {
    let chunks: Vec<_> = bytes
        .chunks(700)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    stream::iter(chunks)
}

fn files(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn create(intake: &Intake, length: usize) -> Uuid {
    intake.create(announced(length)).await.unwrap().id()
}

async fn append(intake: &Intake, id: Uuid, offset: usize, bytes: &[u8]) -> Result<u64, ApiError> {
    let mut held = intake.hold(id).await?;
    held.append(offset as u64, None, body(bytes), None).await?;
    Ok(held.offset())
}

#[tokio::test]
async fn pieces_become_the_file_whatever_cuts_them_and_the_server_may_die_in_between() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let file = png(64, 32);
    let id = create(&intake, file.len()).await;
    assert_eq!(append(&intake, id, 0, &file[..1000]).await.unwrap(), 1000);
    // The line is cut in the middle of a piece: what came is kept.
    let cut = body(&file[1000..2000]).chain(stream::iter([Err(ApiError::new(
        400,
        "upload_interrupted",
        "cut",
    ))]));
    let mut held = intake.hold(id).await.unwrap();
    let error = held.append(1000, None, cut, None).await.unwrap_err();
    assert_eq!((error.code.as_str(), held.offset()), ("upload_interrupted", 2000));
    drop(held);
    assert_eq!(
        append(&intake, id, 0, &file).await.unwrap_err().code,
        "offset_mismatch"
    );
    assert_eq!(intake.take(id).await.unwrap_err().code, "upload_not_complete");

    drop(intake);
    let intake = intake_in(&folder, |_| {});
    let listed = intake.unfinished();
    assert_eq!((listed.len(), listed[0].id, listed[0].offset), (1, id, 2000));
    assert_eq!(
        (listed[0].filename.as_str(), listed[0].bytes),
        ("cat.png", file.len() as u64)
    );
    assert_eq!(
        append(&intake, id, 2000, &file[2000..]).await.unwrap(),
        file.len() as u64
    );

    // Complete, and the server dies again before anybody has used it.
    drop(intake);
    let intake = intake_in(&folder, |_| {});
    let received = intake.take(id).await.unwrap();
    assert_eq!((received.id, received.filename.as_str()), (id, "cat.png"));
    assert_eq!(std::fs::read(received.file.path()).unwrap(), file);
    assert_eq!(intake.take(id).await.unwrap_err().status, 404);
    // No job came of it: it is there for another try.
    intake.keep(received).unwrap();
    drop(intake.take(id).await.unwrap());
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn a_hopeless_file_is_refused_when_its_header_is_there_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let mut large = png(64, 32);
    large[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    let checksum = crc32fast::hash(&large[12..29]);
    large[29..33].copy_from_slice(&checksum.to_be_bytes());
    for (file, status) in [(vec![b'x'; 90_000], 415), (large, 413), (png(15, 100), 422)] {
        assert!(file.len() > 4200, "{}", file.len());
        let id = create(&intake, file.len()).await;
        let came = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = came.clone();
        let counted = body(&file).inspect(move |_| {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let mut held = intake.hold(id).await.unwrap();
        let error = held.append(0, None, counted, None).await.unwrap_err();
        assert_eq!(error.status, status, "{error:?}");
        drop(held);
        assert!(
            came.load(std::sync::atomic::Ordering::Relaxed) <= 6,
            "the rest was read"
        );
        assert_eq!(files(&folder), Vec::<String>::new());
        assert_eq!(intake.hold(id).await.err().unwrap().status, 404);
    }
    // What may still become an image goes on: a header whose end has not come.
    let file = png(64, 32);
    let id = create(&intake, file.len()).await;
    for (at, piece) in file.chunks(20).enumerate() {
        append(&intake, id, at * 20, piece).await.unwrap();
    }
    assert!(intake.take(id).await.is_ok());
}

#[tokio::test]
async fn the_whole_file_is_checked_at_its_end() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let mut file = png(64, 32);
    let middle = file.len() / 2;
    file[middle] ^= 1;
    let id = create(&intake, file.len()).await;
    append(&intake, id, 0, &file).await.unwrap();
    let error = intake.hold(id).await.unwrap().inspect().await.unwrap_err();
    assert_eq!(error.code, "image_damaged");
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn bytes_beyond_the_end_are_refused_and_those_before_it_kept() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let file = png(64, 32);
    let id = create(&intake, 3000).await;
    let mut held = intake.hold(id).await.unwrap();
    let error = held
        .append(0, Some(3001), body(&file[..3001]), None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.status, error.code.as_str(), held.offset()),
        (413, "upload_too_long", 0)
    );
    let error = held.append(0, None, body(&file[..3001]), None).await.unwrap_err();
    assert_eq!((error.code.as_str(), held.offset()), ("upload_too_long", 3000));
    assert_eq!(
        std::fs::read(folder.path().join(format!("{id}.part"))).unwrap(),
        file[..3000]
    );
}

#[tokio::test]
async fn a_piece_with_a_wrong_checksum_is_thrown_away_even_by_the_next_process() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let file = png(64, 32);
    let id = create(&intake, file.len()).await;
    append(&intake, id, 0, &file[..500]).await.unwrap();
    let wrong = || Some(Checksum::parse("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=").unwrap());
    let mut held = intake.hold(id).await.unwrap();
    let error = held
        .append(500, None, body(&file[500..900]), wrong())
        .await
        .unwrap_err();
    assert_eq!((error.status, held.offset()), (460, 500));
    let cut = body(&file[500..900]).chain(stream::iter([Err(ApiError::new(
        400,
        "upload_interrupted",
        "cut",
    ))]));
    assert!(held.append(500, None, cut, wrong()).await.is_err());
    assert_eq!(held.offset(), 500, "what nobody could compare is not kept");
    drop(held);

    // The process dies in the middle of such a piece.
    let (sent, stalls) = tokio::sync::oneshot::channel::<()>();
    let mut sent = Some(sent);
    let piece = body(&file[500..900]).chain(stream::once(async move {
        sent.take();
        std::future::pending().await
    }));
    let dying = tokio::spawn({
        let intake = intake.clone();
        async move {
            let mut held = intake.hold(id).await.unwrap();
            let _ = held.append(500, None, Box::pin(piece), wrong()).await;
        }
    });
    let _ = stalls.await;
    dying.abort();
    let _ = dying.await;
    // As if the bytes had reached the disk.
    let part = folder.path().join(format!("{id}.part"));
    std::fs::write(&part, &file[..900]).unwrap();
    let intake = intake_in(&folder, |_| {});
    assert_eq!(intake.unfinished()[0].offset, 500);
    assert_eq!(std::fs::metadata(part).unwrap().len(), 500);
}

#[tokio::test]
async fn a_later_request_ends_an_earlier_one_at_once_and_finds_what_it_left() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let file = png(64, 32);
    let id = create(&intake, file.len()).await;
    let (sent, came) = tokio::sync::oneshot::channel::<()>();
    let mut sent = Some(sent);
    let half_open = body(&file[..2000]).chain(stream::once(async move {
        sent.take();
        std::future::pending().await
    }));
    let earlier = tokio::spawn({
        let intake = intake.clone();
        async move {
            let mut held = intake.hold(id).await.unwrap();
            held.append(0, None, Box::pin(half_open), None).await
        }
    });
    let _ = came.await;
    let later = tokio::time::timeout(Duration::from_secs(5), intake.hold(id)).await;
    let mut held = later.expect("the earlier one is not ended").unwrap();
    assert_eq!(held.offset(), 2000);
    let error = earlier.await.unwrap().unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (423, "upload_taken_over"));
    held.append(2000, None, body(&file[2000..]), None).await.unwrap();
    drop(held);
    let received = intake.take(id).await.unwrap();
    assert_eq!(std::fs::read(received.file.path()).unwrap(), file);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_falls_silent_is_given_up_and_its_bytes_are_kept() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let file = png(64, 32);
    let id = create(&intake, file.len()).await;
    let silent = body(&file[..1400]).chain(stream::pending());
    let mut held = intake.hold(id).await.unwrap();
    let error = held.append(0, None, silent, None).await.unwrap_err();
    assert_eq!((error.code.as_str(), held.offset()), ("upload_stalled", 1400));
}

#[tokio::test]
async fn uploads_are_bounded_in_number_in_bytes_and_in_time() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |config| config.resumable.count = 2);
    for (length, code) in [(0, "image_empty"), (100_001, "file_too_large")] {
        assert_eq!(intake.create(announced(length)).await.err().unwrap().code, code);
    }
    let first = create(&intake, 1000).await;
    create(&intake, 2000).await;
    assert_eq!(intake.resumable.reserved(), 3000);
    assert_eq!(
        intake.create(announced(1000)).await.err().unwrap().code,
        "too_many_uploads"
    );
    intake.give_up(first).await.unwrap();
    assert_eq!(intake.resumable.reserved(), 2000);
    create(&intake, 1000).await;
    assert_eq!(files(&folder).len(), 4);

    // The next process sweeps at its start what has had its time.
    let intake = intake_in(&folder, |config| config.resumable.age = Duration::ZERO);
    intake.expire();
    assert_eq!(files(&folder), Vec::<String>::new());
    assert_eq!(intake.unfinished(), []);
}

#[tokio::test]
async fn an_upload_that_the_disk_has_no_room_for_beside_the_others_is_refused() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |config| config.limits.max_bytes = u64::MAX / 4);
    let free = crate::engine::files::disk::free_bytes(folder.path()).unwrap();
    create(&intake, usize::try_from(free / 5 * 3).unwrap()).await;
    let error = intake
        .create(announced(usize::try_from(free / 5 * 3).unwrap()))
        .await
        .err()
        .unwrap();
    assert_eq!(error.code, "disk_full");
    // What comes in one piece respects what was promised, too.
    let whole = intake
        .receive(stream::pending(), Some(free / 5 * 3), "x.png", None)
        .await;
    assert_eq!(whole.unwrap_err().code, "disk_full");
}

#[tokio::test]
async fn what_lies_about_beside_an_upload_is_not_trusted() {
    let folder = TempDir::new().unwrap();
    let id = Uuid::new_v4;
    let (whole, alone, wrong, long) = (id(), id(), id(), id());
    let record = r#"{"filename":"a.png","length":500,"created_at":0}"#;
    for (name, text) in [
        (format!("{whole}.part"), "x".repeat(100)),
        (format!("{whole}.json"), record.to_owned()),
        // A record without its file, a file without its record, a record that is none, and more bytes than were announced.
        (format!("{alone}.json"), record.to_owned()),
        (format!("{}.part", id()), "x".to_owned()),
        (format!("{wrong}.part"), "x".to_owned()),
        (format!("{wrong}.json"), record.replace("500", "-1")),
        (format!("{long}.part"), "x".repeat(600)),
        (format!("{long}.json"), record.to_owned()),
        (format!("{}.draft", id()), "{".to_owned()),
        ("notes.txt".to_owned(), "mine".to_owned()),
        ("notes.json".to_owned(), "{}".to_owned()),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let intake = intake_in(&folder, |_| {});
    let mut found: Vec<_> = intake
        .unfinished()
        .iter()
        .map(|upload| (upload.id, upload.offset))
        .collect();
    found.sort();
    let mut wanted = vec![(whole, 100), (long, 500)];
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(
        std::fs::metadata(folder.path().join(format!("{long}.part")))
            .unwrap()
            .len(),
        500
    );
    assert_eq!(files(&folder).len(), 6, "{:?}", files(&folder));
}

#[tokio::test]
async fn a_record_knows_the_job_that_took_the_file_and_does_not_take_the_will_for_the_deed() {
    let folder = TempDir::new().unwrap();
    let intake = intake_in(&folder, |_| {});
    let file = png(64, 32);
    let id = create(&intake, file.len()).await;
    append(&intake, id, 0, &file).await.unwrap();
    let job = intake.hold(id).await.unwrap().choose_job().await.unwrap();

    // The process dies before the job is started: the file is still there, and the job gets the same id.
    let intake = intake_in(&folder, |_| {});
    let mut held = intake.hold(id).await.unwrap();
    assert_eq!((held.is_complete(), held.job()), (true, None));
    assert_eq!(held.choose_job().await.unwrap(), job);
    drop(held);

    // It dies after it: the file has become the job's.
    std::fs::rename(
        folder.path().join(format!("{id}.part")),
        folder.path().join("original"),
    )
    .unwrap();
    let intake = intake_in(&folder, |_| {});
    let held = intake.hold(id).await.unwrap();
    assert_eq!((held.is_complete(), held.job()), (true, Some(job)));
    drop(held);
    assert_eq!(intake.unfinished(), []);
    assert_eq!(intake.take(id).await.unwrap_err().status, 404);
}
