//! The web server over real sockets, and what bad clients can do to it.

mod addresses;
mod answers;
mod bounds;
mod certificates;
mod client;
mod expired;
mod garbage;
mod keys;
mod security;
mod server;

pub(crate) use certificates::Folder;
