//! geoip-exporter counts, in the kernel, every byte this machine exchanges
//! with every country and serves the totals to Prometheus.
//!
//! # A tour
//!
//! Two small eBPF programs a network interface (`bpf-src/`, loaded and attached
//! by [`kernel`]) add every packet's bytes to a map by remote prefix, and to
//! exact totals by interface. The [`poller`] reads both, every few seconds:
//! [`accounting`] computes the growth since the last reading, the
//! [`classifier`] finds the origin of each flow in the databases of [`geoip`],
//! and the accounts of the [`collectors`] add the growth up. Each account is
//! published as a whole ([`metrics::published`]), and a scrape over [`http`]
//! turns the newest snapshots into text ([`metrics`]).
//!
//! [`cli`] and [`config`] read the settings, and [`commands`] are short tasks
//! beside the daemon. [`daemon`] starts all parts, and handles signals, reloads
//! and the stop. [`state`] saves the counters for the next start, if the
//! configuration asks for it, and [`history`] writes them by hour, day and
//! month. After the start, [`sandbox`] gives up the
//! privileges that are not needed any more.
//!
//! # The rules
//!
//! Dependencies point down only. A test compares this table with the sources. A
//! module that is not in it, such as [`sysexits`], uses no other module.
//!
//! ```text
//! main       → cli, commands, config, daemon, logging, sysexits
//! commands   → everything below
//! daemon     → everything below
//! connections → accounting, classifier, collectors, config, geoip, kernel, logging, metrics, ranges
//! poller     → accounting, classifier, collectors, config, geoip, kernel, logging, metrics, ranges
//! http       → accounting, api, collectors, config::Config, config::ListenAddress, config::QuotaDirection, config::nearest, config::utf8, files, geoip::Country, geoip::CountryLabels, geoip::CountryNames, geoip::Network, geoip::NetworkNames, history::Question, metrics, release
//! history    → accounting, api, calendar, collectors, config::Config, files, geoip, metrics
//! kernel     → accounting, config::Candidate, config::ConnectionsScope, config::CountedOnce, config::Interfaces, files, logging::chain, sandbox::capability_names
//! state      → accounting, collectors, files, geoip::Country, geoip::CountryLabels
//! collectors → accounting, calendar, config::Config, config::Protocol, config::QuotaDirection, config::Service, geoip::CityDatabase, geoip::Country, geoip::CountryLabels, geoip::CountryNames, geoip::Network, geoip::NetworkNames, geoip::Place, metrics, ranges::RangeNames, ranges::carried_ipv4, release
//! metrics    → accounting, config::Config, geoip::CountryLabels
//! classifier → accounting, geoip, ranges
//! accounting → config::Config, geoip::Country, geoip::CountryLabels, geoip::Network, ranges::Range, ranges::RangeNames
//! geoip      → deceptive, files
//! cli        → config, release
//! logging    → config::LogFormat, config::LogLevel, deceptive
//! config     → calendar::Zone, files, ranges, sysexits
//! ranges     → files
//! ```
//!
//! A file whose head says "Pure" takes all it needs as arguments: the same
//! input gives the same output, and its tests need no root, sockets or clocks.
//! `unsafe` is allowed in four files of [`kernel`], with a reason at each
//! place.

#![deny(unsafe_code)]

pub mod accounting;
pub mod api;
pub mod calendar;
pub mod classifier;
pub mod cli;
pub mod collectors;
pub mod commands;
pub mod config;
pub mod connections;
pub mod daemon;
pub mod deceptive;
pub mod files;
pub mod geoip;
pub mod history;
pub mod http;
pub mod kernel;
pub mod logging;
pub mod metrics;
pub mod poller;
pub mod ranges;
pub mod release;
pub mod sandbox;
pub mod state;
pub mod sysexits;
