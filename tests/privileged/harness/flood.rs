//! Very many prefixes, sent fast, from chosen CPUs.

use std::net::Ipv4Addr;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::fixtures::LOCAL4;
use super::frames::Packet;
use super::link::Volume;
use super::send::Sender;
use super::sys;

/// The first of the 131,072 addresses that are reserved for benchmarks. The
/// fixture databases have the lower half in Brazil, the upper in France.
pub(crate) const BENCHMARK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

/// How many of them are in one country.
pub(crate) const HALF: u32 = 65_536;

/// Returns the address that many behind the first one.
pub(crate) fn address(number: u32) -> Ipv4Addr {
    (u32::from(BENCHMARK) + number).into()
}

/// Returns a packet from each of these addresses to the machine, of different
/// lengths.
pub(crate) fn frames_from(
    numbers: impl IntoIterator<Item = u32>,
) -> Vec<Vec<u8>> {
    let packet = |n| Packet::new(address(n), LOCAL4).payload(payload(n));
    numbers.into_iter().map(|n| packet(n).frame()).collect()
}

/// Returns a packet from the machine to each of these addresses, of different
/// lengths.
pub(crate) fn frames_to(
    numbers: impl IntoIterator<Item = u32>,
) -> Vec<Vec<u8>> {
    let packet = |n| Packet::new(LOCAL4, address(n)).payload(payload(n));
    numbers.into_iter().map(|n| packet(n).frame()).collect()
}

fn payload(number: u32) -> usize {
    number as usize % 61
}

/// What senders have sent or are about to: an upper bound of what an exporter
/// can have counted, at every moment.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    bytes: AtomicU64,
}

impl Offered {
    /// Returns the bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Sends frames and says so first.
    pub(crate) fn send(&self, sender: &Sender, frames: &[Vec<u8>]) -> Volume {
        let mut sum = Volume::default();
        for piece in frames.chunks(256) {
            let volume = Volume::of(piece);
            self.bytes.fetch_add(volume.bytes, Ordering::SeqCst);
            sum = sum + sender.send(piece);
        }
        sum
    }
}

/// Does each piece of work on a thread and, as far as there are as many, a CPU
/// of its own. What it sends passes the hooks of both ends there.
pub(crate) fn on_each_cpu<T: Send, W: FnOnce() -> T + Send>(
    works: impl IntoIterator<Item = W>,
) -> Vec<T> {
    thread::scope(|scope| {
        let workers: Vec<_> = works
            .into_iter()
            .enumerate()
            .map(|(number, work)| {
                scope.spawn(move || {
                    sys::pin_to_cpu(number).expect("cannot choose a CPU");
                    work()
                })
            })
            .collect();
        let results = workers.into_iter().map(thread::ScopedJoinHandle::join);
        results
            .map(|r| r.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}
