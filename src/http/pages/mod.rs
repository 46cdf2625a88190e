//! The pages, one a file. A page knows no connection.
//!
//! A page implements [`Page`]: its path, the edition that clients share, and its
//! [`Content`]. [`Routes`] does the rest for all pages: it finds the page,
//! refuses other methods, compresses the content for clients that accept it, and
//! turns failures into a 500. The server makes each edition once, gives it an
//! `ETag`, and answers conditional requests for it.
//!
//! # A new page
//!
//! It takes one file here and one line in its slice in `src/daemon/slices.rs`. A
//! page of JSON writes a value that implements `serde::Serialize`:
//!
//! ```ignore
//! impl Page for Countries {
//!     fn serves(&self, path: &str) -> bool {
//!         path == "/api/countries"
//!     }
//!
//!     fn shared(&self, _: &Request) -> Option<Edition> {
//!         Some(Edition { form: 0, version: self.account.version() })
//!     }
//!
//!     fn is_compressed(&self) -> bool {
//!         true
//!     }
//!
//!     fn content(&self, _: &Request) -> Content<'_> {
//!         let account = self.account.get();
//!         Content::written("application/json", move |output| {
//!             Ok(serde_json::to_writer(output, &*account)?)
//!         })
//!     }
//! }
//! ```
//!
//! A test holds this example.
//!
//! Pure: no I/O, clock, threads or logging.

pub mod api;
mod assets;
mod content;
mod fresh;
mod health;
mod index;
mod metrics;
mod reload;
mod routes;

pub use assets::Assets;
pub use content::{Content, Output};
pub use fresh::{Fresh, Refresh};
pub use health::{HEALTHY_MEANS, Healthy, READY, READY_MEANS, Ready};
pub use index::{Index, Link};
pub use metrics::Metrics;
pub use reload::{Reload, ReloadNow};
pub use routes::{Page, Routes};
