//! Headless Chromium, driven through chromedriver.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser with a fresh profile. [`Browser::close`] ends it; so does dropping it, less politely.
pub struct Browser {
    /// WebDriver.
    pub page: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts chromedriver on a free port and Chromium with a window of `width` by `height`.
    ///
    /// # Errors
    /// When one of them is not installed or does not start.
    pub async fn start(width: u32, height: u32) -> Result<Self> {
        Self::start_with(width, height, json!({})).await
    }

    /// The same where no page's script runs, as for somebody who has switched them off.
    ///
    /// # Errors
    /// As [`Browser::start`].
    pub async fn start_without_scripts(width: u32, height: u32) -> Result<Self> {
        // 2 is Chromium's "block".
        let preferences = json!({ "profile.managed_default_content_settings.javascript": 2 });
        Self::start_with(width, height, preferences).await
    }

    async fn start_with(width: u32, height: u32, preferences: Value) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let profile = tempfile::Builder::new().prefix("azulejo-chromium-").tempdir()?;
        let mut driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver does not start: install Debian's chromium and chromium-driver")?;
        let capabilities = json!({
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage",
                format!("--window-size={width},{height}"),
                format!("--user-data-dir={}", profile.path().display()),
            ], "prefs": preferences },
        });
        let capabilities = capabilities.as_object().cloned().unwrap_or_default();
        let start = Instant::now();
        loop {
            let connected = ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await;
            match connected {
                Ok(page) => {
                    return Ok(Self {
                        page,
                        driver,
                        _profile: profile,
                    });
                }
                Err(error) if start.elapsed() > Duration::from_secs(30) => {
                    let _ = driver.kill();
                    return Err(error).context("chromium does not start");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Runs `source` in every page from now on, before any script of its own.
    ///
    /// # Errors
    /// When chromedriver refuses.
    pub async fn run_before_pages(&self, source: &str) -> Result<()> {
        let command = DevTools {
            name: "Page.addScriptToEvaluateOnNewDocument",
            parameters: json!({ "source": source }),
        };
        self.page.issue_cmd(command).await?;
        Ok(())
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

    /// Errors and warnings in the console since the last call.
    ///
    /// # Errors
    /// When chromedriver does not answer.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        let log = self.page.issue_cmd(ConsoleLog).await?;
        let entries = log.as_array().cloned().unwrap_or_default();
        Ok(entries
            .iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// SIGTERM, not SIGKILL: chromedriver then takes Chromium with it.
    fn end_driver(&mut self) {
        let _ = Command::new("kill").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// When chromedriver does not answer.
    pub async fn close(mut self) -> Result<()> {
        self.page.clone().close().await?;
        self.end_driver();
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if matches!(self.driver.try_wait(), Ok(None)) {
            self.end_driver();
        }
    }
}

/// Chromedriver's own command for the console.
#[derive(Debug)]
struct ConsoleLog;

impl fantoccini::wd::WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base_url: &url::Url,
        session_id: Option<&str>,
    ) -> std::result::Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/se/log", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// A command of Chromium's DevTools protocol, which chromedriver passes on.
#[derive(Debug)]
struct DevTools {
    name: &'static str,
    parameters: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base_url: &url::Url,
        session_id: Option<&str>,
    ) -> std::result::Result<url::Url, url::ParseError> {
        base_url.join(&format!(
            "session/{}/goog/cdp/execute",
            session_id.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({ "cmd": self.name, "params": self.parameters });
        (http::Method::POST, Some(body.to_string()))
    }
}
