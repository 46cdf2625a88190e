//! The books: who is credited with what, and what was left over.
//!
//! Memory is bounded by the host, not by its traffic: an interface name holds
//! at most 26 × 26 + 1 countries, and names come from the host's interfaces.
//! A name that anything was counted under stays for the life of the process
//! (and of the state, where that is kept), because a counter that disappears and comes back reads as a reset; one that
//! nothing was counted under goes with its interface.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::breakdown::direction_index;
use super::{
    AttachmentMarks, Breakdown, CountryTraffic, InterfaceTraffic, Snapshot,
};
use crate::accounting::{
    Account, Family, FlowKey, InterfaceId, InterfaceTotal, Origin, Volume,
};
use crate::geoip::Country;

/// The `interface` label of traffic whose interface was never named. The
/// poller names first and credits after, so this shows a fault of ours, and
/// shows it instead of hiding bytes.
const UNNAMED: &str = "UNKNOWN";

/// The slot of a country without traffic.
const NOWHERE: u16 = u16::MAX;

/// Sums up what every interface exchanged with every country.
#[derive(Debug, Default)]
pub struct TrafficAccount {
    /// By number. The kernel side gives out the lowest that is free.
    attachments: Vec<Option<Attachment>>,
    /// Series by name.
    books: Vec<Book>,
    places: HashMap<Arc<str>, usize, FixedState>,
    packets: u64,
}

/// What is known of one interface number.
#[derive(Debug, Default)]
struct Attachment {
    /// Where in `books` growth goes now.
    place: usize,
    credited: Breakdown,
    /// The part of the totals already booked as unattributed.
    unattributed: Breakdown,
    /// The newest exact totals.
    totals: Breakdown,
    non_ip: [Volume; 2],
}

/// The series of one interface name.
#[derive(Debug)]
struct Book {
    traffic: InterfaceTraffic,
    /// Where in `traffic.countries` a country is.
    slots: Box<[u16; Country::COUNT]>,
}

impl TrafficAccount {
    /// Returns an account without any traffic.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an account that goes on from a snapshot: also on its attachments,
    /// whose totals must be those that were read for it.
    #[must_use]
    pub fn resume(snapshot: Snapshot) -> Self {
        let mut account = Self { packets: snapshot.packets, ..Self::default() };
        for traffic in snapshot.interfaces {
            let book = Book::resume(traffic);
            if !book.is_blank() {
                let name = Arc::clone(&book.traffic.name);
                account.places.insert(name, account.books.len());
                account.books.push(book);
            }
        }
        for marks in snapshot.attachments {
            let attachment = Attachment {
                place: account.place_of(&marks.name),
                credited: marks.credited,
                unattributed: marks.unattributed,
                totals: marks.totals,
                non_ip: marks.non_ip,
            };
            *account.slot_mut(marks.interface) = Some(attachment);
        }
        account
    }

    /// Returns the place of a name's series, which exist from now on.
    fn place_of(&mut self, name: &Arc<str>) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.books.len();
        self.books.push(Book::new(Arc::clone(name)));
        self.places.insert(Arc::clone(name), place);
        place
    }

    /// Gives up a place that no interface is at and nothing was counted under.
    fn give_up_if_unused(&mut self, place: usize) {
        let is_at = |attachment: &Attachment| attachment.place == place;
        let mut attachments = self.attachments.iter().flatten();
        if !self.books[place].is_blank() || attachments.any(is_at) {
            return;
        }
        let blank = self.books.swap_remove(place);
        self.places.remove(&blank.traffic.name);
        // The last book has moved to the place.
        let from = self.books.len();
        if let Some(moved) = self.books.get(place) {
            self.places.insert(Arc::clone(&moved.traffic.name), place);
            for attachment in self.attachments.iter_mut().flatten() {
                if attachment.place == from {
                    attachment.place = place;
                }
            }
        }
    }

    /// Returns what is known of an interface. One that nobody named gets a
    /// name.
    fn attachment_mut(&mut self, interface: InterfaceId) -> &mut Attachment {
        if self.slot_mut(interface).is_none() {
            self.name_interface(interface, &UNNAMED.into());
        }
        self.slot_mut(interface).get_or_insert_default()
    }

    #[cold]
    fn credit_unnamed(
        &mut self,
        key: &FlowKey,
        volume: Volume,
        origin: Origin,
    ) {
        self.attachment_mut(key.interface);
        self.credit(key, volume, origin);
    }

    fn slot_mut(&mut self, interface: InterfaceId) -> &mut Option<Attachment> {
        let index = interface.0 as usize;
        if index >= self.attachments.len() {
            self.attachments.resize_with(index + 1, || None);
        }
        &mut self.attachments[index]
    }
}

