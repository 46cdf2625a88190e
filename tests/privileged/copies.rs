//! Copies that the stack gives itself of what it sends to everybody, or to a
//! group that it belongs to: they pass the ingress hook of the device, without
//! a link header, and were on no wire.

use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket,
};

use crate::harness::account::{Counted, count_all, settle};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::Volume;
use crate::harness::netns::Netns;
use crate::harness::sys;
use crate::harness::tun::{Cable, Layer, SuperFrames};
use crate::harness::wait::PATIENCE;

const DATAGRAMS: u64 = 100;
const LENGTH: usize = 1_000;

/// With UDP's and IP's headers.
const IPV4_LENGTH: u64 = LENGTH as u64 + 8 + 20;
const IPV6_LENGTH: u64 = LENGTH as u64 + 8 + 40;

/// A machine's address and its network's broadcast address.
const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const EVERYBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 255);

/// MCAST-TEST-NET, of RFC 6676, and a group on the link.
const GROUP4: Ipv4Addr = Ipv4Addr::new(233, 252, 0, 1);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0xdb8, 1);

/// In the place of an EtherType this address has that of IPv4, and behind it
/// what an IPv4 header begins with.
const MISLEADING: Ipv6Addr =
    Ipv6Addr::new(0x2001, 0xdb8, 0x800, 0x4500, 0, 0, 0, 1);

fn give_addresses(namespace: &Netns, interface: &str) {
    namespace.ip_batch(&format!(
        "addr add {LOCAL}/24 brd {EVERYBODY} dev {interface}\n\
         addr add {MISLEADING}/64 dev {interface} nodad\n\
         route add {GROUP4}/32 dev {interface}\n"
    ));
}

/// Sends datagrams, and waits for the copy of each.
fn send_and_hear(sender: &UdpSocket, listener: &UdpSocket, to: SocketAddr) {
    listener.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    for _ in 0..DATAGRAMS {
        sender.send_to(&[0; LENGTH], to).expect("cannot send");
        let mut buffer = [0; 2 * LENGTH];
        let length = listener.recv(&mut buffer).expect("there is no copy");
        assert_eq!(length, LENGTH);
    }
}

/// Sends to everybody and to groups, and hears all of it.
fn talk_to_itself(namespace: &Netns, interface: &str) {
    namespace.run(|| {
        let ifindex = sys::interface_index(interface).expect("it is there");
        let bind = |address: IpAddr, port| {
            UdpSocket::bind((address, port)).expect("cannot bind")
        };
        let any4 = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        let listener = bind(any4, 0);
        listener.join_multicast_v4(&GROUP4, &LOCAL).expect("cannot join");
        let port = listener.local_addr().expect("it is bound").port();
        let sender = bind(LOCAL.into(), 0);
        sender.set_broadcast(true).expect("it may");
        for to in [EVERYBODY, GROUP4] {
            send_and_hear(&sender, &listener, (to, port).into());
        }

        let listener = bind(Ipv6Addr::UNSPECIFIED.into(), 0);
        listener.join_multicast_v6(&GROUP6, ifindex).expect("cannot join");
        let port = listener.local_addr().expect("it is bound").port();
        let sender = bind(MISLEADING.into(), 0);
        let to = SocketAddrV6::new(GROUP6, port, 0, ifindex);
        send_and_hear(&sender, &listener, to.into());
    });
}

/// Checks that what was sent is counted once, and received nothing.
fn is_counted_once(namespace: &Netns, interface: &str, link_header: u64) {
    let daemon = count_all(namespace, &[interface]);
    give_addresses(namespace, interface);
    talk_to_itself(namespace, interface);
    let counted = Counted { namespace, interface, daemon: &daemon };
    let [account] = settle([counted]);
    assert_eq!(account.received, Volume::default(), "{account:?}");
    assert_eq!(account.non_ip_received, 0);
    // With the reports of who is in which group.
    assert_eq!(account.sent, account.device.sent);
    let datagrams = 2 * IPV4_LENGTH + IPV6_LENGTH + 3 * link_header;
    assert!(account.sent.bytes >= DATAGRAMS * datagrams, "{account:?}");
}

#[test]
fn copies_for_the_sender_were_on_no_wire() {
    let lab = Lab::new();
    is_counted_once(&lab.machine, WAN, 14);
}

#[test]
fn copies_for_the_sender_were_on_no_wire_without_ethernet_either() {
    let lab = Lab::unplugged();
    let ends = [(&lab.machine, WAN), (&lab.world, PEER)];
    let _cable = Cable::new(ends, Layer::Ip, SuperFrames::No);
    is_counted_once(&lab.machine, WAN, 0);
}
