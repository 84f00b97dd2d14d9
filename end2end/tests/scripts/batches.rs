//! Several images in one run: the names of their results, and those that are bad.

use anyhow::{Context, Result, ensure};
use azulejo_end2end::images;

use crate::said::{azulejo, cluster, image, jobs, names, ran, says};

#[tokio::test(flavor = "multi_thread")]
async fn results_of_a_run_replace_neither_each_other_nor_its_images() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    let client = cluster.client();
    let mut expected_results = Vec::new();
    for (name, seed) in [("a/x.png", 51), ("b/x.png", 52), ("b/X.png", 53)] {
        let bytes = image(&folder, name, seed)?;
        let expected = cluster.apply("invert", &bytes, "png")?;
        expected_results.push(expected);
    }
    std::fs::create_dir(folder.join("out"))?;
    let arguments = [
        "submit", "a/x.png", "b/x.png", "b/X.png", "-r", "invert", "-o", "out", "--force",
    ];
    let results = ["out/x-invert.png", "out/x-invert-2.png", "out/X-invert-3.png"];
    for _ in 0..2 {
        let said = says(&cluster, &folder, &arguments).await?;
        ensure!(said.code == Some(0), "{said:?}");
        ensure!(
            said.text().lines().eq(results),
            "the names do not depend on what is there: {said:?}"
        );
        ensure!(said.stderr.trim() == "3 images: 3 saved", "{said:?}");
        ensure!(names(&folder.join("out"))?.len() == 3, "{:?}", names(&folder)?);
        for (result, expected) in results.iter().zip(&expected_results) {
            let pixels = images::decode(&std::fs::read(folder.join(result))?)?;
            pixels.must_equal(expected, result)?;
        }
    }

    // What is there is seen before anything is sent, for each image; the one whose place is free is done.
    let before = jobs(&client).await?;
    std::fs::remove_file(folder.join(results[1]))?;
    let said = says(&cluster, &folder, &arguments[..arguments.len() - 1]).await?;
    ensure!(
        said.code == Some(1) && said.text().trim() == results[1],
        "{said:?}"
    );
    ensure!(
        said.stderr.contains("a/x.png: out/x-invert.png exists") && said.stderr.contains("b/X.png"),
        "{said:?}"
    );
    ensure!(
        jobs(&client).await? == before + 1,
        "an image was sent whose result has no place"
    );

    // The result of one image would replace another one that is not sent yet.
    let bytes = image(&folder, "x-invert.png", 54)?;
    let arguments = ["submit", "a/x.png", "x-invert.png", "-r", "invert", "--force"];
    let said = says(&cluster, &folder, &arguments).await?;
    ensure!(
        said.text().lines().eq(["x-invert-2.png", "x-invert-invert.png"]),
        "{said:?}"
    );
    ensure!(
        std::fs::read(folder.join("x-invert.png"))? == bytes,
        "an image was replaced"
    );

    // One image, whose place cannot be written to.
    let before = jobs(&client).await?;
    for (output, reason) in [
        ("nowhere/a.png", "no folder"),
        ("nowhere/", "no folder"),
        ("/proc/self/a.png", "cannot write"),
    ] {
        let said = says(
            &cluster,
            &folder,
            &["submit", "a/x.png", "-r", "invert", "-o", output],
        )
        .await?;
        ensure!(
            said.code == Some(1) && said.stderr.contains(reason),
            "{output}: {said:?}"
        );
    }
    ensure!(
        jobs(&client).await? == before,
        "an image was sent whose result has no place"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_on_after_a_bad_image_and_names_it() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    image(&folder, "first.png", 61)?;
    image(&folder, "last.png", 62)?;
    // Accepted, and found to be damaged when it is decoded; refused by the server; no file; a folder.
    std::fs::write(
        folder.join("damaged.png"),
        images::png_with_data(1100, 1100, &[0xff; 50_000]),
    )?;
    std::fs::write(folder.join("text.png"), "no image")?;
    std::fs::create_dir_all(folder.join("out"))?;
    let all = [
        "submit",
        "first.png",
        "damaged.png",
        "text.png",
        "missing.png",
        "out",
        "last.png",
        "-r",
        "invert",
        "-o",
        "out",
    ];

    let said = says(&cluster, &folder, &all).await?;
    ensure!(said.code == Some(1), "{said:?}");
    ensure!(
        said.text()
            .lines()
            .eq(["out/first-invert.png", "out/last-invert.png"]),
        "{said:?}"
    );
    for sentence in [
        "error: missing.png: it cannot be read: No such file",
        "error: out: it is a folder",
        "error: damaged.png: job ",
        "error: text.png: the server refuses (",
        "6 images: 2 saved, 1 failed, 3 could not be done",
    ] {
        ensure!(said.stderr.contains(sentence), "{sentence}: {}", said.stderr);
    }
    ensure!(
        said.stderr.lines().count() == 5,
        "a line for each and the summary: {}",
        said.stderr
    );

    // The same for scripts.
    let said = says(&cluster, &folder, &[&all[..], &["--force", "--json"]].concat()).await?;
    ensure!(said.code == Some(1), "{said:?}");
    let lines = said.json()?;
    ensure!(lines.len() == 6, "{lines:?}");
    let of = |input: &str| {
        lines
            .iter()
            .find(|line| line["input"] == input)
            .context(input.to_owned())
    };
    for (input, status, exit) in [
        ("first.png", "saved", 0),
        ("damaged.png", "failed", 3),
        ("text.png", "error", 1),
        ("missing.png", "error", 1),
        ("out", "error", 1),
        ("last.png", "saved", 0),
    ] {
        let line = of(input)?;
        ensure!(line["status"] == status && line["exit"] == exit, "{line}");
        ensure!(
            line["job"].is_string() == matches!(status, "saved" | "failed"),
            "{line}"
        );
        ensure!(line["output"].is_string() == (exit == 0), "{line}");
        ensure!(line["error"].is_string() == (exit != 0), "{line}");
        let fields = line.as_object().context("an object")?.len();
        ensure!(fields == 6, "a field that is promised nowhere: {line}");
    }
    ensure!(of("last.png")?["output"] == "out/last-invert.png", "{lines:?}");

    // Only jobs that failed: 3.
    let said = says(
        &cluster,
        &folder,
        &[
            "submit",
            "damaged.png",
            "last.png",
            "-r",
            "invert",
            "-o",
            "out",
            "-f",
        ],
    )
    .await?;
    ensure!(
        said.code == Some(3) && said.text().trim() == "out/last-invert.png",
        "{said:?}"
    );

    // Nobody there: every image is named, and nothing waits for long.
    let mut nobody = azulejo(
        &cluster,
        &folder,
        &["submit", "first.png", "last.png", "-r", "invert", "--json"],
    )?;
    nobody.env("AZULEJO_SERVER", "http://127.0.0.1:9");
    let said = ran(nobody, None).await?;
    let lines = said.json()?;
    ensure!(said.code == Some(1) && lines.len() == 2, "{said:?}");
    ensure!(
        lines.iter().all(|line| line["error"]
            .as_str()
            .is_some_and(|error| error.contains("no server answers"))),
        "{said:?}"
    );

    // `again` tells in the same way.
    let id = of("first.png")?["job"].as_str().context("an id")?.to_owned();
    let said = says(&cluster, &folder, &["again", &id, "rotate_90", "--json"]).await?;
    let lines = said.json()?;
    ensure!(
        said.code == Some(0)
            && lines[0]["input"] == id.as_str()
            && lines[0]["output"] == "first-rotate-90.png",
        "{said:?}"
    );
    ensure!(
        lines[0]["job"].is_string() && lines[0]["job"] != id.as_str(),
        "{said:?}"
    );
    let before = jobs(&cluster.client()).await?;
    let said = says(&cluster, &folder, &["again", &id, "rotate_90"]).await?;
    ensure!(
        said.code == Some(1) && said.stderr.contains("first-rotate-90.png exists"),
        "{said:?}"
    );
    ensure!(
        jobs(&cluster.client()).await? == before,
        "a job was started whose result has no place"
    );
    Ok(())
}
