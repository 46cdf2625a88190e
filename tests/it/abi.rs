//! Whether both sides of the border agree: `src/kernel/abi.rs` is compared
//! with the compiled object, so with what the kernel will see and not with
//! what a header says.

use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};

use aya_obj::generated::bpf_map_type::{
    BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LPM_TRIE,
    BPF_MAP_TYPE_LRU_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_HASH,
};
use aya_obj::generated::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC};
use aya_obj::{Object, ProgramSection};
use geoip_exporter::accounting::{Direction, Family, IpVersion, KernelCounter};
use geoip_exporter::kernel::abi::{
    ABI_VERSION, CLASSES_VERSION, DIRECT_IFINDEXES, DIRECTION_ORDER, FAMILIES,
    FAMILY_ORDER, FLOW_MAP_VERSION, FLOW_TABLE_VERSION, INTERFACES,
    IPSEC_STATES, IPSEC_VERSION, Tag, TrafficAdmission, TrafficEntry,
    TrafficIpsecState, TrafficKey, TrafficPart, TrafficRangeKey, TrafficRests,
    TrafficSet, TrafficStatistics, TrafficTotal, TrafficValue, names,
};
use geoip_exporter::kernel::{Constant, UNPINNED, pinned_maps, with_constants};

use crate::btf::{Btf, Field};

/// The object that the program embeds.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/traffic.bpf.o"));

fn object() -> Object {
    Object::parse(OBJECT).unwrap()
}

fn btf() -> Btf {
    Btf::parse(&object().btf.unwrap().to_bytes())
}

/// Returns a struct's size and its fields. Does not compile where a field is
/// left out.
macro_rules! layout {
    ($type:ident { $($field:ident),* $(,)? }) => {{
        fn size_of_field<F>(_: fn(&$type) -> &F) -> usize {
            size_of::<F>()
        }
        let $type { $($field: _),* } = $type::default();
        let fields: Vec<Field> = vec![$((
            stringify!($field).to_owned(),
            offset_of!($type, $field),
            size_of_field(|it| &it.$field),
        )),*];
        (size_of::<$type>(), fields)
    }};
}

mod connections;

#[test]
fn every_shared_struct_has_the_same_layout_on_both_sides() {
    let rust = BTreeMap::from([
        (
            "traffic_key".to_owned(),
            layout!(TrafficKey {
                interface,
                direction,
                ip_version,
                class,
                remote,
            }),
        ),
        (
            "traffic_range_key".to_owned(),
            layout!(TrafficRangeKey { prefix_length, ip_version, address }),
        ),
        (
            "traffic_value".to_owned(),
            layout!(TrafficValue { packets, bytes, last_seen, generation }),
        ),
        ("traffic_total".to_owned(), layout!(TrafficTotal { packets, bytes })),
        (
            "traffic_statistics".to_owned(),
            layout!(TrafficStatistics { counters }),
        ),
        (
            "traffic_part".to_owned(),
            layout!(TrafficPart {
                blocks_mask,
                taken_entries,
                freed_entries,
                places_mask,
                limit,
                unused,
            }),
        ),
        (
            "traffic_entry".to_owned(),
            layout!(TrafficEntry { tag, remote, packets, bytes }),
        ),
        ("traffic_set".to_owned(), layout!(TrafficSet { entries })),
        ("traffic_rests".to_owned(), layout!(TrafficRests { remote })),
        (
            "traffic_admission".to_owned(),
            layout!(TrafficAdmission { admitted }),
        ),
        (
            "traffic_ipsec_state".to_owned(),
            layout!(TrafficIpsecState { seen_at, fragments }),
        ),
    ]);
    assert_eq!(btf().structs("traffic_"), rust);
}

/// A hole is memory nobody wrote, which makes one key many.
#[test]
fn no_shared_struct_has_a_hole() {
    for (name, (size, fields)) in btf().structs("traffic_") {
        let mut end = 0;
        for (field, offset, size) in fields {
            assert_eq!(offset, end, "before {name}.{field}");
            end = offset + size;
        }
        assert_eq!(end, size, "at the end of {name}");
    }
}

