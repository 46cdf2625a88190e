//! The section of a state file that holds the traffic of the whole machine.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::Snapshot;
use crate::accounting::{Breakdown, Timestamp, Volume};
use crate::collectors::section::{SectionContent, encoded};
use crate::collectors::traffic::{Labelled, SavedCountry, read_countries};
use crate::geoip::CountryLabels;

impl SectionContent for Snapshot {
    const NAME: &'static str = "host";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        encoded(&Labelled(self, &self.labels))
    }

    /// The snapshot is to get the labels once all sections were read.
    fn decode(body: &[u8], labels: &mut CountryLabels) -> Option<Self> {
        let saved: SavedHost<'_> = rmp_serde::from_slice(body).ok()?;
        let mut known = labels.clone();
        let countries = read_countries(saved.countries, &mut known)?;
        *labels = known;
        Some(Self {
            created: saved.created,
            labels: Arc::default(),
            countries,
            unattributed: saved.unattributed,
            non_ip: saved.non_ip,
        })
    }
}

impl Serialize for Labelled<'_, Snapshot> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(snapshot, labels) = *self;
        let Snapshot { created, countries, unattributed, non_ip, .. } =
            snapshot;
        let mut to = to.serialize_struct("Snapshot", 4)?;
        to.serialize_field("created", created)?;
        to.serialize_field("countries", &Labelled(&**countries, labels))?;
        to.serialize_field("unattributed", unattributed)?;
        to.serialize_field("non_ip", non_ip)?;
        to.end()
    }
}

/// [`Snapshot`] as it is saved. A field that is added needs
/// `#[serde(default)]`.
#[derive(Deserialize)]
struct SavedHost<'a> {
    created: Option<Timestamp>,
    #[serde(borrow)]
    countries: Vec<SavedCountry<'a>>,
    unattributed: Breakdown,
    non_ip: [Volume; 2],
}
