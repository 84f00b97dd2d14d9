//! Who is in a consumer group, of either protocol.
//!
//! The older request (`DescribeGroups`, which `rdkafka` wraps) knows nothing of groups under the newer protocol. librdkafka's
//! `DescribeConsumerGroups` asks for both; `rdkafka` has no wrapper for it, so the calls are made here. This module has the one
//! `unsafe` of the crate. Every pointer is one that librdkafka has just given, and lives until its owner (options, queue, event)
//! is destroyed at the end of the function that asked for it.

use std::ffi::{CStr, CString};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as native;
use rdkafka::client::Client;

/// Most members that are listed: what a cluster says bounds nothing.
const MOST: usize = 10_000;

/// How long a question may be under way: the longest that librdkafka takes, and much longer than anybody here waits for the answer.
///
/// librdkafka looks for the coordinator of a question for as long as its client lives, also when the question's own time is up. When it
/// then finds it, it uses what it has freed already, and the process ends (confluentinc/librdkafka#4605). So nobody waits, but
/// the question goes on; its late answer finds no queue and is dropped.
const UNDER_WAY_MS: i32 = 3_600_000;

/// The client ids of the members of `group`; `None` when the cluster does not say within `patience`.
#[allow(
    unsafe_code,
    reason = "librdkafka's own interface; see the module's first lines"
)]
pub fn members<C: ClientContext>(client: &Client<C>, group: &str, patience: Duration) -> Option<Vec<String>> {
    let name = CString::new(group).ok()?;
    let millis = i32::try_from(patience.as_millis()).ok()?;
    let mut names = [name.as_ptr()];
    // SAFETY: the client lives for the whole call; `names` has as many entries as is said.
    unsafe {
        let handle = client.native_ptr();
        let options = native::rd_kafka_AdminOptions_new(
            handle,
            native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
        );
        let queue = native::rd_kafka_queue_new(handle);
        // Its error texts are of no interest: a time-out out of range leaves the default.
        native::rd_kafka_AdminOptions_set_request_timeout(options, UNDER_WAY_MS, std::ptr::null_mut(), 0);
        native::rd_kafka_DescribeConsumerGroups(handle, names.as_mut_ptr(), names.len(), options, queue);
        let event = native::rd_kafka_queue_poll(queue, millis);
        let found = if event.is_null() { None } else { read(event) };
        if !event.is_null() {
            native::rd_kafka_event_destroy(event);
        }
        native::rd_kafka_queue_destroy(queue);
        native::rd_kafka_AdminOptions_destroy(options);
        found
    }
}

/// The client ids in the answer to a question about one group.
///
/// # Safety
/// `event` is one that librdkafka gave and that was not destroyed.
#[allow(
    unsafe_code,
    reason = "librdkafka's own interface; see the module's first lines"
)]
unsafe fn read(event: *mut native::rd_kafka_event_t) -> Option<Vec<String>> {
    // SAFETY: librdkafka gives null where the event is of another kind; what it points to lives as long as the event.
    unsafe {
        let result = native::rd_kafka_event_DescribeConsumerGroups_result(event);
        if result.is_null() {
            return None;
        }
        let mut count = 0;
        let groups = native::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if groups.is_null() || count == 0 {
            return None;
        }
        let group = *groups;
        let error = native::rd_kafka_ConsumerGroupDescription_error(group);
        if !error.is_null() {
            return None;
        }
        let members = native::rd_kafka_ConsumerGroupDescription_member_count(group).min(MOST);
        let id = |index| {
            let member = native::rd_kafka_ConsumerGroupDescription_member(group, index);
            let id = native::rd_kafka_MemberDescription_client_id(member);
            (!id.is_null()).then(|| CStr::from_ptr(id).to_string_lossy().into_owned())
        };
        Some((0..members).filter_map(id).collect())
    }
}
