//! The programs in the kernel: loads them, attaches them and reads their maps.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions};

use super::abi::{
    DIRECT_IFINDEXES, DIRECTION_ORDER, FAMILY_ORDER, INTERFACES, TrafficKey,
    TrafficTotal, names,
};
use super::counters::{self, Totals};
use super::cpus::Cpus;
use super::error::{Error, io_error, load_error};
use super::flows::FlowReader;
use super::links::{Attacher, Hook, Links};
use super::mapping::MappedWords;
use super::sizes::Sizes;
use super::slots::Slots;
use super::table::Table;
use super::{
    Interface, LinkLayer, Probe, Room, Sweep, grace, object, sys, version,
};
use crate::accounting::{FlowKey, InterfaceId, InterfaceTotal, Volume};

/// What is decided before the programs are loaded and not again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    /// How many flows the map holds.
    pub map_max_entries: NonZeroU32,
    /// How many bits of an IPv4 address are kept, at most 32.
    pub ipv4_prefix_length: u8,
    /// How many bits of an IPv6 address are kept, at most 128.
    pub ipv6_prefix_length: u8,
}

/// The real kernel side. Dropping it detaches everything.
pub struct TrafficProbe {
    ebpf: Ebpf,
    totals: Totals<MappedWords>,
    statistics: MappedWords,
    table: Option<Table<MappedWords>>,
    admission: MappedWords,
    room: Room,
    interfaces: Array<MapData, u32>,
    far_interfaces: HashMap<MapData, u32, u32>,
    flows: MapData,
    flow_reader: FlowReader,
    /// By CPU, packets of the interfaces that are attached, at the last sweep.
    packets: Vec<u64>,
    /// Packets that the map had counted before it was read last.
    map_packets: Option<u64>,
    map_entries: NonZeroU32,
    slots: Slots,
    attacher: Attacher,
    attachments: BTreeMap<InterfaceId, Attachment>,
    tick: Duration,
}

/// What there is to know about a number that is in use.
struct Attachment {
    /// None once the interface is detached.
    links: Option<Links>,
    /// What the totals showed when the number was taken: they are never set
    /// back, so that a packet still being counted cannot undo it.
    baseline: [TrafficTotal; 2],
}

impl TrafficProbe {
    /// Loads the programs and creates the maps. Attaches to nothing.
    ///
    /// # Errors
    /// Where the kernel is too old or a capability is missing, and names them.
    pub fn load(settings: &ProbeSettings) -> Result<Self, Error> {
        version::check()?;
        // Two links an interface are two files, and the usual soft limit is
        // 1,024. Where this fails, attaching says what is missing.
        let _ = sys::raise_open_files();
        let cpus = Cpus::possible()?;
        let obstacle = grace::obstacle();
        let sizes = Sizes::of(settings, cpus.ids, obstacle.is_none());
        let mut ebpf = object::load(settings, sizes, cpus.ids)?;
        let tick = sys::jiffy().map_err(|source| {
            Error::call("read the resolution of the coarse clock", source)
        })?;
        let map_error = |error: MapError| load_error(error.into());
        let table = match sizes.table_sets {
            0 => None,
            _ => {
                let words = object::take_mapped(&mut ebpf, names::FLOW_TABLE)?;
                let rests = sizes
                    .has_rests
                    .then(|| object::take_mapped(&mut ebpf, names::TABLE_RESTS))
                    .transpose()?;
                Some(Table::new(words, rests, cpus.ids))
            }
        };
        Ok(Self {
            totals: Totals(object::take_mapped(&mut ebpf, names::TOTALS)?),
            statistics: object::take_mapped(&mut ebpf, names::STATISTICS)?,
            admission: object::take_mapped(&mut ebpf, names::ADMISSION)?,
            room: Room {
                table_bytes: sizes.table_bytes(cpus.ids),
                table_entries: sizes.table_entries(cpus.ids),
                map_entries: sizes.map_entries.get().into(),
                without_table: obstacle.map(str::to_owned),
            },
            table,
            interfaces: object::take(&mut ebpf, names::INTERFACES)?
                .try_into()
                .map_err(map_error)?,
            far_interfaces: object::take(&mut ebpf, names::FAR_INTERFACES)?
                .try_into()
                .map_err(map_error)?,
            flows: match object::take(&mut ebpf, names::FLOWS)? {
                Map::PerCpuLruHashMap(map) => map,
                _ => return Err(object::missing_part(names::FLOWS)),
            },
            flow_reader: FlowReader::new(cpus.count),
            packets: vec![0; cpus.ids],
            map_packets: None,
            map_entries: sizes.map_entries,
            slots: Slots::new(INTERFACES),
            attacher: Attacher::find()?,
            attachments: BTreeMap::new(),
            tick,
            ebpf,
        })
    }

    /// Writes which number a device's packets are counted under: none where
    /// `number` is zero.
    fn set_number(&mut self, ifindex: u32, number: u32) -> Result<(), Error> {
        let result = if ifindex < DIRECT_IFINDEXES {
            self.interfaces.set(ifindex, number, 0)
        } else if number == 0 {
            match self.far_interfaces.remove(&ifindex) {
                Err(MapError::KeyNotFound) => Ok(()),
                other => other,
            }
        } else {
            self.far_interfaces.insert(ifindex, number, 0)
        };
        result.map_err(|error| {
            Error::call("write the map of interfaces", io_error(error))
        })
    }

