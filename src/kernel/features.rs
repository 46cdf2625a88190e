//! The features of the kernel side, as plans: each names the maps it needs,
//! their sizes, the read-only variables and the constants of the programs that
//! it sets, and the conditions of its counts. Loading, pinning and adopting read these plans. A new feature is a
//! new element of [`FEATURES`].
//!
//! Maps that only make sense together are maps of one feature: if one of them
//! cannot be adopted, all of them are made anew. A feature that is made anew
//! costs the others nothing, except for the first, without which no counts
//! could be read.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::abi::{
    ABI_VERSION, CLASS_TOTALS, CLASSES_VERSION, FLOW_MAP_VERSION,
    FLOW_TABLE_VERSION, IPSEC_VERSION, PATH_CLASSES, PATH_LONG_PREFIXES, PORTS,
    names,
};
use super::classes::ClassMarks;
use super::constants::Constant;
use super::counters::TOTALS_PER_CPU;
use super::ledger::{self, Ledger, WORDS_OF_FEATURE, Word};
use super::mapping::MappedWords;
use super::prefix_masks::{ipv4_prefix_mask, ipv6_prefix_masks};
use super::read_volumes::ReadVolumes;
use super::settings::ProbeSettings;
use super::sizes::Sizes;
use crate::accounting::MOST_CLASS_PREFIXES;

/// The conditions under which the object is loaded, on which plans depend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions<'a> {
    pub(super) settings: &'a ProbeSettings,
    pub(super) sizes: Sizes,
    /// Possible CPUs: one more than the largest number of a CPU.
    pub(super) cpus: usize,
    /// Odd random numbers, from which flows find their places.
    pub(super) seeds: [u64; 3],
    /// True if the kernel tells programs which packets IPsec decrypted.
    pub(super) is_ipsec_told: bool,
    /// True if the maps are pinned.
    pub(super) are_pinned: bool,
}

