//! What the kernel side holds: devices, flows and totals, and how packets
//! change them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use geoip_exporter::accounting::{
    Direction, Family, FlowKey, InterfaceId, IpVersion, KernelCounter,
    KernelCounters, Volume,
};
use geoip_exporter::kernel::{Interface, InterfaceName, ProbeSettings};

use super::crash::Kept;
use super::fake::FakeHost;
use super::table::{CPUS, Ways};
use super::tcp::Tcp;

/// A packet or many, before anybody counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet {
    pub(super) ifindex: u32,
    pub(super) direction: Direction,
    /// None is no IP.
    pub(super) remote: Option<IpAddr>,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// What the kernel side is to refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    pub(super) reads: bool,
    pub(super) panics: bool,
    pub(super) attaching: bool,
    pub(super) permission: bool,
    pub(super) removing_flows: bool,
    /// How long a sweep takes.
    pub(super) slow_reads: Duration,
    /// How many devices are attached to before the next one has to wait.
    pub(super) attach_limit: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Attachment {
    pub(super) ifindex: u32,
    /// Which device it was.
    pub(super) incarnation: u64,
    pub(super) is_detached: bool,
    /// No other attachment has it.
    pub(super) serial: u64,
    pub(super) name: Option<InterfaceName>,
}

#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) volume: Volume,
    /// In the last sweep that went well.
    pub(super) read: Volume,
    pub(super) generation: u32,
    pub(super) last_seen: u32,
}

/// What both halves of the fake share with the test.
#[derive(Clone, Debug, Default)]
pub(super) struct Kernel {
    pub(super) tcp: Tcp,
    /// Each with a number that no other device ever had.
    pub(super) devices: BTreeMap<u32, (u64, Interface)>,
    pub(super) incarnations: u64,
    /// The devices with a default route, and whether that is told.
    pub(super) default_routes: BTreeSet<u32>,
    pub(super) are_routes_wanted: bool,
    pub(super) attachments: BTreeMap<InterfaceId, Attachment>,
    /// The flow table, if there is one.
    pub(super) ways: Option<Ways>,
    pub(super) flows: BTreeMap<FlowKey, Flow>,
    /// Packets that the map had counted when it was read last; none where it
    /// is to be read in any case.
    pub(super) read_map_packets: Option<u64>,
    pub(super) totals: BTreeMap<(InterfaceId, Direction, Family), Volume>,
    pub(super) counters: KernelCounters,
    pub(super) settings: Option<ProbeSettings>,
    /// The time in ticks of 10 ms.
    pub(super) now: u32,
    pub(super) failures: Failures,
    /// Counted in the next read between the totals and the flows.
    pub(super) mid_read: Vec<Packet>,
    /// Sweeps begun.
    pub(super) reads: u64,
    pub(super) batch_size: u32,
    pub(super) evictions: u64,
    /// Bytes of flows that were evicted before they were read.
    pub(super) lost: u64,
    /// All that the hooks ever saw.
    pub(super) seen: BTreeMap<(Direction, Family), Volume>,
    pub(super) is_dropped: bool,
    /// What outlives the daemon, if anything does.
    pub(super) kept: Option<Kept>,
    /// Where the daemon broke the rules of the probe.
    pub(super) faults: Vec<String>,
}

impl Kernel {
    /// Returns the number that a device's packets are counted under.
    fn counted_as(&self, ifindex: u32) -> Option<InterfaceId> {
        let (incarnation, _) = self.devices.get(&ifindex)?;
        let attached = self.attachments.iter().find(|(_, attachment)| {
            !attachment.is_detached
                && attachment.ifindex == ifindex
                && attachment.incarnation == *incarnation
        });
        attached.map(|(&id, _)| id)
    }

    pub(super) fn has(&self, ifindex: u32) -> bool {
        self.devices.contains_key(&ifindex)
    }

    pub(super) fn is_counted(&self, ifindex: u32) -> bool {
        self.counted_as(ifindex).is_some()
    }

    /// Returns the names of the devices that are counted.
    pub(super) fn counted_names(&self) -> BTreeSet<String> {
        let devices = self.devices.iter();
        let counted = devices.filter(|&(&ifindex, _)| self.is_counted(ifindex));
        counted.map(|(_, (_, device))| device.name.to_string()).collect()
    }

