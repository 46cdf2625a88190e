use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::coding::LARGEST;
use super::*;
use crate::accounting::{
    CountingMarks, FlowKey, FlowMarks, Incarnation, InterfaceId, IpVersion,
    MapMarks, Reading, Volume,
};
use crate::collectors::traffic::Breakdown;
use crate::geoip::Country;

fn volume() -> impl Strategy<Value = Volume> {
    (0..=LARGEST, 0..=LARGEST)
        .prop_map(|(packets, bytes)| Volume { packets, bytes })
}

fn breakdown() -> impl Strategy<Value = Breakdown> {
    prop::array::uniform4(volume()).prop_map(|volumes| {
        let mut volumes = volumes.into_iter();
        Breakdown::of(|_, _| volumes.next().unwrap())
    })
}

type Content = (BTreeMap<String, Breakdown>, Breakdown, [Volume; 2]);

fn interface((name, content): (String, Content)) -> InterfaceTraffic {
    let (countries, unattributed, non_ip) = content;
    let mut countries: Vec<_> = countries
        .into_iter()
        .map(|(code, volume)| {
            let country = Country::from_code(&code).unwrap_or_default();
            CountryTraffic { country, volume }
        })
        .collect();
    countries.sort_by_key(|traffic| traffic.country);
    InterfaceTraffic::new(name.into(), countries, unattributed, non_ip)
}

fn reading() -> impl Strategy<Value = Reading> {
    let key = (any::<u32>(), any::<bool>(), any::<bool>(), any::<[u8; 16]>());
    (key, volume(), any::<u32>(), any::<u32>()).prop_map(
        |(key, volume, generation, last_seen)| Reading {
            key: FlowKey {
                interface: InterfaceId(key.0),
                direction: match key.1 {
                    true => Direction::Received,
                    false => Direction::Sent,
                },
                ip_version: if key.2 { IpVersion::V4 } else { IpVersion::V6 },
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
    let numbers = prop::array::uniform9(0..=LARGEST);
    let age = prop::option::of(0..=LARGEST);
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
                        readings: readings.into(),
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
            }
        };
        marks.into_iter().map(of).collect()
    })
}

fn polls(numbers: [u64; 7]) -> PollCounters {
    PollCounters {
        poll_failures: numbers[0],
        lookup_failures: numbers[1],
        update_failures: numbers[2],
        map_packets: numbers[3],
        new_keys: numbers[4],
        evictions: numbers[5],
        table_reclaims: numbers[6],
    }
}

fn state() -> impl Strategy<Value = State> {
    let countries = prop::collection::btree_map("[A-Z]{2}|", breakdown(), 0..4);
    let content = (countries, breakdown(), prop::array::uniform2(volume()));
    let interfaces = prop::collection::btree_map(".{0,20}", content, 0..4);
    let numbers = || prop::array::uniform7(0..=LARGEST);
    let polled = (0..=LARGEST, numbers(), numbers());
    let counting = prop::option::of(counting());
    (interfaces, polled, attachments(), counting).prop_map(
        |(interfaces, (packets, now, earlier), attachments, counting)| {
            let interfaces = interfaces.into_iter().map(interface).collect();
            let traffic = Snapshot { packets, interfaces, attachments };
            State {
                polls: polls(now),
                earlier: polls(earlier),
                counting,
                traffic: Arc::new(traffic),
            }
        },
    )
}

/// Returns a body as a whole file.
fn whole(body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(digest(&SHA256, body).as_ref());
    bytes.extend_from_slice(body);
    bytes
}

proptest! {
    #[test]
    fn a_state_comes_back_as_it_was(state in state()) {
        prop_assert_eq!(decode(&encode(&state)), Ok(state));
    }

    #[test]
    fn a_flipped_bit_is_found(
        state in state(),
        place in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let mut bytes = encode(&state);
        let place = place.index(bytes.len());
        bytes[place] ^= 1u8 << bit;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_found(
        state in state(),
        place in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let mut bytes = encode(&state);
        prop_assert!(decode(&bytes[..place.index(bytes.len())]).is_err());
        bytes.extend(more);
        prop_assert_eq!(decode(&bytes), Err(Fault::Checksum));
    }

    /// Even where the checksum is right: each state has one form.
    #[test]
    fn a_body_that_is_read_is_the_one_that_would_be_written(
        state in state(),
        places in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>()), 0..3),
        end in any::<prop::sample::Index>(),
    ) {
        let mut body = encode_body(&state);
        for (place, byte) in places {
            let place = place.index(body.len());
            body[place] = byte;
        }
        body.truncate(end.index(body.len()) + 1);
        let bytes = whole(&body);
        if let Ok(state) = decode(&bytes) {
            prop_assert_eq!(encode(&state), bytes);
        }
    }

    #[test]
    fn any_bytes_are_a_state_or_a_fault(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = decode(&bytes);
        let _ = decode(&whole(&bytes));
    }
}

#[test]
fn each_fault_is_named() {
    let good = encode(&State::default());
    assert_eq!(decode(b"<html>"), Err(Fault::Foreign));
    assert_eq!(decode(b""), Err(Fault::Truncated));
    assert_eq!(decode(&good[..MAGIC.len() + 9]), Err(Fault::Truncated));
    assert_eq!(decode(&good[..good.len() - 1]), Err(Fault::Checksum));
    let mut later = good;
    later[MAGIC.len()] = 9;
    let fault = decode(&later).unwrap_err();
    assert_eq!(fault, Fault::Version(9));
    assert!(fault.to_string().contains("only version 2"), "{fault}");
    assert_eq!(decode(&whole(b"abc")), Err(Fault::Malformed));
}

/// Counting on from it would overflow sooner or later.
#[test]
fn a_counter_that_nothing_could_have_counted_is_malformed() {
    let traffic = Snapshot { packets: LARGEST + 1, ..Snapshot::default() };
    let state = State { traffic: Arc::new(traffic), ..State::default() };
    assert_eq!(decode(&encode(&state)), Err(Fault::Malformed));
}