/// Read-only variables of the programs: their names and values.
type Variables = Vec<(&'static str, Vec<u8>)>;

/// The plan of one feature.
#[derive(Debug)]
pub(super) struct Feature {
    /// The name in messages.
    pub(super) name: &'static str,
    /// A number that changes with every change of a map, of a struct in it, or
    /// of the meaning of a count.
    pub(super) version: u32,
    /// Its maps, all of which are pinned together.
    pub(super) maps: &'static [&'static str],
    /// The conditions of its counts: maps are not adopted if one of these
    /// differs. At most [`WORDS_OF_FEATURE`] - 1.
    depends_on: fn(&Conditions<'_>) -> Vec<Word>,
    /// Returns whether the feature is in use. A feature that is not in use
    /// adopts maps of any shape, so that a later process finds them unchanged.
    pub(super) is_used: fn(&Conditions<'_>) -> bool,
    /// The number of elements of each map whose size varies.
    pub(super) sizes: fn(&Conditions<'_>) -> Vec<(&'static str, u64)>,
    /// The values of its read-only variables.
    pub(super) variables: fn(&Conditions<'_>) -> Variables,
    /// The values of its constants.
    pub(super) constants: fn(&Conditions<'_>) -> Vec<(Constant, u64)>,
}

impl Feature {
    /// Returns all that must be the same for its maps to be adopted.
    pub(super) fn words(&self, conditions: &Conditions<'_>) -> Vec<Word> {
        let mut words = vec![("version of the maps", self.version.into())];
        words.extend((self.depends_on)(conditions));
        debug_assert!(words.len() <= WORDS_OF_FEATURE);
        words
    }
}

/// The features. The index of a feature is its place in the ledger: a new one
/// goes to the end.
pub(super) static FEATURES: [Feature; 5] = [
    // The exact totals and the meaning of the numbers in all maps. The
    // statistics belong to it: generations of flows and positions in the state
    // continue from them.
    Feature {
        name: "totals",
        version: ABI_VERSION,
        maps: &[
            names::TOTALS,
            names::STATISTICS,
            names::INTERFACES,
            names::FAR_INTERFACES,
            names::MARKS,
        ],
        depends_on: |on| vec![("possible CPUs", on.cpus as u64)],
        is_used: |_| true,
        sizes: |on| {
            let cpus = on.cpus as u64;
            let marks =
                if on.are_pinned { Ledger::<MappedWords>::WORDS } else { 1 };
            vec![
                (names::TOTALS, cpus * u64::from(TOTALS_PER_CPU)),
                (names::STATISTICS, cpus),
                (names::MARKS, marks),
            ]
        },
        variables: |_| Vec::new(),
        constants: |_| Vec::new(),
    },
    // The filter has the keys of the map, and admission limits the number of
    // keys that it may still take in.
    Feature {
        name: "map of flows",
        version: FLOW_MAP_VERSION,
        maps: &[names::FLOWS, names::FLOW_FILTER, names::ADMISSION],
        depends_on: |on| {
            let entries = on.settings.map_max_entries.get().into();
            let mut words = vec![("map_max_entries", entries)];
            words.extend(prefix_lengths(on));
            words
        },
        is_used: |_| true,
        sizes: |on| {
            vec![
                (names::FLOWS, on.sizes.map_entries.get().into()),
                (names::FLOW_FILTER, on.sizes.filter_words().into()),
            ]
        },
        variables: |on| {
            let filter_mask = on.sizes.filter_words() - 1;
            vec![
                (names::FILTER_MASK, filter_mask.to_ne_bytes().into()),
                (names::FILTER_SEED, on.seeds[0].to_ne_bytes().into()),
                (
                    names::ADMISSION_LIMIT,
                    on.sizes.admission_limit.to_ne_bytes().into(),
                ),
            ]
        },
        constants: |on| {
            let ipv4 = ipv4_prefix_mask(on.settings.ipv4_prefix_length);
            let [ipv6, rest] =
                ipv6_prefix_masks(on.settings.ipv6_prefix_length);
            // A whole address needs no other form.
            let has_carried_ipv4 = on.settings.ipv6_prefix_length < 128;
            vec![
                (Constant::Ipv4PrefixMask, ipv4.into()),
                (Constant::Ipv6PrefixMask, ipv6),
                (Constant::Ipv6PrefixMaskRest, rest),
                (Constant::HasCarriedIpv4, has_carried_ipv4.into()),
            ]
        },
    },
    // The rests belong to the flows of the table, the parts say where they are,
    // and the marks record how far they were read.
    Feature {
        name: "flow table",
        version: FLOW_TABLE_VERSION,
        maps: &[
            names::FLOW_TABLE,
            names::TABLE_PARTS,
            names::TABLE_RESTS,
            names::TABLE_MARKS,
        ],
        depends_on: |on| {
            let mut words = vec![("flow table", on.sizes.table_sets.into())];
            words.extend(prefix_lengths(on));
            words
        },
        is_used: |_| true,
        sizes: |on| {
            let sets = u64::from(on.sizes.table_sets) * on.cpus as u64;
            let entries = on.sizes.table_entries(on.cpus);
            let rests = if on.sizes.has_rests { sets } else { 1 };
            let marks = match on.are_pinned {
                true => ReadVolumes::<MappedWords>::words(entries),
                false => 1,
            };
            vec![
                (names::FLOW_TABLE, sets.max(1)),
                (names::TABLE_PARTS, on.cpus as u64),
                (names::TABLE_RESTS, rests),
                (names::TABLE_MARKS, marks.max(1)),
            ]
        },
        variables: |_| Vec::new(),
        constants: |on| {
            let [seed, second, rest] = on.seeds;
            let Sizes { table_sets, table_block_sets, .. } = on.sizes;
            let last_block = on.sizes.table_last_block();
            vec![
                (Constant::TableSets, table_sets.into()),
                (Constant::TableBlockSets, table_block_sets.into()),
                (Constant::TableLastBlock, last_block.into()),
                (Constant::TableSeed, seed),
                (Constant::TableSeedSecond, second),
                (Constant::TableSeedRest, rest),
            ]
        },
    },
    Feature {
        name: "IPsec",
        version: IPSEC_VERSION,
        maps: &[names::IPSEC_STATES],
        depends_on: |_| Vec::new(),
        is_used: |_| true,
        sizes: |_| Vec::new(),
        variables: |on| {
            let has_ipsec = u32::from(on.is_ipsec_told).to_ne_bytes();
            vec![(names::HAS_IPSEC, has_ipsec.into())]
        },
        constants: |_| Vec::new(),
    },
    // The maps that classes are found with are not pinned: each process fills
    // its own, before its programs take the place of the old ones. The notes
    // say what the classes of pinned flows mean.
    Feature {
        name: "classes",
        version: CLASSES_VERSION,
        maps: &[names::CLASS_MARKS, names::CLASS_TOTALS],
        depends_on: |_| Vec::new(),
        is_used: |on| on.settings.has_classes,
        sizes: |on| {
            let of = |many, few| match on.settings.has_classes {
                true => many,
                false => few,
            };
            let marks = ClassMarks::<MappedWords>::WORDS;
            let ranges = MOST_CLASS_PREFIXES as u64;
            vec![
                (
                    names::CLASS_MARKS,
                    if on.are_pinned { of(marks, 1) } else { 1 },
                ),
                (names::CLASS_TOTALS, of(CLASS_TOTALS.into(), 1)),
                (names::LOCAL_RANGES, of(ranges, 1)),
                (names::NARROW_RANGES, of(ranges, 1)),
                (names::SERVICE_PORTS, of(2 * PORTS as u64, 1)),
            ]
        },
        variables: |_| Vec::new(),
        constants: |on| {
            let long = match ipv6_prefix_masks(on.settings.ipv6_prefix_length) {
                [_, 0] => 0,
                _ => PATH_LONG_PREFIXES,
            };
            let classes = match on.settings.has_classes {
                true => PATH_CLASSES,
                false => 0,
            };
            vec![(Constant::PacketPath, (long | classes).into())]
        },
    },
];

const _: () = assert!(FEATURES.len() <= ledger::FEATURES);

fn prefix_lengths(on: &Conditions<'_>) -> [Word; 2] {
    [
        ("ipv4_prefix_length", on.settings.ipv4_prefix_length.into()),
        ("ipv6_prefix_length", on.settings.ipv6_prefix_length.into()),
    ]
}

/// The maps that are not pinned: each process fills its own.
pub const UNPINNED: [&str; 4] = [
    names::CLASS_SETTINGS,
    names::LOCAL_RANGES,
    names::NARROW_RANGES,
    names::SERVICE_PORTS,
];

/// Returns the names of all maps that are pinned.
pub fn pinned_maps() -> impl Iterator<Item = &'static str> {
    FEATURES.iter().flat_map(|feature| feature.maps.iter().copied())
}

/// Returns the number of elements of each map whose size varies.
pub(super) fn map_sizes(on: &Conditions<'_>) -> Vec<(&'static str, u32)> {
    let sizes = FEATURES.iter().flat_map(|feature| (feature.sizes)(on));
    let bounded = |size| u32::try_from(size).unwrap_or(u32::MAX);
    sizes.map(|(name, size)| (name, bounded(size))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_map_belongs_to_one_feature_and_a_size_to_a_map_of_its_own() {
        let names: BTreeSet<_> = pinned_maps().collect();
        assert_eq!(names.len(), pinned_maps().count());
        let settings = ProbeSettings {
            map_max_entries: NonZeroU32::new(100_000).unwrap(),
            ipv4_prefix_length: 24,
            ipv6_prefix_length: 48,
            has_classes: true,
        };
        let on = Conditions {
            settings: &settings,
            sizes: Sizes::of(&settings, 2, true),
            cpus: 2,
            seeds: [1, 3, 5],
            is_ipsec_told: true,
            are_pinned: true,
        };
        for feature in &FEATURES {
            for (name, size) in (feature.sizes)(&on) {
                let is_own = feature.maps.contains(&name);
                assert_ne!(is_own, UNPINNED.contains(&name), "{name}");
                assert!(size > 0, "{name}");
            }
            assert!(feature.words(&on).len() <= WORDS_OF_FEATURE);
        }
    }
}
