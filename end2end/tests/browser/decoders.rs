//! Preview = result, for every operation on every kind of picture: the canvas has the pixels that the native decoders and
//! kernels give, and what is said of them is true. That those are the pixels of a job is shown with some jobs here and with
//! many in `each_broker/pipeline.rs`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::Cluster;
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{choose, studio};
use azulejo_end2end::images::{self, Pixels};
use azulejo_end2end::process::command;
use azulejo_imaging::file::{Decoder, EncodeOptions, Encoder, FileKind, ImageInfo, Limits, Metadata};
use azulejo_imaging::{Channels, Depth, PixelFormat, Raster, Recipe, Size, apply, operations};
use serde_json::json;
use sha2::{Digest, Sha256};

const SOON: Duration = Duration::from_secs(60);
/// So many columns at the left edge are under the handle of the split.
const HANDLE: usize = 24;
const CHAIN: &str = "crop:x=7,y=5,width=1010,height=1000|blur:sigma=2.5|rotate_90|sepia|sharpen|grayscale";

const SAME: &str = "preview · 1:1 · same bytes as the result";
const UPPER: &str = "preview · 1:1 · the result has 16 bit, shown in 8";
const BEFORE: &str = "preview · 1:1 · same pixels as before JPEG compression";
const NOTHING: &str = "preview · 1:1";

/// Enters a recipe; as soon as something is shown for it, gives what is said, the canvas' size and the SHA-256 of its pixels
/// right of the handle. The pause lets the page hear of the recipe: what is said of the one before is over by then.
const SCRIPT: &str = r"
const [recipe, handle, done] = arguments;
const slider = document.querySelector('.split-slider input');
if (slider) { slider.value = 0; slider.dispatchEvent(new Event('input')); }
const text = document.querySelector('input[name=transformation]');
text.value = recipe;
text.dispatchEvent(new Event('input', { bubbles: true }));
const until = performance.now() + 25000;
const look = async () => {
  const said = document.querySelector('.tag.right')?.innerText ?? '';
  if (!said.startsWith('preview · 1:1')) {
    if (performance.now() > until) return done({ said });
    return setTimeout(look, 10);
  }
  const c = document.querySelector('.preview canvas');
  const data = c.getContext('2d').getImageData(handle, 0, c.width - handle, c.height).data;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  const hex = [...hash].map(byte => byte.toString(16).padStart(2, '0')).join('');
  done({ said, width: c.width, height: c.height, hash: hex });
};
setTimeout(look, 20);
";

/// What the page shows.
struct Seen {
    said: String,
    width: usize,
    height: usize,
    hash: String,
}

async fn show(browser: &Browser, recipe: &str) -> Result<Seen> {
    let answer = browser
        .page
        .execute_async(SCRIPT, vec![json!(recipe), json!(HANDLE)])
        .await?;
    let number = |name: &str| answer[name].as_u64().map(|number| number as usize);
    Ok(Seen {
        said: answer["said"].as_str().unwrap_or_default().to_owned(),
        width: number("width").with_context(|| format!("{recipe}: the page says {answer}"))?,
        height: number("height").context("a height")?,
        hash: answer["hash"].as_str().unwrap_or_default().to_owned(),
    })
}

/// A picture as it is stored, decoded here.
struct Native {
    info: ImageInfo,
    stored: Raster,
}

impl Native {
    fn of(file: Vec<u8>) -> Result<Self> {
        let decoder = Decoder::of_bytes(file, &Limits::default())?;
        Ok(Self {
            info: decoder.info().clone(),
            stored: decoder.read_all()?,
        })
    }

    fn apply(&self, recipe: &str) -> Result<Raster> {
        Ok(apply(
            &self.info.full_recipe(&Recipe::parse(recipe)?),
            &self.stored,
        )?)
    }
}

/// As a canvas holds it, written apart from the preview's own: of 16 bit the value divided by 256.
fn on_a_canvas(raster: &Raster) -> Vec<u8> {
    let PixelFormat { channels, depth } = raster.format();
    let samples: Vec<u8> = match depth {
        Depth::Eight => raster.bytes().to_vec(),
        Depth::Sixteen => {
            let pairs = raster.bytes().chunks_exact(2);
            pairs
                .map(|pair| (u16::from_le_bytes([pair[0], pair[1]]) / 256) as u8)
                .collect()
        }
        other => panic!("{other:?} is stretched"),
    };
    let pixels = samples.chunks_exact(channels.count());
    let rgba = pixels.map(|pixel| match channels {
        Channels::Gray => [pixel[0], pixel[0], pixel[0], 255],
        Channels::GrayAlpha => [pixel[0], pixel[0], pixel[0], pixel[1]],
        Channels::Rgb => [pixel[0], pixel[1], pixel[2], 255],
        Channels::Rgba => [pixel[0], pixel[1], pixel[2], pixel[3]],
        Channels::Bands(_) => panic!("bands are stretched"),
    });
    rgba.flatten().collect()
}