impl Account for TrafficAccount {
    type Snapshot = Snapshot;

    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        let place = self.place_of(name);
        match self.slot_mut(interface) {
            Some(attachment) => {
                let old = std::mem::replace(&mut attachment.place, place);
                self.give_up_if_unused(old);
            }
            none => {
                *none = Some(Attachment { place, ..Attachment::default() });
            }
        }
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: Origin) {
        // Called for every changed flow of every poll: two additions, at
        // places that are found without a search.
        let Some(Some(attachment)) =
            self.attachments.get_mut(key.interface.0 as usize)
        else {
            return self.credit_unnamed(key, volume, origin);
        };
        *attachment.credited.get_mut(key.direction, key.ip_version) += volume;
        *self.books[attachment.place]
            .volume_mut(origin.country)
            .get_mut(key.direction, key.ip_version) += volume;
    }

    fn observe_totals(&mut self, totals: &[InterfaceTotal]) {
        for total in totals {
            self.attachment_mut(total.interface);
            let Some(Some(attachment)) =
                self.attachments.get_mut(total.interface.0 as usize)
            else {
                continue;
            };
            let traffic = &mut self.books[attachment.place].traffic;
            let direction = total.direction;
            let seen = match total.family {
                Family::Ip(version) => {
                    // Flows are read after the totals, so what is credited
                    // may be ahead: then nothing is left over.
                    let left_over = total.volume
                        - attachment.credited.get(direction, version);
                    *traffic.unattributed.get_mut(direction, version) += raise(
                        attachment.unattributed.get_mut(direction, version),
                        left_over,
                    );
                    raise(
                        attachment.totals.get_mut(direction, version),
                        total.volume,
                    )
                }
                Family::NonIp => {
                    let side = direction_index(direction);
                    let seen =
                        raise(&mut attachment.non_ip[side], total.volume);
                    traffic.non_ip[side] += seen;
                    seen
                }
            };
            self.packets += seen.packets;
        }
    }

    fn forget_interface(&mut self, interface: InterfaceId) {
        let Some(attachment) = self.slot_mut(interface).take() else { return };
        while let Some(None) = self.attachments.last() {
            self.attachments.pop();
        }
        self.give_up_if_unused(attachment.place);
    }

    fn snapshot(&self) -> Snapshot {
        let mut interfaces: Vec<_> =
            self.books.iter().map(|book| book.traffic.clone()).collect();
        interfaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let marks = |(number, attachment): (u32, &Option<Attachment>)| {
            let attachment = attachment.as_ref()?;
            Some(AttachmentMarks {
                interface: InterfaceId(number),
                name: Arc::clone(&self.books[attachment.place].traffic.name),
                credited: attachment.credited,
                unattributed: attachment.unattributed,
                totals: attachment.totals,
                non_ip: attachment.non_ip,
            })
        };
        let attachments =
            (0..).zip(&self.attachments).filter_map(marks).collect();
        Snapshot { packets: self.packets, interfaces, attachments }
    }
}

impl Book {
    fn new(name: Arc<str>) -> Self {
        Self::resume(InterfaceTraffic {
            name,
            countries: Vec::new(),
            unattributed: Breakdown::default(),
            non_ip: <[Volume; 2]>::default(),
        })
    }

    fn resume(traffic: InterfaceTraffic) -> Self {
        let mut slots = Box::new([NOWHERE; Country::COUNT]);
        for (place, known) in (0..).zip(&traffic.countries) {
            slots[known.country.index()] = place;
        }
        Self { traffic, slots }
    }

    /// Returns whether nothing was ever counted here.
    fn is_blank(&self) -> bool {
        let traffic = &self.traffic;
        traffic.countries.is_empty()
            && traffic.unattributed == Breakdown::default()
            && traffic.non_ip == <[Volume; 2]>::default()
    }

    fn volume_mut(&mut self, country: Country) -> &mut Breakdown {
        let index = country.index();
        if self.slots[index] == NOWHERE {
            self.insert(country, index);
        }
        &mut self.traffic.countries[usize::from(self.slots[index])].volume
    }

    /// Makes room for a new country in the order of countries, so that
    /// snapshots need no sorting. Happens once for each country.
    #[cold]
    fn insert(&mut self, country: Country, index: usize) {
        let countries = &mut self.traffic.countries;
        let place = countries.partition_point(|known| known.country < country);
        countries.insert(
            place,
            CountryTraffic { country, volume: Breakdown::default() },
        );
        let place = u16::try_from(place)
            .expect("there are fewer countries than a u16 counts");
        for slot in self.slots.iter_mut() {
            if *slot != NOWHERE && *slot >= place {
                *slot += 1;
            }
        }
        self.slots[index] = place;
    }
}

/// Raises a mark to a new height and returns by how much; a mark never falls.
fn raise(mark: &mut Volume, height: Volume) -> Volume {
    let growth = height - *mark;
    *mark += growth;
    growth
}

#[cfg(test)]
mod tests;
