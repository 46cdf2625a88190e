//! Every prefix length that can be set, run in the kernel.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aya::Ebpf;
use aya::maps::{Array, PerCpuHashMap};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions};
use geoip_exporter::kernel::abi::names;

use crate::harness::classifier::{Globals, load};
use crate::harness::daemon::Setup;
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::{LOCAL4, LOCAL6};
use crate::harness::flow_map::{FlowMap, Key, table_entries};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, WAN};

/// What a program returns so that the next one on the hook runs.
const TCX_NEXT: u32 = u32::MAX;

/// A program, loaded for some prefix lengths and attached nowhere.
struct Program(Ebpf);

impl Program {
    fn load(
        name: &str,
        table_sets: u32,
        ipv4_length: u32,
        ipv6_length: u32,
    ) -> Self {
        let length = |bits: u32| u8::try_from(bits).unwrap();
        let globals =
            Globals::new(table_sets, length(ipv4_length), length(ipv6_length));
        let mut ebpf = load(&globals, |loader| {
            loader.map_max_entries(names::FLOWS, 1_024);
        });
        let program: &mut SchedClassifier =
            ebpf.program_mut(name).unwrap().try_into().unwrap();
        program.load().unwrap();
        // A test run's packets are those of the loopback device.
        let map = ebpf.map_mut(names::INTERFACES).unwrap();
        let mut interfaces: Array<_, u32> = map.try_into().unwrap();
        interfaces.set(1, 1, 0).unwrap();
        Self(ebpf)
    }

    fn run(&self, name: &str, frame: &[u8]) {
        let program: &SchedClassifier =
            self.0.program(name).unwrap().try_into().unwrap();
        let mut options = TestRunOptions::new();
        options.data_in = Some(frame);
        let result = program.test_run(options).unwrap();
        assert_eq!(result.return_value, TCX_NEXT, "{name}");
    }

    /// Returns the keys in the map, sorted.
    fn map_keys(&self) -> Vec<Key> {
        let map = self.0.map(names::FLOWS).unwrap();
        let flows: PerCpuHashMap<_, Key, [u64; 3]> = map.try_into().unwrap();
        let mut keys: Vec<Key> =
            flows.keys().collect::<Result<_, _>>().unwrap();
        keys.sort_unstable();
        keys
    }

    /// Returns the keys in the table, sorted, and how many packets of all.
    fn table_keys(&self) -> (Vec<Key>, u64) {
        let map = |name| self.0.map(name).unwrap();
        let table = map(names::FLOW_TABLE).try_into().unwrap();
        let rests = map(names::TABLE_RESTS).try_into().unwrap();
        let entries = table_entries(&table, &rests);
        let packets = entries.iter().map(|(_, _, [packets, _])| packets).sum();
        // One that was counted on two CPUs is one key.
        let keys: BTreeSet<Key> = entries.iter().map(|entry| entry.1).collect();
        (keys.into_iter().collect(), packets)
    }
}

/// Returns the key of interface number 0.
fn key(direction: u8, ip_version: u8, remote: &[u8]) -> Key {
    let mut key = Key::default();
    (key[4], key[5]) = (direction, ip_version);
    key[8..8 + remote.len()].copy_from_slice(remote);
    key
}

fn mask4(address: Ipv4Addr, length: u32) -> [u8; 4] {
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    (u32::from(address) & mask).to_be_bytes()
}

fn mask6(address: Ipv6Addr, length: u32) -> [u8; 16] {
    let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    (u128::from(address) & mask).to_be_bytes()
}

/// Returns the address with one bit the other way round; 0 is the first.
fn flip4(address: Ipv4Addr, bit: u32) -> Ipv4Addr {
    (u32::from(address) ^ (1 << (31 - bit))).into()
}

fn flip6(address: Ipv6Addr, bit: u32) -> Ipv6Addr {
    (u128::from(address) ^ (1 << (127 - bit))).into()
}

/// All ones, all zeros, and both by turns: no bit is always the same.
const ADDRESSES4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(255, 255, 255, 255),
    Ipv4Addr::new(0, 0, 0, 0),
    Ipv4Addr::new(0xa5, 0x5a, 0xc3, 0x3c),
];
const ADDRESSES6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(!0, !0, !0, !0, !0, !0, !0, !0),
    Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0),
    Ipv6Addr::new(
        0xa5a5, 0x5a5a, 0xc3c3, 0x3c3c, 0x9669, 0x6996, 0xf00f, 0x0ff0,
    ),
];

/// Returns an address, and it with the last bit that is kept and with the
/// first that is not the other way round.
fn variants4(address: Ipv4Addr, length: u32) -> [Ipv4Addr; 3] {
    [address, flip4(address, length - 1), flip4(address, length.min(31))]
}

