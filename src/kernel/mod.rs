//! Everything that talks to the kernel, behind a safe interface: loading and
//! attaching the programs, reading their maps, following network devices.
//!
//! The only directory where aya, netlink and `unsafe` may appear. The rest of
//! the program sees [`Probe`], [`Sweep`] and [`Interface`].

pub mod abi;
mod attachments;
mod capabilities;
mod clsact;
mod counters;
mod cpus;
mod error;
mod features;
mod flows;
mod grace;
mod interfaces;
mod ipsec;
mod kept;
mod ledger;
mod links;
mod map_shape;
mod mapping;
mod name;
mod netlink;
mod object;
mod owner;
mod pins;
mod probe;
mod read_volumes;
mod settings;
mod sizes;
mod slots;
mod sys;
mod table;
mod tc;
mod version;

use std::num::NonZeroU32;
use std::time::Duration;

use crate::accounting::{
    FlowKey, FlowTable, Incarnation, InterfaceId, InterfaceTotal, Reading,
};
pub use capabilities::capabilities_are_given_up;
pub use error::Error;
pub use features::pinned_maps;

pub use interfaces::{
    Action, Attached, Interface, InterfaceTable, LinkLayer, Relations,
    UplinkBy, reconcile,
};
pub use ipsec::IpsecWatch;
pub use kept::Keep;
pub use links::Hook;
pub use mapping::MappedWords;
pub use name::InterfaceName;
pub use netlink::{InterfaceEvent, InterfaceMonitor, MonitorOrders};
pub use pins::{Fault as PinsFault, Pins};
pub use probe::TrafficProbe;
pub use settings::ProbeSettings;
pub use sys::{
    keep_memory_small, reset_signals, take_descriptors, trim_memory,
};
pub use table::{Table, Word};
pub use version::check as check_version;

/// What the kernel side says about its flow map, since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Flows created in the map of flows.
    pub new_keys: u64,
    /// Packets whose flow was neither found nor created.
    pub lookup_failures: u64,
    /// Packets whose flow could not be created.
    pub update_failures: u64,
    /// Packets of a device that is not being counted, seen while it was being
    /// attached or detached, or moved to another network namespace.
    pub unknown_interfaces: u64,
    /// Ways of the flow table taken.
    pub new_entries: u64,
    /// Packets counted in the map of flows.
    pub map_packets: u64,
}

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
    /// Read first.
    pub statistics: Statistics,
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

/// The kernel side as the poller sees it.
pub trait Probe: Send {
    /// The first tier of flows.
    type Table: FlowTable;

    /// Takes over what an earlier process attached. Returns all numbers that
    /// were in use, or `None` where the maps are new. To be called before
    /// anything else is attached.
    ///
    /// # Errors
    /// Where the programs are not there.
    fn adopt(&mut self) -> Result<Option<Vec<Adopted>>, Error> {
        Ok(None)
    }

    /// Returns what is counted in, where that is kept.
    fn incarnation(&self) -> Option<Incarnation> {
        None
    }

    /// Lets what is kept go on counting when the process ends, from now on.
    fn keep_counting(&mut self) {}

    /// Starts counting on a device, under a number of its own. Where that
    /// fails, nothing was counted.
    ///
    /// # Errors
    /// [`Error::is_gone`] where there is no device with this ifindex and this
    /// name any more.
    fn attach(&mut self, interface: &Interface) -> Result<InterfaceId, Error>;

    /// Returns whether there is a number for another device.
    fn has_number(&self) -> bool;

    /// Stops counting. What was counted can still be read, until the number
    /// is released.
    fn detach(&mut self, interface: InterfaceId);

    /// Returns whether the device that has the ifindex now is still the one
    /// that was attached.
    fn is_attached(&self, interface: InterfaceId) -> bool;

    /// Returns how programs are attached to devices.
    fn hook(&self) -> Hook {
        Hook::Tcx
    }

    /// Returns what an operator should know of what was done since the last
    /// call, a sentence each.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Gives the number of a detached interface free. To be called once all
    /// that was counted under it was read and its flows were removed.
    fn release(&mut self, interface: InterfaceId);

    /// Returns whether what is counted can be read by the rights that are in
    /// effect. Changes nothing.
    fn may_read(&self) -> bool {
        true
    }

    /// Reads everything but the table, flows in batches of `batch_size`.
    ///
    /// # Errors
    /// Where anything could not be read; `sweep` is then of no use.
    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error>;

    /// Returns the table of flows, if there is one. To be read behind `read`.
    fn table(&self) -> Option<&Self::Table>;

    /// Waits until all programs that are running now have ended.
    ///
    /// # Errors
    /// Where the kernel does not tell.
    fn wait_for_programs(&self) -> Result<(), Error>;

    /// Returns how much room flows have.
    fn room(&self) -> Room;

    /// Removes a flow from the map and returns whether it was still there.
    ///
    /// # Errors
    /// Whatever the kernel says but that it was not.
    fn remove_flow(&mut self, flow: &FlowKey) -> Result<bool, Error>;

    /// Returns the length of a tick, the unit of [`Sweep::now`].
    fn tick(&self) -> Duration;
}

/// Steers where news of network devices comes from. Dropping it ends the news.
pub trait SteerNews: Send {
    /// Has the news tell of default routes, where no device is on a bus, or no
    /// longer.
    fn want_default_routes(&self, are_wanted: bool);
}

/// Where news of network devices comes from.
pub trait FollowInterfaces: Send {
    /// Waits for something to happen and returns it, oldest first, or `None`
    /// once nobody wants to know any more. The first answer is a list of all
    /// devices and comes at once.
    ///
    /// # Errors
    /// Where it could not be found out what happened. The next call tries
    /// again, after a while.
    fn next(&mut self) -> Result<Option<Vec<InterfaceEvent>>, Error>;

    /// Returns true once, when IPsec was found on this host: from then on
    /// packets cost more, because the programs look for decrypted ones.
    fn found_ipsec(&mut self) -> bool {
        false
    }
}
