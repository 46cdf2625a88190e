//! Writes MaxMind database files, for the tests' own databases.
//!
//! Follows the public MaxMind DB format 2.0: search tree, 16 zero bytes, data
//! section, marker, metadata.

use std::collections::HashMap;
use std::net::IpAddr;

/// A value in a database.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(&'static str),
    Number(u32),
    Epoch(u64),
    Short(u16),
    Flag(bool),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
}

/// One record of the search tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Empty,
    Node(usize),
    /// At this offset in the data section.
    Data(usize),
}

/// A database being written.
pub(crate) struct Writer {
    address_bits: usize,
    record_bits: usize,
    nodes: Vec<[Slot; 2]>,
    data: Encoder,
    records: HashMap<Vec<u8>, usize>,
}

impl Writer {
    /// Starts a database for both IP versions, or for IPv4 only, with 24, 28
    /// or 32 bits in each record of the search tree.
    pub(crate) fn new(ip_version: u16, record_bits: usize) -> Self {
        Self {
            address_bits: if ip_version == 4 { 32 } else { 128 },
            record_bits,
            nodes: vec![[Slot::Empty; 2]],
            data: Encoder::default(),
            records: HashMap::new(),
        }
    }

    /// Lets everything in `prefix`, such as `192.0.2.0/24`, have this record.
    /// A later, longer prefix takes its part out of an earlier, shorter one.
    pub(crate) fn insert(&mut self, prefix: &str, record: &Value) {
        let mut plain = Encoder::default();
        plain.encode(record, false);
        let data = &mut self.data;
        let offset = *self.records.entry(plain.bytes).or_insert_with(|| {
            let offset = data.bytes.len();
            data.encode(record, true);
            offset
        });
        self.set(prefix, Slot::Data(offset));
    }

    /// Lets `prefix`, an IPv6 one, lead to the IPv4 addresses' tree.
    pub(crate) fn alias_ipv4(&mut self, prefix: &str) {
        let mut node = 0;
        for _ in 0..96 {
            match self.nodes[node][0] {
                Slot::Node(next) => node = next,
                other => panic!("no IPv4 tree to lead to, but {other:?}"),
            }
        }
        self.set(prefix, Slot::Node(node));
    }

    /// Lets everything in `prefix` have a record that is written like this,
    /// and returns where in the data section it is.
    pub(crate) fn insert_raw(&mut self, prefix: &str, bytes: &[u8]) -> usize {
        let offset = self.data.bytes.len();
        self.data.bytes.extend(bytes);
        self.set(prefix, Slot::Data(offset));
        offset
    }

    fn set(&mut self, prefix: &str, slot: Slot) {
        let (bits, length) = self.bits_of(prefix);
        let mut node = 0;
        for depth in 0..length - 1 {
            let side = bit(bits, depth);
            node = match self.nodes[node][side] {
                Slot::Node(next) => next,
                leaf => {
                    self.nodes.push([leaf; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side] = Slot::Node(next);
                    next
                }
            };
        }
        self.nodes[node][bit(bits, length - 1)] = slot;
    }

    /// Returns a prefix's bits, left-aligned, and how many of them count.
    fn bits_of(&self, prefix: &str) -> (u128, usize) {
        let (address, length) = prefix.split_once('/').unwrap();
        let length: usize = length.parse().unwrap();
        match (address.parse().unwrap(), self.address_bits) {
            (IpAddr::V4(v4), 32) => (u128::from(v4.to_bits()) << 96, length),
            (IpAddr::V4(v4), _) => (u128::from(v4.to_bits()), length + 96),
            (IpAddr::V6(v6), 128) => (v6.to_bits(), length),
            (IpAddr::V6(v6), _) => panic!("{v6} in a database of IPv4 only"),
        }
    }

    /// Returns the file.
    pub(crate) fn finish(self, database_type: &'static str) -> Vec<u8> {
        let node_count = self.nodes.len();
        let number = |slot| match slot {
            Slot::Node(node) => node,
            Slot::Empty => node_count,
            Slot::Data(offset) => node_count + 16 + offset,
        };
        let mut file = Vec::new();
        for &[left, right] in &self.nodes {
            let (left, right) = (number(left), number(right));
            push_node(&mut file, self.record_bits, left, right);
        }
        file.extend([0; 16]);
        file.extend(self.data.bytes);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        let ip_version = if self.address_bits == 32 { 4 } else { 6 };
        let mut metadata = Encoder::default();
        metadata.encode(
            &Value::Map(vec![
                ("binary_format_major_version", Value::Short(2)),
                ("binary_format_minor_version", Value::Short(0)),
                // 2026-01-01 00:00:00 UTC: the files are the same every day.
                ("build_epoch", Value::Epoch(1_767_225_600)),
                ("database_type", Value::Text(database_type)),
                (
                    "description",
                    Value::Map(vec![(
                        "en",
                        Value::Text("made for tests: documentation ranges"),
                    )]),
                ),
                ("ip_version", Value::Short(ip_version)),
                ("languages", Value::List(vec![Value::Text("en")])),
                ("node_count", Value::Number(node_count.try_into().unwrap())),
                (
                    "record_size",
                    Value::Short(self.record_bits.try_into().unwrap()),
                ),
            ]),
            false,
        );
        file.extend(metadata.bytes);
        file
    }
}

/// Returns a small database that takes long to check: twenty thousand records
/// lead to one with as many values as the reader allows.
pub(crate) fn slow() -> Vec<u8> {
    slow_behind(0)
}

/// The same behind so many records that are read at once.
pub(crate) fn slow_behind(light: u16) -> Vec<u8> {
    let mut writer = Writer::new(4, 32);
    for number in 0..light {
        let [high, low] = number.to_be_bytes();
        let record = [b"\xe1\x47country\x42D".to_vec(), vec![b'A' + low % 26]];
        writer.insert_raw(&format!("9.{high}.{low}.0/24"), &record.concat());
    }
    // {"country": "DE", "x": [so many empty texts]}
    let mut record = b"\xe2\x47country\x42DE\x41x".to_vec();
    let [high, low] = (65_000_u16 - 285).to_be_bytes();
    record.extend([30, 4, high, low]);
    record.resize(record.len() + 65_000, 0x40);
    let record = writer.insert_raw("10.0.0.0/32", &record);
    let [.., a, b, c, d] = record.to_be_bytes();
    for number in 0..20_000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let prefix = format!("192.{high}.{low}.0/24");
        writer.insert_raw(&prefix, &[0x38, a, b, c, d]);
    }
    writer.finish("Country")
}

