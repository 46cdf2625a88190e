//! The sizes of all tiers of flows.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::num::NonZeroU32;

use super::abi::{TrafficRests, TrafficSet, WAYS};
use super::settings::ProbeSettings;

/// Maps for fewer flows have no table. Users of so few entries expect new flows
/// to stay and old ones to go at once, as in the map alone; a table is tidied
/// up by polls.
const SMALLEST_WITH_TABLE: u32 = 8_192;

/// Most ways of all CPUs together, for each flow of `map_max_entries`. With
/// more CPUs, each has fewer: no host sees every flow on every CPU.
const WAYS_PER_FLOW: u64 = 8;

/// Fewest sets of a block, if a table has several: an idle exporter uses this
/// part of it, 32 KiB a CPU.
const SMALLEST_BLOCK: u32 = 128;

/// Entries of the table for each spare one. The old entries of flows that moved
/// can take up the spare ones until the next poll: see `LARGEST_PART` in
/// `bpf-src/flow_places.bpf.h`.
const FLOWS_PER_SPARE: u32 = 16;

/// The room in each tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Sets of the table that each CPU has; zero for no table.
    pub(super) table_sets: u32,
    /// Sets of a block. The number of blocks is a power of two, and each CPU
    /// uses as many as its flows need.
    pub(super) table_block_sets: u32,
    /// Flows of the map.
    pub(super) map_entries: NonZeroU32,
    /// True if the table has room for IPv6 prefixes of more than 64 bits.
    pub(super) has_rests: bool,
    /// Flows that the map takes in between two polls; zero for any number.
    pub(super) admission_limit: u64,
}

impl Sizes {
    /// Returns sizes with room for `map_max_entries` flows, all on one CPU or
    /// spread over all.
    ///
    /// A table of as many ways as flows holds 95 in 100 of them, as both sets
    /// of a flow may be full. The map holds the rest several times over, and
    /// the flows that do not fit into a smaller table.
    pub(super) fn of(
        settings: &ProbeSettings,
        cpus: usize,
        has_table: bool,
    ) -> Self {
        let map_max_entries = settings.map_max_entries;
        let has_rests = settings.ipv6_prefix_length > 64;
        let flows = u64::from(map_max_entries.get());
        if !has_table || map_max_entries.get() < SMALLEST_WITH_TABLE {
            return Self {
                table_sets: 0,
                table_block_sets: 0,
                has_rests: false,
                map_entries: map_max_entries,
                admission_limit: 0,
            };
        }
        let ways = flows.min(flows * WAYS_PER_FLOW / cpus.max(1) as u64);
        let sets = ways.div_ceil(WAYS as u64);
        let sets = u32::try_from(sets).unwrap_or(u32::MAX);
        let sets = sets.saturating_add(sets / FLOWS_PER_SPARE);
        // The map makes up for rounding down to whole blocks.
        let blocks = (sets / SMALLEST_BLOCK).checked_ilog2().unwrap_or(0);
        let table_block_sets = sets >> blocks;
        let table_sets = table_block_sets << blocks;
        let sets = u64::from(table_sets);
        let map = flows / 4 + flows.saturating_sub(sets * WAYS as u64);
        Self {
            table_sets,
            table_block_sets,
            has_rests,
            map_entries: u32::try_from(map)
                .ok()
                .and_then(NonZeroU32::new)
                .unwrap_or(map_max_entries),
            // Most flows of the map are read before they are evicted, even if
            // all admitted keys are new.
            admission_limit: map / 2,
        }
    }

    /// Returns the number of words of the filter, a power of two: at least one
    /// for each flow of the map, or one if the map is always looked into.
    pub(super) fn filter_words(self) -> u32 {
        match self.admission_limit {
            0 => 1,
            _ => self.map_entries.get().next_power_of_two(),
        }
    }

