//! The web server over real sockets, with good and bad clients.

mod addresses;
mod answers;
mod asking;
mod bounds;
mod certificates;
mod endings;
mod expired;
mod garbage;
mod keys;
mod rooms;
mod security;
mod server;
mod untrusted;

pub(crate) use certificates::Folder;
