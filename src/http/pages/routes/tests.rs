use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use flate2::read::GzDecoder;

use super::*;
use crate::accounting::PollStatistics;
use crate::collectors::interfaces::{
    self, InterfaceState, InterfacesCollector, Once, OnceSnapshot, Status,
};
use crate::http::pages::{Healthy, Index, Link, Metrics, Ready};
use crate::metrics::Registry;
use crate::metrics::published::Publisher;
use crate::release::Build;

/// Pages, and the publishers that change them.
struct Pages {
    routes: Routes,
    config: Publisher<Config>,
    interfaces: Publisher<interfaces::Snapshot>,
    counted_once: Publisher<OnceSnapshot>,
    polls: Publisher<PollStatistics>,
}

fn site() -> Pages {
    let config = Publisher::new(Config::default());
    let interfaces = Publisher::new(
        [
            ("eth0", Status::Up, true),
            ("eth1", Status::Up, false),
            ("<&\"tun", Status::NotFound, false),
        ]
        .map(|(name, status, is_attached)| {
            (Arc::from(name), InterfaceState { status, is_attached })
        })
        .into(),
    );
    let counted_once = Publisher::new(OnceSnapshot::new());
    let polls = Publisher::new(PollStatistics::default());
    let mut registry = Registry::new();
    registry.register(InterfacesCollector::new(
        interfaces.reader(),
        counted_once.reader(),
    ));
    let routes = Routes::new(config.reader())
        .with(Metrics { config: config.reader(), registry })
        .with(Healthy)
        .with(Ready { polls: polls.reader() })
        .with(Index {
            build: Build { version: "1.2.3", revision: "abcdef" },
            config: config.reader(),
            interfaces: interfaces.reader(),
            counted_once: counted_once.reader(),
            links: vec![Link { path: "/map", text: "Live map" }],
        });
    Pages { routes, config, interfaces, counted_once, polls }
}

struct Answer(Response);

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let named = |(key, _): &&(_, _)| key == name;
        assert!(self.0.headers.iter().filter(named).count() < 2, "{name}");
        self.0.header(name)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.0.body).unwrap()
    }
}

impl Pages {
    fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Answer(self.routes.answer(&Received::new(method, url, headers)))
    }

    fn get(&self, url: &str) -> Answer {
        self.ask("GET", url, &[])
    }
}

const METRICS: &str = "# HELP geoip_interface_status State of the interface: \
                       0 up, 1 down, 2 not found.\n\
                       # TYPE geoip_interface_status gauge\n\
                       geoip_interface_status{interface=\"<&\\\"tun\"} 2\n\
                       geoip_interface_status{interface=\"eth0\"} 0\n\
                       geoip_interface_status{interface=\"eth1\"} 0\n\
                       # HELP geoip_interface_attached Counting of the interface's \
                       packets: 1 yes, 0 no.\n\
                       # TYPE geoip_interface_attached gauge\n\
                       geoip_interface_attached{interface=\"<&\\\"tun\"} 0\n\
                       geoip_interface_attached{interface=\"eth0\"} 1\n\
                       geoip_interface_attached{interface=\"eth1\"} 0\n";

