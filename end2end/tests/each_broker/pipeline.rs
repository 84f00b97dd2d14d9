//! The road of one image, through real processes: what comes back is the whole-image result, byte for byte.

use anyhow::{Result, ensure};
use azulejo_end2end::images;
use azulejo_end2end::process::command;
use azulejo_end2end::{Cluster, definition};

const OPERATIONS: [&str; 5] = ["grayscale", "blur", "edge_detection", "sharpen", "rotate_90"];

#[tokio::test(flavor = "multi_thread")]
async fn a_large_png_through_every_operation_equals_apply_and_the_definition() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let input = images::photo(2600, 2560, 1);
    let file = images::png(&input)?;
    for operation in OPERATIONS {
        let result = images::decode(&cluster.client().run("coast.png", file.clone(), operation).await?)?;
        let defined = definition::operation(operation, &input).expect("one of the five");
        result.must_equal(&defined, &format!("{operation} against its definition"))?;
        result.must_equal(
            &cluster.apply(operation, &file, "png")?,
            &format!("{operation} against apply"),
        )?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jpeg_through_every_operation_equals_apply_and_the_definition() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let file = images::jpeg(&images::photo(1600, 1100, 2))?;
    // The pixels that Azulejo reads, those of libjpeg-turbo; the decoder of the tests rounds in other places.
    let input = cluster.apply("flip_horizontal|flip_horizontal", &file, "jpg")?;
    let second = images::decode(&file)?;
    ensure!((input.width, input.height, input.channels) == (second.width, second.height, second.channels));
    let most = input
        .bytes
        .iter()
        .zip(&second.bytes)
        .map(|(a, b)| a.abs_diff(*b))
        .max();
    ensure!(most <= Some(8), "two decoders differ by {most:?}");
    for operation in OPERATIONS {
        // A JPEG result would lose bytes of its own: the one lossless way to see the pixels is a PNG.
        let id = cluster
            .client()
            .submit("coast.jpg", file.clone(), operation)
            .await?;
        let result = cluster.client().result(&id).await?;
        let jpeg = images::decode(&result)?;
        let defined = definition::operation(operation, &input).expect("one of the five");
        ensure!(
            (jpeg.width, jpeg.height, jpeg.channels) == (defined.width, defined.height, defined.channels)
        );
        let applied = cluster.apply(operation, &file, "jpg")?;
        applied.must_equal(&defined, &format!("{operation} against its definition"))?;
        // The same pixels through the same encoder are the same file.
        let encoded = cluster.path("applied.jpg");
        let output = command("azulejo")?
            .args(["apply", operation, &cluster.path("in.jpg"), &encoded, "--force"])
            .output()?;
        ensure!(
            output.status.success(),
            "apply: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        ensure!(
            std::fs::read(&encoded)? == result,
            "{operation}: the file differs from apply's"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_operations_runs_in_one_pass_and_has_no_seams() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let input = images::photo(1501, 1203, 3);
    let recipe = "blur:sigma=2|rotate_90|sharpen|edge_detection";
    let result = images::decode(
        &cluster
            .client()
            .run("odd.png", images::png(&input)?, recipe)
            .await?,
    )?;
    let mut defined = definition::blur(&input, 2.0);
    for operation in ["rotate_90", "sharpen", "edge_detection"] {
        defined = definition::operation(operation, &defined).expect("one of the five");
    }
    result.must_equal(&defined, recipe)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_at_once_all_come_back_right() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let client = cluster.client();
    let mut jobs = Vec::new();
    for seed in 0..6 {
        let input = images::photo(1100 + 130 * seed, 1024, seed as u64);
        let operation = OPERATIONS[seed % OPERATIONS.len()];
        let id = client
            .submit(&format!("{seed}.png"), images::png(&input)?, operation)
            .await?;
        jobs.push((id, operation, input));
    }
    for (id, operation, input) in jobs {
        let result = images::decode(&client.result(&id).await?)?;
        result.must_equal(
            &definition::operation(operation, &input).expect("one of the five"),
            operation,
        )?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_api_is_answered_as_before() -> Result<()> {
    let cluster = Cluster::start_default().await?;
    let client = cluster.client();
    let file = images::png(&images::photo(1024, 1024, 4))?;
    let answer = client.process("a.png", file, "grayscale").await?;
    ensure!(answer.status == 200, "{answer:?}");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value
            .as_object()
            .map(|o| o.keys().cloned().collect())
            .unwrap_or_default()
    };
    let mut of_process = keys(&answer.json);
    of_process.sort();
    ensure!(
        of_process == ["job_id", "status", "total_tiles", "transformation"],
        "{of_process:?}"
    );
    ensure!(
        answer.json["total_tiles"] == 4 && answer.json["transformation"] == "grayscale",
        "{answer:?}"
    );
    let id = answer.json["job_id"].as_str().unwrap_or_default();
    client.result(id).await?;

    let mut progress = keys(&client.get(&format!("/job/{id}/progress")).await?.json);
    progress.sort();
    ensure!(
        progress == ["completed", "failed", "pending", "total"],
        "{progress:?}"
    );

    let jobs = client.get("/jobs").await?.json;
    for key in [
        "job_id",
        "original_filename",
        "total_tiles",
        "transformation",
        "status",
        "created_at",
        "completed_at",
    ] {
        ensure!(!jobs[0][key].is_null(), "a row of /jobs lacks {key}: {jobs}");
    }
    let workers = client.get("/workers").await?.json;
    for key in ["worker_id", "last_heartbeat", "tasks_processed", "status"] {
        ensure!(
            !workers[0][key].is_null(),
            "a row of /workers lacks {key}: {workers}"
        );
    }
    ensure!(client.get("/health").await?.json["status"] == "healthy");
    let missing = client
        .get("/job/0197a3c2-0000-7000-8000-000000000000/progress")
        .await?;
    ensure!(
        missing.status == 404 && missing.json["detail"].is_string(),
        "{missing:?}"
    );
    Ok(())
}
