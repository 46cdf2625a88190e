//! Chooses the place of our filter among the filters of a hook.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::super::name::InterfaceName;
use super::tc::Filter;
use crate::accounting::Direction;
use crate::kernel::abi::hook_name;

/// The priority on a hook without filters. It is lower than those that rules
/// are given by hand (10, 100) and by the kernel (49152 and below), so that
/// ours runs before later ones. It is not 1, which scripts take for granted:
/// the kernel refuses a second kind of filter at the same priority.
const PREFERRED: u16 = 5;

/// The upper half of our handles. Handles of others begin at 1, and a new
/// filter replaces the one with the same handle.
const HANDLES: u32 = 0x6765_0000;
const HANDLE_MASK: u32 = 0xFFFF_0000;

/// A place that was free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) priority: u16,
    pub(super) handle: u32,
    /// The kinds of the filters that run before.
    ahead: Vec<String>,
}

/// Returns whether a handle is one that [`find`] gives out.
pub(super) fn is_our_handle(handle: u32) -> bool {
    handle & HANDLE_MASK == HANDLES
}

/// Returns the place before all others, or, if that would displace one, the
/// first place behind.
pub(super) fn find(others: &[Filter]) -> Order {
    // A packet comes to another chain only through a filter of this one.
    let others = || others.iter().filter(|filter| filter.chain == 0);
    let first = others().map(|filter| filter.priority).min();
    let is_open = |priority: u16| {
        others()
            .filter(|filter| filter.priority == priority)
            .all(Filter::takes_bpf)
    };
    let priority = match first {
        None => PREFERRED,
        Some(first) if first > 1 => PREFERRED.min(first - 1),
        // Of the same priority, the newest runs first.
        Some(_) => (1..=u16::MAX).find(|&p| is_open(p)).unwrap_or(u16::MAX),
    };
    let is_taken = |handle| {
        others().any(|filter| {
            filter.priority == priority && filter.handle == handle
        })
    };
    let mut ahead: Vec<String> = others()
        .filter(|filter| filter.priority < priority)
        .map(|filter| filter.kind.clone())
        .collect();
    ahead.dedup();
    Order {
        priority,
        handle: (HANDLES + 1..=HANDLES | !HANDLE_MASK)
            .find(|&handle| !is_taken(handle))
            .unwrap_or(HANDLES),
        ahead,
    }
}

impl Order {
    /// Names the filters that run before, if there are any.
    pub(super) fn notice(
        &self,
        interface: InterfaceName,
        direction: Direction,
    ) -> Option<String> {
        let direction = hook_name(direction);
        let kinds = self.ahead.join(", ");
        (!self.ahead.is_empty()).then(|| {
            format!(
                "on {interface}, {direction} filters of others ({kinds}) run \
                 first: what they stop or redirect is not counted; give them \
                 priorities from 2 up"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::tc::ALL_PROTOCOLS;

    const IPV4: u16 = 0x0800;

    fn filter(priority: u16, kind: &str, protocol: u16) -> Filter {
        Filter {
            priority,
            protocol,
            kind: kind.into(),
            handle: 1,
            ..Filter::default()
        }
    }

    fn bpf(priority: u16) -> Filter {
        filter(priority, "bpf", ALL_PROTOCOLS)
    }

    #[track_caller]
    fn assert_place(others: &[Filter], priority: u16, ahead: &[&str]) {
        let order = find(others);
        assert_eq!(order.priority, priority, "{others:?}");
        assert_eq!(order.ahead, ahead, "{others:?}");
        assert!(is_our_handle(order.handle));
    }

    #[test]
    fn ours_goes_before_all_others_and_takes_nobody_s_place() {
        assert_place(&[], PREFERRED, &[]);
        assert_place(&[bpf(49_152)], PREFERRED, &[]);
        assert_place(&[bpf(6), bpf(7)], PREFERRED, &[]);
        assert_place(&[filter(5, "flower", IPV4)], 4, &[]);
        assert_place(&[bpf(49_152), bpf(2)], 1, &[]);
    }

    #[test]
    fn the_first_priority_is_shared_with_programs() {
        assert_place(&[bpf(1), bpf(2)], 1, &[]);
    }

    #[test]
    fn behind_a_first_filter_of_another_kind_ours_is_as_early_as_it_can_be() {
        let flower = || filter(1, "flower", IPV4);
        assert_place(&[flower()], 2, &["flower"]);
        assert_place(&[flower(), bpf(2)], 2, &["flower"]);
        assert_place(
            &[flower(), filter(2, "u32", ALL_PROTOCOLS)],
            3,
            &["flower", "u32"],
        );
        // A filter for IPv4 only cannot share its priority either.
        assert_place(&[filter(1, "bpf", IPV4)], 2, &["bpf"]);
    }

    #[test]
    fn filters_of_other_chains_do_not_run_first() {
        let other = Filter { chain: 7, ..filter(1, "flower", IPV4) };
        assert_place(&[other], PREFERRED, &[]);
    }

    #[test]
    fn a_handle_is_given_once() {
        let first = find(&[bpf(1)]);
        let taken = Filter { handle: first.handle, ..bpf(1) };
        let second = find(&[bpf(1), taken]);
        assert_eq!(second.priority, first.priority);
        assert_eq!(second.handle, first.handle + 1);
    }

    #[test]
    fn what_runs_first_is_told() {
        let order = find(&[filter(1, "flower", IPV4)]);
        let notice = order.notice("eth0".into(), Direction::Received).unwrap();
        assert!(notice.starts_with("on eth0, ingress filters of others"));
        assert!(notice.contains("(flower)"), "{notice}");
        assert_eq!(find(&[]).notice("eth0".into(), Direction::Sent), None);
    }
}
