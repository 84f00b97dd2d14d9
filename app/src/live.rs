//! Live updates: one stream of server-sent events for a page (`/events`, or `/events?job=ID` on a job's page), and the
//! signals that it fills. The server always sends the whole state first, so after a lost connection there is nothing
//! to catch up with: the stream is opened again and that is all.
//!
//! On the server the signals stay empty and pages show what their resources loaded.

use std::collections::BTreeMap;

use azulejo_protocol::{Costs, Health, Job, JobId, LiveEvent, WorkerInfo};
use leptos::prelude::*;

/// Jobs remembered at most; the oldest are forgotten, so that a page left open does not grow.
const MOST_JOBS: usize = 300;

/// Whether news arrive.
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Not yet: the page has just been opened.
    Opening,
    /// They do.
    Open,
    /// They did, or should have.
    Lost,
}

/// News of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobNews {
    /// It is new or changed.
    Changed(Box<Job>),
    /// It was deleted.
    Gone,
}

/// What the server has told since the page was opened.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// State of the installation.
    pub health: RwSignal<Option<Health>>,
    /// Every worker known.
    pub workers: RwSignal<Option<Vec<WorkerInfo>>>,
    /// What work costs.
    pub costs: RwSignal<Option<Costs>>,
    /// Jobs, by id and with that by age.
    pub jobs: RwSignal<BTreeMap<JobId, JobNews>>,
    /// Whether news arrive.
    pub link: RwSignal<Link>,
    watched: RwSignal<Option<JobId>>,
}

impl Live {
    /// Provides the signals to the components below and, in the browser, begins to listen.
    pub fn provide() -> Self {
        let live = Self {
            health: RwSignal::new(None),
            workers: RwSignal::new(None),
            costs: RwSignal::new(None),
            jobs: RwSignal::new(BTreeMap::new()),
            link: RwSignal::new(Link::Opening),
            watched: RwSignal::new(None),
        };
        provide_context(live);
        #[cfg(feature = "hydrate")]
        listening::start(live);
        live
    }

    /// Asks for `id` with tiles, stages and workers until the calling component is gone.
    pub fn watch(self, id: JobId) {
        Effect::new(move |_| self.watched.set(Some(id)));
        on_cleanup(move || {
            if self.watched.try_get_untracked().flatten() == Some(id) {
                self.watched.set(None);
            }
        });
    }

    /// Takes in one event.
    #[cfg_attr(
        not(feature = "hydrate"),
        allow(dead_code, reason = "used in the browser only")
    )]
    fn take(self, event: LiveEvent) {
        match event {
            LiveEvent::Health { health } => self.health.set(Some(*health)),
            LiveEvent::Workers { workers } => self.workers.set(Some(workers)),
            LiveEvent::Costs { costs } => self.costs.set(Some(costs)),
            LiveEvent::Job { job } => self.jobs.update(|jobs| note(jobs, *job)),
            LiveEvent::JobGone { job_id } => self.jobs.update(|jobs| {
                jobs.insert(job_id, JobNews::Gone);
            }),
        }
    }
}

/// Takes in what is told of a job.
#[cfg_attr(
    not(feature = "hydrate"),
    allow(dead_code, reason = "used in the browser only")
)]
fn note(jobs: &mut BTreeMap<JobId, JobNews>, job: Job) {
    let id = job.job_id;
    let news = match jobs.remove(&id) {
        Some(JobNews::Changed(known)) => JobNews::Changed(Box::new(merge(*known, job))),
        // An id is not used again: what is told of a deleted job is older than its deletion.
        Some(JobNews::Gone) => JobNews::Gone,
        None => JobNews::Changed(Box::new(job)),
    };
    jobs.insert(id, news);
    while jobs.len() > MOST_JOBS {
        jobs.pop_first();
    }
}

/// The newer of two tellings of a job, whichever came first, with what only the older one tells: a summary has no stages,
/// workers and, once the job has ended, no tiles.
pub fn merge(known: Job, news: Job) -> Job {
    // Of equals the second is taken: an old server does not say which is newer.
    let (older, mut newer) = if news.revision < known.revision {
        (news, known)
    } else {
        (known, news)
    };
    if newer.stages.is_empty() {
        newer.stages = older.stages;
        newer.workers = older.workers;
    }
    if newer.tiles.0.is_empty()
        && newer.status == older.status
        && newer.mosaic_version == older.mosaic_version
    {
        newer.tiles = older.tiles;
    }
    newer
}

#[cfg(feature = "hydrate")]
mod listening {
    use azulejo_protocol::{JobId, LiveEvent};
    use futures::StreamExt;
    use futures::future::{AbortHandle, Either, abortable, select};
    use futures::stream;
    use gloo_net::eventsource::State;
    use gloo_net::eventsource::futures::EventSource;
    use leptos::prelude::*;

    use super::{Link, Live};
    use crate::browser::sleep;

    /// A connection that is not there after so many seconds is given up, and tried anew.
    const OPENING_SECONDS: u32 = 5;
    /// A connection on which nothing came for so many seconds is dead, whatever the browser says: the server sends a beat every
    /// five.
    const SILENT_SECONDS: u32 = 12;

