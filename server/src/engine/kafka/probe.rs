//! Looks whether the cluster answers and the topics are there; makes those that are missing; finds workers whose heartbeats do
//! not arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use azulejo_engine::Event;
use azulejo_protocol::health::{TopicInfo, TopicRole};
use azulejo_transport::probe::{Probe, Standing};
use azulejo_transport::topics::TopicProblem;
use azulejo_transport::{Inspection, WantedTopic, grow_topic, inspect_topics, make_topics};

use super::Line;
use crate::engine::problems::Aspect;

/// How often the cluster is asked whether it is there.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_AWAY: Duration = Duration::from_millis(250);
/// How often it is looked who is in the workers' group.
const MEMBERS: Duration = Duration::from_secs(10);
/// A member of the group of which nothing was heard for so long is silent. A worker that was killed stays a member for 45 s under
/// the newer group protocol.
const SILENCE: Duration = Duration::from_secs(60);

/// Topics that cannot be made are tried again after this time.
const MAKE: Duration = Duration::from_secs(15);
/// How often the settings of the topics are looked at.
const INSPECT: Duration = Duration::from_secs(60);

/// Looks until the engine ends. `heard` gives the ids of the workers that were heard of, `remember` keeps how many bytes of
/// pixels fit a record.
pub fn run(line: &Arc<Line>, heard: &dyn Fn() -> BTreeSet<String>, remember: &dyn Fn(u64)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let probe = Probe::new(&line.kafka, "azulejo-server-probe");
    let (runtime, probe) = match (runtime, probe) {
        (Ok(runtime), Ok(probe)) => (runtime, probe),
        (Err(error), _) => panic!("cannot look after the broker: {error}"),
        (_, Err(error)) => panic!("cannot look after the broker: {error}"),
    };
    let wanted = WantedTopic::all(&line.topics, &line.results, &line.topic_settings);
    let mut topics = Topics::new(line, runtime, wanted, remember);
    let mut told = String::new();
    let mut silent = Silent::default();
    let mut looked = Instant::now();
    while !line.is_stopping() {
        let made = line.made();
        let names: Vec<&str> = topics.wanted.iter().map(|topic| topic.name.as_str()).collect();
        let answer = probe.topics(&names).map_err(|trouble| trouble.reason);
        let seen = answer.as_deref().ok().map(|standings| topics.told(standings));
        let away = answer.as_ref().err().cloned();
        let connected = answer.and_then(|standings| topics.look(&standings));
        line.note(away, seen);
        if let Err(error) = &connected
            && *error != told
        {
            tracing::warn!(error, "no Kafka; jobs wait");
            told.clone_from(error);
        }
        let connected = connected.is_ok();
        if line.connected.swap(connected, Ordering::AcqRel) != connected {
            if connected {
                tracing::info!(broker = line.kafka.brokers, "connected to Kafka");
                told.clear();
            } else {
                tracing::warn!(broker = line.kafka.brokers, "Kafka is away; jobs wait");
            }
            (line.tell)(Event::Connected(connected));
        }
        if connected && looked.elapsed() > MEMBERS {
            looked = Instant::now();
            if let Some(members) = probe.members(&line.topics.worker_group) {
                silent.look(line, &members, &heard());
            }
        }
        // Topics that were just made are looked at again at once.
        let is_new = line.made() != made;
        line.nap(if connected && !is_new { PAUSE } else { PAUSE_AWAY });
    }
}

/// The topics of this installation.
struct Topics<'a> {
    line: &'a Line,
    runtime: tokio::runtime::Runtime,
    wanted: Vec<WantedTopic>,
    /// When it was last tried to make some.
    made: Option<Instant>,
    /// When it was last tried to grow one.
    grown: Option<Instant>,
    /// When their settings were last looked at.
    inspected: Option<Instant>,
    /// Whether that told something.
    answered: bool,
    /// Keeps how many bytes of pixels fit a record, for the next start.
    remember: &'a dyn Fn(u64),
    /// Those that cannot do what they are for.
    refused: BTreeSet<String>,
    /// The one that bounds the records, as it was told last.
    limited_by: Option<(String, u64)>,
}

