//! The parts that the loaded programs hand out, as the rest of the program sees
//! them. No method has a default: a test defines all that its fake does.

use std::num::NonZeroU32;
use std::time::Duration;

use super::error::Error;
use super::interfaces::{Interface, LinkLayer};
use super::ipsec::IpsecWatch;
use super::links::Hook;
use super::name::InterfaceName;
use super::rights::Rights;
use crate::accounting::{
    ClassPlan, Classes, FlowKey, FlowTable, Incarnation, InterfaceId,
    InterfaceTotal, KernelCounters, Reading,
};

/// The room for flows in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Memory of the flow table in bytes; zero if there is none.
    pub table_bytes: u64,
    /// Entries of the table on all CPUs, one for each flow and CPU.
    pub table_entries: u64,
    /// Flows that the map has room for.
    pub map_entries: u64,
    /// The reason why there is no table, unless it is a small
    /// `map_max_entries`.
    pub without_table: Option<String>,
}

/// The results of one poll. Reused from poll to poll.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// The counters since the maps were made. Read first.
    pub counters: KernelCounters,
    /// Read second, for each attached or retiring interface.
    pub totals: Vec<InterfaceTotal>,
    /// True if the map of flows was read. It is not if it counted no packet
    /// since the last time.
    pub has_readings: bool,
    /// Read last, so that every packet in the totals is here, or in the table,
    /// or was evicted.
    pub readings: Vec<Reading>,
    /// The time when the readings were complete, in the unit of
    /// [`Reading::last_seen`].
    pub now: u32,
}

/// An attachment of an earlier process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Its number in the kernel's keys.
    pub id: InterfaceId,
    /// A number that no other attachment has, not even one of the same `id`.
    pub serial: u64,
    /// The device's number.
    pub ifindex: u32,
    /// The device's name when it was attached.
    pub name: InterfaceName,
    /// The first header of the device's packets.
    pub link_layer: LinkLayer,
    /// True if it is counted. If not, the device is gone or was let go, and its
    /// last counts have yet to be read.
    pub is_attached: bool,
}

/// The loaded programs, in parts.
pub struct Loaded<A, R> {
    /// Attaches the programs. Dropping it detaches all links not pinned.
    pub attacher: A,
    /// Reads the counts.
    pub reader: R,
    /// Finds IPsec and tells the programs, if the kernel can.
    pub ipsec: Option<IpsecWatch>,
    /// Must be told when capabilities are given up.
    pub rights: Rights,
}

/// Attaches the programs to devices.
pub trait Attach: Send {
    /// Starts counting on a device, under a number of its own. If it fails,
    /// nothing was counted.
    ///
    /// # Errors
    /// If the kernel refuses; [`Error::is_gone`] if no device has this ifindex
    /// and this name any more.
    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error>;

    /// Returns whether a number is free for another device.
    fn has_number(&self) -> bool;

    /// Stops counting. The counts can still be read, until the number is
    /// released.
    fn detach(&mut self, interface: InterfaceId);

    /// Returns whether the device that has the ifindex now is still the one
    /// that was attached.
    fn is_attached(&self, interface: InterfaceId) -> bool;

    /// Frees the number of a detached interface. To be called once all its
    /// counts were read and its flows were removed.
    fn release(&mut self, interface: InterfaceId);

    /// Returns the hook that programs are attached to.
    fn hook(&self) -> Hook;

    /// Returns the notices for the operator since the last call, a sentence
    /// each.
    fn take_notices(&mut self) -> Vec<String>;

    /// Returns whether this thread's rights suffice to use the maps. Changes
    /// nothing.
    fn may_use_maps(&self) -> bool;
}

/// Continues in the maps and attachments of an earlier process, and leaves them
/// to a later one.
pub trait Adopt {
    /// Adopts the attachments of an earlier process. Returns all numbers that
    /// were in use, or `None` if the maps are new. To be called before anything
    /// else is attached.
    ///
    /// # Errors
    /// If the programs are missing.
    fn adopt(&mut self) -> Result<Option<Vec<Adopted>>, Error>;

    /// Returns the identity of the maps and attachments, if they are pinned.
    fn incarnation(&self) -> Option<Incarnation>;

    /// Leaves all pins to a later process, from now on.
    fn keep_counting(&mut self);
}

/// The outcome of giving packets classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classified {
    /// Packets have the classes of the plan from now on.
    Applied,
    /// They had them already, or packets have no classes.
    Unchanged,
    /// That has to wait until dead classes are freed. Nothing has changed.
    Waits,
}

/// Gives packets their classes.
pub trait Classify {
    /// Returns whether the programs look for classes.
    fn has_classes(&self) -> bool;

    /// Gives packets the classes of a plan from now on: each packet gets the
    /// class of the old or of the new plan.
    ///
    /// # Errors
    /// If the kernel refuses. The old plan stays in force.
    fn classify(&mut self, plan: &ClassPlan) -> Result<Classified, Error>;

    /// Returns the meanings of all classes that flows may have.
    fn classes(&self) -> Classes;

    /// Returns whether there are dead classes: flows may have them, and packets
    /// do not get them any more.
    fn has_dead_classes(&self) -> bool;

    /// Returns whether a class is dead.
    fn is_dead_class(&self, class: u16) -> bool;

    /// Frees the numbers of the dead classes. To be called once all their
    /// counts were read and their flows were removed.
    fn free_dead_classes(&mut self);
}

/// Reads the counts.
pub trait ReadCounts: Send {
    /// The first tier of flows.
    type Table: FlowTable;

    /// Reads everything but the table, flows in batches of `batch_size`.
    ///
    /// # Errors
    /// If anything could not be read; `sweep` is then of no use.
    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error>;

    /// Returns the table of flows, if there is one. To be read after `read`.
    fn table(&self) -> Option<&Self::Table>;

    /// Waits until all programs that are running now have ended.
    ///
    /// # Errors
    /// If the kernel refuses.
    fn wait_for_programs(&self) -> Result<(), Error>;

    /// Removes a flow from the map and returns whether it was still there.
    ///
    /// # Errors
    /// If the kernel refuses, except because the flow was not there.
    fn remove_flow(&mut self, flow: &FlowKey) -> Result<bool, Error>;

    /// Returns the room for flows.
    fn room(&self) -> Room;

    /// Returns the length of a tick, the unit of [`Sweep::now`].
    fn tick(&self) -> Duration;
}
