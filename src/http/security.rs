//! Who may read what is served, and how it is sent.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;

use super::guard::Users;
use crate::files::Identity;

/// The rules for connections and requests. The default has none.
#[derive(Clone, Default)]
pub struct Security {
    /// How to speak TLS; without it, everything is sent in the clear.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Who may ask; without, everybody.
    pub(super) users: Option<Arc<Users>>,
    /// Headers of every answer.
    pub(super) headers: Arc<[(String, String)]>,
    /// The files it was read from, in the state they were in.
    pub(super) files: Vec<(PathBuf, Identity)>,
    /// When the certificate expires, in seconds since 1970.
    pub(super) certificate_expiry: Option<i64>,
}

impl Security {
    /// Returns the files it was read from, certificates and keys among them,
    /// each in the state it was read in.
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
