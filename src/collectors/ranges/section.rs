//! The section of a state file that holds the ranges. Ranges are saved by their
//! names, as another process gives them other numbers.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{InterfaceRanges, Snapshot};
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::CountryLabels;

/// [`Snapshot`] as it is saved. A field that is added needs
/// `#[serde(default)]`.
#[derive(Serialize, Deserialize)]
struct Saved {
    interfaces: Vec<Arc<InterfaceRanges>>,
    #[serde(default)]
    remembered: Vec<Arc<InterfaceRanges>>,
}

impl SectionContent for Snapshot {
    const NAME: &'static str = "ranges";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        encoded(&Saved {
            interfaces: self.interfaces.clone(),
            remembered: self.remembered.to_vec(),
        })
    }

    fn decode(body: &[u8], _: &mut CountryLabels) -> Option<Self> {
        let Saved { interfaces, remembered } =
            rmp_serde::from_slice(body).ok()?;
        let mut names = HashSet::new();
        let is_good = |one: &Arc<InterfaceRanges>| {
            let mut pairs = HashSet::new();
            let mut is_new = |source, destination| {
                pairs.insert((Arc::clone(source), Arc::clone(destination)))
            };
            names.insert(Arc::clone(&one.name))
                && one
                    .pairs
                    .iter()
                    .all(|it| is_new(&it.source, &it.destination))
        };
        let are_good = interfaces.iter().chain(&remembered).all(is_good)
            && interfaces.is_sorted_by(|a, b| a.name < b.name);
        let remembered = remembered.into();
        are_good.then_some(Self { interfaces, remembered })
    }
}
