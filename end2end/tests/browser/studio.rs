//! The Studio keeps its word, in a real browser: what is shown is what is claimed, nothing is begun that was not asked for, and
//! whoever works by keyboard stays where they are.

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{CLAIM, choose, process, studio, write_recipe};
use azulejo_end2end::images;
use azulejo_end2end::process::command;
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);
async fn press(browser: &Browser, key: &str) -> Result<()> {
    let focused = browser.page.active_element().await?;
    Ok(focused.send_keys(key).await?)
}

async fn must_be_quiet(browser: &Browser) -> Result<()> {
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_what_cannot_be_shown_leaves_the_wall_with_its_name_a_reason_and_a_way_out() -> Result<()> {
    let (cluster, browser) = studio(0).await?;
    let png = cluster.path("source.png");
    std::fs::write(&png, images::png(&images::photo(1100, 1024, 3))?)?;
    let text = cluster.path("notes.txt");
    std::fs::write(&text, "no picture")?;
    let cut = cluster.path("cut.png");
    let whole = std::fs::read(&png)?;
    std::fs::write(&cut, &whole[..whole.len() / 2])?;
    let torn = cluster.path("torn.jpg");
    let jpeg = images::jpeg(&images::photo(1100, 1024, 3))?;
    std::fs::write(&torn, &jpeg[..jpeg.len() / 2])?;
    // 300 MB, which are not read.
    let long = cluster.path("long.png");
    std::fs::File::create(&long)?.set_len(300_000_000)?;
    // A header of 25,000 by 25,000, which no browser shows.
    let huge = cluster.path("huge.png");
    let mut header = std::fs::read(&png)?;
    header[16..20].copy_from_slice(&25_000u32.to_be_bytes());
    header[20..24].copy_from_slice(&25_000u32.to_be_bytes());
    std::fs::write(&huge, header)?;
    for (file, name, why) in [
        (&text, "notes.txt", "The file is not an image"),
        (&cut, "cut.png", "The image is damaged"),
        (&torn, "torn.jpg", "The image is damaged"),
        (&huge, "huge.png", "The image is damaged"),
        (&long, "long.png", "the preview reads 256 MB at most"),
    ] {
        choose(&browser, file).await?;
        let seen = format!(
            "const wall = document.querySelector('.drop'); const text = wall.innerText; \
             return text.includes('{name}') && text.includes('No preview') && text.includes('{why}') \
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
async fn browser_a_page_of_a_tiff_is_chosen_shown_and_processed() -> Result<()> {
    const RECIPE: &str = "rotate_90|invert";
    let (cluster, browser) = studio(1).await?;
    // The second page of a pyramid is a quarter of the first.
    let photo = cluster.path("photo.png");
    std::fs::write(&photo, images::png(&images::photo(2200, 2100, 6))?)?;
    let pages = cluster.path("pages.tif");
    let azulejo = |arguments: &[&str]| -> Result<()> {
        let output = command("azulejo")?.arg("apply").args(arguments).output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    azulejo(&["invert", &photo, &pages, "--output-format", "tiff:pyramid=true"])?;
    choose(&browser, &pages).await?;
    let known = |size: &str| {
        format!(
            "const page = document.querySelector('input#page'); \
             return !!page && page.max === '5' && document.querySelector('.file small').innerText.startsWith('{size}') \
             && !!document.querySelector('.split:not(.plain)')"
        )
    };
    browser
        .wait_for("the largest page", SOON, &known("2200 × 2100"))
        .await?;
    let page = browser.page.find(Locator::Css("input#page")).await?;
    page.send_keys("2\u{e007}").await?;
    browser
        .wait_for("the second page", SOON, &known("1100 × 1050"))
        .await?;
    write_recipe(&browser, RECIPE).await?;
    browser
        .run(
            "const kind = document.querySelector('#result-file'); kind.value = 'png'; \
             kind.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await?;
    let id = process(&browser).await?;
    let result = images::decode(&cluster.client().result(&id).await?)?;
    let expected = cluster.path("expected.png");
    azulejo(&[RECIPE, &pages, &expected, "--page", "2"])?;
    result.must_equal(&images::decode(&std::fs::read(expected)?)?, "page 2")?;
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
              [...document.querySelectorAll('details.add .menu-list button')].find(b => b.innerText.startsWith('Resize')).click()")
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
    browser.click(Locator::Css("button.go")).await?;
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
        jobs.push(process(&browser).await?);
        // Once by Back, once by the link with the recipe.
        if sigma == 2 {
            browser.page.back().await?;
        } else {
            let link = Locator::LinkText("Use this recipe");
            browser.click(link).await?;
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
        browser.click(Locator::XPath(&button)).await?;
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
