//! The services of the ports of TCP.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::config::{Config, Protocol};

/// The names of services by port of TCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PortServices {
    /// The first and the last port of each part of a service, in order and
    /// without overlap.
    parts: Vec<(u16, u16, Arc<str>)>,
}

impl PortServices {
    /// Returns the services of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        let mut all = Vec::new();
        for service in &config.service {
            let of_tcp = service
                .ports
                .iter()
                .filter(|ports| ports.protocol != Some(Protocol::Udp));
            all.extend(of_tcp.map(|ports| {
                (ports.first, ports.last, Arc::clone(&service.name))
            }));
        }
        all.sort_unstable();
        let mut parts: Vec<(u16, u16, Arc<str>)> = Vec::new();
        for (first, last, name) in all {
            match parts.last_mut() {
                // No port belongs to two services, so it is of the same one.
                Some((_, end, _)) if first <= *end => *end = last.max(*end),
                _ => parts.push((first, last, name)),
            }
        }
        Self { parts }
    }

    /// Returns the name of the service that has a port.
    pub(super) fn get(&self, port: u16) -> Option<&Arc<str>> {
        let behind = self.parts.partition_point(|(first, ..)| *first <= port);
        let (_, last, name) = self.parts.get(behind.checked_sub(1)?)?;
        (port <= *last).then_some(name)
    }

    /// Returns whether a service of this name has a port of TCP.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|(.., own)| **own == *name)
    }
}
