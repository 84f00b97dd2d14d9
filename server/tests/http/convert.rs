//! A job that converts colours has the bytes of `apply`, whose profile is that of the file.

use azulejo_imaging::Raster;
use azulejo_imaging::file::{ApplyOptions, Decoder, Limits, apply_file};
use azulejo_protocol::JobStatus;
use serde_json::Value;

use crate::support::images::png;
use crate::support::start;

/// The image with a chunk behind its header that says how its samples follow from light.
fn with_gamma(png: &[u8], gamma: u32) -> Vec<u8> {
    let mut chunk = b"gAMA".to_vec();
    chunk.extend(gamma.to_be_bytes());
    let checksum = crc32fast::hash(&chunk).to_be_bytes();
    let chunk = [&4u32.to_be_bytes()[..], &chunk, &checksum].concat();
    // The signature and the header have 33 bytes.
    [&png[..33], &chunk, &png[33..]].concat()
}

/// The pixels and the profile.
fn decoded(file: Vec<u8>) -> (Raster, Option<Vec<u8>>) {
    let decoder = Decoder::of_bytes(file, &Limits::default()).unwrap();
    let icc = decoder.info().metadata.icc.clone();
    (decoder.read_all().unwrap(), icc)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_converts_colours_as_apply_does() {
    let server = start(&[]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let file = with_gamma(&png(1100, 1050), 100_000);
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.png", "to.png"].map(|name| folder.path().join(name));
    std::fs::write(&from, &file).unwrap();
    let mut results = Vec::new();
    for recipe in [
        "blur:sigma=2",
        "to_srgb|blur:sigma=2",
        "rotate_90|convert:profile=display_p3",
    ] {
        let accepted: Value = server
            .process(&file, "light.png", recipe)
            .await
            .json()
            .await
            .unwrap();
        let id = accepted["job_id"].as_str().unwrap();
        let job = server.finished(id).await;
        assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
        let result = server
            .get(&format!("/download/{id}"))
            .await
            .bytes()
            .await
            .unwrap();
        apply_file(
            &recipe.parse().unwrap(),
            &from,
            &to,
            &ApplyOptions::default(),
            &mut |_| true,
        )
        .unwrap();
        let result = decoded(result.to_vec());
        assert!(result == decoded(std::fs::read(&to).unwrap()), "{recipe}");
        assert!(!results.contains(&result), "{recipe}");
        results.push(result);
    }
    let late = server.process(&file, "light.png", "blur|convert").await;
    let (status, code, detail) = crate::support::error_of(late).await;
    assert_eq!((status, code.as_str()), (422, "unknown_recipe"), "{detail}");
    assert!(detail.contains("convert stands after blur"), "{detail}");
    server.stop().await;
}
