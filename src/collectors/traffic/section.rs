//! The section of a state file that holds the traffic. Countries are saved by
//! their labels, as another process may give own labels other numbers.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::{CountryTraffic, InterfaceTraffic, Snapshot};
use crate::accounting::{
    Breakdown, Created, LARGEST_COUNTER, Timestamp, Volume,
};
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::CountryLabels;

/// The version of a section in which every country is a code or `UNKNOWN`.
const CODES_ONLY: u32 = 1;

/// The version of a section that has other labels too. Older releases would
/// not read them: they keep the section for a newer release.
const ANY_LABELS: u32 = 2;

impl SectionContent for Snapshot {
    const NAME: &'static str = "traffic";
    const NEWEST: u32 = ANY_LABELS;

    fn version(&self) -> u32 {
        let interfaces = self.interfaces.iter().chain(&*self.remembered);
        // The last one has the largest number.
        let last = |one: &Arc<InterfaceTraffic>| one.countries.last().copied();
        match interfaces.filter_map(last).any(|it| it.country.is_named()) {
            false => CODES_ONLY,
            true => ANY_LABELS,
        }
    }

    fn encode(&self) -> Vec<u8> {
        encoded(&Labelled(self, &self.labels))
    }

    /// The snapshot is to get the labels once all sections were read.
    fn decode(body: &[u8], labels: &mut CountryLabels) -> Option<Self> {
        let saved: SavedTraffic<'_> = rmp_serde::from_slice(body).ok()?;
        let mut known = labels.clone();
        let snapshot = saved.into_snapshot(&mut known)?;
        *labels = known;
        Some(snapshot)
    }
}

/// Something that is saved, and the labels of its countries.
pub(in crate::collectors) struct Labelled<'a, T: ?Sized>(
    pub(in crate::collectors) &'a T,
    pub(in crate::collectors) &'a CountryLabels,
);

impl Serialize for Labelled<'_, Snapshot> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(snapshot, labels) = *self;
        let Snapshot { packets, created, interfaces, remembered, .. } =
            snapshot;
        let mut to = to.serialize_struct("Snapshot", 4)?;
        to.serialize_field("packets", packets)?;
        to.serialize_field("created", created)?;
        to.serialize_field("interfaces", &Labelled(&**interfaces, labels))?;
        to.serialize_field("remembered", &Labelled(&**remembered, labels))?;
        to.end()
    }
}

impl<'a, T> Serialize for Labelled<'a, [T]>
where
    Labelled<'a, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(all, labels) = *self;
        to.collect_seq(all.iter().map(|one| Labelled(one, labels)))
    }
}

impl Serialize for Labelled<'_, Arc<InterfaceTraffic>> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(interface, labels) = *self;
        let InterfaceTraffic {
            name,
            countries,
            unattributed,
            non_ip,
            created,
            is_absent,
        } = &**interface;
        let mut to = to.serialize_struct("InterfaceTraffic", 6)?;
        to.serialize_field("name", name)?;
        to.serialize_field("countries", &Labelled(&**countries, labels))?;
        to.serialize_field("unattributed", unattributed)?;
        to.serialize_field("non_ip", non_ip)?;
        to.serialize_field("created", created)?;
        to.serialize_field("is_absent", is_absent)?;
        to.end()
    }
}

impl Serialize for Labelled<'_, CountryTraffic> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(CountryTraffic { country, volume, created }, labels) = *self;
        let mut to = to.serialize_struct("CountryTraffic", 3)?;
        to.serialize_field("country", labels.get(*country))?;
        to.serialize_field("volume", volume)?;
        to.serialize_field("created", created)?;
        to.end()
    }
}

/// [`Snapshot`] as it is saved. A field that is added needs
/// `#[serde(default)]`.
#[derive(Deserialize)]
struct SavedTraffic<'a> {
    packets: u64,
    #[serde(default)]
    created: Option<Timestamp>,
    #[serde(borrow)]
    interfaces: Vec<SavedInterface<'a>>,
    #[serde(borrow, default)]
    remembered: Vec<SavedInterface<'a>>,
}

#[derive(Deserialize)]
struct SavedInterface<'a> {
    name: Arc<str>,
    #[serde(borrow)]
    countries: Vec<SavedCountry<'a>>,
    unattributed: Breakdown,
    non_ip: [Volume; 2],
    #[serde(default)]
    created: Option<Timestamp>,
    #[serde(default)]
    is_absent: bool,
}

/// [`CountryTraffic`] as it is saved.
#[derive(Deserialize)]
pub(in crate::collectors) struct SavedCountry<'a> {
    country: &'a str,
    volume: Breakdown,
    #[serde(default)]
    created: Created,
}

impl SavedTraffic<'_> {
    /// Returns the snapshot, or none if nothing could have counted it.
    fn into_snapshot(self, labels: &mut CountryLabels) -> Option<Snapshot> {
        let mut read = |all: Vec<SavedInterface<'_>>| {
            let all = all.into_iter().map(|one| one.into_traffic(labels));
            let all: Vec<_> = all.collect::<Option<_>>()?;
            all.is_sorted_by(|a, b| a.name < b.name).then_some(all)
        };
        let interfaces = read(self.interfaces)?;
        let remembered = read(self.remembered)?;
        let is_shown = |one: &Arc<InterfaceTraffic>| {
            let by_name =
                |other: &Arc<InterfaceTraffic>| other.name.cmp(&one.name);
            interfaces.binary_search_by(by_name).is_ok()
        };
        let is_good =
            self.packets <= LARGEST_COUNTER && !remembered.iter().any(is_shown);
        is_good.then(|| Snapshot {
            packets: self.packets,
            created: self.created,
            labels: Arc::default(),
            interfaces,
            remembered: remembered.into(),
        })
    }
}

impl SavedInterface<'_> {
    fn into_traffic(
        self,
        labels: &mut CountryLabels,
    ) -> Option<Arc<InterfaceTraffic>> {
        Some(Arc::new(InterfaceTraffic {
            name: self.name,
            countries: read_countries(self.countries, labels)?,
            unattributed: self.unattributed,
            non_ip: self.non_ip,
            created: self.created,
            is_absent: self.is_absent,
        }))
    }
}

/// Returns saved countries in the order of [`Country`](crate::geoip::Country),
/// or none if one is there twice or has no good label.
pub(in crate::collectors) fn read_countries(
    saved: Vec<SavedCountry<'_>>,
    labels: &mut CountryLabels,
) -> Option<Vec<CountryTraffic>> {
    let country = |saved: SavedCountry<'_>| {
        let SavedCountry { country, volume, created } = saved;
        let country = labels.intern(country).ok()?;
        Some(CountryTraffic { country, volume, created })
    };
    let countries = saved.into_iter().map(country);
    let mut countries: Vec<_> = countries.collect::<Option<_>>()?;
    // The numbers may be in another order than those that were saved.
    countries.sort_unstable_by_key(|one| one.country);
    let is_distinct = countries.is_sorted_by(|a, b| a.country < b.country);
    is_distinct.then_some(countries)
}
