use ratatui::text::Span;

use super::*;
use crate::api::Envelope;
use crate::cli::ReportArguments;

/// 2026-11-29T12:00:00Z.
const NOON: f64 = 1_795_953_600.0;

fn row(
    days_ago: u32,
    key: &str,
    [received, sent]: [u64; 2],
    name: Option<&str>,
) -> HistoryRow {
    let start = NOON - 43_200.0 - f64::from(days_ago) * 86_400.0;
    HistoryRow {
        start,
        end: start + 86_400.0,
        key: Some(key.into()),
        name: name.map(str::to_owned),
        totals: Totals {
            bytes_received: received,
            bytes_sent: sent,
            packets_received: Some(7),
            packets_sent: None,
        },
    }
}

fn history(by: HistoryBy, rows: Vec<HistoryRow>) -> History {
    let all: Vec<_> = rows.iter().collect();
    History {
        envelope: Envelope { at: NOON, ..Envelope::default() },
        since: NOON - 43_200.0 - 86_400.0,
        until: NOON + 43_200.0,
        by,
        timezone: "UTC".into(),
        whole: sum(&all),
        rows,
        ..History::default()
    }
}

fn text(history: &History, flags: &ReportArguments, json: bool) -> String {
    let zone = Zone::default();
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
    let asked = Asked::of(flags, &zone, NOON as i64).unwrap();
    render(history, &asked, &zone, json)
}

fn by_interface() -> History {
    let rows = vec![
        row(1, "eth0", [5 << 30, 1 << 30], None),
        row(1, "wg0", [1 << 20, 0], None),
        row(0, "eth0", [1 << 30, 512 << 20], None),
    ];
    history(HistoryBy::Interface, rows)
}

#[test]
fn a_table_by_time() {
    let found = text(&by_interface(), &ReportArguments::default(), false);
    assert_eq!(
        found,
        "\
eth0, by day (UTC)

  day             received          sent         total        avg. rate
  ---------------------------------------------------------------------
  2026-11-28      5.00 GiB      1.00 GiB      6.00 GiB    596.52 kbit/s
  2026-11-29      1.00 GiB    512.00 MiB      1.50 GiB    298.26 kbit/s
  ---------------------------------------------------------------------
  sum             6.00 GiB      1.50 GiB      7.50 GiB
  estimated       2.00 GiB      1.00 GiB      3.00 GiB    298.26 kbit/s

wg0, by day (UTC)

  day             received          sent         total        avg. rate
  ---------------------------------------------------------------------
  2026-11-28      1.00 MiB           0 B      1.00 MiB      97.09 bit/s
  ---------------------------------------------------------------------
  sum             1.00 MiB           0 B      1.00 MiB

"
    );
}

fn by_network() -> History {
    let rows = vec![
        row(1, "64500", [300, 0], Some("Example, \"Inc\"")),
        row(0, "64500", [300, 100], Some("Example, \"Inc\"")),
        row(0, "64501", [100, 100], None),
        row(0, "UNKNOWN", [50, 50], None),
    ];
    let mut history = history(HistoryBy::Network, rows);
    history.counted = Counted::Host;
    history
}

#[test]
fn a_table_by_subject_with_bars() {
    let flags = ReportArguments {
        by: Some("network".into()),
        limit: Some("1".into()),
        chart: true,
        ..ReportArguments::default()
    };
    assert_eq!(
        text(&by_network(), &flags, false),
        "\
2026-11-28 to 2026-11-29, by network, each packet once (UTC)

  network                   received          sent         total            share  █ received ░ sent
  -------------------------------------------------------------------------------
  64500 Example, \"Inc\"         600 B         100 B         700 B           70.0 %  █████████████████████████░░░░░
  (2 more)                     150 B         150 B         300 B           30.0 %  ██████░░░░░░
  -------------------------------------------------------------------------------
  sum                          750 B         250 B        1000 B
"
    );
}

#[test]
fn csv_has_every_row_in_bytes() {
    let flags = ReportArguments {
        by: Some("network".into()),
        csv: true,
        ..ReportArguments::default()
    };
    assert_eq!(
        text(&by_network(), &flags, false),
        "\
day,network,name,bytes_received,bytes_sent,packets_received,packets_sent
2026-11-28,64500,\"Example, \"\"Inc\"\"\",300,0,7,
2026-11-29,64500,\"Example, \"\"Inc\"\"\",300,100,7,
2026-11-29,64501,,100,100,7,
2026-11-29,UNKNOWN,,50,50,7,
"
    );
}

