//! The preview shows the bytes of the result, and says so of those only.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{CLAIM, choose, studio, write_recipe};
use azulejo_end2end::images::{self, Pixels};
use azulejo_end2end::process::command;
use serde_json::Value;
use sha2::{Digest, Sha256};

const SOON: Duration = Duration::from_secs(30);

/// So many columns at the left edge are under the handle of the split.
const HANDLE: usize = 24;

/// Width and height of the canvas and the SHA-256 of its pixels right of the handle, RGBA, row by row.
async fn canvas(browser: &Browser) -> Result<(usize, usize, String)> {
    let script = format!(
        "const done = arguments[arguments.length - 1]; const c = document.querySelector('.preview canvas'); \
         const d = c.getContext('2d').getImageData({HANDLE}, 0, c.width - {HANDLE}, c.height).data; \
         crypto.subtle.digest('SHA-256', d).then(hash => done([c.width, c.height, \
         [...new Uint8Array(hash)].map(byte => byte.toString(16).padStart(2, '0')).join('')]))"
    );
    let answer = browser.page.execute_async(&script, Vec::new()).await?;
    let number = |value: &Value| value.as_u64().unwrap_or(0) as usize;
    let hash = answer[2].as_str().context("the canvas gives its pixels")?;
    Ok((number(&answer[0]), number(&answer[1]), hash.to_owned()))
}

/// The same of a part of `pixels`.
fn hash(pixels: &Pixels, left: usize, top: usize, width: usize, height: usize) -> String {
    let mut sum = Sha256::new();
    for y in top..top + height {
        let start = (y * pixels.width + left + HANDLE) * pixels.channels;
        let row = &pixels.bytes[start..][..(width - HANDLE) * pixels.channels];
        for pixel in row.chunks_exact(pixels.channels) {
            sum.update([pixel[0], pixel[1 % pixel.len()], pixel[2 % pixel.len()], 255]);
        }
    }
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_same_bytes_is_said_of_what_is_on_the_screen_only_and_is_true() -> Result<()> {
    let (cluster, browser) = studio(1).await?;
    let photo = images::photo(1040, 1024, 5);
    let path = cluster.path("exact.png");
    std::fs::write(&path, images::png(&photo)?)?;
    choose(&browser, &path).await?;
    browser.wait_for("the claim", SOON, CLAIM).await?;
    browser
        .run("const s = document.querySelector('.split-slider input'); s.value = 0; s.dispatchEvent(new Event('input'))")
        .await?;

    // In a job's result; `decoders.rs` has every operation.
    let recipe = "blur:sigma=3|sharpen";
    let id = cluster
        .client()
        .submit("exact.png", std::fs::read(&path)?, recipe)
        .await?;
    cluster
        .client()
        .wait_for_end(&id, Duration::from_secs(60))
        .await?;
    let result = images::decode(&cluster.client().download(&id).await?)?;
    must_show(&browser, recipe, &result).await?;

    // Not of the picture before, while the recipe is none.
    write_recipe(&browser, "blurr").await?;
    let gone = format!("return !(() => {{ {CLAIM} }})()");
    browser.wait_for("no claim for no recipe", SOON, &gone).await?;
    write_recipe(&browser, "blur").await?;
    browser.wait_for("the claim again", SOON, CLAIM).await?;
    // Not where the canvas cannot hold the result, 16 bits and a transparent palette, or its file changes it, a JPEG.
    let deep = cluster.path("deep.png");
    std::fs::write(&deep, images::png16(&photo)?)?;
    let clear = cluster.path("clear.png");
    std::fs::write(&clear, images::palette_png(1100, 1024, true))?;
    let jpeg = cluster.path("photo.jpg");
    let made = command("azulejo")?
        .args(["apply", "invert", &path, &jpeg])
        .output()?;
    ensure!(made.status.success());
    for file in [&deep, &clear, &jpeg] {
        choose(&browser, file).await?;
        let there = "return document.querySelector('.tag.right')?.innerText.startsWith('preview · 1:1')";
        browser.wait_for(file, SOON, there).await?;
        ensure!(browser.run(CLAIM).await? == false, "{file}");
    }
    let opaque = cluster.path("opaque.png");
    std::fs::write(&opaque, images::palette_png(1100, 1024, false))?;
    choose(&browser, &opaque).await?;
    let expected = cluster.apply("blur", &std::fs::read(&opaque)?, "png")?;
    must_show(&browser, "blur", &expected).await?;
    let mut errors = browser.console_errors().await?;
    // Said of this test, which reads the canvas.
    errors.retain(|error| !error.contains("willReadFrequently"));
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}

/// Writes `recipe`, waits for the claim, and compares what the canvas shows with that part of `result`.
async fn must_show(browser: &Browser, recipe: &str, result: &Pixels) -> Result<()> {
    write_recipe(browser, "sepia|invert|sepia").await?;
    write_recipe(browser, recipe).await?;
    let size = format!(
        "return document.querySelector('button.go').innerText.endsWith('{} × {}')",
        result.width, result.height
    );
    browser.wait_for("the size", SOON, &size).await?;
    browser.wait_for(recipe, SOON, CLAIM).await?;
    let (width, height, shown) = canvas(browser).await?;
    ensure!(width > 2 * HANDLE && width <= result.width && height <= result.height);
    // The view is where the middle of the original was, or as near to it as the result reaches.
    let (x, y) = (result.width - width, result.height - height);
    let near = |most: usize, shown: usize| -> Vec<usize> {
        let middles = [1024, 1040, 1100].map(|side: usize| side.saturating_sub(shown));
        let starts = middles.into_iter().flat_map(|room| [room / 2, room.div_ceil(2)]);
        let mut starts: Vec<usize> = starts.map(|start| start.min(most)).collect();
        starts.sort_unstable();
        starts.dedup();
        starts
    };
    let (lefts, tops) = (near(x, width), near(y, height));
    let mut places = lefts
        .iter()
        .flat_map(|left| tops.iter().map(move |top| (*left, *top)));
    let is_there = places.any(|(left, top)| hash(result, left, top, width, height) == shown);
    ensure!(
        is_there,
        "{recipe}: the canvas of {width} by {height} is not a part of the result"
    );
    Ok(())
}
