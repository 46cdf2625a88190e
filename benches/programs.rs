//! The programs that ours are compared with.

use std::sync::OnceLock;

use aya::maps::{Map, MapData};
use aya::programs::{ProgramFd, SchedClassifier, TcAttachType};
use aya::{Ebpf, EbpfLoader};

use crate::harness::clang::compile;

/// A program and its maps.
pub(crate) struct Program {
    ebpf: Ebpf,
    name: &'static str,
}

impl Program {
    /// Returns the one that does nothing.
    pub(crate) fn empty() -> Self {
        Self::load(floor(), "empty", &[], 1)
    }

    /// Returns the one that counts packets.
    pub(crate) fn counter() -> Self {
        Self::load(floor(), "count", &[], 1)
    }

    /// Returns the one that adds to a plain LRU per-CPU hash of this size.
    pub(crate) fn plain(map_max_entries: u32) -> Self {
        Self::load(floor(), "plain", &[("flows", map_max_entries)], 1)
    }

    /// Returns the reference exporter's design.
    pub(crate) fn reference(map_max_entries: u32) -> Self {
        static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
        let object =
            OBJECT.get_or_init(|| compile("benches/bpf/reference.bpf.c"));
        Self::load(object, "reference", &[("flows", map_max_entries)], 1)
    }

    /// Returns the one that accesses arrays by the prefix itself, with room for
    /// this many prefixes, a power of two, on each of these CPUs.
    pub(crate) fn limit(prefixes: u32, cpus: u32) -> Self {
        let sizes = [("entries", prefixes * cpus), ("totals", cpus)];
        Self::load(floor(), "limit", &sizes, prefixes)
    }

    fn load(
        object: &[u8],
        name: &'static str,
        sizes: &[(&str, u32)],
        prefixes: u32,
    ) -> Self {
        let mut loader = EbpfLoader::new();
        for &(map, max_entries) in sizes {
            loader.map_max_entries(map, max_entries);
        }
        let mut ebpf = loader
            .override_global("prefixes", &prefixes, false)
            .load(object)
            .unwrap_or_else(|error| panic!("cannot load {name}: {error}"));
        let program: &mut SchedClassifier = ebpf
            .program_mut(name)
            .expect("it is in the object")
            .try_into()
            .expect("it is a classifier");
        program.load().unwrap_or_else(|e| panic!("cannot load {name}: {e}"));
        Self { ebpf, name }
    }

    /// Attaches it to the ingress hook of an interface of the calling thread's
    /// namespace, for as long as it lives.
    pub(crate) fn attach(&mut self, interface: &str) {
        let program: &mut SchedClassifier = self
            .ebpf
            .program_mut(self.name)
            .expect("it is in the object")
            .try_into()
            .expect("it is a classifier");
        program
            .attach(interface, TcAttachType::Ingress)
            .unwrap_or_else(|e| panic!("cannot attach to {interface}: {e}"));
    }

    /// Returns the program in the kernel.
    pub(crate) fn fd(&self) -> &ProgramFd {
        let program: &SchedClassifier = self
            .ebpf
            .program(self.name)
            .expect("it is in the object")
            .try_into()
            .expect("it is a classifier");
        program.fd().expect("it is loaded")
    }

    /// Returns the map of flows, if it has one.
    pub(crate) fn flows(&self) -> &MapData {
        match self.ebpf.map("flows") {
            Some(Map::PerCpuLruHashMap(map)) => map,
            _ => panic!("{} has no map of flows", self.name),
        }
    }
}

fn floor() -> &'static [u8] {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    OBJECT.get_or_init(|| compile("benches/bpf/floor.bpf.c"))
}
