//! One page, taken in every theme and window, and looked at by axe-core.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::axe;
use crate::browser::Browser;
use crate::browser::layout::{Viewport, resize, settle, sideways};

const THEMES: [&str; 2] = ["light", "dark"];

/// Windows with the name that stands in the file's: a desk, a telephone, a large screen, and the desk at a zoom of 200 %.
const WINDOWS: [(&str, Viewport); 4] = [
    ("1440", Viewport::new(1440, 1060)),
    ("390", Viewport::new(390, 844)),
    ("2560", Viewport::new(2560, 1440)),
    (
        "720",
        Viewport {
            width: 720,
            height: 530,
            scale: 2,
        },
    ),
];

/// The narrowest window in which a page must not scroll sideways (WCAG 1.4.10).
const NARROWEST: Viewport = Viewport::new(320, 640);

/// Pixels of the style sheet; what is below of a longer page is left out.
const LONGEST: f64 = 4000.0;

/// Takes pages and notes what is wrong with them.
pub struct Camera {
    /// Where pictures go; without it the pages are looked at only.
    folder: Option<PathBuf>,
    /// States that are taken, by the beginnings of their names; all when there are none.
    only: Vec<String>,
    faults: Vec<String>,
    taken: usize,
}

impl Camera {
    /// One that writes `STATE-THEME-WIDTH.png` into `folder`, of the states that begin with one of `only`, or of all.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: &Path, only: Vec<String>) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            folder: Some(folder.to_owned()),
            only,
            faults: Vec::new(),
            taken: 0,
        })
    }

    /// One that takes no pictures: it only looks for what is wrong with the pages.
    pub fn without_pictures() -> Self {
        Self {
            folder: None,
            only: Vec::new(),
            faults: Vec::new(),
            taken: 0,
        }
    }

    /// Whether `state` is one of those that are taken.
    pub fn wants(&self, state: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|start| state.starts_with(start.as_str()))
    }

    /// Whether any state that begins with `group` is one of those that are taken.
    pub fn wants_of(&self, group: &str) -> bool {
        self.wants(group) || self.only.iter().any(|start| start.starts_with(group))
    }

    /// Takes the page that is open in every theme and window. Between two themes it calls `pause`.
    ///
    /// # Errors
    /// When the page is not drawn or the file cannot be written.
    pub async fn take(
        &mut self,
        browser: &Browser,
        state: &str,
        pause: impl AsyncFn() -> Result<()>,
    ) -> Result<()> {
        if !self.wants(state) {
            return Ok(());
        }
        for theme in THEMES {
            let script = format!("document.documentElement.dataset.theme = '{theme}'");
            browser.run(&script).await?;
            let found = axe::check(browser).await?;
            self.faults
                .extend(found.iter().map(|text| format!("{state}, {theme}: {text}")));
            self.take_windows(browser, state, theme).await?;
            self.taken += 1;
            pause().await?;
        }
        resize(browser, NARROWEST).await?;
        self.look_for_faults(browser, state, NARROWEST).await?;
        resize(browser, WINDOWS[0].1).await
    }

    async fn take_windows(&mut self, browser: &Browser, state: &str, theme: &str) -> Result<()> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        for (name, viewport) in WINDOWS {
            resize(browser, viewport).await?;
            self.look_for_faults(browser, state, viewport).await?;
            let file = folder.join(format!("{state}-{theme}-{name}.png"));
            std::fs::write(&file, capture(browser).await?)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        // axe-core looks at the next theme in the first window again.
        resize(browser, WINDOWS[0].1).await
    }

    async fn look_for_faults(&mut self, browser: &Browser, state: &str, viewport: Viewport) -> Result<()> {
        let found = sideways(browser).await?;
        if !found.is_empty() {
            self.faults.push(format!(
                "{state} scrolls sideways at {} pixels: {}",
                viewport.width,
                found.join(", ")
            ));
        }
        Ok(())
    }

    /// How many states were looked at, each theme for itself.
    ///
    /// # Errors
    /// When axe-core finds something wrong, a page scrolls sideways, or nothing was looked at.
    pub fn finish(self) -> Result<usize> {
        anyhow::ensure!(self.faults.is_empty(), "{}", self.faults.join("\n"));
        anyhow::ensure!(self.taken > 0, "no state begins with {}", self.only.join(" or "));
        Ok(self.taken)
    }
}

/// For every page: while it is taken, Chromium makes the window another size for a moment, which the page must not answer.
pub const HOLD_STILL: &str = "addEventListener('resize', event => { \
     if (window.isTaken) event.stopImmediatePropagation(); }, true)";

/// The whole page as a PNG file, also what lies below the window.
async fn capture(browser: &Browser) -> Result<Vec<u8>> {
    browser.run("scrollTo(0, 0)").await?;
    settle(browser).await?;
    let size = browser
        .run("const e = document.documentElement; return [e.clientWidth, Math.max(e.scrollHeight, innerHeight)]")
        .await?;
    let (width, height) = (size[0].as_f64().unwrap_or(1.0), size[1].as_f64().unwrap_or(1.0));
    let parameters = json!({
        "format": "png", "captureBeyondViewport": true,
        "clip": { "x": 0, "y": 0, "width": width, "height": height.min(LONGEST), "scale": 1 },
    });
    browser.run("window.isTaken = true").await?;
    let answer = browser.devtools("Page.captureScreenshot", parameters).await?;
    settle(browser).await?;
    browser.run("window.isTaken = false").await?;
    let data = answer["data"].as_str().context("a screenshot has data")?;
    Ok(BASE64_STANDARD.decode(data)?)
}
