//! The part of a measurement that this process computes itself, on threads of its own. They heed a flag and nobody waits for them
//! in the end: a strip of a large image may take long.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use anyhow::{Context as _, bail};
use azulejo_imaging::Recipe;
use azulejo_imaging::file::{ApplyOptions, Decoder, Limits, apply_file};
use tempfile::NamedTempFile;
use tokio::sync::oneshot;

use crate::commands::apply::read_whole;
use crate::photo;

/// Tells the work to stop once it is not waited for any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// What `work` gives, which runs on a thread of its own. It is given a function that says whether it may go on.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce(&dyn Fn() -> bool) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let stop = StopOnDrop(Arc::default());
    let stopped = Arc::clone(&stop.0);
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        // Whoever does not wait any more was interrupted.
        let _ = sender.send(work(&|| !stopped.load(Relaxed)));
    });
    receiver.await.context("the work ended unexpectedly")?
}

/// Makes the picture of `side` pixels at `path`.
pub async fn picture(path: &Path, side: u32) -> anyhow::Result<()> {
    let path = path.to_owned();
    on_a_thread(move |goes_on| {
        if photo::write_while(&path, side, goes_on)? {
            Ok(())
        } else {
            bail!("the picture was not finished")
        }
    })
    .await
}

/// Seconds that `apply` takes for the file `image`; the result goes to a file in `folder`, which is removed again.
pub async fn applied(recipe: &Recipe, image: &Path, folder: &Path) -> anyhow::Result<f64> {
    let result = NamedTempFile::new_in(folder).context("cannot make a file")?;
    let (recipe, image) = (recipe.clone(), image.to_owned());
    on_a_thread(move |goes_on| {
        let started = Instant::now();
        let options = ApplyOptions::default();
        apply_file(&recipe, &image, result.path(), &options, &mut |_| goes_on())?;
        Ok(started.elapsed().as_secs_f64())
    })
    .await
}

/// Whether the file `result` has the pixels that `apply` gives for `image`. `folder` takes the file for that.
pub async fn is_as_applied(
    recipe: &Recipe,
    image: &Path,
    result: NamedTempFile,
    folder: &Path,
) -> anyhow::Result<bool> {
    let expected = NamedTempFile::new_in(folder).context("cannot make a file")?;
    let (recipe, image) = (recipe.clone(), image.to_owned());
    on_a_thread(move |goes_on| {
        let options = ApplyOptions::default();
        apply_file(&recipe, &image, expected.path(), &options, &mut |_| goes_on())?;
        let read = |file: &Path| read_whole(&mut Decoder::open(file, &Limits::default())?);
        Ok(read(expected.path())? == read(result.path())?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_is_not_waited_for_is_told_to_stop() {
        let (ended, heard) = std::sync::mpsc::channel();
        let work = on_a_thread(move |goes_on| {
            while goes_on() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ended.send(()).context("nobody listens")
        });
        let waited = tokio::time::timeout(Duration::from_millis(50), work).await;
        assert!(waited.is_err(), "it ended by itself");
        heard.recv_timeout(Duration::from_secs(20)).unwrap();
    }
}
