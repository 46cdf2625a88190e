mod model;
mod year;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::super::{By, Reader, Resolution};
use super::*;
use crate::accounting::{Breakdown, Volume};
use crate::collectors::bounded::{Member, Members};
use crate::collectors::networks;
use crate::collectors::traffic::{CountryTraffic, InterfaceTraffic, Snapshot};
use crate::geoip::CountryLabels;

/// 2026-11-29T12:00:00Z.
const NOON: i64 = 1_795_953_600;

fn volume(bytes: u64) -> Volume {
    Volume { packets: bytes / 100, bytes }
}

/// Bytes received, by interface and country.
type Traffic = BTreeMap<(&'static str, String), u64>;

/// Returns the counters of a process whose counters were zero at `created`.
fn counters(traffic: &Traffic, created: u64) -> Counters {
    let mut labels = CountryLabels::default();
    let mut by_name: BTreeMap<&str, Vec<CountryTraffic>> = BTreeMap::new();
    for ((interface, country), bytes) in traffic {
        let country = labels.intern(country).unwrap();
        let mut one = CountryTraffic::new(country);
        one.volume = Breakdown::of(|direction, version| {
            let part = direction.index() + 2 * version.index();
            volume(bytes * [1, 0, 0, 2][part])
        });
        by_name.entry(interface).or_default().push(one);
    }
    let interface = |(name, countries): (&str, Vec<_>)| {
        let rest = Breakdown::of(|_, _| volume(7));
        let non_ip = [volume(3), volume(0)];
        let mut of =
            InterfaceTraffic::new(name.into(), countries, rest, non_ip);
        of.created = Some(Timestamp::from_millis(created));
        Arc::new(of)
    };
    let traffic = Snapshot {
        labels: Arc::new(labels),
        interfaces: by_name.into_iter().map(interface).collect(),
        ..Snapshot::default()
    };
    Counters { traffic: Arc::new(traffic), ..Counters::default() }
}

fn one(bytes: u64) -> Traffic {
    BTreeMap::from([(("eth0", "DE".to_owned()), bytes)])
}

fn write(
    file: &mut File,
    counters: &Counters,
    now: i64,
) -> rusqlite::Result<()> {
    let (zone, names) = (Zone::named("UTC").unwrap(), NetworkNames::default());
    file.write(counters, When { now, zone: &zone, network_names: &names })
}

fn number(path: &Path, sql: &str) -> i64 {
    let file = Connection::open(path).unwrap();
    file.query_row(sql, [], |row| row.get(0)).unwrap()
}

const SUM: &str = "coalesce(sum(bytes_received + 3 * bytes_sent + 5 * \
    packets_received + 7 * packets_sent), 0)";

fn sum(path: &Path, table: &str) -> i64 {
    number(path, &format!("SELECT {SUM} FROM {table}"))
}

/// A folder with a file of a history that began without any traffic.
fn begun() -> (TempDir, PathBuf, File) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let file = File::open(&path, &Counters::default(), NOON).unwrap();
    (folder, path, file)
}

#[test]
fn growth_is_in_its_hour_day_and_month() {
    let (_folder, path, mut file) = begun();
    write(&mut file, &counters(&one(1000), 1), NOON).unwrap();
    write(&mut file, &counters(&one(1500), 1), NOON + 3600).unwrap();
    // The next day, and the next month.
    write(&mut file, &counters(&one(1600), 1), NOON + 2 * 86_400).unwrap();
    for (view, expected) in [
        (
            "SELECT group_concat(hour || ' ' || bytes_received) FROM (SELECT * \
             FROM country_hours WHERE country = 'DE' ORDER BY hour)",
            "2026-11-29T12:00:00Z 1000,2026-11-29T13:00:00Z 500,\
             2026-12-01T12:00:00Z 100",
        ),
        (
            "SELECT group_concat(day || ' ' || bytes_sent) FROM (SELECT * FROM \
             country_days WHERE country = 'DE' ORDER BY day)",
            "2026-11-29 3000,2026-12-01 200",
        ),
        (
            "SELECT group_concat(month || ' ' || interface || ' ' || country \
             || ' ' || bytes_received) FROM (SELECT * FROM country_months ORDER \
             BY month, country)",
            "2026-11 eth0 DE 1500,2026-11 eth0 non_ip 3,2026-11 eth0 \
             unattributed 14,2026-12 eth0 DE 100",
        ),
    ] {
        let file = Connection::open(&path).unwrap();
        let found: String = file.query_row(view, [], |r| r.get(0)).unwrap();
        assert_eq!(found, expected);
    }
}

