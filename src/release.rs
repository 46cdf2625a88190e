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

/// A version and a revision, for pages and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its version, such as `1.2.3`.
    pub version: &'static str,
    /// The commit it was built from, or `unknown`.
    pub revision: &'static str,
}

impl Build {
    /// This program.
    pub const THIS: Self = Self { version: VERSION, revision: REVISION };
}
