//! Proves that every walk down a database's search tree ends at a record, and
//! finds one address for each record.
//!
//! The reader cuts a walk off after the address's last bit, so a damaged tree
//! cannot hang a lookup, but it would answer with nonsense in silence. Its own
//! `verify` follows every path instead of every node: a tree of a hundred
//! nodes whose branches meet again keeps that busy for ever. Here each node is
//! looked at once.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The place of the tree in the file, from the database's metadata.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Nodes in the tree.
    pub(super) node_count: u32,
    /// Bits in each of a node's two records: 24, 28 or 32.
    pub(super) record_bits: u16,
    /// Bits in an address: 32 or 128.
    pub(super) address_bits: u8,
}

/// A fault of a tree.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum Damage {
    #[error("the search tree is deeper than an address is long")]
    TooDeep,
    #[error("the search tree does not fit into the file")]
    TooLong,
    #[error("a record lies outside the file")]
    RecordOutside,
}

/// A node whose children are being looked at.
struct Visit {
    node: u32,
    /// The bits that lead here, left-aligned in `address_bits`.
    address: u128,
    /// The next child to look at: 0, 1, or 2 when both are done.
    next: u8,
    /// The height of the tallest child so far.
    tallest: u8,
}

/// Walks the whole tree and calls `visit` with one address for each distinct
/// record, in the order of the addresses.
///
/// Takes time and memory proportional to the size of `file`, whatever its
/// content, beside the time of `visit`.
///
/// # Errors
///
/// If some walk of the tree does not end at a record, or `visit` fails: the
/// first error.
pub(super) fn visit_records<E: From<Damage>>(
    file: &[u8],
    layout: Layout,
    mut visit_record: impl FnMut(IpAddr) -> Result<(), E>,
) -> Result<(), E> {
    // The root decides on the first bit even of an empty tree.
    let mut stack = vec![Visit { node: 0, address: 0, next: 0, tallest: 0 }];
    // Zero: not visited. A finished node needs at least one bit.
    let mut heights = vec![0_u8; nodes_in(file, layout)?];
    let mut seen = Seen::new(file.len());

    while let Some(visit) = stack.last_mut() {
        if visit.next == 2 {
            let height = visit.tallest + 1;
            heights[index(visit.node)] = height;
            stack.pop();
            if let Some(parent) = stack.last_mut() {
                parent.tallest = parent.tallest.max(height);
            }
            continue;
        }
        let side = visit.next;
        visit.next += 1;
        let child = read_child(file, layout, visit.node, side)
            .ok_or(Damage::TooLong)?;
        let node_address = visit.address;
        // At most `address_bits`, which the check below sees to.
        let depth = u8::try_from(stack.len()).map_err(|_| Damage::TooDeep)?;
        let address = node_address
            | u128::from(side) << u32::from(layout.address_bits - depth);

        if let Some(data) = child.checked_sub(layout.node_count) {
            // The value right after the last node means "no record".
            if data > 0 && seen.insert(index(data))? {
                visit_record(to_ip_address(address, layout.address_bits))?;
            }
            continue;
        }
        let height = heights[index(child)];
        if height == 0 {
            if depth == layout.address_bits {
                return Err(Damage::TooDeep.into());
            }
            stack.push(Visit { node: child, address, next: 0, tallest: 0 });
        } else if height > layout.address_bits - depth {
            return Err(Damage::TooDeep.into());
        } else if let Some(parent) = stack.last_mut() {
            parent.tallest = parent.tallest.max(height);
        }
    }
    Ok(())
}

/// Returns the number of nodes, once they are known to fit into the file.
fn nodes_in(file: &[u8], layout: Layout) -> Result<usize, Damage> {
    let nodes = index(layout.node_count);
    nodes
        .checked_mul(usize::from(layout.record_bits / 4))
        .filter(|&bytes| bytes <= file.len())
        .map(|_| nodes)
        .ok_or(Damage::TooLong)
}

/// Returns a node's left (0) or right (1) record, `None` past the file's end.
fn read_child(file: &[u8], layout: Layout, node: u32, side: u8) -> Option<u32> {
    let size = usize::from(layout.record_bits / 4);
    let start = index(node).checked_mul(size)?;
    let bytes = file.get(start..start.checked_add(size)?)?;
    Some(match (bytes, side) {
        (&[a, b, c, _, _, _], 0) | (&[_, _, _, a, b, c], _) => {
            u32::from_be_bytes([0, a, b, c])
        }
        // The byte in the middle holds both records' highest four bits.
        (&[a, b, c, middle, _, _, _], 0) => {
            u32::from_be_bytes([middle >> 4, a, b, c])
        }
        (&[_, _, _, middle, a, b, c], _) => {
            u32::from_be_bytes([middle & 0x0f, a, b, c])
        }
        (&[a, b, c, d, _, _, _, _], 0) | (&[_, _, _, _, a, b, c, d], _) => {
            u32::from_be_bytes([a, b, c, d])
        }
        _ => return None,
    })
}

