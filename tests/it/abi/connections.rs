//! Compares both sides of the border of connections, as the module above
//! does for traffic.

use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};

use aya_obj::generated::bpf_map_type::{
    BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH,
    BPF_MAP_TYPE_SK_STORAGE,
};
use aya_obj::generated::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC};
use aya_obj::{Object, ProgramSection};
use geoip_exporter::accounting::{ConnectionDirection, RTT_BOUNDS};
use geoip_exporter::kernel::abi::connections::{
    ConnectionsGrowth, ConnectionsKey, ConnectionsSet, ConnectionsSettings,
    ConnectionsSocket, DIRECTION_ORDER, EVENTS, FINDS, GRACE, GROWTH,
    GROWTH_RESTS, HAS_ALL_NAMESPACES, KEYS, LISTENING, OWN_NAMESPACE, PLACES,
    ROUND_TRIP_BOUNDS, SETS, SETTINGS, SOCKETS, VISITS,
};

use crate::btf::{Btf, Field};

static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/connections.bpf.o"));

fn object() -> Object {
    Object::parse(OBJECT).unwrap()
}

fn btf() -> Btf {
    Btf::parse(&object().btf.unwrap().to_bytes())
}

#[test]
fn every_shared_struct_has_the_same_layout_on_both_sides() {
    let rust = BTreeMap::from([
        (
            "connections_key".to_owned(),
            layout!(ConnectionsKey { remote, local_port, direction }),
        ),
        (
            "connections_growth".to_owned(),
            layout!(ConnectionsGrowth {
                opened,
                failed,
                closed,
                open,
                carried,
                bytes_acked,
                bytes_received,
                segments_sent,
                segments_retransmitted,
                round_trips_sum,
                round_trips,
            }),
        ),
        (
            "connections_settings".to_owned(),
            layout!(ConnectionsSettings {
                word,
                unused,
                keys,
                untracked,
                displaced,
                is_finding,
                visited,
                unused2,
            }),
        ),
        (
            "connections_socket".to_owned(),
            layout!(ConnectionsSocket {
                mark,
                bytes_acked,
                bytes_received,
                segments_sent,
                segments_retransmitted,
            }),
        ),
        (
            "connections_set".to_owned(),
            layout!(ConnectionsSet { cookies, sockets }),
        ),
    ]);
    assert_eq!(btf().structs("connections_"), rust);
}

#[test]
fn no_shared_struct_has_a_hole() {
    for (name, (size, fields)) in btf().structs("connections_") {
        let mut end = 0;
        for (field, offset, size) in fields {
            assert_eq!(offset, end, "before {name}.{field}");
            end = offset + size;
        }
        assert_eq!(end, size, "at the end of {name}");
    }
}

#[test]
fn the_directions_have_the_same_numbers_on_both_sides() {
    let names = DIRECTION_ORDER.map(|direction| match direction {
        ConnectionDirection::Inbound => "CONNECTIONS_INBOUND",
        ConnectionDirection::Outbound => "CONNECTIONS_OUTBOUND",
    });
    let numbered = names.into_iter().map(String::from).zip(0..).collect();
    let rust = BTreeMap::from([("connections_direction".to_owned(), numbered)]);
    assert_eq!(btf().enums("connections_"), rust);
}

#[test]
fn every_map_has_the_name_kind_and_sizes_that_user_space_expects() {
    const NUMBER: usize = size_of::<u32>();
    let growth =
        (size_of::<ConnectionsKey>(), size_of::<ConnectionsGrowth>(), KEYS);
    let expected = [
        (GROWTH[0], BPF_MAP_TYPE_HASH, growth, 0),
        (GROWTH[1], BPF_MAP_TYPE_HASH, growth, 0),
        (
            GROWTH_RESTS,
            BPF_MAP_TYPE_ARRAY,
            (NUMBER, growth.1, 4),
            BPF_F_MMAPABLE,
        ),
        (
            SETTINGS,
            BPF_MAP_TYPE_ARRAY,
            (NUMBER, size_of::<ConnectionsSettings>(), 1),
            BPF_F_MMAPABLE,
        ),
        (GRACE, BPF_MAP_TYPE_ARRAY_OF_MAPS, (NUMBER, NUMBER, 1), 0),
        (
            SOCKETS,
            BPF_MAP_TYPE_SK_STORAGE,
            (NUMBER, size_of::<ConnectionsSocket>(), 0),
            BPF_F_NO_PREALLOC,
        ),
        (
            PLACES,
            BPF_MAP_TYPE_ARRAY,
            (NUMBER, size_of::<ConnectionsSet>(), SETS),
            0,
        ),
        (LISTENING, BPF_MAP_TYPE_ARRAY, (NUMBER, 8, 1024), 0),
    ];
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(name, kind, sizes, flags)| {
            (name.to_owned(), (kind as u32, sizes, flags))
        })
        .collect();
    let found: BTreeMap<_, _> = object()
        .maps
        .into_iter()
        .filter(|(name, _)| !name.starts_with('.'))
        .map(|(name, map)| {
            let size = |size| usize::try_from(size).unwrap();
            let sizes = (
                size(map.key_size()),
                size(map.value_size()),
                map.max_entries(),
            );
            (name, (map.map_type(), sizes, map.map_flags()))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_program_has_the_name_that_user_space_loads_it_by() {
    let object = object();
    let mut expected = [EVENTS, FINDS, VISITS].concat();
    expected.sort_unstable();
    let mut found: Vec<_> = object.programs.keys().collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for (name, program) in &object.programs {
        let is_right = match program.section {
            ProgramSection::BtfTracePoint => EVENTS.contains(&name.as_str()),
            ProgramSection::Iter { sleepable } => !sleepable,
            _ => false,
        };
        assert!(is_right, "{name} is in {:?}", program.section);
    }
}

#[test]
fn what_is_set_before_loading_is_read_only_and_of_the_size_that_is_set() {
    let variables = btf().variables(".rodata");
    for (name, size) in [
        (OWN_NAMESPACE, 4),
        (HAS_ALL_NAMESPACES, 4),
        (ROUND_TRIP_BOUNDS, size_of_val(&RTT_BOUNDS)),
    ] {
        assert_eq!(variables.get(name), Some(&size), "{name}");
    }
}
