//! Networks that continue after a stop and after kills.

use super::{bytes, whole};
use crate::daemon::fake::FakeHost;
use crate::daemon::running::{Running, Scrape, database, with_database};

/// Shown and hidden networks continue after a stop, and after a crash that
/// lost the last poll.
#[test]
fn networks_continue_after_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let lines = format!(
        "networks = true\nnetworks_top = 2\ncounted_once = \"eth0\"\n\
         asn_db = {:?}\nstate_directory = {:?}\npin_directory = \"\"\n",
        database("asn.mmdb"),
        state.path()
    );
    let config = with_database(&lines);
    let exchange = |daemon: &Running| {
        for (remote, bytes) in [
            ("192.0.2.7", 100_000),
            ("198.51.100.7", 20_000),
            ("203.0.113.9", 3_000),
            ("10.0.0.1", 400),
        ] {
            daemon.host.send(2, remote, bytes);
            daemon.host.receive(2, remote, bytes / 100);
        }
        daemon.settled()
    };
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    exchange(&daemon);
    let before = exchange(&daemon);
    assert_eq!(whole(&before, "sent"), 246_800.0);
    daemon.stop();

    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let networks = |scrape: &Scrape| -> Vec<(String, f64)> {
        let all = scrape.0.iter();
        let of = all.filter(|(series, _)| series.starts_with("geoip_as_"));
        of.map(|(series, value)| (series.clone(), *value)).collect()
    };
    assert_eq!(networks(&daemon.settled()), networks(&before));
    let after = exchange(&daemon);
    assert_eq!(whole(&after, "sent"), 370_200.0);
    assert_eq!(bytes(&after, "sent", "64496"), Some(200_000.0));
    assert_eq!(bytes(&after, "sent", "other"), Some(129_000.0));
    daemon.stop();
}

/// Killed after any number of calls of the kernel side: the networks and the
/// unattributed bytes are all bytes, and no series falls.
#[test]
fn no_byte_of_networks_is_lost_or_counted_twice_by_kills() {
    let folder = tempfile::tempdir().unwrap();
    let lines = format!(
        "networks = true\ncounted_once = \"eth0\"\nasn_db = {:?}\n\
         state_directory = {:?}\npin_directory = \"\"\n",
        database("asn.mmdb"),
        folder.path()
    );
    let config = with_database(&lines);
    let mut host = FakeHost::new(&[(2, "eth0")])
        .keeping(folder.path().join("counters.state"));
    let mut sent = 0_u32;
    let mut seen = 0.0;
    for calls in [0, 3, 9, 1, 20, 5, 0, 12, 2, 7] {
        let daemon = Running::start(host.clone(), &config);
        for (remote, bytes) in [("192.0.2.7", 1_009), ("10.0.0.1", 31)] {
            host.send(2, remote, bytes.into());
            sent += bytes;
        }
        let scrape = daemon.settled();
        assert_eq!(whole(&scrape, "sent"), f64::from(sent));
        let own = bytes(&scrape, "sent", "64496").unwrap_or_default();
        assert!(own >= seen, "{own} after {seen}");
        seen = own;
        host.send(2, "192.0.2.7", 7);
        sent += 7;
        host.kill_after(calls);
        host.list();
        host.await_kill();
        daemon.stop();
        host.forget_since_kill();
        host = host.again();
    }
    let daemon = Running::start(host, &config);
    assert_eq!(whole(&daemon.settled(), "sent"), f64::from(sent));
    daemon.stop();
}
