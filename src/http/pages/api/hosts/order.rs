//! The orders of hosts.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;

use super::Row;
use crate::collectors::hosts::{Counters, Remote};

/// An order. Hosts that are the same in it are in the order of addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Bytes,
    Received,
    Sent,
    BytesPerSecond,
    ReceivedPerSecond,
    SentPerSecond,
    Packets,
    FirstSeen,
    LastSeen,
    Address,
}

impl Order {
    /// The values of `sort`.
    pub(super) const ALL: [(&'static str, Self); 10] = [
        ("bytes", Self::Bytes),
        ("received", Self::Received),
        ("sent", Self::Sent),
        ("bytes_per_second", Self::BytesPerSecond),
        ("received_per_second", Self::ReceivedPerSecond),
        ("sent_per_second", Self::SentPerSecond),
        ("packets", Self::Packets),
        ("first_seen", Self::FirstSeen),
        ("last_seen", Self::LastSeen),
        ("address", Self::Address),
    ];
}

/// Returns the key of a row in an order: the largest number, or the newest time,
/// comes first.
pub(super) fn key(order: Order, row: &Row<'_>) -> (Reverse<u64>, Remote) {
    let Row { host, before } = row;
    let bytes = |of: &Counters, sides: [bool; 2]| {
        let sides = of.bytes.iter().zip(sides);
        let chosen = sides.filter(|(_, is_chosen)| *is_chosen);
        chosen.fold(0, |sum: u64, (bytes, _)| sum.saturating_add(*bytes))
    };
    // All rates are over the same time, so growth has their order.
    let growth = |sides| {
        bytes(&host.counters, sides).saturating_sub(bytes(before, sides))
    };
    let (both, received, sent) = ([true, true], [true, false], [false, true]);
    let number = match order {
        Order::Bytes => bytes(&host.counters, both),
        Order::Received => bytes(&host.counters, received),
        Order::Sent => bytes(&host.counters, sent),
        Order::BytesPerSecond => growth(both),
        Order::ReceivedPerSecond => growth(received),
        Order::SentPerSecond => growth(sent),
        Order::Packets => {
            let [in_, out] = host.counters.packets;
            in_.saturating_add(out)
        }
        Order::FirstSeen => host.first_seen.into(),
        Order::LastSeen => host.last_seen.into(),
        Order::Address => 0,
    };
    (Reverse(number), host.remote)
}