#[test]
fn metrics_are_text_unless_asked_otherwise() {
    let answer = site().get("/metrics");
    assert_eq!(answer.0.status, 200);
    assert_eq!(answer.text(), METRICS);
    assert_eq!(
        answer.header("Content-Type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(answer.header("Content-Encoding"), None);
    assert_eq!(answer.header("Vary"), Some("Accept, Accept-Encoding"));
}

#[test]
fn metrics_are_open_metrics_when_asked_for() {
    let accept = ("Accept", "application/openmetrics-text;version=1.0.0");
    let answer = site().ask("GET", "/metrics", &[accept]);
    assert_eq!(answer.text(), format!("{METRICS}# EOF\n"));
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
}

#[test]
fn metrics_are_compressed_when_accepted() {
    let answer = site().ask("GET", "/metrics", &[("accept-encoding", "gzip")]);
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    let mut page = String::new();
    GzDecoder::new(&*answer.0.body).read_to_string(&mut page).unwrap();
    assert_eq!(page, METRICS);
}

#[test]
fn a_query_string_changes_nothing() {
    assert_eq!(site().get("/metrics?name[]=x&y=%zz").text(), METRICS);
    assert_eq!(site().get("/-/healthy?").0.status, 200);
}

#[test]
fn the_metrics_path_moves_while_the_server_runs() {
    let mut site = site();
    let metrics_path = "/m".into();
    site.config.publish(Config { metrics_path, ..Config::default() });
    assert_eq!(site.get("/m").0.status, 200);
    let old = site.get("/metrics");
    assert_eq!(old.0.status, 404);
    assert!(old.text().contains("metrics are at /m\n"), "{}", old.text());
    assert!(site.get("/").text().contains("<a href=\"/m\">"));
}

#[test]
fn metrics_may_take_the_place_of_the_landing_page() {
    let mut site = site();
    let metrics_path = "/".into();
    site.config.publish(Config { metrics_path, ..Config::default() });
    assert_eq!(site.get("/").text(), METRICS);
}

#[test]
fn a_page_that_does_not_exist_gets_a_hint() {
    for url in ["/metric", "/metrics/", "//", "/%00%ff", "", "*"] {
        let answer = site().get(url);
        assert_eq!(answer.0.status, 404, "{url}");
        assert_eq!(
            answer.text(),
            "404: there is no such page; the metrics are at /metrics\n"
        );
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    }
}

#[test]
fn only_get_and_head_are_taken() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "X"] {
        let answer = site().ask(method, "/metrics", &[]);
        assert_eq!(answer.0.status, 405, "{method}");
        assert_eq!(answer.header("Allow"), Some("GET, HEAD"));
        assert_eq!(answer.text(), "405: this page takes GET and HEAD only\n");
    }
    assert_eq!(site().ask("HEAD", "/metrics", &[]).0.status, 200);
}

#[test]
fn healthy_from_the_start_and_ready_once_all_is_attached() {
    let mut site = site();
    let healthy = site.get("/-/healthy");
    assert_eq!(healthy.0.status, 200);
    assert_eq!(healthy.text(), "geoip-exporter is healthy\n");
    assert_eq!(site.get("/-/ready").0.status, 503);
    let failed = PollStatistics { poll_failures: 1, ..Default::default() };
    site.polls.publish(failed);
    assert_eq!(site.get("/-/ready").0.status, 503);
    let polled = PollStatistics { polls: 1, ..failed };
    site.polls.publish(polled);
    assert_eq!(site.get("/-/ready").0.status, 503);
    site.polls.publish(PollStatistics { is_ready: true, ..polled });
    assert_eq!(site.get("/-/ready").0.status, 200);
}

#[test]
fn the_landing_page_links_to_everything_and_trusts_nothing() {
    let mut site = site();
    let answer = site.get("/");
    assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
    let page = answer.text();
    for part in [
        "<a href=\"/metrics\">/metrics</a> Metrics, for Prometheus",
        "<a href=\"/map\">/map</a> Live map",
        "<a href=\"/-/healthy\">",
        "<a href=\"/-/ready\">",
        "Version 1.2.3, revision abcdef",
        "<tr><td>eth0</td><td>up</td></tr>",
        "<tr><td>eth1</td><td>up, not counted</td></tr>",
        "<tr><td>&lt;&amp;&quot;tun</td><td>not found</td></tr>",
    ] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    assert!(!page.contains("{{"), "{page}");
    let script = "<script type=\"module\" src=\"web/page.js\"></script>";
    assert!(page.contains(script), "{page}");
    assert_eq!(page.matches("<script").count(), 1);
    site.interfaces.publish(BTreeMap::new());
    assert!(site.get("/").text().contains("None yet."));
}

