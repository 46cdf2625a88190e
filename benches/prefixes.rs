//! The error of counting by prefix: a prefix counts for the answer of its first
//! address.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use maxminddb::{Reader, WithinOptions};

/// Prefix lengths of IPv4.
const LENGTHS: [u32; 4] = [24, 22, 20, 16];

/// Addresses from the first to the last that have the same answer.
type Span = (u128, u128, u64);

/// Returns a table of the error of a database. `answer` returns that of an
/// address as a number, 0 for none.
pub(crate) fn table(file: &[u8], answer: impl Fn(IpAddr) -> u64) -> String {
    let reader = Reader::from_source(file).expect("a database");
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    let all = reader.networks(WithinOptions::default()).expect("a tree");
    for found in all {
        let network = found.and_then(|it| it.network()).expect("a network");
        let answer = answer(network.ip());
        if answer == 0 {
            continue;
        }
        let (spans, first, bits) = match network.ip() {
            IpAddr::V4(v4_address) => {
                (&mut v4, u128::from(v4_address.to_bits()), 32)
            }
            IpAddr::V6(v6_address) => (&mut v6, v6_address.to_bits(), 128),
        };
        let last = first + ((1 << (bits - u32::from(network.prefix()))) - 1);
        push(spans, (first, last, answer));
    }
    let mut text = String::from(
        "| Prefix | Prefixes with addresses of another answer | Addresses in \
         them |\n|---|---|---|\n",
    );
    for length in LENGTHS {
        line(&mut text, &v4, 32, length);
    }
    line(&mut text, &v6, 128, 48);
    text
}

/// Adds a span, to the one before if that goes on.
fn push(spans: &mut Vec<Span>, (first, last, answer): Span) {
    match spans.last_mut() {
        Some((_, end, before)) if *end + 1 == first && *before == answer => {
            *end = last;
        }
        _ => spans.push((first, last, answer)),
    }
}

fn line(text: &mut String, spans: &[Span], bits: u32, length: u32) {
    let size = 1_u128 << (bits - length);
    let (mut located, mut wrong) = (0, 0);
    let (mut prefixes, mut torn) = (0, HashSet::new());
    let mut last_prefix = None;
    for &(first, last, answer) in spans {
        located += last - first + 1;
        let begin = first / size;
        prefixes += last / size - begin + 1;
        if last_prefix == Some(begin) {
            prefixes -= 1;
        }
        last_prefix = Some(last / size);
        // All later prefixes begin in this span.
        let start = begin * size;
        if start != first && answer_at(spans, start) != answer {
            wrong += last.min(start + size - 1) - first + 1;
            torn.insert(begin);
        }
    }
    let percent =
        |part: u128, whole: u128| part as f64 / whole.max(1) as f64 * 100.0;
    let torn = torn.len() as u128;
    writeln!(
        text,
        "| /{length} | {torn} of {prefixes} ({:.5} %) | {:.5} % |",
        percent(torn, prefixes),
        percent(wrong, located),
    )
    .unwrap();
}

fn answer_at(spans: &[Span], address: u128) -> u64 {
    let behind = spans.partition_point(|(first, ..)| *first <= address);
    let span = behind.checked_sub(1).map(|place| spans[place]);
    span.filter(|(_, last, _)| *last >= address).map_or(0, |(.., a)| a)
}
