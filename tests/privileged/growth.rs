//! The part of the flow table that each CPU uses doubles while frames pass.

use crate::harness::daemon::Setup;
use crate::harness::flood::{Offered, frames_from, on_each_cpu};
use crate::harness::flow_map::blocks_in_use;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::{Volume, statistics};
use crate::harness::watch::unattributed;

/// Sources at the end, in the order of their first frames: as many entries as
/// the default table has room for where both CPUs see each.
const SOURCES: u32 = 40_000;

/// Both CPUs receive from more and more sources while the exporter polls and
/// reclaims the entries of flows that moved. In the end every byte that the
/// device counted has its country.
#[test]
fn bytes_are_those_of_the_device_while_the_table_grows_on_two_cpus() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "5ms")
        .start();
    assert_eq!(blocks_in_use(&daemon)[..2], [1, 1]);
    let offered = Offered::default();
    let sent = on_each_cpu([0, 1].map(|_| {
        let (sender, offered) = (lab.inbound(), &offered);
        move || {
            let mut sent = Volume::default();
            for sources in (0..7).rev().map(|halvings| SOURCES >> halvings) {
                let frames = frames_from(0..sources);
                for _ in 0..3 {
                    sent = sent + offered.send(&sender, &frames);
                }
            }
            sent
        }
    }));
    let sent = sent.into_iter().fold(Volume::default(), |a, b| a + b);
    let device = statistics(&lab.machine, WAN).received;
    assert_eq!(device, sent);
    daemon.await_sum("geoip_bytes_received_total", &[], device.bytes);
    daemon.await_polls();
    let scrape = daemon.scrape();
    let shown = scrape.sum("geoip_bytes_received_total", &[]);
    assert_eq!((shown, unattributed(&scrape)), (device.bytes, 0));
    let blocks = blocks_in_use(&daemon);
    assert!(blocks[..2].iter().all(|&blocks| blocks > 16), "{blocks:?}");
    let reclaims = scrape.sum("geoip_ebpf_flow_table_reclaims_total", &[]);
    assert!(reclaims > 1000, "{reclaims} ways of flows that moved");
}
