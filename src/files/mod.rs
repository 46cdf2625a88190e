//! Files on disks that may be slow: reading within a bound, noticing changes,
//! and showing which file a thread waits for.

mod place;
mod read;
mod watch;

pub use place::Place;
pub use read::{Content, Unread, read};
pub use watch::{Identity, States, Watch};
