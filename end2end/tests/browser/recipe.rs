//! Composing a recipe in the Studio, in a real browser: the menu of operations, presets, the link, the kind of file of the result,
//! and another recipe on a picture that the server has already.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::browser::studio::{ALIVE, CLAIM, choose, process, studio, write_recipe};
use azulejo_end2end::{Cluster, images};
use fantoccini::Locator;

const SOON: Duration = Duration::from_secs(30);
const JOB: Duration = Duration::from_secs(60);
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
/// Bytes that this page has sent in uploads. A request that only asks has none.
const UPLOADS: &str = "return performance.getEntriesByType('resource') \
                       .filter(entry => entry.initiatorType === 'xmlhttprequest').length";

async fn recipe_is(browser: &Browser, recipe: &str) -> Result<()> {
    let script = format!("return document.querySelector('input[name=transformation]').value === '{recipe}'");
    browser.wait_for(recipe, SOON, &script).await?;
    Ok(())
}

async fn type_into(browser: &Browser, id: &str, keys: &str) -> Result<()> {
    let field = browser.page.find(Locator::Id(id)).await?;
    Ok(field.send_keys(keys).await?)
}

async fn end(browser: Browser) -> Result<()> {
    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_an_operation_is_found_by_what_people_call_it() -> Result<()> {
    let (_cluster, browser) = studio(0).await?;
    write_recipe(&browser, "invert").await?;
    let shown = "return [...document.querySelectorAll('#add-operation ~ .menu-list li')] \
                 .filter(item => item.offsetParent).map(item => item.querySelector('b').innerText).join()";
    browser
        .click(Locator::XPath("//summary[@id='add-operation']"))
        .await?;
    browser
        .wait_for(
            "the field of words",
            SOON,
            "return document.activeElement.id === 'operation-search'",
        )
        .await?;
    let all = browser.run(shown).await?;
    ensure!(
        all.as_str()
            .is_some_and(|all| all.split(',').count() == azulejo_imaging::operations().len()),
        "{all}"
    );
    let groups = "return [...document.querySelectorAll('#add-operation ~ .menu-list h3')].map(h => h.innerText).join()";
    ensure!(
        browser.run(groups).await? == "Light and dark,Colour,Soften,Sharpen,Edges and forms,Size and shape"
    );

    type_into(&browser, "operation-search", "sobel").await?;
    let is = |wanted: &str| format!("return (() => {{ {shown} }})() === '{wanted}'");
    browser.wait_for("one", SOON, &is("Edge detection")).await?;
    type_into(&browser, "operation-search", ENTER).await?;
    recipe_is(&browser, "invert|edge_detection").await?;
    let focused =
        "return document.activeElement.closest('.step')?.querySelector('b').innerText === 'Edge detection'";
    browser.wait_for("the new step", SOON, focused).await?;

    browser
        .click(Locator::XPath("//summary[@id='add-operation']"))
        .await?;
    type_into(&browser, "operation-search", "swirl").await?;
    let none = "return document.querySelector('.menu-list [role=status]').innerText.includes('No operation')";
    browser.wait_for("that there is none", SOON, none).await?;
    type_into(&browser, "operation-search", ENTER).await?;
    type_into(&browser, "operation-search", ESCAPE).await?;
    let closed =
        "return !document.querySelector('details.add').open && document.activeElement.id === 'add-operation'";
    browser.wait_for("the menu closed", SOON, closed).await?;
    recipe_is(&browser, "invert|edge_detection").await?;
    end(browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_recipes_are_kept_under_a_name() -> Result<()> {
    let (cluster, browser) = studio(0).await?;
    write_recipe(&browser, "median:radius=2").await?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    browser.click(Locator::XPath("//summary[@id='presets']")).await?;
    browser
        .click(Locator::XPath(
            "//details[contains(@class,'presets')]//button[b='Crisp for print']",
        ))
        .await?;
    recipe_is(&browser, "unsharp").await?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    browser
        .click(Locator::XPath("//button[normalize-space()='undo']"))
        .await?;
    recipe_is(&browser, "median:radius=2").await?;

    browser.click(Locator::XPath("//summary[@id='presets']")).await?;
    type_into(&browser, "preset-name", &format!("My scans{ENTER}")).await?;
    let mine = "//details[contains(@class,'presets')]//button[b='My scans']";
    browser
        .page
        .wait()
        .at_most(SOON)
        .for_element(Locator::XPath(mine))
        .await?;
    // It is there for another page of this browser, and gone once it is forgotten.
    browser.open(&format!("{}/?recipe=invert", cluster.url())).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    browser.click(Locator::XPath("//summary[@id='presets']")).await?;
    browser.click(Locator::XPath(mine)).await?;
    recipe_is(&browser, "median:radius=2").await?;
    browser.click(Locator::XPath("//summary[@id='presets']")).await?;
    browser
        .click(Locator::XPath(
            "//button[@aria-label='Forget the preset My scans']",
        ))
        .await?;
    browser.page.refresh().await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    let gone = "return !document.querySelector('.presets').textContent.includes('My scans')";
    ensure!(browser.run(gone).await? == true);
    end(browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_link_brings_recipe_and_kind_of_file() -> Result<()> {
    let (cluster, browser) = studio(1).await?;
    browser
        .run("navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); }")
        .await?;
    write_recipe(&browser, "blur:sigma=2|invert").await?;
    browser
        .run(
            "const kind = document.querySelector('#result-file'); kind.value = 'jpeg'; \
             kind.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await?;
    browser
        .wait_for("the quality", SOON, "return !!document.querySelector('#quality')")
        .await?;
    browser
        .run(
            "const quality = document.querySelector('#quality'); quality.value = 20; \
             quality.dispatchEvent(new Event('input', { bubbles: true }))",
        )
        .await?;
    browser
        .click(Locator::XPath("//button[normalize-space()='copy link']"))
        .await?;
    let link = browser.wait_for("the link", SOON, "return window.copied").await?;
    let link = link.as_str().context("the link is a text")?.to_owned();
    let expected = format!(
        "{}/?recipe=blur:sigma=2%7Cinvert&format=jpeg:quality=20",
        cluster.url()
    );
    ensure!(link == expected, "{link}");
    let said = "return document.querySelector('.recipe-tools').innerText.includes('link copied')";
    browser.wait_for("that it was copied", SOON, said).await?;

    browser.open(&link).await?;
    browser.wait_for("the page", SOON, ALIVE).await?;
    recipe_is(&browser, "blur:sigma=2|invert").await?;
    let path = cluster.path("small.png");
    std::fs::write(&path, images::png(&images::photo(1100, 1024, 8))?)?;
    choose(&browser, &path).await?;
    let small = process(&browser).await?;
    let small = cluster.client().wait_for_end(&small, JOB).await?;
    ensure!(small["result_filename"] == "small-blur-invert.jpg", "{small}");
    // A JPEG of that quality is much smaller than one of the usual.
    browser.page.back().await?;
    browser
        .run(
            "const quality = document.querySelector('#quality'); quality.value = 90; \
             quality.dispatchEvent(new Event('input', { bubbles: true }))",
        )
        .await?;
    let large = process(&browser).await?;
    let large = cluster.client().wait_for_end(&large, JOB).await?;
    let bytes = |job: &serde_json::Value| job["output_bytes"].as_u64().unwrap_or(0);
    ensure!(
        bytes(&small) > 0 && 2 * bytes(&small) < bytes(&large),
        "{small} {large}"
    );
    end(browser).await
}

/// Bytes of the result of job `id`, once it has ended.
async fn result(cluster: &Cluster, id: &str) -> Result<Vec<u8>> {
    let job = cluster.client().wait_for_end(id, JOB).await?;
    ensure!(job["status"] == "completed", "{job}");
    cluster.client().download(id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_another_recipe_on_a_stored_picture_needs_no_upload() -> Result<()> {
    let (cluster, browser) = studio(1).await?;
    let file = images::png(&images::photo(1100, 1024, 9))?;
    let path = cluster.path("kept.png");
    std::fs::write(&path, &file)?;
    choose(&browser, &path).await?;
    write_recipe(&browser, "blur:sigma=2").await?;
    let first = process(&browser).await?;
    let sent = browser.run(UPLOADS).await?;
    ensure!(sent.as_u64().is_some_and(|sent| sent > 0), "{sent}");

    // The file is still in this page, and still it is not sent again.
    browser.page.back().await?;
    browser.wait_for("the preview", SOON, CLAIM).await?;
    let kept = "return document.querySelector('.file').innerText.includes('no upload')";
    browser.wait_for("that it is kept", SOON, kept).await?;
    write_recipe(&browser, "blur:sigma=4").await?;
    let second = process(&browser).await?;
    ensure!(second != first);
    ensure!(browser.run(UPLOADS).await? == sent, "the file was sent again");

    // From the job's page, in another visit that has no file at all.
    browser.open(&format!("{}/job/{first}", cluster.url())).await?;
    browser
        .click(Locator::XPath("//a[normalize-space()='Change the recipe']"))
        .await?;
    browser.wait_for("the preview", SOON, CLAIM).await?;
    recipe_is(&browser, "blur:sigma=2").await?;
    write_recipe(&browser, "blur:sigma=8").await?;
    let address =
        format!("return location.search.includes('sigma=8') && location.search.includes('job={first}')");
    browser.wait_for("the address", SOON, &address).await?;
    // The address is enough to come back to the same.
    browser.page.refresh().await?;
    browser.wait_for("the preview", SOON, CLAIM).await?;
    recipe_is(&browser, "blur:sigma=8").await?;
    let third = process(&browser).await?;
    ensure!(browser.run(UPLOADS).await? == 0);
    for (id, sigma) in [(&first, 2), (&second, 4), (&third, 8)] {
        let expected = cluster.apply(&format!("blur:sigma={sigma}"), &file, "png")?;
        images::decode(&result(&cluster, id).await?)?.must_equal(&expected, "the result")?;
    }

    let errors = browser.console_errors().await?;
    ensure!(errors.is_empty(), "the console has {errors:#?}");

    // Once that job is deleted its picture is gone, and that is said.
    browser
        .run(&format!(
            "fetch('/job/{third}', {{ method: 'DELETE' }}).then(answer => window.deleted = answer.ok)"
        ))
        .await?;
    browser
        .wait_for("the deletion", SOON, "return window.deleted === true")
        .await?;
    browser
        .run(&format!("location.assign('/?recipe=invert&job={third}')"))
        .await?;
    browser
        .wait_for(
            "what is wrong",
            SOON,
            &format!("return document.querySelector('main')?.innerText.includes('There is no job {third}')"),
        )
        .await?;
    browser.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_a_picture_that_is_sent_as_soon_as_it_is_chosen_is_not_taken_for_the_one_before() -> Result<()>
{
    let (cluster, browser) = studio(1).await?;
    let path = cluster.path("before.png");
    std::fs::write(&path, images::png(&images::photo(1100, 1024, 10))?)?;
    choose(&browser, &path).await?;
    write_recipe(&browser, "invert").await?;
    process(&browser).await?;
    browser.page.back().await?;
    let kept = "return document.querySelector('.file')?.innerText.includes('no upload')";
    browser.wait_for("the picture before", SOON, kept).await?;
    // Chosen and sent in one breath: nothing of the new file was looked at yet.
    browser
        .run(
            "const canvas = new OffscreenCanvas(1030, 1024); canvas.getContext('2d').fillRect(9, 9, 99, 99); \
             canvas.convertToBlob().then(blob => { \
               const files = new DataTransfer(); files.items.add(new File([blob], 'after.png', { type: 'image/png' })); \
               const input = document.querySelector('input[type=file]'); input.files = files.files; \
               input.dispatchEvent(new Event('change', { bubbles: true })); \
               document.querySelector('form.studio').requestSubmit(); })",
        )
        .await?;
    let there = "return location.pathname.startsWith('/job/') && document.querySelector('main').innerText.includes('after.png')";
    browser
        .wait_for("the job of the new picture", SOON, there)
        .await?;
    end(browser).await
}
