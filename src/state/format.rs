//! The sections of a state file: each is the content of one type, which says
//! its name and version and how it is read and written.
//!
//! The sections of traffic and of the poller belong to the daemon's core. Those
//! of other slices are only bytes here: a slice takes its own by [`take`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use super::counting::Counting;
use super::sections::{self, HEADER_LENGTH, Name, Section};
use super::{State, second};
use crate::accounting::{CountingMarks, FlowMarks, MapMarks};
use crate::collectors::exporter::SavedPolls;
use crate::collectors::section::SectionContent;
use crate::collectors::traffic::Snapshot;
use crate::geoip::CountryLabels;

/// The first bytes of every version.
const MAGIC: &[u8] = b"geoip-exporter state\n";

/// The version of the file: it consists of sections.
const VERSION: u32 = 3;

/// The last one, which is empty: a file that has it was not cut short.
const END: Name = Name::of("end");

/// The largest state that is written and read: some ten thousand interfaces,
/// each with all countries.
pub(super) const LARGEST: usize = 1 << 29;

/// The most bytes that one reading of a flow takes, and the most that the
/// length of their list takes more than that of an empty one.
const READING_LENGTH: usize = 1 + 5 + 5 + 4 * 9 + 2 * 5;
const LIST_LENGTH: usize = 4;

/// The reason why bytes are not a state, or not a section of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They begin otherwise.
    #[error("it is not a state file of geoip-exporter")]
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
    #[error("its content is invalid")]
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
    /// Sections of slices, and of other releases.
    pub unknown: Vec<Section>,
}

/// The bytes of a state.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    /// The number of flows that found no room.
    pub(super) left_out: usize,
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
/// If the state is too large without any flows: its size.
pub(super) fn encode_with(
    state: &State,
    unknown: &[Section],
    most: usize,
) -> Result<Encoded, usize> {
    let State { polls, earlier, counting, attachments, traffic, slices } =
        state;
    let exporter = SavedPolls { polls: *polls, earlier: *earlier };
    let mut sections = vec![Section::of(&**traffic), Section::of(&exporter)];
    let others: Vec<&Section> =
        slices.iter().map(|slice| &**slice).chain(unknown).collect();
    let lengths = sections.iter().chain(others.iter().copied());
    let lengths = lengths.map(Section::length);
    let fixed = MAGIC.len() + 4 + lengths.sum::<usize>() + HEADER_LENGTH;
    let section_of = |marks: Option<&CountingMarks>| {
        // They are of no use without the marks.
        let attachments = match marks {
            Some(_) => &attachments[..],
            None => &[],
        };
        let body = Counting { attachments, marks }.encode_borrowed();
        Section::new(name_of::<Counting>(), Counting::NEWEST, body)
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
    sections.extend(others.into_iter().cloned());
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

fn name_of<T: SectionContent>() -> Name {
    Name::of(T::NAME)
}

/// Reads a state file. A damaged section costs its own counters and no others.
///
/// # Errors
/// If no section can be found.
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
    let mut labels = CountryLabels::default();
    let mut traffic: Snapshot = from.take(&mut labels);
    let SavedPolls { polls, earlier } = from.take(&mut labels);
    let Counting { attachments, marks: counting } = from.take(&mut labels);
    traffic.labels = Arc::new(labels);
    let traffic = Arc::new(traffic);
    let slices = Vec::new();
    State { polls, earlier, counting, attachments, traffic, slices }
}

/// The sections that are not taken yet.
struct Sections {
    sections: Vec<Section>,
    /// True if no section was lost.
    is_whole: bool,
    damage: Vec<Damage>,
}

impl Sections {
    /// Takes the content of a section, which is empty if it cannot be read.
    fn take<T: SectionContent + Default>(
        &mut self,
        labels: &mut CountryLabels,
    ) -> T {
        match take(&mut self.sections, labels) {
            Ok(Some(content)) => return content,
            Ok(None) if self.is_whole => {}
            Ok(None) => {
                let section = T::NAME.into();
                self.damage.push(Damage { section, fault: Fault::Missing });
            }
            Err(damage) => self.damage.push(damage),
        }
        T::default()
    }
}

/// Takes the content of a slice's section out of the sections of a file. A
/// section of a newer release stays among them.
///
/// # Errors
/// If the section cannot be read.
pub fn take<T: SectionContent>(
    sections: &mut Vec<Section>,
    labels: &mut CountryLabels,
) -> Result<Option<T>, Damage> {
    let name = name_of::<T>();
    let (own, rest): (Vec<_>, Vec<_>) = std::mem::take(sections)
        .into_iter()
        .partition(|own| own.name == name && own.version <= T::NEWEST);
    *sections = rest;
    let mut fault = None;
    for section in own {
        match content(&section, labels) {
            Ok(content) => return Ok(Some(content)),
            Err(found) => fault = Some(found),
        }
    }
    let newer = sections.iter().find(|other| other.name == name);
    match fault.or(newer.map(|newer| Fault::Newer(newer.version))) {
        Some(fault) => Err(Damage { section: name.to_string(), fault }),
        None => Ok(None),
    }
}

/// Returns the content of a section.
fn content<T: SectionContent>(
    section: &Section,
    labels: &mut CountryLabels,
) -> Result<T, Fault> {
    if !section.is_sound() {
        return Err(Fault::Checksum);
    }
    T::decode(&section.body, labels).ok_or(Fault::Malformed)
}

#[cfg(test)]
mod tests;
