//! The sections of a state file and their contents.
//!
//! To save another value, add a field to the type that is saved, with
//! `#[serde(default)]`: older files are read without it, and older releases
//! skip it. To add a section, give it a name in [`KNOWN`], an encoder in
//! `encode` and a decoder in `decode`. A value whose meaning changes needs a
//! new version of its section, and the old one is still to be read. Either
//! way, raise `NEWEST` in `tests/it/state_forms.rs`, which keeps a file of
//! every form.
//!
//! The values are in MessagePack by the names of their fields. A form without
//! names (as postcard's) would make every added field a form that older
//! releases cannot read.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::sections::{self, HEADER_LENGTH, Name, Section};
use super::{State, second};
use crate::accounting::{
    CountingMarks, FlowMarks, LARGEST_COUNTER, MapMarks, PollCounters,
};
use crate::collectors::traffic::{AttachmentMarks, InterfaceTraffic, Snapshot};

/// The first bytes of every version.
const MAGIC: &[u8] = b"geoip-exporter state\n";

/// The version of the file: it consists of sections.
const VERSION: u32 = 3;

/// The traffic with each country.
const TRAFFIC: Name = Name::of("traffic");
/// The counters of the poller.
const EXPORTER: Name = Name::of("exporter");
/// The marks up to which the maps were read, if they outlive the process.
const COUNTING: Name = Name::of("counting");
/// The last one, which is empty: a file that has it was not cut short.
const END: Name = Name::of("end");

/// The sections with content, and the newest version of each.
const KNOWN: [(Name, u32); 3] = [(TRAFFIC, 1), (EXPORTER, 1), (COUNTING, 1)];

/// The largest state that is written and read: some ten thousand interfaces,
/// each with all countries.
pub(super) const LARGEST: usize = 1 << 29;

/// The most bytes that one reading of a flow takes, and the most that the
/// length of their list takes more than that of an empty one.
const READING_LENGTH: usize = 1 + 5 + 1 + 4 * 9 + 2 * 5;
const LIST_LENGTH: usize = 4;

/// The reason why bytes are not a state, or not a section of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They begin otherwise.
    #[error("it is no state of geoip-exporter")]
    Foreign,
    /// Another exporter wrote them.
    #[error("it has version {0}; versions 2 and {VERSION} are read")]
    Version(u32),
    /// A newer exporter wrote the section.
    #[error("it has version {0}, which a newer release reads; it is kept")]
    Newer(u32),
    /// They end too early.
    #[error("it is cut short")]
    Truncated,
    /// The section is not in the file, which is damaged.
    #[error("it is missing")]
    Missing,
    /// They were changed.
    #[error("its checksum is wrong")]
    Checksum,
    /// The checksum is right, but they make no sense.
    #[error("its content is not as it should be")]
    Malformed,
}

/// A section that cannot be used. Its counters begin at zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its name.
    pub section: String,
    /// The reason.
    pub fault: Fault,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section {}: {}", self.section, self.fault)
    }
}

/// The contents of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// The sections that could be read; the others are empty.
    pub state: State,
    /// The sections that could not.
    pub damage: Vec<Damage>,
    /// Sections of other releases.
    pub(super) unknown: Vec<Section>,
}

/// The bytes of a state.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// How many flows found no room.
    pub(super) left_out: usize,
}

/// The section [`EXPORTER`].
#[derive(Default, Serialize, Deserialize)]
struct Exporter {
    polls: PollCounters,
    earlier: PollCounters,
}

/// The section [`COUNTING`].
#[derive(Default, Serialize, Deserialize)]
struct Counting<A, M> {
    attachments: A,
    /// None where no maps are kept.
    marks: Option<M>,
}

/// Returns the bytes of a state.
///
/// # Panics
/// If it is larger than 512 MiB without its flows.
#[must_use]
pub fn encode(state: &State) -> Vec<u8> {
    let encoded = encode_with(state, &[], LARGEST);
    encoded.expect("a state of some interfaces is small").bytes
}

