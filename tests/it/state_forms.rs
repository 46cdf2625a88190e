//! State files of every form from version 2 on, and the counters in each.
//!
//! A file in `tests/data/state` is never changed: exporters that wrote its form
//! are out there. `UPDATE_STATE_FILES=1` writes those of the newest form that
//! are missing, and leaves the others.

mod connections;
mod hosts;
mod networks;
mod quota;
mod ranges;
mod section;
mod services;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geoip_exporter::accounting::{
    AttachmentMarks, Breakdown, CountingMarks, Created, Direction, FlowKey,
    FlowMarks, Incarnation, InterfaceId, IpVersion, KernelCounter,
    KernelCounters, MapMarks, PollCounters, Reading, Timestamp, Volume,
};
use geoip_exporter::collectors::traffic::{
    CountryTraffic, InterfaceTraffic, Snapshot,
};
use geoip_exporter::geoip::CountryLabels;
use geoip_exporter::state::{State, decode, encode};

/// The newest form.
pub(crate) const NEWEST: u32 = 6;

type Make = fn() -> State;

/// The states of which each form has a file.
const KINDS: [(&str, Make); 3] =
    [("empty", State::default), ("counters", counters), ("kept", kept)];

pub(crate) fn path(form: u32, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/state")
        .join(format!("{form}-{kind}.state"))
}

fn breakdown(first: u64) -> Breakdown {
    let mut next = first;
    Breakdown::of(|_, _| {
        next += 1;
        Volume { packets: next, bytes: next * 1_000 }
    })
}

fn polls(first: u64) -> PollCounters {
    PollCounters {
        created: at(first),
        poll_failures: first,
        kernel: KernelCounters::default()
            .with(KernelCounter::LookupFailures, first + 1)
            .with(KernelCounter::UpdateFailures, first + 2)
            .with(KernelCounter::MapPackets, first + 3),
        new_keys: first + 4,
        evictions: first + 5,
        table_reclaims: first + 6,
    }
}

/// The labels of the countries, with own ones.
fn labels() -> CountryLabels {
    let mut labels = CountryLabels::default();
    for label in ["my office", "Büro"] {
        labels.intern(label).unwrap();
    }
    labels
}

fn interface(name: &str, first: u64) -> InterfaceTraffic {
    let countries = [
        ("UNKNOWN", 10),
        ("DE", 20),
        ("US", 30),
        ("PRIVATE", 40),
        ("my office", 50),
        ("Büro", 60),
    ];
    let countries = countries.map(|(label, number)| {
        let country = labels().intern(label).unwrap();
        let created = Created::of(|direction, ip_version| {
            let is_known = direction == Direction::Sent;
            let second =
                first + number + u64::from(ip_version == IpVersion::V6);
            is_known.then(|| at(second)).flatten()
        });
        let volume = breakdown(first + number);
        CountryTraffic { country, volume, created }
    });
    let non_ip = [first, first + 1]
        .map(|packets| Volume { packets, bytes: 60 * packets });
    let mut interface = InterfaceTraffic::new(
        name.into(),
        countries.into(),
        breakdown(first),
        non_ip,
    );
    interface.created = at(first);
    interface
}

fn at(second: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(second * 1_000))
}

/// Returns a state without the values that a form has no place for, or another
/// meaning.
fn as_of(form: u32, mut state: State) -> State {
    if form < 6 {
        for marks in &mut state.attachments {
            marks.is_edge = false;
        }
    }
    if form < 5 {
        leave_out_labels_and_classes(&mut state);
    }
    if form < 4 {
        leave_out_times(&mut state);
    }
    if form < 3 {
        for polls in [&mut state.polls, &mut state.earlier] {
            polls.kernel[KernelCounter::LookupFailures] = 0;
        }
    }
    state
}

fn leave_out_labels_and_classes(state: &mut State) {
    let traffic = Arc::make_mut(&mut state.traffic);
    traffic.labels = Arc::default();
    let mut remembered = traffic.remembered.to_vec();
    for interface in traffic.interfaces.iter_mut().chain(&mut remembered) {
        let interface = Arc::make_mut(interface);
        interface.countries.retain(|one| !one.country.is_named());
    }
    traffic.remembered = remembered.into();
    if let Some(counting) = &mut state.counting {
        let mut readings = counting.flows.map.readings.to_vec();
        for reading in &mut readings {
            reading.key.class = 0;
        }
        counting.flows.map.readings = readings.into();
    }
}

