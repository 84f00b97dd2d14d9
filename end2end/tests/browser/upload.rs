//! Uploads from the Studio that are cut: by the line, by the server's death, by the person, by loading the page anew. None is sent
//! twice.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{ALIVE, choose, write_recipe};
use azulejo_end2end::cutting::CuttingProxy;
use azulejo_end2end::images::Pixels;
use azulejo_end2end::{Cluster, ClusterOptions, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);
const WHILE: Duration = Duration::from_secs(120);
const RECIPE: &str = "rotate_90";
/// What the upload says of itself.
const SAID: &str = "document.querySelector('.uploading')?.innerText ?? ''";

/// A Studio behind a slow line, with a picture of noise chosen that takes some seconds.
struct Scene {
    cluster: Cluster,
    proxy: CuttingProxy,
    browser: Browser,
    file: Vec<u8>,
    path: String,
}

impl Scene {
    async fn start() -> Result<Self> {
        let cluster = Cluster::start(ClusterOptions {
            workers: 1,
            ..ClusterOptions::default()
        })
        .await?;
        let target = cluster.url().trim_start_matches("http://").to_owned();
        let proxy = CuttingProxy::start(&target, 2_000_000, Vec::new()).await?;
        let file = images::png(&noise(1800, 1500))?;
        let path = cluster.path("noise.png");
        std::fs::write(&path, &file)?;
        let browser = Browser::start(1280, 900).await?;
        let scene = Self {
            cluster,
            proxy,
            browser,
            file,
            path,
        };
        scene.open().await?;
        Ok(scene)
    }

    /// Opens the Studio and chooses the picture and the recipe.
    async fn open(&self) -> Result<()> {
        self.browser.open(&self.proxy.url()).await?;
        self.browser.wait_for("the page", SOON, ALIVE).await?;
        choose(&self.browser, &self.path).await?;
        self.browser
            .wait_for("the picture", SOON, "return !!document.querySelector('.file b')")
            .await?;
        write_recipe(&self.browser, RECIPE).await
    }

    async fn press(&self, name: &str) -> Result<()> {
        let button = format!("//button[normalize-space()='{name}' and not(@hidden)]");
        self.browser.click(Locator::XPath(&button)).await
    }

    async fn start_upload(&self) -> Result<()> {
        self.browser.click(Locator::Css("button.go")).await
    }

    /// Bytes of the upload that the server has; there is one.
    async fn offset(&self) -> Result<u64> {
        let uploads = self.cluster.client().get("/files").await?.json;
        let count = uploads.as_array().map_or(0, Vec::len);
        ensure!(count == 1, "{count} uploads: {uploads}");
        uploads[0]["offset"].as_u64().context("an offset")
    }

