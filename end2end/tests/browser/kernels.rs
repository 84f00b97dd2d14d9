//! Preview = result: the module of kernels that the page loads, run in a real browser, gives the bytes of the native
//! kernels, for random recipes on every pixel format.

use crate::random;
use anyhow::{Context, Result, ensure};
use azulejo_end2end::browser::Browser;
use azulejo_end2end::{Cluster, ClusterOptions};
use azulejo_imaging::{Raster, Recipe, Region, apply, measure};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CASES: usize = 320;
/// Cases that go to the browser at a time.
const BATCH: usize = 40;
const MAX_PIXELS: u64 = 20_000;

/// Renders each case; answers with the SHA-256 of each result, or the error's text.
const SCRIPT: &str = r"
const [cases, done] = arguments;
(async () => {
  const kernels = await import('/pkg/preview.js');
  await kernels.default({ module_or_path: '/pkg/preview_bg.wasm' });
  const hex = bytes => [...new Uint8Array(bytes)].map(byte => byte.toString(16).padStart(2, '0')).join('');
  const answers = [];
  for (const { recipe, width, height, format, pixels, output } of cases) {
    const bytes = Uint8Array.from(pixels.match(/../g), byte => parseInt(byte, 16));
    const whole = Uint32Array.from([0, 0, width, height]);
    const result = kernels.render_raster(recipe, width, height, format, whole, bytes, Uint32Array.from(output));
    answers.push(hex(await crypto.subtle.digest('SHA-256', result)));
  }
  return answers;
})().then(done, error => done(String(error)));
";

struct Case {
    recipe: Recipe,
    image: Raster,
    output: Region,
    expected: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random cases, the same in every run, with what the native kernels make of them.
fn cases() -> Result<Vec<Case>> {
    let mut runner = TestRunner::deterministic();
    let strategy = (random::recipe(), random::size(), random::format(), 0..3u8);
    let mut cases = Vec::new();
    while cases.len() < CASES {
        let drawn = strategy.new_tree(&mut runner);
        let (recipe, size, format, alpha) = drawn.map_err(anyhow::Error::msg)?.current();
        let Ok(result) = recipe.output_size(size) else {
            continue;
        };
        if size.pixels() > MAX_PIXELS || result.pixels() > MAX_PIXELS {
            continue;
        }
        let image = random::image(size, format, alpha);
        cases.push(Case {
            expected: hex(&Sha256::digest(apply(&recipe, &image)?.bytes())),
            output: result.region(),
            recipe: measure(&recipe, &image)?,
            image,
        });
    }
    Ok(cases)
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_kernels_give_the_bytes_of_the_native_ones() -> Result<()> {
    let cases = cases()?;
    let cluster = Cluster::start(ClusterOptions {
        workers: 0,
        ..ClusterOptions::default()
    })
    .await?;
    let browser = Browser::start(800, 600).await?;
    browser.page.goto(&cluster.url()).await?;
    for batch in cases.chunks(BATCH) {
        let asked = batch.iter().map(|case| {
            json!({
                "recipe": case.recipe.to_string(),
                "width": case.image.size().width,
                "height": case.image.size().height,
                "format": case.image.format().to_string(),
                "pixels": hex(case.image.bytes()),
                "output": [0, 0, case.output.width, case.output.height],
            })
        });
        let asked: Vec<Value> = asked.collect();
        let answer = browser
            .page
            .execute_async(SCRIPT, vec![Value::from(asked)])
            .await?;
        let answers = answer
            .as_array()
            .with_context(|| format!("the page says {answer}"))?;
        ensure!(answers.len() == batch.len());
        for (case, got) in batch.iter().zip(answers) {
            let (size, format) = (case.image.size(), case.image.format());
            ensure!(
                got == &case.expected,
                "{} on {size} {format} differs",
                case.recipe
            );
        }
    }
    browser.close().await
}
