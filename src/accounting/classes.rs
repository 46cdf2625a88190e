//! Classes: the parts of a packet that only the kernel's program sees. A flow
//! has the number of its class, and [`Classes`] has the meaning of each number.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::sync::Arc;

use super::{IpVersion, Range};
use crate::ranges::RangeNames;

/// The largest number of classes that a configuration may need. There are
/// 65,535 numbers: so a reload always finds as many that no flow carries.
pub const MOST_CLASSES: usize = 32_767;

/// The largest number of prefixes of local ranges, and of narrow ranges.
pub const MOST_CLASS_PREFIXES: usize = 131_072;

/// A range of addresses as the kernel looks for it.
///
/// The order is that of a walk over nested ranges: a wider range before those
/// in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassPrefix {
    /// The version of IP.
    pub ip_version: IpVersion,
    /// The first address, as in [`super::FlowKey::remote`].
    pub address: [u8; 16],
    /// The number of bits that all addresses have in common.
    pub length: u8,
}

impl ClassPrefix {
    /// Returns the prefix of this first address and length.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Self {
        let mut bytes = [0; 16];
        let ip_version = match address {
            IpAddr::V4(v4) => {
                bytes[..4].copy_from_slice(&v4.octets());
                IpVersion::V4
            }
            IpAddr::V6(v6) => {
                bytes = v6.octets();
                IpVersion::V6
            }
        };
        Self { ip_version, address: bytes, length }
    }

    /// Returns whether another range lies in this one, or is the same.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        let bits = |it: &Self| {
            let address = u128::from_be_bytes(it.address);
            address.checked_shr(128 - u32::from(self.length)).unwrap_or(0)
        };
        self.ip_version == other.ip_version
            && self.length <= other.length
            && bits(self) == bits(other)
    }
}

/// Ports of a service, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePorts {
    /// True for UDP, false for TCP.
    pub is_udp: bool,
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

/// A service and its local ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// The name, which no other service has.
    pub name: Arc<str>,
    /// The ports. No port belongs to two services.
    pub ports: Vec<ServicePorts>,
}

/// Everything that packets are classified by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassPlan {
    /// The ranges of local addresses with their names, each prefix once.
    pub locals: Vec<(ClassPrefix, Arc<str>)>,
    /// The ranges of remote addresses that are narrower than the kept prefix,
    /// with their names, each prefix once.
    pub narrows: Vec<(ClassPrefix, Arc<str>)>,
    /// The services.
    pub services: Vec<ServicePlan>,
}

impl ClassPlan {
    /// Returns whether packets need no class.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.locals.is_empty()
            && self.narrows.is_empty()
            && self.services.is_empty()
    }

    /// Returns the number of classes: each combination of a local range or
    /// none, a narrow range or none, and a service, an attempt at a service or
    /// none.
    #[must_use]
    pub fn classes(&self) -> usize {
        let names = |ranges: &[(ClassPrefix, Arc<str>)]| {
            let names = ranges.iter().map(|(_, name)| name);
            names.collect::<std::collections::BTreeSet<_>>().len()
        };
        let locals = names(&self.locals) + 1;
        let narrows = names(&self.narrows) + 1;
        locals
            .saturating_mul(narrows)
            .saturating_mul(2 * self.services.len() + 1)
    }

    /// Checks that the kernel has room for it.
    ///
    /// # Errors
    /// If it has not: what is too much, and what to do.
    pub fn check(&self) -> Result<(), ClassFault> {
        let prefixes = self.locals.len();
        if prefixes > MOST_CLASS_PREFIXES {
            return Err(ClassFault::Locals { prefixes });
        }
        let prefixes = self.narrows.len();
        if prefixes > MOST_CLASS_PREFIXES {
            return Err(ClassFault::Narrows { prefixes });
        }
        let classes = self.classes();
        match classes > MOST_CLASSES {
            true => Err(ClassFault::Classes { classes }),
            false => Ok(()),
        }
    }
}

/// A configuration that needs more classes than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassFault {
    /// Too many prefixes of local ranges.
    #[error(
        "local ranges have {prefixes} prefixes, and at most \
         {MOST_CLASS_PREFIXES} can be looked for in local addresses: set local \
         = false where only remote addresses matter"
    )]
    Locals {
        /// The number of prefixes.
        prefixes: usize,
    },
    /// Too many narrow prefixes.
    #[error(
        "{prefixes} prefixes of ranges are longer than ipv4_prefix_length or \
         ipv6_prefix_length, and at most {MOST_CLASS_PREFIXES} may be: set \
         ipv4_prefix_length = 32, so that the kernel keeps whole addresses"
    )]
    Narrows {
        /// The number of prefixes.
        prefixes: usize,
    },
    /// Too many combinations.
    #[error(
        "the names of local ranges, of ranges that are narrower than the kept \
         prefix, and of services have {classes} combinations, and at most \
         {MOST_CLASSES} are possible: set local = false where only remote \
         addresses matter, or give several narrow ranges one name, or set \
         ipv4_prefix_length = 32"
    )]
    Classes {
        /// The number of combinations.
        classes: usize,
    },
}

/// The meaning of a class. Numbers are places in the lists of [`Classes`],
/// beginning with 1; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// The range of the local address.
    pub local: u16,
    /// The range of the remote address, if it is narrower than the kept prefix.
    pub narrow: u16,
    /// The service.
    pub service: u16,
    /// True for packets of TCP that ask the service for a connection.
    pub is_attempt: bool,
}

/// The meanings of all classes that flows may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// By number of the class.
    pub(crate) meanings: Vec<Class>,
    /// Names of ranges.
    pub(crate) ranges: Vec<Arc<str>>,
    /// Names of services.
    pub(crate) services: Vec<Arc<str>>,
}

impl Classes {
    /// Returns classes with these meanings, by number, and these names.
    #[must_use]
    pub fn new(
        meanings: Vec<Class>,
        ranges: Vec<Arc<str>>,
        services: Vec<Arc<str>>,
    ) -> Self {
        Self { meanings, ranges, services }
    }

    /// Returns the meaning of a class.
    #[must_use]
    pub fn get(&self, class: u16) -> Class {
        self.meanings.get(usize::from(class)).copied().unwrap_or_default()
    }

    /// Returns the names of ranges, in the order of their numbers.
    #[must_use]
    pub fn ranges(&self) -> &[Arc<str>] {
        &self.ranges
    }

    /// Returns the names of services, in the order of their numbers.
    #[must_use]
    pub fn services(&self) -> &[Arc<str>] {
        &self.services
    }

    /// Returns the ranges of the numbers in [`Class`], none first. A name for
    /// which there is no room is none.
    #[must_use]
    pub fn range_numbers(&self, names: &RangeNames) -> Vec<Range> {
        let ranges = self.ranges.iter();
        let ranges = ranges.map(|it| names.intern(it).unwrap_or_default());
        std::iter::once(Range::default()).chain(ranges).collect()
    }
}

#[cfg(test)]
mod tests;
