//! The settings files of the packages: every setting of a program, commented out, with its default and what `--help` says of
//! it. They are made of `--help` itself, so that they say what the program does.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// Columns of a comment.
const WIDTH: usize = 100;

/// A setting as `--help` explains it.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    variable: String,
    default: String,
    text: String,
}

/// Variables of librdkafka that a cluster asks for first, a usual value, and what it is.
const OF_KAFKA: [(&str, &str, &str); 6] = [
    (
        "KAFKA_SECURITY_PROTOCOL",
        "sasl_ssl",
        "How Kafka is reached: plaintext, ssl, sasl_plaintext or sasl_ssl.",
    ),
    (
        "KAFKA_SASL_MECHANISM",
        "SCRAM-SHA-512",
        "How the user is proved: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
    ),
    ("KAFKA_SASL_USERNAME", "", "The user."),
    ("KAFKA_SASL_PASSWORD", "", "The user's password."),
    (
        "KAFKA_SSL_CA_LOCATION",
        "/etc/ssl/certs/ca-certificates.crt",
        "The certificates by which brokers are trusted.",
    ),
    (
        "KAFKA_COMPRESSION_TYPE",
        "lz4",
        "Makes records smaller on the wire and costs processor time: none, lz4 or zstd. Server and workers choose for themselves.",
    ),
];

/// The settings file of `program`, which is run for its `--help`. What `unit` sets in its environment stands as the default.
///
/// # Errors
/// The program does not run, or says nothing of a setting that `unit` sets.
pub fn file(program: &Path, unit: &str) -> Result<String> {
    let name = program.file_name().and_then(|name| name.to_str());
    let name = name.context("a program has a name")?;
    // Help shows what is set, and nothing is to be.
    let output = Command::new(program)
        .arg("--help")
        .env_clear()
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(output.status.success(), "{name} --help failed");
    let help = String::from_utf8(output.stdout)?;
    text(name, &help, unit)
}

fn text(name: &str, help: &str, unit: &str) -> Result<String> {
    let mut settings = read(help);
    ensure!(!settings.is_empty(), "{name} --help names no setting");
    for line in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
        let (variable, value) = line.split_once('=').context("Environment=NAME=VALUE")?;
        match settings.iter_mut().find(|setting| setting.variable == variable) {
            Some(setting) => value.clone_into(&mut setting.default),
            None => bail!("the unit of {name} sets {variable}, of which --help says nothing"),
        }
    }
    if settings.iter().all(|setting| setting.variable != "RUST_LOG") {
        settings.push(Setting {
            variable: "RUST_LOG".to_owned(),
            default: "info".to_owned(),
            text: "What is logged: warn, info, debug, or a filter such as rdkafka=debug,info.".to_owned(),
        });
    }
    let mut file = format!(
        "# Settings of {name}: NAME=value, a line each, without spaces around the sign. What is commented out is the default,\n\
         # or empty where that is no plain value. `systemctl restart {name}` makes a change count.\n"
    );
    for setting in &settings {
        paragraph(&mut file, &setting.text, &setting.variable, &setting.default);
    }
    if settings.iter().any(|setting| setting.variable == "KAFKA_BROKER") {
        file.push_str(
            "\n# Every other variable KAFKA_SOME_NAME is the setting some.name of librdkafka. Those that a cluster asks for first,\n\
             # with usual values; nothing is set where nothing is said:\n",
        );
        for (variable, value, text) in OF_KAFKA {
            paragraph(&mut file, text, variable, value);
        }
    }
    Ok(file)
}

fn paragraph(file: &mut String, text: &str, variable: &str, value: &str) {
    file.push('\n');
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(file, "{line}");
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(file, "{line}\n#{variable}={value}");
}

/// The settings in the text of `--help`, which clap writes in one column or in two.
fn read(help: &str) -> Vec<Setting> {
    let mut blocks: Vec<String> = Vec::new();
    let mut within = false;
    for line in help.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.trim().is_empty() {
            continue;
        }
        if indent == 0 {
            within = line.starts_with("Options:");
        } else if within && indent <= 6 && line.trim_start().starts_with('-') {
            blocks.push(line.trim().to_owned());
        } else if let Some(block) = blocks.last_mut().filter(|_| within) {
            block.push(' ');
            block.push_str(line.trim());
        }
    }
    blocks.iter().filter_map(|block| setting(block)).collect()
}

/// Of `--name <VALUE> What it is [env: NAME=] [default: 1]`.
fn setting(block: &str) -> Option<Setting> {
    let (before, rest) = block.split_once("[env: ")?;
    let (variable, rest) = rest.split_once('=')?;
    let default = rest
        .split_once("[default: ")
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(value, _)| value);
    let words = before.split_whitespace();
    let text: Vec<&str> = words
        .skip_while(|word| word.starts_with('-') || word.starts_with('<'))
        .collect();
    let mut text = text.join(" ");
    if !text.ends_with(['.', ']']) {
        text.push('.');
    }
    Some(Setting {
        variable: variable.to_owned(),
        default: default.trim_matches('"').to_owned(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_COLUMNS: &str = "\
Renders tiles

Usage: azulejo-worker [OPTIONS]

Options:
      --kafka <HOST:PORT>     Kafka, several separated by commas
                              --not-an-option [default: 127.0.0.1:9092] [env:
                              KAFKA_BROKER=]
      --prefix <P>            Before names [env: KAFKA_TOPIC_PREFIX=] [default: \"\"]
      --interval <S>          Seconds [env: HEARTBEAT_INTERVAL=] [default: 1]
  -h, --help                  Print help

More is said here, of [env: NOTHING=].
";
    const ONE_COLUMN: &str = "\
Options:
      --data-dir <FOLDER>
          Keeps it there

          [env: AZULEJO_DATA_DIR=]
          [default: ./data]

      --allow-remote
          Allows it

          [env: AZULEJO_ALLOW_REMOTE=]
";

    fn setting(variable: &str, default: &str, text: &str) -> Setting {
        Setting {
            variable: variable.to_owned(),
            default: default.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn both_layouts_of_help_are_read() {
        let kafka = "Kafka, several separated by commas --not-an-option [default: 127.0.0.1:9092]";
        assert_eq!(
            read(TWO_COLUMNS),
            [
                setting("KAFKA_BROKER", "", kafka),
                setting("KAFKA_TOPIC_PREFIX", "", "Before names."),
                setting("HEARTBEAT_INTERVAL", "1", "Seconds."),
            ]
        );
        assert_eq!(
            read(ONE_COLUMN),
            [
                setting("AZULEJO_DATA_DIR", "./data", "Keeps it there."),
                setting("AZULEJO_ALLOW_REMOTE", "", "Allows it."),
            ]
        );
    }

    #[test]
    fn what_the_unit_sets_is_the_default_and_everything_is_a_comment() {
        let file = text("x", ONE_COLUMN, "Environment=AZULEJO_DATA_DIR=/var/lib/x\n").unwrap();
        assert!(
            file.contains("\n# Keeps it there.\n#AZULEJO_DATA_DIR=/var/lib/x\n"),
            "{file}"
        );
        assert!(file.contains("\n#RUST_LOG=info\n"), "{file}");
        assert!(
            file.lines().all(|line| line.is_empty() || line.starts_with('#')),
            "{file}"
        );
    }

    #[test]
    fn a_variable_of_the_unit_that_the_program_does_not_know_is_an_error() {
        let error = text("x", ONE_COLUMN, "Environment=AZULEJO_DATADIR=/x").unwrap_err();
        assert!(error.to_string().contains("AZULEJO_DATADIR"), "{error}");
    }
}
