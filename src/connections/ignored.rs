//! The remote addresses whose connections are not counted.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;

use crate::accounting::Range;
use crate::config::IgnoredConnections;
use crate::ranges::{
    Builder, Definition, Listed, Location, RangeNames, RangeTable,
};

/// The setting `connections_ignore`, made for fast answers.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    prefixes: RangeTable,
    /// Sorted.
    ranges: Vec<Range>,
}

impl Ignored {
    /// Returns the ignored addresses of a configuration. `names` has the
    /// numbers of the names of ranges.
    pub(super) fn new(
        setting: &IgnoredConnections,
        names: &RangeNames,
    ) -> Self {
        let listed = setting
            .prefixes
            .iter()
            .map(|&prefix| Listed { prefix, location: Location::default() });
        let mut builder = Builder::default();
        builder.add_definitions(&[Definition {
            name: "ignored".into(),
            cidrs: listed.collect(),
            country: None,
            asn: None,
            local: false,
            location: Location::default(),
        }]);
        // One name and fewer prefixes than a table holds cannot fail.
        let prefixes = builder.build(&RangeNames::default());
        let ranges = setting.ranges.iter();
        let mut ranges: Vec<_> =
            ranges.filter_map(|name| names.intern(name)).collect();
        ranges.sort_unstable();
        Self { prefixes: prefixes.unwrap_or_default(), ranges }
    }

    /// Returns whether connections with this address are left out. `range` is
    /// the named range of the address.
    pub(super) fn contains(&self, address: IpAddr, range: Range) -> bool {
        self.ranges.binary_search(&range).is_ok()
            || !self.prefixes.is_empty()
                && self.prefixes.matches(address).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranges::Prefix;

    #[test]
    fn addresses_are_ignored_by_prefix_and_by_range() {
        let names = RangeNames::default();
        let office = names.intern("office").unwrap();
        let other = names.intern("other office").unwrap();
        let prefix = |text| Prefix::read(text).unwrap();
        let setting = IgnoredConnections {
            prefixes: vec![prefix("198.51.100.0/24"), prefix("2001:db8::1")],
            ranges: vec!["office".into(), "vpn".into()],
        };
        let ignored = Ignored::new(&setting, &names);
        let is_ignored = |address: &str, range| {
            ignored.contains(address.parse().unwrap(), range)
        };
        let none = Range::default();
        assert!(is_ignored("198.51.100.255", none));
        assert!(is_ignored("2001:db8::1", other));
        assert!(is_ignored("203.0.113.1", office));
        assert!(!is_ignored("198.51.101.0", none));
        assert!(!is_ignored("2001:db8::2", other));
        assert!(
            !Ignored::default().contains(setting.prefixes[0].address(), none)
        );
    }
}
