//! How far the maps were read, as bytes and back.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::Fault;
use super::coding::{Reader, Writer};
use crate::accounting::{
    CountingMarks, Direction, FlowKey, FlowMarks, Incarnation, InterfaceId,
    IpVersion, MapMarks, Reading,
};

pub(super) fn counting_to(to: &mut Writer, counting: &CountingMarks) {
    let CountingMarks { incarnation, flows } = counting;
    to.word(incarnation.epoch);
    to.length(incarnation.serials.len());
    for (interface, serial) in &incarnation.serials {
        to.word(interface.0.into());
        to.word(*serial);
    }
    for number in [
        flows.begun,
        flows.table_flows,
        flows.joined,
        flows.shared,
        flows.new_keys,
        flows.table_reclaims,
    ] {
        to.number(number);
    }
    let map = &flows.map;
    to.word(map.now.into());
    for number in [map.removed, map.evictions, map.explained] {
        to.number(number);
    }
    to.length(map.minimum_age.iter().count());
    if let Some(age) = map.minimum_age {
        to.number(age);
    }
    to.length(map.readings.len());
    for reading in map.readings.iter() {
        reading_to(to, reading);
    }
}

pub(super) fn counting_from(
    from: &mut Reader<'_>,
) -> Result<CountingMarks, Fault> {
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
    let map =
        MapMarks { readings, now, removed, evictions, explained, minimum_age };
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

fn reading_to(to: &mut Writer, reading: &Reading) {
    let FlowKey { interface, direction, ip_version, remote } = reading.key;
    to.word(interface.0.into());
    to.0.push(match direction {
        Direction::Received => 0,
        Direction::Sent => 1,
    });
    to.0.push(match ip_version {
        IpVersion::V4 => 4,
        IpVersion::V6 => 6,
    });
    to.0.extend_from_slice(&remote);
    to.volume(reading.volume);
    to.word(reading.generation.into());
    to.word(reading.last_seen.into());
}

fn reading_from(from: &mut Reader<'_>) -> Result<Reading, Fault> {
    let key = FlowKey {
        interface: from.interface()?,
        direction: match from.array()? {
            [0] => Direction::Received,
            [1] => Direction::Sent,
            _ => return Err(Fault::Malformed),
        },
        ip_version: match from.array()? {
            [4] => IpVersion::V4,
            [6] => IpVersion::V6,
            _ => return Err(Fault::Malformed),
        },
        remote: from.array()?,
    };
    Ok(Reading {
        key,
        volume: from.volume()?,
        generation: from.half()?,
        last_seen: from.half()?,
    })
}
