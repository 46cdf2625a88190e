//! What the tests stand on: namespaces, links, frames, and the programs that
//! run in them. Nothing here asserts anything about the exporter.
//!
//! A piece that cannot do its work panics and says what it was doing: there
//! is no test without it, and none may skip itself.

pub(crate) mod account;
pub(crate) mod bench;
pub(crate) mod bpffs;
pub(crate) mod browser;
pub(crate) mod clang;
pub(crate) mod classifier;
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "the tests that need no rights use it too, with unwrap"
)]
#[path = "../../support/http.rs"]
mod client;
pub(crate) mod connections;
pub(crate) mod containers;
pub(crate) mod conversation;
pub(crate) mod countries;
pub(crate) mod daemon;
pub(crate) mod driver;
#[path = "../../support/exposition.rs"]
pub(crate) mod exposition;
pub(crate) mod faults;
pub(crate) mod fixtures;
pub(crate) mod flood;
pub(crate) mod flow_map;
pub(crate) mod frames;
pub(crate) mod http;
#[cfg(target_arch = "x86_64")]
pub(crate) mod inject;
pub(crate) mod lab;
pub(crate) mod link;
pub(crate) mod log_line;
#[allow(
    clippy::unwrap_used,
    reason = "the tests that need no rights use it too, with unwrap"
)]
#[path = "../../it/mmdb.rs"]
#[expect(dead_code, reason = "the databases of other tests need it")]
pub(crate) mod mmdb;
pub(crate) mod netns;
pub(crate) mod objects;
pub(crate) mod overdue;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod relations;
pub(crate) mod relay;
pub(crate) mod send;
pub(crate) mod sys;
pub(crate) mod tcp_sys;
pub(crate) mod tcx;
pub(crate) mod traffic;
pub(crate) mod tun;
pub(crate) mod wait;
pub(crate) mod watch;