    /// Counts as the programs do, where the device is attached.
    pub(super) fn count(&mut self, packet: &Packet) {
        let Some(interface) = self.counted_as(packet.ifindex) else { return };
        let volume = Volume { packets: packet.packets, bytes: packet.bytes };
        let direction = packet.direction;
        let mut family = Family::NonIp;
        if let Some(remote) = packet.remote {
            let (ip_version, remote) = self.prefix(remote);
            family = Family::Ip(ip_version);
            let key =
                FlowKey { interface, direction, ip_version, class: 0, remote };
            self.count_flow(key, volume);
        }
        let total = (interface, direction, family);
        *self.totals.entry(total).or_default() += volume;
        *self.seen.entry((direction, family)).or_default() += volume;
    }

    fn prefix(&self, address: IpAddr) -> (IpVersion, [u8; 16]) {
        let settings = self.settings.unwrap();
        let mut remote = [0; 16];
        let (version, length) = match address {
            IpAddr::V4(v4) => {
                remote[..4].copy_from_slice(&v4.octets());
                (IpVersion::V4, settings.ipv4_prefix_length)
            }
            IpAddr::V6(v6) => {
                remote = v6.octets();
                (IpVersion::V6, settings.ipv6_prefix_length)
            }
        };
        let mask = u128::MAX << (128 - u32::from(length));
        (version, (u128::from_be_bytes(remote) & mask).to_be_bytes())
    }

    fn count_flow(&mut self, key: FlowKey, volume: Volume) {
        // So that a test can choose the CPU.
        let cpu = usize::try_from(volume.packets).unwrap() % CPUS;
        let ways = self.ways.as_ref();
        if let Some(is_new) = ways.and_then(|w| w.count(cpu, &key, volume)) {
            self.counters[KernelCounter::NewEntries] += u64::from(is_new);
            return;
        }
        let now = self.now;
        self.counters[KernelCounter::MapPackets] += volume.packets;
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.volume += volume;
            flow.last_seen = now;
            return;
        }
        let limit = self.settings.unwrap().map_max_entries.get();
        if self.flows.len() >= usize::try_from(limit).unwrap() {
            let oldest = self.flows.iter().min_by_key(|(_, f)| f.last_seen);
            let oldest = *oldest.unwrap().0;
            self.evict(&oldest);
        }
        self.counters[KernelCounter::NewKeys] += 1;
        let generation =
            u32::try_from(self.counters[KernelCounter::NewKeys]).unwrap() << 8;
        self.flows.insert(
            key,
            Flow {
                volume,
                read: Volume::default(),
                generation,
                last_seen: now,
            },
        );
    }

    /// Forgets a flow as the kernel does to make room.
    pub(super) fn evict(&mut self, key: &FlowKey) {
        if let Some(flow) = self.flows.remove(key) {
            // A test may do it where the kernel has no reason to.
            self.read_map_packets = None;
            self.evictions += 1;
            self.lost += flow.volume.bytes - flow.read.bytes;
        }
    }

    /// Returns the flows in the map.
    pub(super) fn flows(&self) -> Vec<FlowKey> {
        self.flows.keys().copied().collect()
    }

    /// Returns the devices that are counted, by ifindex.
    pub(super) fn attached(&self) -> Vec<u32> {
        let mut attached: Vec<u32> = self
            .attachments
            .values()
            .filter(|attachment| !attachment.is_detached)
            .map(|attachment| attachment.ifindex)
            .collect();
        attached.sort_unstable();
        attached
    }

    /// Returns how many interface numbers are not free.
    pub(super) fn numbers_in_use(&self) -> usize {
        self.attachments.len()
    }

    pub(super) fn list(&self) -> Vec<Interface> {
        self.devices.values().map(|(_, device)| device.clone()).collect()
    }

    /// Counts received traffic of `bytes` bytes in one packet. No poll comes in
    /// between the packets that a test counts under one lock.
    pub(super) fn receive(&mut self, ifindex: u32, remote: &str, bytes: u64) {
        self.traffic(Direction::Received, ifindex, remote, bytes);
    }

    fn traffic(
        &mut self,
        direction: Direction,
        ifindex: u32,
        ip: &str,
        bytes: u64,
    ) {
        let remote = Some(ip.parse().unwrap());
        self.count(&Packet { ifindex, direction, remote, packets: 1, bytes });
    }
}

impl FakeHost {
    /// Counts traffic of `bytes` bytes in one packet.
    pub(super) fn receive(&self, ifindex: u32, remote: &str, bytes: u64) {
        self.kernel().receive(ifindex, remote, bytes);
    }

    /// As `receive`.
    pub(super) fn send(&self, ifindex: u32, remote: &str, bytes: u64) {
        self.kernel().traffic(Direction::Sent, ifindex, remote, bytes);
    }
}
