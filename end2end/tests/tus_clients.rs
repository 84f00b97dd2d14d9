//! Resumable uploads, judged by clients that are not ours, tuspy and tus-js-client: the line is cut at twenty points by chance, the
//! server is killed twice, and the file arrives byte for byte and becomes one job.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::cutting::CuttingProxy;
use azulejo_end2end::process::tools_dir;
use azulejo_end2end::random::Random;
use azulejo_end2end::{Cluster, ClusterOptions};
use futures::StreamExt as _;

/// Cuts of the line.
const CUTS: usize = 20;

/// When the server dies, as shares of the file that clients have sent.
const DEATHS: [f64; 2] = [0.3, 0.7];

/// How much is sent.
struct Size {
    /// Pixels of a side of the image, which has three bytes for each.
    side: u32,
    /// About how fast the line is.
    bytes_per_second: u64,
    /// How long the client may take.
    patience: Duration,
    /// Whether the job is waited for; otherwise no worker is there, and it is cancelled.
    is_rendered: bool,
}

/// 31 MB.
const SHORT: Size = Size {
    side: 3200,
    bytes_per_second: 8_000_000,
    patience: Duration::from_secs(180),
    is_rendered: true,
};

/// 1.08 GB.
const LONG: Size = Size {
    side: 19_000,
    bytes_per_second: 200_000_000,
    patience: Duration::from_secs(1500),
    is_rendered: false,
};

/// Which client, and the arguments in front of the address, the file and the recipe.
struct Judge {
    program: String,
    arguments: Vec<String>,
}

fn script(name: &str) -> String {
    format!("{}/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn tuspy() -> Result<Judge> {
    let python = tools_dir()?.join("tuspy/bin/python");
    ensure!(
        python.is_file(),
        "{} is not there: `cargo xtask test` makes it",
        python.display()
    );
    Ok(Judge {
        program: python.to_string_lossy().into_owned(),
        arguments: vec![script("tuspy_upload.py")],
    })
}

fn tus_js() -> Result<Judge> {
    let modules = tools_dir()?.join("tus-js-client");
    ensure!(
        modules.is_dir(),
        "{} is not there: `cargo xtask test` makes it",
        modules.display()
    );
    let modules = modules.canonicalize()?.to_string_lossy().into_owned();
    Ok(Judge {
        program: "node".to_owned(),
        arguments: vec![script("tus_js_upload.js"), modules],
    })
}

/// Writes a picture of noise, which does not pack, row by row.
fn write_noise(path: &Path, side: u32, random: &mut Random) -> Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), side, side);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    let mut stream = writer.stream_writer()?;
    for _ in 0..side {
        let row: Vec<u8> = (0..side)
            .flat_map(|_| random.below(1 << 24).to_le_bytes().into_iter().take(3))
            .collect();
        stream.write_all(&row)?;
    }
    stream.finish()?;
    writer.finish()?;
    Ok(())
}

/// The seed of this run: `AZULEJO_SEED`, or another one each time.
fn seed() -> u64 {
    let given = std::env::var("AZULEJO_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        now.as_nanos() as u64
    })
}

/// Has `judge` send a file through cuts and deaths.
async fn judged(judge: Judge, size: &Size) -> Result<()> {
    let seed = seed();
    sent(judge, size, seed)
        .await
        .with_context(|| format!("with AZULEJO_SEED={seed}"))
}

