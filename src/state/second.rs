//! Reads the form of state files before there were sections, version 2: one
//! body with one checksum, all numbers little-endian. Nothing writes it any
//! more.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::State;
use super::format::Fault;
use crate::accounting::{
    AttachmentMarks, Breakdown, CountingMarks, Direction, FlowKey, FlowMarks,
    Incarnation, InterfaceId, IpVersion, KernelCounter, KernelCounters,
    LARGEST_COUNTER, MapMarks, PollCounters, Reading, Volume,
};
use crate::collectors::traffic::{CountryTraffic, InterfaceTraffic, Snapshot};
use crate::geoip::Country;

pub(super) const VERSION: u32 = 2;

/// The code of no country.
const NO_CODE: [u8; 2] = [0; 2];

/// Reads the bytes behind the version.
///
/// # Errors
/// If any of them is damaged.
pub(super) fn decode(bytes: &[u8]) -> Result<State, Fault> {
    let mut head = Reader(bytes);
    let checksum: [u8; SHA256_OUTPUT_LEN] = head.array()?;
    let Reader(body) = head;
    if digest(&SHA256, body).as_ref() != checksum {
        return Err(Fault::Checksum);
    }
    // The checksum shows that nothing is missing.
    decode_body(body).map_err(|_| Fault::Malformed)
}

/// The bytes that are left to read.
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

    fn word(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A word that is a number of 32 bits.
    fn half(&mut self) -> Result<u32, Fault> {
        u32::try_from(self.word()?).map_err(|_| Fault::Malformed)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        let number = self.word()?;
        (number <= LARGEST_COUNTER).then_some(number).ok_or(Fault::Malformed)
    }

    fn numbers<const N: usize>(&mut self) -> Result<[u64; N], Fault> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(numbers)
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

    fn interface(&mut self) -> Result<InterfaceId, Fault> {
        Ok(InterfaceId(self.half()?))
    }

    fn text(&mut self) -> Result<Arc<str>, Fault> {
        let length = self.length()?;
        let text = std::str::from_utf8(self.bytes(length)?);
        Ok(text.map_err(|_| Fault::Malformed)?.into())
    }

    /// Reads a list whose elements are in the order of their keys, each once.
    fn ordered<T, K: Ord>(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<T, Fault>,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>, Fault> {
        let mut elements: Vec<T> = Vec::new();
        for _ in 0..self.length()? {
            let next = element(self)?;
            let last = elements.last();
            if last.is_some_and(|last| key(last) >= key(&next)) {
                return Err(Fault::Malformed);
            }
            elements.push(next);
        }
        Ok(elements)
    }

    fn country(&mut self) -> Result<Country, Fault> {
        let code: [u8; 2] = self.array()?;
        if code == NO_CODE {
            return Ok(Country::UNKNOWN);
        }
        std::str::from_utf8(&code)
            .ok()
            .and_then(Country::from_code)
            .filter(|country| country.to_string().as_bytes() == code)
            .ok_or(Fault::Malformed)
    }
}

fn decode_body(body: &[u8]) -> Result<State, Fault> {
    let mut from = Reader(body);
    let polls = polls_from(&mut from)?;
    let earlier = polls_from(&mut from)?;
    let packets = from.number()?;
    // In order, so that no element is there twice.
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
            let interfaces = interfaces.into_iter().map(Arc::new).collect();
            let traffic = Arc::new(Snapshot {
                packets,
                interfaces,
                ..Snapshot::default()
            });
            let slices = Vec::new();
            Ok(State { polls, earlier, counting, attachments, traffic, slices })
        }
        _ => Err(Fault::Malformed),
    }
}

fn polls_from(from: &mut Reader<'_>) -> Result<PollCounters, Fault> {
    let poll_failures = from.number()?;
    // Flows that began, which are no failures.
    from.number()?;
    Ok(PollCounters {
        created: None,
        poll_failures,
        kernel: KernelCounters::default()
            .with(KernelCounter::UpdateFailures, from.number()?)
            .with(KernelCounter::MapPackets, from.number()?),
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
        let volume = from.breakdown()?;
        Ok(CountryTraffic { volume, ..CountryTraffic::new(country) })
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
        is_edge: false,
    })
}

fn counting_from(from: &mut Reader<'_>) -> Result<CountingMarks, Fault> {
    let epoch = from.word()?;
    let serial = |from: &mut Reader<'_>| Ok((from.interface()?, from.word()?));
    let serials: Vec<(InterfaceId, u64)> =
        from.ordered(serial, |(interface, _)| *interface)?;
    let [begun, table_flows, joined, shared, new_keys, table_reclaims] =
        from.numbers()?;
    let now = from.half()?;
    let [removed, evictions, explained] = from.numbers()?;
    let minimum_age = match from.length()? {
        0 => None,
        1 => Some(from.number()?),
        _ => return Err(Fault::Malformed),
    };
    let mut readings = Vec::new();
    for _ in 0..from.length()? {
        readings.push(reading_from(from)?);
    }
    let readings = readings.into();
    let map = MapMarks {
        readings,
        ahead: Vec::new(),
        is_incomplete: false,
        now,
        removed,
        evictions,
        explained,
        minimum_age,
    };
    let flows = FlowMarks {
        begun,
        table_flows,
        joined,
        shared,
        new_keys,
        table_reclaims,
        map,
    };
    let incarnation = Incarnation { epoch, serials };
    Ok(CountingMarks { incarnation, flows })
}

fn reading_from(from: &mut Reader<'_>) -> Result<Reading, Fault> {
    let key = FlowKey {
        interface: from.interface()?,
        direction: {
            let [number] = from.array()?;
            Direction::from_number(number).ok_or(Fault::Malformed)?
        },
        ip_version: {
            let [number] = from.array()?;
            IpVersion::from_number(number).ok_or(Fault::Malformed)?
        },
        class: 0,
        remote: from.array()?,
    };
    Ok(Reading {
        key,
        volume: from.volume()?,
        generation: from.half()?,
        last_seen: from.half()?,
    })
}
