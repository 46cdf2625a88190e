//! Classes of packets: turns a plan into numbers, and writes these into the
//! maps that the program finds a packet's class with.
//!
//! `layout` gives each combination its number, `trie` merges old and new ranges,
//! `marks` are the notes for the next process. Only this file touches maps.

#![forbid(unsafe_code)]

mod layout;
mod marks;
mod trie;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aya::Ebpf;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Map, MapData, MapError};

use super::abi::{
    CLASS_HAS_LOCAL, CLASS_HAS_NARROW, CLASS_HAS_SERVICES, CLASS_IS_SECOND,
    PORTS, RANGE_VERSION_BITS, names,
};
use super::errno::io_error;
use super::error::{Error, missing_part};
use super::mapping::MappedWords;
use super::parts::Classified;
use super::{grace, object};
use crate::accounting::{ClassPlan, ClassPrefix, Classes};
use layout::{Allotment, Numbers};
pub(super) use marks::ClassMarks;
use trie::{Entry, Half, merge};

/// The address of a range as the program looks for it.
type RangeBytes = [u8; 20];

/// A trie of ranges in the kernel.
struct Trie {
    map: LpmTrie<MapData, RangeBytes, u32>,
    /// Its entries, in their order.
    entries: Vec<Entry>,
    /// True if an entry may have another value than this says.
    is_uncertain: bool,
}

fn key_of(prefix: &ClassPrefix) -> Key<RangeBytes> {
    let mut bytes = [0; 20];
    bytes[..4]
        .copy_from_slice(&u32::from(prefix.ip_version.number()).to_ne_bytes());
    bytes[4..].copy_from_slice(&prefix.address);
    Key::new(RANGE_VERSION_BITS + u32::from(prefix.length), bytes)
}

impl Trie {
    fn take(ebpf: &mut Ebpf, name: &str) -> Result<Self, Error> {
        let Map::LpmTrie(map) = object::take(ebpf, name)? else {
            return Err(missing_part(name));
        };
        let map = Map::LpmTrie(map).try_into();
        let map = map.map_err(|_: MapError| missing_part(name))?;
        Ok(Self { map, entries: Vec::new(), is_uncertain: false })
    }

    /// Writes the new numbers of all ranges, old and new. The old numbers stay
    /// in force.
    fn prepare(
        &mut self,
        new: &[(ClassPrefix, u16)],
        none: [u16; 2],
        half: Half,
    ) -> io::Result<()> {
        let merged = merge(&self.entries, new, none, half);
        let before = std::mem::replace(&mut self.entries, merged);
        let rewrites = std::mem::replace(&mut self.is_uncertain, true);
        let mut before = before.iter().peekable();
        for (prefix, pair) in &self.entries {
            let old = before.next_if(|(own, _)| own == prefix);
            if !rewrites && old.is_some_and(|(_, old)| old == pair) {
                continue;
            }
            self.map.insert(&key_of(prefix), pair, 0).map_err(io_error)?;
        }
        self.is_uncertain = false;
        Ok(())
    }

    /// Removes the ranges that are no longer in force. One that cannot be
    /// removed has the number of the range around it.
    fn finish(&mut self, new: &[(ClassPrefix, u16)]) {
        let Self { map, entries, .. } = self;
        let mut new = new.iter().peekable();
        entries.retain(|(prefix, _)| {
            let is_wanted = new.next_if(|(own, _)| own == prefix).is_some();
            is_wanted || map.remove(&key_of(prefix)).is_err()
        });
    }
}

/// The maps that give packets their classes.
pub(super) struct ClassMaps {
    settings: MappedWords,
    /// A pair for each port, in the low half of a word.
    ports: MappedWords,
    locals: Trie,
    narrows: Trie,
    marks: Option<ClassMarks<MappedWords>>,
    allotment: Allotment,
    half: Half,
    /// The number of packets without a local range that is in force.
    first: u16,
    /// The plan in force.
    applied: Option<ClassPlan>,
}

impl ClassMaps {
    /// Takes the maps. `are_kept` is true if the maps of flows are pinned; then
    /// `are_unknown` is true if their classes may be any.
    pub(super) fn take(
        ebpf: &mut Ebpf,
        are_kept: bool,
        are_unknown: bool,
    ) -> Result<Self, Error> {
        let marks = are_kept
            .then(|| object::take_mapped(ebpf, names::CLASS_MARKS))
            .transpose()?
            .map(ClassMarks::new);
        let allotment = match &marks {
            Some(_) if are_unknown => Allotment::unknown(),
            Some(marks) => marks.read(),
            None => Allotment::default(),
        };
        Ok(Self {
            settings: object::take_mapped(ebpf, names::CLASS_SETTINGS)?,
            ports: object::take_mapped(ebpf, names::SERVICE_PORTS)?,
            locals: Trie::take(ebpf, names::LOCAL_RANGES)?,
            narrows: Trie::take(ebpf, names::NARROW_RANGES)?,
            marks,
            allotment,
            half: Half::default(),
            first: 0,
            applied: None,
        })
    }

