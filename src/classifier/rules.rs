//! Named ranges and special addresses: rules that come before the databases.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::sync::Arc;

use crate::accounting::{Classes, FlowKey, IpVersion, Origin, Range};
use crate::geoip::{Country, CountryLabels, Locator, Network, NetworkLocator};
use crate::ranges::{Found, RangeTable, Special, carried_ipv4, is_nat64};

/// The rules that the configuration has.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The named ranges.
    pub ranges: Arc<RangeTable>,
    /// The number of bits of an IPv4 address that a flow keeps.
    pub ipv4_length: u8,
    /// The number of bits of an IPv6 address that a flow keeps.
    pub ipv6_length: u8,
    /// Is true if special addresses have labels of their own.
    pub name_special: bool,
}

impl Default for Rules {
    fn default() -> Self {
        let ranges = Arc::default();
        Self { ranges, ipv4_length: 24, ipv6_length: 48, name_special: false }
    }
}

/// The rules, and the labels that they need.
#[derive(Debug)]
pub(super) struct RuleLocator {
    rules: Rules,
    /// The countries of the ranges, by their number in the table.
    countries: Vec<Country>,
    /// The labels of special addresses; none if they have no labels.
    special: Option<[Country; Special::ALL.len()]>,
    classes: Arc<Classes>,
    /// The ranges of the classes, by their number there.
    of_classes: Vec<Range>,
}

/// The kept part of a remote address.
struct Remote {
    address: IpAddr,
    /// The number of kept bits.
    length: u8,
    /// The number of kept bits of an IPv4 address that it carries.
    ipv4_length: u8,
    /// The narrow range that the kernel found for the address.
    narrow: Range,
}

impl RuleLocator {
    /// Returns the locator of these rules, and adds their labels to `labels`. A
    /// label for which there is no room becomes `UNKNOWN`.
    pub(super) fn new(rules: Rules, labels: &mut Arc<CountryLabels>) -> Self {
        let mut intern = |label: &str| {
            let mut known = CountryLabels::clone(labels);
            let country = known.intern(label).unwrap_or_default();
            if known != **labels {
                *labels = Arc::new(known);
            }
            country
        };
        let countries = rules.ranges.countries().iter();
        let countries = countries.map(|label| intern(label)).collect();
        let special = rules
            .name_special
            .then(|| Special::ALL.map(|special| intern(special.label())));
        let (classes, of_classes) = (Arc::default(), Vec::new());
        Self { rules, countries, special, classes, of_classes }
    }

    /// Returns the classes in use.
    pub(super) fn classes(&self) -> Arc<Classes> {
        Arc::clone(&self.classes)
    }

    /// Learns the meanings of classes.
    pub(super) fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.classes = Arc::clone(classes);
        let names = self.rules.ranges.names();
        self.of_classes = classes.range_numbers(names);
    }

    /// Returns the range that the kernel found for the remote address, if it is
    /// narrower than the kept prefix.
    fn narrow(&self, flow: &FlowKey) -> Range {
        let narrow = usize::from(self.classes.get(flow.class).narrow);
        self.of_classes.get(narrow).copied().unwrap_or_default()
    }

    /// Returns the origin of a flow.
    pub(super) fn origin_of(
        &self,
        flow: &FlowKey,
        locator: &mut Locator,
        networks: &mut NetworkLocator,
    ) -> Origin {
        let remote = Remote {
            address: flow.remote_address(),
            length: match flow.ip_version {
                IpVersion::V4 => self.rules.ipv4_length,
                IpVersion::V6 => self.rules.ipv6_length,
            },
            ipv4_length: self.rules.ipv4_length,
            narrow: self.narrow(flow),
        };
        self.origin_of_remote(&remote, locator, networks)
    }

    /// Returns the origin of a whole address.
    pub(super) fn origin_of_address(
        &self,
        address: IpAddr,
        locator: &mut Locator,
        networks: &mut NetworkLocator,
    ) -> Origin {
        let remote = Remote {
            address,
            length: if address.is_ipv4() { 32 } else { 128 },
            ipv4_length: 32,
            narrow: Range::default(),
        };
        self.origin_of_remote(&remote, locator, networks)
    }

    /// Returns the origin of a remote prefix: for each attribute the narrowest
    /// range that has it, then the databases, then the label of a special
    /// address.
    fn origin_of_remote(
        &self,
        &Remote { address, length, ipv4_length, narrow }: &Remote,
        locator: &mut Locator,
        networks: &mut NetworkLocator,
    ) -> Origin {
        let carried = self.carried(address);
        let kept = match address {
            // The key has the last 32 bits only if the first 96 are these.
            IpAddr::V6(v6) if carried.is_some() && is_nat64(v6) => {
                length.max(96)
            }
            _ => length,
        };
        let mut found = self.find(address, kept, narrow);
        let (address, length) = match carried {
            // The ranges of the IPv4 address say what those of IPv6 do not.
            Some(carried) => {
                let inner = self.find(carried, ipv4_length, Range::default());
                found = found.or(inner);
                (carried, ipv4_length)
            }
            None => (address, length),
        };
        let country = found
            .country
            .map(|number| self.countries[usize::from(number)])
            .unwrap_or_else(|| locator.country_of(address));
        let network = found
            .asn
            .map(Network)
            .unwrap_or_else(|| networks.network_of(address));
        let country = match country {
            Country::UNKNOWN => self.special(address, length),
            country => country,
        };
        Origin { country, network, range: found.range }
    }

    /// Returns the values of the ranges around the prefix of this length; of
    /// the narrow range in it that the kernel found, if there is one.
    fn find(&self, address: IpAddr, length: u8, narrow: Range) -> Found {
        let ranges = &self.rules.ranges;
        if ranges.is_empty() && narrow == Range::default() {
            return Found::default();
        }
        match narrow == Range::default() {
            true => ranges.find(address, length),
            // The name stays, even if the table has changed since.
            false => Found {
                range: narrow,
                ..ranges.find_narrow(address, length, narrow)
            },
        }
    }

    /// Returns the IPv4 address that an address carries, if special addresses
    /// have labels.
    fn carried(&self, address: IpAddr) -> Option<IpAddr> {
        let IpAddr::V6(v6) = address else { return None };
        self.special?;
        carried_ipv4(v6).map(IpAddr::V4)
    }

    fn special(&self, address: IpAddr, length: u8) -> Country {
        let of = |labels: [Country; Special::ALL.len()]| {
            let special = Special::of(address, length)?;
            Some(labels[special.index()])
        };
        self.special.and_then(of).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
