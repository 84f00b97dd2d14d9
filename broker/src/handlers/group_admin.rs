//! What administrators ask about groups: DescribeGroups, ListGroups, DeleteGroups.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
};

use super::context::{Context, code, text, unique};
use crate::blocking::blocking;

/// Groups of the newer consumer protocol would be `consumer`.
const TYPE: &str = "classic";

/// Version of DescribeGroups from which a group that is not there is an error.
const NOT_FOUND_SINCE: i16 = 6;
/// State of a group that is not there.
const DEAD: &str = "Dead";

pub fn describe(context: &Context<'_>, version: i16, body: &DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = unique(&body.groups, |id| id.as_str()).map(|id| {
        let group = context.shared.groups.describe(id);
        let members = group.members.into_iter().map(|member| {
            DescribedGroupMember::default()
                .with_member_id(text(member.id))
                .with_group_instance_id(member.instance_id.map(text))
                .with_client_id(text(member.client_id))
                .with_client_host(text(member.client_host))
                .with_member_metadata(member.metadata)
                .with_member_assignment(member.assignment)
        });
        let described = DescribedGroup::default();
        let described = if version >= NOT_FOUND_SINCE && group.state == DEAD {
            let why = format!("there is no group '{}'", id.as_str());
            described
                .with_error_code(ResponseError::GroupIdNotFound.code())
                .with_error_message(Some(text(why)))
        } else {
            described
        };
        described
            .with_group_id(id.clone())
            .with_group_state(text(group.state))
            .with_protocol_type(text(group.protocol_type))
            .with_protocol_data(text(group.protocol))
            .with_members(members.collect())
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

pub fn list(context: &Context<'_>, body: &ListGroupsRequest) -> ListGroupsResponse {
    let wanted = |filter: &[kafka_protocol::protocol::StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|name| name.eq_ignore_ascii_case(value))
    };
    let groups = context.shared.groups.list().into_iter();
    let groups =
        groups.filter(|(_, _, state)| wanted(&body.states_filter, state) && wanted(&body.types_filter, TYPE));
    let listed = groups.map(|(name, protocol_type, state)| {
        ListedGroup::default()
            .with_group_id(GroupId(text(name)))
            .with_protocol_type(text(protocol_type))
            .with_group_state(text(state))
            .with_group_type(text(TYPE))
    });
    ListGroupsResponse::default().with_groups(listed.collect())
}

pub fn delete(context: &Context<'_>, body: &DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = body.groups_names.iter().map(|name| {
        let outcome = blocking(|| context.shared.groups.delete(name));
        DeletableGroupResult::default()
            .with_group_id(name.clone())
            .with_error_code(code(&outcome))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}
