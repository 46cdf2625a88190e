//! The section of a state file that holds the marks up to which the maps were
//! read, if they outlive the process.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use crate::accounting::{
    AttachmentMarks, CountingMarks, FlowMarks, LARGEST_COUNTER, MapMarks,
};
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::CountryLabels;

/// The marks; none if no maps are kept.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Counting<A = Vec<AttachmentMarks>, M = CountingMarks> {
    pub(super) attachments: A,
    pub(super) marks: Option<M>,
}

impl SectionContent for Counting {
    const NAME: &'static str = "counting";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        encoded(self)
    }

    fn decode(body: &[u8], _: &mut CountryLabels) -> Option<Self> {
        rmp_serde::from_slice(body).ok().filter(Self::is_good)
    }
}

impl Counting<&[AttachmentMarks], &CountingMarks> {
    /// Returns the bytes of marks, without a copy of them.
    pub(super) fn encode_borrowed(&self) -> Vec<u8> {
        encoded(self)
    }
}

impl Counting {
    fn is_good(&self) -> bool {
        let are_good =
            |CountingMarks { incarnation, flows }: &CountingMarks| {
                let FlowMarks { begun, table_flows, joined, shared, .. } =
                    *flows;
                let FlowMarks { new_keys, table_reclaims, map, .. } = flows;
                let MapMarks { removed, evictions, explained, .. } = *map;
                let numbers = [
                    begun,
                    table_flows,
                    joined,
                    shared,
                    *new_keys,
                    *table_reclaims,
                    removed,
                    evictions,
                    explained,
                    map.minimum_age.unwrap_or(0),
                ];
                numbers.iter().all(|&number| number <= LARGEST_COUNTER)
                    && incarnation.serials.is_sorted_by(|(a, _), (b, _)| a < b)
            };
        let attachments = &self.attachments;
        self.marks.as_ref().is_none_or(are_good)
            && attachments.is_sorted_by(|a, b| a.interface < b.interface)
    }
}
