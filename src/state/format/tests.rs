mod labels;
mod states;

use std::ops::Range;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use ring::digest::SHA256_OUTPUT_LEN;

use super::*;
use crate::accounting::{
    Direction, FlowKey, InterfaceId, IpVersion, LARGEST_COUNTER, PollCounters,
    Reading, Volume,
};
use crate::collectors::section::encoded;
use states::state;

/// The sections with content, and the newest version of each.
fn known() -> [(Name, u32); 3] {
    [
        (name_of::<Snapshot>(), Snapshot::NEWEST),
        (name_of::<SavedPolls>(), SavedPolls::NEWEST),
        (name_of::<Counting>(), Counting::<Vec<_>, CountingMarks>::NEWEST),
    ]
}

fn traffic_section(version: u32, body: &[u8]) -> Section {
    Section::new(name_of::<Snapshot>(), version, body.into())
}

/// Returns a state whose every part differs from that at the start.
fn full() -> State {
    let mut runner = TestRunner::deterministic();
    let is_full = |state: &State| {
        state.counting.is_some()
            && !state.traffic.interfaces.is_empty()
            && !state.attachments.is_empty()
    };
    let full = state().prop_filter("full", is_full);
    full.new_tree(&mut runner).unwrap().current()
}

/// Returns the place of each section in a file, by its name.
fn places(file: &[u8]) -> Vec<(String, Range<usize>)> {
    let mut at = MAGIC.len() + 4;
    let sections = sections::read(&file[at..]).sections;
    let place = |section: &Section| {
        let first = at;
        at += section.length();
        (section.name.to_string(), first..at)
    };
    sections.iter().map(place).collect()
}

fn names(damage: &[Damage]) -> Vec<(&str, Fault)> {
    damage.iter().map(|one| (one.section.as_str(), one.fault)).collect()
}

/// Returns a state without the content of one section.
fn without(state: &State, section: &str) -> State {
    let mut state = state.clone();
    match section {
        "traffic" => {
            state.traffic = Arc::default();
        }
        "exporter" => {
            state.polls = PollCounters::default();
            state.earlier = PollCounters::default();
        }
        "counting" => state.forget_maps(),
        _ => {}
    }
    state
}

proptest! {
    #[test]
    fn a_state_comes_back_as_it_was(state in state()) {
        let decoded = Decoded { state, ..Decoded::default() };
        prop_assert_eq!(decode(&encode(&decoded.state)), Ok(decoded));
    }

    /// In its header or its content.
    #[test]
    fn a_flipped_bit_costs_one_section_and_is_told(
        state in state(),
        place in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let good = encode(&state);
        let place = place.index(good.len());
        let mut bytes = good.clone();
        bytes[place] ^= 1u8 << bit;
        let decoded = decode(&bytes).unwrap();
        let hit = places(&good).into_iter().find(|(_, at)| at.contains(&place));
        let hit = hit.map_or("head".into(), |(name, _)| name);
        prop_assert_eq!(decoded.state, without(&state, &hit));
        prop_assert!(!decoded.damage.is_empty(), "{}", hit);
    }

    #[test]
    fn a_file_that_is_cut_short_loses_the_sections_behind_and_tells(
        state in state(),
        place in any::<prop::sample::Index>(),
    ) {
        let good = encode(&state);
        let cut = place.index(good.len());
        let mut left = state.clone();
        for (name, at) in places(&good) {
            if at.end > cut {
                left = without(&left, &name);
            }
        }
        match decode(&good[..cut]) {
            Ok(decoded) => {
                prop_assert_eq!(decoded.state, left);
                prop_assert!(!decoded.damage.is_empty());
            }
            Err(fault) => {
                prop_assert_eq!(fault, Fault::Truncated);
                prop_assert_eq!(left, State::default());
            }
        }
    }

    #[test]
    fn any_bytes_are_a_state_or_a_fault(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = decode(&bytes);
        let mut whole = MAGIC.to_vec();
        whole.extend(VERSION.to_le_bytes());
        for (name, version) in known() {
            Section::new(name, version, bytes.clone()).write(&mut whole);
        }
        let _ = decode(&whole);
    }

    /// Also if the checksum is right.
    #[test]
    fn a_changed_body_is_a_state_or_a_fault(
        state in state(),
        places in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut body = state.traffic.encode();
        for (place, byte) in places {
            let place = place.index(body.len());
            body[place] = byte;
        }
        let mut whole = MAGIC.to_vec();
        whole.extend(VERSION.to_le_bytes());
        traffic_section(1, &body).write(&mut whole);
        let decoded = decode(&whole).unwrap();
        // A state that is read can be written and read again.
        let state = decode(&encode(&decoded.state)).unwrap().state;
        prop_assert_eq!(state, decoded.state);
    }
}

