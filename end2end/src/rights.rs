//! The table of rights in docs/kafka.md, for the tests that hold Apache Kafka and the script that sets one up to it.

use anyhow::{Context as _, Result, bail, ensure};

const DOCS: &str = include_str!("../../docs/kafka.md");

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Right {
    /// `server` or `worker`.
    pub user: String,
    /// `topic` or `group`.
    pub kind: &'static str,
    /// The name of the topic or group.
    pub name: String,
    /// Whether all are meant whose names begin so.
    pub is_prefix: bool,
    /// Such as `Read`.
    pub operations: Vec<String>,
}

impl Right {
    /// How Kafka's tools call the kind of name.
    pub const fn pattern(&self) -> &'static str {
        if self.is_prefix { "prefixed" } else { "literal" }
    }
}

/// All rows.
///
/// # Errors
/// When the table is not there or of another shape.
pub fn documented() -> Result<Vec<Right>> {
    let (_, table) = DOCS
        .split_once("| user | resource | rights | for |")
        .context("docs/kafka.md has no table of rights")?;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let rights: Vec<Right> = rows.map(row).collect::<Result<_>>()?;
    ensure!(rights.len() >= 12, "docs/kafka.md: {rights:?}");
    Ok(rights)
}

fn row(line: &str) -> Result<Right> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let &[user, resource, operations, _] = cells.as_slice() else {
        bail!("docs/kafka.md: a row of another shape: {line}")
    };
    let name = resource
        .split('`')
        .nth(1)
        .with_context(|| format!("docs/kafka.md: no name: {line}"))?;
    Ok(Right {
        user: user.to_owned(),
        kind: if resource.starts_with("group") {
            "group"
        } else {
            "topic"
        },
        name: name.trim_end_matches('…').to_owned(),
        is_prefix: name.ends_with('…'),
        operations: operations.split(", ").map(str::to_owned).collect(),
    })
}
