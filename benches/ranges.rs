//! The cost of loading named ranges, and of finding those of a new key.

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use geoip_exporter::ranges::{
    Builder, FileFormat, Location, RangeNames, RangeTable, SourceFile,
};

use crate::Effort;
use crate::database::Random;
use crate::report::{Row, median};
use crate::sys::thread_time;

/// As many as a large configuration has.
const PREFIXES: u32 = 50_000;

/// Returns a list of half as many prefixes of each IP version.
fn list() -> String {
    let mut text = String::new();
    for number in 0..PREFIXES / 2 {
        let v4 = Ipv4Addr::from(0x0100_0000 + (number << 9));
        let v6 = (0x2001_0000_u128 << 96) | (u128::from(number) << 80);
        let _ = writeln!(text, "{v4}/{}", 23 + number % 10);
        let _ = writeln!(text, "{}/{}", Ipv6Addr::from(v6), 48 + number % 17);
    }
    text
}

fn load(text: &str) -> RangeTable {
    let file = SourceFile {
        path: "list".into(),
        format: Some(FileFormat::List),
        name: Some("list".into()),
        field: None,
        local: None,
        location: Location::default(),
    };
    let mut builder = Builder::default();
    builder.add_file(&file, text);
    builder.build(&RangeNames::default()).unwrap()
}

/// Returns the rows of the table.
pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    eprintln!("named ranges");
    let text = list();
    let times: Vec<_> = (0..effort.of(15, 3))
        .map(|_| {
            let start = thread_time();
            black_box(load(&text));
            (thread_time() - start).as_secs_f64() * 1e3
        })
        .collect();
    let time = median(&times).expect("at least one");
    let table = load(&text);
    #[expect(clippy::cast_precision_loss, reason = "some millions")]
    let mebibytes = table.bytes() as f64 / f64::from(1 << 20);
    let what = "50,000 prefixes of ranges";
    let mut rows = vec![
        Row::new(format!("loading {what}"), "ms", time),
        Row::new(format!("memory of {what}"), "MiB", mebibytes),
    ];
    type Draw = fn(&mut Random) -> IpAddr;
    let draws: [(&str, Draw); 2] =
        [("IPv4", Random::ipv4), ("IPv6", Random::ipv6)];
    for (name, draw) in draws {
        let mut random = Random::new(3);
        let count = effort.of(1_000_000, 20_000);
        let addresses: Vec<_> = (0..count).map(|_| draw(&mut random)).collect();
        let times: Vec<_> = (0..effort.of(15, 3))
            .map(|_| {
                let start = thread_time();
                for address in &addresses {
                    black_box(table.find(*address, 128));
                }
                let time = thread_time() - start;
                time.as_secs_f64() * 1e9 / f64::from(count)
            })
            .collect();
        let time = median(&times).expect("at least one");
        let what = format!("ranges of a new key, {name}");
        rows.push(Row::new(what, "ns", time));
    }
    rows
}
