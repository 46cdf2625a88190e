//! geoip-exporter counts, in the kernel, every byte this machine exchanges
//! with every country and serves the totals to Prometheus.

#![deny(unsafe_code)]

pub mod accounting;
pub mod cli;
pub mod config;
pub mod geoip;
pub mod metrics;
pub mod sysexits;
