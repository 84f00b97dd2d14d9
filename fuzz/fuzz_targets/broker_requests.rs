//! Every request decoder of the broker takes arbitrary bytes: the first four are the API and version of the frame, as on
//! the wire. `cargo xtask nightly broker_requests`
#![no_main]

#[path = "../../broker/tests/common/decode.rs"]
mod decode;

use azulejo_broker::wire::request::{OFFERED, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = Request::read(bytes::Bytes::copy_from_slice(data)) {
        if request.is_offered() {
            decode::decode(request.key, request.body.clone(), request.version);
        }
        return;
    }
    // Noise seldom makes a header: let its first bytes choose among what is offered instead.
    if let [choice, step, body @ ..] = data {
        let (key, low, high) = OFFERED[usize::from(*choice) % OFFERED.len()];
        let version = low + i16::from(*step) % (high - low + 1);
        decode::decode(key, bytes::Bytes::copy_from_slice(body), version);
    }
});
