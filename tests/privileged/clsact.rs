//! Kernels without TCX: attached as filters of a clsact qdisc, exactly, beside
//! those of others, and gone without a trace at the end.

use aya::programs::TcAttachType;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::statistics;
use crate::harness::log_line::LogLine;
use crate::harness::netns::Netns;
use crate::harness::process::output_of;
use crate::harness::sys::Signal;
use crate::harness::tcx::{Counter, Verdict};
use crate::harness::traffic::{Traffic, assert_books};
use crate::harness::wait::{PATIENCE, await_until};
use crate::privileges::{NEEDED, as_nobody};

const HOOKS: [&str; 2] = ["ingress", "egress"];

fn setup(machine: &Netns) -> Setup {
    Setup::new(machine).set("interfaces", WAN).without_tcx()
}

/// Starts an exporter and waits until it has attached.
fn start(machine: &Netns) -> Daemon {
    let mut daemon = setup(machine).start();
    await_attached(&mut daemon, 0);
    daemon
}

fn await_attached(daemon: &mut Daemon, from: usize) {
    daemon.await_log("attached", from, |line| line.message() == "attached");
}

fn tc(namespace: &Netns, arguments: &str) -> String {
    output_of(namespace.command("tc").args(arguments.split_whitespace()))
}

fn qdiscs(namespace: &Netns) -> String {
    tc(namespace, &format!("qdisc show dev {WAN}"))
}

/// Returns the filters of a hook, one a line, in the order they run.
fn filters(namespace: &Netns, hook: &str) -> Vec<String> {
    let shown = tc(namespace, &format!("filter show dev {WAN} {hook}"));
    shown
        .lines()
        .filter(|line| line.contains(" handle ") || line.contains(" fh "))
        .map(str::to_owned)
        .collect()
}

fn ours(namespace: &Netns) -> [usize; 2] {
    HOOKS.map(|hook| {
        let is_ours = |line: &&String| line.contains(" geoip-exporter:");
        filters(namespace, hook).iter().filter(is_ours).count()
    })
}

/// Panics unless the device is as if no exporter had ever been there.
fn assert_clean(namespace: &Netns) {
    assert!(!qdiscs(namespace).contains("clsact"), "{}", qdiscs(namespace));
}

fn end(mut daemon: Daemon, signal: Signal) {
    daemon.signal(signal);
    daemon.wait(PATIENCE);
}

/// Adds a filter of another kind that lets every packet go, past the filters
/// behind it.
fn add_other_kind(namespace: &Netns, hook: &str, priority: u16) {
    let filter = "protocol all u32 match u32 0 0 flowid 1:1";
    tc(
        namespace,
        &format!("filter add dev {WAN} {hook} priority {priority} {filter}"),
    );
}

/// Puts somebody else's program on each hook.
fn others(lab: &Lab, priority: u16) -> [Counter; 2] {
    [TcAttachType::Ingress, TcAttachType::Egress].map(|hook| {
        Counter::filter(&lab.machine, WAN, hook, priority, Verdict::Next)
    })
}

#[test]
fn each_byte_is_counted_and_nothing_is_left_at_the_end() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let lab = Lab::new();
        let daemon = start(&lab.machine);
        assert_eq!(ours(&lab.machine), [1, 1]);
        let mut traffic = Traffic::new(&lab);
        for _ in 0..20 {
            traffic.exchange();
        }
        traffic.await_booked(&daemon);
        assert_books(&daemon.scrape(), traffic.booked());
        let seen = statistics(&lab.machine, WAN);
        assert_eq!(seen.received, traffic.total("received"));
        assert_eq!(seen.sent, traffic.total("sent"));
        end(daemon, signal);
        assert_clean(&lab.machine);
    }
}

#[test]
fn it_is_told_how_programs_are_attached() {
    let lab = Lab::new();
    let mut daemon = start(&lab.machine);
    let line = daemon.await_log("how", 0, |line| {
        line.message() == "loaded the eBPF programs"
    });
    assert_eq!(line.get("attached_by").as_deref(), Some("clsact"));
}

#[test]
fn what_a_killed_exporter_left_is_removed_at_the_next_start() {
    let lab = Lab::new();
    for _ in 0..3 {
        end(start(&lab.machine), Signal::Kill);
        assert_eq!(ours(&lab.machine), [1, 1]);
        // Also where the next one is not to count this interface.
        let mut next = setup(&lab.machine).set("interfaces", "other0").start();
        let notice =
            next.await_log("a notice", 0, |line| line.get("notice").is_some());
        let notice = notice.get("notice").unwrap();
        assert!(notice.contains("removed 2 programs"), "{notice}");
        assert_clean(&lab.machine);
        end(next, Signal::Terminate);
    }
    end(start(&lab.machine), Signal::Kill);
    let daemon = start(&lab.machine);
    assert_eq!(ours(&lab.machine), [1, 1]);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    end(daemon, Signal::Terminate);
    assert_clean(&lab.machine);
}

#[test]
fn two_exporters_count_all_and_leave_each_other_alone() {
    let lab = Lab::new();
    // Whichever goes first, the last one removes what the first had made.
    for first_to_go in [0, 1] {
        let mut daemons = vec![start(&lab.machine), start(&lab.machine)];
        assert_eq!(ours(&lab.machine), [2, 2]);
        let mut traffic = Traffic::new(&lab);
        traffic.exchange();
        for daemon in &daemons {
            traffic.await_booked(daemon);
        }
        end(daemons.remove(first_to_go), Signal::Terminate);
        assert_eq!(ours(&lab.machine), [1, 1]);
        traffic.exchange();
        traffic.await_booked(&daemons[0]);
        // A third is killed and a fourth cleans up behind it, and only there.
        end(start(&lab.machine), Signal::Kill);
        assert_eq!(ours(&lab.machine), [2, 2]);
        end(start(&lab.machine), Signal::Terminate);
        assert_eq!(ours(&lab.machine), [1, 1]);
        traffic.exchange();
        traffic.await_booked(&daemons[0]);
        end(daemons.remove(0), Signal::Terminate);
        assert_clean(&lab.machine);
    }
}

