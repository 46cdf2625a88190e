//! The exporter against a real kernel: real packets, in network namespaces
//! that each test makes for itself. Needs root; a missing right fails the
//! tests, none skips itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness that cannot do its work fails the test, loudly"
)]

mod absent;
mod api;
mod bursts;
mod churn;
mod classes;
mod clients;
mod clsact;
mod coexistence;
// It knows the registers of this architecture.
#[cfg(target_arch = "x86_64")]
mod confinement;
mod connections;
mod conservation;
mod copies;
mod dashboards;
mod databases;
mod devices;
mod driven;
mod evictions;
mod faults;
mod fleet;
mod growth;
mod hanging;
mod harness;
mod harness_tests;
mod health;
mod history;
mod hosts;
mod interfaces;
mod ipsec;
mod kept;
mod life;
mod lifecycle;
mod link_types;
mod local_ranges;
mod networks;
mod offload;
mod once;
mod page;
mod parser;
mod patterns;
mod prefixes;
mod privileges;
mod ranges;
mod redirects;
mod relations;
mod reload;
mod restart;
mod scraping;
mod series;
mod services;
mod shapes;
mod soak;
mod stress;
mod tiers;
mod top;
mod traffic;
mod tunnels;
mod unit;
mod unseen;
