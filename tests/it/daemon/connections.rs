//! TCP connections: reloads, changed files, faults and restarts.

use std::fs;
use std::path::Path;

use geoip_exporter::accounting::ConnectionDirection::{Inbound, Outbound};
use geoip_exporter::config::ConnectionsScope;
use tempfile::TempDir;

use super::fake::FakeHost;
use super::running::{Running, Scrape, database, with_database};
use super::tcp::{Tcp, key};
use crate::mmdb::{Value, Writer};

const ON: &str = "connections = true\nconnections_interval = \"1s\"\n";
const WEB: &str = "[[service]]\nname = \"web\"\nports = [\"80\", \"443/tcp\"]\n\
    [[service]]\nname = \"dns\"\nports = [\"53/udp\"]\n";
const SUCCESS: &str = "geoip_collector_success{collector=\"connections\"}";

fn start(config: &str) -> Running {
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), config);
    if config.contains("connections = true") {
        daemon.host.log.wait_for(0, &["counting connections"]);
    }
    daemon
}

fn tcp(daemon: &Running, change: impl FnOnce(&mut Tcp)) {
    daemon.host.change_kernel(|kernel| change(&mut kernel.tcp));
}

fn open(scrape: &Scrape, country: &str, direction: &str, service: &str) -> f64 {
    let series = format!(
        "geoip_tcp_connections{{country={country:?},direction={direction:?},\
         service={service:?}}}"
    );
    scrape.find(&series).unwrap_or(f64::NAN)
}

fn total(scrape: &Scrape, event: &str, country: &str) -> f64 {
    let series = format!(
        "geoip_tcp_connections_{event}_total{{country={country:?},\
         direction=\"inbound\"}}"
    );
    scrape.find(&series).unwrap_or_default()
}

#[test]
fn connections_are_counted_by_country_and_service_while_they_are_on() {
    let daemon = start(&with_database(&format!("{ON}{WEB}")));
    let (web, ssh) =
        (key("192.0.2.7", 443, Inbound), key("192.0.2.7", 22, Inbound));
    let away = key("198.51.100.7", 0, Outbound);
    tcp(&daemon, |tcp| {
        tcp.open(web, 5);
        tcp.open(ssh, 1);
        tcp.open(away, 2);
        tcp.close(web, 2);
    });
    let scrape = daemon.wait_for("a visit", |scrape| {
        open(scrape, "DE", "inbound", "web") == 3.0
    });
    assert_eq!(open(&scrape, "DE", "inbound", "other"), 1.0);
    assert_eq!(open(&scrape, "US", "outbound", "other"), 2.0);
    assert_eq!(total(&scrape, "opened", "DE"), 6.0);
    assert_eq!(total(&scrape, "closed", "DE"), 2.0);
    assert_eq!(scrape.get(SUCCESS), 1.0);
    // Without waiting for the next visit.
    tcp(&daemon, |tcp| {
        tcp.close(web, 3);
        tcp.untracked = 4;
        tcp.is_crowded = true;
    });
    let untracked = "geoip_tcp_connections_untracked_total";
    let scrape =
        daemon.wait_for("untracked", |scrape| scrape.get(untracked) == 4.0);
    assert_eq!(open(&scrape, "DE", "inbound", "web"), 0.0);

    tcp(&daemon, |tcp| tcp.close(ssh, 1));
    daemon.configure(&with_database(WEB));
    let mark = daemon.host.log.mark();
    daemon.reload();
    daemon.host.log.wait_for(mark, &["no longer counting connections"]);
    let scrape = daemon.settled();
    assert!(!scrape.0.keys().any(|series| {
        series.contains("_tcp_") || series.contains("_collector_")
    }));
    assert_eq!(daemon.host.kernel().tcp.scope, None);
    tcp(&daemon, |tcp| tcp.open(web, 7));

    // On again: the counters go on, and connections from before are open.
    daemon.configure(&with_database(&format!("{ON}{WEB}")));
    let mark = daemon.host.log.mark();
    daemon.reload();
    daemon.host.log.wait_for(mark, &["counting connections"]);
    let scrape = daemon.settled();
    assert_eq!(total(&scrape, "opened", "DE"), 6.0);
    assert_eq!(total(&scrape, "closed", "DE"), 6.0);
    assert_eq!(open(&scrape, "DE", "inbound", "web"), 7.0);
    assert_eq!(open(&scrape, "DE", "inbound", "other"), 0.0);
    daemon.stop();
}