/// Returns the bytes of a state and of the sections of other releases. There
/// are at most `most`: flows that do not fit are left out.
///
/// # Errors
/// Returns the size if it is too large without any flows.
pub(super) fn encode_with(
    state: &State,
    unknown: &[Section],
    most: usize,
) -> Result<Encoded, usize> {
    let State { polls, earlier, counting, traffic } = state;
    let exporter = Exporter { polls: *polls, earlier: *earlier };
    let mut sections =
        vec![section(TRAFFIC, &**traffic), section(EXPORTER, &exporter)];
    let lengths = sections.iter().chain(unknown).map(Section::length);
    let fixed = MAGIC.len() + 4 + lengths.sum::<usize>() + HEADER_LENGTH;
    let section_of = |marks: Option<&CountingMarks>| {
        // Without the marks nobody can use them.
        let attachments = match marks {
            Some(_) => &traffic.attachments[..],
            None => &[],
        };
        section(COUNTING, &Counting { attachments, marks })
    };
    let mut left_out = 0;
    sections.push(match counting {
        None => section_of(None),
        Some(marks) => {
            let least = section_of(Some(&with_flows(marks, 0))).length();
            let room = most.saturating_sub(fixed + least + LIST_LENGTH);
            let room = room / READING_LENGTH;
            left_out = marks.flows.map.readings.len().saturating_sub(room);
            match left_out {
                0 => section_of(Some(marks)),
                _ => section_of(Some(&with_flows(marks, room))),
            }
        }
    });
    sections.extend_from_slice(unknown);
    sections.push(Section::new(END, 1, Vec::new()));
    let length = MAGIC.len() + 4;
    let length = length + sections.iter().map(Section::length).sum::<usize>();
    if length > most {
        return Err(length);
    }
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    for section in &sections {
        section.write(&mut bytes);
    }
    Ok(Encoded { bytes, left_out })
}

/// Returns marks with some of their flows only.
fn with_flows(marks: &CountingMarks, count: usize) -> CountingMarks {
    let CountingMarks { incarnation, flows } = marks;
    let map = MapMarks {
        readings: flows.map.readings[..count].into(),
        is_incomplete: true,
        ..flows.map.clone()
    };
    let flows = FlowMarks { map, ..flows.clone() };
    CountingMarks { incarnation: incarnation.clone(), flows }
}

fn section(name: Name, content: &impl Serialize) -> Section {
    let mut body = Vec::new();
    rmp_serde::encode::write_named(&mut body, content)
        .expect("numbers and texts can be written to memory");
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    Section::new(name, known.map_or(0, |(_, version)| *version), body)
}

/// Reads a state file. A damaged section costs its own counters and no others.
///
/// # Errors
/// Returns a fault if no section can be found.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let head = decode_head(bytes);
    let (version, rest) = *head.as_ref().unwrap_or(&(0, bytes));
    let mut fault = Fault::Truncated;
    if version == second::VERSION {
        match second::decode(rest) {
            Ok(state) => return Ok(Decoded { state, ..Decoded::default() }),
            // The version itself may be the damaged byte.
            Err(other) => fault = other,
        }
    } else if version != VERSION {
        fault = Fault::Version(version);
    }
    let sections::Found { sections, has_gaps } = sections::read(rest);
    if sections.is_empty() {
        return Err(head.err().unwrap_or(fault));
    }
    let is_whole = version == VERSION
        && !has_gaps
        && sections.iter().any(|section| section.name == END);
    let mut from = Sections { sections, is_whole, damage: Vec::new() };
    let state = decode_state(&mut from);
    let Sections { sections: mut unknown, mut damage, .. } = from;
    unknown.retain(|section| section.name != END);
    if !is_whole && damage.is_empty() {
        let section = "of another release, or end".into();
        damage.push(Damage { section, fault: Fault::Missing });
    }
    Ok(Decoded { state, damage, unknown })
}

/// Returns the version and the bytes behind it.
fn decode_head(bytes: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let common = bytes.len().min(MAGIC.len());
    let (magic, rest) = bytes.split_at(common);
    if *magic != MAGIC[..common] {
        return Err(Fault::Foreign);
    }
    let (version, rest) = rest.split_first_chunk().ok_or(Fault::Truncated)?;
    Ok((u32::from_le_bytes(*version), rest))
}

