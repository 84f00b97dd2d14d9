//! The installation, from its first minute to its last.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::camera::{Camera, HOLD_STILL};
use crate::browser::Browser;
use crate::browser::studio::{ALIVE, CLAIM, choose, write_recipe};
use crate::instant::InstantWorker;
use crate::process::command;
use crate::{Client, Cluster, ClusterOptions, images};

const SOON: Duration = Duration::from_secs(30);
/// Longer than it takes until a worker that is gone counts as lost, and any job here.
const PATIENCE: Duration = Duration::from_secs(180);
/// Slow enough to be seen at work.
const SLOW: &str = "bilateral:sigma_space=4|blur:sigma=6|sharpen";
/// Bytes in a second while an upload is looked at.
const SLOW_UPLOAD: u32 = 150_000;

/// What becomes of the jobs below: name of the file, size, recipe.
const HISTORY: [(&str, usize, usize, &str); 9] = [
    ("coast.png", 1600, 1024, "blur:sigma=6|sharpen"),
    ("quay.png", 1024, 1536, "rotate_90"),
    ("market hall.png", 1280, 1280, "grayscale|contrast:factor=1.4"),
    (
        "IMG_20261128_094512_panorama_stitched_from_eleven_frames_final_v2.png",
        3072,
        1024,
        "resize:width=1024,height=341|unsharp|gamma:gamma=0.9|sepia|flip_horizontal|brightness:factor=1.2",
    ),
    ("roof.png", 1500, 1100, "edge_detection"),
    ("azulejos.png", 1024, 1024, "median:radius=2"),
    ("stairs.png", 1100, 1500, "emboss"),
    ("tram.png", 1400, 1024, "invert"),
    ("river.png", 2048, 1024, "sepia"),
];

/// An installation with a browser, and the camera.
struct Tour<'a> {
    cluster: Cluster,
    client: Client,
    browser: Browser,
    camera: &'a mut Camera,
}

