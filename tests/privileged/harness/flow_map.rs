//! The exporter's flows, found and read past the exporter: what is in its maps
//! is not what the exporter says, but what is.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use aya::maps::{Array, Map, MapData, MapInfo, PerCpuHashMap, loaded_maps};
use aya::programs::loaded_programs;
use geoip_exporter::kernel::abi::{
    BLOCKS_MASK_WORD, ENTRY_WORDS, PART_WORDS, SET_WORDS, Tag, TrafficKey,
    WAYS, names,
};

use super::daemon::Daemon;
use super::link::Volume;

/// A key as it lies in memory: interface, direction, IP version, zero, remote.
pub(crate) type Key = [u8; 24];

/// A value: packets, bytes, when and which creation.
type Value = [u64; 3];

/// What was in an exporter's maps, in both tiers.
pub(crate) struct FlowMap {
    keys: Vec<Key>,
    flows: BTreeMap<Key, Flow>,
    total: Volume,
}

/// What was there of a flow.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    volume: Volume,
    /// On how many CPUs it was counted.
    cpus: usize,
}

impl FlowMap {
    /// Finds the maps among the exporter's open files and reads them. To be
    /// called when nothing is sent. The volume of a way includes the flows that
    /// had it before.
    pub(crate) fn of(daemon: &Daemon) -> Self {
        let maps = maps_of(daemon);
        let find = |name: &str| {
            let found = maps.iter().find(|info| {
                info.name_as_str().is_some_and(|known| known == name)
            });
            let id = found.expect("the exporter has maps of flows").id();
            MapData::from_id(id).expect("cannot open a map of flows")
        };
        let map = Map::PerCpuLruHashMap(find(names::FLOWS));
        let table = Map::Array(find(names::FLOW_TABLE));
        let map: PerCpuHashMap<MapData, Key, Value> =
            map.try_into().expect("keys and values of 24 bytes");
        let table = table.try_into().expect("sets of ways");
        let rests = Map::Array(find(names::TABLE_RESTS));
        let rests = rests.try_into().expect("the ends of addresses");
        Self::read(&map, &table, &rests)
    }

    fn read(
        map: &PerCpuHashMap<MapData, Key, Value>,
        table: &Array<MapData, [u64; SET_WORDS]>,
        rests: &Array<MapData, [u64; WAYS]>,
    ) -> Self {
        let mut keys = Vec::new();
        let mut flows: BTreeMap<Key, Flow> = BTreeMap::new();
        let mut on_cpus = BTreeSet::new();
        let mut in_table = BTreeSet::new();
        let mut add = |key, packets, bytes| {
            let flow = flows.entry(key).or_default();
            flow.volume = flow.volume + Volume { packets, bytes };
            flow.cpus += 1;
        };
        let mut total = table_total(table);
        for (cpu, key, [packets, bytes]) in table_entries(table, rests) {
            add(key, packets, bytes);
            let is_first = in_table.insert(key);
            let is_again = !on_cpus.insert((cpu, key));
            if is_first || is_again {
                keys.push(key);
            }
        }
        let map_keys: Vec<Key> =
            map.keys().map(|key| key.expect("cannot read a key")).collect();
        for &key in &map_keys {
            let values = map.get(&key, 0).expect("cannot read a value");
            if !in_table.contains(&key) {
                keys.push(key);
            }
            for value in values.iter().filter(|value| value[0] > 0) {
                add(key, value[0], value[1]);
                let (packets, bytes) = (value[0], value[1]);
                total = total + Volume { packets, bytes };
            }
        }
        Self { keys, flows, total }
    }

    /// Returns the keys that were there, in the kernel's order, which shows a
    /// key twice where one CPU or the map has it twice.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.keys.clone()
    }

    /// Returns the sum of all counters. Those of a way that was freed stay.
    pub(crate) fn total(&self) -> Volume {
        self.total
    }

    /// Returns on how many CPUs each key that was there was counted.
    pub(crate) fn cpus(&self, key: &Key) -> usize {
        self.flows.get(key).map_or(0, |flow| flow.cpus)
    }
}

/// Returns the sum of all counters of the table, also of free ways.
fn table_total(table: &Array<MapData, [u64; SET_WORDS]>) -> Volume {
    let sets = table.iter().map(|set| set.expect("cannot read a set"));
    sets.fold(Volume::default(), |sum, set| {
        set.chunks(ENTRY_WORDS).fold(sum, |sum, way| {
            sum + Volume { packets: way[2], bytes: way[3] }
        })
    })
}

/// Returns CPU, key, packets and bytes of every way that a flow has.
pub(crate) fn table_entries<M: Borrow<MapData>>(
    table: &Array<M, [u64; SET_WORDS]>,
    rests: &Array<M, [u64; WAYS]>,
) -> Vec<(u32, Key, [u64; 2])> {
    let cpus = aya::util::nr_cpus().expect("there are CPUs");
    let sets = table.len() / u32::try_from(cpus).expect("not that many");
    let mut entries = Vec::new();
    for index in 0..table.len() {
        let set = table.get(&index, 0).expect("cannot read a set");
        for way in 0..WAYS {
            let at = way * ENTRY_WORDS;
            let tag = Tag(set[at]);
            if !tag.is_free() {
                let rest = rests.get(&index, 0).map_or(0, |rests| rests[way]);
                let key = tag.key([set[at + 1], rest]);
                let key = bytes_of(&TrafficKey::from(&key));
                entries.push((
                    index / sets.max(1),
                    key,
                    [set[at + 2], set[at + 3]],
                ));
            }
        }
    }
    entries
}

fn bytes_of(key: &TrafficKey) -> Key {
    let mut bytes = [0; 24];
    bytes[..4].copy_from_slice(&key.interface.to_ne_bytes());
    bytes[4] = key.direction;
    bytes[5] = key.ip_version;
    bytes[6..8].copy_from_slice(&key.class.to_ne_bytes());
    bytes[8..].copy_from_slice(&key.remote);
    bytes
}

/// Returns how many blocks of the flow table each CPU uses.
pub(crate) fn blocks_in_use(daemon: &Daemon) -> Vec<u64> {
    let maps = maps_of(daemon);
    let parts = maps
        .iter()
        .find(|info| info.name_as_str() == Some(names::TABLE_PARTS))
        .expect("the exporter has a flow table");
    let parts = MapData::from_id(parts.id()).expect("cannot open a map");
    let parts: Array<MapData, [u64; PART_WORDS]> =
        Map::Array(parts).try_into().expect("a part for each CPU");
    let parts = parts.iter().map(|part| part.expect("cannot read a map"));
    parts.map(|part| part[BLOCKS_MASK_WORD] + 1).collect()
}

/// Returns what the kernel says about each map that a program which the
/// exporter has open uses. The exporter does not keep all maps open.
fn maps_of(daemon: &Daemon) -> Vec<MapInfo> {
    let directory = format!("/proc/{}/fdinfo", daemon.pid());
    let programs: BTreeSet<u32> = fs::read_dir(directory)
        .expect("a running exporter")
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
        .filter_map(|text| parse(&text).get("prog_id")?.parse().ok())
        .collect();
    let maps: BTreeSet<u32> = loaded_programs()
        .map(|program| program.expect("cannot list programs"))
        .filter(|program| programs.contains(&program.id()))
        .flat_map(|program| program.map_ids().ok().flatten().expect("its maps"))
        .collect();
    loaded_maps()
        .map(|map| map.expect("cannot list maps"))
        .filter(|map| maps.contains(&map.id()))
        .collect()
}

fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}
