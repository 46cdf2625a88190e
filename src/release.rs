//! The version and the revision of this program.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// The version of the program, such as `1.2.3`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit of the sources, or `unknown`.
pub const REVISION: &str = match option_env!("GEOIP_EXPORTER_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// A version and a revision, for pages and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// The version, such as `1.2.3`.
    pub version: &'static str,
    /// The commit of the sources, or `unknown`.
    pub revision: &'static str,
}

impl Build {
    /// The version and revision of this program.
    pub const THIS: Self = Self { version: VERSION, revision: REVISION };
}
