//! One page per file.
//!
//! Pure: no I/O, clock, threads or logging.

mod fresh;
mod health;
mod index;
mod metrics;
mod reload;

pub use fresh::{Fresh, Refresh};
pub use health::{HEALTHY_MEANS, Healthy, READY_MEANS, Ready};
pub use index::{Index, Link};
pub use metrics::Metrics;
pub use reload::{Reload, ReloadNow};
