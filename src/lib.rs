//! geoip-exporter counts, in the kernel, every byte this machine exchanges
//! with every country and serves the totals to Prometheus.

#![deny(unsafe_code)]

pub mod accounting;
pub mod collectors;
pub mod config;
pub mod geoip;
pub mod http;
pub mod metrics;