fn to_ip_address(address: u128, address_bits: u8) -> IpAddr {
    match (address_bits, u32::try_from(address)) {
        (32, Ok(address)) => Ipv4Addr::from(address).into(),
        _ => Ipv6Addr::from(address).into(),
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("Linux has no 16-bit platforms")
}

/// The records met so far: one bit for each byte of the file.
struct Seen {
    words: Vec<u64>,
}

impl Seen {
    fn new(bytes: usize) -> Self {
        Self { words: vec![0; bytes / 64 + 1] }
    }

    /// Returns whether the record is met for the first time.
    fn insert(&mut self, record: usize) -> Result<bool, Damage> {
        let word =
            self.words.get_mut(record / 64).ok_or(Damage::RecordOutside)?;
        let bit = 1 << (record % 64);
        let first = *word & bit == 0;
        *word |= bit;
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: u32 = 3;

    fn record_addresses(
        file: &[u8],
        layout: Layout,
    ) -> Result<Vec<IpAddr>, Damage> {
        let mut addresses = Vec::new();
        visit_records::<Damage>(file, layout, |address| {
            addresses.push(address);
            Ok(())
        })?;
        Ok(addresses)
    }

    /// Makes a file of three 32-bit nodes and room for records.
    fn tree(nodes: [[u32; 2]; NODES as usize]) -> (Vec<u8>, Layout) {
        let mut file: Vec<u8> =
            nodes.iter().flatten().flat_map(|r| r.to_be_bytes()).collect();
        file.resize(200, 0);
        let layout =
            Layout { node_count: NODES, record_bits: 32, address_bits: 32 };
        (file, layout)
    }

    #[test]
    fn each_record_is_found_once_with_an_address_that_leads_to_it() {
        let (a, b) = (NODES + 16, NODES + 20);
        let (file, layout) = tree([[1, 2], [a, NODES], [b, a]]);
        assert_eq!(
            record_addresses(&file, layout).unwrap(),
            [IpAddr::from([0, 0, 0, 0]), IpAddr::from([128, 0, 0, 0])]
        );
    }

    #[test]
    fn the_first_error_of_a_visit_ends_the_walk() {
        let (a, b) = (NODES + 16, NODES + 20);
        let (file, layout) = tree([[1, 2], [a, NODES], [b, a]]);
        let mut visits = 0;
        let result = visit_records(&file, layout, |_| {
            visits += 1;
            Err(Damage::TooLong)
        });
        assert_eq!((result, visits), (Err(Damage::TooLong), 1));
    }

    #[test]
    fn a_cycle_is_found() {
        for back in 0..NODES {
            let (file, layout) = tree([[1, NODES], [NODES, 2], [NODES, back]]);
            assert_eq!(
                record_addresses(&file, layout),
                Err(Damage::TooDeep),
                "back to node {back}"
            );
        }
    }

    /// 2^96 paths, 128 nodes: only a walk by nodes comes back from this.
    #[test]
    fn branches_that_meet_again_are_walked_once() {
        let count = 128_u32;
        let mut file = Vec::new();
        for node in 0..count {
            file.extend((node + 1).to_be_bytes());
            file.extend((node + 1).to_be_bytes());
        }
        let layout =
            Layout { node_count: count, record_bits: 32, address_bits: 128 };
        assert_eq!(record_addresses(&file, layout), Ok(Vec::new()));

        let too_short = Layout { address_bits: 32, ..layout };
        assert_eq!(record_addresses(&file, too_short), Err(Damage::TooDeep));
    }

    /// The second way to a subtree that was found sound may be too long.
    #[test]
    fn a_shared_subtree_is_too_deep_where_one_way_to_it_is_too_long() {
        // The subtree of nodes 1 to 31 takes 31 bits: fine right below the
        // root, one bit too many below node 32 and 33.
        let end = 34_u32;
        let mut nodes = vec![[1, 32]];
        nodes.extend((1..31).map(|node| [node + 1, end]));
        nodes.push([end, end]);
        nodes.push([33, end]);
        nodes.push([end, 1]);
        let file: Vec<u8> =
            nodes.iter().flatten().flat_map(|r| r.to_be_bytes()).collect();
        let layout =
            Layout { node_count: end, record_bits: 32, address_bits: 32 };
        assert_eq!(record_addresses(&file, layout), Err(Damage::TooDeep));

        let wider = Layout { address_bits: 128, ..layout };
        assert_eq!(record_addresses(&file, wider), Ok(Vec::new()));
    }

    #[test]
    fn a_record_outside_the_file_is_found() {
        let (file, layout) = tree([[1, 2], [NODES, NODES], [u32::MAX, 0]]);
        assert_eq!(record_addresses(&file, layout), Err(Damage::RecordOutside));
    }

    #[test]
    fn a_tree_longer_than_the_file_is_found() {
        let (file, layout) = tree([[1, 2], [NODES, NODES], [NODES, NODES]]);
        let layout = Layout { node_count: u32::MAX, ..layout };
        assert_eq!(record_addresses(&file, layout), Err(Damage::TooLong));
    }

    #[test]
    fn nodes_of_every_width_are_read() {
        let node = [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0];
        let read = |record_bits, side| {
            let layout =
                Layout { node_count: 1, record_bits, address_bits: 32 };
            read_child(&node, layout, 0, side)
        };
        assert_eq!(read(24, 0), Some(0x12_3456));
        assert_eq!(read(24, 1), Some(0x78_9abc));
        assert_eq!(read(28, 0), Some(0x712_3456));
        assert_eq!(read(28, 1), Some(0x89a_bcde));
        assert_eq!(read(32, 0), Some(0x1234_5678));
        assert_eq!(read(32, 1), Some(0x9abc_def0));
    }
}
