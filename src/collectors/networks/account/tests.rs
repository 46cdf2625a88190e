use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::accounting::{AtEdges, Direction, IpVersion};
use crate::collectors::networks::MOST_KEPT;
use crate::collectors::section::SectionContent as _;

fn key(interface: u32, direction: Direction) -> FlowKey {
    FlowKey {
        interface: InterfaceId(interface),
        direction,
        ip_version: IpVersion::V4,
        class: 0,
        remote: [0; 16],
    }
}

fn bytes(bytes: u64) -> Volume {
    Volume { packets: 1, bytes }
}

fn rest(interface: u32, direction: Direction, unattributed: u64) -> Rest {
    Rest {
        interface: InterfaceId(interface),
        direction,
        family: Family::Ip(IpVersion::V4),
        volume: bytes(unattributed + 1_000),
        unattributed: bytes(unattributed),
    }
}

fn end(second: u64) -> PollEnd {
    PollEnd {
        at: Timestamp::from_millis((1_700_000_000 + second) * 1_000),
        uptime: Duration::from_secs(second),
        absent_retention: None,
    }
}

fn on(networks_top: u32) -> Config {
    Config { networks: true, networks_top, ..Config::default() }
}

fn origin(number: u32) -> Origin {
    Origin { network: Network(number), ..Origin::default() }
}

const DIRECTIONS: [Direction; 2] = [Direction::Received, Direction::Sent];

#[test]
fn unknown_networks_are_shown_from_the_start_and_take_no_place() {
    let at = end(0).at;
    let mut account = NetworksAccount::resume(None).starting(at);
    account.configure(&on(1));
    account.credit(&key(0, Direction::Sent), bytes(70), &origin(0));
    account.credit(&key(0, Direction::Received), bytes(5), &origin(64_500));
    assert!(account.end_poll(end(1)));
    let snapshot = account.snapshot();
    assert_eq!(snapshot.unknown, [0, 70]);
    assert_eq!(snapshot.networks.shown().len(), 1);
    assert_eq!(snapshot.networks.other, [5, 0]);
    assert_eq!(snapshot.created, Some(at));
    assert_eq!(snapshot.networks.created, Some(at));
    assert_eq!(snapshot.whole(), [5, 70]);
    assert!(!account.end_poll(end(2)), "nothing has changed");
}

#[test]
fn the_account_is_on_if_the_configuration_says_so() {
    let mut account = NetworksAccount::resume(None);
    assert!(!account.is_on());
    account.configure(&on(1));
    assert!(account.is_on());
    account.credit(&key(0, Direction::Sent), bytes(70), &origin(64_500));
    account.end_poll(end(1));
    let before = account.snapshot();
    account.configure(&Config::default());
    assert!(!account.is_on());
    account.end_poll(end(2));
    assert_eq!(account.snapshot(), before, "the bytes stay");
}

#[test]
fn an_account_continues_from_a_snapshot() {
    let mut account = NetworksAccount::resume(None).starting(end(0).at);
    account.configure(&on(2));
    for number in 1..=5 {
        let volume = bytes(u64::from(number) * 1_000);
        account.credit(&key(0, Direction::Sent), volume, &origin(number));
    }
    account.end_poll(end(1));
    account.credit(&key(0, Direction::Sent), bytes(7), &origin(5));
    account.credit_rests(&[rest(0, Direction::Sent, 9)]);
    account.end_poll(end(2));
    let before = account.snapshot();
    let saved = Some(before.clone());
    let mut resumed = NetworksAccount::resume(saved).starting(end(9).at);
    resumed.configure(&on(2));
    resumed.end_poll(end(0));
    assert_eq!(resumed.snapshot(), before);
    resumed.credit(&key(0, Direction::Sent), bytes(1), &origin(5));
    resumed.end_poll(end(1));
    let after = resumed.snapshot();
    assert_eq!(after.networks.shown()[1].value, [0, 8]);
    assert_eq!(after.whole(), [0, before.whole()[1] + 1]);
}

/// All numbers that there are, and a scan over them.
#[test]
fn memory_is_bounded_and_the_rest_is_other() {
    let mut account = NetworksAccount::resume(None);
    account.configure(&on(10));
    let more = 1_000;
    for number in 1..=MOST_KEPT + more {
        account.credit(&key(0, Direction::Sent), bytes(10), &origin(number));
    }
    account.end_poll(end(1));
    let snapshot = account.snapshot();
    assert_eq!(snapshot.networks.len(), MOST_KEPT as usize);
    assert_eq!(snapshot.networks.not_kept, [0, u64::from(more) * 10]);
    assert_eq!(snapshot.whole(), [0, u64::from(MOST_KEPT + more) * 10]);
    let size = snapshot.encode().len();
    assert!(size < MOST_KEPT as usize * 40, "{size} bytes in the state");
}

proptest! {
    /// Networks, `UNKNOWN`, `other` and unattributed bytes are all that passed
    /// the edges, at every poll and to the byte.
    #[test]
    fn the_parts_are_the_bytes_of_the_edges(
        polls in prop::collection::vec(
            prop::collection::vec(
                (0_u32..4, 0_usize..2, 0_u32..20, 1_u64..1_000_000, any::<bool>()),
                0..30,
            ),
            1..12,
        ),
        networks_top in 1_u32..6,
    ) {
        let mut account = AtEdges::new(NetworksAccount::resume(None));
        account.configure(&on(networks_top));
        let edges = [InterfaceId(1), InterfaceId(3)].into_iter().collect();
        account.set_edges(&Arc::new(edges));
        let mut whole = [0; 2];
        for (second, poll) in (0..).zip(polls) {
            for (interface, side, number, amount, is_rest) in poll {
                let direction = DIRECTIONS[side];
                if is_rest {
                    account.credit_rests(&[rest(interface, direction, amount)]);
                } else {
                    let key = key(interface, direction);
                    account.credit(&key, bytes(amount), &origin(number));
                }
                if interface % 2 == 1 {
                    whole[side] += amount;
                }
            }
            account.end_poll(end(second * 600));
            let snapshot = account.snapshot();
            prop_assert_eq!(snapshot.whole(), whole);
            prop_assert!(snapshot.networks.is_consistent());
            let shown = snapshot.networks.shown().len();
            prop_assert!(shown <= networks_top as usize);
        }
    }
}
