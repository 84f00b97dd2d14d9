//! The state machine of a group, step by step, with a clock of its own.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot::{self, Receiver, error::TryRecvError};

use super::group::{Group, State, SyncRequest};
use super::member::{JoinError, JoinRequest, Joined, Synced};

const DELAY: Duration = Duration::from_millis(100);
const SESSION: Duration = Duration::from_secs(6);
const REBALANCE: Duration = Duration::from_secs(20);

struct Bench {
    group: Group,
    now: Instant,
}

type Joining = Receiver<Result<Joined, JoinError>>;
type Syncing = Receiver<Result<Synced, ResponseError>>;

fn request(member_id: &str, protocols: &[(&str, &str)]) -> JoinRequest {
    JoinRequest {
        member_id: member_id.to_owned(),
        instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: protocols
            .iter()
            .map(|(n, m)| ((*n).to_owned(), Bytes::from((*m).to_owned())))
            .collect(),
        id_required: false,
        can_skip_assignment: true,
    }
}

fn range(member_id: &str) -> JoinRequest {
    request(member_id, &[("range", "tiles")])
}

fn fixed(instance: &str, metadata: &str) -> JoinRequest {
    JoinRequest {
        instance_id: Some(instance.to_owned()),
        ..request("", &[("range", metadata)])
    }
}

impl Bench {
    fn new() -> Self {
        Self {
            group: Group::new(DELAY),
            now: Instant::now(),
        }
    }

    fn join(&mut self, request: JoinRequest) -> Joining {
        let (reply, answer) = oneshot::channel();
        self.group.join(request, reply, self.now);
        answer
    }

    fn sync(&mut self, joined: &Joined, assignments: &[(&str, &str)]) -> Syncing {
        let (reply, answer) = oneshot::channel();
        let assignments = assignments
            .iter()
            .map(|(id, part)| ((*id).to_owned(), Bytes::from((*part).to_owned())))
            .collect();
        let request = SyncRequest {
            member_id: joined.member_id.clone(),
            generation: joined.generation,
            assignments,
            ..SyncRequest::default()
        };
        self.group.sync(request, reply, self.now);
        answer
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.group.expire(self.now);
    }

    fn beat(&mut self, joined: &Joined) -> Result<(), ResponseError> {
        self.group
            .heartbeat(&joined.member_id, None, joined.generation, self.now)
    }

    /// Two members that have come together and have their parts: the leader first.
    fn stable_pair(&mut self) -> (Joined, Joined) {
        let (mut a, mut b) = (self.join(range("")), self.join(range("")));
        self.pass(DELAY);
        let (a, b) = (joined(&mut a), joined(&mut b));
        assert_eq!(a.leader, a.member_id);
        let mut follower = self.sync(&b, &[]);
        assert_eq!(follower.try_recv(), Err(TryRecvError::Empty));
        let mut leader = self.sync(&a, &[(&a.member_id, "left"), (&b.member_id, "right")]);
        assert_eq!(leader.try_recv().unwrap().unwrap().assignment, "left");
        assert_eq!(follower.try_recv().unwrap().unwrap().assignment, "right");
        assert_eq!(self.group.state(), State::Stable);
        (a, b)
    }
}

fn joined(answer: &mut Joining) -> Joined {
    answer.try_recv().expect("an answer").expect("a good one")
}

fn refused(answer: &mut Joining) -> JoinError {
    answer.try_recv().expect("an answer").expect_err("a refusal")
}

#[test]
fn members_that_start_together_come_together_once() {
    let mut bench = Bench::new();
    let (a, b) = bench.stable_pair();
    assert_eq!((a.generation, b.generation), (1, 1));
    assert_eq!(
        (a.members.len(), b.members.len()),
        (2, 0),
        "only the leader gets the members"
    );
    assert_eq!(a.protocol, "range");
    assert_eq!((bench.beat(&a), bench.beat(&b)), (Ok(()), Ok(())));
}

#[test]
fn a_client_without_an_id_is_given_one_to_come_back_with() {
    let mut bench = Bench::new();
    let mut first = bench.join(JoinRequest {
        id_required: true,
        ..range("")
    });
    let given = refused(&mut first);
    assert_eq!(given.error, ResponseError::MemberIdRequired);
    let mut unknown = bench.join(range("somebody"));
    assert_eq!(refused(&mut unknown).error, ResponseError::UnknownMemberId);
    let mut second = bench.join(range(&given.member_id));
    bench.pass(DELAY);
    assert_eq!(joined(&mut second).member_id, given.member_id);
}