/// Returns the rows of CSV without its head, as cells.
fn cells(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().skip(1);
    rows.map(|row| row.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn csv_with_a_limit_has_the_largest_subjects_and_one_row_for_the_others() {
    let mut rows = vec![
        row(1, "DE", [300, 0], Some("Germany")),
        row(1, "FR", [7, 1], None),
        row(0, "US", [500, 3], None),
        row(0, "DE", [300, 100], Some("Germany")),
        // The smaller ones of a day in the history.
        row(0, "other", [9000, 1], None),
        row(0, "FR", [40, 40], None),
        row(0, "UNKNOWN", [50, 50], None),
    ];
    rows[5].totals.packets_sent = Some(3);
    let all = history(HistoryBy::Country, rows);
    let flags = |limit: Option<&str>| ReportArguments {
        by: Some("country".into()),
        limit: limit.map(str::to_owned),
        csv: true,
        ..ReportArguments::default()
    };
    assert_eq!(
        text(&all, &flags(Some("2")), false),
        "\
day,country,name,bytes_received,bytes_sent,packets_received,packets_sent
2026-11-28,DE,Germany,300,0,7,
2026-11-28,other,,7,1,7,
2026-11-29,US,,500,3,7,
2026-11-29,DE,Germany,300,100,7,
2026-11-29,other,,9090,91,21,
"
    );
    // Nothing is lost by any limit, and nothing is cut without one.
    let sums = |limit: Option<&str>| {
        let rows = cells(&text(&all, &flags(limit), false));
        let sum = |at: usize| -> u64 {
            rows.iter().map(|row| row[at].parse::<u64>().unwrap()).sum()
        };
        (rows.len(), [3, 4, 5].map(sum))
    };
    let whole = [10_197, 195, 49];
    assert_eq!(sums(None), (7, whole));
    for (limit, count) in [("1", 4), ("2", 5), ("3", 6), ("9", 7)] {
        assert_eq!(sums(Some(limit)), (count, whole), "{limit}");
    }
}

#[test]
fn a_country_without_a_name_is_shown_by_its_code() {
    let rows = vec![
        row(0, "DE", [300, 0], None),
        row(0, "FR", [200, 0], Some("")),
        row(0, "UNKNOWN", [100, 0], None),
    ];
    let flags = ReportArguments {
        by: Some("country".into()),
        ..ReportArguments::default()
    };
    let found = text(&history(HistoryBy::Country, rows), &flags, false);
    for code in ["DE", "FR", "UNKNOWN"] {
        let has = |line: &str| line.split_whitespace().next() == Some(code);
        assert!(found.lines().any(has), "{code}:\n{found}");
    }
}

#[test]
fn wide_and_combining_signs_leave_the_columns_where_they_are() {
    let rows = [
        ("DE", "Germany"),
        ("JP", "\u{65e5}\u{672c}"),
        ("CI", "Co\u{302}te d\u{2019}Ivoire"),
        ("KR", "\u{1112}\u{1161}\u{11ab}\u{ae00}"),
    ];
    let rows = rows.map(|(key, name)| row(0, key, [300, 0], Some(name)));
    let flags = ReportArguments {
        by: Some("country".into()),
        ..ReportArguments::default()
    };
    let found =
        text(&history(HistoryBy::Country, rows.to_vec()), &flags, false);
    let widths = found.lines().filter(|line| line.contains("300 B"));
    let widths: Vec<_> = widths
        .map(|line| Span::raw(line.split("300 B").next().unwrap()).width())
        .collect();
    assert_eq!(widths, [widths[0]; 4], "{found}");
}

#[test]
fn json_is_the_answer_of_the_interface_for_programs() {
    let found = text(&by_network(), &ReportArguments::default(), true);
    let read: History = serde_json::from_str(&found).unwrap();
    assert_eq!(read, by_network());
}

#[test]
fn no_traffic_is_said() {
    let empty = history(HistoryBy::Interface, Vec::new());
    let found = text(&empty, &ReportArguments::default(), false);
    let said = "no traffic in this time (the last minute is not written yet)\n";
    assert_eq!(found, said);
}

#[test]
fn the_first_day_begins_with_the_history() {
    // Six hours are counted at noon, and eighteen will be at midnight.
    let rows = vec![row(0, "eth0", [6 << 30, 0], None)];
    let history = History {
        began: Some(NOON - 21_600.0),
        ..history(HistoryBy::Interface, rows)
    };
    let found = text(&history, &ReportArguments::default(), false);
    let line = |head: &str| {
        let line = found.lines().find(|line| line.trim().starts_with(head));
        line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line("2026-11-29"),
        "2026-11-29 6.00 GiB 0 B 6.00 GiB 2.39 Mbit/s"
    );
    assert_eq!(
        line("estimated"),
        "estimated 18.00 GiB 0 B 18.00 GiB 2.39 Mbit/s"
    );
}
