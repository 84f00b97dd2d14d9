//! The engine's threads: one that ends before its time ends the process, because nobody else does its work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is looked whether a thread has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Ends the process with a reason: its supervisor starts it again. Called from any thread.
pub type Alarm = Arc<dyn Fn(&str) + Send + Sync>;

/// Runs `work` on a thread of its own. Should it end in a panic, or before `is_over` says that the engine ends, `alarm` is raised.
///
/// # Errors
/// The system gives no more threads.
pub fn spawn(
    name: &str,
    alarm: &Alarm,
    is_over: impl Fn() -> bool + Send + 'static,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let (alarm, of) = (alarm.clone(), name.to_owned());
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        if result.is_err() || !is_over() {
            alarm(&format!(
                "the engine's thread '{of}' ended unexpectedly; its log says why: start the server again, it goes on where it was"
            ));
        }
    })
}

/// Waits until `threads` have ended, for `most` in all. What has not ended then waits for Kafka, inside a call of librdkafka's that
/// cannot be given up: it is left to end by itself.
pub fn join(threads: Vec<JoinHandle<()>>, most: Duration) {
    let until = Instant::now() + most;
    for thread in threads {
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        let name = thread.thread().name().unwrap_or_default().to_owned();
        if !thread.is_finished() {
            tracing::debug!(thread = name, "still waits for Kafka and is left behind");
        } else if thread.join().is_err() {
            tracing::error!(thread = name, "a thread of the engine ended in a panic");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn raised(is_over: bool, work: impl FnOnce() + Send + 'static) -> Vec<String> {
        let raised: Arc<Mutex<Vec<String>>> = Arc::default();
        let alarms = raised.clone();
        let alarm: Alarm = Arc::new(move |reason| alarms.lock().unwrap().push(reason.to_owned()));
        spawn("trim", &alarm, move || is_over, work)
            .unwrap()
            .join()
            .unwrap();
        let raised = raised.lock().unwrap();
        raised.clone()
    }

    #[test]
    fn threads_that_do_not_end_are_left_behind() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let stuck = std::thread::spawn(move || assert!(held.recv().is_err()));
        let began = Instant::now();
        join(vec![stuck, std::thread::spawn(|| ())], Duration::from_millis(50));
        assert!(began.elapsed() >= Duration::from_millis(50));
        drop(release);
    }

    #[test]
    fn a_thread_that_ends_in_a_panic_or_too_early_raises_the_alarm() {
        assert!(raised(true, || panic!("a bug"))[0].contains("'trim'"));
        assert_eq!(raised(false, || ()).len(), 1);
        assert!(raised(true, || ()).is_empty());
    }
}
