//! Files on disks that may be slow: reads files within a bound, notices
//! changes, and shows the file that a thread waits for.

mod claim;
mod place;
mod read;
mod watch;

pub use claim::{Unclaimed, claim, make_private, or_made};
pub use place::Place;
pub use read::{Content, Unread, kind_of_other, read};
pub use watch::{Identity, States, Watch};
