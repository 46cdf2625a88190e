//! Hosts that protect what they send each other with IPsec, by policies.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use crate::harness::conversation::Host;
use crate::harness::process::output_of;
use crate::harness::sys;
use crate::kinds::{INSIDE4, INSIDE6};

const KEY: &str =
    "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// How the ends protect what they send each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protection {
    pub(crate) protocol: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) mode: &'static str,
    /// In UDP, on port 4500.
    pub(crate) in_udp: bool,
    /// The versions of IP outside and inside.
    pub(crate) versions: [u8; 2],
    /// More words of `ip xfrm state`.
    pub(crate) options: &'static str,
}

pub(crate) const ESP: &str =
    "auth-trunc hmac(sha256) KEY 128 enc ecb(cipher_null) EMPTY";
pub(crate) const AH: &str = "auth-trunc hmac(sha256) KEY 128";
pub(crate) const IPCOMP: &str = "comp deflate";

pub(crate) const PLAIN: Protection = Protection {
    protocol: "esp",
    algorithm: ESP,
    mode: "tunnel",
    in_udp: false,
    versions: [4, 4],
    options: "",
};

fn hosts_of<'a>(
    ends: &[Host<'a>; 2],
    protection: &Protection,
) -> [Host<'a>; 2] {
    [0, 1].map(|own| match protection.mode {
        "transport" => ends[own],
        _ => Host { ipv4: INSIDE4[own], ipv6: INSIDE6[own], ..ends[own] },
    })
}

/// Runs `ip xfrm` with words between blanks, of which some stand for others.
fn xfrm(host: &Host<'_>, words: &str) {
    let words = words.split_whitespace().map(|word| match word {
        "KEY" => KEY,
        "EMPTY" => "",
        word => word,
    });
    output_of(host.namespace.command("ip").arg("xfrm").args(words));
}

/// Two hosts that protect what they send each other, until this is dropped.
pub(crate) struct Protected<'a> {
    pub(crate) hosts: [Host<'a>; 2],
    _sockets: Vec<OwnedFd>,
}

impl<'a> Protected<'a> {
    pub(crate) fn new(ends: &[Host<'a>; 2], protection: &Protection) -> Self {
        let Protection { protocol, algorithm, mode, options, .. } = *protection;
        let [outer, inner] = protection.versions;
        let hosts = hosts_of(ends, protection);
        let encap = match protection.in_udp {
            true => "encap espinudp 4500 4500 0.0.0.0",
            false => "",
        };
        for here in 0..2 {
            for (from, to, directions) in [
                (here, 1 - here, &["out"][..]),
                (1 - here, here, &["in", "fwd"]),
            ] {
                let spi = if protocol == "comp" { 0x100 } else { 0x1000 };
                let state = format!(
                    "src {} dst {} proto {protocol}",
                    ends[from].address(outer),
                    ends[to].address(outer)
                );
                let any = if mode == "tunnel" { "flag af-unspec" } else { "" };
                let any = if options.contains("flag") { "" } else { any };
                xfrm(
                    &ends[here],
                    &format!(
                        "state add {state} spi {} reqid 1 mode {mode} {any} \
                         {options} {encap} {algorithm}",
                        spi + from
                    ),
                );
                for direction in directions {
                    // What it cannot compress comes without.
                    let level = match (protocol, *direction) {
                        ("comp", "in" | "fwd") => "level use",
                        _ => "",
                    };
                    xfrm(
                        &ends[here],
                        &format!(
                            "policy add src {} dst {} dir {direction} priority 2 tmpl \
                             {state} reqid 1 mode {mode} {level}",
                            hosts[from].address(inner),
                            hosts[to].address(inner),
                        ),
                    );
                }
            }
        }
        if protection.in_udp && mode == "transport" {
            // As a key daemon says of its own socket.
            for own in 0..2 {
                let [from, to] =
                    [1 - own, own].map(|end| ends[end].address(outer));
                let words = format!(
                    "policy add src {from} dst {to} proto 17 dport 4500 \
                     dir in action allow priority 1"
                );
                xfrm(&ends[own], &words);
            }
        }
        let sockets = match protection.in_udp {
            true => ends.iter().map(|end| nat_socket(end, outer)).collect(),
            false => Vec::new(),
        };
        Self { hosts, _sockets: sockets }
    }
}

impl Drop for Protected<'_> {
    fn drop(&mut self) {
        for host in &self.hosts {
            xfrm(host, "state flush");
            xfrm(host, "policy flush");
        }
    }
}

/// Opens what a key daemon opens to have ESP in UDP taken in.
fn nat_socket(end: &Host<'_>, version: u8) -> OwnedFd {
    const UDP_ENCAP: i32 = 100;
    const UDP_ENCAP_ESPINUDP: i32 = 2;
    let socket = end.namespace.run(|| {
        UdpSocket::bind((end.address(version), 4500)).expect("it is free")
    });
    let socket = OwnedFd::from(socket);
    sys::set_socket_option(
        &socket,
        libc::SOL_UDP,
        UDP_ENCAP,
        UDP_ENCAP_ESPINUDP,
    )
    .expect("the kernel knows ESP in UDP");
    socket
}
