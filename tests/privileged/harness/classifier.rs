//! The exporter's programs, loaded but attached nowhere: the kernel runs them
//! on any packet with any offload written beside it.

mod classes;

use std::collections::BTreeSet;

use aya::maps::{Array, Map, MapData};
use aya::programs::{SchedClassifier, TestRun, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use geoip_exporter::accounting::{Direction, IpVersion, KernelCounter};
use geoip_exporter::kernel::abi::{
    ENTRY_WORDS, FAMILIES, INTERFACES, PATH_CLASSES, PATH_LONG_PREFIXES,
    SET_WORDS, STATISTICS_WORDS, TOTAL_WORDS, Tag, TrafficTotal, WAYS, names,
};
use geoip_exporter::kernel::{
    Constant, ipv4_prefix_mask, ipv6_prefix_masks, with_constants,
};

use super::link::Volume;
use super::netns::Netns;

/// The object that the exporter embeds.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/traffic.bpf.o"));

/// Fields of `struct __sk_buff`, by offset, and its size.
const WIRE_LEN: usize = 160;
const GSO_SEGS: usize = 164;
const GSO_SIZE: usize = 176;
const CONTEXT: usize = 192;

/// What a program returns to let the next one see the packet.
const TCX_NEXT: u32 = u32::MAX;

/// The loopback of a namespace, which test packets belong to.
const LOOPBACK: u32 = 1;

/// One of the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Ingress,
    Egress,
    IngressWithoutEthernet,
    EgressWithoutEthernet,
}

impl Hook {
    pub(crate) const ALL: [Self; 4] = [
        Self::Ingress,
        Self::Egress,
        Self::IngressWithoutEthernet,
        Self::EgressWithoutEthernet,
    ];

    fn program(self) -> &'static str {
        match self {
            Self::Ingress => names::INGRESS,
            Self::Egress => names::EGRESS,
            Self::IngressWithoutEthernet => names::INGRESS_L3,
            Self::EgressWithoutEthernet => names::EGRESS_L3,
        }
    }

    /// Returns whether packets leave through it.
    pub(crate) fn is_egress(self) -> bool {
        matches!(self, Self::Egress | Self::EgressWithoutEthernet)
    }
}

/// What the kernel says about a packet beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offload {
    pub(crate) gso_size: u32,
    pub(crate) gso_segs: u32,
    /// Zero for the packet's own length.
    pub(crate) wire_len: u32,
}

/// How a packet was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// `None` where it is not IP.
    pub(crate) ip_version: Option<IpVersion>,
    pub(crate) volume: Volume,
}

/// The loaded programs and their maps.
pub(crate) struct Classifier {
    namespace: Netns,
    ebpf: Ebpf,
    totals: Array<MapData, [u64; TOTAL_WORDS]>,
    statistics: Array<MapData, [u64; STATISTICS_WORDS]>,
    table: Array<MapData, [u64; SET_WORDS]>,
}

/// Sets of the flow table that each CPU has: enough for what a test sends.
const TABLE_SETS: u32 = 1_024;

/// Odd numbers without a pattern.
static SEEDS: [u64; 3] =
    [0x9E37_79B9_7F4A_7C15, 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB];

/// Blocks of the flow table, of which the programs use one at the start.
const TABLE_BLOCKS: u32 = 8;

/// What is set before the programs are loaded.
pub(crate) struct Globals {
    table_sets: u32,
    table_block_sets: u32,
    table_last_block: u32,
    ipv4_prefix_mask: u32,
    ipv6_prefix_masks: [u64; 2],
    has_carried_ipv4: u32,
    packet_path: u32,
}