/// Brings an installation to every state and takes its pages.
///
/// # Errors
/// When it does not come to one of them.
pub async fn tour(camera: &mut Camera) -> Result<()> {
    let options = ClusterOptions {
        workers: 0,
        slots: 2,
        server_arguments: vec!["--tile-size".into(), "256".into()],
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await?;
    let client = cluster.client();
    let browser = Browser::start(1440, 1060).await?;
    browser.run_before_pages(HOLD_STILL).await?;
    let mut tour = Tour {
        cluster,
        client,
        browser,
        camera,
    };
    tour.without_workers().await?;
    tour.studio().await?;
    let of_jobs = ["job", "workers-busy", "studio-recent"];
    if of_jobs.iter().any(|group| tour.camera.wants_of(group)) {
        tour.jobs().await?;
    }
    let of_losses = ["workers-lost", "broker-down", "server-gone"];
    if of_losses.iter().any(|group| tour.camera.wants_of(group)) {
        tour.losses().await?;
    }
    tour.browser.close().await
}

impl Tour<'_> {
    async fn open(&self, path: &str) -> Result<()> {
        self.browser
            .open(&format!("{}{path}", self.cluster.url()))
            .await?;
        let there = "return document.readyState === 'complete' && !!document.querySelector('main h1') \
                     && document.querySelector('.state')?.innerText.length > 0";
        self.browser.wait_for(path, SOON, there).await?;
        Ok(())
    }

    /// The page says `text`.
    async fn wait_for_text(&self, text: &str, limit: Duration) -> Result<()> {
        let script = format!("return document.body.innerText.includes({})", json!(text));
        self.browser.wait_for(text, limit, &script).await?;
        Ok(())
    }

    async fn take(&mut self, state: &str) -> Result<()> {
        self.camera.take(&self.browser, state, async || Ok(())).await
    }

    async fn open_and_take(&mut self, path: &str, state: &str) -> Result<()> {
        if self.camera.wants(state) {
            self.open(path).await?;
            self.take(state).await?;
        }
        Ok(())
    }

    /// Before any worker has joined, and with one that cannot render two tiles.
    async fn without_workers(&mut self) -> Result<()> {
        self.open_and_take("/workers", "workers-none").await?;
        self.open_and_take("/", "studio-no-worker").await?;
        self.open_and_take("/jobs", "jobs-empty").await?;
        self.open_and_take("/no-such-page", "not-found").await?;

        let reason = "out of memory for a region of 2240 × 2240 pixels";
        let worker = InstantWorker::start_refusing(self.cluster.kafka(), "attic", &[8, 22], reason);
        let file = images::png(&images::photo(2048, 1536, 71))?;
        let id = self.client.submit("ferry.png", file, "invert").await?;
        let job = self.client.wait_for_end(&id, PATIENCE).await?;
        ensure!(job["status"] == "failed", "{job}");
        drop(worker);
        self.open_and_take(&format!("/job/{id}"), "job-failed").await?;

        for _ in 0..3 {
            self.cluster.start_worker()?;
        }
        self.client.wait_until_ready(3).await
    }

    async fn studio(&mut self) -> Result<()> {
        if !self.camera.wants_of("studio") {
            return Ok(());
        }
        let picture = self.cluster.path("harbour.png");
        std::fs::write(&picture, images::png(&images::photo(4096, 3072, 51))?)?;
        let small = self.cluster.path("small.png");
        std::fs::write(&small, images::png(&images::photo(640, 480, 52))?)?;
        let scan = self.cluster.path("scan.tif");
        let made = command("azulejo")?
            .args(["apply", "invert", &picture, &scan])
            .args(["--output-format", "tiff:pyramid=true"])
            .output()?;
        ensure!(made.status.success());
        let text = self.cluster.path("notes.txt");
        std::fs::write(&text, "no picture")?;

        self.open("/").await?;
        self.browser.wait_for("the page", SOON, ALIVE).await?;
        self.take("studio-empty").await?;
        self.browser
            .run("document.querySelector('details.add').open = true")
            .await?;
        self.take("studio-menu").await?;
        self.browser
            .run("document.querySelector('details.add').open = false; document.querySelector('.presets').open = true")
            .await?;
        self.take("studio-presets").await?;
        self.browser
            .run("document.querySelector('.presets').open = false")
            .await?;

        choose(&self.browser, &text).await?;
        self.wait_for_text("No preview", SOON).await?;
        self.take("studio-no-picture").await?;
        choose(&self.browser, &small).await?;
        self.wait_for_text("640", SOON).await?;
        self.take("studio-refused").await?;
        choose(&self.browser, &scan).await?;
        self.wait_for_text("scan.tif", SOON).await?;
        // A pyramid has several pages, of which one can be chosen.
        self.wait_for_text("of 5", SOON).await?;
        self.take("studio-tiff").await?;

        choose(&self.browser, &picture).await?;
        self.browser.wait_for("the preview", SOON, CLAIM).await?;
        write_recipe(&self.browser, "blur:sigma=6|sharpen").await?;
        self.browser.wait_for("the preview", SOON, CLAIM).await?;
        self.take("studio-preview").await?;
        self.choose_result("jpeg").await?;
        self.wait_for_text("Quality", SOON).await?;
        self.take("studio-jpeg").await?;
        self.choose_result("").await?;
        write_recipe(&self.browser, "blur:sigma=6|sharpen|blurr:amount=1").await?;
        self.wait_for_text("of the recipe before", SOON).await?;
        self.take("studio-invalid").await?;

        write_recipe(&self.browser, "blur:sigma=6|sharpen").await?;
        self.browser.wait_for("the preview", SOON, CLAIM).await?;
        self.slow_uploads(SLOW_UPLOAD.into()).await?;
        self.browser
            .run("document.querySelector('button.go').click()")
            .await?;
        let under_way = "return !!document.querySelector('.uploading progress[value]')";
        self.browser.wait_for("the upload", SOON, under_way).await?;
        self.take("studio-uploading").await?;
        self.slow_uploads(-1).await?;
        self.browser
            .run("document.querySelector('.uploading button')?.click()")
            .await?;
        Ok(())
    }

    /// Chooses the kind of file of the result.
    async fn choose_result(&self, kind: &str) -> Result<()> {
        let script = format!(
            "const kind = document.querySelector('#result-file'); kind.value = '{kind}'; \
             kind.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        );
        self.browser.run(&script).await?;
        Ok(())
    }

    /// Bytes that leave the browser in a second; -1 is as many as there are.
    async fn slow_uploads(&self, bytes: i64) -> Result<()> {
        self.browser.devtools("Network.enable", json!({})).await?;
        let parameters =
            json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes });
        self.browser
            .devtools("Network.emulateNetworkConditions", parameters)
            .await?;
        Ok(())
    }

    async fn jobs(&mut self) -> Result<()> {
        let mut done = Vec::new();
        for (seed, (name, width, height, recipe)) in (80..).zip(HISTORY) {
            let file = images::png(&images::photo(width, height, seed))?;
            let id = self.client.submit(name, file, recipe).await?;
            let job = self.client.wait_for_end(&id, PATIENCE).await?;
            ensure!(job["status"] == "completed", "{job}");
            done.push(id);
        }
        let [first, turned, _, long, ..] = done.as_slice() else {
            anyhow::bail!("there are more jobs");
        };
        self.open_and_take(&format!("/job/{first}"), "job-completed")
            .await?;
        self.open_and_take(&format!("/job/{long}"), "job-long").await?;
        self.open_and_take(&format!("/job/{first}?view=compare"), "job-compare")
            .await?;
        self.open_and_take(&format!("/job/{turned}?view=compare"), "job-compare-side")
            .await?;

        if self.camera.wants("job-again") {
            self.open(&format!("/?recipe=sepia&job={first}")).await?;
            self.browser.wait_for("the preview", SOON, CLAIM).await?;
            self.take("job-again").await?;
        }

        let large = images::png(&images::photo(4096, 3072, 51))?;
        let id = self.client.submit("harbour.png", large.clone(), SLOW).await?;
        self.client.wait_for_tiles(&id, 20).await?;
        let cancelled = self.client.post(&format!("/job/{id}/cancel")).await?;
        ensure!(cancelled.status == 200, "{cancelled:?}");
        self.client.wait_for_end(&id, PATIENCE).await?;
        self.open_and_take(&format!("/job/{id}"), "job-cancelled").await?;

        self.running(large).await?;
        self.open_and_take("/jobs", "jobs").await?;
        self.open_and_take("/jobs?search=nothing+like+this", "jobs-none-found")
            .await?;
        self.open_and_take("/", "studio-recent").await
    }

    /// A job under way: the workers stand still while it is looked at, for less than the time until they count as lost.
    async fn running(&mut self, file: Vec<u8>) -> Result<()> {
        let states = ["job-running", "jobs-running", "workers-busy"];
        if !states.iter().any(|state| self.camera.wants(state)) {
            return Ok(());
        }
        let id = self.client.submit("harbour.png", file, SLOW).await?;
        for (state, path) in
            states
                .iter()
                .zip([format!("/job/{id}"), "/jobs".to_owned(), "/workers".to_owned()])
        {
            self.open(&path).await?;
            if *state == "job-running" {
                self.client.wait_for_tiles(&id, 60).await?;
            }
            let workers = &self.cluster.workers;
            for worker in workers {
                worker.signal("STOP")?;
            }
            let pause = async || {
                for worker in workers {
                    worker.signal("CONT")?;
                }
                tokio::time::sleep(Duration::from_millis(700)).await;
                for worker in workers {
                    worker.signal("STOP")?;
                }
                Ok(())
            };
            let taken = self.camera.take(&self.browser, state, pause).await;
            for worker in workers {
                worker.signal("CONT")?;
            }
            taken?;
        }
        let cancelled = self.client.post(&format!("/job/{id}/cancel")).await?;
        ensure!(
            cancelled.status == 200 || cancelled.status == 409,
            "{cancelled:?}"
        );
        self.client.wait_for_end(&id, PATIENCE).await?;
        Ok(())
    }

    /// A worker, the broker and the server die, one after the other.
    async fn losses(&mut self) -> Result<()> {
        self.cluster.workers[2].kill_9()?;
        self.open("/workers").await?;
        if self.camera.wants("workers-lost") {
            let lost = "return [...document.querySelectorAll('.card')].some(card => \
                        card.innerText.includes('kiln-03') && card.innerText.includes('lost'))";
            self.browser.wait_for("the loss", PATIENCE, lost).await?;
            self.take("workers-lost").await?;
        }
        let broker = self.cluster.broker.as_mut().context("the broker runs")?;
        broker.kill_9()?;
        self.open("/").await?;
        self.wait_for_text("does not answer", PATIENCE).await?;
        self.take("broker-down-studio").await?;
        self.open_and_take("/jobs", "broker-down-jobs").await?;
        let server = self.cluster.server.as_mut().context("the server runs")?;
        server.kill_9()?;
        self.wait_for_text("connection lost", PATIENCE).await?;
        self.take("server-gone").await
    }
}
