//! Models the programs' side of both tiers in memory, for tests: the steps of a
//! CPU for a packet, and the truth about it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod places;
mod table;

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

use super::{Direction, FlowKey, InterfaceId, IpVersion, Reading, Volume};

/// Ways of a set: few, so that sets are soon full.
const WAYS: usize = 2;

pub(super) fn flow(interface: u32, number: u8) -> FlowKey {
    let mut remote = [0; 16];
    remote[0] = number;
    FlowKey {
        interface: InterfaceId(interface),
        direction: Direction::Received,
        ip_version: IpVersion::V4,
        class: 0,
        remote,
    }
}

pub(super) fn volume(packets: u64) -> Volume {
    Volume { packets, bytes: packets * 100 }
}

/// A flow of a class.
pub(super) fn classed(interface: u32, number: u8, class: u16) -> FlowKey {
    FlowKey { class, ..flow(interface, number) }
}

/// A step of a program on a CPU.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// Packets of a flow pass.
    Pass { cpu: usize, flow: FlowKey, packets: u8 },
    /// A program finds the place of a packet, or makes its flow known there,
    /// and is stopped before it counts it.
    Stop { cpu: usize, flow: FlowKey, is_known: bool },
    /// The program that was stopped goes on: to its end, or until it has
    /// counted a flow and not yet the total of its class.
    GoOn { cpu: usize },
    /// The part of the table that a CPU uses grows, if it can.
    Grow { cpu: usize },
    /// The map drops a flow.
    Evict { flow: FlowKey },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tag {
    #[default]
    Free,
    Used(FlowKey),
    Retired(FlowKey),
}

impl Tag {
    fn flow(self) -> Option<FlowKey> {
        match self {
            Self::Free => None,
            Self::Used(flow) | Self::Retired(flow) => Some(flow),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Way(usize),
    FreeWay(usize),
    Map,
    ClassTotal,
}

#[derive(Clone, Copy, Debug)]
struct Stopped {
    flow: FlowKey,
    place: Place,
}

/// A flow as it is in the map.
#[derive(Clone, Copy, Debug)]
struct Mapped {
    reading: Reading,
    /// As the newest sweep read it.
    read: Volume,
}

/// The changes that user space made and saw in the table since the last call.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// The newest volume of each way.
    pub(super) seen: BTreeMap<usize, Volume>,
    pub(super) retired: Vec<usize>,
    pub(super) freed: Vec<usize>,
}

/// The counters that the programs wrote, and the truth.
#[derive(Debug)]
pub(super) struct State {
    sets: usize,
    /// The sets that may have used ways, by CPU. They only grow.
    pub(super) parts: Vec<usize>,
    /// The sets in which flows have their places, by CPU.
    pub(super) places: Vec<usize>,
    /// The used ways from which on these double, by CPU, and the sets for which
    /// this is so. As long as there are more.
    pub(super) limits: Vec<(usize, usize)>,
    tags: Vec<Tag>,
    volumes: Vec<Volume>,
    /// The readings of them that user space wrote down.
    remembered: Vec<Volume>,
    /// One for each CPU: a second packet does not interrupt the first.
    stopped: Vec<Option<Stopped>>,
    map: BTreeMap<FlowKey, Mapped>,
    class_totals: BTreeMap<FlowKey, Mapped>,
    map_max_entries: usize,
    /// Interfaces whose programs have ended.
    pub(super) detached: BTreeSet<InterfaceId>,
    pub(super) now: u32,
    pub(super) new_keys: u64,
    pub(super) map_packets: u64,
    pub(super) evictions: u64,
    /// Packets.
    pub(super) sent: BTreeMap<FlowKey, u64>,
    /// Those of them that were counted in the map.
    pub(super) in_map: BTreeMap<FlowKey, u64>,
    /// Packets that were unread when the map evicted their flow.
    pub(super) lost: BTreeMap<FlowKey, u64>,
    log: Log,
    /// Steps to take while user space reads.
    pending: VecDeque<Event>,
}

impl State {
    pub(super) fn happen(&mut self, event: Event) {
        let is_over = |flow: &FlowKey| self.detached.contains(&flow.interface);
        match event {
            Event::Pass { flow, .. } | Event::Stop { flow, .. }
                if is_over(&flow) => {}
            Event::Pass { cpu, flow, packets } => {
                self.finish(cpu);
                let place = self.find(cpu, &flow);
                self.count(place, flow, packets.into());
            }
            Event::Stop { cpu, flow, is_known } => {
                self.finish(cpu);
                let mut place = self.find(cpu, &flow);
                if let Place::FreeWay(way) = place
                    && is_known
                {
                    self.tags[way] = Tag::Used(flow);
                    place = Place::Way(way);
                }
                self.stopped[cpu] = Some(Stopped { flow, place });
            }
            Event::GoOn { cpu } => self.go_on(cpu),
            Event::Grow { cpu } => self.grow(cpu),
            Event::Evict { flow } => self.evict(&flow),
        }
    }

