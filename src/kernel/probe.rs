//! The programs in the kernel: loads them, attaches them and reads their maps.

use std::io;
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{Map, MapData, MapError};
use aya::programs::{TestRun as _, TestRunOptions};

use super::abi::{
    DIRECTION_ORDER, FAMILY_ORDER, TrafficKey, TrafficTotal, names,
};
use super::attachments::{Attachment, Attachments};
use super::counters::{self, Totals};
use super::cpus::Cpus;
use super::error::{Error, load_error, missing_part};
use super::flows::FlowReader;
use super::ipsec::{self, IpsecSwitch, IpsecWatch};
use super::kept::{Keep, Loaded, Loader};
use super::links::{Attacher, Hook};
use super::mapping::MappedWords;
use super::read_volumes::ReadVolumes;
use super::settings::ProbeSettings;
use super::sizes::Sizes;
use super::table::Table;
use super::{
    Adopted, Interface, Probe, Room, Sweep, grace, object, sys, version,
};
use crate::accounting::{
    FlowKey, Incarnation, InterfaceId, InterfaceTotal, Volume,
};

/// The real kernel side. Dropping it detaches everything but what is kept.
pub struct TrafficProbe {
    ebpf: Ebpf,
    totals: Totals<MappedWords>,
    statistics: MappedWords,
    table: Option<Table<MappedWords>>,
    admission: MappedWords,
    room: Room,
    flows: MapData,
    flow_reader: FlowReader,
    /// By CPU, packets of the interfaces that are attached, at the last sweep.
    packets: Vec<u64>,
    /// Packets that the map had counted before it was read last.
    map_packets: Option<u64>,
    map_entries: NonZeroU32,
    attachments: Attachments,
    /// None where the kernel does not tell what IPsec decrypted.
    ipsec: Option<IpsecWatch>,
    /// Why nothing, or nothing of before, is kept.
    notices: Vec<String>,
    tick: Duration,
}

impl TrafficProbe {
    /// Loads the programs, and creates the maps or takes over those that an
    /// earlier process kept. Attaches to nothing.
    ///
    /// # Errors
    /// Where the kernel is too old or a capability is missing, and names them.
    pub fn load(
        settings: &ProbeSettings,
        keep: Option<Keep>,
    ) -> Result<Self, Error> {
        version::check()?;
        // Two links an interface are two files, and the usual soft limit is
        // 1,024. Where this fails, attaching says what is missing.
        let _ = sys::raise_open_files();
        let cpus = Cpus::possible()?;
        let obstacle = grace::obstacle();
        let sizes = Sizes::of(settings, cpus.ids, obstacle.is_none());
        let attacher = Attacher::find()?;
        let hook = attacher.hook();
        let is_ipsec_told = ipsec::is_told();
        let loader =
            Loader { settings, sizes, cpus: cpus.ids, hook, is_ipsec_told };
        let Loaded { mut ebpf, kept, notices } = loader.load(keep)?;
        let tick = sys::jiffy().map_err(|source| {
            Error::call("read the resolution of the coarse clock", source)
        })?;
        let map_error = |error: MapError| load_error(error.into());
        let mut table = match sizes.table_sets {
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
        if let (Some(table), Some(_)) = (&mut table, &kept) {
            let words = object::take_mapped(&mut ebpf, names::TABLE_MARKS)?;
            table.remember_in(ReadVolumes::new(words));
        }
        let interfaces = object::take(&mut ebpf, names::INTERFACES)?;
        let switch = match &interfaces {
            Map::Array(map) => object::map_words(map)
                .map_err(|source| Error::call("map interfaces", source))?,
            _ => return Err(missing_part(names::INTERFACES)),
        };
        let switch = Arc::new(IpsecSwitch::new(switch));
        Ok(Self {
            ipsec: is_ipsec_told
                .then(|| IpsecWatch::start(Arc::clone(&switch))),
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
            attachments: Attachments::new(
                attacher,
                kept,
                interfaces.try_into().map_err(map_error)?,
                object::take(&mut ebpf, names::FAR_INTERFACES)?
                    .try_into()
                    .map_err(map_error)?,
                switch,
            ),
            flows: match object::take(&mut ebpf, names::FLOWS)? {
                Map::PerCpuLruHashMap(map) => map,
                _ => return Err(missing_part(names::FLOWS)),
            },
            flow_reader: FlowReader::new(cpus.count),
            packets: vec![u64::MAX; cpus.ids],
            map_packets: None,
            map_entries: sizes.map_entries,
            notices,
            tick,
            ebpf,
        })
    }

    /// Returns what watches for IPsec, for a thread that does.
    pub fn take_ipsec_watch(&mut self) -> Option<IpsecWatch> {
        self.ipsec.take()
    }

    /// Reads the totals, and finds on which CPUs anything was counted since
    /// the last sweep: the flows of the others are as they were. Returns how
    /// many packets each CPU has counted.
    fn read_totals(&mut self, totals: &mut Vec<InterfaceTotal>) -> Vec<u64> {
        totals.clear();
        let mut packets = vec![0; self.packets.len()];
        for (&interface, attachment) in self.attachments.iter() {
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

    fn adopt(&mut self) -> Result<Option<Vec<Adopted>>, Error> {
        match &self.attachments.kept {
            Some(kept) if kept.is_adopted => {
                let programs = object::programs(&self.ebpf)?;
                Ok(Some(self.attachments.adopt(programs)))
            }
            _ => Ok(None),
        }
    }

    fn incarnation(&self) -> Option<Incarnation> {
        let kept = self.attachments.kept.as_ref()?;
        let of = |(&id, attachment): (&InterfaceId, &Attachment)| {
            (id, attachment.serial)
        };
        let serials = self.attachments.iter().map(of).collect();
        Some(Incarnation { epoch: kept.ledger.epoch(), serials })
    }

    fn keep_counting(&mut self) {
        if let Some(kept) = &mut self.attachments.kept {
            kept.let_stay();
        }
    }

    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error> {
        let Self { attachments, totals, ebpf, .. } = self;
        let programs = object::programs(ebpf)?;
        attachments.attach(interface, programs, |id| {
            [0, 1].map(|index| totals.of(id, index))
        })
    }

    fn has_number(&self) -> bool {
        self.attachments.has_number()
    }

    fn detach(&mut self, interface: InterfaceId) {
        self.attachments.detach(interface);
    }

    fn is_attached(&self, interface: InterfaceId) -> bool {
        self.attachments.is_attached(interface)
    }

    fn hook(&self) -> Hook {
        self.attachments.attacher.hook()
    }

    fn take_notices(&mut self) -> Vec<String> {
        let mut notices = std::mem::take(&mut self.notices);
        notices.append(&mut self.attachments.take_notices());
        notices
    }

    fn release(&mut self, interface: InterfaceId) {
        if self.attachments.release(interface) {
            // The next sums are without it, and others may make up for it:
            // every CPU is looked at.
            self.packets.fill(u64::MAX);
        }
    }

    fn may_read(&self) -> bool {
        self.attachments.may_read()
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