#[test]
fn counters_from_before_the_history_are_in_no_month() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let old = counters(&one(1000), 1);
    let mut file = File::open(&path, &old, NOON).unwrap();
    write(&mut file, &counters(&one(1200), 1), NOON + 60).unwrap();
    let of = |month: &str| {
        let sql = format!(
            "SELECT bytes_received FROM country_months WHERE country = 'DE' \
             AND month = '{month}'"
        );
        number(&path, &sql)
    };
    assert_eq!((of("before"), of("2026-11")), (1000, 200));
    assert_eq!(sum(&path, "month"), sum(&path, "mark"));
    assert_eq!(sum(&path, "day"), sum(&path, "month WHERE month <> 0"));
}

#[test]
fn a_full_disk_loses_nothing_that_a_later_write_can_write() {
    let (_folder, path, mut file) = begun();
    let many = |bytes: u64| -> Traffic {
        (0..300).map(|n| (("eth0", format!("C{n}")), bytes + n)).collect()
    };
    write(&mut file, &counters(&one(1000), 1), NOON).unwrap();
    file.connection
        .pragma_update(None, "max_page_count", 12)
        .or_else(|_| Ok::<_, rusqlite::Error>(()))
        .unwrap();
    let error = write(&mut file, &counters(&many(10), 1), NOON + 60);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("full"), "{error}");
    assert_eq!(sum(&path, "month"), sum(&path, "mark"));
    file.connection
        .pragma_update(None, "max_page_count", 100_000)
        .or_else(|_| Ok::<_, rusqlite::Error>(()))
        .unwrap();
    write(&mut file, &counters(&many(500), 1), NOON + 120).unwrap();
    let received = (0..300).map(|n| 500 + n).sum::<i64>();
    let sql = "SELECT sum(bytes_received) FROM country_days WHERE country LIKE \
        'C%' OR country = 'other'";
    assert_eq!(number(&path, sql), received);
}

#[test]
fn files_that_are_no_history_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let open = || File::open(&path, &Counters::default(), NOON);
    std::fs::write(&path, "no database, but long enough to be one").unwrap();
    assert!(matches!(open(), Err(OpenError::Damaged(_))));
    let aside = set_aside(&path, 17).unwrap();
    assert!(aside.ends_with("history.db.damaged-17"));
    drop(open().unwrap());
    // A hole in the middle.
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(open(), Err(OpenError::Damaged(_))));
    set_aside(&path, 18).unwrap();
    drop(open().unwrap());
    let file = Connection::open(&path).unwrap();
    file.execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(open(), Err(OpenError::Newer(99))));
    drop(file);
    set_aside(&path, 19).unwrap();
    let file = Connection::open(&path).unwrap();
    file.execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(matches!(open(), Err(OpenError::Damaged(_))));
}