impl Globals {
    pub(crate) fn new(
        table_sets: u32,
        ipv4_prefix_length: u8,
        ipv6_prefix_length: u8,
    ) -> Self {
        Self {
            table_sets,
            table_block_sets: table_sets / TABLE_BLOCKS,
            table_last_block: TABLE_BLOCKS - 1,
            ipv4_prefix_mask: ipv4_prefix_mask(ipv4_prefix_length),
            ipv6_prefix_masks: ipv6_prefix_masks(ipv6_prefix_length),
            has_carried_ipv4: u32::from(ipv6_prefix_length < 128),
            packet_path: match ipv6_prefix_length {
                0..=64 => 0,
                _ => PATH_LONG_PREFIXES,
            },
        }
    }

    fn constants(&self) -> [(Constant, u64); Constant::ALL.len()] {
        [
            (Constant::PacketPath, self.packet_path.into()),
            (Constant::Ipv4PrefixMask, self.ipv4_prefix_mask.into()),
            (Constant::Ipv6PrefixMask, self.ipv6_prefix_masks[0]),
            (Constant::Ipv6PrefixMaskRest, self.ipv6_prefix_masks[1]),
            (Constant::HasCarriedIpv4, self.has_carried_ipv4.into()),
            (Constant::TableSets, self.table_sets.into()),
            (Constant::TableBlockSets, self.table_block_sets.into()),
            (Constant::TableLastBlock, self.table_last_block.into()),
            (Constant::TableSeed, SEEDS[0]),
            (Constant::TableSeedSecond, SEEDS[1]),
            (Constant::TableSeedRest, SEEDS[2]),
        ]
    }

    /// Lets packets have classes.
    pub(crate) fn with_classes(mut self) -> Self {
        self.packet_path |= PATH_CLASSES;
        self
    }
}

