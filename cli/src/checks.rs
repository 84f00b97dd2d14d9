//! What is well in an installation and what is not, each fault with what to do about it: broker, topics, lag, workers, disk.

use azulejo_imaging::PixelFormat;
use azulejo_protocol::health::{DiskInfo, TopicRole};
use azulejo_protocol::{Health, Problem, WorkerInfo, WorkerState};
use serde::Serialize;

use crate::output;

/// The oldest tile under way may be so old before it is a fault, seconds: several times what a tile takes, resends included.
const LAG_SECONDS: f32 = 60.0;

/// Less room than this for new jobs is worth a warning, bytes.
const LITTLE_ROOM: u64 = 2 << 30;

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Well.
    Ok,
    /// Jobs succeed, and somebody should look at it.
    Warning,
    /// Jobs wait or fail until somebody does something.
    Fault,
}

impl State {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "FAULT",
        }
    }
}

/// What was looked at, how it stands, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `server`, `broker`, `topics`, `lag`, `workers`, `disk` or `other`.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// In words.
    pub says: String,
    /// What to do, unless all is well.
    pub remedy: Option<String>,
}

impl Check {
    /// All is well with it.
    pub fn well(name: &'static str, says: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Ok,
            says: says.into(),
            remedy: None,
        }
    }

    /// It works, but for this.
    pub fn warning(name: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Warning,
            says: says.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// It does not work.
    pub fn fault(name: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state: State::Fault,
            ..Self::warning(name, says, remedy)
        }
    }
}

/// Judges what a server tells of its installation.
pub fn judge(health: &Health, workers: &[WorkerInfo]) -> Vec<Check> {
    let mut checks = vec![broker(health)];
    checks.extend(topics(health));
    checks.push(lag(health));
    checks.extend(of_workers(health, workers));
    checks.push(disk(health));
    let told = |subject: &str| {
        health.topics.iter().any(|topic| topic.name == subject)
            || workers.iter().any(|worker| subject == subject_of(worker))
    };
    let others = health.problems.iter().filter(|problem| !told(&problem.subject));
    checks.extend(others.map(|problem| of_problem("other", problem)));
    checks
}

/// What a worker is called as the subject of a problem.
fn subject_of(worker: &WorkerInfo) -> String {
    format!("worker {}", worker.worker_id)
}

fn of_problem(name: &'static str, problem: &Problem) -> Check {
    if problem.holds_jobs {
        Check::fault(name, &problem.subject, &problem.detail)
    } else {
        Check::warning(name, &problem.subject, &problem.detail)
    }
}

fn broker(health: &Health) -> Check {
    let address = &health.kafka_broker;
    if health.kafka_answers() {
        return Check::well("broker", format!("{address} answers"));
    }
    let reason = health.kafka_error.as_deref().unwrap_or("it has not answered yet");
    Check::fault(
        "broker",
        format!("{address} is away: {reason}"),
        "start the broker (`azulejo up` starts its own; `systemctl start kafka` on its machine), or correct KAFKA_BROKER of the server; \
         what the broker calls itself (advertised.listeners) must be an address that the server reaches, and a firewall must let it \
         through. Jobs wait until then and are not lost",
    )
}

