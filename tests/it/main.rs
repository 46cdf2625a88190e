//! The tests that need no rights, in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "Clippy knows the tests themselves only, not what they call"
)]

mod abi;
mod architecture;
mod benchmark;
mod btf;
mod check;
mod cities;
mod cli;
#[allow(dead_code, reason = "each suite uses a part of it")]
#[path = "../support/http.rs"]
mod client;
mod config;
mod daemon;
mod databases;
mod deployment;
mod documents;
mod exposition;
mod faults;
mod geoip;
mod geoip_fuzz;
mod geoip_refused;
mod http;
mod lookup;
mod mmdb;
mod networks;
mod openapi;
mod refusals;
mod releases;
mod report;
mod rules;
#[allow(dead_code, reason = "each suite uses a part of it")]
#[path = "../support/exposition.rs"]
mod scrape;
mod scripts;
mod source;
mod state_forms;
mod state_growth;