/// Visits no longer see the connections, so they have ended.
#[test]
fn ends_that_no_program_saw_are_counted_after_some_visits() {
    let daemon = start(&with_database(ON));
    let (here, away) =
        (key("192.0.2.7", 443, Inbound), key("198.51.100.7", 0, Outbound));
    tcp(&daemon, |tcp| {
        tcp.is_exact = true;
        tcp.open(here, 5);
        tcp.open(away, 2);
        tcp.close(here, 1);
        tcp.close_unseen(here, 2);
    });
    let scrape = daemon.wait_for("the unseen ends", |scrape| {
        total(scrape, "closed", "DE") == 3.0
    });
    assert_eq!(open(&scrape, "DE", "inbound", "other"), 2.0);
    assert_eq!(total(&scrape, "opened", "DE"), 5.0);
    assert_eq!(open(&scrape, "US", "outbound", "other"), 2.0);
    tcp(&daemon, |tcp| tcp.close(here, 2));
    daemon.wait_for("the other ends", |scrape| {
        total(scrape, "closed", "DE") == 5.0
    });
    daemon.stop();
}

#[test]
fn open_connections_move_to_the_series_that_a_reload_gives_them() {
    let lines = |more: &str| with_database(&format!("{ON}{more}"));
    let daemon = start(&lines(""));
    let (web, office) =
        (key("192.0.2.7", 443, Inbound), key("192.0.2.200", 443, Inbound));
    let away = key("2001:db8::7", 0, Outbound);
    tcp(&daemon, |tcp| {
        tcp.open(web, 5);
        tcp.open(office, 3);
        tcp.open(away, 2);
    });
    daemon.wait_for("a visit", |scrape| {
        open(scrape, "DE", "inbound", "other") == 8.0
    });
    let apply = |more: &str, country: &str, service: &str, count: f64| {
        daemon.configure(&lines(more));
        daemon.reload();
        daemon.wait_for(more, |scrape| {
            open(scrape, country, "inbound", service) == count
        })
    };
    let scrape = apply(WEB, "DE", "web", 8.0);
    assert_eq!(open(&scrape, "DE", "inbound", "other"), 0.0);
    let range = "[[range]]\nname = \"office\"\ncidrs = \"192.0.2.128/25\"\n\
        country = \"HQ\"\n";
    let scrape = apply(&format!("{range}{WEB}"), "HQ", "web", 3.0);
    assert_eq!(open(&scrape, "DE", "inbound", "web"), 5.0);
    let ignore = "connections_ignore = [\"office\"]\n";
    let scrape = apply(&format!("{ignore}{range}{WEB}"), "HQ", "web", 0.0);
    assert_eq!(open(&scrape, "DE", "inbound", "web"), 5.0);
    let ignore = "connections_ignore = [\"192.0.2.7\", \"2001:db8::/32\"]\n";
    let scrape = apply(&format!("{ignore}{range}{WEB}"), "DE", "web", 0.0);
    assert_eq!(open(&scrape, "HQ", "inbound", "web"), 3.0);
    assert_eq!(scrape.sum("geoip_tcp_connections"), 3.0);
    // Nothing of it opened or closed a connection, or began the count again.
    assert_eq!(scrape.sum("geoip_tcp_connections_opened_total"), 10.0);
    assert_eq!(scrape.sum("geoip_tcp_connections_closed_total"), 0.0);
    assert_eq!(daemon.host.kernel().tcp.begun, 1);

    assert_eq!(
        daemon.host.kernel().tcp.scope,
        Some(ConnectionsScope::Namespace)
    );
    let scrape = apply("connections_scope = \"host\"\n", "DE", "other", 8.0);
    assert_eq!(scrape.sum("geoip_tcp_connections_opened_total"), 10.0);
    let kernel = daemon.host.kernel().tcp.clone();
    assert_eq!((kernel.begun, kernel.scope), (2, Some(ConnectionsScope::Host)));
    daemon.stop();
}

