//! Bad input gets a 4xx with a sentence that helps, and leaves nothing behind.

use anyhow::{Result, ensure};
use azulejo_end2end::{Cluster, ClusterOptions, images};

/// A zlib stream of nothing.
const NO_PIXELS: [u8; 8] = [0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01];

fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_sentence_and_leaves_nothing() -> Result<()> {
    let limits = ["--max-pixels", "50000000", "--max-upload-bytes", "30000000"].map(str::to_owned);
    let options = ClusterOptions {
        workers: 1,
        server_arguments: limits.to_vec(),
        ..ClusterOptions::default()
    };
    let cluster = Cluster::start(options).await?;
    let client = cluster.client();
    let good = images::png(&images::photo(1024, 1024, 1))?;
    let truncated = good[..good.len() / 2].to_vec();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 0x55;
    let cases: Vec<(&str, Vec<u8>, &str, &[&str])> = vec![
        (
            "not an image",
            b"Dear Sir or Madam, this is a letter.".repeat(40),
            "blur",
            &["image"],
        ),
        ("empty", Vec::new(), "blur", &["empty"]),
        (
            "truncated",
            truncated,
            "blur",
            &["truncated", "ends", "incomplete", "damaged"],
        ),
        ("damaged", flipped, "blur", &["damaged", "checksum", "corrupt"]),
        (
            "too small",
            images::png(&images::photo(1023, 4000, 1))?,
            "blur",
            &["1024"],
        ),
        ("unknown recipe", good.clone(), "make_it_nice", &["make_it_nice"]),
        (
            "parameter out of range",
            good.clone(),
            "blur:sigma=100000",
            &["sigma"],
        ),
        ("no recipe", good.clone(), "", &["transformation", "recipe"]),
        (
            "a bomb",
            images::png_with_data(100_000, 100_000, &NO_PIXELS),
            "blur",
            &["100000", "pixels"],
        ),
        (
            "over the pixel limit",
            images::png_with_data(10_000, 6_000, &NO_PIXELS),
            "blur",
            &["50000000", "50,000,000", "megapixel", "pixels"],
        ),
        (
            "over the byte limit",
            vec![0; 31_000_000],
            "blur",
            &["30", "bytes"],
        ),
        (
            "a region too large for a record",
            // The region of a tile is clipped at the image, so the image must be larger than a record itself.
            images::png(&images::photo(2048, 2048, 1))?,
            "blur:sigma=100|blur:sigma=100|blur:sigma=100",
            &["a record holds at most"],
        ),
    ];
    for (what, file, recipe, words) in cases {
        // The server may close the connection on a body that is too large before all of it is sent.
        let answer = match client.process("x.png", file, recipe).await {
            Ok(answer) => answer,
            Err(error) if what == "over the byte limit" => {
                eprintln!("{what}: {error:#}");
                continue;
            }
            Err(error) => return Err(error.context(what)),
        };
        let detail = answer.json["detail"].as_str().unwrap_or_default().to_owned();
        eprintln!("{what}: {} {detail}", answer.status);
        ensure!((400..500).contains(&answer.status), "{what}: {answer:?}");
        ensure!(
            words.iter().any(|word| detail.to_lowercase().contains(word)),
            "{what}: '{detail}' does not help"
        );
        ensure!(answer.json["code"].is_string(), "{what}: {answer:?}");
    }
    let jobs = client.get("/jobs").await?.json;
    ensure!(
        jobs.as_array().is_some_and(Vec::is_empty),
        "a refused upload left a job: {jobs}"
    );
    let leftovers: Vec<_> = files_below(&cluster.path("server"))
        .into_iter()
        .filter(|path| !path.contains(".db") && !path.contains(".sqlite") && !path.ends_with("lock"))
        // Room that the database gets when the disk is full.
        .filter(|path| !path.ends_with("/ballast"))
        .collect();
    ensure!(leftovers.is_empty(), "a refused upload left files: {leftovers:?}");
    // And the installation is as well as before.
    client.run("good.png", good, "blur").await?;
    Ok(())
}