#[test]
fn each_fault_is_named() {
    let good = encode(&State::default());
    assert_eq!(decode(b"<html>"), Err(Fault::Foreign));
    assert_eq!(decode(b""), Err(Fault::Truncated));
    assert_eq!(decode(&good[..MAGIC.len() + 9]), Err(Fault::Truncated));
    let mut later = good[..MAGIC.len() + 4].to_vec();
    later[MAGIC.len()] = 9;
    let fault = decode(&later).unwrap_err();
    assert_eq!(fault, Fault::Version(9));
    assert!(fault.to_string().contains("versions 2 and 3"), "{fault}");
    let mut second = good;
    second.truncate(MAGIC.len() + 4);
    second[MAGIC.len()] = 2;
    assert_eq!(decode(&second), Err(Fault::Truncated));
    second.extend([0; SHA256_OUTPUT_LEN]);
    assert_eq!(decode(&second), Err(Fault::Checksum));
}

#[test]
fn a_section_that_makes_no_sense_is_named() {
    let state = full();
    let mut bytes = encode(&state);
    let place = places(&bytes).swap_remove(0).1;
    let mut other = Vec::new();
    traffic_section(1, b"nonsense").write(&mut other);
    bytes.splice(place, other);
    let decoded = decode(&bytes).unwrap();
    assert_eq!(names(&decoded.damage), [("traffic", Fault::Malformed)]);
    assert_eq!(
        decoded.damage[0].to_string(),
        "section traffic: its content is invalid"
    );
    assert_eq!(decoded.state, without(&state, "traffic"));
}

/// Counting on from it would overflow sooner or later.
#[test]
fn a_counter_that_nothing_could_have_counted_is_malformed() {
    let packets = LARGEST_COUNTER + 1;
    let traffic = Snapshot { packets, ..Snapshot::default() };
    let mut state = State { traffic: Arc::new(traffic), ..State::default() };
    state.polls.evictions = packets;
    let mut counting = CountingMarks::default();
    counting.flows.map.removed = packets;
    state.counting = Some(counting);
    let decoded = decode(&encode(&state)).unwrap();
    let fault = Fault::Malformed;
    let all = ["traffic", "exporter", "counting"].map(|name| (name, fault));
    assert_eq!(names(&decoded.damage), all);
    assert_eq!(decoded.state, State::default());
}

/// A release that does not know a section keeps it for one that does.
#[test]
fn sections_of_other_releases_are_kept() {
    let state = full();
    let strange = Name::of("networks");
    let strange = Section::new(strange, 3, b"as it is".into());
    let mut damaged = strange.clone();
    damaged.body[0] ^= 1;
    let newer = traffic_section(3, b"with another meaning");
    for unknown in [vec![], vec![strange, newer], vec![damaged]] {
        let encoded = encode_with(&state, &unknown, LARGEST).unwrap();
        let decoded = decode(&encoded.bytes).unwrap();
        let damage = Vec::new();
        let state = state.clone();
        assert_eq!(decoded, Decoded { state, damage, unknown });
    }
}

#[test]
fn a_section_of_a_newer_version_alone_is_told_and_kept() {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    let newer = traffic_section(3, b"with another meaning");
    newer.write(&mut bytes);
    Section::new(END, 1, Vec::new()).write(&mut bytes);
    let decoded = decode(&bytes).unwrap();
    assert_eq!(names(&decoded.damage), [("traffic", Fault::Newer(3))]);
    assert_eq!(decoded.unknown, [newer]);
}

/// The counters of a slice that the state knows nothing of.
#[derive(
    Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize,
)]
struct Sum {
    bytes: u64,
}