/// The SHA-256 of what a canvas of `width` by `height` shows of `result`, right of the handle.
fn part(result: &Raster, (left, top): (usize, usize), width: usize, height: usize) -> String {
    let all = on_a_canvas(result);
    let stride = result.size().width as usize * 4;
    let mut sum = Sha256::new();
    for row in all.chunks_exact(stride).skip(top).take(height) {
        sum.update(&row[(left + HANDLE) * 4..(left + width) * 4]);
    }
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a view of `(width, height)` on the middle of a picture lies in a result of another size: as near as it reaches.
fn place(picture: Size, view: (usize, usize), result: Size) -> (usize, usize) {
    let along = |picture: u32, view: usize, result: u32| {
        let middle = (picture as usize).saturating_sub(view).div_ceil(2);
        middle.min((result as usize).saturating_sub(view))
    };
    (
        along(picture.width, view.0, result.width),
        along(picture.height, view.1, result.height),
    )
}

/// `operation` with what it needs.
fn usual(operation: &str) -> &str {
    match operation {
        "resize" => "resize:width=940,height=990",
        "crop" => "crop:x=20,y=30",
        name => name,
    }
}

/// Chooses `file` and holds what is shown for each of `recipes` against what is computed here. `said` is what must be said of
/// each. Gives the size of the view.
async fn must_show_all(
    cluster: &Cluster,
    browser: &Browser,
    (name, file): (&str, &[u8]),
    recipes: &[&str],
    said: &str,
) -> Result<()> {
    let path = cluster.path(name);
    std::fs::write(&path, file)?;
    choose(browser, &path).await?;
    let chosen = format!(
        "return document.querySelector('.file b')?.innerText === '{name}' \
         && !!document.querySelector('.tag.right')?.innerText.startsWith('preview · 1:1')"
    );
    browser.wait_for(name, SOON, &chosen).await?;
    let native = Native::of(file.to_vec())?;
    let whole = show(browser, "invert").await?;
    let view = (whole.width, whole.height);
    let size = native.info.size();
    ensure!(
        view.0 < size.width as usize && view.1 < size.height as usize,
        "all of it is shown: {view:?}"
    );
    for recipe in recipes {
        let seen = show(browser, recipe).await?;
        let result = native.apply(recipe)?;
        let place = place(size, view, result.size());
        ensure!(
            seen.said == said,
            "{recipe} on {name}: the page says {}",
            seen.said
        );
        if said != NOTHING {
            ensure!(
                seen.hash == part(&result, place, seen.width, seen.height),
                "{recipe} on {name}: the canvas of {} by {} is not the result at {place:?}",
                seen.width,
                seen.height
            );
        }
    }
    Ok(())
}

/// A file of `kind` by this project's encoder: the `image` crate here writes neither TIFF nor WebP.
fn encode(cluster: &Cluster, kind: FileKind, raster: &Raster) -> Result<Vec<u8>> {
    let path = cluster.path(&format!("made.{}", kind.extension()));
    let options = EncodeOptions::default();
    let (size, format) = (raster.size(), raster.format());
    let mut encoder = Encoder::create(path.as_ref(), kind, &options, size, format, &Metadata::default())?;
    encoder.write_rows(raster.bytes())?;
    encoder.finish()?;
    Ok(std::fs::read(path)?)
}

fn rgb(pixels: &Pixels) -> Result<Raster> {
    let size = Size::new(pixels.width as u32, pixels.height as u32);
    Ok(Raster::from_bytes(size, PixelFormat::RGB8, pixels.bytes.clone())?)
}

/// `jpeg` with the note that it lies on its side.
fn turned(jpeg: &[u8]) -> Vec<u8> {
    let exif = b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    [&jpeg[..2], exif, &jpeg[2..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_every_operation_shows_the_pixels_of_the_result_on_gray_and_rgb_of_8_and_16_bit() -> Result<()>
{
    let (cluster, browser) = studio(0).await?;
    let photo = images::photo(1040, 1024, 5);
    let colour = rgb(&photo)?;
    let deep = images::png16(&photo)?;
    let deep_gray = Native::of(deep.clone())?.apply("grayscale")?;
    let gray = apply(&Recipe::parse("grayscale")?, &colour)?;
    let recipes: Vec<&str> = operations()
        .iter()
        .map(|operation| usual(operation.name))
        .chain([CHAIN])
        .collect();
    ensure!(recipes.len() > 25);
    let cases = [
        ("rgb.png", images::png(&photo)?, SAME),
        ("gray.png", encode(&cluster, FileKind::Png, &gray)?, SAME),
        ("deep.png", deep, UPPER),
        (
            "deep-gray.png",
            encode(&cluster, FileKind::Png, &deep_gray)?,
            UPPER,
        ),
    ];
    for (name, file, said) in &cases {
        must_show_all(&cluster, &browser, (name, file), &recipes, said).await?;
    }

    // Other ways to store pixels, with a few.
    let few = ["blur", "rotate_90", CHAIN];
    let jpeg = turned(&images::jpeg(&photo)?);
    let deep = Native::of(cases[2].1.clone())?.stored;
    let opaque: Vec<u8> = photo
        .bytes
        .chunks_exact(3)
        .flat_map(|p| [p[0], p[1], p[2], 255])
        .collect();
    let opaque = Raster::from_bytes(colour.size(), PixelFormat::RGBA8, opaque)?;
    for (name, file, said) in [
        ("palette.png", images::palette_png(1100, 1024, false), SAME),
        ("scan.tif", encode(&cluster, FileKind::Tiff, &colour)?, SAME),
        ("camera.jpg", images::jpeg(&photo)?, BEFORE),
        ("turned.jpg", jpeg, BEFORE),
        ("deep.tif", encode(&cluster, FileKind::Tiff, &deep)?, UPPER),
        ("colour.webp", encode(&cluster, FileKind::WebP, &colour)?, SAME),
        ("opaque.png", encode(&cluster, FileKind::Png, &opaque)?, SAME),
        // A canvas does not give back colours that are seen through.
        ("clear.png", images::palette_png(1100, 1024, true), NOTHING),
    ] {
        must_show_all(&cluster, &browser, (name, &file), &few, said).await?;
    }
    let mut errors = browser.console_errors().await?;
    // Said of this test, which reads the canvas.
    errors.retain(|error| !error.contains("willReadFrequently"));
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}

/// The pixels of a job's result, asked for as a file of `kind`.
async fn job(cluster: &Cluster, path: &str, recipe: &str, kind: FileKind) -> Result<Raster> {
    let to = cluster.path(&format!("result.{}", kind.extension()));
    let mut submit = command("azulejo")?;
    submit
        .args(["submit", path, "-r", recipe, "-o", &to, "--force"])
        .env("AZULEJO_SERVER", cluster.url());
    let done = tokio::task::spawn_blocking(move || submit.output()).await??;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(Native::of(std::fs::read(to)?)?.stored)
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_preview_of_tiff_jpeg_and_16_bit_is_what_a_job_gives() -> Result<()> {
    let (cluster, browser) = studio(1).await?;
    let photo = images::photo(1040, 1024, 7);
    let recipe = "blur:sigma=3|sharpen";
    for (name, file, kind) in [
        ("camera.jpg", images::jpeg(&photo)?, FileKind::Png),
        ("deep.png", images::png16(&photo)?, FileKind::Png),
        (
            "scan.tif",
            encode(&cluster, FileKind::Tiff, &rgb(&photo)?)?,
            FileKind::Tiff,
        ),
    ] {
        let path = cluster.path(name);
        std::fs::write(&path, &file)?;
        choose(&browser, &path).await?;
        let chosen = format!(
            "return document.querySelector('.file b')?.innerText === '{name}' \
             && !!document.querySelector('.tag.right')?.innerText.startsWith('preview · 1:1')"
        );
        browser.wait_for(name, SOON, &chosen).await?;
        let seen = show(&browser, recipe).await?;
        let result = job(&cluster, &path, recipe, kind).await?;
        let place = place(result.size(), (seen.width, seen.height), result.size());
        ensure!(
            seen.hash == part(&result, place, seen.width, seen.height),
            "{name}: not what the job gives"
        );
    }
    browser.close().await
}
