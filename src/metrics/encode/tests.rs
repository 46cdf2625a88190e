use prometheus::core::Collector;
use prometheus::{Encoder as _, HistogramOpts, TextEncoder};

use super::*;
use crate::metrics::family::{Description, Histogram};

const REQUESTS: Description<2> = Description {
    name: "test_requests_total",
    help: "A \"help\" with \\ and\na line feed.",
    labels: ["path", "code"],
};

const TEMPERATURE: Description =
    Description { name: "test_temperature", help: "How warm.", labels: [] };

const BUILD: Description<1> =
    Description { name: "test_build_info", help: "Who.", labels: ["version"] };

fn page(format: Format, families: &[Family]) -> String {
    let mut page = Vec::new();
    let mut encoder = Encoder::new(format, &mut page);
    for family in families {
        encoder.family(family).unwrap();
    }
    encoder.finish().unwrap();
    String::from_utf8(page).unwrap()
}

fn requests() -> Family {
    let mut family = REQUESTS.counter();
    family.push(["/a\"b\\c\nd", "200"], 3.0);
    family.push(["/ü", "404"], 0.0);
    family.build()
}

#[test]
fn text_escapes_what_the_format_says() {
    assert_eq!(
        page(Format::Text, &[requests()]),
        "# HELP test_requests_total A \"help\" with \\\\ and\\na line feed.\n\
         # TYPE test_requests_total counter\n\
         test_requests_total{path=\"/a\\\"b\\\\c\\nd\",code=\"200\"} 3\n\
         test_requests_total{path=\"/ü\",code=\"404\"} 0\n"
    );
}

#[test]
fn open_metrics_names_counters_without_total_and_ends_the_page() {
    assert_eq!(
        page(Format::OpenMetrics, &[requests()]),
        "# HELP test_requests A \\\"help\\\" with \\\\ and\\na line feed.\n\
         # TYPE test_requests counter\n\
         test_requests_total{path=\"/a\\\"b\\\\c\\nd\",code=\"200\"} 3\n\
         test_requests_total{path=\"/ü\",code=\"404\"} 0\n\
         # EOF\n"
    );
}

#[test]
fn only_open_metrics_says_when_a_counter_began() {
    let mut family = REQUESTS.counter();
    let at = |millis| Some(Timestamp::from_millis(millis));
    family.push(["/", "200"], 1.0);
    family.push_created(["/a", "200"], 2.0, at(1_764_334_593_250));
    family.push_created(["/b", "200"], 3.0, None);
    family.push_created(["/c", "200"], 4.0, at(1_764_334_594_000));
    family.push(["/d", "200"], 5.0);
    let families = [family.build()];
    let open = page(Format::OpenMetrics, &families);
    let samples: Vec<_> = open.lines().skip(2).collect();
    assert_eq!(
        samples,
        [
            "test_requests_total{path=\"/\",code=\"200\"} 1",
            "test_requests_total{path=\"/a\",code=\"200\"} 2",
            "test_requests_created{path=\"/a\",code=\"200\"} 1764334593.25",
            "test_requests_total{path=\"/b\",code=\"200\"} 3",
            "test_requests_total{path=\"/c\",code=\"200\"} 4",
            "test_requests_created{path=\"/c\",code=\"200\"} 1764334594",
            "test_requests_total{path=\"/d\",code=\"200\"} 5",
            "# EOF",
        ]
    );
    let text = page(Format::Text, &families);
    assert_eq!(text.lines().count(), 2 + 5);
    assert!(!text.contains("_created"), "{text}");
}

#[test]
fn a_family_in_parts_has_one_head() {
    let part = |path| {
        let mut family = REQUESTS.counter();
        family.push([path, "200"], 1.0);
        family.build()
    };
    let mut warm = TEMPERATURE.gauge();
    warm.push([], 20.0);
    let empty = REQUESTS.counter().build();
    let parts = [part("/a"), empty, part("/b"), warm.build()];
    assert_eq!(
        page(Format::Text, &parts),
        "# HELP test_requests_total A \"help\" with \\\\ and\\na line feed.\n\
         # TYPE test_requests_total counter\n\
         test_requests_total{path=\"/a\",code=\"200\"} 1\n\
         test_requests_total{path=\"/b\",code=\"200\"} 1\n\
         # HELP test_temperature How warm.\n\
         # TYPE test_temperature gauge\n\
         test_temperature 20\n"
    );
}

#[test]
fn constants_are_gauges_in_text_and_info_in_open_metrics() {
    let mut build = BUILD.gauge();
    build.push(["1.2.3"], 1.0);
    let build = [build.build()];
    assert_eq!(
        page(Format::Text, &build),
        "# HELP test_build_info Who.\n\
         # TYPE test_build_info gauge\n\
         test_build_info{version=\"1.2.3\"} 1\n"
    );
    assert_eq!(
        page(Format::OpenMetrics, &build),
        "# HELP test_build Who.\n\
         # TYPE test_build info\n\
         test_build_info{version=\"1.2.3\"} 1\n\
         # EOF\n"
    );
}

