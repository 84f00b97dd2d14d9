//! What is printed: errors of writing are seen, and text from elsewhere does nothing to a terminal.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::images;
use azulejo_end2end::process::command;
use serde_json::{Value, json};

use crate::fake::{Answer, Fake};
use crate::said::{azulejo, cluster, ran, says};

/// Escape sequences, C0, C1 and DEL, a line break, controls of direction.
const EVIL: &str = "x\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\u{7f}\r\nfake line\t\u{202e}\u{2066}\u{feff}";

#[tokio::test(flavor = "multi_thread")]
async fn every_command_sees_that_its_output_is_not_written() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    let pages = folder.join("pages");
    let pages = pages.to_str().context("a folder's name")?;
    for arguments in [
        &["recipes"][..],
        &["recipes", "--json"],
        &["jobs"],
        &["jobs", "--json"],
        &["workers"],
        &["workers", "--json"],
        &["health"],
        &["health", "--json"],
        &["completions", "bash"],
        &["man"],
        &["man", "--dir", pages],
        &["--help"],
        &["submit", "--help"],
        &["--version"],
    ] {
        let mut full = azulejo(&cluster, &folder, arguments)?;
        full.stdout(File::options().write(true).open("/dev/full")?);
        let said = ran(full, None).await?;
        ensure!(said.code == Some(1), "{arguments:?}: {said:?}");
        ensure!(
            said.stderr
                .starts_with("error: cannot write to standard output: No space left on device")
                && said.stderr.lines().count() == 1,
            "{arguments:?}: {said:?}"
        );
        // A reader that has gone, and nobody to tell: neither changes how the command ends.
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let mut unread = azulejo(&cluster, &folder, arguments)?;
        unread.stdout(writer);
        let said = ran(unread, None).await?;
        ensure!(
            said.code == Some(0) && said.stderr.is_empty(),
            "{arguments:?}: {said:?}"
        );
        let mut full = azulejo(&cluster, &folder, arguments)?;
        full.stdout(File::options().write(true).open("/dev/full")?);
        full.stderr(File::options().write(true).open("/dev/full")?);
        ensure!(ran(full, None).await?.code == Some(1), "{arguments:?}");
    }
    Ok(())
}

fn is_clean(text: &str) -> bool {
    !text.contains(|c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}' | '\u{feff}')
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn text_from_the_server_does_nothing_to_a_terminal_and_json_is_exact() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    let client = cluster.client();
    let file = images::png(&images::photo(1024, 1024, 31))?;
    let id = client.submit("a.png", file, "invert").await?;
    client.result(&id).await?;
    let mut jobs = client.get("/jobs").await?.json;
    for field in ["original_filename", "transformation", "error"] {
        jobs[0][field] = EVIL.into();
    }
    let mut workers = client.get("/workers").await?.json;
    workers[0]["worker_id"] = EVIL.into();
    let mut health = client.get("/health").await?.json;
    for field in ["status", "kafka_broker", "version"] {
        health[field] = EVIL.into();
    }
    let fake = Fake::start(move |request| match request {
        "GET /jobs" => Answer::json(200, &jobs),
        "GET /workers" => Answer::json(200, &workers),
        "GET /health" => Answer::json(200, &health),
        _ => Answer::json(400, &json!({ "code": "evil", "detail": EVIL })),
    })
    .await?;
    let run = async |arguments: &[&str]| {
        let mut command = azulejo(&cluster, &folder, arguments)?;
        command.env("AZULEJO_SERVER", &fake.url);
        ran(command, None).await
    };
    for (name, lines) in [("jobs", 2), ("workers", 2), ("health", 6)] {
        let said = run(&[name]).await?;
        let text = said.text();
        ensure!(
            said.code == Some(0) && text.contains("x\\u001b[2J"),
            "{name}: {said:?}"
        );
        ensure!(is_clean(&text) && !text.contains("\nfake"), "{name}: {said:?}");
        ensure!(text.lines().count() >= lines, "{name}: {said:?}");
        let said = run(&[name, "--json"]).await?;
        let value: Value = serde_json::from_slice(&said.stdout)?;
        let of = |value: &Value, field: &str| value[field] == EVIL || value[0][field] == EVIL;
        for field in match name {
            "jobs" => &["original_filename", "transformation", "error"][..],
            "workers" => &["worker_id"],
            _ => &["status", "kafka_broker", "version"],
        } {
            ensure!(of(&value, field), "{name}: {field}: {value}");
        }
    }
    std::fs::write(folder.join("a.png"), images::png(&images::photo(64, 64, 32))?)?;
    for arguments in [&["submit", "a.png", "-r", "blur"][..], &["again", &id, "blur"]] {
        let said = run(arguments).await?;
        ensure!(
            said.code == Some(1) && said.stderr.contains("x\\u001b[2J"),
            "{said:?}"
        );
        ensure!(
            is_clean(&said.stderr) && said.stderr.lines().count() == 1,
            "{said:?}"
        );
        let said = run(&[arguments, &["--json"]].concat()).await?;
        let line = &said.json()?[0];
        ensure!(
            line["error"].as_str().is_some_and(|error| error.contains(EVIL)),
            "{line}"
        );
    }
    Ok(())
}

/// Runs `azulejo` with `arguments` on a terminal of its own; gives what the terminal saw and the exit code.
fn on_a_terminal(folder: &Path, arguments: &str) -> Result<(String, Option<i32>)> {
    let program = command("azulejo")?;
    let program = program.get_program().to_str().context("the program's name")?;
    let output = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--command",
            &format!("{program} {arguments}"),
            "/dev/null",
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()?;
    Ok((
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code(),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_gets_no_image_and_no_escape_sequence() -> Result<()> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("SKIPPED: what a terminal sees: there is no `script` (Debian's bsdutils)");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    std::fs::write(folder.join("a.png"), images::png(&images::photo(64, 64, 33))?)?;
    for arguments in ["apply blur a.png -", "submit a.png -r blur -o -"] {
        let (seen, code) = on_a_terminal(folder, arguments)?;
        ensure!(
            code == Some(2) && seen.contains("standard output, which is a terminal"),
            "{arguments}: {seen}"
        );
    }
    let (seen, code) = on_a_terminal(folder, "apply blur - b.png")?;
    ensure!(code == Some(1) && seen.contains("it is a terminal"), "{seen}");

    // The same names, to a script exactly and to a terminal visibly.
    let evil = folder.join("x\u{1b}[2J\u{202e}");
    let (seen, code) = on_a_terminal(folder, "man --dir \"$(printf 'x\\033[2J\\342\\200\\256')\"")?;
    ensure!(code == Some(0) && evil.join("azulejo.1").is_file(), "{seen}");
    ensure!(
        seen.contains("x\\u001b[2J\\u202e/azulejo.1") && !seen.contains(['\u{1b}', '\u{202e}']),
        "{seen:?}"
    );
    let output = command("azulejo")?.args(["man", "--dir"]).arg(&evil).output()?;
    let first = evil.join("azulejo.1");
    ensure!(
        output.stdout.starts_with(first.as_os_str().as_encoded_bytes()),
        "{output:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_for_terminals() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    std::fs::write(folder.join("a.png"), images::png(&images::photo(1024, 1024, 34))?)?;
    for arguments in [
        &["submit", "a.png", "-r", "blur"][..],
        &["apply", "blur", "a.png", "b.png"],
    ] {
        let said = says(&cluster, &folder, arguments).await?;
        ensure!(said.code == Some(0) && said.stderr.is_empty(), "{said:?}");
    }
    Ok(())
}
