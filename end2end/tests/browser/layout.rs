//! No page scrolls sideways in a window of 320 pixels, which is what a desk's is at a zoom of 400 % (WCAG 1.4.10).

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::layout::{Viewport, resize, settle, sideways};
use azulejo_end2end::browser::studio::{ALIVE, CLAIM, choose, write_recipe};
use azulejo_end2end::{Cluster, images};

const SOON: Duration = Duration::from_secs(30);
/// A name without a place to break, and a recipe of many words.
const NAME: &str = "IMG_20261128_094512_panorama_stitched_from_eleven_frames_final_v2.png";
const RECIPE: &str = "unsharp|gamma:gamma=0.9|sepia|flip_horizontal|brightness:factor=1.2|contrast|sharpen";

async fn look(browser: &Browser, page: &str, wrong: &mut Vec<String>) -> Result<()> {
    settle(browser).await?;
    let found = sideways(browser).await?;
    wrong.extend(found.iter().map(|element| format!("{page}: {element}")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_no_page_scrolls_sideways_at_320_pixels() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let client = cluster.client();
    let file = images::png(&images::photo(1500, 1024, 91))?;
    let path = cluster.path(NAME);
    std::fs::write(&path, &file)?;
    let id = client.submit(NAME, file, RECIPE).await?;
    client.wait_for_end(&id, Duration::from_secs(60)).await?;
    let browser = Browser::start(1280, 900).await?;
    let mut wrong = Vec::new();
    let job = format!("/job/{id}");
    for page in [
        "/jobs",
        "/jobs?search=nothing",
        job.as_str(),
        &format!("{job}?view=compare"),
        "/workers",
        "/no-such-page",
        "/",
    ] {
        browser.open(&format!("{}{page}", cluster.url())).await?;
        resize(&browser, Viewport::new(320, 640)).await?;
        look(&browser, page, &mut wrong).await?;
    }
    browser.wait_for("the Studio", SOON, ALIVE).await?;
    choose(&browser, &path).await?;
    write_recipe(&browser, RECIPE).await?;
    browser.wait_for("the preview", SOON, CLAIM).await?;
    look(&browser, "the Studio with a picture", &mut wrong).await?;
    write_recipe(&browser, "no_such_operation_whose_name_is_long").await?;
    let said = "return document.querySelector('#recipe-error').innerText.length > 0";
    browser.wait_for("what is wrong", SOON, said).await?;
    look(&browser, "the Studio with what is no recipe", &mut wrong).await?;
    ensure!(wrong.is_empty(), "sideways:\n{}", wrong.join("\n"));

    // It would be seen.
    browser
        .run(
            "const bar = document.createElement('hr'); bar.style.width = '400px'; \
             document.querySelector('main').append(bar)",
        )
        .await?;
    look(&browser, "the page", &mut wrong).await?;
    ensure!(
        wrong.iter().any(|element| element.contains("hr. to 4")),
        "{wrong:?}"
    );
    browser.close().await
}
