//! Views over snapshots of any content.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::accounting::{Breakdown, Timestamp, Volume};
use crate::api;
use crate::collectors::bounded::{Member, Members};
use crate::collectors::moments::{Counts, Earlier};
use crate::collectors::traffic::{CountryTraffic, InterfaceTraffic};
use crate::collectors::{networks, traffic};
use crate::geoip::{Country, Network};
use crate::metrics::published::Publisher;

fn volumes() -> impl Strategy<Value = [Volume; 4]> {
    let volume = (0..1_u64 << 40, 0..1_u64 << 50)
        .prop_map(|(packets, bytes)| Volume { packets, bytes });
    prop::array::uniform4(volume)
}

fn breakdown(of: [Volume; 4]) -> Breakdown {
    let mut parts = of.into_iter();
    Breakdown::of(|_, _| parts.next().unwrap())
}

prop_compose! {
    fn interface()(
        countries in prop::collection::vec(volumes(), 0..6),
        rests in volumes(),
        non_ip in volumes(),
    ) -> OfInterface {
        (rests, countries, [non_ip[0], non_ip[1]])
    }
}

/// The rest, the countries and the packets that are not IP of an interface.
type OfInterface = ([Volume; 4], Vec<[Volume; 4]>, [Volume; 2]);

fn traffic_of(interfaces: Vec<OfInterface>) -> traffic::Snapshot {
    let codes = ["AT", "DE", "FR", "JP", "US", "XK"];
    let interfaces = interfaces.into_iter().enumerate();
    let interfaces = interfaces.map(|(number, (rests, countries, non_ip))| {
        let countries = countries.into_iter().zip(codes);
        let countries = countries.map(|(of, code)| CountryTraffic {
            volume: breakdown(of),
            ..CountryTraffic::new(Country::from_code(code).unwrap())
        });
        Arc::new(InterfaceTraffic::new(
            format!("eth{number}").into(),
            countries.collect(),
            breakdown(rests),
            non_ip,
        ))
    });
    traffic::Snapshot {
        interfaces: interfaces.collect(),
        ..traffic::Snapshot::default()
    }
}

fn moment(counts: Counts, earlier: Option<Counts>) -> Moment {
    let earlier = earlier.map(|counts| {
        Arc::new(Earlier { uptime: Duration::from_secs(20), counts })
    });
    let started = Timestamp::from_millis(1_000);
    Moment {
        number: 7,
        uptime: Duration::from_secs(30),
        at: Timestamp::from_millis(31_000),
        earlier,
        ..Moment::first(started, counts)
    }
}

/// Returns the answer of a view, read back from its JSON.
fn ask<V: View>(view: &V, moment: &Moment, query: &str) -> V::Answer {
    let query = Query::parse(query, V::PARAMETERS).unwrap();
    let config = Config { networks: true, ..Config::default() };
    let answer = view.answer(moment, &config, &query).unwrap();
    let text = serde_json::to_string(&answer).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn add(sum: &mut [u64; 4], more: &api::Volume) {
    let api::Volume { bytes, packets } = more;
    let bytes = [bytes.bytes_received, bytes.bytes_sent];
    let packets = [packets.packets_received, packets.packets_sent];
    for (sum, more) in sum.iter_mut().zip(bytes.into_iter().chain(packets)) {
        *sum += more;
    }
}

fn sum<'a>(parts: impl IntoIterator<Item = &'a api::Volume>) -> [u64; 4] {
    let mut sum = [0; 4];
    parts.into_iter().for_each(|part| add(&mut sum, part));
    sum
}

fn countries() -> CountriesView {
    CountriesView { names: Published::default() }
}

