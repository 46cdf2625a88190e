//! Connections switched on and off, under load.

use std::sync::atomic::{AtomicBool, Ordering};

use super::restart::assert_not_less;
use super::{
    Gauges, OPEN, await_gauges, await_tallies, await_visits, gauges, setup,
    tallies,
};
use crate::harness::connections::{Asking, CountryLab, Tallies};
use crate::harness::objects::Objects;
use crate::harness::process::output_of;
use crate::harness::wait::{PATIENCE, await_until};
use crate::harness::watch::{Scraper, during};

/// The memory that the allocator may keep for itself.
const PLAY: u64 = 4 << 20;

/// Returns how often `SWITCHES` says.
fn count() -> u32 {
    let count = std::env::var("SWITCHES").ok();
    count.map_or(30, |text| text.parse().expect("SWITCHES is a whole number"))
}

/// Returns the bytes of memory for options of all sockets of the machine, in
/// which the storage of programs is.
fn option_memory(lab: &CountryLab) -> u64 {
    let text = output_of(lab.lab.machine.command("ss").arg("-tmnaH"));
    let parts = text.split(['(', ')', ',']);
    let options = parts.filter_map(|part| part.strip_prefix('o'));
    options.filter_map(|it| it.parse::<u64>().ok()).sum()
}

/// Scrapes until told to stop, and panics where a counter of connections falls.
/// The page has none of them while they are off.
fn scrape(scraper: &Scraper, stop: &AtomicBool) {
    let mut last = Tallies::default();
    while !stop.load(Ordering::Relaxed) {
        let now = tallies(&scraper.scrape());
        if now != Tallies::default() {
            assert_not_less(&now, &last);
            last = now;
        }
    }
}

#[test]
fn switching_under_load_leaves_nothing_and_counters_never_fall() {
    let lab = CountryLab::new();
    let mut daemon = setup(&lab).set("connections", false).start();
    let before = Objects::of(&daemon);
    let open = lab.open(Asking::World, 0, 200);
    assert_eq!(option_memory(&lab), 0);

    let (scraper, switches) = (daemon.scraper(), count());
    let mut seen = Objects::default();
    // Until every buffer has the size that it needs.
    let mut usage = None;
    let ((), offered) = during(
        |stop| {
            let mut offered = Tallies::default();
            let mut seed = 1;
            while !stop.load(Ordering::Relaxed) {
                offered += lab.make_short(500, seed);
                seed += 1;
            }
            offered
        },
        || {
            let switch = || {
                for switch in 0..switches {
                    daemon.configure("connections", true);
                    daemon.reload();
                    await_on(&daemon, &before);
                    let now = Objects::of(&daemon).without(&before);
                    seen.add(now);
                    if switch % 10 == 0 {
                        daemon.await_scrape("open ones", |scrape| match scrape
                            .sum(OPEN, &[])
                        {
                            some if some >= 200 => Ok(()),
                            few => Err(few.to_string()),
                        });
                        assert!(option_memory(&lab) > 0);
                    }
                    daemon.configure("connections", false);
                    daemon.reload();
                    if switch == 9 {
                        usage = Some((
                            daemon.resident_bytes(),
                            daemon.open_files(),
                        ));
                    }
                }
            };
            during(|stop| scrape(&scraper, stop), switch);
        },
    );
    eprintln!(
        "{switches} times; {} programs, {} maps, {} links",
        seen.programs.len(),
        seen.maps.len(),
        seen.links.len()
    );
    let least = usize::try_from(switches).unwrap();
    assert!(seen.programs.len() >= least && seen.links.len() >= least);
    seen.await_gone();
    await_until(PATIENCE, "storage of sockets", || match option_memory(&lab) {
        0 => Ok(()),
        some => Err(format!("{some} bytes")),
    });
    if let Some((memory, files)) = usage {
        let now = daemon.resident_bytes();
        eprintln!("RssAnon {memory} then {now}, {files} files");
        assert!(now < memory + PLAY, "{now} bytes, {memory} before");
        await_until(PATIENCE, "no descriptor leaked", || {
            match daemon.open_files() {
                now if now <= files => Ok(()),
                now => Err(format!("{now} open files, {files} before")),
            }
        });
    }
    // On again: the old counters and the open connections are there.
    daemon.configure("connections", true);
    daemon.reload();
    daemon.await_sum(OPEN, &[], 200);
    let mut expected = tallies(&daemon.scrape());
    assert!(expected.sum().opened > 0);
    assert_not_less(&offered, &expected);
    expected += lab.make_short(2_000, 1_000_000);
    await_tallies(&daemon, &expected);
    drop(open);
    await_gauges(&daemon, &Gauges::new());
    await_visits(&daemon, 1);
    assert_eq!(gauges(&daemon.scrape()), Gauges::new());
    assert!(daemon.is_running());
}

/// Waits until the exporter has programs for connections.
fn await_on(daemon: &crate::harness::daemon::Daemon, before: &Objects) {
    await_until(PATIENCE, "programs for connections", || {
        let now = Objects::of(daemon).without(before);
        match now.links.is_empty() {
            false => Ok(()),
            true => Err(format!("{now:?}")),
        }
    });
}
