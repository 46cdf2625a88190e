//! The web server over real sockets, and what bad clients can do to it.

mod addresses;
mod answers;
mod bounds;
mod client;
mod garbage;
mod server;
