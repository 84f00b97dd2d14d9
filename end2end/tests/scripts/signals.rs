//! What SIGINT, SIGTERM and SIGHUP do.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::Client;
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::said::{Said, azulejo, cluster, image, names};

/// Sends `signal` to `child` and waits for its end.
async fn signalled(mut child: Child, signal: &str) -> Result<Said> {
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &child.id().to_string()])
        .status()?;
    ensure!(sent.success(), "kill -{signal}");
    // An open standard input must not keep it.
    let stdin = child.stdin.take();
    let waited = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .context("it does not end")???;
    drop(stdin);
    Ok(Said {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

async fn processing(client: &Client, but: &BTreeSet<String>) -> Result<String> {
    client
        .wait_for(
            "a job that is processing",
            Duration::from_secs(30),
            async |client| {
                let jobs = client.get("/jobs?status=processing").await?.json;
                let ids = jobs.as_array().into_iter().flatten();
                Ok(ids
                    .filter_map(|job| job["job_id"].as_str())
                    .find(|id| !but.contains(*id))
                    .map(str::to_owned))
            },
        )
        .await
}

const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

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
            let child = azulejo(&cluster, &folder, arguments)?
                .stdin(Stdio::piped())
                .spawn()?;
            let waits = async |_: &Client| Ok((names(&folder)? != before).then_some(()));
            client
                .wait_for("a temporary file", Duration::from_secs(30), waits)
                .await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            let said = signalled(child, signal).await?;
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
