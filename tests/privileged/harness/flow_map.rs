//! The exporter's map of flows, found and read past the exporter: what is in
//! it is not what the exporter says, but what is.

use std::collections::BTreeMap;
use std::fs;

use aya::maps::{Map, MapData, PerCpuHashMap};

use super::daemon::Daemon;
use super::link::Volume;

/// A key as it lies in memory: interface, direction, IP version, zero, remote.
pub(crate) type Key = [u8; 24];

/// A value: packets, bytes, when and which creation.
type Value = [u64; 3];

/// The number of BPF_MAP_TYPE_LRU_PERCPU_HASH.
const MAP_TYPE: &str = "10";

/// An exporter's map of flows.
pub(crate) struct FlowMap {
    map: PerCpuHashMap<MapData, Key, Value>,
}

impl FlowMap {
    /// Finds the map among the exporter's open files.
    pub(crate) fn of(daemon: &Daemon) -> Self {
        let directory = format!("/proc/{}/fdinfo", daemon.pid());
        let description = fs::read_dir(directory)
            .expect("a running exporter")
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
            .map(|text| parse(&text))
            .find(|fields| {
                fields.get("map_type").is_some_and(|t| t == MAP_TYPE)
            })
            .expect("the exporter has a map of flows");
        let id = description["map_id"].parse().expect("an id");
        let data = MapData::from_id(id).expect("cannot open the map of flows");
        let map = PerCpuHashMap::try_from(Map::PerCpuLruHashMap(data))
            .expect("keys and values of 24 bytes");
        Self { map }
    }

    /// Returns the keys that are there, in the kernel's order, which shows a
    /// key twice where it is there twice. To be asked when nothing is sent.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.map.keys().map(|key| key.expect("cannot read a key")).collect()
    }

    /// Returns what is there, by key, summed over the CPUs.
    pub(crate) fn volumes(&self) -> BTreeMap<Key, Volume> {
        let volume = |key: &Key| {
            let values = self.map.get(key, 0).expect("cannot read a value");
            values.iter().fold(Volume::default(), |sum, value| {
                sum + Volume { packets: value[0], bytes: value[1] }
            })
        };
        self.keys().iter().map(|key| (*key, volume(key))).collect()
    }

    /// Returns on how many CPUs each key that is there was counted.
    pub(crate) fn cpus(&self, key: &Key) -> usize {
        let values = self.map.get(key, 0).expect("cannot read a value");
        values.iter().filter(|value| value[0] > 0).count()
    }
}

fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}
