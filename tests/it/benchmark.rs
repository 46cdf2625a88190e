//! The benchmark's own arithmetic and its table.

#[path = "../../benches/report/mod.rs"]
mod report;

use report::{
    Circumstances, Growth, Row, Samples, Target, document, growth_table,
    median, resident_but, shown, targets_table,
};

#[test]
fn the_median_is_the_middle_or_the_mean_of_the_two_there() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
}

#[test]
fn a_net_cost_is_the_median_of_differences_within_a_round() {
    let mut samples = Samples::default();
    // The machine is twice as slow in the second round.
    for round in [[10.0, 14.0], [20.0, 28.0], [10.0, 15.0]] {
        samples.push(round.to_vec());
    }
    assert_eq!(samples.median(1), 15.0);
    assert_eq!(samples.median_above(1, 0), 5.0);
}

#[test]
#[should_panic(expected = "a round of other variants")]
fn rounds_of_different_length_are_refused() {
    let mut samples = Samples::default();
    samples.push(vec![1.0]);
    samples.push(vec![1.0, 2.0]);
}

#[test]
fn a_target_is_met_up_to_its_limit() {
    let row = |ours| Row::new("x", "ns", ours).reference(100.0).plain(20.0);
    let met = |ours, target| row(ours).target(target).is_met();
    assert_eq!(met(20.0, Target::OfReference(0.2)), Some(true));
    assert_eq!(met(20.1, Target::OfReference(0.2)), Some(false));
    assert_eq!(met(10.0, Target::OfPlain(0.5)), Some(true));
    assert_eq!(met(10.1, Target::OfPlain(0.5)), Some(false));
    assert_eq!(met(5.0, Target::AtMost(5.0)), Some(true));
    assert_eq!(met(5.1, Target::AtMost(5.0)), Some(false));
    let half = Target::Of { what: "y", value: 4.0, limit: Some(0.5) };
    assert_eq!(met(2.0, half), Some(true));
    assert_eq!(met(2.1, half), Some(false));
}

#[test]
fn all_targets_must_be_met_and_none_is_no_verdict() {
    let row = Row::new("x", "ns", 20.0).reference(100.0).plain(20.0);
    assert_eq!(row.is_met(), None);
    let both =
        row.target(Target::OfReference(0.2)).target(Target::OfPlain(0.5));
    assert_eq!(both.is_met(), Some(false));
    let unknown = Row::new("x", "ns", 20.0).target(Target::OfReference(0.2));
    assert_eq!(unknown.is_met(), None);
    let compared = Target::Of { what: "y", value: 4.0, limit: None };
    assert_eq!(Row::new("x", "ns", 20.0).target(compared).is_met(), None);
}

#[test]
fn numbers_are_shown_with_the_digits_that_mean_something() {
    let texts = [0.0, 0.123, 0.996, 1.26, 99.94, 123.4, -2.0].map(shown);
    assert_eq!(texts, ["0.00", "0.12", "1.00", "1.3", "99.9", "123", "-2.0"]);
}

#[test]
fn a_row_shows_what_it_is_compared_with() {
    let walk =
        Target::Of { what: "a bare walk", value: 100.0, limit: Some(1.2) };
    let rows = [
        Row::new("packet", "ns", 12.0)
            .reference(120.0)
            .plain(20.0)
            .target(Target::OfReference(0.2))
            .target(Target::OfPlain(0.5)),
        Row::new("country", "ns", 115.0).target(walk),
        Row::new("scrape", "ms", 7.0),
    ];
    let table = targets_table(&rows);
    let lines: Vec<&str> = table.lines().collect();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|c| c.trim().into()).collect()
    };
    assert_eq!(lines.len(), 5);
    let length = lines[0].chars().count();
    assert!(lines.iter().all(|line| line.chars().count() == length), "{table}");
    assert_eq!(
        cells(lines[2]),
        [
            "packet",
            "ns",
            "120",
            "20.0",
            "12.0",
            "0.10 × reference, 0.60 × plain",
            "≤ 0.2 × reference; ≤ 0.5 × plain",
            "**no**",
        ]
    );
    assert_eq!(
        cells(lines[3])[5..],
        ["1.15 × a bare walk", "≤ 1.2 × a bare walk", "yes"]
    );
    assert_eq!(cells(lines[4])[2..], ["–", "–", "7.0", "", "", ""]);
}

#[test]
fn the_document_says_where_and_when() {
    let circumstances = Circumstances {
        cpu_model: "Some CPU".into(),
        cpus: 2,
        kernel: "6.12.1".into(),
        revision: "abcdef".into(),
        time: 1_767_225_600,
        is_quick: false,
    };
    let growth = Growth {
        what: "packet, ns, by keys".into(),
        steps: vec![("1".into(), 8.0), ("1000".into(), 16.5)],
    };
    let rows = [Row::new("packet", "ns", 8.0)];
    let full = document(&circumstances, &rows, &[growth], 9_000_000);
    for line in [
        "* Machine: Some CPU, 2 CPUs",
        "* Kernel: 6.12.1",
        "* Date: 2026-01-01",
        "* Revision: abcdef",
        "* Database: 9.0 MB",
    ] {
        assert!(full.lines().any(|l| l == line), "{line} in {full}");
    }
    assert!(full.contains("| 1: 8.0, 1000: 16.5 |"), "{full}");
    assert!(!full.contains("short run"), "{full}");
    let quick = Circumstances { is_quick: true, ..circumstances };
    assert!(document(&quick, &rows, &[], 0).contains("short run"));
}

#[test]
fn a_table_without_rows_is_its_head() {
    assert_eq!(growth_table(&[]).lines().count(), 2);
}

#[test]
fn a_mapping_of_a_name_is_left_out_of_the_memory() {
    let smaps = "\
5581c8a00000-5581c8b00000 r--p 00000000 08:01 1234   /usr/bin/x-y
Size:               1024 kB
Rss:                 100 kB
AnonHugePages:         0 kB
VmFlags: rd mr mw me
7f0000000000-7f0000100000 rw-s 00000000 00:0e 99     anon_inode:bpf-map
Size:               1024 kB
Rss:                  50 kB
Pss:                  50 kB
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0      [stack]
Rss:                   8 kB
";
    assert_eq!(resident_but(smaps, "anon_inode:bpf-map"), 108 << 10);
    assert_eq!(resident_but(smaps, "[stack]"), 150 << 10);
    assert_eq!(resident_but(smaps, "another"), 158 << 10);
}
