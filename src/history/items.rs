//! Takes the counters of the history from the snapshots that scrapes see.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::item::{Amounts, Item, Key, Label, Mark, Subject};
use crate::accounting::{Breakdown, Direction, Timestamp};
use crate::collectors::bounded::Member;
use crate::collectors::{networks, ranges, services, traffic};
use crate::geoip::Network;

/// The snapshots of one moment. The newest counters of each subject.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// By interface and country.
    pub traffic: Arc<traffic::Snapshot>,
    /// By network.
    pub networks: Arc<networks::Snapshot>,
    /// By range.
    pub ranges: Arc<ranges::Snapshot>,
    /// By service.
    pub services: Arc<services::Snapshot>,
}

impl Counters {
    /// Calls `emit` with each counter of a subject. Leaves out parts that are
    /// the same in memory as in `before`, which have not changed.
    ///
    /// # Errors
    /// Those of `emit`.
    pub fn changed<E>(
        &self,
        before: Option<&Self>,
        subject: Subject,
        emit: &mut dyn FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        match subject {
            Subject::Country => {
                self.countries(before.map(|it| &*it.traffic), emit)
            }
            Subject::Network => {
                self.networks(before.map(|it| &*it.networks), emit)
            }
            Subject::Range => self.ranges(before.map(|it| &*it.ranges), emit),
            Subject::Service => {
                self.services(before.map(|it| &*it.services), emit)
            }
        }
    }

    fn countries<'a, E>(
        &'a self,
        before: Option<&'a traffic::Snapshot>,
        emit: &mut dyn FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = &*self.traffic;
        let parts =
            |of: &'a traffic::Snapshot| [&*of.interfaces, &*of.remembered];
        for interface in changed(parts(now), before.map(parts)) {
            let created = interface.created;
            let name = || Label::Name(Arc::clone(&interface.name));
            for one in &interface.countries {
                let label = now.labels.get(one.country);
                let key = Key(name(), Label::Name(label.into()), Label::None);
                emit_all(emit, key, of(&one.volume), created)?;
            }
            let rest = of(&interface.unattributed);
            let key = Key(name(), Label::Unattributed, Label::None);
            emit_all(emit, key, rest, created)?;
            let non_ip = [Direction::Received, Direction::Sent]
                .map(|direction| interface.non_ip(direction));
            let key = Key(name(), Label::NonIp, Label::None);
            emit_all(emit, key, Amounts::of(non_ip), created)?;
        }
        Ok(())
    }

    fn networks<E>(
        &self,
        before: Option<&networks::Snapshot>,
        emit: &mut dyn FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = &self.networks;
        let created = now.created;
        let mut one = |label, bytes| {
            let amounts = Amounts { bytes, packets: [0; 2] };
            let key = Key(label, Label::None, Label::None);
            emit_all(emit, key, amounts, created)
        };
        let empty = Vec::new();
        let old = before.map_or(&empty, |it| &it.networks.parts);
        for (number, part) in now.networks.parts.iter().enumerate() {
            if old.get(number).is_some_and(|old| Arc::ptr_eq(old, part)) {
                continue;
            }
            for member in part.iter() {
                let Network(asn) = member.key;
                one(Label::Number(asn), sum(member))?;
            }
        }
        one(Label::Other, now.networks.not_kept)?;
        one(Label::Unknown, now.unknown)?;
        one(Label::Unattributed, now.unattributed)
    }

    fn ranges<'a, E>(
        &'a self,
        before: Option<&'a ranges::Snapshot>,
        emit: &mut dyn FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = &*self.ranges;
        let parts =
            |of: &'a ranges::Snapshot| [&*of.interfaces, &*of.remembered];
        for interface in changed(parts(now), before.map(parts)) {
            let created = interface.created;
            let name = || Label::Name(Arc::clone(&interface.name));
            for pair in &interface.pairs {
                let key = Key(
                    Label::Name(Arc::clone(&pair.source)),
                    Label::Name(Arc::clone(&pair.destination)),
                    name(),
                );
                emit_all(emit, key, of(&pair.volume), created)?;
            }
            let rest = of(&interface.unattributed);
            let key = Key(Label::Unattributed, Label::Unattributed, name());
            emit_all(emit, key, rest, created)?;
        }
        Ok(())
    }

    fn services<'a, E>(
        &'a self,
        before: Option<&'a services::Snapshot>,
        emit: &mut dyn FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        let now = &*self.services;
        let parts = |of: &'a services::Snapshot| [&*of.services, &[]];
        for service in changed(parts(now), before.map(parts)) {
            let countries = service.countries.iter().map(|(country, own)| {
                (Label::Name(now.labels.get(*country).into()), own)
            });
            let other = (Label::Other, &service.other);
            for (label, own) in countries.chain([other]) {
                let name = Label::Name(Arc::clone(&service.name));
                let key = Key(name, Label::None, label);
                let amounts = Amounts { bytes: own.bytes, packets: [0; 2] };
                let mark = Mark { amounts, created: own.bytes_created };
                if !amounts.is_zero() {
                    emit(Item { key, mark })?;
                }
            }
        }
        Ok(())
    }
}

/// Returns the parts that are not the same in memory as before.
fn changed<'a, T>(
    now: [&'a [Arc<T>]; 2],
    before: Option<[&'a [Arc<T>]; 2]>,
) -> impl Iterator<Item = &'a Arc<T>> {
    let before = before.into_iter().flatten().flatten();
    let before: Vec<_> = before.map(Arc::as_ptr).collect();
    let now = now.into_iter().flatten();
    now.filter(move |one| !before.contains(&Arc::as_ptr(one)))
}

fn emit_all<E>(
    emit: &mut dyn FnMut(Item) -> Result<(), E>,
    key: Key,
    amounts: Amounts,
    created: Option<Timestamp>,
) -> Result<(), E> {
    match amounts.is_zero() {
        true => Ok(()),
        false => {
            emit(Item { key, mark: Mark { amounts, created: [created; 2] } })
        }
    }
}

fn of(volumes: &Breakdown) -> Amounts {
    let directions = [Direction::Received, Direction::Sent];
    Amounts::of(directions.map(|direction| volumes.total(direction)))
}

fn sum(member: &Member<Network, 2>) -> [u64; 2] {
    let (shown, other) = (member.value, member.in_other);
    [0, 1].map(|direction| shown[direction].saturating_add(other[direction]))
}
