//! Names of hosts: threads that ask the resolver of this machine, as the user
//! who runs the view, by getnameinfo(3) of the crate `dns-lookup`.

use std::collections::HashSet;
use std::net::IpAddr;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::state::Event;

/// A name that nobody answers for takes some seconds.
const THREADS: usize = 4;

/// The most addresses that wait for a thread. Others are asked for later.
const WAITING: usize = 256;

/// The most names that are kept, and addresses that are known to have none.
pub(super) const MOST: usize = 20_000;

/// Looks names up, each address once.
pub(super) struct Resolver {
    addresses: Sender<IpAddr>,
    asked: HashSet<IpAddr>,
}

impl Resolver {
    /// Starts the threads, which send the names as events.
    pub(super) fn start(events: &Sender<Event>) -> Self {
        let (addresses, waiting) = bounded(WAITING);
        for _ in 0..THREADS {
            let (waiting, events) = (waiting.clone(), events.clone());
            // A view without one of the threads is a slower one.
            let _ = thread::Builder::new()
                .name("names".into())
                .spawn(move || look_up(&waiting, &events));
        }
        Self { addresses, asked: HashSet::new() }
    }

    /// Asks for the names of addresses that were not asked for yet.
    pub(super) fn ask(&mut self, addresses: &[IpAddr]) {
        for address in addresses {
            let is_known = self.asked.contains(address);
            if is_known || self.asked.len() >= MOST {
                continue;
            }
            if self.addresses.try_send(*address).is_err() {
                return;
            }
            self.asked.insert(*address);
        }
    }
}

fn look_up(addresses: &Receiver<IpAddr>, events: &Sender<Event>) {
    for address in addresses {
        let name = dns_lookup::lookup_addr(&address).ok();
        if events.send(Event::Name(address, name)).is_err() {
            return;
        }
    }
}
