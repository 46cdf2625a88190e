//! Reads the counts from the maps.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::MapData;
use aya::programs::{TestRun as _, TestRunOptions};

use super::abi::{
    DIRECTION_ORDER, FAMILY_ORDER, TrafficKey, TrafficTotal, names,
};
use super::baselines::Baselines;
use super::counters::{self, Totals};
use super::error::Error;
use super::flows::{FlowMaps, FlowReader};
use super::mapping::MappedWords;
use super::parts::{ReadCounts, Room, Sweep};
use super::rights::Rights;
use super::table::Table;
use super::{grace, object, sys};
use crate::accounting::{FlowKey, InterfaceTotal, KernelCounter, Volume};

/// The real maps.
pub struct TrafficReader {
    /// The object, for its clock.
    pub(super) ebpf: Arc<Ebpf>,
    pub(super) baselines: Baselines,
    pub(super) totals: Arc<Totals<MappedWords>>,
    pub(super) statistics: MappedWords,
    pub(super) table: Option<Table<MappedWords>>,
    pub(super) admission: MappedWords,
    pub(super) room: Room,
    pub(super) flows: MapData,
    /// The totals of classes outside of the flow table, if there are classes.
    pub(super) class_totals: Option<MapData>,
    pub(super) flow_reader: FlowReader,
    /// By CPU, packets of the attached interfaces at the last sweep.
    pub(super) packets: Vec<u64>,
    /// The number of releases at the last sweep.
    pub(super) releases: u64,
    /// Packets that the map had counted before the last time it was read.
    pub(super) map_packets: Option<u64>,
    pub(super) map_entries: NonZeroU32,
    pub(super) tick: Duration,
    pub(super) rights: Rights,
}

impl TrafficReader {
    /// Reads the totals, and finds the CPUs that counted anything since the
    /// last sweep: the flows of the others are unchanged. Returns the number of
    /// packets that each CPU has counted.
    fn read_totals(&mut self, totals: &mut Vec<InterfaceTotal>) -> Vec<u64> {
        totals.clear();
        let mut packets = vec![0; self.packets.len()];
        let in_use = self.baselines.in_use();
        let is_released = in_use.releases != self.releases;
        self.releases = in_use.releases;
        for (&interface, baseline) in &in_use.by_number {
            for (index, &direction) in DIRECTION_ORDER.iter().enumerate() {
                let mut total = TrafficTotal::default();
                let by_cpu = self.totals.by_cpu(interface, index);
                for (own, packets) in by_cpu.zip(&mut packets) {
                    total += own;
                    *packets += own.packets.iter().sum::<u64>();
                }
                let baseline = baseline[index];
                for (i, &family) in FAMILY_ORDER.iter().enumerate() {
                    totals.push(InterfaceTotal {
                        interface,
                        direction,
                        family,
                        volume: Volume {
                            packets: total.packets[i] - baseline.packets[i],
                            bytes: total.bytes[i] - baseline.bytes[i],
                        },
                    });
                }
            }
        }
        drop(in_use);
        if let Some(table) = &mut self.table {
            for (cpu, now) in packets.iter().enumerate() {
                // The sums lack a released number, and other numbers may make
                // up for it. The program counts a packet's flow before its
                // total.
                let has_counted = is_released || *now != self.packets[cpu];
                table.set_has_counted(cpu, has_counted);
            }
        }
        packets
    }

    /// Returns the time in the unit of `last_seen`.
    fn now(&self) -> Result<u32, Error> {
        // The smallest packet that the kernel lets a program run on.
        const PACKET: [u8; 14] = [0; 14];
        let mut options = TestRunOptions::new();
        options.data_in = Some(&PACKET);
        object::classifier(&self.ebpf, names::CLOCK)
            .and_then(|clock| clock.test_run(options))
            .map(|result| result.return_value)
            .map_err(|error| {
                Error::call("read the kernel's clock", io::Error::other(error))
            })
    }
}

impl ReadCounts for TrafficReader {
    type Table = Table<MappedWords>;

    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error> {
        sweep.counters = counters::counters_in(&self.statistics);
        let map_packets = sweep.counters[KernelCounter::MapPackets];
        let packets = self.read_totals(&mut sweep.totals);
        // The program counts a packet of the map, and a flow that is new there,
        // after the flow and before the total. While these counters, read after
        // the totals, are unchanged, the map has no more packets of these
        // totals, and no unknown flow.
        let newest = counters::counters_in(&self.statistics);
        sweep.has_readings =
            self.map_packets != Some(newest[KernelCounter::MapPackets]);
        if !sweep.has_readings {
            self.packets = packets;
            return Ok(());
        }
        self.map_packets = None;
        // The buffers need not be larger than the map.
        let batch_size = batch_size.min(self.map_entries);
        self.flow_reader
            .read(
                FlowMaps {
                    flows: self.flows.fd().as_fd(),
                    class_totals: self
                        .class_totals
                        .as_ref()
                        .map(|it| it.fd().as_fd()),
                },
                batch_size,
                newest[KernelCounter::NewKeys],
                &mut sweep.readings,
            )
            .map_err(|source| {
                let error = Error::call("read the map of flows", source);
                self.rights.explain(error)
            })?;
        sweep.now = self.now()?;
        // Recorded only after success, so that the next sweep reads the counts
        // that a failed one missed.
        self.map_packets = Some(map_packets);
        self.packets = packets;
        // The admitted keys are read now, and as many may come again.
        for admitted in &*self.admission {
            admitted.store(0, Ordering::Relaxed);
        }
        Ok(())
    }

    fn table(&self) -> Option<&Self::Table> {
        self.table.as_ref()
    }

    fn wait_for_programs(&self) -> Result<(), Error> {
        grace::wait().map_err(|source| {
            Error::call("wait for the end of running programs", source)
        })
    }

    fn room(&self) -> Room {
        self.room.clone()
    }

    fn remove_flow(&mut self, flow: &FlowKey) -> Result<bool, Error> {
        let map = match &self.class_totals {
            Some(totals) if flow.is_without_remote() => totals,
            _ => &self.flows,
        };
        sys::delete_flow(map.fd().as_fd(), &TrafficKey::from(flow)).map_err(
            |source| Error::call("remove a flow of a gone interface", source),
        )
    }

    fn tick(&self) -> Duration {
        self.tick
    }
}
