//! Devices that carry IP without a link layer of their own, whose received or
//! sent packets still begin with a header: of the device below, or of the
//! tunnel.

use crate::harness::account::{Counted, count, settle};
use crate::harness::conversation::Host;
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::set_offloads;
use crate::harness::process::output_of;
use crate::kinds::{Link, assert_exact, build, underlay};

/// Lets both ends encrypt what these words select.
fn protect(ends: &[Host<'_>; 2], version: u8, state: &str, policy: &str) {
    let any = |version| if version == 4 { "0.0.0.0/0" } else { "::/0" };
    for (here, end) in ends.iter().enumerate() {
        let xfrm = |words: String| {
            let words = words.split_whitespace();
            let words = words.map(|it| if it == "EMPTY" { "" } else { it });
            output_of(end.namespace.command("ip").arg("xfrm").args(words));
        };
        for (from, to, directions) in
            [(here, 1 - here, &["out"][..]), (1 - here, here, &["in", "fwd"])]
        {
            let ends = format!(
                "src {} dst {} proto esp",
                ends[from].address(version),
                ends[to].address(version)
            );
            xfrm(format!(
                "state add {ends} spi {} reqid 1 mode tunnel flag af-unspec \
                 {state} enc ecb(cipher_null) EMPTY",
                0x1000 + from
            ));
            for direction in directions {
                for inner in [4, 6] {
                    let any = any(inner);
                    xfrm(format!(
                        "policy add src {any} dst {any} dir {direction} \
                         {policy} tmpl {ends} reqid 1 mode tunnel"
                    ));
                }
            }
        }
    }
}

/// Counts both devices, that of the tunnel and that below.
fn encrypting_device(
    kind: &str,
    outer: u8,
    versions: &[u8],
    [device, state, policy]: [&str; 3],
) {
    let lab = Lab::new();
    for (namespace, name) in [(&lab.machine, WAN), (&lab.world, PEER)] {
        set_offloads(namespace, name, &["tso", "gso", "gro"], false);
    }
    // Before the link has addresses, with which its first packets come.
    let below = [count(&Host::machine(&lab)), count(&Host::world(&lab))];
    let ends = underlay(&lab);
    let hosts = build(&ends, |own| {
        let [local, remote] =
            [own, 1 - own].map(|end| ends[end].address(outer));
        let device = device
            .replace("LOCAL", &local.to_string())
            .replace("REMOTE", &remote.to_string())
            .replace("BELOW", ends[own].interface);
        format!("type {kind} {device}")
    });
    protect(&ends, outer, state, policy);
    assert_exact(kind, &hosts, versions, Link::Ip, Some([0, 0]));
    let accounts = settle([
        Counted::of(&ends[0], &below[0]),
        Counted::of(&ends[1], &below[1]),
    ]);
    for account in accounts {
        assert_eq!(account.received, account.device.received, "below {kind}");
        assert_eq!(account.sent, account.device.sent, "below {kind}");
    }
}

#[test]
fn an_xfrm_device_is_counted_to_the_byte() {
    let words = ["dev BELOW if_id 42", "if_id 42", "if_id 42"];
    encrypting_device("xfrm", 4, &[4, 6], words);
}

#[test]
fn a_vti_device_is_counted_to_the_byte() {
    let words = ["local LOCAL remote REMOTE key 42", "", "mark 42"];
    encrypting_device("vti", 4, &[4], words);
}

#[test]
fn a_vti6_device_is_counted_to_the_byte() {
    let words = ["local LOCAL remote REMOTE key 42", "", "mark 42"];
    encrypting_device("vti6", 6, &[6], words);
}

/// Without a remote end it finds that by its table of neighbours, and has the
/// outer header before each packet.
#[test]
fn a_gre_device_without_a_remote_is_counted_to_the_byte() {
    let lab = Lab::new();
    let ends = underlay(&lab);
    let hosts = build(&ends, |own| {
        format!("type gre local {} ttl 64 key 42", ends[own].address(4))
    });
    for (own, host) in hosts.iter().enumerate() {
        let (name, there) = (host.interface, &hosts[1 - own]);
        host.namespace.ip(&format!(
            "neigh add {} lladdr {} dev {name} nud permanent",
            there.ipv4,
            ends[1 - own].address(4)
        ));
    }
    assert_exact("gre", &hosts, &[4], Link::Ip, Some([0, 0]));
}
