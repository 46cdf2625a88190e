//! The section of a state file that holds the bytes of networks.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{COUNTERS, Snapshot, Sums};
use crate::accounting::{LARGEST_COUNTER, Timestamp};
use crate::collectors::bounded::{Member, Members};
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::{CountryLabels, Network};

/// [`Snapshot`] as it is saved. A field that is added needs
/// `#[serde(default)]`.
#[derive(Serialize, Deserialize)]
struct Saved {
    networks: Vec<SavedNetwork>,
    other: Sums<COUNTERS>,
    not_kept: Sums<COUNTERS>,
    /// The time at which `other` was zero.
    other_created: Option<Timestamp>,
    recent: usize,
    unknown: Sums<COUNTERS>,
    unattributed: Sums<COUNTERS>,
    created: Option<Timestamp>,
}

/// The number, the values, the amounts in `other`, whether it is shown, and
/// since when it has been: without names, as there may be many.
type SavedNetwork =
    (u32, Sums<COUNTERS>, Sums<COUNTERS>, bool, Option<Timestamp>);

impl SectionContent for Snapshot {
    const NAME: &'static str = "networks";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        let networks = self.networks.iter().map(|member| {
            let Member { key, value, in_other, is_shown, created } = *member;
            (key.0, value, in_other, is_shown, created)
        });
        encoded(&Saved {
            networks: networks.collect(),
            other: self.networks.other,
            not_kept: self.networks.not_kept,
            other_created: self.networks.created,
            recent: self.networks.recent,
            unknown: self.unknown,
            unattributed: self.unattributed,
            created: self.created,
        })
    }

    fn decode(body: &[u8], _: &mut CountryLabels) -> Option<Self> {
        let saved: Saved = rmp_serde::from_slice(body).ok()?;
        let sums =
            [saved.other, saved.not_kept, saved.unknown, saved.unattributed];
        let of_networks = saved
            .networks
            .iter()
            .flat_map(|(_, value, other, ..)| [*value, *other]);
        let all = sums.into_iter().chain(of_networks).flatten();
        let sum: u128 = all.map(u128::from).sum();
        let mut numbers = HashSet::new();
        let are_distinct = saved
            .networks
            .iter()
            .all(|(number, ..)| *number != 0 && numbers.insert(*number));
        if !are_distinct || sum > u128::from(LARGEST_COUNTER) {
            return None;
        }
        let members = saved.networks.into_iter().map(
            |(number, value, in_other, is_shown, created)| {
                let key = Network(number);
                Member { key, value, in_other, is_shown, created }
            },
        );
        let snapshot = Self {
            networks: Members {
                parts: vec![members.collect()],
                other: saved.other,
                not_kept: saved.not_kept,
                created: saved.other_created,
                recent: saved.recent,
            },
            unknown: saved.unknown,
            unattributed: saved.unattributed,
            created: saved.created,
        };
        snapshot.networks.is_consistent().then_some(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::PollEnd;
    use crate::collectors::bounded::Bounded;
    use crate::collectors::networks::limits;

    fn snapshot() -> Snapshot {
        let mut family = Bounded::new(limits(2));
        for number in 1..=700 {
            family.credit(Network(number), 0, u64::from(number) * 1_000);
            family.credit(Network(number), 1, 7);
        }
        family.end_poll(PollEnd {
            at: Timestamp::from_millis(1_700_000_000_000),
            uptime: std::time::Duration::ZERO,
            absent_retention: None,
        });
        family.credit(Network(700), 1, 5);
        Snapshot {
            networks: family.snapshot(),
            unknown: [1, 2],
            unattributed: [3, 4],
            created: Some(Timestamp::from_millis(1)),
        }
    }

    fn decode(body: &[u8]) -> Option<Snapshot> {
        Snapshot::decode(body, &mut CountryLabels::default())
    }

    #[test]
    fn a_snapshot_comes_back() {
        let before = snapshot();
        let after = decode(&before.encode()).unwrap();
        assert!(before.networks.iter().eq(after.networks.iter()));
        assert_eq!(before.networks.shown(), after.networks.shown());
        assert_eq!(before.whole(), after.whole());
        assert_eq!(after.encode(), before.encode());
        let size = before.encode().len();
        assert!(size < 700 * 40, "{size} bytes");
    }

    #[test]
    fn bytes_that_make_no_sense_are_refused() {
        let good = snapshot();
        let mut all = [good.clone(), good.clone(), good.clone(), good];
        all[0].networks.other[0] += 1;
        all[1].unknown[0] = LARGEST_COUNTER + 1;
        let change = |snapshot: &mut Snapshot, number| {
            let mut part = snapshot.networks.parts[0].to_vec();
            part[1].key = Network(number);
            snapshot.networks.parts[0] = part.into();
        };
        change(&mut all[2], 1);
        change(&mut all[3], 0);
        for (number, bad) in all.iter().enumerate() {
            assert_eq!(decode(&bad.encode()), None, "{number}");
        }
        assert_eq!(decode(b"x"), None);
    }
}
