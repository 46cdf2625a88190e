//! What passes a device before or behind the hooks of the exporter: it is not
//! counted, as the documents say, and everything else still is.

use aya::Ebpf;
use aya::programs::Xdp;
use aya::programs::xdp::XdpMode;

use crate::harness::account::{Counted, count_all, settle};
use crate::harness::clang;
use crate::harness::fixtures::{GERMANY, JAPAN};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, WAN, received_from, sent_to};
use crate::harness::link::Volume;
use crate::harness::send::Sender;

fn frames(packets: &[Packet]) -> Vec<Vec<u8>> {
    packets.iter().map(Packet::frame).collect()
}

/// `PACKET_QDISC_BYPASS` hands frames to the device without any hook.
#[test]
fn what_a_packet_socket_sends_around_the_stack_is_not_counted() {
    let lab = Lab::new();
    let daemon = count_all(&lab.machine, &[WAN]);
    let (around, through) =
        (frames(&sent_to(GERMANY)), frames(&sent_to(JAPAN)));
    let around = Sender::open_around_the_stack(&lab.machine, WAN).send(&around);
    let through = lab.outbound().send(&through);
    let counted =
        Counted { namespace: &lab.machine, interface: WAN, daemon: &daemon };
    let [account] = settle([counted]);
    assert_eq!(account.sent, through);
    assert_eq!(account.device.sent, through + around);
}

/// Runs a program of XDP on the machine's interface, and returns what was
/// counted of frames that were sent to it.
fn behind_xdp(program: &str, mode: XdpMode) -> (Volume, Volume) {
    let lab = Lab::new();
    let daemon = count_all(&lab.machine, &[WAN]);
    let object = clang::compile("tests/privileged/harness/xdp.bpf.c");
    let mut ebpf = Ebpf::load(&object).unwrap();
    let program: &mut Xdp =
        ebpf.program_mut(program).unwrap().try_into().unwrap();
    program.load().unwrap();
    let link = lab.machine.run(|| program.attach(WAN, mode));
    let link = link.unwrap();
    let taken = lab.inbound().send(frames(&received_from(GERMANY)));
    let counted =
        Counted { namespace: &lab.machine, interface: WAN, daemon: &daemon };
    let [account] = settle([counted]);
    assert_eq!(account.received, Volume::default());
    assert_eq!(account.sent, Volume::default());
    program.detach(link).unwrap();
    let passed = lab.inbound().send(frames(&received_from(JAPAN)));
    let [account] = settle([counted]);
    assert_eq!(account.received, passed);
    (taken, passed)
}

#[test]
fn what_xdp_drops_or_sends_back_is_not_counted() {
    for program in ["drops", "sends_back"] {
        for mode in [XdpMode::Skb, XdpMode::Default] {
            let (taken, passed) = behind_xdp(program, mode);
            assert_eq!(taken.packets, passed.packets, "{program}");
        }
    }
}
