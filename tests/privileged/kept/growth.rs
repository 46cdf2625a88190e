//! The flow table grows while exporters end, and while none runs.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use super::{Kept, Over, Shown, end, shown};
use crate::harness::flood::{Offered, frames_from, on_each_cpu};
use crate::harness::flow_map::blocks_in_use;
use crate::harness::link::Volume;
use crate::harness::sys::Signal;
use crate::harness::wait::{PATIENCE, await_until};

/// Ends, between which the number of sources doubles.
const ENDS: u32 = 5;

/// Sources before the first end: one block has room for them.
const SOURCES: u32 = 500;

/// Ends exporters by this signal while the table grows, and returns what the
/// last one shows and what was sent.
fn grow_over_ends_by(signal: Signal) -> (Shown, Volume) {
    let kept = Kept::new();
    let setup = || {
        let setup = kept.setup().set("poll_interval", "5ms");
        setup.set("ipv4_prefix_length", 32)
    };
    end(setup().start(), signal);
    let (offered, is_over) = (Offered::default(), AtomicBool::new(false));
    let sources = AtomicU32::new(SOURCES);
    let senders = [kept.lab.inbound(), kept.lab.inbound()];
    thread::scope(|scope| {
        let (offered, is_over, sources) = (&offered, &is_over, &sources);
        let sending = scope.spawn(move || {
            on_each_cpu(senders.map(|sender| {
                move || {
                    let mut sent = Volume::default();
                    let mut frames = Vec::new();
                    while !is_over.load(Ordering::SeqCst) {
                        let sources = sources.load(Ordering::SeqCst);
                        if frames.len() != sources as usize {
                            frames = frames_from(0..sources);
                        }
                        sent = sent + offered.send(&sender, &frames);
                    }
                    sent
                }
            }))
        });
        // Ends the sender when an assertion fails, too.
        let over = Over(is_over);
        let mut blocks = vec![1; 2];
        for number in 1..=ENDS {
            let mut daemon = setup().start();
            let now = blocks_in_use(&daemon)[..2].to_vec();
            let mut pairs = now.iter().zip(&blocks);
            assert!(pairs.all(|(n, b)| n >= b), "{now:?} after {blocks:?}");
            blocks = now;
            sources.store(SOURCES << number, Ordering::SeqCst);
            daemon.await_polls();
            let log = daemon.log();
            let mut notices = log.iter().filter_map(|line| line.get("notice"));
            let left_out = notices.find(|notice| notice.contains("left out"));
            assert_eq!(left_out, None, "end {number}");
            end(daemon, signal);
        }
        let daemon = setup().start();
        // A sender on a busy CPU may not have sent all yet.
        await_until(PATIENCE, "growth on both CPUs", || {
            let blocks = blocks_in_use(&daemon);
            match blocks[..2].iter().all(|&blocks| blocks >= 8) {
                true => Ok(()),
                false => Err(format!("{blocks:?}")),
            }
        });
        drop(over);
        let sent = sending.join().unwrap().into_iter();
        let sent = sent.fold(Volume::default(), |a, b| a + b);
        daemon.await_sum("geoip_ebpf_packets_total", &[], sent.packets);
        daemon.await_polls();
        (shown(&daemon.scrape()), sent)
    })
}

#[test]
fn no_byte_loses_its_country_if_exporters_end_while_the_table_grows() {
    let (now, sent) = grow_over_ends_by(Signal::Terminate);
    assert_eq!((now.by_country, now.unattributed), (sent.bytes, 0));
    assert_eq!(now.packets, sent.packets);
}

/// Countries that were not saved before a kill are lost, bytes are not.
#[test]
fn no_byte_is_lost_if_exporters_are_killed_while_the_table_grows() {
    let (now, sent) = grow_over_ends_by(Signal::Kill);
    assert_eq!(now.by_country + now.unattributed, sent.bytes);
    assert_eq!(now.packets, sent.packets);
}