    fn attach_links(&self, interface: &Interface) -> Result<Links, Error> {
        let (ingress, egress) = match interface.link_layer {
            LinkLayer::Ethernet => (names::INGRESS, names::EGRESS),
            LinkLayer::None => (names::INGRESS_L3, names::EGRESS_L3),
        };
        let program = |name| {
            object::classifier(&self.ebpf, name)
                .and_then(SchedClassifier::fd)
                .map_err(|error| {
                    Error::call(
                        format!("attach to interface {}", interface.name),
                        io::Error::other(error),
                    )
                })
        };
        self.attacher.attach(
            interface,
            program(ingress)?.as_fd(),
            program(egress)?.as_fd(),
        )
    }

    /// Reads the totals, and finds on which CPUs anything was counted since
    /// the last sweep: the flows of the others are as they were. Returns how
    /// many packets each CPU has counted.
    fn read_totals(&mut self, totals: &mut Vec<InterfaceTotal>) -> Vec<u64> {
        totals.clear();
        let mut packets = vec![0; self.packets.len()];
        for (&interface, attachment) in &self.attachments {
            for (index, &direction) in DIRECTION_ORDER.iter().enumerate() {
                let mut total = TrafficTotal::default();
                let by_cpu = self.totals.by_cpu(interface, index);
                for (own, packets) in by_cpu.zip(&mut packets) {
                    total += own;
                    *packets += own.packets.iter().sum::<u64>();
                }
                let baseline = attachment.baseline[index];
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
        if let Some(table) = &mut self.table {
            for (cpu, now) in packets.iter().enumerate() {
                // The program counts a packet's flow before its total.
                table.set_has_counted(cpu, *now != self.packets[cpu]);
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

impl Probe for TrafficProbe {
    type Table = Table<MappedWords>;

    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error> {
        let id = self
            .slots
            .take()
            .ok_or(Error::TooManyInterfaces { limit: INTERFACES })?;
        let attached = (|| {
            let baseline = [0, 1].map(|index| self.totals.of(id, index));
            // First the links, then the number: no packet is counted before
            // it is certain whose it is, and where attaching fails half-way,
            // none was.
            let links = self.attach_links(interface)?;
            self.set_number(interface.ifindex, id.0 + 1)?;
            Ok(Attachment { links: Some(links), baseline })
        })();
        match attached {
            Ok(attachment) => {
                self.attachments.insert(id, attachment);
                Ok(id)
            }
            Err(error) => {
                self.slots.give_back(id);
                Err(error)
            }
        }
    }

    fn has_number(&self) -> bool {
        self.slots.has_free()
    }

    fn detach(&mut self, interface: InterfaceId) {
        let links = self
            .attachments
            .get_mut(&interface)
            .and_then(|attachment| attachment.links.take());
        let Some(links) = links else { return };
        // First the number, then the links, which takes long: a device that
        // was moved to another network namespace is still seen. Where the
        // entry cannot be cleared, the number in it is soon another's; but no
        // program runs on that device any more.
        let _ = self.set_number(links.ifindex(), 0);
        drop(links);
    }

    fn is_attached(&self, interface: InterfaceId) -> bool {
        self.attachments
            .get(&interface)
            .and_then(|attachment| attachment.links.as_ref())
            .is_some_and(Links::are_attached)
    }

    fn hook(&self) -> Hook {
        self.attacher.hook()
    }

    fn take_notices(&mut self) -> Vec<String> {
        self.attacher.take_notices()
    }

    fn release(&mut self, interface: InterfaceId) {
        if self.attachments.remove(&interface).is_some() {
            self.slots.give_back(interface);
            // The next sums are without it, and others may make up for it:
            // every CPU is looked at.
            self.packets.fill(u64::MAX);
        }
    }

    fn may_read(&self) -> bool {
        let read = self.interfaces.get(&0, 0).map_err(|error| {
            Error::call("read the map of interfaces", io_error(error))
        });
        !matches!(read, Err(Error::NotPermitted { .. }))
    }

    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error> {
        let statistics = counters::statistics_in(&self.statistics);
        sweep.statistics = statistics;
        let packets = self.read_totals(&mut sweep.totals);
        // The program counts a packet of the map, and a flow that is new there,
        // behind the flow and before the total: as long as these numbers, read
        // behind the totals, are the same, the map has no more of what is in
        // them, and no flow that is not known.
        let newest = counters::statistics_in(&self.statistics);
        sweep.has_readings = self.map_packets != Some(newest.map_packets);
        if !sweep.has_readings {
            self.packets = packets;
            return Ok(());
        }
        self.map_packets = None;
        // The buffers need not be larger than the map.
        let batch_size = batch_size.min(self.map_entries);
        self.flow_reader
            .read(
                self.flows.fd().as_fd(),
                batch_size,
                newest.new_keys,
                &mut sweep.readings,
            )
            .map_err(|source| Error::call("read the map of flows", source))?;
        sweep.now = self.now()?;
        // Not before all went well: what a failed sweep missed, the next one
        // looks for.
        self.map_packets = Some(statistics.map_packets);
        self.packets = packets;
        // What was taken in is read now, and as much may come again.
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
        sys::delete_flow(self.flows.fd().as_fd(), &TrafficKey::from(flow))
            .map_err(|source| {
                Error::call("remove a flow of a gone interface", source)
            })
    }

    fn tick(&self) -> Duration {
        self.tick
    }
}