#[test]
fn a_process_that_is_killed_at_any_moment_counts_nothing_twice() {
    const CHILD: &str = "GEOIP_EXPORTER_TEST_HISTORY";
    let open =
        |path: &Path| File::open(path, &Counters::default(), NOON).unwrap();
    if let Some(path) = std::env::var_os(CHILD) {
        let path = PathBuf::from(path);
        let mut file = open(&path);
        let mut bytes = number(
            &path,
            "SELECT coalesce(max(bytes_received), 0) \
            FROM mark",
        )
        .cast_unsigned();
        loop {
            bytes += 100;
            let many = (0..40).map(|n| (("eth0", format!("C{n}")), bytes));
            let many = counters(&many.collect(), 1);
            let now = NOON + i64::try_from(bytes).unwrap();
            write(&mut file, &many, now).unwrap();
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let (mut last, mut grew) = (0, 0);
    for kill in 0..30 {
        let name = "history::file::tests::\
            a_process_that_is_killed_at_any_moment_counts_nothing_twice";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Not to wait for anything: any moment will do.
        std::thread::sleep(Duration::from_millis(20 + kill * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        drop(open(&path));
        let written = sum(&path, "mark");
        assert_eq!(sum(&path, "month"), written);
        assert_eq!(sum(&path, "day"), written);
        grew += i32::from(written > last);
        last = written;
    }
    assert!(grew > 3, "{grew} of 30 wrote");
}

/// A host whose traffic comes from everywhere: 250 countries at two interfaces,
/// and some thousand networks.
fn busy(round: u64) -> Counters {
    let bytes = |n: u64| (n + 1) * 1_000_003 * (round + 1) % (1 << 40);
    let countries = (0..500).map(|n| {
        let interface = ["eth0", "wg0"][usize::try_from(n % 2).unwrap()];
        ((interface, format!("C{}", n / 2)), round * 1_000_000 * (n + 1))
    });
    let traffic = counters(&countries.collect(), 1).traffic;
    let member = |n: u64| Member {
        value: [bytes(n).max(round << 20), round << 18],
        ..Member::new(Network(u32::try_from(64_000 + n).unwrap()))
    };
    let members: Vec<_> = (0..3000).map(member).collect();
    let networks = networks::Snapshot {
        networks: Members {
            parts: members.chunks(256).map(Arc::from).collect(),
            ..Members::default()
        },
        created: Some(Timestamp::from_millis(1)),
        ..networks::Snapshot::default()
    };
    let networks = Arc::new(networks);
    Counters { traffic, networks, ..Counters::default() }
}

#[test]
fn closed_periods_have_a_bounded_number_of_rows() {
    let (_folder, path, mut file) = begun();
    for hour in 0..30_u64 {
        let now = NOON + i64::try_from(hour).unwrap() * 3600;
        write(&mut file, &busy(hour), now).unwrap();
    }
    for (table, most) in [("hour", 250 + 4 + 31), ("day", 400 + 4 + 61)] {
        let sql = format!(
            "SELECT max(n) FROM (SELECT count(*) AS n FROM {table} WHERE \
             {table} < (SELECT max({table}) FROM {table}) GROUP BY {table})"
        );
        let rows = number(&path, &sql);
        assert!(rows <= most, "{rows} rows of one {table}");
    }
    // Each byte of the counters is in each table.
    let whole = sum(&path, "mark");
    for table in ["hour", "day", "month"] {
        assert_eq!(sum(&path, table), whole, "{table}");
    }
}

#[test]
fn periods_that_are_too_many_are_removed_and_a_jump_removes_none() {
    let (_folder, path, mut file) = begun();
    let mut bytes = 0;
    let mut at = |file: &mut File, now: i64| {
        bytes += 100;
        write(file, &counters(&one(bytes), 1), now).unwrap();
    };
    for hour in 0..400 {
        at(&mut file, NOON + hour * 3600);
    }
    let hours = "SELECT count(DISTINCT hour) FROM hour";
    assert_eq!(number(&path, hours), 336);
    let days = "SELECT count(DISTINCT day) FROM day";
    let before = number(&path, days);
    // Ten years forward, and back.
    at(&mut file, NOON + 3650 * 86_400);
    at(&mut file, NOON + 400 * 3600);
    assert_eq!(number(&path, hours), 336);
    assert_eq!(number(&path, days), before + 1);
    assert_eq!(sum(&path, "month"), sum(&path, "mark"));
}

#[test]
fn interfaces_and_names_that_are_gone_leave_no_marks() {
    let (_folder, path, mut file) = begun();
    let veth = |n: u64| -> Traffic {
        BTreeMap::from([(("veth", format!("C{n}")), 1000 + n)])
    };
    for n in 0..10 {
        let now = NOON + i64::try_from(n).unwrap() * 86_400;
        write(&mut file, &counters(&veth(n), n + 1), now).unwrap();
    }
    assert_eq!(number(&path, "SELECT count(*) FROM mark"), 3);
    let received = "SELECT sum(bytes_received) FROM country_months WHERE \
        country LIKE 'C%'";
    assert_eq!(number(&path, received), (0..10).map(|n| 1000 + n).sum::<i64>());
}

#[test]
fn readers_find_totals_by_each_subject() {
    let (_folder, path, mut file) = begun();
    let many: Traffic =
        [("eth0", "DE", 500), ("wg0", "DE", 70), ("wg0", "FR", 9)]
            .map(|(interface, country, bytes)| {
                ((interface, country.into()), bytes)
            })
            .into();
    write(&mut file, &counters(&many, 1), NOON).unwrap();
    let reader = Reader::open(&path).unwrap();
    let of = |by, interface| {
        let day = (20_261_101, 20_261_130);
        let rows = reader.totals(Resolution::Day, by, day, interface).unwrap();
        rows.into_iter()
            .map(|row| (row.labels[0].clone(), row.amounts.bytes[0]))
            .collect::<Vec<_>>()
    };
    let pairs = |list: &[(&str, u64)]| {
        list.iter().map(|(a, b)| ((*a).to_owned(), *b)).collect::<Vec<_>>()
    };
    let by_country =
        [("DE", 570), ("unattributed", 28), ("FR", 9), ("non_ip", 6)];
    assert_eq!(of(By::Country, None), pairs(&by_country));
    assert_eq!(of(By::Country, Some("eth0"))[0], ("DE".into(), 500));
    assert_eq!(of(By::Country, Some("eth7")), []);
    assert_eq!(of(By::Interface, None), pairs(&[("eth0", 517), ("wg0", 96)]));
}

#[test]
fn only_files_are_opened() {
    for (name, make, fault) in [
        ("history.db", "mkfifo", "history.db is a FIFO, not a file"),
        ("history.db", "mkdir", "history.db is a directory, not a file"),
        (
            "history.db-journal",
            "mkfifo",
            "history.db-journal is a FIFO, not a file",
        ),
    ] {
        let folder = TempDir::new().unwrap();
        let made = Command::new(make).arg(folder.path().join(name)).status();
        assert!(made.unwrap().success());
        let path = folder.path().join("history.db");
        let refused = File::open(&path, &Counters::default(), NOON);
        assert_eq!(refused.unwrap_err().to_string(), fault);
        assert_eq!(Reader::open(&path).unwrap_err().to_string(), fault);
    }
}
