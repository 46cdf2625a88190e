//! The attached devices by their numbers. If the maps are pinned, the next
//! process finds them in the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, HashMap, MapData, MapError};

use super::abi::{DIRECT_IFINDEXES, HAS_IPSEC, INTERFACES};
use super::baselines::Baselines;
use super::classes::ClassMaps;
use super::counters::Totals;
use super::errno::io_error;
use super::error::Error;
use super::interfaces::Interface;
use super::ipsec::IpsecSwitch;
use super::kept::{Kept, unique};
use super::ledger::Record;
use super::links::Hook;
use super::links::{Links, Method, Programs};
use super::mapping::MappedWords;
use super::object;
use super::parts::{Adopt, Adopted, Attach, Classified, Classify};
use super::rights::Rights;
use super::slots::Slots;
use crate::accounting::{ClassPlan, Classes, Incarnation, InterfaceId};

/// A number that is in use.
#[derive(Debug)]
struct NumberInUse {
    /// None once the interface is detached.
    links: Option<Links>,
    /// A number that no other attachment has.
    serial: u64,
}

/// Attaches the real programs. Dropping it detaches all links not pinned.
pub struct TrafficAttacher {
    ebpf: Arc<Ebpf>,
    method: Method,
    kept: Option<Kept>,
    interfaces: Array<MapData, u32>,
    far_interfaces: HashMap<MapData, u32, u32>,
    ipsec: Arc<IpsecSwitch>,
    classes: Option<ClassMaps>,
    totals: Arc<Totals<MappedWords>>,
    baselines: Baselines,
    rights: Rights,
    slots: Slots,
    by_number: BTreeMap<InterfaceId, NumberInUse>,
    /// True if a notice about a link that is not pinned was given.
    is_loss_told: bool,
    notices: Vec<String>,
}