async fn sent(judge: Judge, size: &Size, seed: u64) -> Result<()> {
    let mut cluster = Cluster::start(ClusterOptions {
        workers: usize::from(size.is_rendered),
        ..ClusterOptions::default()
    })
    .await?;
    let mut random = Random::new(seed);
    let path = cluster.path("noise.png");
    write_noise(Path::new(&path), size.side, &mut random)?;
    let length = std::fs::metadata(&path)?.len();
    ensure!(length > u64::from(size.side).pow(2) * 3, "{length} bytes");
    let mut cuts: Vec<u64> = (0..CUTS).map(|_| random.below(length)).collect();
    cuts.sort_unstable();

    let target = cluster.url().trim_start_matches("http://").to_owned();
    let proxy = CuttingProxy::start(&target, size.bytes_per_second, cuts).await?;
    let mut command = tokio::process::Command::new(&judge.program);
    command
        .args(&judge.arguments)
        .args([&proxy.url(), &path, "invert"]);
    let client = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the client does not start")?;
    let run = async {
        let (output, deaths) = tokio::join!(client.wait_with_output(), deaths(&mut cluster, &proxy, length));
        deaths?;
        Ok::<Output, anyhow::Error>(output?)
    };
    let output = tokio::time::timeout(size.patience, run)
        .await
        .context("the client does not end")??;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}: {said}", output.status);
    ensure!(
        proxy.cuts_to_come() == 0,
        "{} cuts were not made: {said}",
        proxy.cuts_to_come()
    );
    ensure!(
        proxy.sent() < 2 * length,
        "{} bytes were sent for {length}",
        proxy.sent()
    );

    let id = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(is_original(&cluster, &id, &path).await?, "other bytes arrived");
    let client = cluster.client();
    let jobs = client.get("/jobs").await?.json;
    let one = jobs.as_array().is_some_and(|jobs| jobs.len() == 1);
    ensure!(one && jobs[0]["job_id"] == id.as_str(), "{jobs}");
    ensure!(client.get("/files").await?.json == serde_json::json!([]));
    let status = if size.is_rendered {
        "completed"
    } else {
        client.post(&format!("/job/{id}/cancel")).await?;
        "cancelled"
    };
    let job = client.wait_for_end(&id, size.patience).await?;
    ensure!(
        job["status"] == status && job["transformation"] == "invert" && job["input_bytes"] == length,
        "{job}"
    );
    Ok(())
}

/// Kills the server when enough was sent, starts it again, and sees that it still has the upload.
async fn deaths(cluster: &mut Cluster, proxy: &CuttingProxy, length: u64) -> Result<()> {
    for share in DEATHS {
        while (proxy.sent() as f64) < length as f64 * share {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cluster.server.as_mut().context("the server runs")?.kill_9()?;
        cluster.start_server()?;
        let uploads = cluster.client().get("/files").await?.json;
        let listed = uploads.as_array().filter(|uploads| uploads.len() == 1);
        let bytes = |name: &str| listed.and_then(|uploads| uploads[0][name].as_u64());
        ensure!(
            bytes("bytes") == Some(length)
                && bytes("offset").is_some_and(|offset| offset > length / 10 && offset < length),
            "{uploads}"
        );
    }
    Ok(())
}

/// Whether the image of the job is the file, compared as it comes.
async fn is_original(cluster: &Cluster, id: &str, path: &str) -> Result<bool> {
    let mut file = BufReader::new(File::open(path)?);
    let response = reqwest::get(format!("{}/job/{id}/original", cluster.url())).await?;
    let mut body = response.error_for_status()?.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        let mut expected = vec![0; chunk.len()];
        if file.read_exact(&mut expected).is_err() || expected != chunk {
            return Ok(false);
        }
    }
    Ok(file.read(&mut [0])? == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn tuspy_uploads_through_cuts_and_deaths_of_the_server() -> Result<()> {
    judged(tuspy()?, &SHORT).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tus_js_client_uploads_through_cuts_and_deaths_of_the_server() -> Result<()> {
    judged(tus_js()?, &SHORT).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, and 3 GB of disk: a gigabyte is sent"]
async fn tuspy_uploads_a_gigabyte_through_cuts_and_deaths_of_the_server() -> Result<()> {
    judged(tuspy()?, &LONG).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes, and 3 GB of disk: a gigabyte is sent"]
async fn tus_js_client_uploads_a_gigabyte_through_cuts_and_deaths_of_the_server() -> Result<()> {
    judged(tus_js()?, &LONG).await
}