#[test]
fn numbers_are_written_as_prometheus_reads_them() {
    for (value, text) in [
        (0.0, "0"),
        (-0.0, "0"),
        (-7.0, "-7"),
        (0.5, "0.5"),
        (1e-9, "0.000000001"),
        (9_007_199_254_740_991.0, "9007199254740991"),
        (9_007_199_254_740_994.0, "9007199254740994"),
        (18_446_744_073_709_552_000.0, "18446744073709552000"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        let page = page(Format::Text, &[TEMPERATURE.gauge_of(value)]);
        let line = page.lines().last().unwrap();
        assert_eq!(line, format!("test_temperature {text}"));
    }
}

#[test]
fn a_family_without_samples_is_left_out() {
    let empty = [REQUESTS.counter().build()];
    assert_eq!(page(Format::Text, &empty), "");
    assert_eq!(page(Format::OpenMetrics, &empty), "# EOF\n");
}

fn histogram() -> Vec<Family> {
    let histogram = prometheus::Histogram::with_opts(
        HistogramOpts::new("test_seconds", "How long.")
            .buckets(vec![0.5, 2.0])
            .const_label("to", "DE"),
    )
    .unwrap();
    for seconds in [0.25, 1.0, 1.5, 64.0] {
        histogram.observe(seconds);
    }
    histogram.collect().into_iter().map(Family::from).collect()
}

#[test]
fn histograms_are_written_with_all_their_lines() {
    assert_eq!(
        page(Format::OpenMetrics, &histogram()),
        "# HELP test_seconds How long.\n\
         # TYPE test_seconds histogram\n\
         test_seconds_bucket{to=\"DE\",le=\"0.5\"} 1\n\
         test_seconds_bucket{to=\"DE\",le=\"2.0\"} 3\n\
         test_seconds_bucket{to=\"DE\",le=\"+Inf\"} 4\n\
         test_seconds_sum{to=\"DE\"} 66.75\n\
         test_seconds_count{to=\"DE\"} 4\n\
         # EOF\n"
    );
}

const DELAY: Description<1> = Description {
    name: "test_delay_seconds",
    help: "How late.",
    labels: ["to"],
};

/// Two histograms, of which the second one has no observations and began at an
/// unknown time.
fn delays() -> Family {
    let mut family = DELAY.histogram();
    let (bounds, sum) = (&[0.005, 2.0], 66.75);
    let at = Timestamp::from_millis(1_764_334_593_250);
    let some = Histogram { bounds, buckets: &[1, 2, 4], sum };
    family.push_histogram(["DE"], &some, Some(at));
    let none = Histogram { bounds, buckets: &[0; 3], sum: 0.0 };
    family.push_histogram(["JP"], &none, None);
    family.build()
}

#[test]
fn buckets_are_cumulative_and_only_open_metrics_says_when_they_began() {
    let open = page(Format::OpenMetrics, &[delays()]);
    assert_eq!(
        open,
        "# HELP test_delay_seconds How late.\n\
         # TYPE test_delay_seconds histogram\n\
         test_delay_seconds_bucket{to=\"DE\",le=\"0.005\"} 1\n\
         test_delay_seconds_bucket{to=\"DE\",le=\"2.0\"} 3\n\
         test_delay_seconds_bucket{to=\"DE\",le=\"+Inf\"} 7\n\
         test_delay_seconds_sum{to=\"DE\"} 66.75\n\
         test_delay_seconds_count{to=\"DE\"} 7\n\
         test_delay_seconds_created{to=\"DE\"} 1764334593.25\n\
         test_delay_seconds_bucket{to=\"JP\",le=\"0.005\"} 0\n\
         test_delay_seconds_bucket{to=\"JP\",le=\"2.0\"} 0\n\
         test_delay_seconds_bucket{to=\"JP\",le=\"+Inf\"} 0\n\
         test_delay_seconds_sum{to=\"JP\"} 0\n\
         test_delay_seconds_count{to=\"JP\"} 0\n\
         # EOF\n"
    );
    let text = page(Format::Text, &[delays()]);
    assert!(!text.contains("_created"), "{text}");
    assert!(text.contains("le=\"2\"} 3\n"), "{text}");
}

/// The crate's encoder is the oracle for all it can write.
#[test]
fn text_is_what_the_prometheus_crate_would_write() {
    let mut families = vec![requests(), TEMPERATURE.gauge_of(21.5), delays()];
    families.extend(histogram());
    let mut expected = Vec::new();
    let plain: Vec<_> = families.iter().map(|f| f.metrics.clone()).collect();
    TextEncoder::new().encode(&plain, &mut expected).unwrap();
    assert_eq!(
        page(Format::Text, &families),
        String::from_utf8(expected).unwrap()
    );
}
