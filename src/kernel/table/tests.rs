//! Tries every way in which the program and user space can meet in the table.
//!
//! The program is stated here again, as steps that each touch shared memory
//! once, in the order of `bpf-src/flow_table.bpf.h`. User space is the real
//! one: before each of its accesses to a word that matters, the program may do
//! any number of steps, and every choice is tried. Words are seen in the order
//! in which they are written, as on x86; elsewhere the exchange that publishes
//! a tag, the acquiring and releasing of [`Word`] and the grace period, which
//! is a barrier on every CPU, ensure this order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::*;
use crate::accounting::{
    Counts, Direction, FlowTracker, InterfaceId, IpVersion,
};

/// Returns the place of the tag of a way.
fn tag_of(way: usize) -> usize {
    way * ENTRY_WORDS
}

/// Returns the place of the address of a way; the counters follow it.
fn address(way: usize) -> usize {
    tag_of(way) + 1
}

/// Bytes of each packet.
const LENGTH: u64 = 100;

/// The first way that the flows of the test can have: other flows have all ways
/// before it, so that flows compete.
const FIRST: usize = WAYS - 1;

/// The choices that the test tries, one after the other: the paths of a tree,
/// from the first leaf to the last.
#[derive(Default)]
struct Choices {
    /// By point on the path, the chosen option and the number of options.
    path: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, options: usize) -> usize {
        if self.at == self.path.len() {
            self.path.push((0, options));
        }
        let (chosen, known) = self.path[self.at];
        assert_eq!(known, options, "the same choices lead to the same point");
        self.at += 1;
        chosen
    }

    /// Goes on to the next path. Returns whether there is one.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, options)) = self.path.pop() {
            if chosen + 1 < options {
                self.path.push((chosen + 1, options));
                return true;
            }
        }
        false
    }
}

/// The next step of the program for a packet.
#[derive(Clone, Copy, Debug)]
enum Step {
    Find(usize),
    FindFree(usize),
    Remote(usize),
    Publish(usize),
    Packets(usize),
    Bytes(usize),
}

/// The program on its CPU.
struct Program {
    /// Flows of the packets to come, the next one last.
    packets: Vec<u32>,
    running: Option<(u32, Step)>,
    /// By flow.
    counted: [u64; 3],
    refused: [u64; 3],
}

/// Two addresses with the same hash: only the word beside the tag differs.
fn key(flow: u32) -> FlowKey {
    let mut remote = [0; 16];
    remote[..4].copy_from_slice(&flow.to_ne_bytes());
    FlowKey {
        interface: InterfaceId(1),
        direction: Direction::Received,
        ip_version: IpVersion::V6,
        class: 0,
        remote,
    }
}

fn tag() -> u64 {
    Tag::of(&key(1), 7).0
}

impl Program {
    /// Does one step. Returns false if nothing is left to do.
    fn step(&mut self, words: &[Cell<u64>]) -> bool {
        let Some((flow, step)) = self.running else {
            let next = self.packets.pop();
            self.running = next.map(|flow| (flow, Step::Find(FIRST)));
            return self.running.is_some();
        };
        let index = flow as usize;
        let next = match step {
            Step::Find(way) => {
                let address = words[address(way)].get();
                if words[tag_of(way)].get() == tag()
                    && address == u64::from(flow)
                {
                    Some(Step::Packets(way))
                } else if way + 1 < WAYS {
                    Some(Step::Find(way + 1))
                } else {
                    Some(Step::FindFree(FIRST))
                }
            }
            Step::FindFree(way) => {
                if words[tag_of(way)].get() == Tag::FREE.0 {
                    Some(Step::Remote(way))
                } else if way + 1 < WAYS {
                    Some(Step::FindFree(way + 1))
                } else {
                    self.refused[index] += 1;
                    None
                }
            }
            Step::Remote(way) => {
                words[address(way)].set(flow.into());
                Some(Step::Publish(way))
            }
            Step::Publish(way) => {
                words[tag_of(way)].set(tag());
                Some(Step::Packets(way))
            }
            Step::Packets(way) => {
                let packets = &words[address(way) + 1];
                packets.set(packets.get() + 1);
                Some(Step::Bytes(way))
            }
            Step::Bytes(way) => {
                let bytes = &words[address(way) + 2];
                bytes.set(bytes.get() + LENGTH);
                self.counted[index] += 1;
                None
            }
        };
        self.running = next.map(|step| (flow, step));
        true
    }
}

/// The memory, the program and the choices.
struct World {
    words: Vec<Cell<u64>>,
    program: RefCell<Program>,
    choices: RefCell<Choices>,
    /// The number of times that the program may still interrupt user space.
    interruptions: Cell<usize>,
}

/// Most steps that an interruption lasts: those of two packets.
const LONGEST: usize = 14;

impl World {
    /// Lets the program run, or not.
    fn interrupt(&self) {
        let mut program = self.program.borrow_mut();
        let is_over = program.running.is_none() && program.packets.is_empty();
        if is_over || self.interruptions.get() == 0 {
            return;
        }
        let steps = self.choices.borrow_mut().choose(LONGEST + 1);
        if steps > 0 {
            self.interruptions.set(self.interruptions.get() - 1);
        }
        for _ in 0..steps {
            program.step(&self.words);
        }
    }

    /// Lets the program finish the packet that it is counting.
    fn wait_for_grace(&self) {
        let mut program = self.program.borrow_mut();
        while program.running.is_some() {
            program.step(&self.words);
        }
    }

