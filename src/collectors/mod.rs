//! The exported subjects: each slice has one folder.
//!
//! A slice that counts traffic is an `Account` the poller feeds, and a
//! [`Collect`](crate::metrics::Collect) that turns its newest snapshot into
//! metric families. Others have the collector alone. Nothing is registered
//! here: the composition root knows the slices.
//!
//! Pure: no I/O, clock, threads or logging.

pub mod aspect;
pub mod at_zero;
pub mod books;
pub mod bounded;
pub mod connections;
pub mod countries;
pub mod country_places;
pub mod exporter;
pub mod host;
pub mod hosts;
pub mod interfaces;
pub mod moments;
pub mod networks;
pub mod quota;
pub mod ranges;
pub mod section;
pub mod services;
pub mod traffic;
pub mod unknown;