    fn go_on(&mut self, cpu: usize) {
        let Some(Stopped { flow, place }) = self.stopped[cpu].take() else {
            return;
        };
        match place {
            Place::ClassTotal => self.count_class(flow, 1),
            Place::Map if flow.class != 0 => {
                self.count_in_map(flow, 1);
                let place = Place::ClassTotal;
                self.stopped[cpu] = Some(Stopped { flow, place });
            }
            _ => self.count(place, flow, 1),
        }
    }

    /// Ends the program that was stopped.
    fn finish(&mut self, cpu: usize) {
        while self.stopped[cpu].is_some() {
            self.go_on(cpu);
        }
    }

    fn count(&mut self, place: Place, flow: FlowKey, packets: u64) {
        match place {
            Place::Way(way) => self.volumes[way] += volume(packets),
            Place::FreeWay(way) => {
                self.tags[way] = Tag::Used(flow);
                self.volumes[way] += volume(packets);
            }
            Place::Map | Place::ClassTotal => {
                self.count_in_map(flow, packets);
                self.count_class(flow, packets);
                return;
            }
        }
        *self.sent.entry(flow).or_default() += packets;
    }

    fn count_in_map(&mut self, flow: FlowKey, packets: u64) {
        self.now += 1;
        *self.sent.entry(flow).or_default() += packets;
        *self.in_map.entry(flow).or_default() += packets;
        if !self.map.contains_key(&flow) {
            if self.map.len() == self.map_max_entries {
                let oldest =
                    self.map.values().min_by_key(|m| m.reading.last_seen);
                let oldest = oldest.unwrap().reading.key;
                self.evict(&oldest);
            }
            let created = self.created(flow);
            self.map.insert(flow, created);
        }
        let mapped = self.map.get_mut(&flow).unwrap();
        mapped.reading.volume += volume(packets);
        mapped.reading.last_seen = self.now;
        self.map_packets += packets;
    }

    fn count_class(&mut self, flow: FlowKey, packets: u64) {
        if flow.class == 0 {
            return;
        }
        let key = flow.without_remote();
        if !self.class_totals.contains_key(&key) {
            let created = self.created(key);
            self.class_totals.insert(key, created);
        }
        let total = self.class_totals.get_mut(&key).unwrap();
        total.reading.volume += volume(packets);
    }

    fn created(&mut self, key: FlowKey) -> Mapped {
        self.new_keys += 1;
        let reading = Reading {
            key,
            volume: Volume::default(),
            generation: u32::try_from(self.new_keys).unwrap(),
            last_seen: 0,
        };
        Mapped { reading, read: Volume::default() }
    }

    fn evict(&mut self, flow: &FlowKey) {
        if let Some(Mapped { reading, read }) = self.map.remove(flow) {
            self.evictions += 1;
            let unread = reading.volume - read;
            *self.lost.entry(*flow).or_default() += unread.packets;
        }
    }

