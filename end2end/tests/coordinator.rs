//! Who is in a group is a question for its coordinator. One that is away for longer than somebody waits for the answer must not
//! cost the process that asked: librdkafka goes on with such a question when the coordinator is back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use azulejo_end2end::kafka_broker::BrokerProcess;
use azulejo_transport::members::members;
use azulejo_transport::{KafkaSettings, Logged};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

const GROUP: &str = "nobody";
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks until there is an answer.
fn wait_for_answer(client: &BaseConsumer<Logged>, what: &str) -> Result<()> {
    let begun = Instant::now();
    while members(client.client(), GROUP, PATIENCE).is_none() {
        ensure!(begun.elapsed() < Duration::from_secs(30), "{what}: no answer");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

#[test]
fn a_coordinator_that_was_away_for_longer_than_a_question_answers_the_next() -> Result<()> {
    let mut broker = BrokerProcess::start()?;
    let settings = KafkaSettings::new(broker.address());
    let client = BaseConsumer::from_config_and_context(&settings.client("asking"), Logged::default())?;
    wait_for_answer(&client, "at first")?;
    for round in ["once", "twice"] {
        broker.kill_9()?;
        for _ in 0..3 {
            let answer = members(client.client(), GROUP, PATIENCE);
            ensure!(answer.is_none(), "{round}: nobody can have answered {answer:?}");
        }
        broker.start_again()?;
        wait_for_answer(&client, round)?;
    }
    // What is asked at the end of a client is nobody's any more.
    broker.kill_9()?;
    ensure!(members(client.client(), GROUP, PATIENCE).is_none());
    drop(client);
    Ok(())
}
