//! axe-core, run in a page: what is wrong with it for people who do not see it, or not well, or use no mouse.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::browser::Browser;
use crate::process::tools_dir;

/// Runs every rule; the last argument is WebDriver's callback.
const RUN: &str = "\
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations'] })
    .then(found => done({ violations: found.violations }), error => done({ error: String(error) }));";

/// Elements named for each violation.
const TARGETS: usize = 5;

/// The violations on the page that `browser` is at, a text for each: rule, impact, help, the first elements with
/// their HTML.
///
/// # Errors
/// When axe-core is not there or does not run.
pub async fn check(browser: &Browser) -> Result<Vec<String>> {
    let loaded = browser.run("return typeof window.axe === 'object'").await?;
    if loaded != true {
        let path = tools_dir()?.join("axe.min.js");
        let script = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "{} is not there: run the tests by `cargo xtask test`, which fetches it",
                path.display()
            )
        })?;
        // Through WebDriver, which the pages' policy does not bind. It looks for `module` first, then for `window`.
        browser.run(&script).await?;
    }
    let found = browser.page.execute_async(RUN, Vec::new()).await?;
    if let Some(error) = found["error"].as_str() {
        bail!("axe does not run: {error}");
    }
    let violations = found["violations"].as_array().context("axe gives violations")?;
    Ok(violations.iter().map(in_words).collect())
}

fn in_words(violation: &Value) -> String {
    let word = |name: &str| violation[name].as_str().unwrap_or_default();
    let nodes = violation["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = format!(
        "{} ({}, {} elements): {}",
        word("id"),
        word("impact"),
        nodes.len(),
        word("help")
    );
    for node in nodes.iter().take(TARGETS) {
        let targets: Vec<_> = node["target"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|target| {
                target
                    .as_str()
                    .map_or_else(|| target.to_string(), ToOwned::to_owned)
            })
            .collect();
        let summary = node["failureSummary"].as_str().unwrap_or_default();
        let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n  {}\n    {}\n    {summary}",
            targets.join(" "),
            node["html"].as_str().unwrap_or_default()
        );
    }
    text
}
