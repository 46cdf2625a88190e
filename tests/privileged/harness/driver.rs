//! Many packets a second without sending one: the kernel runs a program on a
//! packet that changes its remote address each time.

use std::sync::OnceLock;

use aya::maps::{MapData, PerCpuArray, ProgramArray};
use aya::programs::tc::TcAttachType;
use aya::programs::{ProgramFd, SchedClassifier, TestRun, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use geoip_exporter::accounting::{Direction, IpVersion};

use super::clang::compile;

/// What programs return to let the next one see the packet.
const TCX_NEXT: u32 = u32::MAX;

/// How long the packets are.
pub(crate) const PACKET_BYTES: usize = 64;

/// Where the IP header begins.
const ETHERNET: usize = 14;

/// In which order addresses come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// One after the other, and from the beginning again.
    Ascending,
    /// Each time any of them, on each CPU another.
    Random,
}

/// Which packets are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) ip_version: IpVersion,
    /// Which address is the remote one.
    pub(crate) direction: Direction,
    /// How many remote prefixes there are.
    pub(crate) prefixes: u32,
    /// At most 32 for IPv4; for IPv6 32 bits from the 16th on change,
    /// whatever is behind them: 48.
    pub(crate) prefix_length: u8,
    pub(crate) order: Order,
}

impl Workload {
    /// Returns this many prefixes of IPv4 as received, /24, in any order.
    pub(crate) fn received(prefixes: u32) -> Self {
        Self {
            ip_version: IpVersion::V4,
            direction: Direction::Received,
            prefixes,
            prefix_length: 24,
            order: Order::Random,
        }
    }

    fn shift(&self) -> u32 {
        let last = match self.ip_version {
            IpVersion::V4 => 32,
            IpVersion::V6 => 48,
        };
        assert!(self.prefix_length <= last, "{self:?}");
        u32::from(last - self.prefix_length)
    }

    /// Returns where the 32 changing bits of the remote address are.
    fn offset(&self) -> usize {
        let is_source = self.direction == Direction::Received;
        ETHERNET
            + match (self.ip_version, is_source) {
                (IpVersion::V4, true) => 12,
                (IpVersion::V4, false) => 16,
                (IpVersion::V6, true) => 8 + 2,
                (IpVersion::V6, false) => 24 + 2,
            }
    }

    /// Returns the number of the address of a CPU's packet at a position,
    /// counted from 0.
    pub(crate) fn number(&self, cpu: u32, position: u32) -> u32 {
        if self.prefixes == 1 {
            return 0;
        }
        match self.order {
            Order::Ascending => position % self.prefixes,
            Order::Random => {
                let random = u64::from(scramble(position ^ (cpu << 24)));
                u32::try_from((random * u64::from(self.prefixes)) >> 32)
                    .expect("it is less than their number")
            }
        }
    }

    /// Returns the remote prefix of a number as it is in a key.
    pub(crate) fn remote(&self, number: u32) -> [u8; 16] {
        let bits = number.wrapping_mul(0x9e37_79b1) << self.shift();
        let mut remote = [0; 16];
        match self.ip_version {
            IpVersion::V4 => remote[..4].copy_from_slice(&bits.to_be_bytes()),
            IpVersion::V6 => {
                remote[..2].copy_from_slice(&[0x20, 0x01]);
                remote[2..6].copy_from_slice(&bits.to_be_bytes());
            }
        }
        remote
    }

    /// Returns the packet before its remote address is written: UDP.
    pub(crate) fn packet(&self) -> [u8; PACKET_BYTES] {
        let mut packet = [0; PACKET_BYTES];
        let (ether_type, header): (u16, &[u8]) = match self.ip_version {
            IpVersion::V4 => {
                (0x0800, &[0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0])
            }
            IpVersion::V6 => (0x86dd, &[0x60, 0, 0, 0, 0, 10, 17, 64]),
        };
        packet[12..ETHERNET].copy_from_slice(&ether_type.to_be_bytes());
        packet[ETHERNET..][..header.len()].copy_from_slice(header);
        if self.ip_version == IpVersion::V6 {
            packet[self.offset() - 2..][..2].copy_from_slice(&[0x20, 0x01]);
        }
        packet
    }
}