#[test]
fn every_shared_enum_has_the_same_numbers_on_both_sides() {
    let numbered = |names: Vec<&str>| -> Vec<(String, u32)> {
        names.into_iter().map(String::from).zip(0..).collect()
    };
    let directions = DIRECTION_ORDER.map(|direction| match direction {
        Direction::Received => "TRAFFIC_RECEIVED",
        Direction::Sent => "TRAFFIC_SENT",
    });
    let families = FAMILY_ORDER.map(|family| match family {
        Family::Ip(IpVersion::V4) => "TRAFFIC_IPV4",
        Family::Ip(IpVersion::V6) => "TRAFFIC_IPV6",
        Family::NonIp => "TRAFFIC_NON_IP",
    });
    let mut families = numbered(families.to_vec());
    let count = u32::try_from(FAMILIES).unwrap();
    families.push(("TRAFFIC_FAMILIES".into(), count));
    // As the tags show them.
    let used = Tag(1 << 32);
    assert!(!used.is_free() && !used.is_retired());
    assert_eq!(used.retired(), Tag(2 << 32));
    let states =
        [("TRAFFIC_USED".to_owned(), 1), ("TRAFFIC_RETIRED".into(), 2)];
    let versions = [
        ("TRAFFIC_ABI_VERSION", ABI_VERSION),
        ("TRAFFIC_FLOW_MAP_VERSION", FLOW_MAP_VERSION),
        ("TRAFFIC_FLOW_TABLE_VERSION", FLOW_TABLE_VERSION),
        ("TRAFFIC_IPSEC_VERSION", IPSEC_VERSION),
        ("TRAFFIC_CLASSES_VERSION", CLASSES_VERSION),
    ];
    let versions = versions.map(|(name, version)| (name.to_owned(), version));
    let in_c = |name: String| {
        let mut in_c = "TRAFFIC".to_owned();
        for letter in name.chars() {
            if letter.is_uppercase() {
                in_c.push('_');
            }
            in_c.push(letter.to_ascii_uppercase());
        }
        in_c
    };
    let counters = (0..).zip(KernelCounter::ALL);
    let counters = counters
        .map(|(number, counter)| (in_c(format!("{counter:?}")), number));
    let constants = (0..).zip(Constant::ALL);
    let constants = constants
        .map(|(number, constant)| (in_c(format!("{constant:?}")), number));
    let rust = BTreeMap::from([
        ("traffic_counter".to_owned(), counters.collect()),
        ("traffic_constant".to_owned(), constants.collect()),
        ("traffic_abi".to_owned(), versions.to_vec()),
        ("traffic_direction".to_owned(), numbered(directions.to_vec())),
        ("traffic_family".to_owned(), families),
        ("traffic_state".to_owned(), states.to_vec()),
    ]);
    assert_eq!(btf().enums("traffic_"), rust);
}

