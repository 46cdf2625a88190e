//! A country database as large and as deep as a real one, the same in every
//! run: 250 countries, IPv4 in pieces of /8 to /24, IPv6 in the blocks that
//! registries give out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::harness::mmdb::{Value, Writer};

/// The number of countries in it.
pub(crate) const COUNTRIES: usize = 250;

/// The first 16 bits of /12s that registries hand out from.
const REGISTRIES: [u16; 6] = [0x2000, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00];

/// The number of autonomous systems in the other database.
const SYSTEMS: u32 = 80_000;

/// The number of IPv6 networks that have a country.
const IPV6_NETWORKS: u32 = 25_000;

/// Numbers that look random and are the same every time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number less than `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("less than a usize")
    }

    /// Returns any IPv4 address that is no multicast.
    pub(crate) fn ipv4(&mut self) -> IpAddr {
        let bits = self.next().to_ne_bytes();
        Ipv4Addr::new(bits[0] % 223 + 1, bits[1], bits[2], bits[3]).into()
    }

    /// Returns an IPv6 address that a registry could have given out.
    pub(crate) fn ipv6(&mut self) -> IpAddr {
        let block = u128::from(REGISTRIES[self.below(REGISTRIES.len())]);
        let rest = u128::from(self.next()) << 64 | u128::from(self.next());
        Ipv6Addr::from_bits(block << 112 | rest >> 12).into()
    }

    /// Returns any IPv6 address that is no multicast.
    pub(crate) fn any_ipv6(&mut self) -> IpAddr {
        let rest = u128::from(self.next()) << 64 | u128::from(self.next());
        Ipv6Addr::from_bits(1 << 125 | rest >> 3).into()
    }
}

/// Returns codes that are codes, if not those of countries.
pub(crate) fn codes() -> Vec<&'static str> {
    let letters = b'A'..=b'Z';
    let pairs =
        letters.clone().flat_map(|a| letters.clone().map(move |b| [a, b]));
    pairs
        .take(COUNTRIES)
        .map(|pair| &*String::from_utf8(pair.to_vec()).unwrap().leak())
        .collect()
}

/// Returns the file.
pub(crate) fn bytes() -> Vec<u8> {
    let records: Vec<Value> = codes()
        .into_iter()
        .map(|code| {
            let country = vec![("iso_code", Value::Text(code))];
            Value::Map(vec![("country", Value::Map(country))])
        })
        .collect();
    let mut random = Random::new(1);
    let mut writer = Writer::new(6, 24);
    split(&mut writer, &mut random, &records, 0, 0);
    for _ in 0..IPV6_NETWORKS {
        let IpAddr::V6(address) = random.ipv6() else { unreachable!() };
        let length = [29, 32, 32, 32, 36, 40, 48][random.below(7)];
        let network = address.to_bits() >> (128 - length) << (128 - length);
        let prefix = format!("{}/{length}", Ipv6Addr::from_bits(network));
        writer.insert(&prefix, &records[random.below(COUNTRIES)]);
    }
    // One block with every country in it, for any addresses.
    for (piece, record) in (0..=0xff_u32).zip(records.iter().cycle()) {
        let network = Ipv6Addr::from_bits(u128::from(0x20_0100 | piece) << 104);
        writer.insert(&format!("{network}/24"), record);
    }
    writer.finish("Benchmark-Country")
}

/// Returns a database of as many autonomous systems as a real one has.
pub(crate) fn networks() -> Vec<u8> {
    let records: Vec<Value> = (1..=SYSTEMS)
        .map(|number| {
            let name = format!("Example Networks number {number}").leak();
            Value::Map(vec![
                ("autonomous_system_number", Value::Number(number)),
                ("autonomous_system_organization", Value::Text(name)),
            ])
        })
        .collect();
    let mut random = Random::new(3);
    let mut writer = Writer::new(6, 28);
    split(&mut writer, &mut random, &records, 0, 0);
    for record in &records {
        let IpAddr::V6(address) = random.ipv6() else { unreachable!() };
        let network = address.to_bits() >> 96 << 96;
        let prefix = format!("{}/32", Ipv6Addr::from_bits(network));
        writer.insert(&prefix, record);
    }
    writer.finish("Benchmark-ASN")
}

/// Returns a database of the autonomous systems in lists of ranges: the first
/// and the last address, the number and the name of each, in commas.
pub(crate) fn from_lists(lists: &str) -> Vec<u8> {
    let mut writer = Writer::new(6, 32);
    for list in lists.split(',') {
        let text = std::fs::read_to_string(list).expect("a list of ranges");
        for range in text.lines() {
            let mut fields = range.splitn(4, ',');
            let mut next = || fields.next().expect("four fields");
            let (first, last): (IpAddr, IpAddr) =
                (next().parse().unwrap(), next().parse().unwrap());
            let number = next().parse().unwrap();
            let name = next().trim_matches('"').to_owned();
            let end = name.floor_char_boundary(200);
            let record = Value::Map(vec![
                ("autonomous_system_number", Value::Number(number)),
                (
                    "autonomous_system_organization",
                    Value::Text(name[..end].to_owned().leak()),
                ),
            ]);
            for prefix in prefixes(first, last) {
                writer.insert(&prefix, &record);
            }
        }
    }
    writer.finish("Lists-ASN")
}

/// Returns the prefixes from one address to another.
fn prefixes(first: IpAddr, last: IpAddr) -> Vec<String> {
    let (mut first, last, width) = match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (u128::from(a.to_bits()), u128::from(b.to_bits()), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        other => panic!("a range of both versions: {other:?}"),
    };
    let mut prefixes = Vec::new();
    while first <= last {
        let fits = (last - first + 1).ilog2();
        let bits = first.trailing_zeros().min(fits).min(width);
        let address: IpAddr = match width {
            32 => Ipv4Addr::from_bits(u32::try_from(first).unwrap()).into(),
            _ => Ipv6Addr::from_bits(first).into(),
        };
        prefixes.push(format!("{address}/{}", width - bits));
        first += 1 << bits;
    }
    prefixes
}

/// Gives an IPv4 network to one country, or each half to others.
fn split(
    writer: &mut Writer,
    random: &mut Random,
    records: &[Value],
    network: u32,
    length: u32,
) {
    // Of a million /24s about a third stands alone in such files.
    let is_split = length < 8 || (length < 24 && random.below(1000) < 832);
    if is_split {
        split(writer, random, records, network, length + 1);
        let upper = network | 1 << (31 - length);
        split(writer, random, records, upper, length + 1);
    } else {
        let prefix = format!("{}/{length}", Ipv4Addr::from_bits(network));
        writer.insert(&prefix, &records[random.below(records.len())]);
    }
}
