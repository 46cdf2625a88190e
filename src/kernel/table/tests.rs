//! Every order in which the program and user space can meet in the table.
//!
//! loom runs each of them, with what the memory model of C11 allows a reader
//! to see. The program is stated here again, step by step as in
//! `bpf-src/flow_table.bpf.h`; user space is the real one.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use loom::model::Builder;
use loom::sync::atomic::{AtomicU64 as LoomWord, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::*;
use crate::accounting::{
    Counts, Direction, FlowTracker, InterfaceId, IpVersion,
};

impl Word for LoomWord {
    fn counter(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    fn tag(&self) -> Tag {
        Tag(self.load(Ordering::Acquire))
    }

    fn set_tag(&self, tag: Tag) {
        self.store(tag.0, Ordering::Release);
    }
}

/// Memory that two threads share.
#[derive(Clone)]
struct Words(Arc<Vec<LoomWord>>);

impl Deref for Words {
    type Target = [LoomWord];

    fn deref(&self) -> &[LoomWord] {
        &self.0
    }
}

/// Flows that compete for a way. Both have the same hash, so that only the
/// address beside the tag tells them apart.
const RIVALS: [u32; 2] = [1, 2];

/// Bytes of each packet.
const LENGTH: u64 = 100;

fn key(flow: u32) -> FlowKey {
    let mut remote = [0; 16];
    remote[..4].copy_from_slice(&flow.to_ne_bytes());
    remote[8..12].copy_from_slice(&flow.to_ne_bytes());
    FlowKey {
        interface: InterfaceId(flow),
        direction: Direction::Received,
        ip_version: IpVersion::V6,
        remote,
    }
}

fn words_of(key: &FlowKey) -> [u64; 2] {
    let (high, low) = key.remote.split_at(8);
    [high, low].map(|half| u64::from_ne_bytes(half.try_into().unwrap()))
}

/// The program on the one CPU, and its grace periods: whoever holds the lock
/// is running, and whoever had it has ended.
struct Program {
    words: Words,
    is_running: Arc<Mutex<()>>,
}

impl Program {
    /// Counts a packet and returns whether there was room.
    fn count(&self, flow: u32) -> bool {
        let _running =
            self.is_running.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(flow);
        let (tag, remote) = (Tag::of(&key, 7), words_of(&key));
        let read = |at: usize| self.words[at].load(Ordering::Relaxed);
        let write = |at: usize, value| {
            self.words[at].store(value, Ordering::Relaxed);
        };
        let add = |way: usize| {
            let at = entry(way);
            write(at + 2, read(at + 2) + 1);
            write(at + 3, read(at + 3) + LENGTH);
        };
        let is_flow = |way: usize| {
            let at = entry(way);
            read(way) == tag.0 && [read(at), read(at + 1)] == remote
        };
        if let Some(way) = (0..WAYS).find(|&way| is_flow(way)) {
            add(way);
            return true;
        }
        let Some(way) = (0..WAYS).find(|&way| read(way) == Tag::FREE.0) else {
            return false;
        };
        write(entry(way), remote[0]);
        write(entry(way) + 1, remote[1]);
        // The kernel's exchange is a full barrier.
        self.words[way].swap(tag.0, Ordering::SeqCst);
        add(way);
        true
    }

    fn wait_for_grace(is_running: &Mutex<()>) {
        drop(is_running.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A table of one set in which all ways but `free` are somebody else's.
fn memory(free: usize) -> Words {
    let bystander = Tag::of(&key(3), 9).0;
    let word = |at: usize| match at {
        way if way < WAYS - free => bystander + way as u64,
        _ => 0,
    };
    Words(Arc::new((0..SET_WORDS).map(|at| LoomWord::new(word(at))).collect()))
}

/// User space, and what it credited to whom.
struct User {
    table: Table<Words>,
    tracker: FlowTracker<()>,
    is_running: Arc<Mutex<()>>,
    credited: [u64; 2],
}

impl User {
    fn sweep(&mut self, has_grace_passed: bool) {
        let credited = &mut self.credited;
        self.tracker.observe(
            Counts::default(),
            None,
            Some(&self.table),
            has_grace_passed,
            |delta, ()| {
                // A poll may see the packet and not its bytes yet.
                let flow = RIVALS.iter().position(|&f| key(f) == delta.key);
                let flow = flow.expect("a flow that is counted");
                credited[flow] += delta.volume.packets;
            },
        );
    }

    /// Reclaims every rival that was known before.
    fn reclaim(&mut self) {
        let rivals = RIVALS.map(InterfaceId);
        self.tracker.retire(&self.table, &BTreeSet::from(rivals));
        if self.tracker.waits_for_grace() {
            Program::wait_for_grace(&self.is_running);
        }
        self.sweep(true);
    }
}

/// Runs the packets of these flows beside a user who reclaims all the time, in
/// every order, and checks that each packet is credited to its own flow once.
fn check(packets: &'static [u32], rounds: usize) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(4);
    builder.max_branches = 20_000;
    builder.check(move || {
        let words = memory(1);
        let is_running = Arc::new(Mutex::new(()));
        let program =
            Program { words: words.clone(), is_running: is_running.clone() };
        let counting = thread::spawn(move || {
            let mut counted = [0; 2];
            for &flow in packets {
                let index = usize::from(flow == RIVALS[1]);
                counted[index] += u64::from(program.count(flow));
            }
            counted
        });
        let mut user = User {
            table: Table::new(words, 1),
            tracker: FlowTracker::default(),
            is_running,
            credited: [0; 2],
        };
        user.sweep(false);
        for _ in 0..rounds {
            user.reclaim();
        }
        let counted = counting.join().unwrap();
        user.sweep(false);
        assert_eq!(user.credited, counted);
        user.reclaim();
        assert_eq!(user.credited, counted, "credited twice");
        let seen = user.table.volume(WAYS - 1);
        let packets = counted[0] + counted[1];
        assert_eq!(seen, Volume { packets, bytes: packets * LENGTH });
    });
}

#[test]
fn a_flow_that_goes_on_while_its_way_is_reclaimed_loses_and_doubles_nothing() {
    check(&[1, 1, 1], 2);
}

#[test]
fn flows_that_take_each_others_way_are_each_credited_with_their_own() {
    check(&[1, 2, 1], 2);
}
