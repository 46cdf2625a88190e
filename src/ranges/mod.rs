//! Named ranges: prefixes that users gave a name, a country or a network.
//!
//! `prefix` reads a prefix, `definition` is a range of the configuration.
//!
//! Pure: no I/O, clock, threads or logging.

mod definition;
mod prefix;

pub use definition::{Definition, FileFormat, Listed, Location, SourceFile};
pub use prefix::{Prefix, PrefixFault};