#[test]
fn open_connections_follow_a_changed_database() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("country.mmdb");
    let put = |code| {
        let mut writer = Writer::new(4, 24);
        let record = Value::Map(vec![("country_code", Value::Text(code))]);
        writer.insert("192.0.2.0/24", &record);
        let next = path.with_extension("next");
        fs::write(&next, writer.finish("country")).unwrap();
        fs::rename(next, &path).unwrap();
    };
    put("DE");
    let config = with_database(ON);
    let config = config.replace(
        database("country-maxmind.mmdb").to_str().unwrap(),
        path.to_str().unwrap(),
    );
    let daemon = start(&config);
    tcp(&daemon, |tcp| tcp.open(key("192.0.2.7", 80, Inbound), 4));
    daemon.wait_for("a visit", |scrape| {
        open(scrape, "DE", "inbound", "other") == 4.0
    });
    put("FR");
    let scrape = daemon.wait_for("another country", |scrape| {
        open(scrape, "FR", "inbound", "other") == 4.0
    });
    assert_eq!(open(&scrape, "DE", "inbound", "other"), 0.0);
    assert_eq!(scrape.sum("geoip_tcp_connections"), 4.0);
    assert_eq!(total(&scrape, "opened", "DE"), 4.0);
    daemon.stop();
}

#[test]
fn a_kernel_that_refuses_is_said_once_and_the_rest_goes_on() {
    let host = FakeHost::new(&[(2, "eth0")]);
    host.kernel().tcp.is_broken = true;
    let daemon = Running::start(host, &with_database(ON));
    let failed = ["cannot count connections; trying again"];
    daemon.host.log.wait_for(0, &failed);
    daemon.host.receive(2, "192.0.2.7", 100);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), 100.0);
    assert_eq!(scrape.get(SUCCESS), 0.0);
    tcp(&daemon, |tcp| tcp.is_broken = false);
    daemon.wait_for("it works", |scrape| scrape.get(SUCCESS) == 1.0);
    let web = key("192.0.2.7", 80, Inbound);
    tcp(&daemon, |tcp| tcp.open(web, 4));
    daemon.wait_for("a visit", |scrape| total(scrape, "opened", "DE") == 4.0);

    // In operation: the growth stays in the kernel meanwhile.
    let mark = daemon.host.log.mark();
    tcp(&daemon, |tcp| {
        tcp.is_broken = true;
        tcp.open(web, 5);
        tcp.visits = 0;
    });
    daemon.host.log.wait_for(mark, &failed);
    daemon.host.wait_until("three visits", |kernel| kernel.tcp.visits == 3);
    tcp(&daemon, |tcp| tcp.is_broken = false);
    let scrape =
        daemon.wait_for("the rest", |s| total(s, "opened", "DE") == 9.0);
    assert_eq!(open(&scrape, "DE", "inbound", "other"), 9.0);
    daemon.host.log.wait_for(mark, &["counting connections again"]);
    let log = daemon.host.log.text();
    assert_eq!(log.matches(failed[0]).count(), 2, "{log}");
    daemon.stop();
}

fn start_with_state(state: &Path, lines: &str) -> Running {
    start(&with_database(&format!(
        "state_directory = {state:?}\npin_directory = \"\"\n{lines}"
    )))
}

#[test]
fn counters_go_on_after_a_restart_up_to_the_last_connection() {
    let state = TempDir::new().unwrap();
    let web = key("192.0.2.7", 80, Inbound);
    let daemon = start_with_state(state.path(), ON);
    tcp(&daemon, |tcp| tcp.open(web, 4));
    daemon.wait_for("a visit", |s| total(s, "opened", "DE") == 4.0);
    // No visit takes these: the stop does.
    let mut waiting = ON.replace("1s", "1h");
    daemon.configure(&with_database(&format!(
        "state_directory = {:?}\npin_directory = \"\"\n{waiting}",
        state.path()
    )));
    daemon.reload();
    tcp(&daemon, |tcp| {
        tcp.open(web, 3);
        tcp.close(web, 2);
    });
    daemon.stop();

    let daemon = start_with_state(state.path(), &waiting);
    let scrape = daemon.settled();
    assert_eq!(total(&scrape, "opened", "DE"), 7.0);
    assert_eq!(total(&scrape, "closed", "DE"), 2.0);
    daemon.stop();

    // While connections are off, their counters stay in the state.
    let daemon = start_with_state(state.path(), "");
    assert_eq!(daemon.settled().sum("geoip_tcp_connections_opened_total"), 0.0);
    daemon.stop();
    waiting.push_str(WEB);
    let daemon = start_with_state(state.path(), &waiting);
    assert_eq!(total(&daemon.settled(), "opened", "DE"), 7.0);
    daemon.stop();
}
