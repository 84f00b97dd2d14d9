//! Images from standard input and results to standard output.

use anyhow::{Result, ensure};
use azulejo_end2end::images;

use crate::said::{azulejo, cluster, image, names, ran, says};

#[tokio::test(flavor = "multi_thread")]
async fn images_go_through_pipes() -> Result<()> {
    let (cluster, folder) = cluster(1).await?;
    let bytes = image(&folder, "a.png", 71)?;
    let expected = cluster.apply("blur", &bytes, "png")?;
    let before = names(&folder)?;
    for arguments in [
        &["submit", "-", "-r", "blur", "-o", "-"][..],
        &["apply", "blur", "-", "-"],
        &["apply", "blur", "-", "-", "--tile", "512"],
    ] {
        let said = ran(azulejo(&cluster, &folder, arguments)?, Some(bytes.clone())).await?;
        ensure!(
            said.code == Some(0) && said.stderr.is_empty(),
            "{arguments:?}: {}",
            said.stderr
        );
        expected.must_equal(&images::decode(&said.stdout)?, "the result in the pipe")?;

        // A full disk is seen, a reader that has gone is not.
        let mut full = azulejo(&cluster, &folder, arguments)?;
        full.stdout(std::fs::File::options().write(true).open("/dev/full")?);
        let said = ran(full, Some(bytes.clone())).await?;
        ensure!(
            said.code == Some(1) && said.stderr.contains("cannot write to standard output: No space"),
            "{said:?}"
        );
        let mut unread = azulejo(&cluster, &folder, arguments)?;
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        unread.stdout(writer);
        let said = ran(unread, Some(bytes.clone())).await?;
        ensure!(said.code == Some(0) && said.stderr.is_empty(), "{said:?}");

        let said = ran(azulejo(&cluster, &folder, arguments)?, Some(Vec::new())).await?;
        ensure!(
            said.code == Some(1)
                && said.stdout.is_empty()
                && said.stderr.contains("standard input: it is empty"),
            "{said:?}"
        );
    }
    let said = ran(
        azulejo(
            &cluster,
            &folder,
            &["apply", "blur", "-", "-", "--format", "jpeg"],
        )?,
        Some(bytes.clone()),
    )
    .await?;
    ensure!(said.stdout.starts_with(b"\xff\xd8\xff"), "{said:?}");
    ensure!(
        names(&folder)? == before,
        "something is left: {:?}",
        names(&folder)?
    );

    // Named, into the current folder; and among files.
    for (name, result) in [(None, "image-blur.png"), (Some("tide.tif"), "tide-blur.png")] {
        let mut arguments = vec!["submit", "-", "a.png", "-r", "blur", "-f", "-o", "."];
        arguments.extend(name.iter().flat_map(|name| ["--name", name]));
        let said = ran(azulejo(&cluster, &folder, &arguments)?, Some(bytes.clone())).await?;
        ensure!(
            said.text()
                .lines()
                .eq([format!("./{result}"), "./a-blur.png".into()]),
            "{said:?}"
        );
    }

    // What cannot be is a wrong argument.
    for arguments in [
        &["submit", "-", "-", "-r", "blur"][..],
        &["submit", "a.png", "-", "-r", "blur", "-o", "-"],
        &["submit", "a.png", "-r", "blur", "-o", "-", "--json"],
        &["submit", "a.png", "-r", "blur", "--name", "b"],
        &["submit", "a.png", "-r", "blur", "-o", "a.psd"],
        &["apply", "blur", "a.png", "b.psd"],
        &["apply", "blur", "a.png", "b.png", "--format", "jpeg"],
    ] {
        let said = says(&cluster, &folder, arguments).await?;
        ensure!(
            said.code == Some(2) && said.stdout.is_empty(),
            "{arguments:?}: {said:?}"
        );
    }
    Ok(())
}
