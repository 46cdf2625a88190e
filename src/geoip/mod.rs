//! From an address to the country it is registered in.
//!
//! `country` is the answer, `database` reads a file, `tree` proves that walking it ends, `record` knows
//! the layouts, `format` other files than databases, `cache` remembers answers,
//! and `locator` puts them together for the poller.
//!
//! This file is pure: no I/O, clock, threads or logging.

mod cache;
mod country;
mod database;
mod format;
mod locator;
mod record;
mod tree;

pub use country::{Country, CountryLabels, LabelFault};
pub use database::{Database, Error, MAX_DATABASE_BYTES};
pub use locator::Locator;