    fn finish(&self) {
        let mut program = self.program.borrow_mut();
        while program.step(&self.words) {}
    }
}

/// A word as user space sees it.
struct SharedWord {
    world: Rc<World>,
    at: usize,
}

impl SharedWord {
    fn word(&self) -> &Cell<u64> {
        // The program does not touch the ways before.
        if self.at >= tag_of(FIRST) {
            self.world.interrupt();
        }
        &self.world.words[self.at]
    }
}

impl Word for SharedWord {
    fn counter(&self) -> u64 {
        self.word().get()
    }

    fn tag(&self) -> Tag {
        Tag(self.word().get())
    }

    fn set_tag(&self, tag: Tag) {
        self.word().set(tag.0);
    }

    fn limit(&self) -> u64 {
        self.word().get()
    }

    fn set_limit(&self, limit: u64) {
        self.word().set(limit);
    }

    fn count(&self) {
        let word = self.word();
        word.set(word.get() + 1);
    }
}

/// User space, and the counts that it credited to each flow.
struct User {
    world: Rc<World>,
    table: Table<Vec<SharedWord>>,
    tracker: FlowTracker<()>,
    /// By flow.
    packets: [u64; 3],
    bytes: [u64; 3],
}

impl User {
    fn new(world: &Rc<World>) -> Self {
        let world = Rc::clone(world);
        let word = |at| SharedWord { world: Rc::clone(&world), at };
        let words: Vec<_> = (0..SET_WORDS).map(word).collect();
        Self {
            table: Table::new(words, None, 1),
            tracker: FlowTracker::default(),
            packets: [0; 3],
            bytes: [0; 3],
            world,
        }
    }

    fn sweep(&mut self, has_grace_passed: bool) {
        let Self { table, tracker, packets, bytes, .. } = self;
        tracker.observe(
            Counts::default(),
            None,
            Some(&*table),
            has_grace_passed,
            |delta, ()| {
                let flow = delta.key.remote[0];
                assert_eq!(delta.key, key(flow.into()));
                packets[usize::from(flow)] += delta.volume.packets;
                bytes[usize::from(flow)] += delta.volume.bytes;
            },
        );
    }

    /// Reclaims all known flows.
    fn reclaim(&mut self) {
        let is_given_up = |key: &FlowKey| key.interface == InterfaceId(1);
        self.tracker.retire(Some(&self.table), is_given_up);
        // As if there had been no grace period.
        self.sweep(false);
        let has_retired = self.tracker.waits_for_grace();
        if has_retired {
            self.world.wait_for_grace();
        }
        self.sweep(has_retired);
    }
}

/// The number of paths that were tried, and of some kinds of them.
#[derive(Debug, Default)]
struct Seen {
    ways: u64,
    /// Paths in which a flow found no room: it met a retired way.
    refusals: u64,
    /// Paths in which both flows had the only way.
    successions: u64,
}

/// Counts packets of these flows while user space reclaims all the time, in
/// every way, and checks that each is credited to its own flow, once.
fn check(packets: &[u32], rounds: usize, interruptions: usize) -> Seen {
    let mut choices = Choices::default();
    let mut seen = Seen::default();
    loop {
        let bystander =
            Tag::of(&FlowKey { ip_version: IpVersion::V4, ..key(0) }, 0);
        let value = |at: usize| match at % ENTRY_WORDS {
            _ if at >= tag_of(FIRST) => 0,
            0 => bystander.0 + at as u64,
            1 => at as u64 - 1,
            _ => 0,
        };
        let world = Rc::new(World {
            words: (0..SET_WORDS).map(|at| Cell::new(value(at))).collect(),
            program: RefCell::new(Program {
                packets: packets.iter().rev().copied().collect(),
                running: None,
                counted: [0; 3],
                refused: [0; 3],
            }),
            choices: RefCell::new(choices),
            interruptions: Cell::new(interruptions),
        });
        let mut user = User::new(&world);
        user.sweep(false);
        for _ in 0..rounds {
            user.reclaim();
        }
        world.finish();
        for round in ["the last sweep", "one more"] {
            user.reclaim();
            let program = world.program.borrow();
            let bytes = program.counted.map(|packets| packets * LENGTH);
            assert_eq!(user.packets, program.counted, "{round}");
            assert_eq!(user.bytes, bytes, "{round}");
        }
        let program = world.program.borrow();
        seen.ways += 1;
        seen.refusals += u64::from(program.refused != [0; 3]);
        let takers = program.counted.iter().filter(|&&count| count > 0);
        seen.successions += u64::from(takers.count() > 1);
        choices = world.choices.take();
        if !choices.advance() {
            return seen;
        }
    }
}

#[test]
fn a_flow_that_goes_on_while_its_way_is_reclaimed_loses_and_doubles_nothing() {
    let seen = check(&[1, 1, 1, 1], 2, 2);
    assert!(seen.ways > 10_000 && seen.refusals > 0, "{seen:?}");
}

#[test]
fn flows_that_take_each_others_way_are_each_credited_with_their_own() {
    for (packets, interruptions) in [(&[1, 2, 1, 2][..], 2), (&[1, 2], 3)] {
        let rounds = 4 - interruptions;
        let seen = check(packets, rounds, interruptions);
        assert!(seen.ways > 10_000 && seen.successions > 100, "{seen:?}");
    }
}
