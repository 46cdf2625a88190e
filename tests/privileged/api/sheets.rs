//! The numbers of the pages for programs and those of `/metrics`, under the same
//! keys. Only numbers that are not zero have a key.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::exposition::{Scrape, whole};

/// Numbers by subject, such as `countries DE bytes_received`.
pub(super) type Sheet = BTreeMap<String, u64>;

const DIRECTIONS: [&str; 2] = ["received", "sent"];
const UNITS: [&str; 2] = ["bytes", "packets"];

fn put(sheet: &mut Sheet, key: String, number: u64) {
    if number > 0 {
        *sheet.entry(key).or_default() += number;
    }
}

/// Puts the bytes and packets of an object of JSON down, of the units that it
/// has.
fn put_volume(sheet: &mut Sheet, key: &str, object: &Value) {
    for unit in UNITS {
        for direction in DIRECTIONS {
            let name = format!("{unit}_{direction}");
            if let Some(number) = object[&name].as_u64() {
                put(sheet, format!("{key} {name}"), number);
            }
        }
    }
}

/// Puts the samples of families down, under the values of some labels. `family`
/// has a `UNIT` and a `DIRECTION`.
fn put_family(
    sheet: &mut Sheet,
    scrape: &Scrape,
    subject: &str,
    family: &str,
    labels: &[&str],
) {
    let has_both = family.contains("UNIT");
    for unit in UNITS {
        if !has_both && !family.contains(unit) {
            continue;
        }
        for direction in DIRECTIONS {
            let name = family.replace("UNIT", unit);
            let name = name.replace("DIRECTION", direction);
            for (has, value) in scrape.matching(&name, &[]) {
                let mut key = subject.to_owned();
                for label in labels {
                    key += &format!(" {}", has[*label]);
                }
                let number = whole(value);
                put(sheet, format!("{key} {unit}_{direction}"), number);
            }
        }
    }
}

fn list<'a>(page: &'a Value, name: &str) -> &'a [Value] {
    page[name].as_array().unwrap_or_else(|| panic!("no {name}: {page}"))
}

/// Puts the rows of a page down under the values of some of their properties.
fn put_rows(sheet: &mut Sheet, subject: &str, rows: &[Value], names: &[&str]) {
    for row in rows {
        let mut key = subject.to_owned();
        for name in names {
            key += &format!(" {}", row[*name].as_str().expect("a text"));
        }
        put_volume(sheet, &key, row);
    }
}

/// Returns the numbers of the pages. `page` answers to a path behind `/api/v1/`.
pub(super) fn of_pages(
    interfaces: &[&str],
    mut page: impl FnMut(&str) -> Value,
) -> Sheet {
    let mut sheet = Sheet::new();
    let to = &mut sheet;
    let summary = page("summary");
    put_volume(to, "host whole", &summary["whole"]);
    let countries = page("countries");
    put_rows(to, "host", list(&countries, "countries"), &["country"]);
    put_volume(to, "host unattributed", &countries["unattributed"]);
    put_volume(to, "host non_ip", &countries["non_ip"]);
    for name in interfaces {
        for version in ["4", "6"] {
            let of = format!("interface={name}&ip_version={version}");
            let countries = page(&format!("countries?{of}"));
            let rows = list(&countries, "countries");
            let subject = format!("interface {name} {version}");
            put_rows(to, &subject, rows, &["country"]);
            let ranges = page(&format!("ranges?{of}"));
            let subject = format!("ranges {name} {version}");
            let names = ["source", "destination"];
            put_rows(to, &subject, list(&ranges, "ranges"), &names);
        }
    }
    let all = page("interfaces");
    put_rows(to, "whole", list(&all, "interfaces"), &["interface"]);
    put_volume(to, "ranges whole", &page("ranges?limit=1")["whole"]);
    let networks = page("networks?limit=1");
    put_volume(to, "networks whole", &networks["whole"]);
    put_volume(to, "hosts whole", &page("hosts?limit=1")["whole"]);
    for row in list(&page("services"), "services") {
        let name = |property: &str| row[property].as_str().expect("a text");
        let key = format!("service {} {}", name("service"), name("country"));
        put_volume(to, &key, row);
        for version in ["4", "6"] {
            let attempts = &row[format!("attempts_ipv{version}")];
            let number = attempts.as_u64().expect("a number");
            put(to, format!("{key} attempts {version}"), number);
        }
    }
    connections_of_page(to, &page("connections"));
    let quota = &page("usage")["quota"];
    for name in ["used_bytes", "limit_bytes"] {
        let number = quota[name].as_u64().expect("a number");
        put(to, format!("quota {name}"), number);
    }
    sheet
}

