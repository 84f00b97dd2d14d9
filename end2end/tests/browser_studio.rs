//! The Studio keeps its word, in a real browser: what is shown is what is claimed, nothing is begun that was not asked for, and
//! whoever works by keyboard stays where they are.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::images::Pixels;
use azulejo_end2end::process::command;
use azulejo_end2end::{Cluster, ClusterOptions, images};
use fantoccini::Locator;
use serde_json::Value;
use sha2::{Digest, Sha256};

const SOON: Duration = Duration::from_secs(30);
const ALIVE: &str = "return document.readyState === 'complete' && !!document.querySelector('details.add button') \
                     && ![...document.querySelectorAll('details.add button')].some(b => b.disabled)";
const CLAIM: &str =
    "return [...document.querySelectorAll('.tag.right')].some(t => t.innerText.includes('same bytes'))";

async fn studio(workers: usize) -> Result<(Cluster, Browser)> {
    let options = ClusterOptions {
        workers,
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await?;
    let browser = Browser::start(1280, 900).await?;
    browser.open(&cluster.url()).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    Ok((cluster, browser))
}

async fn choose(browser: &Browser, file: &str) -> Result<()> {
    // Keys add to what is chosen already.
    browser
        .run("document.querySelector('input[type=file]').value = ''")
        .await?;
    let input = browser.page.find(Locator::Css("input[type=file]")).await?;
    Ok(input.send_keys(file).await?)
}

async fn write_recipe(browser: &Browser, text: &str) -> Result<()> {
    let script = format!(
        "const t = document.querySelector('input[name=transformation]'); t.value = '{text}'; \
         t.dispatchEvent(new Event('input', {{ bubbles: true }}));"
    );
    browser.run(&script).await?;
    Ok(())
}

async fn press(browser: &Browser, key: &str) -> Result<()> {
    let focused = browser.page.active_element().await?;
    Ok(focused.send_keys(key).await?)
}

async fn must_be_quiet(browser: &Browser) -> Result<()> {
    let mut errors = browser.console_errors().await?;
    // Said of this test, which reads the canvas.
    errors.retain(|error| !error.contains("willReadFrequently"));
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    Ok(())
}

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
async fn browser_what_cannot_be_shown_leaves_the_wall_with_its_name_a_reason_and_a_way_out() -> Result<()> {
    let (cluster, browser) = studio(0).await?;
    let png = cluster.path("source.png");
    std::fs::write(&png, images::png(&images::photo(1100, 1024, 3))?)?;
    let tiff = cluster.path("scan.tif");
    let made = command("azulejo")?
        .args(["apply", "invert", &png, &tiff])
        .output()?;
    ensure!(made.status.success());
    let text = cluster.path("notes.txt");
    std::fs::write(&text, "no picture")?;
    // A header of 25,000 by 25,000, which no browser shows.
    let huge = cluster.path("huge.png");
    let mut header = std::fs::read(&png)?;
    header[16..20].copy_from_slice(&25_000u32.to_be_bytes());
    header[20..24].copy_from_slice(&25_000u32.to_be_bytes());
    std::fs::write(&huge, header)?;
    for (file, name) in [(&tiff, "scan.tif"), (&text, "notes.txt"), (&huge, "huge.png")] {
        choose(&browser, file).await?;
        let seen = format!(
            "const wall = document.querySelector('.drop'); const text = wall.innerText; \
             return text.includes('{name}') && text.includes('No preview') \
             && text.includes('Choose another') && wall.clientHeight > 300"
        );
        browser.wait_for(name, SOON, &seen).await?;
    }
    // The way out: another picture is shown.
    choose(&browser, &png).await?;
    browser
        .wait_for(
            "the preview",
            SOON,
            "return !!document.querySelector('.split:not(.plain)')",
        )
        .await?;
    must_be_quiet(&browser).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_nothing_is_sent_by_enter_or_without_a_recipe() -> Result<()> {
    let (cluster, browser) = studio(0).await?;
    let path = cluster.path("kept.png");
    std::fs::write(&path, images::png(&images::photo(1100, 1024, 4))?)?;
    choose(&browser, &path).await?;
    browser
        .wait_for(
            "the estimate",
            SOON,
            "return !!document.querySelector('.estimate')",
        )
        .await?;
    let size = "return document.querySelector('button.go').innerText";
    ensure!(browser.run(size).await? == "Process to 1100 × 1024");
    write_recipe(&browser, "rotate_90|blur:sigma=3").await?;
    let turned = "return document.querySelector('button.go').innerText === 'Process to 1024 × 1100'";
    browser.wait_for("the size of the result", SOON, turned).await?;
    let number = browser.page.find(Locator::Css("input[type=number]")).await?;
    number.click().await?;
    browser.run("document.activeElement.select()").await?;
    number.send_keys("4.5\u{e007}").await?;
    let taken =
        "return document.querySelector('input[name=transformation]').value === 'rotate_90|blur:sigma=4.5'";
    browser
        .wait_for("the number that was entered", SOON, taken)
        .await?;
    let text = browser
        .page
        .find(Locator::Css("input[name=transformation]"))
        .await?;
    text.click().await?;
    text.send_keys("\u{e007}").await?;
    for recipe in ["", "blurr", "blur:sigma=1000"] {
        write_recipe(&browser, recipe).await?;
        browser
            .wait_for(
                recipe,
                SOON,
                "return document.querySelector('button.go').disabled",
            )
            .await?;
        browser
            .run("document.querySelector('form.studio').requestSubmit()")
            .await?;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    ensure!(browser.run("return location.pathname").await? == "/");
    let jobs = cluster.client().get("/jobs").await?.json;
    ensure!(jobs.as_array().is_some_and(Vec::is_empty), "{jobs}");
    browser.close().await
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

    // In a job's result, and in what every operation gives of a picture in colour and in gray.
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
    let gray = cluster.path("gray.png");
    let made = command("azulejo")?
        .args(["apply", "grayscale", &path, &gray])
        .output()?;
    ensure!(made.status.success());
    let operations = azulejo_imaging::operations();
    ensure!(operations.len() >= 25);
    for file in [&path, &gray] {
        choose(&browser, file).await?;
        for operation in operations {
            let recipe = match operation.name {
                "resize" => "resize:width=700",
                "crop" => "crop:x=20,y=30",
                name => name,
            };
            let expected = cluster.apply(recipe, &std::fs::read(file)?, "png")?;
            must_show(&browser, recipe, &expected).await?;
        }
    }

    // Not of the picture before, while the recipe is none.
    write_recipe(&browser, "blurr").await?;
    let gone = format!("return !(() => {{ {CLAIM} }})()");
    browser.wait_for("no claim for no recipe", SOON, &gone).await?;
    write_recipe(&browser, "blur").await?;
    browser.wait_for("the claim again", SOON, CLAIM).await?;
    // Not where the canvas cannot hold the result: alpha, a transparent palette, 16 bits, another decoder.
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
    must_be_quiet(&browser).await?;
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

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_focus_stays_where_one_works() -> Result<()> {
    let (_cluster, browser) = studio(0).await?;
    let focused = "const f = document.activeElement; \
                   return (f.getAttribute('aria-label') ?? f.id) + ' of ' + f.closest('.step')?.querySelector('b').innerText";
    write_recipe(&browser, "blur|sharpen|invert").await?;
    browser
        .wait_for(
            "three steps",
            SOON,
            "return document.querySelectorAll('.step').length === 3",
        )
        .await?;
    let is = |wanted: &str| format!("return (() => {{ {focused} }})() === '{wanted}'");
    browser
        .run("document.querySelector('[aria-label=\"Move Invert up\"]').focus()")
        .await?;
    press(&browser, "\u{e007}").await?;
    browser
        .wait_for("one up", SOON, &is("Move Invert up of Invert"))
        .await?;
    press(&browser, "\u{e007}").await?;
    browser
        .wait_for("at the top", SOON, &is("Move Invert down of Invert"))
        .await?;
    let text = "return document.querySelector('input[name=transformation]').value";
    ensure!(browser.run(text).await? == "invert|blur|sharpen");
    browser
        .run("document.querySelector('[aria-label=\"Remove Blur\"]').focus()")
        .await?;
    press(&browser, "\u{e007}").await?;
    browser
        .wait_for("the next", SOON, &is("Remove Sharpen of Sharpen"))
        .await?;
    press(&browser, "\u{e007}").await?;
    browser
        .wait_for("the one before", SOON, &is("Remove Invert of Invert"))
        .await?;

    // The menu: opened, closed by Escape, an operation added from it.
    browser
        .run("document.querySelector('details.add summary').focus()")
        .await?;
    press(&browser, "\u{e007}").await?;
    browser
        .wait_for(
            "the menu",
            SOON,
            "return document.querySelector('details.add').open",
        )
        .await?;
    press(&browser, "\u{e004}").await?;
    press(&browser, "\u{e00c}").await?;
    let closed =
        "return !document.querySelector('details.add').open && document.activeElement.id === 'add-operation'";
    browser.wait_for("the menu closed", SOON, closed).await?;
    browser
        .run("document.querySelector('details.add').open = true; \
              [...document.querySelectorAll('details.add button')].find(b => b.innerText.startsWith('Resize')).click()")
        .await?;
    let added = "return document.activeElement.closest('.step')?.querySelector('b').innerText === 'Resize'";
    browser.wait_for("the new step", SOON, added).await?;
    ensure!(browser.run(text).await? == "invert|resize:width=1024");
    must_be_quiet(&browser).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_several_pictures_dropped_anywhere_all_become_jobs() -> Result<()> {
    let (_cluster, browser) = studio(1).await?;
    // Dropped beside the stage, with the files that a script can make.
    browser
        .run(
            "const files = new DataTransfer(); \
             const canvas = new OffscreenCanvas(1030, 1024); canvas.getContext('2d').fillRect(9, 9, 99, 99); \
             canvas.convertToBlob().then(blob => { \
               for (const name of ['one.png', 'two.png', 'three.png']) files.items.add(new File([blob], name, { type: 'image/png' })); \
               window.cancelled = !document.querySelector('.rail').dispatchEvent( \
                 new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true })); })",
        )
        .await?;
    let said = "const text = document.querySelector('.file')?.innerText ?? ''; \
                return text.includes('one.png') && text.includes('two.png and 1 more')";
    browser.wait_for("the names", SOON, said).await?;
    ensure!(
        browser.run("return window.cancelled").await? == true,
        "the browser would leave the page"
    );
    let button = "return document.querySelector('button.go').innerText === 'Process 3 pictures'";
    browser.wait_for("the button", SOON, button).await?;
    browser
        .page
        .find(Locator::Css("button.go"))
        .await?
        .click()
        .await?;
    browser
        .wait_for(
            "the list of jobs",
            Duration::from_secs(60),
            "return location.pathname === '/jobs' && ['one.png', 'two.png', 'three.png'] \
             .every(name => document.querySelector('main').innerText.includes(name))",
        )
        .await?;
    must_be_quiet(&browser).await?;
    browser.close().await
}

/// The loop of trying a recipe: the picture is chosen once.
#[tokio::test(flavor = "multi_thread")]
async fn browser_a_picture_and_its_recipe_are_kept_for_another_try() -> Result<()> {
    let (cluster, browser) = studio(1).await?;
    let path = cluster.path("again.png");
    std::fs::write(&path, images::png(&images::photo(1100, 1024, 8))?)?;
    choose(&browser, &path).await?;
    browser.wait_for("the claim", SOON, CLAIM).await?;
    let mut jobs = Vec::new();
    for sigma in [2, 4, 8] {
        write_recipe(&browser, &format!("blur:sigma={sigma}")).await?;
        let address = format!("return decodeURIComponent(location.search) === '?recipe=blur:sigma={sigma}'");
        browser
            .wait_for("the recipe in the address", SOON, &address)
            .await?;
        browser
            .page
            .find(Locator::Css("button.go"))
            .await?
            .click()
            .await?;
        let job = "return location.pathname.startsWith('/job/') && location.pathname.slice(5)";
        let id = browser.wait_for("the job's page", SOON, job).await?;
        jobs.push(id.as_str().context("an id")?.to_owned());
        // Once by Back, once by the link with the recipe.
        if sigma == 2 {
            browser.page.back().await?;
        } else {
            let link = Locator::LinkText("Use this recipe");
            browser
                .page
                .wait()
                .at_most(SOON)
                .for_element(link)
                .await?
                .click()
                .await?;
        }
        browser
            .wait_for("the preview of the same picture", SOON, CLAIM)
            .await?;
        let kept = format!(
            "return document.querySelector('.file b').innerText === 'again.png' \
             && document.querySelector('input[name=transformation]').value === 'blur:sigma={sigma}'"
        );
        browser.wait_for("picture and recipe", SOON, &kept).await?;
    }
    for (id, sigma) in jobs.iter().zip([2, 4, 8]) {
        let job = cluster.client().wait_for_end(id, Duration::from_secs(60)).await?;
        let recipe = format!("blur:sigma={sigma}");
        ensure!(
            job["original_filename"] == "again.png" && job["transformation"] == recipe,
            "{job}"
        );
    }

    // Undo and redo, of what the hand rested on.
    let text = "return document.querySelector('input[name=transformation]').value";
    write_recipe(&browser, "blur:sigma=9").await?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    write_recipe(&browser, "blur:sigma=9|invert").await?;
    for (word, expected) in [
        ("undo", "blur:sigma=9"),
        ("undo", "blur:sigma=8"),
        ("redo", "blur:sigma=9"),
    ] {
        let button = format!("//button[normalize-space()='{word}']");
        browser.page.find(Locator::XPath(&button)).await?.click().await?;
        browser
            .wait_for(
                word,
                SOON,
                &format!("return (() => {{ {text} }})() === '{expected}'"),
            )
            .await?;
    }
    must_be_quiet(&browser).await?;
    browser.close().await
}
