use std::path::Path;

use azulejo_imaging::Raster;
use azulejo_imaging::file::{Decoder, Limits};

use super::*;
use crate::photo;

fn arguments(recipe: &str, input: &Path, output: &Path, tile: Option<u32>) -> Order {
    Order {
        recipe: recipe.parse().unwrap(),
        input: input.to_owned(),
        output: output.to_owned(),
        format: Format::default(),
        page: None,
        tile,
        quality: None,
        keep_exif: false,
        bigtiff: false,
        force: false,
    }
}

/// All that the command does.
async fn done(order: Order, stop: bool) -> anyhow::Result<()> {
    order.check()?;
    apply(&prepare(order).await?, &AtomicBool::new(stop))
}

fn pixels(file: &Path) -> Raster {
    read_whole(&mut Decoder::open(file, &Limits::default()).unwrap()).unwrap()
}

#[tokio::test]
async fn tiles_give_the_bytes_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.png");
    photo::write(&input, 300).unwrap();
    for recipe in [
        "grayscale",
        "blur:sigma=2|sharpen",
        "edge_detection",
        "rotate_90|blur",
    ] {
        let whole = folder.path().join(format!("{recipe}.png"));
        done(arguments(recipe, &input, &whole, None), false)
            .await
            .unwrap();
        for tile in [16, 100, 512] {
            let tiled = folder.path().join(format!("{recipe}-{tile}.png"));
            done(arguments(recipe, &input, &tiled, Some(tile)), false)
                .await
                .unwrap();
            assert!(pixels(&whole) == pixels(&tiled), "{recipe} in tiles of {tile}");
        }
    }
}

#[tokio::test]
async fn a_failure_leaves_no_file_and_says_which_image() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
    std::fs::write(&input, "no image").unwrap();
    let error = done(arguments("grayscale", &input, &output, None), false)
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("in.png"), "{error:#}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_extension_of_no_format_is_refused_with_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.png"), folder.path().join("out.psd"));
    photo::write(&input, 64).unwrap();
    for tile in [None, Some(64)] {
        let error = done(arguments("grayscale", &input, &output, tile), false)
            .await
            .unwrap_err();
        assert!(format!("{error:#}").contains(".psd"), "{error:#}");
        assert!(format!("{error:#}").contains(".webp"), "{error:#}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_there_stays_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.png");
    photo::write(&input, 64).unwrap();
    let before = pixels(&input);
    let onto_itself = |force| Order {
        force,
        ..arguments("invert", &input, &input, None)
    };
    let error = done(onto_itself(false), false).await.unwrap_err();
    assert!(format!("{error:#}").contains("--force"), "{error:#}");
    assert!(pixels(&input) == before);
    done(onto_itself(true), false).await.unwrap();
    done(onto_itself(true), false).await.unwrap();
    assert!(pixels(&input) == before, "inverted twice");
}

#[tokio::test]
async fn an_interruption_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.png"), folder.path().join("out.png"));
    photo::write(&input, 300).unwrap();
    for tile in [None, Some(64)] {
        done(arguments("grayscale", &input, &output, tile), true)
            .await
            .unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn a_page_is_read_and_one_that_is_not_there_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.gif"), folder.path().join("out.png"));
    std::fs::write(
        &input,
        include_bytes!("../../../../imaging/tests/data/other/three.gif"),
    )
    .unwrap();
    let run = async |page, tile| {
        let mut order = arguments("invert", &input, &output, tile);
        (order.page, order.force) = (page, true);
        done(order, false).await.map(|()| pixels(&output))
    };
    let first = run(None, None).await.unwrap();
    for tile in [None, Some(64)] {
        assert!(run(Some(1), tile).await.unwrap() == first);
        assert!(run(Some(2), tile).await.unwrap() != first);
        let error = run(Some(4), tile).await.unwrap_err();
        assert!(
            format!("{error:#}").contains("3 pages; there is no page 4"),
            "{error:#}"
        );
    }
}

#[tokio::test]
async fn the_format_is_what_was_asked_for_else_what_the_name_says() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.png");
    photo::write(&input, 64).unwrap();
    let kind = |file: &Path| FileKind::from_magic(&std::fs::read(file).unwrap());
    for tile in [None, Some(64)] {
        let output = folder.path().join(format!("out-{tile:?}"));
        let mut asked = arguments("invert", &input, &output, tile);
        asked.format = Format::of("jpeg:quality=30", None);
        assert_eq!(asked.options().encode.quality, Some(30));
        done(asked, false).await.unwrap();
        assert_eq!(kind(&output), Some(FileKind::Jpeg));
    }
    let mut wrong = arguments("invert", &input, &folder.path().join("out.png"), None);
    wrong.format = Format::of("jpeg", None);
    let error = done(wrong, false).await.unwrap_err();
    assert!(error.to_string().contains("OUT"), "{error:#}");
}

#[tokio::test]
async fn options_of_the_format_reach_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.png");
    photo::write(&input, 600).unwrap();
    let written = async |output: &str, format: Format| {
        let output = folder.path().join(output);
        let mut asked = arguments("invert", &input, &output, None);
        asked.format = format;
        done(asked, false).await.unwrap();
        (std::fs::metadata(&output).unwrap().len(), pixels(&output))
    };
    let (fast, image) = written("fast.png", Format::default()).await;
    let (small, same) = written("small.png", Format::of("png:level=9", None)).await;
    assert!(
        small < fast && same == image,
        "{small} bytes, {fast} without a level"
    );
    let (deflate, same) = written("deflate.tif", Format::default()).await;
    assert!(same == image);
    let (zstd, same) = written("zstd.tif", Format::of("tiff", Some("zstd,level=19"))).await;
    assert!(
        zstd < deflate && same == image,
        "{zstd} bytes, {deflate} by deflate"
    );
}
