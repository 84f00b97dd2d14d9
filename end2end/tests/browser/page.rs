//! The page through a real browser: a picture is chosen, its tiles land, the result is downloaded; no page writes an
//! error into the console, reached directly or by a link.
//!
//! With `AZULEJO_SCREENSHOTS=FOLDER` the pages are kept as pictures, to be looked at.

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::{Cluster, ClusterOptions, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);
const JOB: Duration = Duration::from_secs(120);

async fn keep(browser: &Browser, name: &str) -> Result<()> {
    if let Some(folder) = std::env::var_os("AZULEJO_SCREENSHOTS") {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(
            std::path::Path::new(&folder).join(name),
            browser.page.screenshot().await?,
        )?;
    }
    Ok(())
}

async fn must_be_quiet(browser: &Browser, page: &str) -> Result<()> {
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console of {page} has {errors:#?}");
    Ok(())
}

/// Hydration is done when the controls that need it are no longer disabled.
async fn hydrated(browser: &Browser) -> Result<()> {
    let script = "return !!document.querySelector('main') && (document.readyState === 'complete') \
                  && ![...document.querySelectorAll('details.add .menu-list button')].some(b => b.disabled);";
    browser.wait_for("hydration", SOON, script).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_picture_goes_in_its_tiles_land_and_the_result_comes_out() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let browser = Browser::start(1440, 1060).await?;
    let input = images::photo(4096, 3072, 21);
    let path = cluster.path("coast.png");
    std::fs::write(&path, images::png(&input)?)?;

    browser.page.goto(&cluster.url()).await?;
    hydrated(&browser).await?;
    keep(&browser, "studio-empty.png").await?;
    browser
        .page
        .find(Locator::Css("input[type=file]"))
        .await?
        .send_keys(&path)
        .await?;
    browser.run("const t = document.querySelector('input[name=transformation]'); t.value = 'blur:sigma=90|sharpen'; t.dispatchEvent(new Event('input', { bubbles: true }));").await?;
    browser
        .wait_for(
            "the estimate",
            SOON,
            "return document.querySelector('.estimate')?.innerText.includes('48')",
        )
        .await?;
    keep(&browser, "studio.png").await?;
    browser.click(Locator::Css("button.go")).await?;

    browser
        .wait_for(
            "the job's page",
            SOON,
            "return location.pathname.startsWith('/job/') && !!document.querySelector('svg.mosaic')",
        )
        .await?;
    let half = "const done = [...document.querySelectorAll('main')].map(m => m.innerText).join(' ').match(/(\\d+)\\s+of\\s+48/); return done && Number(done[1]) >= 8";
    browser.wait_for("some of the tiles", JOB, half).await?;
    keep(&browser, "job-half.png").await?;
    let download = "return [...document.querySelectorAll('main a')].find(a => a.getAttribute('href')?.startsWith('/download/'))?.href";
    let link = browser.wait_for("the download", JOB, download).await?;
    // The last version of the picture swaps in a moment after the last tile.
    tokio::time::sleep(Duration::from_millis(500)).await;
    keep(&browser, "job-done.png").await?;
    must_be_quiet(&browser, "the road from the Studio to the result").await?;

    let id = link
        .as_str()
        .unwrap_or_default()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let result = images::decode(&cluster.client().download(&id).await?)?;
    let expected = cluster.apply("blur:sigma=90|sharpen", &std::fs::read(&path)?, "png")?;
    result.must_equal(&expected, "through the page")?;

    let job = format!("/job/{id}");
    for path in ["/", "/jobs", "/workers", job.as_str(), "/no-such-page"] {
        browser.page.goto(&format!("{}{path}", cluster.url())).await?;
        browser
            .wait_for("the page", SOON, "return !!document.querySelector('main')")
            .await?;
        hydrated(&browser).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        keep(
            &browser,
            &format!(
                "page{}.png",
                path.split('/').nth(1).map_or(String::new(), |p| format!("-{p}"))
            ),
        )
        .await?;
        let errors = browser.console_errors().await?;
        // The one thing that Chromium reports of its own accord: that the page asked for is not there.
        let own: Vec<_> = errors
            .iter()
            .filter(|e| !(path == "/no-such-page" && e.contains("404")))
            .collect();
        ensure!(own.is_empty(), "the console of {path} has {own:#?}");
    }

    browser.page.goto(&cluster.url()).await?;
    hydrated(&browser).await?;
    for (link, path) in [("/jobs", "/jobs"), ("/workers", "/workers"), ("/", "/")] {
        browser
            .click(Locator::Css(&format!("nav a[href='{link}']")))
            .await?;
        browser
            .wait_for(
                "navigation",
                SOON,
                &format!("return location.pathname === '{path}' && !!document.querySelector('main')"),
            )
            .await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        must_be_quiet(&browser, &format!("{path} by its link")).await?;
    }
    let kept = browser.run("return performance.getEntriesByType('navigation').length === 1 && document.querySelectorAll('main').length === 1").await?;
    ensure!(kept == true, "links are followed without loading the page anew");
    browser.close().await
}