fn leave_out_times(state: &mut State) {
    for polls in [&mut state.polls, &mut state.earlier] {
        polls.created = None;
    }
    let traffic = Arc::make_mut(&mut state.traffic);
    traffic.created = None;
    traffic.remembered = Arc::default();
    for interface in traffic.interfaces.iter_mut().map(Arc::make_mut) {
        interface.created = None;
        interface.is_absent = false;
        for country in &mut interface.countries {
            country.created = Created::default();
        }
    }
}

/// The state of a process that kept no maps.
fn counters() -> State {
    let interfaces = vec![
        interface("eth0", 1_000),
        InterfaceTraffic::new(
            "lan0".into(),
            Vec::new(),
            Breakdown::default(),
            <[Volume; 2]>::default(),
        ),
        interface("wg-ünder", 1 << 40),
    ];
    let interfaces = interfaces.into_iter().map(Arc::new).collect();
    let mut wg0 = interface("wg0", 7_000);
    wg0.is_absent = true;
    let remembered = [Arc::new(wg0)].into();
    let traffic = Snapshot {
        packets: 123_456,
        created: at(5),
        labels: Arc::new(labels()),
        interfaces,
        remembered,
    };
    State {
        polls: polls(100),
        earlier: polls(100),
        counting: None,
        attachments: Vec::new(),
        traffic: Arc::new(traffic),
        slices: Vec::new(),
    }
}

/// The state of a process whose maps count on.
fn kept() -> State {
    let State { traffic, .. } = counters();
    let attachments = [(0, "eth0"), (7, "wg-ünder")].map(|(number, name)| {
        let first = u64::from(number) * 100;
        AttachmentMarks {
            interface: InterfaceId(number),
            name: name.into(),
            credited: breakdown(first),
            unattributed: breakdown(first + 10),
            totals: breakdown(first + 20),
            non_ip: [30, 40].map(|n| Volume { packets: n, bytes: n * 60 }),
            is_edge: number == 0,
        }
    });
    State {
        polls: polls(200),
        earlier: polls(50),
        counting: Some(counting()),
        attachments: attachments.into(),
        traffic,
        slices: Vec::new(),
    }
}

fn counting() -> CountingMarks {
    let mut v4 = [0; 16];
    v4[..3].copy_from_slice(&[192, 0, 2]);
    let v6 = "2001:db8:1::".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let of = |interface, direction, ip_version, remote, number: u32| Reading {
        key: FlowKey {
            interface: InterfaceId(interface),
            direction,
            ip_version,
            class: 0x1234 + u16::try_from(number).unwrap(),
            remote,
        },
        volume: Volume { packets: number.into(), bytes: 1 << 33 },
        generation: number << 8,
        last_seen: u32::MAX - number,
    };
    let readings = [
        of(0, Direction::Received, IpVersion::V4, v4, 1),
        of(7, Direction::Sent, IpVersion::V6, v6, 2),
    ];
    let serials = vec![(InterfaceId(0), u64::MAX), (InterfaceId(7), 1)];
    CountingMarks {
        incarnation: Incarnation { epoch: 0xfedc_ba98_7654_3211, serials },
        flows: FlowMarks {
            begun: 11,
            table_flows: 12,
            joined: 13,
            shared: 14,
            new_keys: 15,
            table_reclaims: 16,
            map: MapMarks {
                readings: readings.into(),
                ahead: Vec::new(),
                is_incomplete: false,
                now: 17,
                removed: 18,
                evictions: 19,
                explained: 20,
                minimum_age: Some(21),
            },
        },
    }
}

#[test]
fn a_file_of_any_form_gives_the_counters_that_were_saved() {
    for form in 2..=NEWEST {
        for (kind, state) in KINDS {
            let path = path(form, kind);
            let name = path.display();
            if std::env::var_os("UPDATE_STATE_FILES").is_some()
                && form == NEWEST
                && !path.exists()
            {
                fs::write(&path, encode(&state())).unwrap();
            }
            let bytes = fs::read(&path)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let decoded = decode(&bytes).unwrap();
            assert_eq!(decoded.state, as_of(form, state()), "{name}");
            assert_eq!(decoded.damage, [], "{name}");
            if form == NEWEST {
                assert!(encode(&state()) == bytes, "{name} is of an old form");
            }
        }
    }
}
