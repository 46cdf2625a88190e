//! Everything that talks to the kernel, behind a safe interface: loading and
//! attaching the programs, reading their maps, following network devices.
//!
//! The only directory where aya, netlink and `unsafe` may appear. [`load()`] loads
//! the programs and hands out their parts, each of which a thread of its own may
//! take: the rest of the program sees them as [`Attach`], [`Adopt`] and
//! [`ReadCounts`].

pub mod abi;
mod attachments;
mod baselines;
mod capabilities;
mod clsact;
mod counters;
mod cpus;
mod errno;
mod error;
mod features;
mod flows;
mod grace;
mod interfaces;
mod ipsec;
mod kept;
mod ledger;
mod links;
mod load;
mod map_shape;
mod mapping;
mod name;
mod netlink;
mod object;
mod owner;
mod parts;
mod pins;
mod prefix_masks;
mod read_volumes;
mod reader;
mod rights;
mod settings;
mod sizes;
mod slots;
mod sys;
mod table;
mod tc;
mod version;

use crate::accounting::{InterfaceId, InterfaceTotal, KernelCounters, Reading};
pub use attachments::TrafficAttacher;
pub use error::Error;
pub use features::pinned_maps;

pub use interfaces::{
    Action, Attached, Interface, InterfaceTable, LinkLayer, Relations,
    UplinkBy, reconcile,
};
pub use ipsec::IpsecWatch;
pub use kept::Keep;
pub use links::Hook;
pub use load::load;
pub use mapping::MappedWords;
pub use name::InterfaceName;
pub use netlink::{InterfaceEvent, InterfaceMonitor, MonitorOrders};
pub use parts::{Adopt, Attach, Loaded, ReadCounts};
pub use pins::{Fault as PinsFault, Pins};
pub use prefix_masks::{ipv4_prefix_mask, ipv6_prefix_masks};
pub use reader::TrafficReader;
pub use rights::Rights;
pub use settings::ProbeSettings;
pub use sys::{
    keep_memory_small, reset_signals, take_descriptors, trim_memory,
};
pub use table::{Table, Word};
pub use version::check as check_version;

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
    fn found_ipsec(&mut self) -> bool;
}
