//! A job's page, in a real browser: what is shown is the newest that was heard, also when news come late, twice or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::{Cluster, ClusterOptions, images};
use fantoccini::Locator;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SOON: Duration = Duration::from_secs(30);
const ALIVE: &str = "return document.readyState === 'complete' && !!document.querySelector('main h1') \
                     && document.querySelector('.state .dot')?.parentElement.innerText.length > 0";

async fn press(browser: &Browser, word: &str) -> Result<()> {
    let button = format!("//main//button[normalize-space()='{word}']");
    browser.click(Locator::XPath(&button)).await
}

async fn must_offer(browser: &Browser, word: &str) -> Result<()> {
    let script = format!(
        "return [...document.querySelectorAll('main .acts button')].some(b => b.innerText === '{word}')"
    );
    browser.wait_for(word, SOON, &script).await?;
    Ok(())
}

async fn without_workers() -> Result<(Cluster, Browser, String)> {
    let options = ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options).await?;
    cluster.workers.clear();
    let file = images::png(&images::photo(1024, 1024, 61))?;
    let id = cluster.client().submit("waits.png", file, "blur").await?;
    Ok((cluster, Browser::start(1280, 900).await?, id))
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_answer_is_shown_once_and_a_deleted_job_is_not_gone_back_to() -> Result<()> {
    let (cluster, browser, id) = without_workers().await?;
    browser.open(&format!("{}/jobs", cluster.url())).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    let link = format!("main a[href='/job/{id}']");
    browser
        .wait_for(
            "the job",
            SOON,
            &format!("return !!document.querySelector(\"{link}\")"),
        )
        .await?;
    // By the row, not by its link.
    browser.click(Locator::Css("main tr td.recipe")).await?;
    must_offer(&browser, "Cancel").await?;
    for (word, next) in [("Cancel", "Retry"), ("Retry", "Cancel"), ("Cancel", "Retry")] {
        press(&browser, word).await?;
        must_offer(&browser, next).await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        must_offer(&browser, next).await?;
    }
    let told = "const t = document.querySelector('main').innerText; return t.includes('not done 4') && t.includes('not begun')";
    browser.wait_for("what was not done", SOON, told).await?;
    press(&browser, "Delete").await?;
    press(&browser, "Delete for good").await?;
    browser
        .wait_for(
            "the list",
            SOON,
            "return location.pathname === '/jobs' && document.querySelector('h1').innerText === 'Jobs'",
        )
        .await?;
    browser.page.back().await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let path = browser.run("return location.pathname").await?;
    ensure!(path == "/jobs", "Back leads to {path}");
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}