#[test]
fn a_page_has_few_editions_however_it_is_asked_for() {
    let mut site = site();
    let edition = |site: &Pages, target: &str, accept: &str, coding: &str| {
        let headers = vec![
            ("Accept".to_owned(), accept.to_owned()),
            ("Accept-Encoding".to_owned(), coding.to_owned()),
        ];
        let request = Received::new("GET", target, headers);
        site.routes.edition(&request)
    };
    let text = edition(&site, "/metrics", "text/plain", "identity").unwrap();
    for (target, accept, coding) in
        [("/metrics?1", "a/b", "br"), ("/metrics?2", "*/*;q=0.1", "x, y")]
    {
        assert_eq!(edition(&site, target, accept, coding), Some(text));
    }
    let open = "application/openmetrics-text";
    let compressed = edition(&site, "/metrics", "", "gzip").unwrap();
    let open = edition(&site, "/metrics", open, "").unwrap();
    assert_ne!(text, compressed);
    assert_ne!(text, open);
    assert_ne!(compressed, open);
    // Pages that are made for each client are not shared, nor are refusals.
    assert_eq!(edition(&site, "/-/healthy", "", ""), None);
    assert_eq!(edition(&site, "/nothing", "", ""), None);
    let post = Received::new("POST", "/metrics", vec![]);
    assert_eq!(site.routes.edition(&post), None);

    site.interfaces.publish(interfaces::Snapshot::new());
    let newer = edition(&site, "/metrics", "text/plain", "identity").unwrap();
    assert_eq!(newer.0, text.0);
    assert_eq!(newer.1.form, text.1.form);
    assert!(newer.1.version > text.1.version);
}

#[test]
fn the_landing_page_tells_where_the_whole_machine_is_counted_and_why() {
    let mut site = site();
    let heading = "<th>Counted for the whole machine</th>";
    assert!(!site.get("/").text().contains(heading));
    let once = [("eth0", true, "card"), ("eth2", false, "a<b")];
    let once = once.map(|(name, is_edge, why)| {
        (Arc::from(name), Once { is_edge, why: why.into() })
    });
    site.counted_once.publish(once.into());
    let page = site.get("/");
    for row in [
        heading,
        "<td>eth0</td><td>up</td><td>yes: card</td>",
        "<td>eth1</td><td>up, not counted</td><td></td>",
        "<td>eth2</td><td>not in interfaces</td><td>no: a&lt;b</td>",
    ] {
        assert!(page.text().contains(row), "{row} {}", page.text());
    }
    let metrics = site.get("/metrics");
    let series = "geoip_interface_counted_once{interface=\"eth0\"} 1\n\
                  geoip_interface_counted_once{interface=\"eth2\"} 0\n";
    assert!(metrics.text().ends_with(series), "{}", metrics.text());
}

#[test]
fn health_is_public_unless_its_path_is_written_with_escapes() {
    let site = site();
    let is_public = |target: &str| {
        site.routes.is_public(&Received::new("GET", target, Vec::new()))
    };
    assert!(is_public("/-/healthy") && is_public("/-/ready?x=%20"));
    for target in ["/-/health%79", "/", "/metrics", "/nothing", "/-/reload"] {
        assert!(!is_public(target), "{target}");
    }
}

/// The example of the head of this room.
struct Countries(BTreeMap<&'static str, u64>);

impl Page for Countries {
    fn serves(&self, path: &str) -> bool {
        path == "/api/countries"
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        Some(Edition { form: 0, version: 7 })
    }

    fn is_compressed(&self) -> bool {
        true
    }

    fn content(&self, _: &Request) -> Content<'_> {
        Content::written("application/json", |output| {
            Ok(serde_json::to_writer(output, &self.0)?)
        })
    }
}

#[test]
fn a_page_of_json_needs_nothing_of_its_own() {
    let mut site = site();
    let countries = Countries([("DE", 1), ("FR", 2)].into());
    site.routes = site.routes.with(countries);
    let plain = site.get("/api/countries");
    assert_eq!(plain.text(), "{\"DE\":1,\"FR\":2}");
    assert_eq!(plain.header("Content-Type"), Some("application/json"));
    assert_eq!(plain.header("Vary"), Some("Accept-Encoding"));
    let gzip = [("Accept-Encoding", "gzip")];
    let packed = site.ask("GET", "/api/countries", &gzip);
    assert_eq!(packed.header("Content-Encoding"), Some("gzip"));
    let mut page = String::new();
    GzDecoder::new(&*packed.0.body).read_to_string(&mut page).unwrap();
    assert_eq!(page, plain.text());
}
