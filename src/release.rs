//! Which program this is.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Its version, such as `1.2.3`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, or `unknown`.
pub const REVISION: &str = match option_env!("GEOIP_EXPORTER_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};
