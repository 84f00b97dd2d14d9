//! How a page lies in windows of other sizes. Chromium only.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Browser;

const SOON: Duration = Duration::from_secs(30);

/// Whether everything is there that is going to be drawn: fonts, pictures, the preview.
const SETTLED: &str = "\
return document.readyState === 'complete' && document.fonts.status === 'loaded' \
    && [...document.images].every(image => image.complete) \
    && ![...document.querySelectorAll('.tag.right')].some(tag => tag.innerText.includes('rendering'))";

/// Elements that reach beyond the right edge of the page, when it can be scrolled sideways.
const SIDEWAYS: &str = "\
const root = document.documentElement;
if (root.scrollWidth <= root.clientWidth) return [];
const beyond = [...document.querySelectorAll('body *')]
    .filter(element => element.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map(element => `${element.localName}.${element.getAttribute('class') ?? ''} \
to ${Math.round(element.getBoundingClientRect().right)} of ${root.clientWidth}`);
return beyond.length ? beyond.slice(0, 8) : ['something without an element of its own'];";

/// A window: pixels of the style sheet, and pixels of the screen for each of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Viewport {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 2 is what a zoom of 200 % is.
    pub scale: u32,
}

impl Viewport {
    /// A window without zoom.
    pub const fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            scale: 1,
        }
    }
}

/// Makes the window as large as `viewport` and waits until the page is drawn anew.
///
/// # Errors
/// When it is not within half a minute.
pub async fn resize(browser: &Browser, viewport: Viewport) -> Result<()> {
    let parameters = json!({
        "width": viewport.width, "height": viewport.height, "deviceScaleFactor": viewport.scale, "mobile": false,
    });
    // A bar would take from the width.
    browser
        .devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true }))
        .await?;
    browser
        .devtools("Emulation.setDeviceMetricsOverride", parameters)
        .await?;
    settle(browser).await
}

/// Waits until the page is drawn.
///
/// # Errors
/// When it is not within half a minute.
pub async fn settle(browser: &Browser) -> Result<()> {
    // What follows from a change is begun within two frames.
    let frames = "const done = arguments[arguments.length - 1]; \
                  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)))";
    browser.page.execute_async(frames, Vec::new()).await?;
    browser.wait_for("fonts and pictures", SOON, SETTLED).await?;
    browser.page.execute_async(frames, Vec::new()).await?;
    Ok(())
}

/// What makes the page scroll sideways; empty when it does not.
///
/// # Errors
/// When the page does not answer.
pub async fn sideways(browser: &Browser) -> Result<Vec<String>> {
    let found = browser.run(SIDEWAYS).await?;
    let found = found.as_array().into_iter().flatten();
    Ok(found.filter_map(Value::as_str).map(ToOwned::to_owned).collect())
}