/// See driver.bpf.c.
fn scramble(mut number: u32) -> u32 {
    number ^= number >> 16;
    number = number.wrapping_mul(0x85eb_ca6b);
    number ^= number >> 13;
    number = number.wrapping_mul(0xc2b2_ae35);
    number ^ (number >> 16)
}

/// A program under test and what runs it.
pub(crate) struct Driver {
    ebpf: Ebpf,
    packet: [u8; PACKET_BYTES],
    /// Holds the program under test; gone with the driver.
    _target: ProgramArray<MapData>,
    positions: PerCpuArray<MapData, u64>,
}

impl Driver {
    /// Puts a driver before a program.
    pub(crate) fn new(program: &ProgramFd, workload: Workload) -> Self {
        static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
        let object = OBJECT
            .get_or_init(|| compile("tests/privileged/harness/driver.bpf.c"));
        let in_order = u32::from(workload.order == Order::Ascending);
        let offset = u32::try_from(workload.offset()).expect("it is small");
        let mut ebpf = EbpfLoader::new()
            .override_global("addresses", &workload.prefixes, true)
            .override_global("in_order", &in_order, true)
            .override_global("offset", &offset, true)
            .override_global("shift", &workload.shift(), true)
            .load(object)
            .expect("cannot load the driver");
        let target = ebpf.take_map("target").expect("it is in the object");
        let mut target = ProgramArray::try_from(target).expect("programs");
        target.set(0, program, 0).expect("a classifier");
        let positions =
            ebpf.take_map("positions").expect("it is in the object");
        let driver: &mut SchedClassifier = ebpf
            .program_mut("drive")
            .expect("it is in the object")
            .try_into()
            .expect("it is a classifier");
        driver.load().expect("the verifier takes the driver");
        Self {
            ebpf,
            packet: workload.packet(),
            _target: target,
            positions: positions.try_into().expect("numbers by CPU"),
        }
    }

    /// Runs the program on this many packets, on the calling thread's CPU and
    /// in its network namespace, whose loopback they come from or go to.
    pub(crate) fn run(&self, packets: u32) {
        self.run_on(1, packets);
    }

    /// As [`Driver::run`], with another interface of the namespace.
    pub(crate) fn run_on(&self, ifindex: u32, packets: u32) {
        // Fields of `struct __sk_buff`: its size, and where the index is.
        let mut context = [0_u8; 192];
        context[40..44].copy_from_slice(&ifindex.to_ne_bytes());
        let driver: &SchedClassifier = self
            .ebpf
            .program("drive")
            .expect("it is in the object")
            .try_into()
            .expect("it is a classifier");
        let mut options = TestRunOptions::new();
        options.data_in = Some(&self.packet);
        options.ctx_in = Some(&context);
        options.repeat = packets;
        let result = driver.test_run(options).expect("cannot run the driver");
        assert_eq!(
            result.return_value, TCX_NEXT,
            "the program under test did not run, or changed a packet's fate"
        );
    }

    /// Returns how many packets each possible CPU has had.
    pub(crate) fn positions(&self) -> Vec<u64> {
        let positions = self.positions.get(&0, 0).expect("it is there");
        positions.iter().copied().collect()
    }
}

/// Returns the program that is on a hook of an interface in the calling
/// thread's network namespace: the first where there are several.
pub(crate) fn attached_program(
    interface: &str,
    direction: Direction,
) -> ProgramFd {
    let hook = match direction {
        Direction::Received => TcAttachType::Ingress,
        Direction::Sent => TcAttachType::Egress,
    };
    let (_, programs) = SchedClassifier::query_tcx(interface, hook)
        .unwrap_or_else(|e| panic!("cannot query {interface}: {e}"));
    let program = programs.first().expect("a program is attached");
    program.fd().expect("cannot open a program that is attached")
}
