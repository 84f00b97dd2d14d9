//! ApiVersions: what is offered.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use super::context::Failure;
use crate::wire::request::{OFFERED, Request};
use crate::wire::response::{self, Reply};

pub fn handle(request: &Request) -> Result<Reply, Failure> {
    let response = ApiVersionsResponse::default().with_api_keys(OFFERED.iter().map(offer).collect());
    if !request.is_offered() {
        // A client that is newer than we are learns in the oldest format what it may use, and asks again.
        let response = response.with_error_code(ResponseError::UnsupportedVersion.code());
        return response::encode(request, 0, &response, Vec::new()).map_err(Failure::Encode);
    }
    let _: ApiVersionsRequest = request.body()?;
    response::encode(request, request.version, &response, Vec::new()).map_err(Failure::Encode)
}

fn offer(&(key, low, high): &(ApiKey, i16, i16)) -> ApiVersion {
    // Older versions of librdkafka do not compress unless they see version 0 of Produce, which they then do not use.
    // Apache Kafka 4 answers the same.
    let low = if key == ApiKey::Produce { 0 } else { low };
    ApiVersion::default()
        .with_api_key(key as i16)
        .with_min_version(low)
        .with_max_version(high)
}
