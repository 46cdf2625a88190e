//! The programs in the kernel: loads them, attaches them and reads their maps.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::time::Duration;

use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray};
use aya::programs::{
    ProgramError, SchedClassifier, TestRun as _, TestRunOptions,
};
use aya::util::nr_cpus;
use aya::{Ebpf, EbpfLoader};

use super::abi::{
    DIRECT_IFINDEXES, DIRECTION_ORDER, FAMILY_ORDER, INTERFACES, TrafficKey,
    TrafficStatistics, TrafficTotal, names,
};
use super::error::{Error, io_error, load_error};
use super::flows::FlowReader;
use super::links::Links;
use super::slots::Slots;
use super::{Interface, LinkLayer, Probe, Statistics, Sweep, sys, version};
use crate::accounting::{FlowKey, InterfaceId, InterfaceTotal, Volume};

/// The object that `build.rs` compiled.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/traffic.bpf.o"));

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
    totals: PerCpuArray<MapData, TrafficTotal>,
    statistics: PerCpuArray<MapData, TrafficStatistics>,
    interfaces: Array<MapData, u32>,
    far_interfaces: HashMap<MapData, u32, u32>,
    flows: MapData,
    flow_reader: FlowReader,
    map_max_entries: NonZeroU32,
    slots: Slots,
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
        let mut ebpf = EbpfLoader::new()
            .map_max_entries(names::FLOWS, settings.map_max_entries.get())
            .override_global(
                names::IPV4_PREFIX_LENGTH,
                &u32::from(settings.ipv4_prefix_length),
                true,
            )
            .override_global(
                names::IPV6_PREFIX_LENGTH,
                &u32::from(settings.ipv6_prefix_length),
                true,
            )
            .load(OBJECT)
            .map_err(load_error)?;
        for name in [
            names::INGRESS,
            names::EGRESS,
            names::INGRESS_L3,
            names::EGRESS_L3,
            names::CLOCK,
        ] {
            classifier_mut(&mut ebpf, name)
                .and_then(SchedClassifier::load)
                .map_err(|error| load_error(error.into()))?;
        }
        let cpus = nr_cpus().map_err(|(path, source)| Error::Call {
            action: format!("read {path}"),
            source,
        })?;
        let tick = sys::jiffy().map_err(|source| {
            Error::call("read the resolution of the coarse clock", source)
        })?;
        let map_error = |error: MapError| load_error(error.into());
        Ok(Self {
            totals: take(&mut ebpf, names::TOTALS)?
                .try_into()
                .map_err(map_error)?,
            statistics: take(&mut ebpf, names::STATISTICS)?
                .try_into()
                .map_err(map_error)?,
            interfaces: take(&mut ebpf, names::INTERFACES)?
                .try_into()
                .map_err(map_error)?,
            far_interfaces: take(&mut ebpf, names::FAR_INTERFACES)?
                .try_into()
                .map_err(map_error)?,
            flows: match take(&mut ebpf, names::FLOWS)? {
                Map::PerCpuLruHashMap(map) => map,
                _ => return Err(missing_part(names::FLOWS)),
            },
            flow_reader: FlowReader::new(cpus),
            map_max_entries: settings.map_max_entries,
            slots: Slots::new(INTERFACES),
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

    fn total(
        &self,
        interface: InterfaceId,
        direction: usize,
    ) -> Result<TrafficTotal, Error> {
        let index = interface.0 * 2 + u32::from(direction != 0);
        let values = self.totals.get(&index, 0).map_err(|error| {
            Error::call("read the map of totals", io_error(error))
        })?;
        let mut sum = TrafficTotal::default();
        for value in values.iter() {
            for family in 0..FAMILY_ORDER.len() {
                sum.packets[family] += value.packets[family];
                sum.bytes[family] += value.bytes[family];
            }
        }
        Ok(sum)
    }

    fn attach_links(&self, interface: &Interface) -> Result<Links, Error> {
        let (ingress, egress) = match interface.link_layer {
            LinkLayer::Ethernet => (names::INGRESS, names::EGRESS),
            LinkLayer::None => (names::INGRESS_L3, names::EGRESS_L3),
        };
        let program = |name| {
            classifier(&self.ebpf, name).and_then(SchedClassifier::fd).map_err(
                |error| {
                    Error::call(
                        format!("attach to interface {}", interface.name),
                        io::Error::other(error),
                    )
                },
            )
        };
        Links::attach(
            interface,
            program(ingress)?.as_fd(),
            program(egress)?.as_fd(),
        )
    }

    fn read_statistics(&self) -> Result<Statistics, Error> {
        let values = self.statistics.get(&0, 0).map_err(|error| {
            Error::call("read the map of statistics", io_error(error))
        })?;
        let mut sum = Statistics::default();
        for value in values.iter() {
            sum.new_keys += value.new_keys;
            sum.lookup_failures += value.lookup_failures;
            sum.update_failures += value.update_failures;
            sum.unknown_interfaces += value.unknown_interfaces;
        }
        Ok(sum)
    }

    fn read_totals(
        &self,
        totals: &mut Vec<InterfaceTotal>,
    ) -> Result<(), Error> {
        totals.clear();
        for (&interface, attachment) in &self.attachments {
            for (index, &direction) in DIRECTION_ORDER.iter().enumerate() {
                let total = self.total(interface, index)?;
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
        Ok(())
    }

    /// Returns the time in the unit of `last_seen`.
    fn now(&self) -> Result<u32, Error> {
        // The smallest packet that the kernel lets a program run on.
        const PACKET: [u8; 14] = [0; 14];
        let mut options = TestRunOptions::new();
        options.data_in = Some(&PACKET);
        classifier(&self.ebpf, names::CLOCK)
            .and_then(|clock| clock.test_run(options))
            .map(|result| result.return_value)
            .map_err(|error| {
                Error::call("read the kernel's clock", io::Error::other(error))
            })
    }
}

impl Probe for TrafficProbe {
    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error> {
        let id = self
            .slots
            .take()
            .ok_or(Error::TooManyInterfaces { limit: INTERFACES })?;
        let attached = (|| {
            let baseline = [self.total(id, 0)?, self.total(id, 1)?];
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

    fn release(&mut self, interface: InterfaceId) {
        if self.attachments.remove(&interface).is_some() {
            self.slots.give_back(interface);
        }
    }

    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error> {
        sweep.statistics = self.read_statistics()?;
        self.read_totals(&mut sweep.totals)?;
        // The buffers need not be larger than the map.
        let batch_size = batch_size.min(self.map_max_entries);
        self.flow_reader
            .read(self.flows.fd().as_fd(), batch_size, &mut sweep.readings)
            .map_err(|source| Error::call("read the map of flows", source))?;
        sweep.now = self.now()?;
        Ok(())
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

fn classifier<'a>(
    ebpf: &'a Ebpf,
    name: &str,
) -> Result<&'a SchedClassifier, ProgramError> {
    ebpf.program(name)
        .ok_or_else(|| ProgramError::InvalidName { name: name.into() })?
        .try_into()
}

fn classifier_mut<'a>(
    ebpf: &'a mut Ebpf,
    name: &str,
) -> Result<&'a mut SchedClassifier, ProgramError> {
    ebpf.program_mut(name)
        .ok_or_else(|| ProgramError::InvalidName { name: name.into() })?
        .try_into()
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| missing_part(name))
}

fn missing_part(name: &str) -> Error {
    Error::Load { reason: format!("the object has no fitting {name:?}") }
}
