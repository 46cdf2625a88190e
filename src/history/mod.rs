//! The history: the traffic by hour, day and month, in an SQLite file.
//!
//! Once a minute, a [`Recorder`] writes the growth of the saved counters since
//! the last time. The file has *marks*: the counters up to which it is written.
//! Growth and marks are written in one transaction, so that a kill at any moment
//! counts nothing twice and loses nothing: the next start finds the growth since
//! the marks. See docs/history.md for the tables.
//!
//! `item` has the counters as the history sees them and computes growth, `items`
//! takes them from snapshots, `trim` bounds the rows of a period, `schema` has
//! the tables, `file` writes them, `read` reads them, `answer` answers questions,
//! `recorder` is the thread.

mod answer;
mod file;
mod item;
mod items;
mod moment;
mod names;
mod read;
mod recorder;
mod schema;
mod trim;

pub use answer::{Question, answer};
pub use file::{File, OpenError, When};
pub use item::{Amounts, Growth, Item, Key, Label, Mark, Subject, growth};
pub use items::Counters;
pub use read::{By, Reader, Resolution, Row};
pub use recorder::{Ask, Recorder, Saved};

/// The name of the file in the state directory.
pub const NAME: &str = "history.db";