#[test]
fn filters_of_others_see_every_packet_and_stay() {
    for signal in [Signal::Terminate, Signal::Kill] {
        let lab = Lab::new();
        tc(&lab.machine, &format!("qdisc add dev {WAN} clsact"));
        // Where the first place is taken, it is shared.
        let programs = [others(&lab, 10), others(&lab, 1)];
        for hook in HOOKS {
            add_other_kind(&lab.machine, hook, 50_000);
        }
        let before = HOOKS.map(|hook| filters(&lab.machine, hook));
        let daemon = start(&lab.machine);
        for (hook, before) in HOOKS.into_iter().zip(&before) {
            let now = filters(&lab.machine, hook);
            assert!(now[0].contains(" geoip-exporter:"), "{now:?}");
            assert_eq!(&now[1..], before);
        }
        let mut traffic = Traffic::new(&lab);
        for _ in 0..10 {
            traffic.exchange();
        }
        traffic.await_booked(&daemon);
        for [ingress, egress] in &programs {
            assert_eq!(ingress.seen(), traffic.total("received"));
            assert_eq!(egress.seen(), traffic.total("sent"));
        }
        end(daemon, signal);
        if signal == Signal::Kill {
            let next = setup(&lab.machine).set("interfaces", "other0").start();
            end(next, Signal::Terminate);
        }
        assert_eq!(HOOKS.map(|hook| filters(&lab.machine, hook)), before);
        // Not ours, so it stays, also when it is empty.
        for hook in HOOKS {
            tc(&lab.machine, &format!("filter del dev {WAN} {hook}"));
        }
        end(start(&lab.machine), Signal::Terminate);
        assert!(qdiscs(&lab.machine).contains("clsact"));
    }
}

#[test]
fn a_qdisc_that_others_came_to_use_is_left_to_them() {
    let lab = Lab::new();
    let daemon = start(&lab.machine);
    add_other_kind(&lab.machine, "egress", 1);
    let [received, mut sent] = HOOKS.map(|hook| filters(&lab.machine, hook));
    assert_eq!(received.len(), 1);
    end(daemon, Signal::Terminate);
    sent.retain(|line| !line.contains(" geoip-exporter:"));
    let left = HOOKS.map(|hook| filters(&lab.machine, hook));
    assert_eq!(left, [vec![], sent]);
}

#[test]
fn a_filter_that_must_run_first_is_left_there_and_told_of() {
    let lab = Lab::new();
    tc(&lab.machine, &format!("qdisc add dev {WAN} clsact"));
    add_other_kind(&lab.machine, "ingress", 1);
    let before = filters(&lab.machine, "ingress");
    let mut daemon = start(&lab.machine);
    let notice = daemon
        .await_log("a notice", 0, |line| line.get("notice").is_some())
        .get("notice")
        .unwrap();
    assert!(notice.contains("ingress filters of others (u32)"), "{notice}");
    let now = filters(&lab.machine, "ingress");
    let (ours, others) = now.split_last().unwrap();
    assert!(ours.contains(" geoip-exporter:"), "{now:?}");
    assert_eq!(others, before);
    end(daemon, Signal::Terminate);
    assert_eq!(filters(&lab.machine, "ingress"), before);
}

#[test]
fn an_ingress_qdisc_is_left_alone_and_the_way_out_is_named() {
    let lab = Lab::new();
    tc(&lab.machine, &format!("qdisc add dev {WAN} ingress"));
    let mut daemon = setup(&lab.machine).start();
    let line = daemon.await_log("a refusal", 0, |line| {
        line.message() == "interface is not counted"
    });
    let error = line.get("error").unwrap();
    assert!(error.contains("tc qdisc add dev wan0 clsact"), "{error}");
    daemon.await_sum("geoip_interface_attached", &[], 0);
    assert!(qdiscs(&lab.machine).contains("ingress"));
    // As it says, and at once when asked to.
    tc(&lab.machine, &format!("qdisc del dev {WAN} ingress"));
    let position = daemon.log_position();
    daemon.reload();
    await_attached(&mut daemon, position);
    end(daemon, Signal::Terminate);
    assert_clean(&lab.machine);
}

#[test]
fn three_capabilities_are_enough_to_attach_and_to_leave_nothing() {
    let lab = Lab::new();
    let mut daemon = as_nobody(setup(&lab.machine), NEEDED).start();
    await_attached(&mut daemon, 0);
    end(daemon, Signal::Terminate);
    assert_clean(&lab.machine);
}

/// Somebody else may remove filters, and with the qdisc all of them.
#[test]
fn what_others_removed_is_attached_again() {
    let lab = Lab::new();
    let mut daemon = start(&lab.machine);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    tc(&lab.machine, &format!("qdisc del dev {WAN} clsact"));
    let position = daemon.log_position();
    // The devices are listed twice a minute.
    let patience = PATIENCE * 4;
    await_until(patience, "the filters", || match ours(&lab.machine) {
        [1, 1] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    daemon.await_log("the end", position, |l: &LogLine| {
        l.message() == "detached"
    });
    await_attached(&mut daemon, position);
    traffic.exchange();
    traffic.await_booked(&daemon);
}
