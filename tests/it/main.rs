//! The tests that need no rights, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "Clippy knows the tests themselves only, not what they call"
)]

mod databases;
mod exposition;
mod geoip;
mod mmdb;