    /// Gives packets the classes of a plan from now on. Each packet gets the
    /// class that the old or the new plan gives it.
    ///
    /// # Errors
    /// If the kernel refuses. The old plan stays in force.
    pub(super) fn apply(
        &mut self,
        plan: &ClassPlan,
    ) -> Result<Classified, Error> {
        if self.applied.as_ref() == Some(plan) {
            return Ok(Classified::Unchanged);
        }
        let before = self.allotment.clone();
        if self.allotment.take_in(plan).is_err() {
            return Ok(Classified::Waits);
        }
        self.applied = None;
        self.write_marks();
        if let Err(error) = self.write(plan) {
            self.allotment = before;
            self.write_marks();
            let action = "write the ranges of the programs";
            return Err(Error::call(action, error));
        }
        self.applied = Some(plan.clone());
        Ok(Classified::Applied)
    }

    /// Writes the numbers of a plan, and turns the switch.
    ///
    /// # Errors
    /// If the kernel refuses. The old numbers stay in force.
    fn write(&mut self, plan: &ClassPlan) -> io::Result<()> {
        let numbers = self.allotment.numbers();
        let half = self.half.other();
        let locals = numbered(&plan.locals, &numbers.locals);
        let narrows = numbered(&plan.narrows, &numbers.narrows);
        let none = [self.first, numbers.first];
        self.locals.prepare(&locals, none, half)?;
        self.narrows.prepare(&narrows, [0; 2], half)?;
        self.write_ports(plan, &numbers, half);
        let pair = half.other().set(0, self.first);
        let mut settings = u64::from(half.set(pair, numbers.first));
        for (is_set, flag) in [
            (half == Half::Second, CLASS_IS_SECOND),
            (!plan.locals.is_empty(), CLASS_HAS_LOCAL),
            (!plan.narrows.is_empty(), CLASS_HAS_NARROW),
            (!plan.services.is_empty(), CLASS_HAS_SERVICES),
        ] {
            settings |= if is_set { flag } else { 0 };
        }
        // The switch: the programs read it once for each packet.
        self.settings[0].store(settings, Ordering::Release);
        self.half = half;
        self.first = numbers.first;
        // Programs that read the old word still look for old ranges. Without a
        // wait, the ranges stay until the next change.
        if grace::wait().is_ok() {
            self.locals.finish(&locals);
            self.narrows.finish(&narrows);
        }
        Ok(())
    }

    /// Writes the new numbers of all ports.
    fn write_ports(&self, plan: &ClassPlan, numbers: &Numbers, half: Half) {
        let mut by_port = vec![0; 2 * PORTS];
        for service in &plan.services {
            let number = numbers.services.get(&service.name);
            for ports in &service.ports {
                let first = if ports.is_udp { PORTS } else { 0 };
                let all = usize::from(ports.first)..=usize::from(ports.last);
                for port in all {
                    by_port[first + port] = number.copied().unwrap_or(0);
                }
            }
        }
        for (word, number) in self.ports.iter().zip(by_port) {
            #[expect(clippy::cast_possible_truncation, reason = "the low half")]
            let before = word.load(Ordering::Relaxed) as u32;
            let after = half.set(before, number);
            if after != before {
                word.store(after.into(), Ordering::Relaxed);
            }
        }
    }

    fn write_marks(&self) {
        if let Some(marks) = &self.marks {
            marks.write(&self.allotment);
        }
    }

    /// Returns the meanings of all classes that flows may have.
    pub(super) fn classes(&self) -> Classes {
        self.allotment.classes()
    }

    /// Returns whether packets do not get this class any more.
    pub(super) fn is_dead(&self, class: u16) -> bool {
        self.allotment.is_dead(class)
    }

    /// Returns whether there are classes that packets do not get any more.
    pub(super) fn has_dead(&self) -> bool {
        self.allotment.has_dead()
    }

    /// Frees the numbers of these classes, which no flow has any more.
    pub(super) fn free_dead(&mut self) {
        self.allotment.free();
        self.write_marks();
    }
}

/// Returns ranges with their numbers instead of names, in their order.
fn numbered(
    ranges: &[(ClassPrefix, Arc<str>)],
    numbers: &BTreeMap<Arc<str>, u16>,
) -> Vec<(ClassPrefix, u16)> {
    let number = |(prefix, name): &(ClassPrefix, Arc<str>)| {
        Some((*prefix, *numbers.get(name)?))
    };
    let mut numbered: Vec<_> = ranges.iter().filter_map(number).collect();
    numbered.sort_unstable_by_key(|(prefix, _)| *prefix);
    numbered
}
