//! Headers of rdkafka from and to those of `azulejo_protocol::record`.

use rdkafka::message::{BorrowedHeaders, Header, Headers as _, OwnedHeaders};

use azulejo_protocol::record::Headers;

/// Pairs as `TaskHeader::to_pairs` and `ResultHeader::to_pairs` give them, for a record to produce.
pub fn to_owned_headers(pairs: &[(&'static str, String)]) -> OwnedHeaders {
    pairs.iter().fold(
        OwnedHeaders::new_with_capacity(pairs.len()),
        |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value.as_bytes()),
            })
        },
    )
}

/// The headers of a consumed record; none at all reads as an empty set.
pub fn from_message(headers: Option<&BorrowedHeaders>) -> Headers<'_> {
    Headers::new(
        headers
            .into_iter()
            .flat_map(|h| h.iter().map(|header| (header.key, header.value))),
    )
}