fn connections_of_page(to: &mut Sheet, page: &Value) {
    for row in list(page, "connections") {
        let country = row["country"].as_str().expect("a text");
        for direction in ["inbound", "outbound"] {
            for change in ["opened", "failed", "closed"] {
                let number = row[direction][change].as_u64();
                let key = format!("tcp {country} {direction} {change}");
                put(to, key, number.expect("a number"));
            }
        }
        for open in list(row, "open_by_service") {
            let name = |property: &str| open[property].as_str().expect("text");
            let (direction, service) = (name("direction"), name("service"));
            let key = format!("tcp {country} {direction} {service}");
            put(to, key, open["open"].as_u64().expect("a number"));
        }
        for name in [
            "segments_sent",
            "segments_retransmitted",
            "bytes_acked",
            "bytes_received",
        ] {
            let number = row[name].as_u64().expect("a number");
            put(to, format!("tcp {country} {name}"), number);
        }
        // The metrics keep those of a country under `other` until its series
        // begins, so only the sum is the same.
        let observed = row["round_trips"]["observations"].as_u64();
        put(to, "tcp round trips".into(), observed.expect("a number"));
    }
}

/// Returns the same numbers of `/metrics`.
pub(super) fn of_metrics(scrape: &Scrape) -> Sheet {
    let mut sheet = Sheet::new();
    let to = &mut sheet;
    let mut family = |subject: &str, name: &str, labels: &[&str]| {
        put_family(to, scrape, subject, name, labels);
    };
    family("host", "geoip_host_UNIT_DIRECTION_total", &["country"]);
    for (part, name) in [("", ""), ("un", "unattributed_"), ("non", "non_ip_")]
    {
        let host = format!("geoip_host_{name}UNIT_DIRECTION_total");
        family("host whole", &host, &[]);
        match part {
            "un" => family("host unattributed", &host, &[]),
            "non" => family("host non_ip", &host, &[]),
            _ => {}
        }
        let traffic = format!("geoip_{name}UNIT_DIRECTION_total");
        family("whole", &traffic, &["interface"]);
    }
    let labels = ["interface", "ip_version", "country"];
    family("interface", "geoip_UNIT_DIRECTION_total", &labels);
    let ranges = "geoip_range_UNIT_DIRECTION_total";
    let labels = ["interface", "ip_version", "source", "destination"];
    family("ranges", ranges, &labels);
    for name in [ranges, "geoip_range_unattributed_UNIT_DIRECTION_total"] {
        family("ranges whole", name, &[]);
    }
    for part in ["", "unattributed_"] {
        let name = format!("geoip_as_{part}UNIT_DIRECTION_total");
        family("networks whole", &name, &[]);
    }
    family("hosts whole", "geoip_remote_host_UNIT_DIRECTION_total", &[]);
    let host = "geoip_host_unattributed_UNIT_DIRECTION_total";
    family("hosts whole", host, &[]);
    // Hosts have no series of packets.
    let packets = "geoip_host_packets_DIRECTION_total";
    family("hosts whole", packets, &[]);
    let labels = ["service", "country"];
    family("service", "geoip_service_UNIT_DIRECTION_total", &labels);
    let attempts = "geoip_service_connection_attempts_total";
    for (has, value) in scrape.matching(attempts, &[]) {
        let [service, country, version] =
            ["service", "country", "ip_version"].map(|it| &has[it]);
        let key = format!("service {service} {country} attempts {version}");
        put(to, key, whole(value));
    }
    connections_of_metrics(to, scrape);
    for (name, number) in [("used_", "used_bytes"), ("", "limit_bytes")] {
        let sum = scrape.sum(&format!("geoip_quota_{name}bytes"), &[]);
        put(to, format!("quota {number}"), sum);
    }
    sheet
}

fn connections_of_metrics(to: &mut Sheet, scrape: &Scrape) {
    for change in ["opened", "failed", "closed"] {
        let name = format!("geoip_tcp_connections_{change}_total");
        for (has, value) in scrape.matching(&name, &[]) {
            let (country, direction) = (&has["country"], &has["direction"]);
            let key = format!("tcp {country} {direction} {change}");
            put(to, key, whole(value));
        }
    }
    for (has, value) in scrape.matching("geoip_tcp_connections", &[]) {
        let [country, direction, service] =
            ["country", "direction", "service"].map(|it| &has[it]);
        let key = format!("tcp {country} {direction} {service}");
        put(to, key, whole(value));
    }
    for (name, property) in [
        ("segments_sent_total", "segments_sent"),
        ("segments_retransmitted_total", "segments_retransmitted"),
        ("bytes_acked_total", "bytes_acked"),
        ("bytes_received_total", "bytes_received"),
    ] {
        let name = format!("geoip_tcp_{name}");
        for (has, value) in scrape.matching(&name, &[]) {
            let key = format!("tcp {} {property}", has["country"]);
            put(to, key, whole(value));
        }
    }
    let observed = scrape.sum("geoip_tcp_rtt_seconds_count", &[]);
    put(to, "tcp round trips".into(), observed);
}
