//! File names on their way to the server and back.

use anyhow::{Context, Result, ensure};

use crate::said::{cluster, image, says};

#[tokio::test(flavor = "multi_thread")]
async fn every_file_name_reaches_the_server_and_names_its_result_alike() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    let client = cluster.client();
    for (index, (name, told)) in [
        // Quotes and line breaks come as HTML has them, and are taken for what they are.
        ("a\"b.png", "a\"b.png"),
        ("two\nlines.png", "twolines.png"),
        ("cr\rlf\n.png", "crlf.png"),
        ("back\\slash.png", "back%5Cslash.png"),
        ("ends with\\", "ends with%5C"),
        ("esc\u{1b}[2J\u{7f}\u{9b}.png", "esc%1B[2J%7F%C2%9B.png"),
        ("invoice\u{202e}gnp.png", "invoicegnp.png"),
        (
            "; filename=x; Åke 風 100% 'q'.jpeg",
            "; filename=x; Åke 風 100% 'q'.jpeg",
        ),
        (".hidden.png", "hidden.png"),
        ("what?.png", "what?.png"),
    ]
    .into_iter()
    .enumerate()
    {
        image(&folder, name, 90 + index as u64)?;
        let input = format!("./{name}");
        let said = says(
            &cluster,
            &folder,
            &["submit", &input, "-r", "invert|blur:sigma=2", "--json"],
        )
        .await?;
        ensure!(said.code == Some(0), "{name:?}: {said:?}");
        let lines = said.json()?;
        let id = lines[0]["job"].as_str().context("an id")?;
        let job = client.get(&format!("/job/{id}")).await?.json;
        ensure!(
            job["original_filename"] == told,
            "{name:?}: {}",
            job["original_filename"]
        );
        ensure!(
            lines[0]["output"] == job["result_filename"],
            "{name:?}: {} and {}",
            lines[0],
            job["result_filename"]
        );
        ensure!(lines[0]["input"] == input.as_str(), "{name:?}: {}", lines[0]);
        // To a person the name is on one line; to a script it is what it is.
        let said = says(
            &cluster,
            &folder,
            &["submit", &input, "-r", "invert|blur:sigma=2"],
        )
        .await?;
        ensure!(
            said.code == Some(1) && said.stderr.lines().count() == 1,
            "{said:?}"
        );
        ensure!(
            !said
                .stderr
                .trim_end()
                .contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{said:?}"
        );
    }

    // A name that is as long as a file's may be: that of the result is cut.
    let long = format!("{}.png", "風".repeat(83));
    image(&folder, &long, 80)?;
    let said = says(&cluster, &folder, &["submit", &long, "-r", "edge_detection|blur"]).await?;
    ensure!(
        said.code == Some(0) && said.text().ends_with("風-edge-detection-blur.png\n"),
        "{said:?}"
    );
    ensure!(folder.join(said.text().trim()).is_file(), "{said:?}");
    Ok(())
}
