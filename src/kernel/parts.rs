//! The parts that the loaded programs hand out, as the rest of the program sees
//! them. None has a default: a test says of everything what its fake does.

use std::num::NonZeroU32;
use std::time::Duration;

use super::error::Error;
use super::interfaces::{Interface, LinkLayer};
use super::ipsec::IpsecWatch;
use super::links::Hook;
use super::name::InterfaceName;
use super::rights::Rights;
use crate::accounting::{
    FlowKey, FlowTable, Incarnation, InterfaceId, InterfaceTotal,
    KernelCounters, Reading,
};

/// How much room flows have in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Memory of the flow table in bytes; zero where there is none.
    pub table_bytes: u64,
    /// Entries of the table on all CPUs, one for each flow and CPU.
    pub table_entries: u64,
    /// Flows that the map has room for.
    pub map_entries: u64,
    /// Why there is no table, where it is for another reason than a small
    /// `map_max_entries`.
    pub without_table: Option<String>,
}

/// All that one poll reads. Reused from poll to poll.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// The counters since the maps were made. Read first.
    pub counters: KernelCounters,
    /// Read second, for each attached or retiring interface.
    pub totals: Vec<InterfaceTotal>,
    /// Whether the map of flows was read: not where nothing was counted in it
    /// since the last time.
    pub has_readings: bool,
    /// Read last, so that every packet in the totals is here, or in the table,
    /// or was evicted.
    pub readings: Vec<Reading>,
    /// When the readings were complete, in the unit of
    /// [`Reading::last_seen`].
    pub now: u32,
}

/// What an earlier process attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Its number in the kernel's keys.
    pub id: InterfaceId,
    /// No other attachment has it, also not of the same number.
    pub serial: u64,
    /// The device's number.
    pub ifindex: u32,
    /// The device's name when it was attached.
    pub name: InterfaceName,
    /// What the device's packets were found to begin with.
    pub link_layer: LinkLayer,
    /// Whether it is counted. Else the device is gone, or was let go, and what
    /// was counted until then is to be read.
    pub is_attached: bool,
}

/// The loaded programs, in parts.
pub struct Loaded<A, R> {
    /// Attaches the programs. Dropping it detaches all that is not pinned.
    pub attacher: A,
    /// Reads the counts.
    pub reader: R,
    /// Finds IPsec and tells the programs, if the kernel can.
    pub ipsec: Option<IpsecWatch>,
    /// To be told when capabilities are given up.
    pub rights: Rights,
}

/// Attaches the programs to devices.
pub trait Attach: Send {
    /// Starts counting on a device, under a number of its own. If it fails,
    /// nothing was counted.
    ///
    /// # Errors
    /// [`Error::is_gone`] if there is no device with this ifindex and this name
    /// any more.
    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error>;

    /// Returns whether there is a number for another device.
    fn has_number(&self) -> bool;

    /// Stops counting. The counts can still be read, until the number is
    /// released.
    fn detach(&mut self, interface: InterfaceId);

    /// Returns whether the device that has the ifindex now is still the one
    /// that was attached.
    fn is_attached(&self, interface: InterfaceId) -> bool;

    /// Gives the number of a detached interface free. To be called once all
    /// its counts were read and its flows were removed.
    fn release(&mut self, interface: InterfaceId);

    /// Returns how programs are attached to devices.
    fn hook(&self) -> Hook;

    /// Returns what an operator should know of what was done since the last
    /// call, a sentence each.
    fn take_notices(&mut self) -> Vec<String>;

    /// Returns whether this thread's rights suffice to use the maps. Changes
    /// nothing.
    fn may_use_maps(&self) -> bool;
}

/// Continues in the maps and attachments of an earlier process, and leaves them
/// to a later one.
pub trait Adopt {
    /// Adopts what an earlier process attached. Returns all numbers that were
    /// in use, or `None` if the maps are new. To be called before anything else
    /// is attached.
    ///
    /// # Errors
    /// If the programs are not there.
    fn adopt(&mut self) -> Result<Option<Vec<Adopted>>, Error>;

    /// Returns the identity of the maps and attachments, if they are pinned.
    fn incarnation(&self) -> Option<Incarnation>;

    /// Leaves all that is pinned to a later process, from now on.
    fn keep_counting(&mut self);
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
    /// If the kernel does not tell.
    fn wait_for_programs(&self) -> Result<(), Error>;

    /// Removes a flow from the map and returns whether it was still there.
    ///
    /// # Errors
    /// Whatever the kernel says, except that it was not there.
    fn remove_flow(&mut self, flow: &FlowKey) -> Result<bool, Error>;

    /// Returns how much room flows have.
    fn room(&self) -> Room;

    /// Returns the length of a tick, the unit of [`Sweep::now`].
    fn tick(&self) -> Duration;
}