#[test]
fn a_newcomer_makes_the_others_join_again() {
    let mut bench = Bench::new();
    let (a, b) = bench.stable_pair();
    let mut newcomer = bench.join(range(""));
    assert_eq!(newcomer.try_recv().unwrap_err(), TryRecvError::Empty);
    assert_eq!(bench.beat(&a), Err(ResponseError::RebalanceInProgress));
    let mut a2 = bench.join(range(&a.member_id));
    let mut b2 = bench.join(range(&b.member_id));
    let (a2, b2, c) = (joined(&mut a2), joined(&mut b2), joined(&mut newcomer));
    assert_eq!([a2.generation, b2.generation, c.generation], [2; 3]);
    assert_eq!(a2.members.len(), 3);
    assert_eq!(
        bench.group.heartbeat(&a.member_id, None, 1, bench.now),
        Err(ResponseError::IllegalGeneration)
    );
}

#[test]
fn a_member_that_is_silent_goes_and_the_others_learn_of_it() {
    let mut bench = Bench::new();
    let (a, b) = bench.stable_pair();
    bench.pass(SESSION / 2);
    bench.beat(&a).unwrap();
    bench.pass(SESSION / 2);
    assert_eq!(bench.beat(&a), Err(ResponseError::RebalanceInProgress));
    assert_eq!(bench.beat(&b), Err(ResponseError::UnknownMemberId));
    let mut again = bench.join(range(&a.member_id));
    let again = joined(&mut again);
    assert_eq!((again.generation, again.members.len()), (2, 1));
}

