//! Pages that show the newest numbers, or none.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::content::Content;
use super::routes::Page;
use std::sync::Arc;

use rouille::Request;

use crate::http::server::Edition;

/// Brings the numbers of a page up to date.
pub trait Refresh: Send + Sync {
    /// Returns a number that grows when there are newer numbers.
    fn version(&self) -> u64;

    /// Returns once the numbers are up to date.
    ///
    /// # Errors
    /// If they cannot be now: the reason.
    fn refresh(&self) -> Result<(), String>;
}

/// A page that answers 503 while its numbers cannot be refreshed.
pub struct Fresh<P> {
    /// The page.
    pub page: P,
    /// Brings them up to date, if that is needed.
    pub refresh: Option<Arc<dyn Refresh>>,
}

impl<P: Page> Page for Fresh<P> {
    fn serves(&self, path: &str) -> bool {
        self.page.serves(path)
    }

    fn methods(&self) -> &'static [&'static str] {
        self.page.methods()
    }

    fn is_public(&self) -> bool {
        self.page.is_public()
    }

    fn is_compressed(&self) -> bool {
        self.page.is_compressed()
    }

    fn shared(&self, request: &Request) -> Option<Edition> {
        let Edition { form, version } = self.page.shared(request)?;
        let newest = self.refresh.as_ref().map_or(0, |it| it.version());
        Some(Edition { form, version: version.wrapping_add(newest) })
    }

    fn prepare(&self) {
        // If it fails, `content` says so, and clients do not share that.
        let _ = self.refresh();
        self.page.prepare();
    }

    fn content(&self, request: &Request) -> Content<'_> {
        match self.refresh() {
            Ok(()) => self.page.content(request),
            Err(reason) => {
                Content::text(503, format!("503: {reason}\n")).with_no_cache()
            }
        }
    }
}

impl<P> Fresh<P> {
    fn refresh(&self) -> Result<(), String> {
        self.refresh.as_ref().map_or(Ok(()), |it| it.refresh())
    }
}
