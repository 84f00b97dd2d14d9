//! DescribeLogDirs: what partitions take on disk, and what room there is.

use std::collections::HashSet;
use std::path::Path;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};

use super::context::{Context, text};
use crate::blocking::blocking;
use crate::topics::Topic;

/// There is one folder. Partitions that are not there are left out of the answer.
pub fn describe(context: &Context<'_>, body: &DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let topics = context.shared.topics.all().into_iter().filter_map(|topic| {
        let wanted = body.topics.as_ref().map(|asked| {
            let asked = asked.iter().filter(|asked| asked.topic.as_str() == topic.name);
            asked.flat_map(|asked| &asked.partitions).copied().collect()
        });
        let partitions = sizes(&topic, wanted.as_ref());
        (!partitions.is_empty()).then(|| {
            DescribeLogDirsTopic::default()
                .with_name(TopicName(text(topic.name.clone())))
                .with_partitions(partitions)
        })
    });
    let topics = topics.collect();
    let folder = &context.shared.config.data_dir;
    let name = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
    let result = DescribeLogDirsResult::default()
        .with_log_dir(text(name.display().to_string()))
        .with_topics(topics);
    let result = match blocking(|| room(folder)) {
        Ok((total, usable)) => result.with_total_bytes(total).with_usable_bytes(usable),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "cannot ask for the room on the disk");
            result.with_error_code(ResponseError::KafkaStorageError.code())
        }
    };
    DescribeLogDirsResponse::default().with_results(vec![result])
}

/// The partitions of `topic`, or those among them that are `wanted`.
fn sizes(topic: &Topic, wanted: Option<&HashSet<i32>>) -> Vec<DescribeLogDirsPartition> {
    let partitions = (0..).zip(topic.partitions());
    let partitions = partitions.filter(|(index, _)| wanted.is_none_or(|wanted| wanted.contains(index)));
    let described = partitions.map(|(index, partition)| {
        DescribeLogDirsPartition::default()
            .with_partition_index(index)
            .with_partition_size(i64::try_from(partition.size()).unwrap_or(i64::MAX))
    });
    described.collect()
}

/// Bytes of the file system that `folder` is on, and those of them that can still be written.
fn room(folder: &Path) -> std::io::Result<(i64, i64)> {
    let status = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(status.f_frsize)).unwrap_or(i64::MAX);
    Ok((bytes(status.f_blocks), bytes(status.f_bavail)))
}
