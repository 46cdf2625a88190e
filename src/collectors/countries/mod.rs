//! The names of countries, for joins in queries.
//!
//! Pure: no I/O, clock, threads or logging.

mod families;

pub use families::CountriesCollector;
