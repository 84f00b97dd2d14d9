//! Steps on the Studio that several tests take.

use std::time::Duration;

use anyhow::{Context, Result};
use fantoccini::Locator;

use super::Browser;
use crate::{Cluster, ClusterOptions};

const SOON: Duration = Duration::from_secs(30);
/// Whether the Studio is hydrated: then the controls that need it are no longer disabled.
pub const ALIVE: &str = "return document.readyState === 'complete' && !!document.querySelector('details.add .menu-list button') \
                         && ![...document.querySelectorAll('details.add .menu-list button')].some(b => b.disabled)";
/// Whether the preview says that it shows the bytes of the result.
pub const CLAIM: &str =
    "return [...document.querySelectorAll('.tag.right')].some(t => t.innerText.includes('same bytes'))";

/// An installation with so many workers, and its Studio in Chromium, hydrated.
///
/// # Errors
/// When one of them does not start.
pub async fn studio(workers: usize) -> Result<(Cluster, Browser)> {
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

/// Chooses `file` alone.
///
/// # Errors
/// When there is no field for it.
pub async fn choose(browser: &Browser, file: &str) -> Result<()> {
    // Keys add to what is chosen already.
    browser
        .run("document.querySelector('input[type=file]').value = ''")
        .await?;
    let input = browser.page.find(Locator::Css("input[type=file]")).await?;
    Ok(input.send_keys(file).await?)
}

/// Puts `text` into the field of the recipe, at once.
///
/// # Errors
/// When there is no such field.
pub async fn write_recipe(browser: &Browser, text: &str) -> Result<()> {
    let script = format!(
        "const t = document.querySelector('input[name=transformation]'); t.value = '{text}'; \
         t.dispatchEvent(new Event('input', {{ bubbles: true }}));"
    );
    browser.run(&script).await?;
    Ok(())
}

/// Presses the one button; gives the id of the job whose page comes.
///
/// # Errors
/// When no job's page comes.
pub async fn process(browser: &Browser) -> Result<String> {
    browser.click(Locator::Css("button.go")).await?;
    let script = "return location.pathname.startsWith('/job/') && location.pathname.slice(5)";
    let id = browser.wait_for("the job's page", SOON, script).await?;
    Ok(id.as_str().context("the job has an id")?.to_owned())
}
