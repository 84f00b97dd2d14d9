//! The measurement of one system: pictures in, results out. What `apply` takes for the same is measured once for all systems.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use azulejo_imaging::Recipe;
use azulejo_protocol::{JobId, JobStatus};
use indicatif::ProgressBar;
use tempfile::NamedTempFile;

use super::here;
use crate::client::Client;
use crate::commands::job::{ANSWER, follow};
use crate::figures::Figure;
use crate::output;

/// How often a job is looked at: the resolution of the times.
const LOOK: Duration = Duration::from_millis(10);

/// A system of its own; without a name and workers, a server that is there.
#[derive(Debug, Default)]
pub struct System {
    /// `embedded`, or the address of the Kafka.
    pub broker: String,
    /// Worker processes.
    pub workers: u16,
    /// Tiles that each renders at a time.
    pub slots: u16,
}

/// What the server has of the run at hand: what is to be cancelled when a signal comes.
#[derive(Debug, Default)]
pub struct AtHand(RefCell<Stage>);

#[derive(Debug, Default)]
enum Stage {
    /// Nothing, or a job that has ended.
    #[default]
    Nothing,
    /// As much of the picture as the bar says.
    Upload(ProgressBar),
    /// A job.
    Job(JobId),
}

impl AtHand {
    fn set(&self, stage: Stage) {
        *self.0.borrow_mut() = stage;
    }

    /// Whether the picture is sent and the job's id is not known yet.
    fn is_sent(&self) -> bool {
        match &*self.0.borrow() {
            Stage::Upload(bar) => bar.length().is_some_and(|length| bar.position() >= length),
            Stage::Nothing | Stage::Job(_) => false,
        }
    }

    /// Cancels the job that `measuring` has at hand. The answer to a whole upload is waited for, since there may be a job. Says what
    /// became of it; `None` where there is none.
    pub async fn cancel(
        &self,
        client: &Client,
        mut measuring: Pin<&mut impl Future<Output = anyhow::Result<()>>>,
    ) -> Option<String> {
        let answered = poll_fn(|context| {
            if self.is_sent() && measuring.as_mut().poll(context).is_pending() && self.is_sent() {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        });
        let is_late = tokio::time::timeout(ANSWER, answered).await.is_err();
        let id = match *self.0.borrow() {
            Stage::Job(id) => id,
            _ if is_late => {
                return Some("the server did not say whether there is a job: `azulejo jobs` does".into());
            }
            _ => return None,
        };
        Some(match client.cancel(id).await {
            Ok(()) => format!("job {id} is cancelled"),
            Err(error) => format!("job {id} could not be cancelled: {error:#}"),
        })
    }
}

/// What all systems are measured with.
#[derive(Debug)]
pub struct Measurement<'a> {
    folder: &'a Path,
    sizes: &'a [u32],
    recipes: &'a [Recipe],
    repeat: u32,
    verify: bool,
    /// Seconds that `apply` took, by recipe and side.
    apply: HashMap<(String, u32), f64>,
}

impl<'a> Measurement<'a> {
    /// Pictures of `sizes` through `recipes`, `repeat` times each; pictures and results are kept in `folder`.
    pub fn new(folder: &'a Path, sizes: &'a [u32], recipes: &'a [Recipe], repeat: u32, verify: bool) -> Self {
        Self {
            folder,
            sizes,
            recipes,
            repeat,
            verify,
            apply: HashMap::new(),
        }
    }

    /// The folder for everything that is kept while it goes on.
    pub const fn folder(&self) -> &'a Path {
        self.folder
    }

    /// Measures one system; each figure is there as soon as it is measured.
    ///
    /// # Errors
    /// When a job fails or a result is wrong.
    pub async fn measure(
        &mut self,
        client: &Client,
        system: &System,
        at_hand: &AtHand,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        for &side in self.sizes {
            let image = self.folder.join(format!("photo-{side}.png"));
            if !image.exists() {
                here::picture(&image, side).await?;
            }
            for recipe in self.recipes {
                let apply_seconds = self.apply_seconds(recipe, &image, side).await?;
                let mut best: Option<Figure> = None;
                for _ in 0..self.repeat {
                    let figure = self.once(client, at_hand, recipe, &image, side).await?;
                    if best.as_ref().is_none_or(|best| figure.seconds < best.seconds) {
                        best = Some(figure);
                    }
                }
                figures.extend(best.map(|figure| Figure {
                    broker: system.broker.clone(),
                    workers: system.workers,
                    slots: system.slots,
                    apply_seconds: Some(apply_seconds),
                    ..figure
                }));
                output::say(&format!(
                    "{recipe} at {side}: {:.2} s",
                    figures.last().map_or(0.0, |figure| figure.seconds)
                ));
            }
        }
        Ok(())
    }

    /// The best of the runs of `apply`, measured once for each recipe and side.
    async fn apply_seconds(&mut self, recipe: &Recipe, image: &Path, side: u32) -> anyhow::Result<f64> {
        let key = (recipe.to_string(), side);
        if let Some(seconds) = self.apply.get(&key) {
            return Ok(*seconds);
        }
        let mut best = f64::INFINITY;
        for _ in 0..self.repeat {
            best = best.min(here::applied(recipe, image, self.folder).await?);
        }
        self.apply.insert(key, best);
        Ok(best)
    }

    async fn once(
        &self,
        client: &Client,
        at_hand: &AtHand,
        recipe: &Recipe,
        image: &Path,
        side: u32,
    ) -> anyhow::Result<Figure> {
        let started = Instant::now();
        let bar = ProgressBar::hidden();
        at_hand.set(Stage::Upload(bar.clone()));
        let accepted = client.process(image, &recipe.to_string(), None, &bar).await;
        at_hand.set(
            accepted
                .as_ref()
                .map_or(Stage::Nothing, |accepted| Stage::Job(accepted.job_id)),
        );
        let job = follow(client, accepted?.job_id, LOOK, |_| {}).await?;
        let seconds = started.elapsed().as_secs_f64();
        at_hand.set(Stage::Nothing);
        if job.status != JobStatus::Completed {
            bail!(
                "{recipe} at {side}: {}",
                job.error.unwrap_or_else(|| job.status.to_string())
            );
        }
        let verified = if self.verify {
            let downloaded = NamedTempFile::new_in(self.folder).context("cannot make a file")?;
            client
                .download(job.job_id, downloaded.reopen()?, &ProgressBar::hidden())
                .await?;
            if !here::is_as_applied(recipe, image, downloaded, self.folder).await? {
                bail!(
                    "{} at {side}: the result differs from that of `azulejo apply`",
                    job.transformation
                );
            }
            Some(true)
        } else {
            None
        };
        Ok(Figure {
            broker: String::new(),
            workers: 0,
            slots: 0,
            recipe: recipe.to_string(),
            side,
            tiles: job.total_tiles,
            seconds,
            tiles_per_second: f64::from(job.total_tiles) / seconds,
            megapixels_per_second: f64::from(side).powi(2) / 1e6 / seconds,
            apply_seconds: None,
            speed_up: None,
            times_first_broker: None,
            verified,
        })
    }
}
