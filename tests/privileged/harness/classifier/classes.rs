//! The maps of classes, and the flows that come of them.

use std::net::IpAddr;

use aya::maps::Array;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::programs::SchedClassifier;
use geoip_exporter::accounting::FlowKey;
use geoip_exporter::kernel::abi::{ENTRY_WORDS, Tag, WAYS, names};

use super::{Classifier, Hook};
use crate::harness::link::Volume;

impl Classifier {
    /// Writes the switch of classes.
    pub(crate) fn set_classes(&mut self, settings: u64) {
        let map = self.ebpf.map_mut(names::CLASS_SETTINGS);
        let map = map.expect("it is in the object");
        let mut map: Array<_, u64> = map.try_into().expect("an array");
        map.set(0, settings, 0).expect("cannot write a map");
    }

    /// Gives a local port a pair of numbers.
    pub(crate) fn set_port(&mut self, is_udp: bool, port: u16, pair: u32) {
        let map = self.ebpf.map_mut(names::SERVICE_PORTS);
        let map = map.expect("it is in the object");
        let mut map: Array<_, u64> = map.try_into().expect("an array");
        let index = u32::from(is_udp) * 65_536 + u32::from(port);
        map.set(index, u64::from(pair), 0).expect("cannot write a map");
    }

    /// Gives a range a pair of numbers.
    pub(crate) fn set_range(
        &mut self,
        map: &str,
        address: IpAddr,
        length: u32,
        pair: u32,
    ) {
        let map = self.ebpf.map_mut(map).expect("it is in the object");
        let mut map: LpmTrie<_, [u8; 20], u32> =
            map.try_into().expect("a trie");
        let mut bytes = [0; 20];
        match address {
            IpAddr::V4(address) => {
                bytes[0] = 4;
                bytes[4..8].copy_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                bytes[0] = 6;
                bytes[4..].copy_from_slice(&address.octets());
            }
        }
        map.insert(&Key::new(32 + length, bytes), pair, 0)
            .expect("cannot write a map");
    }

    /// Returns the flows of the table.
    pub(crate) fn flows(&self) -> Vec<(FlowKey, Volume)> {
        let mut flows = Vec::new();
        for set in self.table.iter() {
            let set = set.expect("cannot read the flows");
            for way in (0..WAYS).filter(|way| set[way * ENTRY_WORDS] != 0) {
                let at = way * ENTRY_WORDS;
                let key = Tag(set[at]).key([set[at + 1], 0]);
                let volume =
                    Volume { packets: set[at + 2], bytes: set[at + 3] };
                flows.push((key, volume));
            }
        }
        flows
    }

    /// Returns the number of instructions of each program, after the verifier
    /// has removed dead ones, in the order of [`Hook::ALL`].
    pub(crate) fn instructions(&self) -> Vec<u32> {
        let size = |hook: Hook| {
            let program: &SchedClassifier = self
                .ebpf
                .program(hook.program())
                .expect("it is in the object")
                .try_into()
                .expect("it is a classifier");
            let info = program.info().expect("it is loaded");
            info.size_translated().expect("the kernel tells it") / 8
        };
        Hook::ALL.map(size).into()
    }
}