fn topics(health: &Health) -> Vec<Check> {
    let mut faults: Vec<Check> = health
        .problems
        .iter()
        .filter(|problem| health.topics.iter().any(|topic| topic.name == problem.subject))
        .map(|problem| of_problem("topics", problem))
        .collect();
    if !health.kafka_connected && faults.is_empty() {
        faults.push(Check::warning(
            "topics",
            "nothing is known of them while the broker is away",
            "see to the broker first",
        ));
    }
    for topic in health.topics.iter().filter(|topic| topic.partitions == 0) {
        let is_told = health
            .problems
            .iter()
            .any(|problem| problem.subject == topic.name);
        if health.kafka_connected && !is_told {
            faults.push(Check::warning(
                "topics",
                format!("'{}' is not there", topic.name),
                "the server makes it within seconds; if it stays away, the server's log says why",
            ));
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    let tasks = health.topics.iter().find(|topic| topic.role == TopicRole::Tasks);
    vec![Check::well(
        "topics",
        tasks.map_or_else(
            || "the server does not tell them".to_owned(),
            |tasks| {
                format!(
                    "all {} are there; '{}' has {} in {} {}",
                    health.topics.len(),
                    tasks.name,
                    counted(tasks.partitions, "partition", "partitions"),
                    tasks.replicas,
                    if tasks.replicas == 1 { "copy" } else { "copies" }
                )
            },
        ),
    )]
}

fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn lag(health: &Health) -> Check {
    let tiles = health.tiles_in_flight;
    let says = format!(
        "{tiles} tiles under way in {} jobs, the oldest for {:.1} s, {:.1} tiles/s",
        health.jobs_processing, health.lag_seconds, health.tiles_per_second
    );
    if health.lag_seconds <= LAG_SECONDS {
        return Check::well("lag", says);
    }
    Check::warning(
        "lag",
        says,
        "start more workers, or look which one is slow or silent (`azulejo workers`); a tile that nobody answers is sent again \
         by itself",
    )
}

fn of_workers(health: &Health, workers: &[WorkerInfo]) -> Vec<Check> {
    let mut checks = vec![if health.workers > 0 {
        Check::well(
            "workers",
            format!("{} live, {} slots in all", health.workers, health.slots),
        )
    } else {
        Check::fault(
            "workers",
            "none is live",
            format!(
                "start one, on this machine or any that reaches the broker: `azulejo-worker --kafka {}` (with the server's \
                 KAFKA_TOPIC_PREFIX, if it has one), or `systemctl start azulejo-worker`",
                health.kafka_broker
            ),
        )
    }];
    for worker in workers {
        let id = &worker.worker_id;
        let subject = subject_of(worker);
        let problem = health.problems.iter().find(|problem| problem.subject == subject);
        if worker.status == WorkerState::Lost {
            checks.push(Check::warning(
                "workers",
                format!("{id} on {} is lost: no heartbeat comes any more", worker.host),
                format!(
                    "look whether it runs and what its log says (`journalctl -u azulejo-worker` on {}); its tiles went to \
                     others",
                    worker.host
                ),
            ));
        } else if let Some(text) = problem.map(|problem| &problem.detail).or(worker.note.as_ref()) {
            let (what, remedy) = text.rsplit_once("; ").unwrap_or((text, "its log says more"));
            checks.push(Check::warning("workers", format!("{id}: {what}"), remedy));
        }
    }
    checks
}

fn disk(health: &Health) -> Check {
    let Some(disk) = health.disk else {
        return Check::well("disk", "the server does not tell its disk");
    };
    let usable = disk.usable_bytes();
    let says = format!(
        "{} free, {} of it for new jobs",
        output::bytes(disk.free_bytes),
        output::bytes(usable)
    );
    let remedy = "delete old jobs (`azulejo jobs` lists them; Delete on a job's page), or give the server's data folder a larger disk";
    // The smallest picture in colour, by the rule by which the server refuses one.
    let pixels = u64::from(health.limits.min_side).pow(2) * PixelFormat::RGB8.bytes_per_pixel() as u64;
    if usable < DiskInfo::needed_bytes(pixels, pixels) {
        Check::fault("disk", says, remedy)
    } else if usable < LITTLE_ROOM {
        Check::warning("disk", says, remedy)
    } else {
        Check::well("disk", says)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn health(changes: serde_json::Value) -> Health {
        let mut health = json!({
            "status": "healthy", "kafka_connected": true, "kafka_broker": "127.0.0.1:9092", "workers": 2, "slots": 4,
            "jobs_processing": 0, "tiles_in_flight": 0, "lag_seconds": 0.0, "tiles_per_second": 0.0, "version": "1",
            "uptime": 1.0,
            "limits": {"min_side": 1024, "max_side": 2, "max_pixels": 3, "max_bytes": 4, "tile_size": 5},
            "topics": [{"name": "tasks", "role": "tasks", "partitions": 12, "replicas": 1}],
            "disk": {"free_bytes": 100_000_000_000u64, "promised_bytes": 0, "reserve_bytes": 268_435_456},
        });
        for (name, value) in changes.as_object().unwrap() {
            health[name] = value.clone();
        }
        serde_json::from_value(health).unwrap()
    }

    fn worst(checks: &[Check], name: &str) -> Check {
        let of = checks.iter().filter(|check| check.name == name);
        of.max_by_key(|check| check.state).unwrap().clone()
    }

    #[test]
    fn a_healthy_installation_is_well_in_everything() {
        let checks = judge(&health(json!({})), &[]);
        assert!(
            checks
                .iter()
                .all(|check| check.state == State::Ok && check.remedy.is_none()),
            "{checks:?}"
        );
        let names: Vec<_> = checks.iter().map(|check| check.name).collect();
        assert_eq!(names, ["broker", "topics", "lag", "workers", "disk"]);
    }

    fn worker(id: &str) -> WorkerInfo {
        serde_json::from_value(json!({
            "worker_id": id, "last_heartbeat": "2026-01-01T00:00:00Z", "tasks_processed": 0, "current_task": null,
            "status": "idle", "uptime": 1.0, "avg_processing_time": 0.0, "tasks_per_minute": 0.0, "rate_history": [],
            "slots": 1, "busy": 0, "tasks_failed": 0, "partitions": [], "memory_bytes": 0, "host": "m", "version": "1",
        }))
        .unwrap()
    }

    #[test]
    fn what_jobs_do_without_is_a_warning_and_a_problem_is_told_of_its_own_worker() {
        let problem =
            |subject: &str| json!({"subject": subject, "detail": "it is so; do that", "holds_jobs": false});
        let health =
            health(json!({"problems": [problem("tasks"), problem("worker 10"), problem("worker 7")]}));
        let checks = judge(&health, &[worker("1"), worker("10")]);
        let of = |name: &str| {
            let of = checks.iter().filter(|check| check.name == name);
            of.filter(|check| check.state > State::Ok)
                .map(|check| (check.state, check.says.as_str()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("topics"), [(State::Warning, "tasks")]);
        assert_eq!(of("workers"), [(State::Warning, "10: it is so")]);
        assert_eq!(of("other"), [(State::Warning, "worker 7")]);
    }

    #[test]
    fn a_topic_that_holds_the_jobs_is_no_broker_that_is_away() {
        let told =
            json!({"kafka_connected": false, "problems": [{"subject": "tasks", "detail": "no; do that"}]});
        let checks = judge(&health(told), &[]);
        assert_eq!(worst(&checks, "broker").state, State::Ok);
        assert_eq!(worst(&checks, "topics").state, State::Fault);
    }

    #[test]
    fn each_fault_is_named_with_what_to_do() {
        let problem = |subject: &str| json!([{"subject": subject, "detail": "it is so; do that"}]);
        for (changes, name, state, says, remedy) in [
            (
                json!({"kafka_connected": false, "kafka_error": "refused"}),
                "broker",
                State::Fault,
                "127.0.0.1:9092 is away: refused",
                "KAFKA_BROKER",
            ),
            (
                json!({"problems": problem("tasks")}),
                "topics",
                State::Fault,
                "tasks",
                "do that",
            ),
            (
                json!({"topics": [{"name": "tasks", "role": "tasks", "partitions": 0, "replicas": 0}]}),
                "topics",
                State::Warning,
                "'tasks' is not there",
                "log",
            ),
            (
                json!({"lag_seconds": 61.0}),
                "lag",
                State::Warning,
                "61.0 s",
                "more workers",
            ),
            (
                json!({"workers": 0}),
                "workers",
                State::Fault,
                "none",
                "azulejo-worker --kafka 127.0.0.1:9092",
            ),
            (
                json!({"disk": {"free_bytes": 300_000_000, "promised_bytes": 300_000_000, "reserve_bytes": 1}}),
                "disk",
                State::Fault,
                "for new jobs",
                "delete old jobs",
            ),
            (
                // 1024 x 1024 pixels of three bytes: read, put together and written.
                json!({"disk": {"free_bytes": 9 * (1 << 20) - 1, "promised_bytes": 0, "reserve_bytes": 0}}),
                "disk",
                State::Fault,
                "for new jobs",
                "delete old jobs",
            ),
            (
                json!({"disk": {"free_bytes": 9 * (1 << 20), "promised_bytes": 0, "reserve_bytes": 0}}),
                "disk",
                State::Warning,
                "for new jobs",
                "larger disk",
            ),
            (
                json!({"disk": {"free_bytes": 1_000_000_000, "promised_bytes": 0, "reserve_bytes": 1}}),
                "disk",
                State::Warning,
                "for new jobs",
                "larger disk",
            ),
            (
                json!({"problems": problem("data folder")}),
                "other",
                State::Fault,
                "data folder",
                "do that",
            ),
        ] {
            let checks = judge(&health(changes.clone()), &[]);
            let check = worst(&checks, name);
            assert_eq!(check.state, state, "{changes}: {checks:?}");
            assert!(check.says.contains(says), "{changes}: {check:?}");
            assert!(
                check.remedy.as_ref().unwrap().contains(remedy),
                "{changes}: {check:?}"
            );
        }
    }
}
