//! The TLS certificate of the web server.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::families;
use crate::metrics::{Collect, Families};

/// Shows the expiry of the certificate.
pub struct CertificateCollector<F> {
    /// Returns the expiry in seconds since 1970, if a certificate is served.
    pub expiry: F,
}

impl<F> Collect for CertificateCollector<F>
where
    F: Fn() -> Option<i64> + Send + Sync,
{
    fn version(&self) -> u64 {
        // Another certificate expires at another time, mostly a later one.
        (self.expiry)().unwrap_or_default().unsigned_abs()
    }

    fn collect(&self) -> Families<'_> {
        let expiry = (self.expiry)();
        Box::new(move |emit| {
            let mut family = families::CERTIFICATE_EXPIRY.gauge();
            if let Some(seconds) = expiry {
                #[allow(
                    clippy::cast_precision_loss,
                    reason = "exact until 2^53"
                )]
                family.push([], seconds as f64);
            }
            emit(&family.build());
        })
    }
}