    /// Waits until a third of the file is there.
    async fn third(&self) -> Result<u64> {
        for _ in 0..1200 {
            let uploads = self.cluster.client().get("/files").await?.json;
            if let Some(offset) = uploads[0]["offset"].as_u64()
                && offset > self.file.len() as u64 / 3
            {
                return Ok(offset);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("the upload does not come forward")
    }

    async fn said(&self, words: &str) -> Result<String> {
        let script = format!("const said = {SAID}; return said.includes('{words}') && said");
        let said = self.browser.wait_for(words, WHILE, &script).await?;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for the job; checks its pixels, and that little was sent twice.
    async fn ends_well(&self) -> Result<()> {
        let script = "return location.pathname.startsWith('/job/') && location.pathname.slice(5)";
        let id = self.browser.wait_for("the job's page", WHILE, script).await?;
        let id = id.as_str().context("an id")?;
        let client = self.cluster.client();
        let job = client.wait_for_end(id, WHILE).await?;
        ensure!(job["status"] == "completed", "{job}");
        ensure!(
            job["original_filename"] == "noise.png" && job["input_bytes"] == self.file.len(),
            "{job}"
        );
        let result = reqwest::get(format!("{}/download/{id}", self.cluster.url()))
            .await?
            .bytes()
            .await?;
        let wanted = self.cluster.apply(RECIPE, &self.file, "png")?;
        images::decode(&result)?.must_equal(&wanted, "the job of a cut upload")?;
        let (sent, length) = (self.proxy.sent(), self.file.len() as u64);
        ensure!(
            sent < length * 3 / 2,
            "{sent} bytes were sent for a file of {length}"
        );
        let kept = self.browser.run("return localStorage['azulejo-uploads']").await?;
        ensure!(kept == "[]", "a used upload is remembered: {kept}");
        ensure!(client.get("/files").await?.json == serde_json::json!([]));
        Ok(())
    }
}

/// Noise, which does not pack.
fn noise(width: usize, height: usize) -> Pixels {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let sample = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    });
    Pixels {
        width,
        height,
        channels: 3,
        bytes: sample.take(width * height * 3).collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_upload_goes_on_after_a_cut_line_and_a_death_of_the_server() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.start_upload().await?;
    let arrived = scene.third().await?;
    scene.proxy.set_open(false);
    let said = scene.said("The line is cut").await?;
    ensure!(
        said.contains("going on at ") && said.contains("% as soon as it is back"),
        "{said}"
    );
    scene
        .cluster
        .server
        .as_mut()
        .context("the server runs")?
        .kill_9()?;
    scene.cluster.start_server()?;
    ensure!(scene.offset().await? >= arrived);
    scene.proxy.set_open(true);
    scene.said("Resumed at").await?;
    scene.ends_well().await?;
    scene.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_upload_goes_on_after_the_page_was_loaded_anew() -> Result<()> {
    let scene = Scene::start().await?;
    scene.start_upload().await?;
    scene.third().await?;
    // A page with an upload under way asks before it goes.
    scene.browser.run("setTimeout(() => location.reload())").await?;
    for _ in 0..100 {
        if scene.browser.page.accept_alert().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let arrived = scene.offset().await?;
    scene.open().await?;
    scene.start_upload().await?;
    let said = scene.said("Resumed at").await?;
    let percent = said
        .split_once("Resumed at ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
    let least = arrived * 100 / scene.file.len() as u64;
    ensure!(
        percent.is_some_and(|percent| percent >= least),
        "{least} %: {said}"
    );
    scene.ends_well().await?;
    scene.browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_upload_rests_as_long_as_the_person_wants_and_is_given_up_by_cancel() -> Result<()> {
    let scene = Scene::start().await?;
    scene.start_upload().await?;
    scene.third().await?;
    scene.press("Pause").await?;
    scene.said("Paused at").await?;
    // What was on its way still arrives.
    let (mut arrived, mut sent) = (0, 0);
    while (arrived, sent) != (scene.offset().await?, scene.proxy.sent()) {
        (arrived, sent) = (scene.offset().await?, scene.proxy.sent());
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    ensure!(arrived < scene.file.len() as u64, "all of it was on its way");
    tokio::time::sleep(Duration::from_secs(2)).await;
    ensure!(scene.offset().await? == arrived, "bytes come in a pause");
    ensure!(scene.proxy.sent() < sent + 50_000, "bytes are sent in a pause");
    scene.press("Resume").await?;
    scene.said("Resumed at").await?;
    scene.ends_well().await?;

    // Cancelled in a pause: nothing is left, here or there.
    scene.open().await?;
    scene.start_upload().await?;
    scene.third().await?;
    scene.press("Pause").await?;
    scene.said("Paused at").await?;
    scene.press("Cancel").await?;
    scene
        .browser
        .wait_for(
            "the button",
            SOON,
            "return !document.querySelector('button.go').hidden",
        )
        .await?;
    for _ in 0..200 {
        if scene.cluster.client().get("/files").await?.json == serde_json::json!([]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(scene.cluster.client().get("/files").await?.json == serde_json::json!([]));
    ensure!(
        scene
            .browser
            .run("return localStorage['azulejo-uploads']")
            .await?
            == "[]"
    );
    scene.browser.close().await
}