#[test]
fn every_map_has_the_name_kind_and_sizes_that_user_space_expects() {
    const NUMBER: usize = size_of::<u32>();
    let expected = [
        (
            names::FLOWS,
            BPF_MAP_TYPE_LRU_PERCPU_HASH,
            size_of::<TrafficKey>(),
            size_of::<TrafficValue>(),
            // The default of `map_max_entries`, which user space sets anew.
            geoip_exporter::config::Config::default().map_max_entries.get(),
        ),
        (
            names::TOTALS,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<TrafficTotal>(),
            // Set by user space, like the next three, to what there are CPUs.
            1,
        ),
        (
            names::STATISTICS,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<TrafficStatistics>(),
            1,
        ),
        (
            names::TABLE_PARTS,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<TrafficPart>(),
            1,
        ),
        (
            names::FLOW_TABLE,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<TrafficSet>(),
            1,
        ),
        (
            names::TABLE_RESTS,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<TrafficRests>(),
            1,
        ),
        (
            names::ADMISSION,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<TrafficAdmission>(),
            1,
        ),
        (
            names::INTERFACES,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            NUMBER,
            DIRECT_IFINDEXES,
        ),
        (names::FAR_INTERFACES, BPF_MAP_TYPE_HASH, NUMBER, NUMBER, INTERFACES),
        (
            names::IPSEC_STATES,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<TrafficIpsecState>(),
            IPSEC_STATES,
        ),
        (names::MARKS, BPF_MAP_TYPE_ARRAY, NUMBER, size_of::<u64>(), 1),
        (names::TABLE_MARKS, BPF_MAP_TYPE_ARRAY, NUMBER, size_of::<u64>(), 1),
        (names::FLOW_FILTER, BPF_MAP_TYPE_ARRAY, NUMBER, size_of::<u64>(), 1),
        (names::CLASS_MARKS, BPF_MAP_TYPE_ARRAY, NUMBER, size_of::<u64>(), 1),
        (
            names::CLASS_TOTALS,
            BPF_MAP_TYPE_PERCPU_HASH,
            size_of::<TrafficKey>(),
            size_of::<TrafficValue>(),
            1,
        ),
        (
            names::CLASS_SETTINGS,
            BPF_MAP_TYPE_ARRAY,
            NUMBER,
            size_of::<u64>(),
            1,
        ),
        // Set by user space, if packets have classes.
        (names::SERVICE_PORTS, BPF_MAP_TYPE_ARRAY, NUMBER, size_of::<u64>(), 1),
        (
            names::LOCAL_RANGES,
            BPF_MAP_TYPE_LPM_TRIE,
            size_of::<TrafficRangeKey>(),
            NUMBER,
            1,
        ),
        (
            names::NARROW_RANGES,
            BPF_MAP_TYPE_LPM_TRIE,
            size_of::<TrafficRangeKey>(),
            NUMBER,
            1,
        ),
    ];
    let mut all = expected.map(|(name, ..)| name);
    all.sort_unstable();
    let mut kept: Vec<_> = pinned_maps().chain(UNPINNED).collect();
    kept.sort_unstable();
    assert_eq!(all.as_slice(), kept, "those that are pinned are all there are");
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(name, kind, key, value, entries)| {
            (name.to_owned(), (kind as u32, key, value, entries))
        })
        .collect();
    let found: BTreeMap<_, _> = object()
        .maps
        .into_iter()
        // Sections of variables are maps as well.
        .filter(|(name, _)| !name.starts_with('.'))
        .map(|(name, map)| {
            let size = |size| usize::try_from(size).unwrap();
            let sizes = (size(map.key_size()), size(map.value_size()));
            (name, (map.map_type(), sizes.0, sizes.1, map.max_entries()))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_program_has_the_name_that_user_space_loads_it_by() {
    let mut expected = [
        names::INGRESS,
        names::EGRESS,
        names::INGRESS_L3,
        names::EGRESS_L3,
        names::CLOCK,
    ];
    expected.sort_unstable();
    let object = object();
    let mut found: Vec<_> = object.programs.keys().collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for (name, program) in &object.programs {
        assert!(
            matches!(program.section, ProgramSection::SchedClassifier),
            "{name} is in {:?}",
            program.section
        );
    }
}

/// The kernel lets an array be mapped only where it was made for it.
#[test]
fn what_user_space_reads_without_a_system_call_can_be_mapped() {
    let object = object();
    for name in [
        names::TOTALS,
        names::STATISTICS,
        names::FLOW_TABLE,
        names::TABLE_PARTS,
        names::ADMISSION,
        names::INTERFACES,
        names::MARKS,
        names::TABLE_MARKS,
        names::CLASS_MARKS,
        names::CLASS_SETTINGS,
        names::SERVICE_PORTS,
    ] {
        let flags = object.maps[name].map_flags();
        assert_eq!(flags, BPF_F_MMAPABLE, "{name}");
    }
    // They take memory for the entries that they have.
    for name in [names::LOCAL_RANGES, names::NARROW_RANGES, names::CLASS_TOTALS]
    {
        let flags = object.maps[name].map_flags();
        assert_eq!(flags, BPF_F_NO_PREALLOC, "{name}");
    }
}

/// The loader sets them by name, in this size, and the programs must not be
/// able to change them.
#[test]
fn what_is_set_before_loading_is_read_only_and_of_the_size_that_is_set() {
    let variables = btf().variables(".rodata");
    let half = size_of::<u32>();
    let whole = size_of::<u64>();
    let expected = [
        (names::ADMISSION_LIMIT, whole),
        (names::FILTER_MASK, half),
        (names::HAS_IPSEC, half),
        (names::FILTER_SEED, whole),
    ];
    for (name, size) in expected {
        assert_eq!(variables.get(name), Some(&size), "{name}");
    }
}

/// The loader writes them into instructions, which no variable names.
#[test]
fn every_constant_has_a_place_in_the_object_and_no_other_has() {
    let values = Constant::ALL.map(|constant| (constant, 0));
    let (_, used) = with_constants(OBJECT, &values).unwrap();
    for constant in Constant::ALL {
        assert!(used.contains(&constant), "{constant:?}");
    }
}
