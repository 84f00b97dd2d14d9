//! A stranger's first minute, and the loop of trying a recipe, as scripts in a real browser.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{ALIVE, CLAIM, choose, process, studio};
use azulejo_end2end::{Cluster, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);
/// How long the loop may take with everything that a person waits for.
const LOOP: Duration = Duration::from_secs(40);

/// Writes `sigma` into the first number field, as a person does.
async fn set_sigma(browser: &Browser, sigma: u32) -> Result<()> {
    let number = browser.page.find(Locator::Css("input[type=number]")).await?;
    number.click().await?;
    browser.run("document.activeElement.select()").await?;
    number.send_keys(&format!("{sigma}\u{e007}")).await?;
    let taken = format!(
        "return document.querySelector('input[name=transformation]').value.includes('sigma={sigma}')"
    );
    browser.wait_for("sigma", SOON, &taken).await?;
    Ok(())
}

/// Waits on the page of a job until it is completed.
async fn completed(browser: &Browser) -> Result<()> {
    let done = "return [...document.querySelectorAll('a.go')].some(a => a.innerText.startsWith('Download'))";
    browser
        .wait_for("the result", Duration::from_secs(60), done)
        .await?;
    Ok(())
}

/// What the page's own link to the result gives, fetched by the page.
async fn download(browser: &Browser, cluster: &Cluster, id: &str) -> Result<Vec<u8>> {
    let link = browser
        .run("return [...document.querySelectorAll('a.go')].find(a => a.innerText.startsWith('Download')).getAttribute('href')")
        .await?;
    ensure!(link == format!("/download/{id}").as_str(), "{link}");
    cluster.client().download(id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_strangers_first_minute() -> Result<()> {
    let (cluster, browser) = studio(2).await?;
    // The page says what to do first.
    let invited = "return document.querySelector('.invite').innerText.includes('Drop a picture here')";
    ensure!(browser.run(invited).await? == true);
    let photo = images::photo(2400, 1600, 21);
    let path = cluster.path("coast.png");
    let file = images::png(&photo)?;
    std::fs::write(&path, &file)?;
    choose(&browser, &path).await?;
    let known = "return document.querySelector('.file')?.innerText.includes('2400 × 1600')";
    browser.wait_for("what the picture is", SOON, known).await?;
    browser.wait_for("the preview", SOON, CLAIM).await?;
    set_sigma(&browser, 3).await?;
    browser.wait_for("the new preview", SOON, CLAIM).await?;
    let button = "return document.querySelector('button.go').innerText === 'Process to 2400 × 1600'";
    ensure!(browser.run(button).await? == true);
    let id = process(&browser).await?;
    let mosaic = "return !!document.querySelector('.mosaic') && document.querySelector('h1').innerText.includes('blur')";
    browser.wait_for("the mosaic", SOON, mosaic).await?;
    completed(&browser).await?;
    let counted = "return document.querySelector('main').innerText.includes('of 20 tiles') \
                   || document.querySelector('main').innerText.includes('20 tiles')";
    browser.wait_for("all tiles", SOON, counted).await?;

    browser
        .click(Locator::XPath("//a[normalize-space()='Compare']"))
        .await?;
    let compared = "const pictures = [...document.querySelectorAll('.compare image')]; \
                    return pictures.length === 2 && pictures.every(p => p.getBoundingClientRect().width > 300)";
    browser.wait_for("the comparison", SOON, compared).await?;
    let recipe = browser
        .run("return document.querySelector('a[href*=\"recipe=\"]').getAttribute('href')")
        .await?;
    ensure!(
        recipe.as_str().is_some_and(|link| link.contains("blur:sigma=3")),
        "{recipe}"
    );
    let result = images::decode(&download(&browser, &cluster, &id).await?)?;
    result.must_equal(
        &cluster.apply("blur:sigma=3|sharpen", &file, "png")?,
        "the download",
    )?;

    // The list has it, and leads back to it.
    browser
        .click(Locator::XPath("//nav//a[normalize-space()='Jobs']"))
        .await?;
    let listed = format!("return !!document.querySelector('a[href=\"/job/{id}\"]')");
    browser.wait_for("the list", SOON, &listed).await?;
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_the_loop_of_trying_a_recipe() -> Result<()> {
    let (cluster, browser) = studio(2).await?;
    let file = images::png(&images::photo(2400, 1600, 22))?;
    let path = cluster.path("coast.png");
    std::fs::write(&path, &file)?;
    choose(&browser, &path).await?;
    set_sigma(&browser, 1).await?;
    process(&browser).await?;
    completed(&browser).await?;

    let begun = Instant::now();
    for sigma in [2, 4, 6] {
        browser
            .click(Locator::XPath("//a[normalize-space()='Change the recipe']"))
            .await?;
        browser.wait_for("the page", SOON, ALIVE).await?;
        set_sigma(&browser, sigma).await?;
        browser.wait_for("the preview", SOON, CLAIM).await?;
        process(&browser).await?;
        completed(&browser).await?;
    }
    browser
        .click(Locator::XPath("//a[normalize-space()='Compare']"))
        .await?;
    browser
        .wait_for(
            "the comparison",
            SOON,
            "return !!document.querySelector('.compare')",
        )
        .await?;
    let id = browser
        .run("return location.pathname.slice('/job/'.length)")
        .await?;
    let id = id.as_str().context("the job has an id")?;
    let result = images::decode(&download(&browser, &cluster, id).await?)?;
    let took = begun.elapsed();
    println!("the loop took {:.1} s", took.as_secs_f64());
    ensure!(took < LOOP, "the loop took {took:?}");
    result.must_equal(
        &cluster.apply("blur:sigma=6|sharpen", &file, "png")?,
        "the download",
    )?;
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}
