//! The counters of the kernel side: each is defined here, once. Everything else
//! goes over [`KernelCounter::ALL`]: reading, adding up, saving and showing.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::ops::{Add, Index, IndexMut};

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The metric that shows a counter: its name and its help text.
type Metric = (&'static str, &'static str);

macro_rules! counters {
    ($($(#[$doc:meta])+ $counter:ident, $name:literal, $metric:expr;)+) => {
        /// A counter of the kernel side. The order is that of
        /// `enum traffic_counter` in `bpf-src/traffic_abi.h`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum KernelCounter {
            $($(#[$doc])+ $counter,)+
        }

        impl KernelCounter {
            /// All of them, in their order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$counter),+];

            /// Returns the name under which the state has it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$counter => $name,)+ }
            }

            /// Returns the metric that shows it, if one does. Only these
            /// counters are saved.
            #[must_use]
            pub fn metric(self) -> Option<Metric> {
                match self { $(Self::$counter => $metric,)+ }
            }
        }
    };
}

counters! {
    /// Flows created in the map of flows. Shown with those of the table.
    NewKeys, "map_new_keys", None;
    /// Packets whose flow was neither found nor created.
    LookupFailures, "lookup_failures", Some((
        "geoip_ebpf_lookup_fail_total",
        "Packets whose flow was neither found nor created.",
    ));
    /// Packets whose flow could not be created.
    UpdateFailures, "update_failures", Some((
        "geoip_ebpf_update_fail_total",
        "Packets whose flow could not be added to the kernel's map.",
    ));
    /// Packets of a device that is not being counted, seen while it was being
    /// attached or detached, or moved to another network namespace.
    UnknownInterfaces, "unknown_interfaces", None;
    /// Ways of the flow table taken.
    NewEntries, "new_entries", None;
    /// Packets counted in the map of flows, because the table had no room.
    MapPackets, "map_packets", Some((
        "geoip_ebpf_flow_map_packets_total",
        "Packets counted in the kernel's map, as the flow table had no room.",
    ));
}

/// A value for each counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounters([u64; KernelCounter::ALL.len()]);

impl KernelCounters {
    /// Returns the same with another value of one counter.
    #[must_use]
    pub fn with(mut self, counter: KernelCounter, value: u64) -> Self {
        self[counter] = value;
        self
    }

    /// Returns the counters that a metric shows.
    pub fn shown(self) -> impl Iterator<Item = (KernelCounter, u64)> {
        let shown = |counter: &KernelCounter| counter.metric().is_some();
        let all = KernelCounter::ALL.into_iter().filter(shown);
        all.map(move |counter| (counter, self[counter]))
    }
}

impl Index<KernelCounter> for KernelCounters {
    type Output = u64;

    fn index(&self, counter: KernelCounter) -> &u64 {
        &self.0[counter as usize]
    }
}

impl IndexMut<KernelCounter> for KernelCounters {
    fn index_mut(&mut self, counter: KernelCounter) -> &mut u64 {
        &mut self.0[counter as usize]
    }
}

impl Add for KernelCounters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let at = |at: usize| self.0[at] + other.0[at];
        Self(std::array::from_fn(at))
    }
}

/// By name, so that a later build may have others, and without zeros, so that
/// one more counter makes no other file.
impl Serialize for KernelCounters {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let counted = || self.shown().filter(|(_, value)| *value > 0);
        let mut map = to.serialize_map(Some(counted().count()))?;
        for (counter, value) in counted() {
            map.serialize_entry(counter.name(), &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for KernelCounters {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = KernelCounters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("counters by name")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> Result<KernelCounters, A::Error> {
        let mut counters = KernelCounters::default();
        while let Some(name) = map.next_key::<String>()? {
            let mut all = KernelCounter::ALL.into_iter();
            let known =
                all.find(|it| it.metric().is_some() && it.name() == name);
            match known {
                Some(counter) => counters[counter] = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(counters)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_counters_have_one_name_and_their_order_is_their_number() {
        let names: BTreeSet<_> =
            KernelCounter::ALL.iter().map(|it| it.name()).collect();
        assert_eq!(names.len(), KernelCounter::ALL.len());
        for (number, counter) in KernelCounter::ALL.into_iter().enumerate() {
            assert_eq!(counter as usize, number);
        }
    }

    #[test]
    fn shown_counters_are_saved_by_name_and_unknown_names_passed_over() {
        let counters = KernelCounters::default()
            .with(KernelCounter::LookupFailures, 3)
            .with(KernelCounter::MapPackets, 5);
        let mut saved = serde_json::to_value(counters).unwrap();
        assert_eq!(saved["lookup_failures"], 3);
        saved["of_a_later_build"] = 7.into();
        let read: KernelCounters = serde_json::from_value(saved).unwrap();
        assert_eq!(read, counters);
    }
}
