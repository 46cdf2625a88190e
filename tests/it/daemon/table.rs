//! The flow table as programs write it, in memory that the daemon reads at the
//! same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use geoip_exporter::accounting::{
    FlowKey, FlowTable, InterfaceId, IpVersion, Volume, Way,
};
use geoip_exporter::kernel::abi::{ENTRY_WORDS, SET_WORDS, Tag, WAYS};
use geoip_exporter::kernel::{Room, Table};

pub(super) const CPUS: usize = 2;

pub(super) type Words = Arc<[AtomicU64]>;

/// One set on each CPU: few enough to be full now and then. Behind it are the
/// volumes that the daemon has written down.
#[derive(Clone, Debug)]
pub(super) struct Ways(Words, Words);

fn zeros(words: usize) -> Words {
    (0..words).map(|_| AtomicU64::new(0)).collect()
}

fn copy(words: &Words) -> Words {
    let copy = |word: &AtomicU64| AtomicU64::new(word.load(Ordering::SeqCst));
    words.iter().map(copy).collect()
}

impl Default for Ways {
    fn default() -> Self {
        Self(zeros(CPUS * SET_WORDS), zeros(CPUS * WAYS * 2))
    }
}

/// The table as the daemon sees it.
pub(super) struct KeptTable {
    table: Table<Words>,
    remembered: Words,
}

impl FlowTable for KeptTable {
    fn cpus(&self) -> usize {
        FlowTable::cpus(&self.table)
    }

    fn ways(&self) -> usize {
        FlowTable::ways(&self.table)
    }

    fn ways_in_use(&self, cpu: usize) -> usize {
        FlowTable::ways_in_use(&self.table, cpu)
    }

    fn has_counted(&self, cpu: usize) -> bool {
        FlowTable::has_counted(&self.table, cpu)
    }

    fn visit(&self, cpu: usize, visit: impl FnMut(usize, Way)) {
        self.table.visit(cpu, visit);
    }

    fn key(&self, slot: usize) -> FlowKey {
        self.table.key(slot)
    }

    fn volume(&self, slot: usize) -> Volume {
        self.table.volume(slot)
    }

    fn remembered(&self, slot: usize) -> Volume {
        let word = |at: usize| self.remembered[at].load(Ordering::SeqCst);
        Volume { packets: word(2 * slot), bytes: word(2 * slot + 1) }
    }

    fn remember(&self, slot: usize, volume: Volume) {
        let Volume { packets, bytes } = volume;
        self.remembered[2 * slot].store(packets, Ordering::SeqCst);
        self.remembered[2 * slot + 1].store(bytes, Ordering::SeqCst);
    }

    fn retire(&self, slot: usize) {
        self.table.retire(slot);
    }

    fn is_retired(&self, slot: usize) -> bool {
        self.table.is_retired(slot)
    }

    fn free(&self, slot: usize) {
        self.table.free(slot);
    }
}

impl Ways {
    pub(super) fn table(&self) -> KeptTable {
        let table = Table::new(Arc::clone(&self.0), None, CPUS);
        KeptTable { table, remembered: Arc::clone(&self.1) }
    }

    /// Returns the table as it is now. The volumes that are written down are
    /// copied last: they are never behind the others.
    pub(super) fn copy(&self) -> Self {
        let words = copy(&self.0);
        Self(words, copy(&self.1))
    }

    pub(super) fn room(&self) -> Room {
        Room {
            table_bytes: 8 * self.0.len() as u64,
            table_entries: (CPUS * WAYS) as u64,
            ..Room::default()
        }
    }

    fn entry(&self, cpu: usize, way: usize) -> &[AtomicU64] {
        &self.0[cpu * SET_WORDS + way * ENTRY_WORDS..][..ENTRY_WORDS]
    }

    /// Counts a packet as a program does; returns whether its flow is new on
    /// this CPU, and nothing where there is no room for it.
    pub(super) fn count(
        &self,
        cpu: usize,
        key: &FlowKey,
        volume: Volume,
    ) -> Option<bool> {
        let wanted = Tag::of(key, 7).0;
        let (high, _) = key.remote.split_at(8);
        let remote = u64::from_ne_bytes(high.try_into().unwrap());
        let has = |way: usize, tag: u64| {
            self.entry(cpu, way)[0].load(Ordering::Acquire) == tag
        };
        let is_its = |way: &usize| {
            let address = self.entry(cpu, *way)[1].load(Ordering::Relaxed);
            has(*way, wanted)
                && (key.ip_version == IpVersion::V4 || address == remote)
        };
        let known = (0..WAYS).find(is_its);
        let way = known.or_else(|| (0..WAYS).find(|&way| has(way, 0)))?;
        let entry = self.entry(cpu, way);
        if known.is_none() {
            entry[1].store(remote, Ordering::Relaxed);
            entry[0].swap(wanted, Ordering::AcqRel);
        }
        entry[2].fetch_add(volume.packets, Ordering::Relaxed);
        entry[3].fetch_add(volume.bytes, Ordering::Relaxed);
        Some(known.is_none())
    }

    /// Returns whether an interface has a way that is not free.
    pub(super) fn has(&self, interface: InterfaceId) -> bool {
        (0..CPUS * WAYS).any(|slot| {
            let tag = &self.entry(slot / WAYS, slot % WAYS)[0];
            let tag = Tag(tag.load(Ordering::Acquire));
            !tag.is_free() && tag.key([0, 0]).interface == interface
        })
    }
}
