//! Headless Chromium, and what only its driver can do.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use fantoccini::Client;
use serde_json::{Value, json};

use super::processes::Driver;

/// Chromedriver on `port` and a Chromium whose profile is in `folder`.
pub(super) fn driver(port: u16, folder: &Path, size: (u32, u32), preferences: &Value) -> Driver {
    let mut command = Command::new("chromedriver");
    command.arg(format!("--port={port}"));
    let capabilities = json!({
        "goog:loggingPrefs": { "browser": "ALL" },
        "goog:chromeOptions": { "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage",
            format!("--window-size={},{}", size.0, size.1),
            format!("--user-data-dir={}", folder.join("profile").display()),
        ], "prefs": preferences },
    });
    Driver {
        command,
        capabilities,
    }
}

/// Runs the command `name` of the DevTools protocol; gives what it answers.
pub(super) async fn devtools(page: &Client, name: &'static str, parameters: Value) -> Result<Value> {
    Ok(page.issue_cmd(DevTools { name, parameters }).await?)
}

/// Errors and warnings in the console since the last call.
pub(super) async fn console_errors(page: &Client) -> Result<Vec<String>> {
    let log = page.issue_cmd(ConsoleLog).await?;
    let entries = log.as_array().cloned().unwrap_or_default();
    Ok(entries
        .iter()
        .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
        .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
        .collect())
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