/// A click or a selection of text does not outlive the element that it is on.
#[tokio::test(flavor = "multi_thread")]
async fn browser_a_row_is_the_same_element_when_its_job_changes() -> Result<()> {
    let (cluster, browser, id) = without_workers().await?;
    let client = cluster.client();
    for (page, word) in [("/jobs", "cancelled"), ("/", "processing")] {
        browser.open(&format!("{}{page}", cluster.url())).await?;
        let row = format!("document.querySelector(\"main a[href='/job/{id}']\")?.closest('tr')");
        let mark = format!("const row = {row}; row.isMarked = true");
        let live = format!(
            "return document.readyState === 'complete' && !!{row} && !document.querySelector('.state').innerText.includes('lost')"
        );
        browser.wait_for("the row", SOON, &live).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        browser.run(&mark).await?;
        match word {
            "cancelled" => client.post(&format!("/job/{id}/cancel")).await?,
            _ => client.post(&format!("/job/{id}/retry")).await?,
        };
        let changed = format!("return {row}?.querySelector('.status').innerText.includes('{word}')");
        browser.wait_for(word, SOON, &changed).await?;
        let same = browser.run(&format!("return {row}.isMarked === true")).await?;
        ensure!(same == true, "the row on {page} was made anew");
    }
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_search_field_says_what_the_address_does() -> Result<()> {
    let (cluster, browser, _) = without_workers().await?;
    browser.open(&format!("{}/jobs", cluster.url())).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    let field = browser.page.find(Locator::Css("input[type=search]")).await?;
    field.send_keys("nothing").await?;
    browser.click(Locator::Css("form.filter button")).await?;
    let none = "return location.search.includes('nothing') && document.querySelector('main').innerText.includes('No job is like that')";
    browser.wait_for("no job", SOON, none).await?;
    browser.page.back().await?;
    let all = "return !location.search.includes('nothing') && document.querySelector('main').innerText.includes('waits.png') \
               && document.querySelector('input[type=search]').value === ''";
    browser.wait_for("the field of the whole list", SOON, all).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_last_picture_of_a_mosaic_is_tried_until_it_is_there() -> Result<()> {
    let (mut cluster, browser, id) = without_workers().await?;
    browser.open(&format!("{}/job/{id}", cluster.url())).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    // The first three of every picture fail, as on a line that drops now and then.
    browser
        .run(
            "window.refused = 0; const own = HTMLImageElement.prototype.decode; \
             HTMLImageElement.prototype.decode = function () { \
               return window.refused++ < 3 ? Promise.reject(new Error('cut off')) : own.call(this); }",
        )
        .await?;
    cluster.start_worker()?;
    let whole = "return document.querySelector('.legend').innerText.includes('done\\u00a04') \
                 || document.querySelector('.nums').innerText.includes('done in')";
    browser.wait_for("the end", SOON, whole).await?;
    let shown = "return window.refused > 3 && document.querySelector('path.queued').getAttribute('d') === '' \
                 && document.querySelector('path.flight').getAttribute('d') === '' \
                 && [...document.querySelectorAll('image.glazed:not(.off)')].some(i => i.getAttribute('href')?.includes('mosaic.png'))";
    browser.wait_for("the whole mosaic", SOON, shown).await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_split_of_a_comparison_is_moved_by_a_few_keys() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let client = cluster.client();
    let file = images::png(&images::photo(1024, 1024, 62))?;
    let id = client.submit("split.png", file, "invert").await?;
    client.wait_for_end(&id, Duration::from_secs(60)).await?;
    let browser = Browser::start(1280, 900).await?;
    browser
        .open(&format!("{}/job/{id}?view=compare", cluster.url()))
        .await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    let range = browser
        .page
        .find(Locator::Css(".compare input[type=range]"))
        .await?;
    let value = "return Number(document.querySelector('.compare input').value)";
    range.send_keys("\u{e014}\u{e014}").await?;
    ensure!(browser.run(value).await? == 600);
    range.send_keys(&"\u{e012}".repeat(12)).await?;
    ensure!(browser.run(value).await? == 0, "{}", browser.run(value).await?);
    browser.close().await
}

/// Passes bytes between a browser and the server until it is told to stall: then nothing goes through, and nothing is closed.
async fn stalling(server: String, is_stalled: Arc<AtomicBool>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&server).await else {
                continue;
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::spawn(pass(from_client, to_server, is_stalled.clone()));
            tokio::spawn(pass(from_server, to_client, is_stalled.clone()));
        }
    });
    Ok(address.to_string())
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    is_stalled: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        while is_stalled.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_stream_on_which_nothing_comes_is_lost_and_found_again() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let is_stalled = Arc::new(AtomicBool::new(false));
    let server = cluster.url().trim_start_matches("http://").to_owned();
    let proxy = stalling(server, is_stalled.clone()).await?;
    let browser = Browser::start(1280, 900).await?;
    browser.open(&format!("http://{proxy}/workers")).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    let well = "return !!document.querySelector('.state') && !document.querySelector('.state').innerText.includes('lost')";
    // Longer than a silence that counts as lost: the server's beats keep it.
    tokio::time::sleep(Duration::from_secs(15)).await;
    ensure!(browser.run(well).await? == true);
    is_stalled.store(true, Ordering::Relaxed);
    let lost = "return document.querySelector('.state').innerText.includes('connection lost')";
    browser.wait_for("the page to say so", SOON, lost).await?;
    is_stalled.store(false, Ordering::Relaxed);
    browser.wait_for("the connection", SOON, well).await?;
    browser.close().await
}
