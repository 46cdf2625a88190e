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
use crate::accounting::{Direction, IpVersion, Volume};
use crate::collectors::exporter::PollCounters;
use crate::collectors::traffic::{
    Breakdown, CountryTraffic, InterfaceTraffic, Snapshot,
};
use crate::geoip::Country;

/// How every version begins.
const MAGIC: &[u8] = b"geoip-exporter state\n";

/// Of what follows the magic. Another one for every change of the form.
const VERSION: u32 = 1;

/// No counter gets there: 2^62 bytes take a century at 10 Gbit/s. Beyond it,
/// counting on could overflow.
const LARGEST: u64 = 1 << 62;

/// What stands for no country.
const NO_CODE: [u8; 2] = [0; 2];

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
    let State { polls, traffic } = state;
    let mut to = Writer(Vec::new());
    for number in [
        polls.poll_failures,
        polls.lookup_failures,
        polls.update_failures,
        polls.map_packets,
        polls.new_keys,
        polls.evictions,
        polls.table_reclaims,
        traffic.packets,
    ] {
        to.number(number);
    }
    to.length(traffic.interfaces.len());
    for interface in &traffic.interfaces {
        to.length(interface.name.len());
        to.0.extend_from_slice(interface.name.as_bytes());
        to.breakdown(&interface.unattributed);
        to.volume(interface.non_ip(Direction::Received));
        to.volume(interface.non_ip(Direction::Sent));
        to.length(interface.countries.len());
        for CountryTraffic { country, volume } in &interface.countries {
            let code = country.as_str().as_bytes();
            to.0.extend(<[u8; 2]>::try_from(code).unwrap_or(NO_CODE));
            to.breakdown(volume);
        }
    }
    to.0
}

fn decode_body(body: &[u8]) -> Result<State, Fault> {
    let mut from = Reader(body);
    let polls = PollCounters {
        poll_failures: from.number()?,
        lookup_failures: from.number()?,
        update_failures: from.number()?,
        map_packets: from.number()?,
        new_keys: from.number()?,
        evictions: from.number()?,
        table_reclaims: from.number()?,
    };
    let packets = from.number()?;
    let mut interfaces: Vec<InterfaceTraffic> = Vec::new();
    for _ in 0..from.length()? {
        let interface = from.interface()?;
        // In order, so that no name is there twice.
        let last = interfaces.last();
        if last.is_some_and(|last| last.name >= interface.name) {
            return Err(Fault::Malformed);
        }
        interfaces.push(interface);
    }
    match from {
        Reader([]) => {
            let traffic = Arc::new(Snapshot { packets, interfaces });
            Ok(State { polls, traffic })
        }
        _ => Err(Fault::Malformed),
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    fn volume(&mut self, volume: Volume) {
        self.number(volume.packets);
        self.number(volume.bytes);
    }

    fn breakdown(&mut self, breakdown: &Breakdown) {
        for direction in [Direction::Received, Direction::Sent] {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                self.volume(breakdown.get(direction, ip_version));
            }
        }
    }
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) =
            self.0.split_first_chunk().ok_or(Fault::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        let number = u64::from_le_bytes(self.array()?);
        (number <= LARGEST).then_some(number).ok_or(Fault::Malformed)
    }

    fn length(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.number()?).map_err(|_| Fault::Malformed)
    }

    fn volume(&mut self) -> Result<Volume, Fault> {
        Ok(Volume { packets: self.number()?, bytes: self.number()? })
    }

    fn breakdown(&mut self) -> Result<Breakdown, Fault> {
        let volumes = [(); 4].map(|()| self.volume());
        let mut fault = None;
        let mut volumes = volumes.into_iter();
        let breakdown = Breakdown::of(|_, _| match volumes.next() {
            Some(Ok(volume)) => volume,
            other => {
                fault = other.and_then(Result::err);
                Volume::default()
            }
        });
        fault.map_or(Ok(breakdown), Err)
    }

    fn interface(&mut self) -> Result<InterfaceTraffic, Fault> {
        let length = self.length()?;
        let name = std::str::from_utf8(self.bytes(length)?);
        let name = name.map_err(|_| Fault::Malformed)?.into();
        let unattributed = self.breakdown()?;
        let non_ip = [self.volume()?, self.volume()?];
        let mut countries: Vec<CountryTraffic> = Vec::new();
        for _ in 0..self.length()? {
            let country = self.country()?;
            let last = countries.last();
            if last.is_some_and(|last| last.country >= country) {
                return Err(Fault::Malformed);
            }
            let volume = self.breakdown()?;
            countries.push(CountryTraffic { country, volume });
        }
        Ok(InterfaceTraffic::new(name, countries, unattributed, non_ip))
    }

    fn country(&mut self) -> Result<Country, Fault> {
        let code: [u8; 2] = self.array()?;
        if code == NO_CODE {
            return Ok(Country::UNKNOWN);
        }
        std::str::from_utf8(&code)
            .ok()
            .and_then(Country::from_code)
            .filter(|country| country.as_str().as_bytes() == code)
            .ok_or(Fault::Malformed)
    }
}

#[cfg(test)]
mod tests;