impl<'a> Topics<'a> {
    /// Nothing is known of them yet.
    fn new(
        line: &'a Line,
        runtime: tokio::runtime::Runtime,
        wanted: Vec<WantedTopic>,
        remember: &'a dyn Fn(u64),
    ) -> Self {
        Self {
            line,
            runtime,
            wanted,
            made: None,
            grown: None,
            inspected: None,
            answered: false,
            remember,
            refused: BTreeSet::new(),
            limited_by: None,
        }
    }

    /// How they are told to people.
    fn told(&self, standings: &[Standing]) -> Vec<TopicInfo> {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.wanted
            .iter()
            .zip(standings)
            .map(|(topic, standing)| {
                let (partitions, replicas) = match standing {
                    Standing::There { partitions, replicas } => (count(*partitions), count(*replicas)),
                    Standing::Missing | Standing::Refused(_) => (0, 0),
                };
                TopicInfo {
                    name: topic.name.clone(),
                    role: topic.role,
                    partitions,
                    replicas,
                }
            })
            .collect()
    }

    /// Makes those that are missing, and names what is wrong with the others.
    fn look(&mut self, standings: &[Standing]) -> Result<(), String> {
        let mut missing = Vec::new();
        for (topic, standing) in self.wanted.iter().zip(standings) {
            match standing {
                Standing::There { .. } => {
                    if !self.refused.contains(&topic.name) {
                        self.line.problems.clear(&topic.name, Aspect::Topic);
                    }
                }
                Standing::Missing => missing.push(topic),
                Standing::Refused(trouble) => {
                    self.line
                        .problems
                        .set(&topic.name, Aspect::Topic, &trouble.reason);
                }
            }
        }
        let due = |at: Option<Instant>, pause| at.is_none_or(|at| at.elapsed() > pause);
        if !missing.is_empty() && (due(self.made, MAKE) || !self.is_known(&missing)) {
            self.made = Some(Instant::now());
            let names: Vec<&str> = missing.iter().map(|topic| topic.name.as_str()).collect();
            tracing::info!(topics = names.join(", "), "topics are not there; making them");
            let settings = &self.line.topic_settings;
            let problems = self
                .runtime
                .block_on(make_topics(&self.line.kafka, &missing, settings))?;
            self.tell(&names, &problems);
            if problems.len() < names.len() {
                self.line.made.fetch_add(1, Ordering::AcqRel);
            }
        }
        self.grow(standings, due(self.grown, MAKE));
        // What was refused is looked at more often: somebody may be about to mend it. So is what did not answer.
        let pause = if self.refused.is_empty() && self.answered {
            INSPECT
        } else {
            MAKE
        };
        let all_there = standings
            .iter()
            .all(|standing| matches!(standing, Standing::There { .. }));
        if all_there && due(self.inspected, pause) {
            self.inspected = Some(Instant::now());
            let most = self.line.topic_settings.record_bytes;
            let inspection =
                self.runtime
                    .block_on(inspect_topics(&self.line.kafka, &self.wanted, standings, most));
            self.answered = inspection.is_some();
            if let Some(inspection) = inspection {
                self.follow(inspection);
            }
        }
        match self.refused.first() {
            Some(name) => Err(format!("the topic '{name}' is not as it must be")),
            None => Ok(()),
        }
    }

    /// Gives `tasks` the partitions that were asked for, where it has fewer. Jobs do not wait for that.
    fn grow(&mut self, standings: &[Standing], is_due: bool) {
        if !self.line.topic_settings.grow_tasks {
            return;
        }
        let tasks = self
            .wanted
            .iter()
            .zip(standings)
            .find(|(topic, _)| topic.role == TopicRole::Tasks);
        let Some((topic, Standing::There { partitions, .. })) = tasks else {
            return;
        };
        if i32::try_from(*partitions).is_ok_and(|count| count >= topic.partitions) {
            self.line.problems.clear(&topic.name, Aspect::Size);
            return;
        }
        if !is_due {
            return;
        }
        self.grown = Some(Instant::now());
        tracing::info!(
            topic = topic.name,
            partitions = topic.partitions,
            "growing the topic"
        );
        let growing = grow_topic(&self.line.kafka, &topic.name, topic.partitions);
        match self.runtime.block_on(growing) {
            Ok(Some(problem)) => self
                .line
                .problems
                .set(&topic.name, Aspect::Size, &problem.sentence),
            // The next look shows whether it has them.
            Ok(None) => (),
            Err(error) => tracing::warn!(topic = topic.name, error, "the topic is not grown; trying again"),
        }
    }

