//! The counters of TCP connections by country.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use crate::accounting::*;
use crate::collectors::section::SectionContent;
use crate::config::Config;
use crate::geoip::{Country, CountryLabels};
use crate::metrics::published::Published;
use std::sync::Arc;
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub labels: Arc<CountryLabels>,
}
impl SectionContent for Snapshot {
    const NAME: &'static str = "connections";
    const NEWEST: u32 = 1;
    fn encode(&self) -> Vec<u8> {
        vec![]
    }
    fn decode(_: &[u8], _: &mut CountryLabels) -> Option<Self> {
        Some(Self::default())
    }
}
#[derive(Debug, Default)]
pub struct ConnectionsAccount {
    labels: Arc<CountryLabels>,
}
impl ConnectionsAccount {
    pub fn resume(s: Snapshot) -> Self {
        Self { labels: s.labels }
    }
    pub fn starting(self, _: Timestamp) -> Self {
        self
    }
    pub fn labels(&self) -> Arc<CountryLabels> {
        self.labels.clone()
    }
    pub fn label_countries(&mut self, l: &Arc<CountryLabels>) {
        self.labels = l.clone()
    }
    pub fn configure(&mut self, _: &Config) {}
    pub fn credit(
        &mut self,
        _: Option<Country>,
        _: &ConnectionKey,
        _: &ConnectionGrowth,
    ) {
    }
    pub fn add_untracked(&mut self, _: u64) {}
    pub fn forget_open(&mut self) {}
    pub fn end_visit(&mut self, _: Timestamp) -> bool {
        true
    }
    pub fn snapshot(&mut self) -> Snapshot {
        Snapshot { labels: self.labels.clone() }
    }
}
pub struct ConnectionsCollector;
impl ConnectionsCollector {
    pub fn new(_: Published<Snapshot>, _: Published<Config>) -> Self {
        Self
    }
}
impl crate::metrics::Collect for ConnectionsCollector {
    fn version(&self) -> u64 {
        0
    }
    fn collect(&self, _: crate::metrics::Emit<'_>) {}
}
