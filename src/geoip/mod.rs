//! From an address to the country it is registered in, to its city, and to the
//! network (autonomous system) that it belongs to.
//!
//! `country` and `network` are the answers, `subject` tells which databases
//! give them, `record`, `city` and `owner` know the layouts of their records, `loose`
//! reads values of any form, `country_names` has the names of countries.
//! `database` reads a file, `tree` proves that walking it ends, `format` knows
//! other files than databases, `error` has the reasons for a refusal, `cache`
//! remembers answers, and `locator` puts them together for the poller.
//!
//! This file is pure: no I/O, clock, threads or logging.

mod cache;
mod city;
mod country;
mod country_names;
mod database;
mod error;
mod explain;
mod format;
mod locator;
mod loose;
mod network;
mod owner;
mod record;
mod subject;
mod tree;

pub use city::{CityRecord, Place};
pub use country::{Country, CountryLabels, LabelFault};
pub use country_names::CountryNames;
pub use database::{
    CityDatabase, Database, DatabaseOf, MAX_DATABASE_BYTES, NetworkDatabase,
};
pub use error::Error;
pub use explain::{Explained, Records};
pub use locator::{Locator, LocatorOf, NetworkLocator};
pub use network::{Network, NetworkNames};
pub use subject::{Cities, Countries, Networks, Subject};