    /// Adapts to what a look at the topics has found.
    fn follow(&mut self, found: Inspection) {
        let refused: BTreeSet<String> = found
            .refused
            .iter()
            .map(|problem| problem.topic.clone())
            .collect();
        for name in self.refused.difference(&refused) {
            self.line.problems.clear(name, Aspect::Topic);
        }
        for problem in &found.refused {
            self.line
                .problems
                .set(&problem.topic, Aspect::Topic, &problem.sentence);
        }
        self.refused = refused;
        if self.line.record_bytes() != found.record_bytes {
            self.line.set_record_bytes(found.record_bytes);
            (self.remember)(found.record_bytes);
        }
        if found.limited_by != self.limited_by {
            match &found.limited_by {
                Some((topic, bytes)) => tracing::info!(
                    topic,
                    "max.message.bytes={bytes}: tiles of new jobs have at most {} bytes",
                    found.record_bytes
                ),
                None => tracing::info!("no topic bounds the tiles any more"),
            }
            self.limited_by = found.limited_by;
        }
    }

    /// Whether it is known of each of them that it cannot be made.
    fn is_known(&self, missing: &[&WantedTopic]) -> bool {
        let problems = &self.line.problems;
        missing
            .iter()
            .all(|topic| problems.has(&topic.name, Aspect::Topic))
    }

    fn tell(&self, names: &[&str], problems: &[TopicProblem]) {
        for name in names {
            match problems.iter().find(|problem| problem.topic == *name) {
                Some(problem) => self.line.problems.set(name, Aspect::Topic, &problem.sentence),
                None => self.line.problems.clear(name, Aspect::Topic),
            }
        }
    }
}

/// Workers that are members of the group and whose heartbeats do not arrive: they would hold partitions, and get no tiles.
#[derive(Default)]
struct Silent {
    since: BTreeMap<String, Instant>,
}

impl Silent {
    fn look(&mut self, line: &Line, members: &[String], heard: &BTreeSet<String>) {
        let quiet: BTreeSet<&String> = members.iter().filter(|id| !heard.contains(*id)).collect();
        self.since.retain(|id, _| {
            let still = quiet.contains(id);
            if !still {
                line.problems.clear(&subject(id), Aspect::Silence);
            }
            still
        });
        for id in quiet {
            let since = self.since.entry(id.clone()).or_insert_with(Instant::now);
            if since.elapsed() > SILENCE {
                line.problems.set(
                    &subject(id),
                    Aspect::Silence,
                    &format!(
                        "the worker '{id}' is in the group '{}' and no heartbeat of it arrives, so it gets no tiles: its log says why; \
                         perhaps its user has not the right Write on the topic '{}', or its clock is wrong",
                        line.topics.worker_group, line.topics.heartbeats
                    ),
                );
            }
        }
    }
}

fn subject(id: &str) -> String {
    format!("worker {id}")
}

#[cfg(test)]
mod tests {
    use azulejo_protocol::Topics as Names;
    use azulejo_transport::{KafkaSettings, TopicSettings};

    use super::*;
    use crate::engine::problems::Problems;

    #[test]
    fn a_topic_that_somebody_has_grown_is_no_problem_any_more() {
        let settings = TopicSettings {
            grow_tasks: true,
            ..TopicSettings::default()
        };
        let problems = Problems::default();
        let line = Line::new(
            KafkaSettings::new("127.0.0.1:1"),
            Names::default(),
            "results-test".to_owned(),
            settings,
            Arc::new(|_| ()),
            problems.clone(),
        );
        let wanted = WantedTopic::all(&line.topics, &line.results, &line.topic_settings);
        let tasks = line.topics.tasks.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut topics = Topics::new(&line, runtime, wanted, &|_| ());
        problems.set(&tasks, Aspect::Size, "it cannot be grown");
        let there = |partitions| Standing::There {
            partitions,
            replicas: 1,
        };
        // Not due: nothing is asked of the cluster, and it still has too few.
        topics.grow(&[there(11)], false);
        assert!(problems.has(&tasks, Aspect::Size));
        topics.grow(&[there(12)], false);
        assert!(!problems.has(&tasks, Aspect::Size));
    }
}
