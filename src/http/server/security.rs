//! The rules for clients: TLS, users and headers.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;

use super::users::Users;
use crate::files::Identity;

/// Headers of every answer, as the web configuration lists them.
pub(in crate::http) type ExtraHeaders = Arc<[(String, String)]>;

/// The rules for connections and requests. The default has none.
#[derive(Clone, Default)]
pub struct Security {
    /// The configuration of TLS. Without it, connections are not encrypted.
    pub(in crate::http) tls: Option<Arc<ServerConfig>>,
    /// The users. Without it, every client can read every page.
    pub(in crate::http) users: Option<Arc<Users>>,
    pub(in crate::http) headers: ExtraHeaders,
    /// The files that the rules were read from, and the state of each.
    pub(in crate::http) files: Vec<(PathBuf, Identity)>,
    /// The expiry of the certificate, in seconds since 1970.
    pub(in crate::http) certificate_expiry: Option<i64>,
}

impl Security {
    /// Returns the files that the rules were read from, certificates and keys
    /// among them, each in the state in which it was read.
    #[must_use]
    pub fn files(&self) -> &[(PathBuf, Identity)] {
        &self.files
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("tls", &self.tls.is_some())
            .field("users", &self.users.is_some())
            .field("headers", &self.headers)
            .finish()
    }
}
