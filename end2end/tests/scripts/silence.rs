//! A server that accepts and says nothing: commands that tell end by themselves.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use azulejo_end2end::process::command;
use futures::future::try_join_all;
use serde_json::json;

use crate::fake::{Answer, Fake};
use crate::said::ran;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() -> Result<()> {
    let silent = Fake::start(|_| Answer::json(200, &json!({})).late(Duration::from_secs(600))).await?;
    let cases = [
        (&["jobs"][..], 10, "did not answer"),
        (&["workers"], 10, "did not answer"),
        (&["health"], 10, "did not answer"),
        (&["top", "--once"], 5, "no answer within 5 s"),
    ];
    let all = cases.map(async |(arguments, patience, sentence)| {
        let mut command = command("azulejo")?;
        command.args(arguments).env("AZULEJO_SERVER", &silent.url);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let said = tokio::time::timeout(Duration::from_secs(40), ran(command, None)).await??;
        let took = started.elapsed();
        ensure!(said.code == Some(1), "{arguments:?}: {said:?}");
        // To `health` this is a finding, which goes to standard output.
        let told = format!("{}{}", said.text(), said.stderr);
        ensure!(told.contains(sentence), "{arguments:?}: {told}");
        ensure!(
            (patience..patience + 5).contains(&took.as_secs()),
            "{arguments:?}: it took {took:?}"
        );
        Ok(())
    });
    try_join_all(all).await.map(drop)
}
