//! The ground the other tests stand on, tried without the exporter.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use aya::programs::{LinkOrder, TcAttachType};

use crate::harness::fixtures::{GERMANY, JAPAN, LOCAL4, LOCAL6, REMOTES};
use crate::harness::frames::{
    ARP, DOT1AD, DOT1Q, ETHERNET, Extension, LLDP, Packet, Transport, non_ip,
};
use crate::harness::http;
use crate::harness::lab::{Lab, PEER, WAN, frames_of, received_from, sent_to};
use crate::harness::link::{
    Statistics, Volume, bridge, connect, mac_of, move_link, rename,
    set_offloads, statistics,
};
use crate::harness::netns::Netns;
use crate::harness::process::{Background, output_of};
use crate::harness::prometheus::{Prometheus, promtool_check};
use crate::harness::send::{Capture, Segmentation, Sender, SuperFrameSender};
use crate::harness::sys::{self, Signal};
use crate::harness::tcx::{Counter, Verdict, attached};
use crate::harness::tun::{Layer, Tun};
use crate::harness::wait::{PATIENCE, await_equal, await_until};

fn interface_exists(namespace: &Netns, name: &str) -> bool {
    namespace.run(|| sys::interface_index(name).is_ok())
}

#[test]
fn a_namespace_holds_nothing_but_loopback() {
    let namespace = Netns::new();
    let links = namespace.ip("-o link show");
    assert!(links.contains(": lo:"), "{links}");
    assert_eq!(links.lines().count(), 1, "{links}");
}

#[test]
fn a_panicking_test_leaves_no_interface_behind() {
    let survivor = Netns::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let doomed = Netns::new();
        connect(&doomed, WAN, &survivor, PEER);
        assert!(interface_exists(&survivor, PEER));
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    // One end of a veth pair goes with the other end's namespace.
    await_equal("the far end exists", &false, || {
        interface_exists(&survivor, PEER)
    });
}

#[test]
fn a_process_dies_with_the_test_that_started_it() {
    let namespace = Netns::new();
    let (pid, descriptor) = thread::scope(|scope| {
        let starter = scope.spawn(|| {
            let mut command = namespace.command("sleep");
            let child = command.arg("1000").spawn().unwrap();
            let descriptor = sys::process_descriptor(child.id()).unwrap();
            assert!(
                !sys::wait_readable(
                    descriptor.as_fd(),
                    Duration::from_millis(50)
                )
                .unwrap()
            );
            // Nobody is left to end it, as in a run that was killed.
            let child = std::mem::ManuallyDrop::new(child);
            (child.id(), descriptor)
        });
        starter.join().unwrap()
    });
    let ended = sys::wait_readable(descriptor.as_fd(), PATIENCE).unwrap();
    assert!(ended, "process {pid} outlived its test");
}

#[test]
fn a_link_without_addresses_carries_what_was_sent_and_nothing_else() {
    let lab = Lab::new();
    let mut capture = Capture::open(&lab.machine, WAN);
    let frames: Vec<Vec<u8>> = REMOTES
        .into_iter()
        .flat_map(received_from)
        .map(|packet| packet.frame())
        .chain([non_ip(ARP, 46), non_ip(LLDP, 100)])
        .collect();
    let sent = lab.inbound().send(&frames);
    assert_eq!(sent, Volume::of(&frames));
    let out: Vec<Vec<u8>> = sent_to(JAPAN).iter().map(Packet::frame).collect();
    let sent_out = lab.outbound().send(&out);

    assert_eq!(capture.take(frames.len(), PATIENCE), frames);
    assert!(capture.is_empty());
    let expected = Statistics { received: sent, sent: sent_out, dropped: 0 };
    assert_eq!(statistics(&lab.machine, WAN), expected);
    let mirrored = Statistics { received: sent_out, sent, dropped: 0 };
    assert_eq!(statistics(&lab.world, PEER), mirrored);
}