fn decode_state(from: &mut Sections) -> State {
    let mut traffic: Snapshot =
        from.take(TRAFFIC, is_traffic).unwrap_or_default();
    let Exporter { polls, earlier } =
        from.take(EXPORTER, is_exporter).unwrap_or_default();
    let Counting { attachments, marks: counting } =
        from.take(COUNTING, is_counting).unwrap_or_default();
    traffic.attachments = attachments;
    State { polls, earlier, counting, traffic: Arc::new(traffic) }
}

/// The sections that nobody has taken yet.
struct Sections {
    sections: Vec<Section>,
    /// Whether no section was lost.
    is_whole: bool,
    damage: Vec<Damage>,
}

impl Sections {
    /// Takes the content of a section if it can be read.
    fn take<T: DeserializeOwned>(
        &mut self,
        name: Name,
        is_good: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        let newest = known.map_or(0, |(_, version)| *version);
        let (own, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sections)
            .into_iter()
            .partition(|own| own.name == name && own.version <= newest);
        self.sections = rest;
        let mut fault = None;
        for section in own {
            match content(&section, &is_good) {
                Ok(content) => return Some(content),
                Err(found) => fault = Some(found),
            }
        }
        let newer = self.sections.iter().find(|other| other.name == name);
        let fault = fault
            .or(newer.map(|newer| Fault::Newer(newer.version)))
            .or((!self.is_whole).then_some(Fault::Missing));
        let damage = |fault| Damage { section: name.to_string(), fault };
        self.damage.extend(fault.map(damage));
        None
    }
}

/// Returns the content of a section.
fn content<T: DeserializeOwned>(
    section: &Section,
    is_good: impl Fn(&T) -> bool,
) -> Result<T, Fault> {
    if !section.is_sound() {
        return Err(Fault::Checksum);
    }
    rmp_serde::from_slice(&section.body)
        .ok()
        .filter(is_good)
        .ok_or(Fault::Malformed)
}

/// Returns whether the keys ascend, so that none is there twice.
fn are_ordered<T, K: Ord>(all: &[T], key: impl Fn(&T) -> K) -> bool {
    all.is_sorted_by(|a, b| key(a) < key(b))
}

fn is_countable(numbers: &[u64]) -> bool {
    numbers.iter().all(|&number| number <= LARGEST_COUNTER)
}

fn is_traffic(traffic: &Snapshot) -> bool {
    let Snapshot { interfaces, remembered, .. } = traffic;
    let name = |one: &Arc<InterfaceTraffic>| Arc::clone(&one.name);
    let is_shown = |one: &Arc<InterfaceTraffic>| {
        interfaces.binary_search_by_key(&&one.name, |other| &other.name).is_ok()
    };
    is_countable(&[traffic.packets])
        && are_ordered(interfaces, name)
        && are_ordered(remembered, name)
        && !remembered.iter().any(is_shown)
        && interfaces
            .iter()
            .chain(&**remembered)
            .all(|one| are_ordered(&one.countries, |c| c.country))
}

fn is_exporter(Exporter { polls, earlier }: &Exporter) -> bool {
    [polls, earlier].into_iter().all(|polls| {
        let PollCounters {
            poll_failures,
            lookup_failures,
            update_failures,
            map_packets,
            new_keys,
            evictions,
            table_reclaims,
            created: _,
        } = *polls;
        is_countable(&[poll_failures, lookup_failures, update_failures])
            && is_countable(&[map_packets, new_keys, evictions])
            && is_countable(&[table_reclaims])
    })
}

fn is_counting(
    Counting { attachments, marks }: &Counting<
        Vec<AttachmentMarks>,
        CountingMarks,
    >,
) -> bool {
    let are_marks = |CountingMarks { incarnation, flows }: &CountingMarks| {
        let FlowMarks { begun, table_flows, joined, shared, .. } = *flows;
        let FlowMarks { new_keys, table_reclaims, map, .. } = flows;
        let MapMarks { removed, evictions, explained, minimum_age, .. } = *map;
        is_countable(&[begun, table_flows, joined, shared, *new_keys])
            && is_countable(&[*table_reclaims, removed, evictions, explained])
            && is_countable(&[minimum_age.unwrap_or(0)])
            && are_ordered(&incarnation.serials, |(interface, _)| *interface)
    };
    marks.as_ref().is_none_or(are_marks)
        && are_ordered(attachments, |marks| marks.interface)
}

#[cfg(test)]
mod tests;
