//! Real browsers, driven through WebDriver: headless Chromium, headless Firefox, WebKitGTK on a virtual display.

mod chromium;
mod console;
mod firefox;
pub mod layout;
mod processes;
pub mod studio;
mod webkit;

use std::fmt;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::processes::{Driver, Processes};

/// How long a click waits for its element.
const CLICK: Duration = Duration::from_secs(30);

/// What renders the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Chromium, through chromedriver.
    Chromium,
    /// Firefox ESR, through geckodriver.
    Firefox,
    /// WebKitGTK's MiniBrowser, through `WebKitWebDriver`.
    WebKit,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::WebKit => "WebKitGTK",
        })
    }
}

/// The driver's output, in the profile's folder.
const LOG: &str = "driver.log";

/// A browser with a fresh profile. [`Browser::close`] ends it; so does dropping it, less politely.
pub struct Browser {
    /// WebDriver.
    pub page: Client,
    engine: Engine,
    // Declared before the profile, so that processes end before their files go.
    processes: Processes,
    profile: TempDir,
    /// Bytes of the driver's log that were looked at.
    log_read: AtomicUsize,
}

impl Browser {
    /// Starts Chromium with a window of `width` by `height`.
    ///
    /// # Errors
    /// When it or chromedriver is not installed or does not start.
    pub async fn start(width: u32, height: u32) -> Result<Self> {
        Self::start_engine(Engine::Chromium, width, height).await
    }

    /// Chromium where no page's script runs, as for somebody who has switched them off.
    ///
    /// # Errors
    /// As [`Browser::start`].
    pub async fn start_without_scripts(width: u32, height: u32) -> Result<Self> {
        // 2 is Chromium's "block".
        let preferences = json!({ "profile.managed_default_content_settings.javascript": 2 });
        Self::start_with(Engine::Chromium, width, height, &preferences).await
    }

    /// Starts `engine` with a window of `width` by `height`.
    ///
    /// # Errors
    /// When it or its driver is not installed or does not start.
    pub async fn start_engine(engine: Engine, width: u32, height: u32) -> Result<Self> {
        Self::start_with(engine, width, height, &json!({})).await
    }

    async fn start_with(engine: Engine, width: u32, height: u32, preferences: &Value) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let profile = tempfile::Builder::new().prefix("azulejo-browser-").tempdir()?;
        let mut processes = Processes::default();
        let folder = profile.path();
        let driver = match engine {
            Engine::Chromium => chromium::driver(port, folder, (width, height), preferences),
            Engine::Firefox => firefox::driver(port, folder)?,
            Engine::WebKit => {
                let display = processes.start_display(width, height)?;
                webkit::driver(port, folder, &display)?
            }
        };
        let page = connect(&mut processes, driver, port, folder)
            .await
            .with_context(|| format!("{engine} does not start"))?;
        let browser = Self {
            page,
            engine,
            processes,
            profile,
            log_read: AtomicUsize::new(0),
        };
        if engine != Engine::Chromium {
            browser.page.set_window_size(width, height).await?;
        }
        Ok(browser)
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Goes to `url`. In all engines but Chromium the page itself tells what lands in its console, from the moment when
    /// it is loaded.
    ///
    /// # Errors
    /// When the page does not load.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.page.goto(url).await?;
        if self.engine != Engine::Chromium {
            self.run(console::LISTEN).await?;
        }
        Ok(())
    }

    /// Runs `source` in every page from now on, before any script of its own. Chromium only.
    ///
    /// # Errors
    /// When chromedriver refuses, and in another engine.
    pub async fn run_before_pages(&self, source: &str) -> Result<()> {
        self.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": source }),
        )
        .await?;
        Ok(())
    }

    /// Runs the command `name` of Chromium's DevTools protocol; gives what it answers. Chromium only.
    ///
    /// # Errors
    /// When chromedriver refuses, and in another engine.
    pub async fn devtools(&self, name: &'static str, parameters: Value) -> Result<Value> {
        ensure!(
            self.engine == Engine::Chromium,
            "only Chromium has {name}, not {}",
            self.engine
        );
        chromium::devtools(&self.page, name, parameters).await
    }

    /// Runs `script` (a function body) in the page.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.page.execute(script, Vec::new()).await?)
    }

    /// Waits until `script` (a function body) returns something true; gives it.
    ///
    /// # Errors
    /// When that takes longer than `limit`.
    pub async fn wait_for(&self, what: &str, limit: Duration, script: &str) -> Result<Value> {
        let start = Instant::now();
        loop {
            let value = self.run(script).await?;
            let truthy = !matches!(value, Value::Null | Value::Bool(false))
                && value.as_f64() != Some(0.0)
                && value.as_str() != Some("");
            if truthy {
                return Ok(value);
            }
            if start.elapsed() > limit {
                let text = self
                    .run("return document.body ? document.body.innerText : ''")
                    .await?;
                bail!(
                    "waited {limit:?} for {what} in vain; the page says:\n{}",
                    text.as_str().unwrap_or("")
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for the element at `locator`, and clicks it; one that is replaced in between is looked for again.
    ///
    /// # Errors
    /// When it does not come within 30 seconds or cannot be clicked.
    pub async fn click(&self, locator: Locator<'_>) -> Result<()> {
        let start = Instant::now();
        loop {
            let left = CLICK.saturating_sub(start.elapsed());
            let element = self.page.wait().at_most(left).for_element(locator).await;
            let element = element.with_context(|| format!("there is no {locator:?}"))?;
            match element.click().await {
                Err(error) if error.is_stale_element_reference() && !left.is_zero() => (),
                // What is wrong is in its name: the message may be empty.
                clicked => {
                    return clicked.map_err(|error| anyhow!("{locator:?} cannot be clicked: {error:?}"));
                }
            }
        }
    }

    /// Errors and warnings in the console since the last call. Chromium's are complete. The other engines' are
    /// those since the end of the last [`Browser::open`], and in Firefox every error that no script caught.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        if self.engine == Engine::Chromium {
            return chromium::console_errors(&self.page).await;
        }
        let heard = self.run(console::HEARD).await?;
        let heard = heard.as_array().into_iter().flatten();
        let mut errors: Vec<_> = heard
            .map(|line| line.as_str().unwrap_or_default().to_owned())
            .collect();
        if self.engine == Engine::Firefox {
            let log = std::fs::read(self.profile.path().join(LOG))?;
            // A line that is being written is left for the next call.
            let whole = log
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            let read = self.log_read.swap(whole, Ordering::Relaxed);
            let news = String::from_utf8_lossy(&log[read..whole]);
            errors.extend(firefox::uncaught_errors(&news));
        }
        Ok(errors)
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn close(mut self) -> Result<()> {
        self.page.clone().close().await?;
        self.processes.end();
        Ok(())
    }
}

/// Starts the driver and asks it for a browser until there is one.
async fn connect(processes: &mut Processes, driver: Driver, port: u16, folder: &Path) -> Result<Client> {
    let log = folder.join(LOG);
    processes.start(driver.command, &log)?;
    let capabilities = driver.capabilities.as_object().cloned().unwrap_or_default();
    let start = Instant::now();
    loop {
        let connected = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        match connected {
            Ok(page) => return Ok(page),
            Err(error) if start.elapsed() > Duration::from_secs(30) => {
                return Err(error).context(std::fs::read_to_string(&log).unwrap_or_default());
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
