//! From a frame to its header and body; which APIs and versions are offered.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use thiserror::Error;

use super::probe;

/// What is offered: API, lowest and highest version. Transactions and the consumer protocol of KIP-848 are not.
///
/// The upper bounds are those that the handlers were written for; raise one together with its handler.
pub const OFFERED: [(ApiKey, i16, i16); 29] = [
    (ApiKey::Produce, 3, 12),
    (ApiKey::Fetch, 4, 16),
    (ApiKey::ListOffsets, 1, 10),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 5),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::DescribeLogDirs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::ListPartitionReassignments, 0, 0),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeCluster, 0, 1),
    (ApiKey::DescribeTopicPartitions, 0, 0),
];

/// Why a request cannot even be dispatched. The connection is closed, as Kafka does.
#[derive(Debug, Error)]
pub enum RequestError {
    /// Fewer bytes than a header has.
    #[error("a request of {0} bytes has no header")]
    TooShort(usize),
    /// Not offered here, or not known at all.
    #[error("the request {key} in version {version} is not offered")]
    NotOffered {
        /// API key.
        key: i16,
        /// Version asked for.
        version: i16,
    },
    /// The bytes do not make such a request.
    #[error("the request {key} in version {version} cannot be read: {why}")]
    Malformed {
        /// API key.
        key: i16,
        /// Version.
        version: i16,
        /// The codec's words.
        why: String,
    },
}

/// A request whose header was read.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is asked for.
    pub key: ApiKey,
    /// In which version. Within what is offered, except for ApiVersions (see [`Request::is_offered`]).
    pub version: i16,
    /// The client's number for it.
    pub correlation: i32,
    /// The client's name for itself, possibly empty.
    pub client_id: String,
    /// What follows the header.
    pub body: Bytes,
}

/// The versions offered of `key`.
pub fn offered(key: ApiKey) -> Option<(i16, i16)> {
    OFFERED
        .iter()
        .find(|(k, _, _)| *k == key)
        .map(|&(_, low, high)| (low, high))
}

impl Request {
    /// Reads the header of `frame` (without its length).
    ///
    /// # Errors
    /// See [`RequestError`]. A version of ApiVersions that is not offered is no error: it has an answer of its own.
    pub fn read(frame: Bytes) -> Result<Self, RequestError> {
        if frame.len() < 8 {
            return Err(RequestError::TooShort(frame.len()));
        }
        let mut start = &frame[..8];
        let (key, version, correlation) = (start.get_i16(), start.get_i16(), start.get_i32());
        let api = ApiKey::try_from(key).ok().filter(|api| offered(*api).is_some());
        let Some(api) = api else {
            return Err(RequestError::NotOffered { key, version });
        };
        let (low, high) = offered(api).unwrap_or((0, -1));
        if version < low || version > high {
            if api == ApiKey::ApiVersions {
                let client_id = String::new();
                return Ok(Self {
                    key: api,
                    version,
                    correlation,
                    client_id,
                    body: Bytes::new(),
                });
            }
            return Err(RequestError::NotOffered { key, version });
        }
        let mut rest = frame;
        let header = read_header(&mut rest, api.request_header_version(version))
            .map_err(|why| RequestError::Malformed { key, version, why })?;
        let client_id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
        Ok(Self {
            key: api,
            version,
            correlation,
            client_id,
            body: rest,
        })
    }

    /// Whether the version is one that is offered.
    pub fn is_offered(&self) -> bool {
        offered(self.key).is_some_and(|(low, high)| (low..=high).contains(&self.version))
    }

    /// Reads the body.
    ///
    /// # Errors
    /// [`RequestError::Malformed`].
    pub fn body<T: kafka_protocol::protocol::Decodable>(&self) -> Result<T, RequestError> {
        probe::decode(self.body.clone(), self.version).map_err(|why| RequestError::Malformed {
            key: self.key as i16,
            version: self.version,
            why,
        })
    }
}

fn read_header(rest: &mut Bytes, header_version: i16) -> Result<RequestHeader, String> {
    use kafka_protocol::protocol::Decodable;
    // A header has no arrays; its tagged fields are read one by one.
    RequestHeader::decode(rest, header_version).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_offered_is_told_apart_from_what_is_malformed() {
        let frame = |key: i16, version: i16, rest: &[u8]| {
            let mut bytes = Vec::new();
            bytes.extend_from_slice(&key.to_be_bytes());
            bytes.extend_from_slice(&version.to_be_bytes());
            bytes.extend_from_slice(&1_i32.to_be_bytes());
            bytes.extend_from_slice(rest);
            Request::read(bytes.into())
        };
        assert!(
            matches!(frame(0, 2, &[0xff, 0xff]), Err(RequestError::NotOffered { .. })),
            "produce 2"
        );
        assert!(
            matches!(frame(24, 3, &[0xff, 0xff]), Err(RequestError::NotOffered { .. })),
            "transactions"
        );
        assert!(
            matches!(frame(68, 0, &[0xff, 0xff]), Err(RequestError::NotOffered { .. })),
            "KIP-848"
        );
        assert!(
            matches!(frame(999, 0, &[0xff, 0xff]), Err(RequestError::NotOffered { .. })),
            "unknown"
        );
        assert!(
            matches!(frame(3, 1, &[0, 5, b'a']), Err(RequestError::Malformed { .. })),
            "client id"
        );
        assert!(matches!(
            Request::read(Bytes::from_static(&[0; 7])),
            Err(RequestError::TooShort(7))
        ));
        let newer = frame(18, 99, &[]).unwrap();
        assert!(!newer.is_offered() && newer.correlation == 1);
    }

    #[test]
    fn every_offered_version_is_one_that_the_codec_knows() {
        for (key, low, high) in OFFERED {
            let known = key.valid_versions();
            assert!(
                known.min <= low && high <= known.max,
                "{key:?}: {low} to {high}, codec {known}"
            );
        }
    }
}