#[test]
fn frames_have_the_length_their_parts_add_up_to() {
    let ipv4 = || Packet::new(LOCAL4, JAPAN.ipv4).payload(100);
    let ipv6 = || Packet::new(LOCAL6, JAPAN.ipv6).payload(100);
    let tcp = Transport::Tcp { source: 1, destination: 2 };
    let fragment = Extension::Fragment { offset_bytes: 8, more: true };
    for (packet, length) in [
        (ipv4(), 20 + 8 + 100),
        (ipv4().transport(tcp), 20 + 20 + 100),
        (ipv4().transport(Transport::Echo), 20 + 8 + 100),
        (ipv4().ipv4_options(12), 20 + 12 + 8 + 100),
        (ipv4().ipv4_fragment(8, true), 20 + 8 + 100),
        (ipv4().tag(DOT1AD, 7).tag(DOT1Q, 8), 4 + 4 + 20 + 8 + 100),
        (ipv6(), 40 + 8 + 100),
        (ipv6().transport(tcp), 40 + 20 + 100),
        (
            ipv6()
                .extension(Extension::HopByHop)
                .extension(Extension::Routing)
                .extension(Extension::DestinationOptions)
                .extension(fragment),
            40 + 4 * 8 + 8 + 100,
        ),
    ] {
        assert_eq!(packet.frame().len(), ETHERNET + length, "{packet:?}");
    }
}

/// The kernel answers only what it finds correct, checksums included.
#[test]
fn the_kernel_takes_the_packets_for_genuine() {
    let lab = Lab::new();
    lab.machine.ip(&format!("addr add {LOCAL4}/15 dev {WAN}"));
    lab.machine.ip(&format!("addr add {LOCAL6}/32 dev {WAN} nodad"));
    lab.machine.ip("route add default via 198.18.0.2");
    let peer = mac_of(PEER);
    for (neighbour, family) in [("198.18.0.2", "-4"), ("2001:db8:1::7", "-6")] {
        lab.machine.ip(&format!(
            "{family} neigh add {neighbour} lladdr {} dev {WAN}",
            crate::harness::link::mac_text(peer)
        ));
    }
    let mut capture = Capture::open(&lab.world, PEER);
    let sender = lab.inbound();
    for packet in [
        Packet::new(GERMANY.ipv4, LOCAL4).ipv4_options(8),
        Packet::new(GERMANY.ipv6, LOCAL6)
            .extension(Extension::HopByHop)
            .extension(Extension::DestinationOptions),
    ] {
        let echo = packet
            .transport(Transport::Echo)
            .payload(31)
            .between(peer, mac_of(WAN));
        sender.send([echo.frame()]);
    }
    // Neither padding options nor extension headers come back.
    assert_eq!(echo_reply(&mut capture), (4, ETHERNET + 20 + 8 + 31));
    assert_eq!(echo_reply(&mut capture), (6, ETHERNET + 40 + 8 + 31));
}

/// Takes frames up to an echo reply, as multicast reports may be among them,
/// and returns its IP version and length.
fn echo_reply(capture: &mut Capture) -> (u8, usize) {
    loop {
        let frame = capture.take(1, PATIENCE).remove(0);
        let version = frame[ETHERNET] >> 4;
        let is_reply = match version {
            4 => frame[ETHERNET + 9] == 1 && frame[ETHERNET + 20] == 0,
            _ => frame[ETHERNET + 6] == 58 && frame[ETHERNET + 40] == 129,
        };
        if is_reply {
            return (version, frame.len());
        }
    }
}

/// The kernel activates a link in the background and loses, with success,
/// what is sent before.
#[test]
fn a_link_carries_the_very_first_frame() {
    let lab = Lab::unplugged();
    let frame = Packet::new(GERMANY.ipv4, LOCAL4).frame();
    for _ in 0..30 {
        connect(&lab.machine, WAN, &lab.world, PEER);
        let sent = lab.inbound().send([&frame]);
        assert_eq!(statistics(&lab.machine, WAN).received, sent);
        lab.machine.ip("link del wan0");
    }
}

