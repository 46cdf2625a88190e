//! The state as bytes: a head with a version, a checksum, and the counters.
//!
//! All numbers are little-endian. Each state has one form, so that any other
//! bytes are known for damaged.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::State;
use super::coding::{Reader, Writer};
use super::marks::{counting_from, counting_to};
use crate::accounting::Direction;
use crate::collectors::exporter::PollCounters;
use crate::collectors::traffic::{
    AttachmentMarks, CountryTraffic, InterfaceTraffic, Snapshot,
};

/// How every version begins.
const MAGIC: &[u8] = b"geoip-exporter state\n";

/// Of what follows the magic. Another one for every change of the form.
const VERSION: u32 = 2;

/// Why bytes are not a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// They begin otherwise.
    #[error("it is no state of geoip-exporter")]
    Foreign,
    /// Another exporter wrote them.
    #[error("it has version {0}, and only version {VERSION} is understood")]
    Version(u32),
    /// They end too early.
    #[error("it is cut short")]
    Truncated,
    /// They were changed.
    #[error("its checksum is wrong")]
    Checksum,
    /// The checksum is right, but they make no sense.
    #[error("its content is not as it should be")]
    Malformed,
}

/// Returns the bytes of a state.
#[must_use]
pub fn encode(state: &State) -> Vec<u8> {
    let body = encode_body(state);
    let mut bytes = Vec::with_capacity(body.len() + 64);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(digest(&SHA256, &body).as_ref());
    bytes.extend_from_slice(&body);
    bytes
}

/// Returns the state of bytes.
///
/// # Errors
/// Why they are none.
pub fn decode(bytes: &[u8]) -> Result<State, Fault> {
    let common = bytes.len().min(MAGIC.len());
    if bytes[..common] != MAGIC[..common] {
        return Err(Fault::Foreign);
    }
    let mut head = Reader(&bytes[common..]);
    let version = u32::from_le_bytes(head.array()?);
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    let checksum: [u8; SHA256_OUTPUT_LEN] = head.array()?;
    let Reader(body) = head;
    if digest(&SHA256, body).as_ref() != checksum {
        return Err(Fault::Checksum);
    }
    // What the checksum covers is whole, so nothing can be missing.
    decode_body(body).map_err(|_| Fault::Malformed)
}

fn encode_body(state: &State) -> Vec<u8> {
    let State { polls, earlier, counting, traffic } = state;
    let mut to = Writer(Vec::new());
    polls_to(&mut to, polls);
    polls_to(&mut to, earlier);
    to.number(traffic.packets);
    to.length(traffic.interfaces.len());
    for interface in &traffic.interfaces {
        to.text(&interface.name);
        to.breakdown(&interface.unattributed);
        to.volume(interface.non_ip(Direction::Received));
        to.volume(interface.non_ip(Direction::Sent));
        to.length(interface.countries.len());
        for CountryTraffic { country, volume } in &interface.countries {
            to.country(*country);
            to.breakdown(volume);
        }
    }
    to.length(traffic.attachments.len());
    for marks in &traffic.attachments {
        to.word(marks.interface.0.into());
        to.text(&marks.name);
        for volumes in [&marks.credited, &marks.unattributed, &marks.totals] {
            to.breakdown(volumes);
        }
        for volume in marks.non_ip {
            to.volume(volume);
        }
    }
    to.length(counting.iter().count());
    if let Some(counting) = counting {
        counting_to(&mut to, counting);
    }
    to.0
}

fn decode_body(body: &[u8]) -> Result<State, Fault> {
    let mut from = Reader(body);
    let polls = polls_from(&mut from)?;
    let earlier = polls_from(&mut from)?;
    let packets = from.number()?;
    // In order, so that nothing is there twice.
    let interfaces =
        from.ordered(interface_from, |interface| Arc::clone(&interface.name))?;
    let attachments = from.ordered(attachment_from, |marks| marks.interface)?;
    let counting = match from.length()? {
        0 => None,
        1 => Some(counting_from(&mut from)?),
        _ => return Err(Fault::Malformed),
    };
    match from {
        Reader([]) => {
            let traffic = Snapshot { packets, interfaces, attachments };
            let traffic = Arc::new(traffic);
            Ok(State { polls, earlier, counting, traffic })
        }
        _ => Err(Fault::Malformed),
    }
}

fn polls_to(to: &mut Writer, polls: &PollCounters) {
    for number in [
        polls.poll_failures,
        polls.lookup_failures,
        polls.update_failures,
        polls.map_packets,
        polls.new_keys,
        polls.evictions,
        polls.table_reclaims,
    ] {
        to.number(number);
    }
}

fn polls_from(from: &mut Reader<'_>) -> Result<PollCounters, Fault> {
    Ok(PollCounters {
        poll_failures: from.number()?,
        lookup_failures: from.number()?,
        update_failures: from.number()?,
        map_packets: from.number()?,
        new_keys: from.number()?,
        evictions: from.number()?,
        table_reclaims: from.number()?,
    })
}

fn interface_from(from: &mut Reader<'_>) -> Result<InterfaceTraffic, Fault> {
    let name = from.text()?;
    let unattributed = from.breakdown()?;
    let non_ip = [from.volume()?, from.volume()?];
    let country = |from: &mut Reader<'_>| {
        let country = from.country()?;
        Ok(CountryTraffic { country, volume: from.breakdown()? })
    };
    let countries = from.ordered(country, |traffic| traffic.country)?;
    Ok(InterfaceTraffic::new(name, countries, unattributed, non_ip))
}

fn attachment_from(from: &mut Reader<'_>) -> Result<AttachmentMarks, Fault> {
    Ok(AttachmentMarks {
        interface: from.interface()?,
        name: from.text()?,
        credited: from.breakdown()?,
        unattributed: from.breakdown()?,
        totals: from.breakdown()?,
        non_ip: [from.volume()?, from.volume()?],
    })
}

#[cfg(test)]
mod tests;
