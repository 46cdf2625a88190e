//! Pages that show newest numbers or none.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::{Request, Response};

use crate::http::routes::{Edition, Page};

/// Makes the numbers of a page ready to be shown.
pub trait Refresh: Send + Sync {
    /// Returns a number that grows whenever there is something newer to show.
    fn version(&self) -> u64;

    /// Returns once that is done.
    ///
    /// # Errors
    /// The reason why it cannot be done now.
    fn refresh(&self) -> Result<(), String>;
}

/// A page that answers 503 while its numbers cannot be refreshed.
pub struct Fresh<P> {
    /// The page.
    pub page: P,
    /// Its numbers, if they need it.
    pub refresh: Option<Box<dyn Refresh>>,
}

impl<P: Page> Page for Fresh<P> {
    fn serves(&self, path: &str) -> bool {
        self.page.serves(path)
    }

    fn edition(&self, request: &Request) -> Option<Edition> {
        let Edition { form, version } = self.page.edition(request)?;
        let newest = self.refresh.as_ref().map_or(0, |it| it.version());
        Some(Edition { form, version: version.wrapping_add(newest) })
    }

    fn prepare(&self) {
        // `answer` says where it fails, and is not shared then.
        let _ = self.refresh();
        self.page.prepare();
    }

    fn answer(&self, request: &Request) -> Response {
        match self.refresh() {
            Ok(()) => self.page.answer(request),
            Err(reason) => Response::text(format!("503: {reason}\n"))
                .with_status_code(503)
                .with_no_cache(),
        }
    }
}

impl<P> Fresh<P> {
    fn refresh(&self) -> Result<(), String> {
        self.refresh.as_ref().map_or(Ok(()), |it| it.refresh())
    }
}
