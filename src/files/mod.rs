//! Files, as threads that wait for a disk see them: in which state they are,
//! and at which of them a thread is.

mod place;
mod watch;

pub use place::Place;
pub use watch::{Identity, States, Watch};