fn bit(bits: u128, depth: usize) -> usize {
    usize::from(bits >> (127 - depth) & 1 == 1)
}

/// Appends one node of the search tree.
pub(crate) fn push_node(
    file: &mut Vec<u8>,
    record_bits: usize,
    left: usize,
    right: usize,
) {
    let left = u32::try_from(left).unwrap().to_be_bytes();
    let right = u32::try_from(right).unwrap().to_be_bytes();
    match record_bits {
        24 => {
            file.extend(&left[1..]);
            file.extend(&right[1..]);
        }
        28 => {
            file.extend(&left[1..]);
            file.push(left[0] << 4 | right[0]);
            file.extend(&right[1..]);
        }
        32 => {
            file.extend(left);
            file.extend(right);
        }
        other => panic!("no such record size: {other}"),
    }
}

/// Turns values into the bytes of a data section.
#[derive(Default)]
struct Encoder {
    bytes: Vec<u8>,
    texts: HashMap<&'static str, usize>,
}

impl Encoder {
    /// Appends a value. With `share`, a text that is already there is pointed
    /// to, as the vendors' writers do.
    fn encode(&mut self, value: &Value, share: bool) {
        match value {
            Value::Text(text) => {
                if let (true, Some(&at)) = (share, self.texts.get(text)) {
                    self.pointer(at);
                    return;
                }
                if share && text.len() > 3 {
                    self.texts.insert(text, self.bytes.len());
                }
                self.control(2, text.len());
                self.bytes.extend(text.as_bytes());
            }
            Value::Short(number) => self.unsigned(5, (*number).into()),
            Value::Number(number) => self.unsigned(6, (*number).into()),
            Value::Epoch(number) => self.unsigned(9, *number),
            Value::Flag(flag) => self.control(14, usize::from(*flag)),
            Value::List(values) => {
                self.control(11, values.len());
                for value in values {
                    self.encode(value, share);
                }
            }
            Value::Map(pairs) => {
                self.control(7, pairs.len());
                for (key, value) in pairs {
                    self.encode(&Value::Text(key), share);
                    self.encode(value, share);
                }
            }
        }
    }

    fn unsigned(&mut self, kind: u8, number: u64) {
        let skip = usize::try_from(number.leading_zeros() / 8).unwrap();
        self.control(kind, 8 - skip);
        self.bytes.extend(&number.to_be_bytes()[skip..]);
    }

    fn control(&mut self, kind: u8, size: usize) {
        let (inline, more) = match u8::try_from(size).unwrap() {
            small @ 0..29 => (small, None),
            large => (29, Some(large - 29)),
        };
        if kind < 8 {
            self.bytes.push(kind << 5 | inline);
        } else {
            self.bytes.extend([inline, kind - 7]);
        }
        self.bytes.extend(more);
    }

    /// Appends a pointer, which has one of three lengths.
    fn pointer(&mut self, at: usize) {
        const KIND: u32 = 1 << 5;
        const SECOND: u32 = 1 << 11;
        const THIRD: u32 = SECOND + (1 << 19);
        let at = u32::try_from(at).unwrap();
        let (word, length) = match at {
            0..SECOND => (KIND << 8 | at, 2),
            SECOND..THIRD => ((KIND | 1 << 3) << 16 | (at - SECOND), 3),
            _ => ((KIND | 2 << 3) << 24 | (at - THIRD), 4),
        };
        self.bytes.extend(&word.to_be_bytes()[4 - length..]);
    }
}
