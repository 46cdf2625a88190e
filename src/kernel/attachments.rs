//! Which devices are attached, under which number, and what is written down of
//! it for the next process.

use std::collections::BTreeMap;
use std::sync::Arc;

use aya::maps::{Array, HashMap, MapData, MapError};

use super::abi::{DIRECT_IFINDEXES, HAS_IPSEC, INTERFACES, TrafficTotal};
use super::error::{Error, io_error};
use super::ipsec::IpsecSwitch;
use super::kept::{Kept, unique};
use super::ledger::Record;
use super::links::{Attacher, Links, Programs};
use super::slots::Slots;
use super::{Adopted, Interface};
use crate::accounting::InterfaceId;

/// What there is to know about a number that is in use.
#[derive(Debug)]
pub(super) struct Attachment {
    /// None once the interface is detached.
    links: Option<Links>,
    /// What the totals showed when the number was taken: they are never set
    /// back, so that a packet still being counted cannot undo it.
    pub(super) baseline: [TrafficTotal; 2],
    /// No other attachment has it.
    pub(super) serial: u64,
}

/// The attachments, by number. Dropping them detaches what is not kept.
pub(super) struct Attachments {
    pub(super) attacher: Attacher,
    pub(super) kept: Option<Kept>,
    interfaces: Array<MapData, u32>,
    far_interfaces: HashMap<MapData, u32, u32>,
    ipsec: Arc<IpsecSwitch>,
    slots: Slots,
    by_number: BTreeMap<InterfaceId, Attachment>,
    /// Whether it was said that a link is not kept.
    is_loss_told: bool,
    notices: Vec<String>,
}

impl Attachments {
    pub(super) fn new(
        attacher: Attacher,
        kept: Option<Kept>,
        interfaces: Array<MapData, u32>,
        far_interfaces: HashMap<MapData, u32, u32>,
        ipsec: Arc<IpsecSwitch>,
    ) -> Self {
        Self {
            attacher,
            kept,
            interfaces,
            far_interfaces,
            ipsec,
            slots: Slots::new(INTERFACES),
            by_number: BTreeMap::new(),
            is_loss_told: false,
            notices: Vec::new(),
        }
    }

    pub(super) fn iter(
        &self,
    ) -> impl Iterator<Item = (&InterfaceId, &Attachment)> {
        self.by_number.iter()
    }

    pub(super) fn has_number(&self) -> bool {
        self.slots.has_free()
    }

    /// Takes over what an earlier process attached, and has these programs
    /// count there. What cannot be taken over counts no more from here on.
    pub(super) fn adopt(&mut self, programs: Programs<'_>) -> Vec<Adopted> {
        let Some(kept) = &self.kept else { return Vec::new() };
        let records: Vec<_> = kept.ledger.records().collect();
        self.slots =
            Slots::taken(INTERFACES, records.iter().map(|(id, _)| *id));
        records
            .into_iter()
            .map(|(id, record)| self.adopt_one(id, record, programs))
            .collect()
    }

    fn adopt_one(
        &mut self,
        id: InterfaceId,
        record: Record,
        programs: Programs<'_>,
    ) -> Adopted {
        let Record { serial, ifindex, link_layer, name, baseline } = record;
        let links = self.kept.as_ref().and_then(|kept| {
            Links::adopt(kept.pins(), id, ifindex, programs.of(link_layer))
        });
        let own = id.0 + 1;
        let links = match links {
            // It is missing where the process was killed between both.
            Some(links)
                if self.number(ifindex) == own
                    || self.set_number(ifindex, own).is_ok() =>
            {
                Some(links)
            }
            Some(links) => {
                links.detach(self.kept.as_ref().map(Kept::pins), id);
                None
            }
            None => {
                // Unless the ifindex is another device's by now.
                if self.number(ifindex) == own {
                    let _ = self.set_number(ifindex, 0);
                }
                None
            }
        };
        let is_attached = links.is_some();
        self.by_number.insert(id, Attachment { links, baseline, serial });
        Adopted { id, serial, ifindex, name, link_layer, is_attached }
    }

    /// Attaches to a device and gives it a number. `totals` returns what the
    /// totals of the number show.
    pub(super) fn attach(
        &mut self,
        interface: &Interface,
        programs: Programs<'_>,
        totals: impl FnOnce(InterfaceId) -> [TrafficTotal; 2],
    ) -> Result<InterfaceId, Error> {
        let id = self
            .slots
            .take()
            .ok_or(Error::TooManyInterfaces { limit: INTERFACES })?;
        let baseline = totals(id);
        let serial = unique("attachment");
        if let Some(kept) = &self.kept {
            let Interface { ifindex, link_layer, .. } = *interface;
            let name = interface.name;
            let record = Record { serial, ifindex, link_layer, name, baseline };
            kept.ledger.record(id, &record);
        }
        match self.attach_as(id, interface, programs) {
            Ok(links) => {
                let links = Some(links);
                let attachment = Attachment { links, baseline, serial };
                self.by_number.insert(id, attachment);
                Ok(id)
            }
            Err(error) => {
                self.give_back(id);
                Err(error)
            }
        }
    }

