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
