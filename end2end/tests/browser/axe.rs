//! Every page in both themes as axe-core sees it: names of controls, contrast, order of headings, use of ARIA.

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::screenshots::{Camera, states};
use azulejo_end2end::{Cluster, axe, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);
const JOB: Duration = Duration::from_secs(120);

/// Adds what is wrong with the page that is open, in light and in dark.
async fn look(browser: &Browser, page: &str, wrong: &mut Vec<String>) -> Result<()> {
    for theme in ["light", "dark"] {
        browser
            .run(&format!("document.documentElement.dataset.theme = '{theme}'"))
            .await?;
        let found = axe::check(browser).await?;
        wrong.extend(found.iter().map(|text| format!("{page}, {theme}: {text}")));
    }
    Ok(())
}

async fn open(browser: &Browser, cluster: &Cluster, path: &str) -> Result<()> {
    browser.open(&format!("{}{path}", cluster.url())).await?;
    let there = "return document.readyState === 'complete' && !!document.querySelector('main h1')";
    browser.wait_for(path, SOON, there).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_axe_finds_nothing_wrong_with_any_page_in_light_or_dark() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let client = cluster.client();
    let browser = Browser::start(1440, 1060).await?;
    let mut wrong = Vec::new();

    open(&browser, &cluster, "/").await?;
    look(&browser, "the Studio", &mut wrong).await?;
    let path = cluster.path("harbour.png");
    let file = images::png(&images::photo(4096, 3072, 51))?;
    std::fs::write(&path, &file)?;
    let input = browser.page.find(Locator::Css("input[type=file]")).await?;
    input.send_keys(&path).await?;
    let preview = "return !!document.querySelector('.split:not(.plain)')";
    browser.wait_for("the preview", SOON, preview).await?;
    look(&browser, "the Studio with a picture", &mut wrong).await?;

    let id = client
        .submit("harbour.png", file, "blur:sigma=90|sharpen")
        .await?;
    let job = format!("/job/{id}");
    open(&browser, &cluster, &job).await?;
    let some = "const done = document.querySelector('main').innerText.match(/(\\d+)\\s+of\\s+48/); \
                return done && Number(done[1]) >= 4";
    browser.wait_for("some of the tiles", JOB, some).await?;
    // So that it is still running when it has been looked at.
    for worker in &cluster.workers {
        worker.signal("STOP")?;
    }
    look(&browser, "a running job", &mut wrong).await?;
    ensure!(client.get(&job).await?.json["status"] == "processing");
    open(&browser, &cluster, "/jobs").await?;
    look(&browser, "the jobs, one of them running", &mut wrong).await?;
    for worker in &cluster.workers {
        worker.signal("CONT")?;
    }

    let ended = client.wait_for_end(&id, JOB).await?;
    ensure!(ended["status"] == "completed", "{ended}");
    for (path, page) in [
        ("/", "the Studio with a job"),
        ("/jobs", "the jobs"),
        (job.as_str(), "a completed job"),
        (&format!("{job}?view=compare"), "the comparison"),
        ("/workers", "the workers"),
        ("/no-such-page", "a page that is not there"),
    ] {
        open(&browser, &cluster, path).await?;
        look(&browser, page, &mut wrong).await?;
    }
    browser.close().await?;
    ensure!(wrong.is_empty(), "axe finds\n{}", wrong.join("\n"));
    Ok(())
}

/// Menus open, something refused, uploads, failed and cancelled jobs, losses: every state that `cargo xtask screenshots` takes.
#[tokio::test(flavor = "multi_thread")]
async fn browser_axe_finds_nothing_wrong_in_any_state() -> Result<()> {
    let mut camera = Camera::without_pictures();
    states::tour(&mut camera).await?;
    let looked_at = camera.finish()?;
    ensure!(looked_at >= 2 * 28, "{looked_at} states and themes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_axe_would_find_what_is_wrong() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let browser = Browser::start(1440, 1060).await?;
    open(&browser, &cluster, "/workers").await?;
    browser
        .run(
            "const faint = document.createElement('p'); faint.textContent = 'hardly seen'; \
             faint.style.color = '#888'; faint.style.backgroundColor = '#777'; \
             document.querySelector('main').append(faint, document.createElement('button'))",
        )
        .await?;
    let found = axe::check(&browser).await?;
    for rule in ["color-contrast", "button-name"] {
        ensure!(
            found.iter().any(|text| text.starts_with(rule)),
            "{rule} is not among {found:#?}"
        );
    }
    browser.close().await
}
