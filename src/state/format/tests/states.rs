//! Any state.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use crate::accounting::{
    AttachmentMarks, Breakdown, Created, Direction, FlowKey, Incarnation,
    InterfaceId, IpVersion, KernelCounter, KernelCounters, LARGEST_COUNTER,
    PollCounters, Reading, Timestamp, Volume,
};
use crate::collectors::traffic::{CountryTraffic, InterfaceTraffic};

fn volume() -> impl Strategy<Value = Volume> {
    (0..=LARGEST_COUNTER, 0..=LARGEST_COUNTER)
        .prop_map(|(packets, bytes)| Volume { packets, bytes })
}

fn breakdown() -> impl Strategy<Value = Breakdown> {
    prop::array::uniform4(volume()).prop_map(|volumes| {
        let mut volumes = volumes.into_iter();
        Breakdown::of(|_, _| volumes.next().unwrap())
    })
}

type Times = [Option<Timestamp>; 6];

fn times() -> impl Strategy<Value = Times> {
    let time = any::<u64>().prop_map(Timestamp::from_millis);
    prop::array::uniform6(prop::option::of(time))
}

type Content = (BTreeMap<String, Breakdown>, Breakdown, [Volume; 2], Times);

/// Labels that are new get numbers in the order of the file, as when it is
/// read.
fn interface(
    labels: &mut CountryLabels,
    (name, content): (String, Content),
) -> InterfaceTraffic {
    let (countries, unattributed, non_ip, times) = content;
    let [created, absent, times @ ..] = times;
    let mut times = times.into_iter();
    let began = Created::of(|_, _| times.next().unwrap());
    let mut countries: Vec<_> = countries
        .into_iter()
        .map(|(label, volume)| {
            let country = labels.intern(&label).unwrap();
            CountryTraffic { country, volume, created: began }
        })
        .collect();
    countries.sort_by_key(|traffic| traffic.country);
    let mut interface =
        InterfaceTraffic::new(name.into(), countries, unattributed, non_ip);
    interface.created = created;
    interface.is_absent = absent.is_some();
    interface
}

fn reading() -> impl Strategy<Value = Reading> {
    let sides = (any::<bool>(), any::<bool>());
    let key = (any::<u32>(), sides, any::<u16>(), any::<[u8; 16]>());
    (key, volume(), any::<u32>(), any::<u32>()).prop_map(
        |(key, volume, generation, last_seen)| Reading {
            key: FlowKey {
                interface: InterfaceId(key.0),
                direction: match key.1.0 {
                    true => Direction::Received,
                    false => Direction::Sent,
                },
                ip_version: if key.1.1 { IpVersion::V4 } else { IpVersion::V6 },
                class: key.2,
                remote: key.3,
            },
            volume,
            generation,
            last_seen,
        },
    )
}

fn counting() -> impl Strategy<Value = CountingMarks> {
    let serials = prop::collection::btree_map(any::<u32>(), any::<u64>(), 0..4);
    let readings = prop::collection::vec(reading(), 0..4);
    let numbers = prop::array::uniform9(0..=LARGEST_COUNTER);
    let age = prop::option::of(0..=LARGEST_COUNTER);
    let rest = (any::<u64>(), any::<u32>(), age);
    (serials, readings, numbers, rest).prop_map(
        |(serials, readings, numbers, (epoch, now, minimum_age))| {
            let id = |(id, serial)| (InterfaceId(id), serial);
            let serials = serials.into_iter().map(id).collect();
            CountingMarks {
                incarnation: Incarnation { epoch, serials },
                flows: FlowMarks {
                    begun: numbers[0],
                    table_flows: numbers[1],
                    joined: numbers[2],
                    shared: numbers[3],
                    new_keys: numbers[4],
                    table_reclaims: numbers[5],
                    map: MapMarks {
                        ahead: readings.iter().take(1).copied().collect(),
                        readings: readings.into(),
                        is_incomplete: now % 2 == 0,
                        now,
                        removed: numbers[6],
                        evictions: numbers[7],
                        explained: numbers[8],
                        minimum_age,
                    },
                },
            }
        },
    )
}

fn attachments() -> impl Strategy<Value = Vec<AttachmentMarks>> {
    let marks =
        (".{0,20}", breakdown(), breakdown(), breakdown(), volume(), volume());
    let marks = prop::collection::btree_map(any::<u32>(), marks, 0..3);
    marks.prop_map(|marks| {
        let of = |(number, (name, a, b, c, received, sent)): (
            u32,
            (String, _, _, _, _, _),
        )| {
            AttachmentMarks {
                interface: InterfaceId(number),
                name: name.into(),
                credited: a,
                unattributed: b,
                totals: c,
                non_ip: [received, sent],
                is_edge: number % 2 == 0,
            }
        };
        marks.into_iter().map(of).collect()
    })
}

fn polls(numbers: [u64; 7], times: Times) -> PollCounters {
    PollCounters {
        created: times[0],
        poll_failures: numbers[0],
        kernel: KernelCounters::default()
            .with(KernelCounter::LookupFailures, numbers[1])
            .with(KernelCounter::UpdateFailures, numbers[2])
            .with(KernelCounter::MapPackets, numbers[3]),
        new_keys: numbers[4],
        evictions: numbers[5],
        table_reclaims: numbers[6],
    }
}

pub(super) fn state() -> impl Strategy<Value = State> {
    let label = "[A-Z]{2}|UNKNOWN|PRIVATE|[a-zé]{1,2}";
    let countries = prop::collection::btree_map(label, breakdown(), 0..4);
    let non_ip = prop::array::uniform2(volume());
    let content = (countries, breakdown(), non_ip, times());
    let interfaces = prop::collection::btree_map(".{0,20}", content, 0..4);
    let numbers = || prop::array::uniform7(0..=LARGEST_COUNTER);
    let polled = (0..=LARGEST_COUNTER, numbers(), numbers(), times());
    let counting = prop::option::of(counting());
    (interfaces, polled, attachments(), counting).prop_map(
        |(interfaces, polled, attachments, counting)| {
            let (packets, now, earlier, times) = polled;
            let is_shown = |(_, content): &(String, Content)| {
                let (.., [created, _, ..]) = content;
                created.is_none()
            };
            let (interfaces, remembered): (Vec<_>, Vec<_>) =
                interfaces.into_iter().partition(is_shown);
            let mut labels = CountryLabels::default();
            let mut traffic_of = |all: Vec<(String, Content)>| {
                let all = all.into_iter();
                let all = all.map(|one| interface(&mut labels, one));
                all.map(Arc::new).collect::<Vec<_>>()
            };
            let interfaces = traffic_of(interfaces);
            let remembered = traffic_of(remembered);
            // Without maps that are kept they mean nothing.
            let attachments = match &counting {
                Some(_) => attachments,
                None => Vec::new(),
            };
            let traffic = Snapshot {
                packets,
                created: times[1],
                labels: Arc::new(labels),
                interfaces,
                remembered: remembered.into(),
            };
            State {
                polls: polls(now, times),
                earlier: polls(earlier, times),
                counting,
                attachments,
                traffic: Arc::new(traffic),
                slices: Vec::new(),
            }
        },
    )
}
