//! Devices that are not Ethernet by their type, whose packets nevertheless
//! begin with an Ethernet header, as those of xfrm and vti do: the IP header is
//! found, and no byte of an address is taken for part of another.

use crate::harness::account::{Counted, count_all, settle};
use crate::harness::daemon::Daemon;
use crate::harness::fixtures::{GERMANY, JAPAN, LOCAL4, LOCAL6, Remote};
use crate::harness::frames::{ARP, ETHERNET, Packet, non_ip};
use crate::harness::lab::WAN;
use crate::harness::link::{Mac, Volume};
use crate::harness::netns::Netns;
use crate::harness::send::Sender;
use crate::harness::tun::Tun;

/// Types of devices: IPoIB, PPP, HDLC of Cisco, tunnels, IEEE 802.15.4,
/// IEEE 802.11 with radiotap, no link layer.
const TYPES: [u16; 8] = [32, 512, 513, 768, 776, 804, 803, 0xFFFE];

/// As an IPv6 and an IPv4 header begin, and as nothing does.
const ADDRESSES: [Mac; 3] =
    [[0x60, 0, 0, 0, 4, 0x50], [0x45, 0, 0, 0x54, 0, 0], [0x02, 0, 0, 0, 0, 1]];

/// Frames of every length from or to a remote.
fn frames(packets: impl Fn(usize) -> [Packet; 2]) -> Vec<Vec<u8>> {
    let lengths = (0..1_400).step_by(97);
    let addresses = ADDRESSES.into_iter().cycle();
    lengths
        .zip(addresses)
        .flat_map(|(length, mac)| {
            packets(length).map(|packet| packet.between(mac, mac).frame())
        })
        .collect()
}

/// What frames amount to from the network header on.
fn bare(frames: &[Vec<u8>]) -> Volume {
    let all = Volume::of(frames);
    let headers = all.packets * ETHERNET as u64;
    Volume { bytes: all.bytes - headers, ..all }
}

fn assert_counted(
    daemon: &Daemon,
    direction: &str,
    remote: Remote,
    volume: Volume,
) {
    let labels = [("country", remote.country)];
    for (what, value) in [("bytes", volume.bytes), ("packets", volume.packets)]
    {
        let name = format!("geoip_{what}_{direction}_total");
        daemon.await_sum(&name, &labels, value);
    }
}

#[test]
fn the_ip_header_is_found_whatever_the_device_says_it_is() {
    for kind in TYPES {
        let namespace = Netns::new();
        let mut tap = Tun::create_of_type(&namespace, WAN, kind);
        let daemon = count_all(&namespace, &[WAN]);
        let received = frames(|length| {
            [
                Packet::new(GERMANY.ipv4, LOCAL4).payload(length),
                Packet::new(GERMANY.ipv6, LOCAL6).payload(length),
            ]
        });
        let sent = frames(|length| {
            [
                Packet::new(LOCAL4, JAPAN.ipv4).payload(length),
                Packet::new(LOCAL6, JAPAN.ipv6).payload(length),
            ]
        });
        tap.inject(&received);
        Sender::open(&namespace, WAN).send(&sent);
        for _ in &sent {
            tap.take();
        }
        assert_counted(&daemon, "received", GERMANY, bare(&received));
        assert_counted(&daemon, "sent", JAPAN, bare(&sent));

        let others = [non_ip(ARP, 28), non_ip(ARP, 5)];
        tap.inject(&others);
        let counted =
            Counted { namespace: &namespace, interface: WAN, daemon: &daemon };
        let [account] = settle([counted]);
        assert_eq!(account.non_ip_received, bare(&others).bytes, "{kind}");
        assert_eq!(account.non_ip_sent, 0, "{kind}");
        assert_eq!(
            account.received.bytes,
            bare(&received).bytes + bare(&others).bytes,
            "{kind}"
        );
    }
}
