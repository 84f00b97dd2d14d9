//! What SIGINT, SIGTERM and SIGHUP do.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::{Client, Cluster};
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::said::{Said, azulejo, cluster, image, jobs, names, processing, signalled};

pub const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

/// `azulejo` that waits for standard input, where nothing comes, and gets `signal`. That it reads is seen by its temporary file.
async fn signalled_while_reading(
    cluster: &Cluster,
    folder: &Path,
    arguments: &[&str],
    signal: &str,
) -> Result<Said> {
    let before = names(folder)?;
    let child = azulejo(cluster, folder, arguments)?
        .stdin(Stdio::piped())
        .spawn()?;
    let reads = async |_: &Client| Ok((names(folder)? != before).then_some(()));
    let patience = Duration::from_secs(30);
    cluster
        .client()
        .wait_for("a temporary file", patience, reads)
        .await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    signalled(child, signal).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signal_that_ends_a_command_cancels_its_job() -> Result<()> {
    // Without a worker no job completes.
    let (cluster, folder) = cluster(0).await?;
    let client = cluster.client();
    image(&folder, "a.png", 81)?;
    let before = names(&folder)?;
    let earlier = client
        .submit("earlier.png", std::fs::read(folder.join("a.png"))?, "invert")
        .await?;
    let earlier_only = BTreeSet::from([earlier.clone()]);
    for (signal, code) in SIGNALS {
        for arguments in [
            &["submit", "a.png", "a.png", "-r", "blur", "--json"][..],
            &["again", &earlier, "blur", "--json"],
        ] {
            let child = azulejo(&cluster, &folder, arguments)?.spawn()?;
            let id = processing(&client, &earlier_only).await?;
            let said = signalled(child, signal).await?;
            ensure!(said.code == Some(code), "{arguments:?}, {signal}: {said:?}");
            let job = client.get(&format!("/job/{id}")).await?.json;
            ensure!(job["status"] == "cancelled", "{signal}: {}", job["status"]);
            let lines = said.json()?;
            ensure!(
                lines[0]["job"] == id.as_str() && lines[0]["status"] == "interrupted",
                "{said:?}"
            );
            ensure!(lines.iter().all(|line| line["exit"] == code), "{said:?}");
            ensure!(
                lines.len() == if arguments[0] == "submit" { 2 } else { 1 },
                "{said:?}"
            );
        }
        // While standard input says nothing.
        for arguments in [&["submit", "-", "-r", "blur"][..], &["apply", "blur", "-", "-"]] {
            let said = signalled_while_reading(&cluster, &folder, arguments, signal).await?;
            ensure!(
                said.code == Some(code) && said.stdout.is_empty(),
                "{arguments:?}, {signal}: {said:?}"
            );
        }
        ensure!(names(&folder)? == before, "{signal} leaves {:?}", names(&folder)?);
    }

    // A signal that was to be ignored, as under nohup, is.
    let program = azulejo(&cluster, &folder, &[])?;
    let mut ignoring = Command::new("sh");
    ignoring
        .args(["-c", "trap '' HUP; exec \"$0\" submit a.png -r blur"])
        .arg(program.get_program());
    ignoring
        .env("AZULEJO_SERVER", cluster.url())
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = ignoring.spawn()?;
    let id = processing(&client, &earlier_only).await?;
    ensure!(
        Command::new("kill")
            .args(["-HUP", &child.id().to_string()])
            .status()?
            .success(),
        "kill"
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    ensure!(
        client.get(&format!("/job/{id}")).await?.json["status"] == "processing",
        "SIGHUP was not ignored"
    );
    let said = signalled(child, "TERM").await?;
    ensure!(said.code == Some(143), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_heeded_while_the_server_answers_and_while_the_result_comes() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    let client = cluster.client();
    let bytes = image(&folder, "a.png", 82)?;
    let before = names(&folder)?;
    let id = client.submit("a.png", bytes, "blur").await?;
    client.result(&id).await?;
    let done = client.get(&format!("/job/{id}")).await?.json;
    let accepted = json!({ "job_id": id, "total_tiles": 4 });

    // The whole image has arrived, and the job's id is not known yet: its answer is waited for, and the job is cancelled.
    let late = accepted.clone();
    let fake = Fake::start(move |request| match request {
        "POST /process" => Answer::json(200, &late).late(Duration::from_secs(1)),
        _ => Answer::json(200, &json!({})),
    })
    .await?;
    for (signal, code) in SIGNALS {
        let mut command = azulejo(&cluster, &folder, &["submit", "a.png", "-r", "blur"])?;
        let child = command.env("AZULEJO_SERVER", &fake.url).spawn()?;
        let arrived = async |_: &Client| Ok(fake.has_seen("POST /process").then_some(()));
        client
            .wait_for("the image", Duration::from_secs(30), arrived)
            .await?;
        let said = signalled(child, signal).await?;
        ensure!(
            said.code == Some(code) && said.stderr.contains("is cancelled"),
            "{signal}: {said:?}"
        );
        ensure!(
            fake.has_seen(&format!("POST /job/{id}/cancel")),
            "{signal}: the job was left running"
        );
        fake.forget();
    }

    // The result comes and does not end.
    let (of_job, of_progress) = (format!("GET /job/{id}"), format!("GET /job/{id}/progress"));
    let progress = done["progress"].clone();
    let fake = Fake::start(move |request| match request {
        "POST /process" => Answer::json(200, &accepted),
        request if request == of_job => Answer::json(200, &done),
        request if request == of_progress => Answer::json(200, &progress),
        _ => Answer {
            missing: 1000,
            ..Answer::json(200, &json!("the beginning of an image"))
        },
    })
    .await?;
    for (signal, code) in SIGNALS {
        for output in ["-", "."] {
            let mut command = azulejo(
                &cluster,
                &folder,
                &["submit", "a.png", "-r", "blur", "-o", output],
            )?;
            let child = command.env("AZULEJO_SERVER", &fake.url).spawn()?;
            let download = format!("GET /download/{id}");
            let comes = async |_: &Client| Ok(fake.has_seen(&download).then_some(()));
            client
                .wait_for("the download", Duration::from_secs(30), comes)
                .await?;
            let said = signalled(child, signal).await?;
            ensure!(
                said.code == Some(code) && said.stdout.is_empty(),
                "{signal}: {said:?}"
            );
            ensure!(
                said.stderr.contains("its result was not saved"),
                "{signal}: {said:?}"
            );
            ensure!(names(&folder)? == before, "{signal} leaves {:?}", names(&folder)?);
            fake.forget();
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_image_has_its_line_when_a_signal_comes_before_the_first_is_sent() -> Result<()> {
    let (cluster, folder) = cluster(0).await?;
    let client = cluster.client();
    image(&folder, "a.png", 83)?;
    image(&folder, "b.png", 84)?;
    let silent = Fake::start(|_| Answer::json(200, &json!({})).late(Duration::from_secs(600))).await?;
    let id = "01a20544-b985-730f-82a6-b84d915d4169";
    for (signal, code) in SIGNALS {
        // Standard input says nothing, so that the image after it is not looked at.
        let arguments = ["submit", "no.png", "a.png", "-", "b.png", "-r", "blur", "--json"];
        let said = signalled_while_reading(&cluster, &folder, &arguments, signal).await?;
        ensure!(said.code == Some(code), "{signal}: {said:?}");
        let lines = said.json()?;
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line["input"].as_str(), line["status"].as_str()))
            .collect();
        let expected = [
            (Some("no.png"), Some("error")),
            (Some("a.png"), Some("interrupted")),
            (Some("-"), Some("interrupted")),
            (Some("b.png"), Some("interrupted")),
        ];
        ensure!(told == expected, "{signal}: {said:?}");
        for line in &lines[1..] {
            ensure!(
                line["error"] == "it was not sent" && line["exit"] == code && line["job"].is_null(),
                "{signal}: {said:?}"
            );
        }
        ensure!(jobs(&client).await? == 0, "{signal}: something was sent");

        let mut again = azulejo(&cluster, &folder, &["again", id, "blur", "--json"])?;
        let child = again.env("AZULEJO_SERVER", &silent.url).spawn()?;
        let asked = async |_: &Client| Ok(silent.has_seen(&format!("GET /job/{id}")).then_some(()));
        client
            .wait_for("the question", Duration::from_secs(30), asked)
            .await?;
        let said = signalled(child, signal).await?;
        let lines = said.json()?;
        ensure!(said.code == Some(code) && lines.len() == 1, "{signal}: {said:?}");
        ensure!(
            lines[0]["input"] == id && lines[0]["status"] == "interrupted" && lines[0]["exit"] == code,
            "{signal}: {said:?}"
        );
        silent.forget();
    }
    Ok(())
}
