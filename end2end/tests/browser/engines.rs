//! What somebody does who comes for the first time, in every engine: a picture is chosen and previewed, processed, its
//! result is there, is compared, and the other pages are looked at.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::{Browser, Engine};
use azulejo_end2end::{Cluster, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);
const JOB: Duration = Duration::from_secs(120);

async fn must_be_quiet(browser: &Browser, page: &str) -> Result<()> {
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console of {page} has {errors:#?}");
    Ok(())
}

/// Searches the list of jobs, in vain and then not, and goes to the job by its row.
async fn find_it_in_the_list(browser: &Browser, id: &str) -> Result<()> {
    browser.click(Locator::Css("nav a[href='/jobs']")).await?;
    for (sought, status, shown) in [
        ("nothing", "", "No job is like that"),
        ("HARB", "failed", "No job is like that"),
        ("HARB", "completed", "harbour.png"),
    ] {
        let fill = format!(
            "const form = document.querySelector('form.filter'); form.elements.search.value = '{sought}'; \
             form.elements.status.value = '{status}'; form.requestSubmit()"
        );
        browser
            .wait_for("the list", SOON, "return !!document.querySelector('form.filter')")
            .await?;
        browser.run(&fill).await?;
        let found = format!(
            "return location.search.includes('{sought}') && location.search.includes('{status}') \
             && document.querySelector('main').innerText.includes('{shown}')"
        );
        browser.wait_for(shown, SOON, &found).await?;
    }
    browser
        .click(Locator::Css(&format!("main a[href='/job/{id}']")))
        .await?;
    let there = format!("return location.pathname === '/job/{id}' && !!document.querySelector('.mosaic')");
    browser.wait_for("the job", SOON, &there).await?;
    Ok(())
}

async fn visit(engine: Engine) -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let path = cluster.path("harbour.png");
    std::fs::write(&path, images::png(&images::photo(1200, 1100, 41))?)?;
    let browser = Browser::start_engine(engine, 1440, 1060).await?;

    browser.open(&cluster.url()).await?;
    browser
        .page
        .find(Locator::Css("input[type=file]"))
        .await?
        .send_keys(&path)
        .await?;
    let name = "return document.querySelector('.file b')?.innerText ?? ''";
    let name = browser.wait_for("the file's name", SOON, name).await?;
    ensure!(name == "harbour.png", "{name}");
    let preview = "return !!document.querySelector('.split:not(.plain)')";
    browser.wait_for("the preview", SOON, preview).await?;
    let recipe = browser
        .run("return document.querySelector('input[name=transformation]').value")
        .await?;
    let recipe = recipe.as_str().context("the recipe is text")?;
    browser.click(Locator::Css("button.go")).await?;

    let job = "return location.pathname.startsWith('/job/') && location.pathname.slice(5)";
    let id = browser.wait_for("the job's page", SOON, job).await?;
    let id = id.as_str().context("the job has an id")?;
    let link = format!("return document.querySelector(\"main a[href='/download/{id}']\")?.href");
    let link = browser.wait_for("the download", JOB, &link).await?;
    ensure!(link == format!("{}/download/{id}", cluster.url()), "{link}");
    let result = images::decode(&cluster.client().download(id).await?)?;
    let expected = cluster.apply(recipe, &std::fs::read(&path)?, "png")?;
    result.must_equal(&expected, &format!("through {engine}"))?;

    browser.click(Locator::LinkText("Compare")).await?;
    let compared = "const pictures = [...document.querySelectorAll('.compare image, .compare img')]; \
                    return location.search === '?view=compare' && pictures.length >= 2";
    browser.wait_for("the comparison", SOON, compared).await?;
    must_be_quiet(&browser, "the road from the Studio to the comparison").await?;

    for (path, shown) in [
        ("/jobs", "harbour.png"),
        ("/", "harbour.png"),
        ("/workers", "kiln-02"),
    ] {
        browser
            .click(Locator::Css(&format!("nav a[href='{path}']")))
            .await?;
        let there = format!(
            "return location.pathname === '{path}' \
             && !!document.querySelector('main')?.innerText.includes('{shown}')"
        );
        browser.wait_for(path, SOON, &there).await?;
        must_be_quiet(&browser, path).await?;
    }

    find_it_in_the_list(&browser, id).await?;
    must_be_quiet(&browser, "the search").await?;

    // Silence means something only where an error is heard.
    browser
        .run("console.error('said'); setTimeout(() => { throw new Error('slipped') })")
        .await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let errors = browser.console_errors().await?;
    for word in ["said", "slipped"] {
        ensure!(
            errors.iter().any(|e| e.contains(word)),
            "'{word}' was not heard: {errors:#?}"
        );
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_chromium_serves_a_stranger() -> Result<()> {
    visit(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs geckodriver, which takes minutes to build: part of `cargo xtask nightly`"]
async fn browser_firefox_serves_a_stranger() -> Result<()> {
    visit(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_webkit_serves_a_stranger() -> Result<()> {
    visit(Engine::WebKit).await
}
