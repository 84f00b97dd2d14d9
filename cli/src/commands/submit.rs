//! `azulejo submit`: sends images through a running system and saves the results.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use azulejo_imaging::{FileKind, Recipe};

use crate::client::{Client, Order, Unreachable, received_name};
use crate::commands::job::{Ended, see_through};
use crate::commands::once::OnceArgument;
use crate::commands::place::Place;
use crate::commands::report::{Outcome, Report, as_text};
use crate::commands::{ServerArgument, WrongArgument, recipe};
use crate::input::{Input, shown};
use crate::output;
use crate::signals::{Caught, Signals};
use crate::targets::{Target, Targets, is_dash};

const AFTER_HELP: &str = "\
Examples:
  azulejo submit photo.jpg --recipe 'blur:sigma=2|sharpen' -o out.png
  azulejo submit - -r blur -o - < a.png > b.png

Every image is looked at before the first is sent. One that cannot be read, sent or saved is named on standard error, and the \
others go on. Exit codes: 0 all results are saved, 1 an image could not be read or sent or its result not saved, 3 a job failed or \
was cancelled, 129, 130, 143 a signal; of several the signal's counts first, then 1, then 3.";

/// Send images through a running system and save the results.
///
/// Each image goes up in a stream, its tiles are shown as they land, and the result is saved whole or not at all.
/// Ctrl-C, SIGTERM and SIGHUP cancel the job.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The images; '-' is standard input.
    #[arg(required = true, value_name = "IMAGE", value_hint = clap::ValueHint::FilePath)]
    images: Vec<PathBuf>,

    /// What to do to them: operations joined by '|'; `azulejo recipes` lists them.
    #[arg(long, short, value_name = "RECIPE", value_parser = recipe)]
    recipe: Recipe,

    /// Name of the image from standard input; the result is named after it [default: image].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// A line of JSON on standard output for each image, instead of the names of the files saved.
    #[arg(long)]
    json: bool,

    /// Which page of the image, from 1 on: of a TIFF, a picture of an ICO, a frame of a GIF [default: the largest, of a GIF the first].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,

    /// Have it rendered even where the server has the result from an earlier job with the same image, recipe and format.
    #[arg(long)]
    fresh: bool,

    #[command(flatten)]
    once: OnceArgument,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    server: ServerArgument,
}

impl Arguments {
    /// Checks what must fit together.
    ///
    /// # Errors
    /// A sentence that names the argument.
    pub fn check(&self) -> Result<(), WrongArgument> {
        let wrong = |sentence: String| Err(WrongArgument(sentence));
        let several = self.images.len() > 1;
        let from_input = self.images.iter().filter(|image| is_dash(image)).count();
        if from_input > 1 {
            return wrong("IMAGE '-' can be given once: there is one standard input".into());
        }
        if self.name.is_some() && from_input == 0 {
            return wrong("--name is that of the image from standard input: give '-' as an IMAGE".into());
        }
        if self.once.is_given() && several {
            return wrong("--idempotency-key takes one image: each job needs a key of its own".into());
        }
        if let Some(output) = &self.place.output {
            if self.place.is_output() && several {
                return wrong("--output - takes one image: several results would run into one".into());
            }
            if several && !output.is_dir() {
                return wrong(format!(
                    "--output {} must be a folder when there are several images",
                    output.display()
                ));
            }
        }
        if self.json && self.place.is_output() {
            return wrong("--json and --output - do not fit: both write to standard output".into());
        }
        self.place.check()
    }
}

/// An image that can be sent, and where its result goes.
struct Prepared<'a> {
    image: &'a Path,
    input: Input,
    target: Target,
}