impl SectionContent for Sum {
    const NAME: &'static str = "sum";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        encoded(self)
    }

    fn decode(body: &[u8], _: &mut CountryLabels) -> Option<Self> {
        rmp_serde::from_slice(body).ok()
    }
}

#[test]
fn a_slice_takes_its_own_section_and_a_damaged_one_costs_nobody_else() {
    let own = Arc::new(Section::of(&Sum { bytes: 7 }));
    let state = State { slices: vec![own], ..full() };
    let mut bytes = encode(&state);
    let without = State { slices: Vec::new(), ..state };
    let labels = &mut CountryLabels::default();
    let mut decoded = decode(&bytes).unwrap();
    assert_eq!(decoded.state, without);
    let taken = take::<Sum>(&mut decoded.unknown, labels);
    assert_eq!(taken, Ok(Some(Sum { bytes: 7 })));
    assert_eq!(take::<Sum>(&mut decoded.unknown, labels), Ok(None));

    let (name, place) = places(&bytes).swap_remove(3);
    assert_eq!(name, "sum");
    bytes[place.end - 1] ^= 1;
    let mut decoded = decode(&bytes).unwrap();
    assert_eq!((decoded.state, decoded.damage), (without, Vec::new()));
    let taken = take::<Sum>(&mut decoded.unknown, labels);
    assert_eq!(names(&[taken.unwrap_err()]), [("sum", Fault::Checksum)]);
    assert_eq!(decoded.unknown, []);
}

#[test]
fn the_section_of_a_slice_of_a_newer_release_is_told_and_kept() {
    let newer = Section::new(name_of::<Sum>(), 2, b"of another form".into());
    let mut sections = vec![newer.clone()];
    let taken = take::<Sum>(&mut sections, &mut CountryLabels::default());
    assert_eq!(names(&[taken.unwrap_err()]), [("sum", Fault::Newer(2))]);
    assert_eq!(sections, [newer]);
}

/// A later release may add fields.
#[test]
fn fields_that_are_not_known_are_skipped() {
    #[derive(serde::Serialize)]
    struct Later {
        packets: u64,
        seasons: Vec<u64>,
        interfaces: Vec<u64>,
    }
    let (packets, seasons) = (5, vec![1, 2, 3]);
    let later = Later { packets, seasons, interfaces: Vec::new() };
    let section = traffic_section(1, &encoded(&later));
    let read = content::<Snapshot>(&section, &mut CountryLabels::default());
    // Those that are known and missing are empty.
    assert_eq!(read, Ok(Snapshot { packets, ..Snapshot::default() }));
}

#[test]
fn flows_that_do_not_fit_are_left_out_and_nothing_else() {
    let mut state = full();
    let reading = Reading {
        key: FlowKey {
            interface: InterfaceId(u32::MAX),
            direction: Direction::Sent,
            ip_version: IpVersion::V6,
            class: u16::MAX,
            remote: [0xff; 16],
        },
        volume: Volume { packets: LARGEST_COUNTER, bytes: LARGEST_COUNTER },
        generation: u32::MAX,
        last_seen: u32::MAX,
    };
    let counting = state.counting.as_mut().unwrap();
    let map = &mut counting.flows.map;
    map.is_incomplete = false;
    map.readings = vec![reading; 100_000].into();
    let whole = encode_with(&state, &[], LARGEST).unwrap();
    assert_eq!(whole.left_out, 0);
    for most in [whole.bytes.len() / 2, whole.bytes.len() / 3, 20_000] {
        let part = encode_with(&state, &[], most).unwrap();
        assert!(part.bytes.len() <= most && part.bytes.len() > most - 200);
        let decoded = decode(&part.bytes).unwrap();
        assert_eq!(decoded.damage, []);
        let counting = decoded.state.counting.as_ref().unwrap();
        let map = &counting.flows.map;
        assert_eq!(map.readings.len() + part.left_out, 100_000);
        assert!(map.is_incomplete);
        assert_eq!(decoded.state.traffic, state.traffic);
        assert_eq!(decoded.state.polls, state.polls);
    }
    // Without its flows it does not fit either.
    assert!(encode_with(&state, &[], 1_000).is_err());
}
