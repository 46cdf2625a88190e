//! Everything that talks to the kernel, behind a safe interface: loading and
//! attaching the programs, reading their maps, following network devices.
//!
//! This is the only directory with aya, netlink and `unsafe`. [`load()`] loads
//! the programs and hands out their parts, each of which may go to a thread of
//! its own: the rest of the program sees them as [`Attach`], [`Adopt`] and
//! [`ReadCounts`].

pub mod abi;
mod attachments;
mod baselines;
mod capabilities;
mod classes;
mod clsact;
mod connections;
mod constants;
mod counters;
mod cpus;
mod edges;
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
mod news;
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

pub use attachments::TrafficAttacher;
pub use connections::{
    ConnectionsMethod, Credit, OpenConnections, TcpConnections,
    WatchConnections,
};
pub use constants::{Constant, with_constants};
pub use edges::{EdgeFinder, Verdict, Verdicts, doubled};
pub use error::Error;
pub use features::{UNPINNED, pinned_maps};

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
pub use news::{FollowInterfaces, SteerNews};
pub use parts::{
    Adopt, Adopted, Attach, Classified, Classify, Loaded, ReadCounts, Room,
    Sweep,
};
pub use pins::{Fault as PinsFault, Pins};
pub use prefix_masks::{ipv4_prefix_mask, ipv6_prefix_masks};
pub use reader::TrafficReader;
pub use rights::Rights;
pub use settings::ProbeSettings;
pub use sys::{
    keep_memory_small, load_no_name_services, reset_signals, take_descriptors,
    trim_memory,
};
pub use table::{Table, Word};
pub use version::check as check_version;
