//! A link that takes time and loses packets: two tun devices, and a thread for
//! each direction that carries packets from one to the other.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::netns::Netns;
use super::tcp_sys::{run_first, wait_precisely};
use super::tun::{Layer, SuperFrames, Tun};

/// The nature of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The time that a packet and its answer take together.
    pub(crate) round_trip: Duration,
    /// Lost packets in a thousand, in each direction.
    pub(crate) lost_of_thousand: u64,
    /// Decides which packets are lost.
    pub(crate) seed: u64,
}

impl Terms {
    /// Returns a link that takes this many milliseconds and loses nothing.
    pub(crate) fn of_milliseconds(round_trip: u64) -> Self {
        Self {
            round_trip: Duration::from_millis(round_trip),
            lost_of_thousand: 0,
            seed: 1,
        }
    }
}

/// The link. Dropping it deletes both devices.
pub(crate) struct Relay {
    ends: [(Netns, String); 2],
    #[expect(dead_code, reason = "a device that nobody has open vanishes")]
    files: [Arc<File>; 2],
    carriers: Vec<JoinHandle<()>>,
    lost: Arc<AtomicU64>,
}

impl Relay {
    /// Makes both devices, without addresses, and begins to carry packets.
    pub(crate) fn new(ends: [(&Netns, &str); 2], terms: Terms) -> Self {
        let files = ends.map(|(namespace, name)| {
            let no = SuperFrames::No;
            let tun = Tun::create_with(namespace, name, Layer::Ip, no);
            Arc::new(tun.into_file())
        });
        let lost = Arc::new(AtomicU64::new(0));
        let carriers = [(0, 1), (1, 0)].map(|(from, to)| {
            let mut carrier = Carrier {
                from: Arc::clone(&files[from]),
                to: Arc::clone(&files[to]),
                terms,
                random: terms.seed * 2 + from as u64 + 1,
                lost: Arc::clone(&lost),
                waiting: VecDeque::new(),
            };
            thread::spawn(move || carrier.carry())
        });
        let ends =
            ends.map(|(namespace, name)| (namespace.clone(), name.to_owned()));
        Self { ends, files, carriers: carriers.into(), lost }
    }

    /// Returns the number of packets that were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for (namespace, name) in &self.ends {
            namespace.ip(&format!("link delete {name}"));
        }
        for carrier in self.carriers.drain(..) {
            // It has no result.
            let _ = carrier.join();
        }
    }
}

/// Carries packets in one direction.
struct Carrier {
    from: Arc<File>,
    to: Arc<File>,
    terms: Terms,
    random: u64,
    lost: Arc<AtomicU64>,
    /// The packets on their way, each with the time of its arrival.
    waiting: VecDeque<(Instant, Vec<u8>)>,
}

impl Carrier {
    /// Carries packets until a device is deleted.
    fn carry(&mut self) {
        // A thread that waits for its turn would lengthen the round trips.
        run_first().expect("cannot set a priority (run as root)");
        let mut buffer = vec![0; 1 << 17];
        loop {
            let next = self
                .waiting
                .front()
                .map(|(due, _)| due.saturating_duration_since(Instant::now()));
            match wait_precisely(self.from.as_fd(), next) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("cannot wait for packets: {error}"),
            }
            if !self.take(&mut buffer) || !self.deliver() {
                return;
            }
        }
    }

    /// Takes the packets that were sent. Returns whether the device is there.
    fn take(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match (&*self.from).read(buffer) {
                Ok(length) => {
                    if self.loses() {
                        self.lost.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let due = Instant::now() + self.terms.round_trip / 2;
                    self.waiting.push_back((due, buffer[..length].to_vec()));
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// Delivers the packets that have arrived. Returns whether the device is
    /// there.
    fn deliver(&mut self) -> bool {
        let now = Instant::now();
        while self.waiting.front().is_some_and(|(due, _)| *due <= now) {
            let (_, packet) = self.waiting.pop_front().expect("one waits");
            if (&*self.to).write(&packet).is_err() {
                return false;
            }
        }
        true
    }

    /// Decides about the next packet: Marsaglia's xorshift64*.
    fn loses(&mut self) -> bool {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let random = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (random * 1000) >> 32 < self.terms.lost_of_thousand
    }
}