/// Loads the object with these globals. `adjust` gives the maps of the caller
/// their sizes; those that have elements for each CPU have theirs.
pub(crate) fn load(
    globals: &Globals,
    adjust: impl FnOnce(&mut EbpfLoader<'_>),
) -> Ebpf {
    let table_sets = globals.table_sets;
    let cpus = aya::util::nr_cpus().expect("there are CPUs");
    let cpus = u32::try_from(cpus).expect("not that many");
    let mut loader = EbpfLoader::new();
    loader
        .map_max_entries(names::TOTALS, INTERFACES * 2 * cpus)
        .map_max_entries(names::STATISTICS, cpus)
        .map_max_entries(names::TABLE_PARTS, cpus)
        .map_max_entries(names::FLOW_TABLE, (table_sets * cpus).max(1))
        .map_max_entries(names::TABLE_RESTS, (table_sets * cpus).max(1))
        .override_global(names::HAS_IPSEC, &1_u32, true);
    adjust(&mut loader);
    let (object, _) = with_constants(OBJECT, &globals.constants())
        .expect("all constants have values");
    loader.load(&object).expect("cannot load")
}

impl Classifier {
    /// Loads the programs, which count loopback as interface 0.
    pub(crate) fn load() -> Self {
        Self::load_for(&Globals::new(TABLE_SETS, 24, 48))
    }

    /// The same, and packets have classes.
    pub(crate) fn load_with_classes() -> Self {
        Self::load_for(&Globals::new(TABLE_SETS, 24, 48).with_classes())
    }

    fn load_for(globals: &Globals) -> Self {
        let mut ebpf = load(globals, |loader| {
            loader
                .map_max_entries(names::LOCAL_RANGES, 100)
                .map_max_entries(names::NARROW_RANGES, 100)
                .map_max_entries(names::SERVICE_PORTS, 2 * 65_536);
        });
        for hook in Hook::ALL {
            let program: &mut SchedClassifier = ebpf
                .program_mut(hook.program())
                .expect("it is in the object")
                .try_into()
                .expect("it is a classifier");
            program.load().expect("the verifier takes it");
        }
        let take = |ebpf: &mut Ebpf, name| -> Map {
            ebpf.take_map(name).expect("it is in the object")
        };
        let mut interfaces: Array<MapData, u32> =
            take(&mut ebpf, names::INTERFACES).try_into().expect("an array");
        interfaces.set(LOOPBACK, 1, 0).expect("cannot write a map");
        let totals = take(&mut ebpf, names::TOTALS);
        let statistics = take(&mut ebpf, names::STATISTICS);
        let table = take(&mut ebpf, names::FLOW_TABLE);
        Self {
            namespace: Netns::new(),
            totals: totals.try_into().expect("an array"),
            statistics: statistics.try_into().expect("an array"),
            table: table.try_into().expect("an array"),
            ebpf,
        }
    }

    /// Runs a program on a packet and returns how it was counted. Panics where
    /// the packet was not counted exactly once, or not passed on.
    pub(crate) fn run(
        &self,
        hook: Hook,
        packet: &[u8],
        offload: Offload,
    ) -> Count {
        let direction = u32::from(hook.is_egress());
        let before = self.total(direction);
        let mut context = [0; CONTEXT];
        for (offset, value) in [
            (WIRE_LEN, offload.wire_len),
            (GSO_SEGS, offload.gso_segs),
            (GSO_SIZE, offload.gso_size),
        ] {
            context[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        }
        let program: &SchedClassifier = self
            .ebpf
            .program(hook.program())
            .expect("it is in the object")
            .try_into()
            .expect("it is a classifier");
        let result = self.namespace.run(|| {
            let mut options = TestRunOptions::new();
            options.data_in = Some(packet);
            options.ctx_in = Some(&context);
            program.test_run(options)
        });
        let result = result.unwrap_or_else(|e| {
            panic!("cannot run on {} bytes, {offload:?}: {e}", packet.len())
        });
        assert_eq!(result.return_value, TCX_NEXT, "a packet's fate changed");

        let after = self.total(direction);
        let counted: Vec<Count> = (0..FAMILIES)
            .map(|family| Count {
                ip_version: [Some(IpVersion::V4), Some(IpVersion::V6), None]
                    [family],
                volume: Volume {
                    packets: after.packets[family] - before.packets[family],
                    bytes: after.bytes[family] - before.bytes[family],
                },
            })
            .filter(|count| count.volume != Volume::default())
            .collect();
        assert_eq!(counted.len(), 1, "{counted:?} for one packet");
        counted[0]
    }

    fn total(&self, direction: u32) -> TrafficTotal {
        let mut sum = TrafficTotal::default();
        for cpu in 0..self.totals.len() / (INTERFACES * 2) {
            let index = cpu * INTERFACES * 2 + direction;
            let total = self.totals.get(&index, 0).expect("it is there");
            for family in 0..FAMILIES {
                sum.packets[family] += total[family];
                sum.bytes[family] += total[FAMILIES + family];
            }
        }
        sum
    }

    /// Checks that every IP packet in the totals is in a flow, and returns
    /// how many flows there are.
    pub(crate) fn assert_conserved(&self) -> usize {
        let mut left = [self.total(0), self.total(1)];
        let mut flows = BTreeSet::new();
        for set in self.table.iter() {
            let set = set.expect("cannot read the flows");
            for way in (0..WAYS).filter(|way| set[way * ENTRY_WORDS] != 0) {
                let at = way * ENTRY_WORDS;
                let key = Tag(set[at]).key([set[at + 1], 0]);
                let direction = usize::from(key.direction == Direction::Sent);
                let family = usize::from(key.ip_version == IpVersion::V6);
                left[direction].packets[family] -= set[at + 2];
                left[direction].bytes[family] -= set[at + 3];
                flows.insert(key);
            }
        }
        for total in left {
            assert_eq!(total.packets[..2], [0, 0], "packets without a flow");
            assert_eq!(total.bytes[..2], [0, 0], "bytes without a flow");
        }
        for one in self.statistics.iter() {
            let counters = one.expect("it is there");
            for counter in [
                KernelCounter::UpdateFailures,
                KernelCounter::UnknownInterfaces,
                // The table had room.
                KernelCounter::MapPackets,
            ] {
                assert_eq!(counters[counter as usize], 0, "{counter:?}");
            }
        }
        flows.len()
    }
}