proptest! {
    #[test]
    fn the_sums_of_countries_are_those_of_the_interfaces(
        interfaces in prop::collection::vec(interface(), 1..4)
    ) {
        let traffic = Arc::new(traffic_of(interfaces));
        let counts = Counts { traffic, ..Counts::default() };
        let moment = moment(counts, None);
        let view = InterfacesView {
            states: Published::default(),
            counted_once: Published::default(),
        };
        let by_interface = ask(&view, &moment, "");
        let all = ask(&countries(), &moment, "");
        prop_assert_eq!(all.counted, api::Counted::Interfaces);
        prop_assert_eq!(all.envelope.rates_over_seconds, None);
        let rows = all.countries.iter().map(|row| &row.volume);
        let whole = sum([&all.whole]);
        prop_assert_eq!(sum(rows.chain([&all.unattributed, &all.non_ip])), whole);
        prop_assert_eq!(sum([&by_interface.whole]), whole);
        let rows = by_interface.interfaces.iter();
        prop_assert_eq!(sum(rows.map(|row| &row.volume)), whole);
        // The parts of the IP versions and of the interfaces too.
        let mut parts = vec![all.non_ip];
        for version in ["ip_version=4", "ip_version=6"] {
            parts.push(ask(&countries(), &moment, version).whole);
        }
        prop_assert_eq!(sum(&parts), whole);
        let mut parts = Vec::new();
        for row in &by_interface.interfaces {
            let query = format!("interface={}", row.interface);
            parts.push(ask(&countries(), &moment, &query).whole);
            prop_assert_eq!(sum(&parts[parts.len() - 1..]), sum([&row.volume]));
        }
        prop_assert_eq!(sum(&parts), whole);
    }

    #[test]
    fn the_networks_of_any_part_and_the_rests_are_all_bytes(
        members in prop::collection::vec(
            (any::<u16>(), prop::array::uniform4(0..1_u64 << 50), any::<bool>()),
            0..30,
        ),
        rests in prop::array::uniform4(0..1_u64 << 50),
        (limit, offset) in (1..40_usize, 0..40_usize),
    ) {
        let members: std::collections::BTreeMap<_, _> = members
            .into_iter()
            .map(|(asn, values, is_shown)| (asn, (values, is_shown)))
            .collect();
        let mut networks = Members::<Network, 2> {
            not_kept: [rests[0], rests[1]],
            other: [rests[0], rests[1]],
            ..Members::default()
        };
        let members: Arc<[_]> = members
            .into_iter()
            .map(|(asn, ([a, b, c, d], is_shown))| {
                networks.other[0] += c;
                networks.other[1] += d;
                Member {
                    value: [a, b],
                    in_other: [c, d],
                    is_shown,
                    ..Member::new(Network(asn.into()))
                }
            })
            .collect();
        networks.parts.push(members);
        let snapshot = networks::Snapshot {
            networks,
            unknown: [rests[2], 3],
            unattributed: [5, rests[3]],
            created: None,
        };
        let whole = snapshot.whole();
        let kept = snapshot.networks.len() as u64;
        let counts =
            Counts { networks: Arc::new(snapshot), ..Counts::default() };
        let before = Counts::default();
        let moment = moment(counts, Some(before));
        let view = NetworksView { names: Published::default() };
        let query = format!("limit={limit}&offset={offset}");
        let answer = ask(&view, &moment, &query);
        let rows = answer.networks.iter().map(|row| &row.bytes);
        let rests = [
            &answer.not_listed,
            &answer.not_kept,
            &answer.unknown,
            &answer.unattributed,
        ];
        let all: Vec<_> = rows.chain(rests).collect();
        let received: u64 = all.iter().map(|it| it.bytes_received).sum();
        let sent: u64 = all.iter().map(|it| it.bytes_sent).sum();
        prop_assert_eq!([received, sent], whole);
        prop_assert_eq!(answer.whole.bytes_received, whole[0]);
        prop_assert_eq!(answer.kept, kept);
        // All of it came within ten seconds.
        let rate = answer.whole.bytes_sent_per_second.unwrap();
        prop_assert!((rate - whole[1] as f64 / 10.0).abs() < 1.0, "{}", rate);
    }
}

