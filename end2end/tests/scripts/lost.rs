//! Answers that are lost on their way back from the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::images;
use azulejo_end2end::process::azulejo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::said::{cluster, image, jobs, ran};

/// A line to `target` that breaks as soon as the server answers, `losses` times; then it holds.
async fn losing(target: &str, losses: usize) -> Result<(SocketAddr, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let left = Arc::new(AtomicUsize::new(losses));
    let (target, of) = (target.to_owned(), Arc::clone(&left));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A line that breaks is what the test wants.
            tokio::spawn(lead(client, target.clone(), Arc::clone(&of)));
        }
    });
    Ok((address, left))
}

async fn lead(mut client: TcpStream, target: String, left: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(target).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = tokio::io::copy(&mut from_client, &mut to_server);
    let down = async {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let count = from_server.read(&mut piece).await?;
            let lose = |left: usize| left.checked_sub(1);
            if count == 0
                || left
                    .fetch_update(Ordering::AcqRel, Ordering::Acquire, lose)
                    .is_ok()
            {
                return std::io::Result::Ok(());
            }
            to_client.write_all(&piece[..count]).await?;
        }
    };
    tokio::select! {
        sent = up => drop(sent?),
        told = down => told?,
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_makes_no_second_job() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    let client = cluster.client();
    let bytes = image(&folder, "a.png", 81)?;
    let expected = cluster.apply("blur", &bytes, "png")?;
    let before = jobs(&client).await?;
    let target = cluster.url();
    let target = target
        .strip_prefix("http://")
        .context("the server has no address")?;
    let (line, left) = losing(target, 2).await?;
    let url = format!("http://{line}");

    let mut submit = azulejo(
        &url,
        &["submit", "a.png", "-r", "blur", "--fresh", "-o", "a-blur.png"],
    )?;
    submit.current_dir(&folder);
    let said = ran(submit, None).await?;
    ensure!(said.code == Some(0), "{said:?}");
    ensure!(said.stderr.contains("with the same Idempotency-Key"), "{said:?}");
    ensure!(
        left.load(Ordering::Acquire) == 0,
        "both answers were lost: {said:?}"
    );
    ensure!(jobs(&client).await? == before + 1, "one job: {said:?}");
    let result = images::decode(&std::fs::read(folder.join("a-blur.png"))?)?;
    expected.must_equal(&result, "the result")?;

    // A script that runs again with the key that it chose gets the job of the first time.
    for name in ["one.png", "two.png"] {
        let arguments = [
            "submit",
            "a.png",
            "-r",
            "blur",
            "--fresh",
            "--idempotency-key",
            "night 7",
            "-o",
            name,
        ];
        let mut submit = azulejo(&url, &arguments)?;
        submit.current_dir(&folder);
        let said = ran(submit, None).await?;
        ensure!(said.code == Some(0), "{said:?}");
    }
    ensure!(jobs(&client).await? == before + 2, "two runs, one job");
    ensure!(std::fs::read(folder.join("one.png"))? == std::fs::read(folder.join("two.png"))?);
    let mut other = azulejo(
        &url,
        &["submit", "a.png", "-r", "invert", "--idempotency-key", "night 7"],
    )?;
    other.current_dir(&folder);
    let said = ran(other, None).await?;
    ensure!(said.code == Some(1) && said.stderr.contains("(422)"), "{said:?}");
    let mut several = azulejo(
        &url,
        &["submit", "a.png", "a.png", "-r", "blur", "--idempotency-key", "k"],
    )?;
    several.current_dir(&folder);
    let said = ran(several, None).await?;
    ensure!(
        said.code == Some(2) && said.stderr.contains("takes one image"),
        "{said:?}"
    );
    Ok(())
}