/// Runs the command.
///
/// # Errors
/// When arguments do not fit together. How it went with the images is told by the exit code.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.check()?;
    let client = arguments.server.client()?.patient();
    let mut signals = Signals::install()?;
    let mut report = Report::new(arguments.json);
    let mut targets = arguments.place.targets();
    let mut prepared = Vec::new();
    let mut ahead = arguments.images.as_slice();
    tokio::select! {
        done = prepare(&arguments, &mut ahead, &mut prepared, &mut targets, &mut report) => done?,
        caught = signals.next() => {
            let images = prepared.iter().map(|ready| ready.image).chain(ahead.iter().map(PathBuf::as_path));
            give_up(&mut report, images, || not_sent(caught))?;
            return Ok(report.end());
        }
    }
    let mut left = prepared.into_iter();
    for next in left.by_ref() {
        let ended = submit(&client, &mut signals, &next, &mut targets, &arguments).await;
        let (input, name) = (as_text(next.image), shown(next.image));
        report.tell(&input, &name, ended.job, &ended.outcome)?;
        match ended.outcome {
            Outcome::Interrupted(caught, _) => {
                give_up(&mut report, left.map(|ready| ready.image), || not_sent(caught))?;
                break;
            }
            // The others would wait for the same server.
            Outcome::Problem(error) if error.is::<Unreachable>() => {
                give_up(&mut report, left.map(|ready| ready.image), || {
                    Outcome::Problem(anyhow::anyhow!("it was not sent: {error}"))
                })?;
                break;
            }
            _ => {}
        }
    }
    Ok(report.end())
}

/// Looks at every image `ahead` and at the place of its result, before anything is sent. What is wrong is told. A look that is
/// broken off leaves its image ahead.
async fn prepare<'a>(
    arguments: &'a Arguments,
    ahead: &mut &'a [PathBuf],
    prepared: &mut Vec<Prepared<'a>>,
    targets: &mut Targets,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (recipe, encoding) = (arguments.recipe.to_string(), arguments.place.encoding()?);
    let name = arguments.name.as_deref().unwrap_or("image");
    for image in &arguments.images {
        targets.note_image(image);
    }
    while let Some((image, rest)) = ahead.split_first() {
        let look = async {
            let input = Input::open(image, name).await?;
            let kind = encoding.map_or_else(
                || input.kind().unwrap_or(FileKind::Png),
                |encoding| encoding.kind(),
            );
            let target = targets.plan(&received_name(input.name()), &recipe, kind)?;
            Ok(Prepared { image, input, target })
        };
        let looked = look.await;
        *ahead = rest;
        match looked {
            Ok(ready) => prepared.push(ready),
            Err(error) => report.tell(&as_text(image), &shown(image), None, &Outcome::Problem(error))?,
        }
    }
    Ok(())
}

async fn submit(
    client: &Client,
    signals: &mut Signals,
    prepared: &Prepared<'_>,
    targets: &mut Targets,
    arguments: &Arguments,
) -> Ended {
    let once = arguments.once.request();
    let order = Order {
        recipe: &arguments.recipe.to_string(),
        encoding: arguments.place.encoding().unwrap_or_default(),
        page: arguments.page,
        fresh: arguments.fresh,
        once: Some(&once),
    };
    let bar = output::byte_bar("upload", 0);
    let (name, file) = (prepared.input.name(), prepared.input.path());
    let start = async {
        let accepted = client.process_as(name, file, order, &bar).await;
        match accepted {
            Ok(_) => bar.finish(),
            Err(_) => bar.abandon(),
        }
        accepted
    };
    let is_sent = || once.was_sent() || bar.length().is_some_and(|length| bar.position() >= length);
    let ended = see_through(
        client,
        signals,
        start,
        is_sent,
        arguments.page,
        (targets, &prepared.target),
    )
    .await;
    if !bar.is_finished() {
        bar.abandon();
    }
    ended
}

fn not_sent(caught: Caught) -> Outcome {
    Outcome::Interrupted(caught, "it was not sent".into())
}

/// Tells of the images that are left that they were not sent.
fn give_up<'a>(
    report: &mut Report,
    left: impl Iterator<Item = &'a Path>,
    outcome: impl Fn() -> Outcome,
) -> anyhow::Result<()> {
    for image in left {
        report.tell(&as_text(image), &shown(image), None, &outcome())?;
    }
    Ok(())
}