#[test]
fn a_rate_is_the_growth_since_the_earlier_moment() {
    let with = |bytes: u64| {
        let volume = Volume { packets: bytes / 100, bytes };
        let of = [volume, Volume::default(), Volume::default(), volume];
        let traffic = traffic_of(vec![(of, vec![of], [volume; 2])]);
        Counts { traffic: Arc::new(traffic), ..Counts::default() }
    };
    let shown = moment(with(5_000), Some(with(2_000)));
    let answer = ask(&countries(), &shown, "");
    assert_eq!(answer.envelope.rates_over_seconds, Some(10.0));
    assert_eq!(answer.envelope.snapshot, "3e8-7");
    assert_eq!((answer.envelope.at, answer.envelope.started), (31.0, 1.0));
    let row = &answer.countries[0];
    assert_eq!(row.country, "AT");
    assert_eq!(row.volume.bytes.bytes_received, 5_000);
    assert_eq!(row.volume.bytes.bytes_sent_per_second, Some(300.0));
    assert_eq!(row.volume.packets.packets_sent_per_second, Some(3.0));
    assert_eq!(answer.whole.bytes.bytes_received_per_second, Some(900.0));

    // A name that had no series then goes on from its counters.
    let mut earlier = with(2_000);
    let mut traffic = traffic::Snapshot::clone(&earlier.traffic);
    traffic.remembered = std::mem::take(&mut traffic.interfaces).into();
    earlier.traffic = Arc::new(traffic);
    let answer = ask(&countries(), &moment(with(5_000), Some(earlier)), "");
    assert_eq!(answer.whole.bytes.bytes_received_per_second, Some(900.0));
}

#[test]
fn an_interface_that_has_no_series_is_refused_with_the_names_of_others() {
    let traffic = Arc::new(traffic_of(vec![Default::default()]));
    let moment = moment(Counts { traffic, ..Counts::default() }, None);
    let query = Query::parse("interface=wg%0A0", CountriesView::PARAMETERS);
    let config = Config::default();
    let refused = countries().answer(&moment, &config, &query.unwrap());
    let line = "interface: \"wg\\n0\" has no traffic; there are eth0";
    assert_eq!(refused, Err(Refusal::Missing(line.into())));
}

/// A page of countries, and the publisher of its configuration.
fn page() -> (ApiPage<CountriesView>, Publisher<Config>) {
    let config = Publisher::new(Config::default());
    let first = moment(Counts::default(), None);
    let sources = ApiSources {
        config: config.reader(),
        moments: Publisher::new(first).reader(),
        refresh: None,
    };
    (ApiPage { sources, view: countries() }, config)
}

fn get(page: &impl Page, url: &str) -> (u16, String) {
    let request = Request::fake_http("GET", url, Vec::new(), Vec::new());
    let response = page.content(&request).finish(false);
    (response.status, String::from_utf8(response.body).unwrap())
}

#[test]
fn the_setting_turns_all_pages_off() {
    let (page, mut config) = page();
    let elsewhere = Elsewhere { config: config.reader() };
    assert_eq!(get(&page, "/api/v1/countries").0, 200);
    let (status, line) = get(&elsewhere, "/api/v1/x");
    assert_eq!(status, 404);
    assert!(line.contains("there are /api/v1/summary, "), "{line}");
    config.publish(Config { web: false, ..Config::default() });
    for answer in
        [get(&page, "/api/v1/countries"), get(&elsewhere, "/api/v1/x")]
    {
        assert_eq!(answer, (404, OFF.into()));
    }
}

#[test]
fn a_wrong_parameter_is_refused_and_not_shared() {
    let (page, _config) = page();
    let shared = |url| {
        page.shared(&Request::fake_http("GET", url, Vec::new(), Vec::new()))
    };
    let (status, line) = get(&page, "/api/v1/countries?ip_version=5");
    assert_eq!(status, 400);
    assert_eq!(line, "400: ip_version: \"5\" is not one of 4, 6\n");
    assert_eq!(shared("/api/v1/countries?x=1"), None);
    let plain = shared("/api/v1/countries").unwrap();
    assert_eq!(plain.form, 0);
    let of_one = shared("/api/v1/countries?ip_version=4").unwrap();
    assert_ne!(of_one.form, plain.form);
}
