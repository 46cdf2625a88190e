//! Writes numbers into the instructions of the compiled programs. A program
//! reads a variable from memory for each packet, but has a constant at hand:
//! see `bpf-src/constants.bpf.h`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// A number that the programs need before they are loaded: `enum
/// traffic_constant` in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// The kind of path that packets take.
    PacketPath,
    /// The bits of an IPv4 address that are kept.
    Ipv4PrefixMask,
    /// The bits of the first half of an IPv6 address that are kept.
    Ipv6PrefixMask,
    /// The same of the second half.
    Ipv6PrefixMaskRest,
    /// Not zero if addresses of IPv6 are looked into for one of IPv4.
    HasCarriedIpv4,
    /// Sets of the flow table that each CPU has.
    TableSets,
    /// Sets of a block of the flow table.
    TableBlockSets,
    /// The number of the last block.
    TableLastBlock,
    /// An odd random number, for the first place of a flow in the table.
    TableSeed,
    /// The same for the second place.
    TableSeedSecond,
    /// The same for the second half of a long IPv6 prefix.
    TableSeedRest,
}

impl Constant {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::PacketPath,
        Self::Ipv4PrefixMask,
        Self::Ipv6PrefixMask,
        Self::Ipv6PrefixMaskRest,
        Self::HasCarriedIpv4,
        Self::TableSets,
        Self::TableBlockSets,
        Self::TableLastBlock,
        Self::TableSeed,
        Self::TableSeedSecond,
        Self::TableSeedRest,
    ];
}

/// A placeholder without the number of its constant, in its last 16 bits:
/// `TRAFFIC_CONSTANTS`.
const PLACEHOLDERS: u64 = 0x5eed_c0de_b10c_0000;
const NUMBER: u64 = 0xffff;

/// The size of an instruction. The one that loads 64 bits takes two of them: in
/// the first an operation code and a register, in each a half of the number.
const INSTRUCTION: usize = 8;
const LOAD: u8 = 0x18;

/// Returns the object with a value in each place of a constant, and the
/// constants that have a place.
///
/// # Errors
/// If a constant has a place and no value. The error is its number.
pub fn with_constants(
    object: &[u8],
    values: &[(Constant, u64)],
) -> Result<(Vec<u8>, Vec<Constant>), u64> {
    let mut object = object.to_vec();
    let mut used = Vec::new();
    for at in (0..object.len()).step_by(INSTRUCTION) {
        let Some(number) = constant_at(&object[at..]) else { continue };
        let known = values.iter().find(|(it, _)| *it as u64 == number);
        let &(constant, value) = known.ok_or(number)?;
        // The low half comes first whatever the byte order is.
        for (half, place) in [(value << 32 >> 32, 4), (value >> 32, 12)] {
            let half = u32::try_from(half).expect("half a word");
            object[at + place..][..4].copy_from_slice(&half.to_ne_bytes());
        }
        if !used.contains(&constant) {
            used.push(constant);
        }
    }
    Ok((object, used))
}

/// Returns the number of the constant whose placeholder the first instruction
/// loads.
fn constant_at(instructions: &[u8]) -> Option<u64> {
    let (instruction, _) = instructions.split_first_chunk::<16>()?;
    let &[code, _, 0, 0, a, b, c, d, 0, 0, 0, 0, e, f, g, h] = instruction
    else {
        return None;
    };
    let low = u32::from_ne_bytes([a, b, c, d]);
    let high = u32::from_ne_bytes([e, f, g, h]);
    let value = u64::from(high) << 32 | u64::from(low);
    (code == LOAD && value & !NUMBER == PLACEHOLDERS).then_some(value & NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the instruction that loads a number into register 2.
    fn load(value: u64) -> Vec<u8> {
        let half = |value: u64| u32::try_from(value).unwrap().to_ne_bytes();
        let (low, high) = (value & 0xffff_ffff, value >> 32);
        [[LOAD, 2, 0, 0], half(low), [0; 4], half(high)].concat()
    }

    #[test]
    fn a_value_takes_the_place_of_each_placeholder_and_of_nothing_else() {
        let seed = PLACEHOLDERS + Constant::TableSeed as u64;
        let object = |seed| {
            let padding = vec![0x18; 24];
            [padding, load(seed), load(7), load(seed), vec![1; 9]].concat()
        };
        let value = 0x0123_4567_89ab_cdef;
        let (written, used) =
            with_constants(&object(seed), &[(Constant::TableSeed, value)])
                .unwrap();
        assert_eq!(written, object(value));
        assert_eq!(used, [Constant::TableSeed]);
    }

    #[test]
    fn a_placeholder_without_a_value_is_an_error() {
        let object = load(PLACEHOLDERS + 6);
        assert_eq!(with_constants(&object, &[]), Err(6));
        let other = [(Constant::PacketPath, 0)];
        assert_eq!(with_constants(&object, &other), Err(6));
    }
}