    /// Opens the stream, and another one whenever a different job is watched.
    ///
    /// A page that is left is kept by the browser, with its connections, to be shown again at once by Back; a browser has six for
    /// a host, so the stream is closed with the page and opened again when it comes back.
    pub fn start(live: Live) {
        let running = StoredValue::new(None::<AbortHandle>);
        let shown = RwSignal::new(true);
        let on_hide = window_event_listener_untyped("pagehide", move |_| {
            if let Some(handle) = running.try_update_value(Option::take).flatten() {
                handle.abort();
            }
            shown.set(false);
        });
        let on_show = window_event_listener_untyped("pageshow", move |_| shown.set(true));
        on_cleanup(move || {
            on_hide.remove();
            on_show.remove();
        });
        let shown = Memo::new(move |_| shown.get());
        Effect::new(move |_| {
            let watched = live.watched.get();
            if !shown.get() {
                return;
            }
            let (task, handle) = abortable(listen(live, watched));
            if let Some(before) = running
                .try_update_value(|running| running.replace(handle))
                .flatten()
            {
                before.abort();
            }
            leptos::task::spawn_local(async move {
                // Aborted means that another stream took over.
                let _ = task.await;
            });
        });
    }

    async fn listen(live: Live, watched: Option<JobId>) {
        // Lets the page that is just being shown say which job it watches.
        sleep(20).await;
        let address =
            crate::base::at(&watched.map_or_else(|| "/events".to_owned(), |id| format!("/events?job={id}")));
        let mut failures = 0u32;
        loop {
            if receive(live, &address).await {
                failures = 0;
            }
            live.link.set(Link::Lost);
            failures = (failures + 1).min(5);
            sleep(500 << failures).await;
        }
    }

    /// Receives until the connection ends; whether anything came. A browser reconnects by itself without a word, so
    /// the state of the connection is looked at, too.
    async fn receive(live: Live, address: &str) -> bool {
        let Ok(mut source) = EventSource::new(address) else {
            return false;
        };
        let (Ok(messages), Ok(beats)) = (source.subscribe("message"), source.subscribe("beat")) else {
            return false;
        };
        let mut messages = stream::select(messages, beats);
        let mut any = false;
        let mut silent = 0;
        loop {
            let message = match select(messages.next(), Box::pin(sleep(1000))).await {
                Either::Left((Some(Ok((kind, message))), _)) => {
                    silent = 0;
                    if kind == "beat" {
                        continue;
                    }
                    message
                }
                Either::Left(_) => return any,
                Either::Right(_) => {
                    silent += 1;
                    let most = match source.state() {
                        State::Open => SILENT_SECONDS,
                        _ if any => 0,
                        _ => OPENING_SECONDS,
                    };
                    if silent >= most {
                        return any;
                    }
                    continue;
                }
            };
            let Some(text) = message.data().as_string() else {
                continue;
            };
            if let Ok(event) = serde_json::from_str::<LiveEvent>(&text) {
                live.take(event);
                any = true;
                if live.link.get_untracked() != Link::Open {
                    live.link.set(Link::Open);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use azulejo_protocol::{JobStatus, Stage, StageName, TileStates};

    use super::*;
    use crate::sample::job;

    fn told(revision: u64, status: JobStatus) -> Job {
        Job {
            revision,
            status,
            ..job(1)
        }
    }

    #[test]
    fn the_answer_to_a_cancellation_is_not_undone_by_that_to_an_earlier_retry() {
        let retried = told(7, JobStatus::Processing);
        let cancelled = told(8, JobStatus::Cancelled);
        assert_eq!(merge(cancelled.clone(), retried).status, JobStatus::Cancelled);
        // A job that is retried after its cancellation is under way, though it was ended before.
        let again = told(9, JobStatus::Processing);
        assert_eq!(merge(cancelled, again).status, JobStatus::Processing);
    }

    #[test]
    fn an_event_from_before_an_action_does_not_undo_its_answer() {
        let mut jobs = BTreeMap::new();
        let id = job(1).job_id;
        note(&mut jobs, told(4, JobStatus::Processing));
        note(&mut jobs, told(6, JobStatus::Cancelled));
        note(&mut jobs, told(5, JobStatus::Processing));
        assert!(matches!(&jobs[&id], JobNews::Changed(job) if job.status == JobStatus::Cancelled));
        jobs.insert(id, JobNews::Gone);
        note(&mut jobs, told(5, JobStatus::Processing));
        assert_eq!(jobs[&id], JobNews::Gone);
    }

    #[test]
    fn what_only_the_older_telling_says_is_kept_whichever_came_first() {
        let stage = Stage {
            name: StageName::Decode,
            started_at: None,
            finished_at: None,
            note: "row 5 of 9".to_owned(),
        };
        let whole = Job {
            stages: vec![stage],
            ..told(4, JobStatus::Completed)
        };
        let summary = Job {
            tiles: TileStates::default(),
            ..told(5, JobStatus::Completed)
        };
        for merged in [
            merge(whole.clone(), summary.clone()),
            merge(summary, whole.clone()),
        ] {
            assert_eq!(
                (merged.revision, &merged.stages, &merged.tiles),
                (5, &whole.stages, &whole.tiles)
            );
        }
    }

    #[test]
    fn a_server_that_does_not_say_is_believed_in_the_order_of_arrival() {
        let merged = merge(told(0, JobStatus::Failed), told(0, JobStatus::Processing));
        assert_eq!(merged.status, JobStatus::Processing);
    }
}