#[test]
fn a_hundred_thousand_frames_arrive_to_the_byte() {
    let lab = Lab::new();
    let frame = Packet::new(GERMANY.ipv4, LOCAL4).payload(18).frame();
    let sent = lab.inbound().repeat(&frame, 100_000);
    assert_eq!(
        sent,
        Volume { packets: 1, bytes: frame.len() as u64 }.times(100_000)
    );
    await_equal(
        "what the machine received",
        &Statistics { received: sent, sent: Volume::default(), dropped: 0 },
        || statistics(&lab.machine, WAN),
    );
}

#[test]
fn a_super_frame_is_cut_where_segmentation_is_off() {
    let lab = Lab::new();
    let offloads = ["tso", "gso", "tx-udp-segmentation"];
    set_offloads(&lab.world, PEER, &offloads, false);
    let mut capture = Capture::open(&lab.machine, WAN);
    let mut sender = SuperFrameSender::open(&lab.world, PEER);
    let ipv4 = Packet::new(GERMANY.ipv4, LOCAL4).payload(2_500);
    let ipv6 = Packet::new(GERMANY.ipv6, LOCAL6).payload(2_500);
    let tcp = Transport::Tcp { source: 443, destination: 50_000 };
    for (packet, kind, headers) in [
        (ipv4.clone().transport(tcp), Segmentation::Tcp4, 14 + 20 + 20),
        (ipv6.clone().transport(tcp), Segmentation::Tcp6, 14 + 40 + 20),
        (ipv4, Segmentation::Udp, 14 + 20 + 8),
        (ipv6, Segmentation::Udp, 14 + 40 + 8),
    ] {
        sender.send(&packet.frame(), kind, headers, 1_000);
        let lengths: Vec<usize> =
            capture.take(3, PATIENCE).iter().map(Vec::len).collect();
        let headers = usize::from(headers);
        assert_eq!(lengths, [1_000, 1_000, 500].map(|n| n + headers));
    }
    assert!(capture.is_empty());
}

#[test]
fn a_tun_device_carries_packets_and_a_tap_device_frames() {
    let namespace = Netns::new();
    for (name, layer) in [("tun0", Layer::Ip), ("tap0", Layer::Ethernet)] {
        let mut device = Tun::create(&namespace, name, layer);
        let bytes = |packet: Packet| match layer {
            Layer::Ip => packet.packet(),
            Layer::Ethernet => packet.frame(),
        };
        let inbound = bytes(Packet::new(JAPAN.ipv6, LOCAL6).payload(9));
        let outbound = bytes(Packet::new(LOCAL4, JAPAN.ipv4).payload(5));
        device.inject(std::slice::from_ref(&inbound));
        Sender::open(&namespace, name).send([&outbound]);
        assert_eq!(device.take(), outbound);
        let seen = statistics(&namespace, name);
        assert_eq!(seen.received, Volume::of([&inbound]));
        assert_eq!(seen.sent, Volume::of([&outbound]));
        drop(device);
        await_equal("the device exists", &false, || {
            interface_exists(&namespace, name)
        });
    }
}

#[test]
fn links_can_be_bridged_renamed_and_moved() {
    let lab = Lab::new();
    connect(&lab.machine, "wan1", &lab.world, "peer1");
    bridge(&lab.machine, "br0", &[WAN, "wan1"]);
    let mut capture = Capture::open(&lab.world, "peer1");
    let frames = frames_of(&received_from(JAPAN), "6");
    lab.inbound().send(&frames);
    assert_eq!(capture.take(frames.len(), PATIENCE), frames);

    rename(&lab.machine, "wan1", "dsl1");
    assert!(interface_exists(&lab.machine, "dsl1"));
    move_link(&lab.machine, "dsl1", &lab.world);
    assert!(!interface_exists(&lab.machine, "dsl1"));
    assert!(interface_exists(&lab.world, "dsl1"));
    lab.machine.ip_batch("link set wan0 down\nlink del wan0\n");
    assert!(!interface_exists(&lab.world, PEER));
}