    /// Ends all programs that are running.
    pub(super) fn wait_for_programs(&mut self) {
        for cpu in 0..self.stopped.len() {
            self.finish(cpu);
        }
    }

    fn proceed(&mut self) {
        if let Some(event) = self.pending.pop_front() {
            self.happen(event);
        }
    }

    /// Removes a flow as the poller does, and returns whether it was there.
    pub(super) fn remove(&mut self, flow: &FlowKey) -> bool {
        let map = match flow.is_without_remote() {
            true => &mut self.class_totals,
            false => &mut self.map,
        };
        map.remove(flow).is_some()
    }

    pub(super) fn is_retired(&self, slot: usize) -> bool {
        matches!(self.tags[slot], Tag::Retired(_))
    }

    /// Returns the number of retired ways.
    pub(super) fn retired(&self) -> usize {
        (0..self.tags.len()).filter(|&slot| self.is_retired(slot)).count()
    }

    /// Returns the number of ways of an interface that are not free.
    pub(super) fn ways_of(&self, interface: InterfaceId) -> usize {
        let flows = self.tags.iter().filter_map(|tag| tag.flow());
        flows.filter(|flow| flow.interface == interface).count()
    }
}

/// The table and the map.
#[derive(Debug)]
pub(super) struct KernelModel(RefCell<State>);

impl KernelModel {
    /// Returns one of `sets` sets on each CPU.
    pub(super) fn new(
        cpus: usize,
        sets: usize,
        map_max_entries: usize,
    ) -> Self {
        let ways = cpus * sets * WAYS;
        Self(RefCell::new(State {
            sets,
            // An odd number of sets, so that the last doubling takes the rest.
            parts: vec![sets >> sets.trailing_zeros(); cpus],
            places: vec![sets >> sets.trailing_zeros(); cpus],
            limits: vec![(0, 0); cpus],
            tags: vec![Tag::Free; ways],
            volumes: vec![Volume::default(); ways],
            remembered: vec![Volume::default(); ways],
            stopped: vec![None; cpus],
            map: BTreeMap::new(),
            class_totals: BTreeMap::new(),
            map_max_entries,
            detached: BTreeSet::new(),
            now: 0,
            new_keys: 0,
            map_packets: 0,
            evictions: 0,
            sent: BTreeMap::new(),
            in_map: BTreeMap::new(),
            lost: BTreeMap::new(),
            log: Log::default(),
            pending: VecDeque::new(),
        }))
    }

    pub(super) fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// Packets of a flow pass on a CPU.
    pub(super) fn pass(&self, cpu: usize, flow: FlowKey, packets: u8) {
        self.state().happen(Event::Pass { cpu, flow, packets });
    }

    /// Takes these steps one by one while user space reads.
    pub(super) fn begin_reading(&self, events: &[Event]) {
        let mut state = self.state();
        state.log = Log::default();
        state.pending = events.iter().copied().collect();
    }

    /// Takes all steps that are left, and returns the actions of user space.
    pub(super) fn end_reading(&self) -> Log {
        let mut state = self.state();
        while !state.pending.is_empty() {
            state.proceed();
        }
        std::mem::take(&mut state.log)
    }

    /// Reads the totals of classes, and then the map, while the steps are taken.
    pub(super) fn read_map(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        self.sweep(&mut readings, |state| &mut state.class_totals);
        self.sweep(&mut readings, |state| &mut state.map);
        readings
    }

    fn sweep(
        &self,
        readings: &mut Vec<Reading>,
        map: impl Fn(&mut State) -> &mut BTreeMap<FlowKey, Mapped>,
    ) {
        let mut from = Unbounded;
        loop {
            let mut state = self.state();
            state.proceed();
            let mut rest = map(&mut state).range_mut((from, Unbounded));
            let Some((&key, next)) = rest.next() else { return };
            next.read = next.reading.volume;
            readings.push(next.reading);
            from = Excluded(key);
        }
    }
}