impl TrafficAttacher {
    #[expect(clippy::too_many_arguments, reason = "the maps, each once")]
    pub(super) fn new(
        ebpf: Arc<Ebpf>,
        method: Method,
        kept: Option<Kept>,
        interfaces: Array<MapData, u32>,
        far_interfaces: HashMap<MapData, u32, u32>,
        ipsec: Arc<IpsecSwitch>,
        classes: Option<ClassMaps>,
        totals: Arc<Totals<MappedWords>>,
        baselines: Baselines,
        rights: Rights,
        notices: Vec<String>,
    ) -> Self {
        Self {
            ebpf,
            method,
            kept,
            interfaces,
            far_interfaces,
            ipsec,
            classes,
            totals,
            baselines,
            rights,
            slots: Slots::new(INTERFACES),
            by_number: BTreeMap::new(),
            is_loss_told: false,
            notices,
        }
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
            // It is missing if the process was killed in between.
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
                // The ifindex may be another device's by now.
                if self.number(ifindex) == own {
                    let _ = self.set_number(ifindex, 0);
                }
                None
            }
        };
        let is_attached = links.is_some();
        self.baselines.insert(id, baseline);
        self.by_number.insert(id, NumberInUse { links, serial });
        Adopted { id, serial, ifindex, name, link_layer, is_attached }
    }

    /// Attaches the links, then writes the number: no packet is counted before
    /// its interface is certain, and none if attaching fails half-way.
    fn attach_as(
        &mut self,
        id: InterfaceId,
        interface: &Interface,
        programs: Programs<'_>,
    ) -> Result<Links, Error> {
        let links =
            self.method.attach(interface, programs.of(interface.link_layer))?;
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

    fn give_back(&mut self, id: InterfaceId) {
        if let Some(kept) = &self.kept {
            kept.ledger.erase(id);
        }
        self.slots.give_back(id);
    }

    /// Returns one more than the number that a device's packets are counted
    /// under, or zero if they are not counted.
    fn number(&self, ifindex: u32) -> u32 {
        let number = if ifindex < DIRECT_IFINDEXES {
            self.interfaces.get(&ifindex, 0)
        } else {
            self.far_interfaces.get(&ifindex, 0)
        };
        number.unwrap_or(0) & !HAS_IPSEC
    }

    /// Writes one more than the number that a device's packets are counted
    /// under, or zero to stop counting them.
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

    /// Writes the number again if IPsec appeared in the meantime.
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

impl Attach for TrafficAttacher {
    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error> {
        let ebpf = Arc::clone(&self.ebpf);
        let programs = object::programs(&ebpf)?;
        let id = self
            .slots
            .take()
            .ok_or(Error::TooManyInterfaces { limit: INTERFACES })?;
        let baseline = [0, 1].map(|direction| self.totals.of(id, direction));
        let serial = unique("attachment");
        if let Some(kept) = &self.kept {
            let Interface { ifindex, link_layer, .. } = *interface;
            let name = interface.name;
            let record = Record { serial, ifindex, link_layer, name, baseline };
            kept.ledger.record(id, &record);
        }
        match self.attach_as(id, interface, programs) {
            Ok(links) => {
                self.baselines.insert(id, baseline);
                let links = Some(links);
                self.by_number.insert(id, NumberInUse { links, serial });
                Ok(id)
            }
            Err(error) => {
                self.give_back(id);
                Err(self.rights.explain(error))
            }
        }
    }

    fn has_number(&self) -> bool {
        self.slots.has_free()
    }

    fn detach(&mut self, id: InterfaceId) {
        let links =
            self.by_number.get_mut(&id).and_then(|number| number.links.take());
        let Some(links) = links else { return };
        // The number is cleared before the links are detached, which takes
        // long: a device that was moved to another network namespace is still
        // seen. If the entry cannot be cleared, the number in it is soon
        // another's; but no program runs on that device any more.
        let _ = self.set_number(links.ifindex(), 0);
        links.detach(self.kept.as_ref().map(Kept::pins), id);
    }

    fn is_attached(&self, id: InterfaceId) -> bool {
        self.by_number
            .get(&id)
            .and_then(|number| number.links.as_ref())
            .is_some_and(Links::are_attached)
    }

    fn release(&mut self, id: InterfaceId) {
        if self.by_number.remove(&id).is_some() {
            self.baselines.release(id);
            self.give_back(id);
        }
    }

    fn hook(&self) -> Hook {
        self.method.hook()
    }

    fn take_notices(&mut self) -> Vec<String> {
        let mut notices = std::mem::take(&mut self.notices);
        notices.append(&mut self.method.take_notices());
        notices
    }

    /// Reads the number of the first ifindex.
    fn may_use_maps(&self) -> bool {
        let read = self.interfaces.get(&0, 0).map_err(|error| {
            Error::call("read the map of interfaces", io_error(error))
        });
        !matches!(read, Err(Error::NotPermitted { .. }))
    }
}

impl Adopt for TrafficAttacher {
    /// Programs of attachments that cannot be adopted stop counting here.
    fn adopt(&mut self) -> Result<Option<Vec<Adopted>>, Error> {
        let Some(kept) = self.kept.as_ref().filter(|it| it.is_adopted) else {
            return Ok(None);
        };
        let ebpf = Arc::clone(&self.ebpf);
        let programs = object::programs(&ebpf)?;
        let records: Vec<_> = kept.ledger.records().collect();
        self.slots =
            Slots::taken(INTERFACES, records.iter().map(|(id, _)| *id));
        let adopted = records
            .into_iter()
            .map(|(id, record)| self.adopt_one(id, record, programs))
            .collect();
        Ok(Some(adopted))
    }

    fn incarnation(&self) -> Option<Incarnation> {
        let kept = self.kept.as_ref()?;
        let of =
            |(&id, number): (&InterfaceId, &NumberInUse)| (id, number.serial);
        let serials = self.by_number.iter().map(of).collect();
        Some(Incarnation { epoch: kept.ledger.epoch(), serials })
    }

    fn keep_counting(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.let_stay();
        }
    }
}

impl Drop for TrafficAttacher {
    fn drop(&mut self) {
        // No process sees new IPsec states while the programs go on counting.
        if self.kept.as_ref().is_some_and(Kept::stays) {
            self.ipsec.turn_on();
        }
    }
}

impl Classify for TrafficAttacher {
    fn has_classes(&self) -> bool {
        self.classes.is_some()
    }

    fn classify(&mut self, plan: &ClassPlan) -> Result<Classified, Error> {
        match &mut self.classes {
            Some(classes) => {
                classes.apply(plan).map_err(|error| self.rights.explain(error))
            }
            None => Ok(Classified::Unchanged),
        }
    }

    fn classes(&self) -> Classes {
        self.classes.as_ref().map(ClassMaps::classes).unwrap_or_default()
    }

    fn has_dead_classes(&self) -> bool {
        self.classes.as_ref().is_some_and(ClassMaps::has_dead)
    }

    fn is_dead_class(&self, class: u16) -> bool {
        self.classes.as_ref().is_some_and(|it| it.is_dead(class))
    }

    fn free_dead_classes(&mut self) {
        if let Some(classes) = &mut self.classes {
            classes.free_dead();
        }
    }
}
