//! A client whose types are generated from the description (openapi-typescript, openapi-fetch): it compiles, submits a job and
//! downloads its result.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use azulejo_end2end::Cluster;
use azulejo_end2end::images;
use azulejo_end2end::process::{must_succeed, tools_dir};

#[tokio::test(flavor = "multi_thread")]
async fn generated_client_submits_a_job_and_downloads_its_result() -> Result<()> {
    let tools = tools_dir()?.join("openapi-typescript");
    ensure!(
        tools.is_dir(),
        "{} is not there: `cargo xtask test` makes it",
        tools.display()
    );
    let modules = tools.canonicalize()?.join("node_modules");
    let cluster = Cluster::start_default().await?;
    let url = cluster.url();

    let folder = cluster.path("generated");
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    for name in ["client.ts", "tsconfig.json"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/generated");
        std::fs::copy(source.join(name), folder.join(name))?;
    }
    std::os::unix::fs::symlink(&modules, folder.join("node_modules"))?;
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("node");
        command.arg(modules.join(program)).args(arguments);
        must_succeed(command.current_dir(folder).stdin(Stdio::null()))
    };
    let description = format!("{url}/openapi.json");
    run(
        "openapi-typescript/bin/cli.js",
        &[&description, "-o", "schema.d.ts"],
    )?;
    run("typescript/bin/tsc", &["--project", "."])?;

    let picture = images::png(&images::photo(1100, 1030, 7))?;
    std::fs::write(folder.join("image.png"), &picture)?;
    let arguments = [&*url, "image.png", "rotate_90", "result.png"];
    let mut client = Command::new("node");
    client.arg(folder.join("built/client.js")).args(arguments);
    let id = must_succeed(client.current_dir(folder))?;
    let result = std::fs::read(folder.join("result.png"))?;
    ensure!(
        result == cluster.client().result(id.trim()).await?,
        "the client has another result"
    );
    Ok(())
}