    /// First the links, then the number: no packet is counted before it is
    /// certain whose it is, and where attaching fails half-way, none was.
    fn attach_as(
        &mut self,
        id: InterfaceId,
        interface: &Interface,
        programs: Programs<'_>,
    ) -> Result<Links, Error> {
        let links = self
            .attacher
            .attach(interface, programs.of(interface.link_layer))?;
        if let Some(kept) = &self.kept
            && let Err(error) = links.pin(kept.pins(), id)
            && !std::mem::replace(&mut self.is_loss_told, true)
        {
            self.notices.push(format!(
                "traffic of interface {} is not counted while the exporter is \
                 stopped: cannot pin a link in {}: {error}",
                interface.name,
                kept.pins().directory().display(),
            ));
        }
        match self.set_number(interface.ifindex, id.0 + 1) {
            Ok(()) => Ok(links),
            Err(error) => {
                links.detach(self.kept.as_ref().map(Kept::pins), id);
                Err(error)
            }
        }
    }

    /// Returns what an operator should know since the last call.
    pub(super) fn take_notices(&mut self) -> Vec<String> {
        let mut notices = self.attacher.take_notices();
        notices.append(&mut self.notices);
        notices
    }

    pub(super) fn detach(&mut self, id: InterfaceId) {
        let links = self
            .by_number
            .get_mut(&id)
            .and_then(|attachment| attachment.links.take());
        let Some(links) = links else { return };
        // First the number, then the links, which takes long: a device that
        // was moved to another network namespace is still seen. Where the
        // entry cannot be cleared, the number in it is soon another's; but no
        // program runs on that device any more.
        let _ = self.set_number(links.ifindex(), 0);
        links.detach(self.kept.as_ref().map(Kept::pins), id);
    }

    pub(super) fn is_attached(&self, id: InterfaceId) -> bool {
        self.by_number
            .get(&id)
            .and_then(|attachment| attachment.links.as_ref())
            .is_some_and(Links::are_attached)
    }

    /// Gives a number free, and returns whether it was in use.
    pub(super) fn release(&mut self, id: InterfaceId) -> bool {
        let was_in_use = self.by_number.remove(&id).is_some();
        if was_in_use {
            self.give_back(id);
        }
        was_in_use
    }

    fn give_back(&mut self, id: InterfaceId) {
        if let Some(kept) = &self.kept {
            kept.ledger.erase(id);
        }
        self.slots.give_back(id);
    }

    /// Asks for what is counted under the first ifindex.
    pub(super) fn may_read(&self) -> bool {
        let read = self.interfaces.get(&0, 0).map_err(|error| {
            Error::call("read the map of interfaces", io_error(error))
        });
        !matches!(read, Err(Error::NotPermitted { .. }))
    }

    /// Returns which number a device's packets are counted under, and one; zero
    /// where under none.
    fn number(&self, ifindex: u32) -> u32 {
        let number = if ifindex < DIRECT_IFINDEXES {
            self.interfaces.get(&ifindex, 0)
        } else {
            self.far_interfaces.get(&ifindex, 0)
        };
        number.unwrap_or(0) & !HAS_IPSEC
    }

    /// Writes which number a device's packets are counted under: none where
    /// `number` is zero.
    fn set_number(&mut self, ifindex: u32, number: u32) -> Result<(), Error> {
        let result = if ifindex < DIRECT_IFINDEXES {
            self.set_direct(ifindex, number)
        } else if number == 0 {
            match self.far_interfaces.remove(&ifindex) {
                Err(MapError::KeyNotFound) => Ok(()),
                other => other,
            }
        } else {
            self.far_interfaces.insert(ifindex, number, 0)
        };
        result.map_err(|error| {
            Error::call("write the map of interfaces", io_error(error))
        })
    }

    /// IPsec may come while the number is written.
    fn set_direct(
        &mut self,
        ifindex: u32,
        number: u32,
    ) -> Result<(), MapError> {
        let bit = self.ipsec.bit();
        self.interfaces.set(ifindex, number | bit, 0)?;
        match self.ipsec.bit() {
            now if now == bit => Ok(()),
            now => self.interfaces.set(ifindex, number | now, 0),
        }
    }
}

impl Drop for Attachments {
    fn drop(&mut self) {
        // Nobody will see IPsec come while the programs go on counting.
        if self.kept.as_ref().is_some_and(Kept::stays) {
            self.ipsec.turn_on();
        }
    }
}
