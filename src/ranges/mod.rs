//! Named ranges: prefixes that users gave a name, a country or a network.
//!
//! `definition` is a range of the configuration, `format` knows the formats of
//! files, `read` reads them, `builder` puts all of them into a `table`, which
//! finds the ranges of an address.
//!
//! Pure, all but `read` and `names`: no I/O, clock, threads or logging.

mod builder;
mod definition;
mod format;
mod names;
mod place;
mod prefix;
mod read;
mod spans;
mod special;
mod table;

pub use builder::{Builder, Faults};
pub use definition::{
    Definition, FileFormat, Listed, Location, SourceFile, name_fault,
};
pub use names::RangeNames;
pub use prefix::{Prefix, PrefixFault};
pub use read::{LoadedRanges, MAX_RANGE_FILE_BYTES, RangeSources, RangesError};
pub use special::{Special, carried_ipv4, is_nat64};
pub use table::{Found, MOST_NAMES, MOST_PREFIXES, RangeTable, Rule};

/// The number of a range's name; 0 means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range(pub u16);