fn variants6(address: Ipv6Addr, length: u32) -> [Ipv6Addr; 3] {
    [address, flip6(address, length - 1), flip6(address, length.min(127))]
}

#[test]
fn every_prefix_length_keeps_its_bits_and_no_other() {
    for length6 in 16..=128 {
        // On the way also each of the 25 lengths of the other family, in both
        // directions.
        let length4 = 8 + (length6 - 16) % 25;
        let direction = u8::from(length6 % 2 == 1);
        let name = [names::INGRESS, names::EGRESS][usize::from(direction)];
        let tiers =
            [0, 64].map(|sets| Program::load(name, sets, length4, length6));
        let (mut expected, mut packets) = (Vec::new(), 0);
        let mut run = |remote: IpAddr, prefix: &[u8]| {
            let local = match remote {
                IpAddr::V4(_) => IpAddr::from(LOCAL4),
                IpAddr::V6(_) => IpAddr::from(LOCAL6),
            };
            let packet = match direction {
                0 => Packet::new(remote, local),
                _ => Packet::new(local, remote),
            };
            let frame = packet.frame();
            // The second is the one that finds its flow in the table at once.
            for program in tiers.iter().chain([&tiers[1]]) {
                program.run(name, &frame);
            }
            packets += 1;
            let version = if remote.is_ipv6() { 6 } else { 4 };
            expected.push(key(direction, version, prefix));
        };
        for address in ADDRESSES4.iter().flat_map(|a| variants4(*a, length4)) {
            run(address.into(), &mask4(address, length4));
        }
        for address in ADDRESSES6.iter().flat_map(|a| variants6(*a, length6)) {
            run(address.into(), &mask6(address, length6));
        }
        expected.sort_unstable();
        expected.dedup();
        // Two for each address: with the last bit that is kept, and without.
        assert_eq!(expected.len(), 12, "/{length4}, /{length6}");
        let [map, table] = &tiers;
        assert_eq!(map.map_keys(), expected, "/{length4}, /{length6}");
        let (keys, counted) = table.table_keys();
        assert_eq!(keys, expected, "/{length4}, /{length6}, in the table");
        assert_eq!(counted, 2 * packets);
        assert!(table.map_keys().is_empty(), "the table had room");
    }
}

/// 198.51.100.0/25 is in the United States, the other half in Canada; what
/// lies before is nowhere. Of 2001:db8::/32 the first /48 is in the United
/// Kingdom, and 2001:db8:4::/49 in the Netherlands.
#[test]
fn a_prefix_counts_for_the_country_of_its_first_address() {
    let remote4 = Ipv4Addr::new(198, 51, 100, 200);
    let remote6 = Ipv6Addr::new(0x2001, 0xdb8, 4, 0x7fff, !0, !0, !0, !0);
    for (ipv4_length, country4, ipv6_length, country6) in [
        (8, "UNKNOWN", 16, "UNKNOWN"),
        (20, "UNKNOWN", 32, "GB"),
        (21, "UNKNOWN", 45, "GB"),
        (22, "US", 46, "NL"),
        (24, "US", 48, "NL"),
        (25, "CA", 49, "NL"),
        (31, "CA", 64, "NL"),
        (32, "CA", 128, "NL"),
    ] {
        let lab = Lab::new();
        let daemon = Setup::new(&lab.machine)
            .set("interfaces", WAN)
            .set("ipv4_prefix_length", ipv4_length)
            .set("ipv6_prefix_length", ipv6_length)
            .start();
        let frames = [
            Packet::new(remote4, LOCAL4).payload(7).frame(),
            Packet::new(remote6, LOCAL6).payload(9).frame(),
        ];
        lab.inbound().send(&frames);
        let labels =
            |version, country| [("ip_version", version), ("country", country)];
        let packets = "geoip_packets_received_total";
        daemon.await_scrape("both packets", |scrape: &Scrape| {
            match scrape.sum(packets, &[]) {
                2 => Ok(()),
                other => Err(other.to_string()),
            }
        });
        let scrape = daemon.scrape();
        let counted =
            |version, country| scrape.sum(packets, &labels(version, country));
        assert_eq!(counted("4", country4), 1, "/{ipv4_length}");
        assert_eq!(counted("6", country6), 1, "/{ipv6_length}");
        let mut prefixes: Vec<Vec<u8>> = FlowMap::of(&daemon)
            .keys()
            .iter()
            .map(|key| key[8..].to_vec())
            .collect();
        prefixes.sort_unstable();
        let length = |length: i32| u32::try_from(length).unwrap();
        let mut expected4 = mask4(remote4, length(ipv4_length)).to_vec();
        expected4.resize(16, 0);
        let expected6 = mask6(remote6, length(ipv6_length)).to_vec();
        assert_eq!(prefixes, [expected6, expected4]);
    }
}
