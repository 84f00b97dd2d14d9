//! The Studio around its edges, in a real browser: a file chosen before the page is alive, a file that the page has not
//! heard of, a format that the page does not read.

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{ALIVE, choose, process};
use azulejo_end2end::process::command;
use azulejo_end2end::{Cluster, ClusterOptions, definition, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);

/// Holds the application's start back until the page is told, as a slow network does.
const HOLD: &str = "\
const held = new Promise(let_go => { window.comeAlive = let_go; });
for (const name of ['instantiate', 'instantiateStreaming']) {
    const own = WebAssembly[name];
    WebAssembly[name] = async (...given) => { await held; return own.apply(WebAssembly, given); };
}";

const CHOSEN: &str = "return document.querySelector('.file b')?.innerText ?? ''";

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_file_is_sent_however_early_it_was_chosen_and_whatever_its_format() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let input = images::photo(1024, 1024, 31);
    let path = cluster.path("early.png");
    std::fs::write(&path, images::png(&input)?)?;
    let browser = Browser::start(1280, 900).await?;
    browser.run_before_pages(HOLD).await?;

    // Chosen while the page is still only HTML: known once it is alive.
    browser.page.goto(&cluster.url()).await?;
    choose(&browser, &path).await?;
    ensure!(browser.run(ALIVE).await? == false, "the page was not held back");
    ensure!(browser.run(CHOSEN).await? == "");
    browser.run("window.comeAlive()").await?;
    let name = browser.wait_for("the file's name", SOON, CHOSEN).await?;
    ensure!(name == "early.png", "{name}");
    browser.wait_for("the page", SOON, ALIVE).await?;
    let id = process(&browser).await?;
    ensure!(client.get(&format!("/job/{id}")).await?.json["original_filename"] == "early.png");

    // The page never hears of the choice: the form posts by itself.
    browser.page.goto(&cluster.url()).await?;
    browser.run("window.comeAlive()").await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    browser
        .run("window.addEventListener('change', event => event.stopImmediatePropagation(), true)")
        .await?;
    choose(&browser, &path).await?;
    ensure!(browser.run(CHOSEN).await? == "", "the change was heard of");
    let id = process(&browser).await?;
    ensure!(client.get(&format!("/job/{id}")).await?.json["original_filename"] == "early.png");

    // A TIFF, whose size the page learns from its decoders.
    let tiff = cluster.path("scan.tif");
    let made = command("azulejo")?
        .args(["apply", "grayscale", &path, &tiff])
        .output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    browser.page.goto(&cluster.url()).await?;
    browser.run("window.comeAlive()").await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    choose(&browser, &tiff).await?;
    browser
        .wait_for(
            "what was decoded",
            SOON,
            "return document.querySelector('.rail')?.innerText.includes('gray 8 bit · TIFF')",
        )
        .await?;
    let text = browser
        .page
        .find(Locator::Css("input[name=transformation]"))
        .await?;
    text.clear().await?;
    text.send_keys("rotate_90").await?;
    let id = process(&browser).await?;
    let job = client.wait_for_end(&id, Duration::from_secs(60)).await?;
    ensure!(job["status"] == "completed", "{job}");
    let result = cluster.path("turned.tif");
    std::fs::write(&result, client.download(&id).await?)?;
    let seen = command("azulejo")?
        .args([
            "apply",
            "rotate_90|rotate_90|rotate_90",
            &result,
            &cluster.path("back.png"),
        ])
        .output()?;
    ensure!(seen.status.success(), "{}", String::from_utf8_lossy(&seen.stderr));
    images::decode(&std::fs::read(cluster.path("back.png"))?)?
        .must_equal(&definition::grayscale(&input), "a TIFF through the page")?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_open_page_hears_of_jobs_and_a_job_is_cancelled_by_its_button() -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    let client = cluster.client();
    let file = images::png(&images::photo(1024, 1024, 32))?;
    let browser = Browser::start(1280, 900).await?;
    browser.page.goto(&format!("{}/jobs", cluster.url())).await?;
    browser
        .wait_for("the page", SOON, "return document.readyState === 'complete'")
        .await?;
    browser.run("window.neverLoadedAnew = true").await?;
    client
        .result(&client.submit("heard.png", file.clone(), "blur").await?)
        .await?;
    browser
        .wait_for(
            "the finished job in the list",
            SOON,
            "const t = document.querySelector('main').innerText.toLowerCase(); \
             return t.includes('heard.png') && t.includes('completed')",
        )
        .await?;

    // Without a worker the job waits to be cancelled.
    cluster.workers.clear();
    let id = client.submit("waits.png", file, "sharpen").await?;
    let link = format!("main a[href='/job/{id}']");
    browser
        .wait_for(
            "the waiting job in the list",
            SOON,
            &format!("return !!document.querySelector(\"{link}\")"),
        )
        .await?;
    browser.click(Locator::Css(&link)).await?;
    let button =
        "return [...document.querySelectorAll('main .acts button')].find(b => b.innerText === 'Cancel')";
    browser
        .wait_for("the button", SOON, &format!("{button} !== undefined"))
        .await?;
    browser.run(&format!("{button}.click()")).await?;
    browser
        .wait_for(
            "the page to say so",
            SOON,
            "return [...document.querySelectorAll('main .acts button')].some(b => b.innerText === 'Retry')",
        )
        .await?;
    ensure!(client.get(&format!("/job/{id}")).await?.json["status"] == "cancelled");
    ensure!(
        browser.run("return window.neverLoadedAnew === true").await? == true,
        "the page was loaded anew"
    );
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}
