//! From bytes to countries, with real files that were damaged in many ways.

use std::fs;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use geoip_exporter::geoip::{
    Database, Locator, NetworkDatabase, NetworkLocator,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::databases::{COUNTRIES, path};
use crate::mmdb::{Value, Writer};

const FILES: [&str; 17] = [
    "asn.mmdb",
    "asn-dbip.mmdb",
    "asn-ipinfo.mmdb",
    "asn-isp.mmdb",
    "country-asn-lite.mmdb",
    "country-asn.mmdb",
    "country-dbip.mmdb",
    "country-flat.mmdb",
    "country-ipinfo.mmdb",
    "country-ipv4-only.mmdb",
    "country-maxmind.mmdb",
    "damaged-cyclic.mmdb",
    "damaged-garbage.mmdb",
    "damaged-record.mmdb",
    "damaged-truncated.mmdb",
    "enterprise.mmdb",
    "no-records.mmdb",
];

/// How long checking a file of a few KiB may take on a busy machine, in a
/// build without optimisation.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much memory that may take.
const MEMORY: u64 = 128 << 20;

fn read(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

/// Returns the most memory that this process ever had in RAM.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    let kibibytes = line.trim().strip_suffix(" kB").unwrap();
    kibibytes.parse::<u64>().unwrap() * 1024
}

/// One way to damage a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    Truncate(Index),
    /// A piece of another file, over what is there.
    Splice(&'static str, Index, Index, usize),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// A pointer to anywhere, also to itself or what leads to it.
    Pointer(Index, u16),
    /// A map, an array, a text or bytes with more in it than there can be.
    Huge(Index, u8, [u8; 3]),
    /// The same number of nodes, sizes, versions, but another one.
    Metadata(Index, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        at().prop_map(Damage::Truncate),
        (prop::sample::select(FILES.to_vec()), at(), at(), 1_usize..600)
            .prop_map(|(name, from, to, n)| Damage::Splice(name, from, to, n)),
        (at(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (at(), 1_usize..200).prop_map(|(at, n)| Damage::Remove(at, n)),
        (at(), 0_u16..2048).prop_map(|(at, to)| Damage::Pointer(at, to)),
        (
            at(),
            prop::sample::select(vec![0xe0, 0x40, 0x80, 0x00]),
            any::<[u8; 3]>()
        )
            .prop_map(|(at, kind, size)| Damage::Huge(at, kind, size)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Metadata(at, byte)),
    ]
}

fn overwrite(bytes: &mut [u8], at: usize, piece: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(piece) {
        *byte = *new;
    }
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match self {
            Self::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Self::Set(at, byte) => bytes[at.index(length)] = *byte,
            Self::Truncate(at) => bytes.truncate(at.index(length)),
            Self::Splice(name, from, to, count) => {
                let other = read(name);
                let from = from.index(other.len());
                let end = (from + count).min(other.len());
                overwrite(bytes, to.index(length), &other[from..end]);
            }
            Self::Insert(at, piece) => {
                let at = at.index(length);
                bytes.splice(at..at, piece.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..(at + count).min(length));
            }
            Self::Pointer(at, to) => {
                let [high, low] = to.to_be_bytes();
                overwrite(bytes, at.index(length), &[1 << 5 | high, low]);
            }
            Self::Huge(at, kind, [a, b, c]) => {
                // Zero is an array, in the format's second byte of kinds.
                let piece = match kind {
                    0 => vec![31, 4, *a, *b, *c],
                    kind => vec![kind | 31, *a, *b, *c],
                };
                overwrite(bytes, at.index(length), &piece);
            }
            Self::Metadata(at, byte) => {
                let last = length.min(250);
                let at = length - last + at.index(last);
                bytes[at] = *byte;
            }
        }
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    let known = COUNTRIES.map(|(prefix, _)| prefix.split_once('/').unwrap().0);
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        prop::sample::select(known.to_vec()).prop_map(|a| a.parse().unwrap()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..Default::default() })]

    /// Refused in one line, or it answers: the same each time, from a cache
    /// that holds hardly anything, and as a fresh copy that knows no other
    /// address answers.
    #[test]
    fn a_damaged_file_is_refused_or_answers_as_a_fresh_one_does(
        name in prop::sample::select(FILES.to_vec()),
        damages in prop::collection::vec(damage(), 1..8),
        addresses in prop::collection::vec(any_address(), 30),
    ) {
        let mut bytes = read(name);
        for damage in &damages {
            damage.apply(&mut bytes);
        }
        let (started, memory) = (Instant::now(), peak());
        match Database::from_bytes(Path::new("x"), bytes.clone()) {
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
            Ok(database) => {
                let size = NonZeroUsize::new(2).unwrap();
                let mut locator =
                    Locator::new(Some(Arc::new(database)), size);
                for &address in addresses.iter().chain(&addresses) {
                    let code = locator.country_of(address);
                    let fresh =
                        Database::from_bytes(Path::new("x"), bytes.clone());
                    prop_assert_eq!(fresh.unwrap().country(address), code);
                    let code = code.to_string();
                    let is_code = code.len() == 2
                        && code.bytes().all(|b| b.is_ascii_uppercase());
                    prop_assert!(is_code || code == "UNKNOWN", "{code}");
                }
            }
        }
        match NetworkDatabase::from_bytes(Path::new("x"), bytes) {
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
            Ok(database) => {
                let database = Arc::new(database);
                let size = NonZeroUsize::new(2).unwrap();
                let mut locator =
                    NetworkLocator::new(Some(Arc::clone(&database)), size);
                for &address in addresses.iter().chain(&addresses) {
                    let network = locator.network_of(address);
                    prop_assert_eq!(database.network(address), network);
                    let name = database.names().get(network).unwrap_or("none");
                    prop_assert!((1..=128).contains(&name.len()));
                    prop_assert!(!name.contains(char::is_control));
                }
            }
        }
        prop_assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
        prop_assert!(peak() < memory + MEMORY, "{} more", peak() - memory);
    }
}

/// Arrays of pointers to arrays of pointers, and so on: a few hundred bytes
/// that stand for a hundred million values.
#[test]
fn values_that_multiply_by_pointers_cost_no_time() {
    const ROOM: &str = concat!(
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    );
    const LEVELS: usize = 8;
    const LENGTH: usize = 22;
    const LAST: usize = LEVELS - 1;
    // Behind a key that is looked at, and behind one that is not.
    for key in ["names", "country"] {
        let mut writer = Writer::new(4, 24);
        let record = Value::Map(vec![
            ("country_code", Value::Text("FR")),
            (key, Value::Text(ROOM)),
        ]);
        writer.insert("192.0.2.0/24", &record);
        let mut bytes = writer.finish("laughs");
        let find = |wanted: &[u8]| {
            let mut places = bytes.windows(wanted.len());
            places.position(|place| place == wanted).unwrap()
        };
        let data = find(b"country_code") - 2;
        let first = find(ROOM.as_bytes()) - 2;
        for level in 0..LEVELS {
            let at = first + level * LENGTH;
            let next = u16::try_from(at + LENGTH - data).unwrap();
            let [high, low] = next.to_be_bytes();
            let mut array = vec![10, 4];
            for _ in 0..10 {
                match level {
                    LAST => array.extend([0x41, b'x']),
                    _ => array.extend([1 << 5 | high, low]),
                }
            }
            overwrite(&mut bytes, at, &array);
        }
        let started = Instant::now();
        let database = Database::from_bytes(Path::new("x"), bytes).unwrap();
        let found = database.country("192.0.2.1".parse().unwrap());
        assert_eq!(found.to_string(), "FR");
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }
}