    /// Returns the number of the table's last block.
    pub(super) fn table_last_block(self) -> u32 {
        let blocks = self.table_sets.checked_div(self.table_block_sets);
        blocks.map_or(0, |blocks| blocks - 1)
    }

    /// Returns the number of entries of the table on all CPUs.
    pub(super) fn table_entries(self, cpus: usize) -> u64 {
        u64::from(self.table_sets) * cpus as u64 * WAYS as u64
    }

    /// Returns the memory of the table in bytes.
    pub(super) fn table_bytes(self, cpus: usize) -> u64 {
        let rests = match self.has_rests {
            true => size_of::<TrafficRests>(),
            false => 0,
        };
        let set = size_of::<TrafficSet>() + rests;
        u64::from(self.table_sets) * cpus as u64 * set as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings(flows: u32) -> ProbeSettings {
        ProbeSettings {
            map_max_entries: NonZeroU32::new(flows).unwrap(),
            ipv4_prefix_length: 24,
            ipv6_prefix_length: 64,
            has_classes: false,
        }
    }

    fn sizes(flows: u32, cpus: usize) -> Sizes {
        Sizes::of(&settings(flows), cpus, true)
    }

    #[test]
    fn a_small_map_and_a_kernel_that_cannot_have_no_table() {
        let incapable = Sizes::of(&settings(100_000), 2, false);
        for (sizes, flows) in [(incapable, 100_000), (sizes(8_191, 2), 8_191)] {
            assert_eq!((sizes.table_sets, sizes.table_last_block()), (0, 0));
            assert_eq!(sizes.map_entries.get(), flows);
            assert_eq!(sizes.admission_limit, 0);
            assert_eq!(sizes.filter_words(), 1);
        }
    }

    #[test]
    fn the_default_on_two_cpus_is_a_table_of_all_flows_and_a_small_map() {
        let sizes = sizes(100_000, 2);
        assert_eq!(sizes.table_sets, 13_248);
        assert_eq!(sizes.table_block_sets, 207);
        assert_eq!(sizes.table_last_block(), 63);
        assert_eq!(sizes.map_entries.get(), 25_000);
        assert_eq!(sizes.admission_limit, 12_500);
        assert_eq!(sizes.filter_words(), 32_768);
        assert_eq!(sizes.table_bytes(2), 6_782_976);
        assert!(!sizes.has_rests);
    }

    #[test]
    fn long_prefixes_of_ipv6_take_a_quarter_more() {
        let settings =
            ProbeSettings { ipv6_prefix_length: 65, ..settings(100_000) };
        let sizes = Sizes::of(&settings, 2, true);
        assert_eq!(sizes.table_bytes(2), 8_478_720);
    }

    proptest! {
        #[test]
        fn every_flow_has_room_on_one_cpu_and_memory_is_bounded(
            flows in 8_192_u32..=1 << 24,
            cpus in 1_usize..=4_096,
        ) {
            let sizes = sizes(flows, cpus);
            let ways = u64::from(sizes.table_sets) * WAYS as u64;
            let room = ways + u64::from(sizes.map_entries.get());
            prop_assert!(room >= u64::from(flows) / 4 * 5);
            prop_assert!(sizes.admission_limit > 0);
            let blocks = sizes.table_last_block() + 1;
            prop_assert!(blocks.is_power_of_two());
            prop_assert_eq!(sizes.table_sets, blocks * sizes.table_block_sets);
            prop_assert!(blocks == 1 || sizes.table_block_sets >= 128);
            prop_assert!(sizes.table_block_sets < 256);
            // 32 bytes a way, the spare ones, and the rounding up to whole
            // sets.
            let most = u64::from(flows) * 34 * WAYS_PER_FLOW
                + cpus as u64 * 272;
            prop_assert!(sizes.table_bytes(cpus) <= most);
            prop_assert!(
                u64::from(sizes.table_sets) * (cpus as u64)
                    < u64::from(u32::MAX) / WAYS as u64
            );
        }
    }
}