#[test]
fn a_member_that_does_not_join_again_is_left_behind_after_the_rebalance_timeout() {
    let mut bench = Bench::new();
    let (a, b) = bench.stable_pair();
    let mut c = bench.join(range(""));
    let mut a2 = bench.join(range(&a.member_id));
    for _ in 0..9 {
        bench.pass(REBALANCE / 10);
        // It lives, but its application is busy.
        assert_eq!(bench.beat(&b), Err(ResponseError::RebalanceInProgress));
    }
    assert_eq!(a2.try_recv().unwrap_err(), TryRecvError::Empty);
    bench.pass(REBALANCE / 10);
    assert_eq!(joined(&mut a2).members.len(), 2);
    assert_eq!(joined(&mut c).generation, 2);
    assert_eq!(bench.beat(&b), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_leader_that_never_assigns_is_left_behind() {
    let mut bench = Bench::new();
    let (mut a, mut b) = (bench.join(range("")), bench.join(range("")));
    bench.pass(DELAY);
    let (a, b) = (joined(&mut a), joined(&mut b));
    let mut waiting = bench.sync(&b, &[]);
    // The leader's session ends.
    bench.pass(SESSION);
    assert_eq!(
        waiting.try_recv().unwrap(),
        Err(ResponseError::RebalanceInProgress)
    );
    let mut b2 = bench.join(range(&b.member_id));
    let b2 = joined(&mut b2);
    assert_eq!(b2.leader, b.member_id);
    assert_eq!(bench.beat(&a), Err(ResponseError::UnknownMemberId));
}

#[test]
fn leaving_is_known_at_once() {
    let mut bench = Bench::new();
    let (a, b) = bench.stable_pair();
    bench.group.leave(&b.member_id, None, bench.now).unwrap();
    assert_eq!(bench.beat(&a), Err(ResponseError::RebalanceInProgress));
    assert_eq!(
        bench.group.leave(&b.member_id, None, bench.now),
        Err(ResponseError::UnknownMemberId)
    );
    bench.group.leave(&a.member_id, None, bench.now).unwrap();
    assert_eq!(bench.group.state(), State::Empty);
    assert!(bench.group.is_idle());
}

#[test]
fn only_a_protocol_that_all_offer_is_chosen() {
    let mut bench = Bench::new();
    let mut a = bench.join(request("", &[("cooperative-sticky", ""), ("range", "")]));
    let mut b = bench.join(request("", &[("range", ""), ("roundrobin", "")]));
    let mut none = bench.join(request("", &[("roundrobin", "")]));
    assert_eq!(refused(&mut none).error, ResponseError::InconsistentGroupProtocol);
    let other_type = JoinRequest {
        protocol_type: "connect".to_owned(),
        ..range("")
    };
    let mut other = bench.join(other_type);
    assert_eq!(
        refused(&mut other).error,
        ResponseError::InconsistentGroupProtocol
    );
    bench.pass(DELAY);
    assert_eq!(
        (joined(&mut a).protocol, joined(&mut b).protocol),
        ("range".to_owned(), "range".to_owned())
    );
}

#[test]
fn a_static_member_that_starts_again_keeps_its_part() {
    let mut bench = Bench::new();
    let mut first = bench.join(fixed("one", "tiles"));
    bench.pass(DELAY);
    let first = joined(&mut first);
    let (reply, mut part) = oneshot::channel();
    let sync = SyncRequest {
        member_id: first.member_id.clone(),
        instance_id: Some("one".to_owned()),
        generation: first.generation,
        assignments: vec![(first.member_id.clone(), Bytes::from_static(b"all"))],
        ..SyncRequest::default()
    };
    bench.group.sync(sync, reply, bench.now);
    assert_eq!(part.try_recv().unwrap().unwrap().assignment, "all");

    let mut again = bench.join(fixed("one", "tiles"));
    let again = joined(&mut again);
    assert_ne!(again.member_id, first.member_id);
    assert!(again.skip_assignment);
    assert_eq!(
        (again.generation, bench.group.state()),
        (1, State::Stable),
        "no rebalance"
    );
    assert_eq!(
        bench.group.heartbeat(&first.member_id, Some("one"), 1, bench.now),
        Err(ResponseError::FencedInstanceId),
        "its former self is shut out"
    );
    assert_eq!(
        bench.group.heartbeat(&again.member_id, Some("one"), 1, bench.now),
        Ok(())
    );

    let mut changed = bench.join(fixed("one", "tiles and results"));
    assert_eq!(
        joined(&mut changed).generation,
        2,
        "another subscription needs a rebalance"
    );
}

#[test]
fn commits_are_taken_from_members_and_for_empty_groups_only() {
    let mut bench = Bench::new();
    assert_eq!(bench.group.check_commit("", None, -1, bench.now), Ok(()));
    let (a, _) = bench.stable_pair();
    assert_eq!(bench.group.check_commit(&a.member_id, None, 1, bench.now), Ok(()));
    assert_eq!(
        bench.group.check_commit(&a.member_id, None, 0, bench.now),
        Err(ResponseError::IllegalGeneration)
    );
    assert_eq!(
        bench.group.check_commit("", None, -1, bench.now),
        Err(ResponseError::UnknownMemberId)
    );
    let _newcomer = bench.join(range(""));
    assert_eq!(
        bench.group.check_commit(&a.member_id, None, 1, bench.now),
        Ok(()),
        "before it joins again"
    );
}

#[test]
fn the_next_deadline_never_lies_behind() {
    let mut bench = Bench::new();
    let (a, _) = bench.stable_pair();
    let _newcomer = bench.join(range(""));
    for _ in 0..100 {
        let Some(next) = bench.group.next_deadline() else {
            break;
        };
        assert!(
            next > bench.now,
            "a deadline that is over would keep the timer busy"
        );
        bench.now = next;
        bench.group.expire(next);
        let _ = bench.beat(&a);
    }
}

#[test]
fn a_rebalance_timeout_of_nothing_still_lets_the_others_come_back() {
    let mut bench = Bench::new();
    let hasty = |member_id: &str| JoinRequest {
        rebalance_timeout: Duration::ZERO,
        ..range(member_id)
    };
    let mut a = bench.join(hasty(""));
    bench.pass(DELAY);
    let a = joined(&mut a);
    bench.sync(&a, &[]);
    let mut b = bench.join(hasty(""));
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.beat(&a), Err(ResponseError::RebalanceInProgress));
    let mut again = bench.join(hasty(&a.member_id));
    assert_eq!(joined(&mut again).member_id, a.member_id);
    assert_eq!(joined(&mut b).generation, 2);
    assert_eq!(bench.group.members().len(), 2);
}
