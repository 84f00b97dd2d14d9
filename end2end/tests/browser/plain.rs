//! The pages in a browser that runs no script: the form sends its picture, the job's page tells how it went, and the
//! buttons are forms that come back to a page.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::{Cluster, ClusterOptions, definition, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(60);

/// Chooses the file, writes the recipe and presses the one button; gives the job's id from the page that comes.
async fn submit(browser: &Browser, url: &str, file: &str, recipe: &str) -> Result<String> {
    let page = &browser.page;
    page.goto(url).await?;
    page.find(Locator::Css("input[type=file]"))
        .await?
        .send_keys(file)
        .await?;
    let text = page.find(Locator::Css("input[name=transformation]")).await?;
    text.clear().await?;
    text.send_keys(recipe).await?;
    page.find(Locator::Css("button.go")).await?.click().await?;
    let start = Instant::now();
    loop {
        let at = page.current_url().await?;
        if let Some(id) = at.path().strip_prefix("/job/") {
            return Ok(id.to_owned());
        }
        ensure!(
            start.elapsed() < SOON,
            "the form did not lead to a job but to {at}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Loads the page anew until there is an element `css` on it.
async fn reload_until(browser: &Browser, css: &str) -> Result<fantoccini::elements::Element> {
    let start = Instant::now();
    loop {
        if let Ok(element) = browser.page.find(Locator::Css(css)).await {
            return Ok(element);
        }
        if start.elapsed() > SOON {
            bail!(
                "there is no '{css}' on {}:\n{}",
                browser.page.current_url().await?,
                browser.page.source().await?
            );
        }
        browser.page.refresh().await?;
    }
}

/// Presses the button with this word, on the page that is loading or there.
async fn press(browser: &Browser, word: &str) -> Result<()> {
    let button = format!("//main//form//button[normalize-space()='{word}']");
    browser.click(Locator::XPath(&button)).await
}

/// Waits until the browser is at `path`.
async fn must_lead_to(browser: &Browser, path: &str) -> Result<()> {
    let start = Instant::now();
    loop {
        let at = browser.page.current_url().await?;
        if at.path() == path {
            return Ok(());
        }
        ensure!(
            start.elapsed() < SOON,
            "the form led to {at} and not to {path}:\n{}",
            browser.page.source().await?
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_without_scripts_a_picture_is_sent_and_its_job_can_be_followed_and_handled() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let input = images::photo(1024, 1024, 22);
    let path = cluster.path("kept.png");
    std::fs::write(&path, images::png(&input)?)?;
    let browser = Browser::start_without_scripts(1280, 900).await?;
    let page = "data:text/html,<title>plain</title><script>document.title = 'a script ran'</script>";
    browser.page.goto(page).await?;
    ensure!(
        browser.page.title().await? == "plain",
        "this browser runs scripts"
    );

    let id = submit(&browser, &cluster.url(), &path, "grayscale").await?;
    let link = reload_until(&browser, "main a[href^='/download/']").await?;
    let link = link.attr("href").await?.unwrap_or_default();
    ensure!(link == format!("/download/{id}"), "{link}");
    let result = images::decode(&client.download(&id).await?)?;
    result.must_equal(&definition::grayscale(&input), "through the plain form")?;
    for (page, words) in [
        ("/", ["kept.png", "grayscale"]),
        ("/jobs", ["kept.png", "grayscale"]),
    ] {
        browser.page.goto(&format!("{}{page}", cluster.url())).await?;
        let source = browser.page.source().await?;
        for word in words {
            ensure!(source.contains(word), "{page} without scripts lacks '{word}'");
        }
    }

    // Without a worker a job waits for as long as its buttons are tried.
    cluster.workers.clear();
    let id = submit(&browser, &cluster.url(), &path, "rotate_90").await?;
    let page = format!("/job/{id}");
    // The button that is pressed next is on the page that the form led back to.
    for (pressed, status) in [
        ("Cancel", "cancelled"),
        ("Retry", "processing"),
        ("Cancel", "cancelled"),
    ] {
        press(&browser, pressed).await?;
        let next = if status == "processing" { "Cancel" } else { "Retry" };
        let button = format!("//main//form//button[normalize-space()='{next}']");
        let came = browser
            .page
            .wait()
            .at_most(SOON)
            .for_element(Locator::XPath(&button))
            .await;
        let job = client.get(&page).await?.json;
        ensure!(
            came.is_ok() && job["status"] == status,
            "after '{pressed}' the job is {} and the page says:\n{}",
            job["status"],
            browser.page.source().await?
        );
        must_lead_to(&browser, &page).await?;
    }
    press(&browser, "Delete").await?;
    must_lead_to(&browser, "/jobs").await?;
    ensure!(
        !browser.page.source().await?.contains(&id),
        "the job is still listed"
    );
    ensure!(client.get(&page).await?.status == 404);
    browser.close().await
}
