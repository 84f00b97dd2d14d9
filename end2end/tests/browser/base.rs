//! The pages below a path of their host: everything that a page loads, asks and leads to is found there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{ALIVE, CLAIM, choose, write_recipe};
use azulejo_end2end::{Cluster, ClusterOptions, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_picture_goes_its_whole_way_below_a_base_path() -> Result<()> {
    let options = ClusterOptions {
        server_arguments: vec!["--base-path".into(), "/a/tiles".into()],
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await?;
    let png = cluster.path("source.png");
    std::fs::write(&png, images::png(&images::photo(1100, 1024, 3))?)?;
    let browser = Browser::start(1280, 900).await?;
    // Without the last slash, as people type it.
    browser.open(&cluster.url()).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    choose(&browser, &png).await?;
    write_recipe(&browser, "invert").await?;
    // The Web Worker and its module are there.
    browser.wait_for("the preview", SOON, CLAIM).await?;
    let kept = "return location.pathname === '/a/tiles/' && location.search.includes('recipe=invert')";
    browser.wait_for("the recipe in the address", SOON, kept).await?;

    browser.click(Locator::Css("button.go")).await?;
    let script = "return location.pathname.startsWith('/a/tiles/job/') && location.pathname.slice(13)";
    let id = browser.wait_for("the job's page", SOON, script).await?;
    let id = id.as_str().context("the job has an id")?.to_owned();
    // By the live stream.
    let done = "const a = document.querySelector('a.go[download]'); return a && a.getAttribute('href')";
    let download = browser.wait_for("the end of the job", SOON, done).await?;
    ensure!(download == format!("/a/tiles/download/{id}"), "{download}");
    let mosaic = "const i = [...document.querySelectorAll('main image')].map(i => i.getAttribute('href')).filter(Boolean); \
                  return i.length > 0 && i.every(h => h.startsWith('/a/tiles/job/'))";
    browser.wait_for("the mosaic", SOON, mosaic).await?;

    // Without a new page from the server: a mark on the window stays.
    browser.run("window.stays = true").await?;
    for (name, path) in [
        ("Jobs", "/a/tiles/jobs"),
        ("Workers", "/a/tiles/workers"),
        ("Studio", "/a/tiles/"),
    ] {
        browser.click(Locator::LinkText(name)).await?;
        let there = format!(
            "return window.stays && location.pathname === '{path}' \
             && document.querySelector('nav a[aria-current=page]')?.innerText === '{name}'"
        );
        browser.wait_for(name, SOON, &there).await?;
    }
    // A button of the job's page calls a server function, and the page goes to the list.
    browser.open(&format!("{}/job/{id}", cluster.url())).await?;
    let delete = "const b = [...document.querySelectorAll('form[action=\"/a/tiles/api/delete_job\"] button')][0]; \
                  return !!b && !b.disabled";
    browser.wait_for("the button", SOON, delete).await?;
    // The page's own stream was asked for before this one, so it is open by then: of a job that was deleted first it would be refused,
    // and the console would say so.
    let streams = format!(
        "return new Promise(done => {{ const stream = new EventSource('/a/tiles/events?job={id}'); \
         stream.onmessage = () => {{ stream.close(); setTimeout(() => done(true), 300); }}; }})"
    );
    ensure!(browser.run(&streams).await? == true, "no stream");
    browser
        .run("document.querySelector('form[action=\"/a/tiles/api/delete_job\"]').requestSubmit()")
        .await?;
    let gone = "return location.pathname === '/a/tiles/jobs'";
    browser.wait_for("the list", SOON, gone).await?;
    // The choice of a theme is kept by a cookie of this path.
    browser
        .run("document.querySelector('.theme form').requestSubmit()")
        .await?;
    browser.open(&format!("{}/workers", cluster.url())).await?;
    browser
        .wait_for(
            "the theme",
            SOON,
            "return document.documentElement.dataset.theme === 'light'",
        )
        .await?;
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}