#[test]
fn counting_programs_run_in_order_and_obey_their_verdict() {
    let lab = Lab::new();
    let hook = TcAttachType::Ingress;
    let attach = |order, verdict| {
        Counter::attach(&lab.machine, WAN, hook, order, verdict)
    };
    let frames = frames_of(&received_from(JAPAN), "4");
    let all = Volume::of(&frames);
    let first = attach(LinkOrder::first(), Verdict::Next);
    let last = attach(LinkOrder::last(), Verdict::Next);
    assert_eq!(attached(&lab.machine, WAN, hook), ["count", "count"]);
    let sender = lab.inbound();
    sender.send(&frames);
    await_equal("seen by the last", &all, || last.seen());
    assert_eq!(first.seen(), all);

    for verdict in [Verdict::Pass, Verdict::Drop] {
        let gate = attach(LinkOrder::first(), verdict);
        sender.send(&frames);
        await_equal("seen by the gate", &all, || gate.seen());
        assert_eq!(first.seen(), all, "something came past {verdict:?}");
        // Another test's program that is just starting may hold a copy of
        // the link for a moment.
        drop(gate);
        await_equal("programs", &2, || attached(&lab.machine, WAN, hook).len());
    }
    drop((first, last));
    // Not at once: a process that another test is just starting holds a copy
    // of every descriptor until it becomes its program.
    await_equal("attached programs", &Vec::<String>::new(), || {
        attached(&lab.machine, WAN, hook)
    });
}

#[test]
fn a_background_program_is_heard_signalled_and_awaited() {
    let namespace = Netns::new();
    let mut command = namespace.command("sh");
    command.args([
        "-c",
        // A signal just before a long wait would be handled only behind it.
        "trap 'echo bye >&2; exit 3' TERM; echo up; \
         while :; do sleep 0.1; done",
    ]);
    let mut program = Background::start("sh", &mut command);
    let is =
        |wanted: &'static str| move |line: &str| (line == wanted).then_some(());
    program.await_line("up", 0, PATIENCE, is("up"));
    assert!(program.is_running());
    let position = program.line_count();
    program.signal(Signal::Terminate);
    program.await_line("bye", position, PATIENCE, is("bye"));
    assert_eq!(program.wait(PATIENCE).code(), Some(3));
    assert_eq!(program.lines(), ["up", "bye"]);
}

#[test]
fn prometheus_scrapes_a_page_inside_a_namespace() {
    let namespace = Netns::new();
    let listener = namespace.run(|| TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let page = "# HELP things_total Things.\n# TYPE things_total counter\n\
                things_total{kind=\"a\"} 40\nthings_total{kind=\"b\"} 2\n";
    // Ends with the test run: nobody else connects to it.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, page);
        }
    });
    assert_eq!(http::get(&namespace, address, "/metrics").unwrap().body, page);
    assert_eq!(promtool_check(&namespace, page), "");
    assert!(promtool_check(&namespace, "things 1\n").contains("no help text"));

    let prometheus = Prometheus::start(&namespace, address);
    prometheus.await_query("up", 1);
    prometheus.await_query("sum(things_total)", 42);
    prometheus.await_query("things_total{kind=\"a\"}", 40);
    assert_eq!(prometheus.query("nothing_here"), None);
}

fn answer(mut stream: TcpStream, page: &str) {
    let mut request = [0; 4096];
    if stream.read(&mut request).is_ok() {
        // A client that is gone is not the page's concern.
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
    }
}

#[test]
fn nothing_of_the_tests_shows_in_the_machines_own_namespace() {
    let lab = Lab::new();
    let links =
        output_of(std::process::Command::new("ip").args(["-o", "link"]));
    assert!(!links.contains(WAN) && !links.contains(PEER), "{links}");
    assert_ne!(lab.machine.inode(), lab.world.inode());
    let gone = lab.machine.inode();
    drop(lab);
    await_until(PATIENCE, "the namespace is gone", || {
        let listed = output_of(
            std::process::Command::new("lsns")
                .args(["-t", "net", "-n", "-o", "NS"]),
        );
        if listed.lines().any(|line| line.trim() == gone.to_string()) {
            Err(listed)
        } else {
            Ok(())
        }
    });
}
