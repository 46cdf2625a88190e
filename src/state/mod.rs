//! The state for the next start: the counters, and the marks of the maps that
//! they come from.
//!
//! `format` turns them into `sections` of bytes and back, `second` reads the
//! form before that, and `store` keeps the bytes in a file.

mod counting;
mod format;
mod second;
mod sections;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::accounting::{
    AttachmentMarks, CountingMarks, InterfaceId, PollCounters,
};
use crate::collectors::traffic::Snapshot;
pub use format::{Damage, Decoded, Fault, decode, encode, take};
pub use sections::Section;
pub use store::{Error, Found, NAME, Reason, SaveError, Saved, Store};

/// The state that a process leaves to the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The poller's counters.
    pub polls: PollCounters,
    /// The part of it from before the maps that were counted in were made.
    pub earlier: PollCounters,
    /// The marks of these maps, if they outlive the process.
    pub counting: Option<CountingMarks>,
    /// The marks up to which each interface was read, in the order of their
    /// numbers. They are of no use without those of the maps.
    pub attachments: Vec<AttachmentMarks>,
    /// The traffic.
    pub traffic: Arc<Snapshot>,
    /// The sections of the other slices. They are written only: a slice takes
    /// its section by [`Store::take_sections`] and [`take`].
    pub slices: Vec<Arc<Section>>,
}

impl State {
    /// Removes the marks of the maps: counting begins in new ones.
    pub fn forget_maps(&mut self) {
        self.counting = None;
        self.attachments.clear();
    }

    /// Removes the marks of attachments that are not present; `present` has their
    /// serial numbers. Returns the interface names of the marks that are left.
    pub fn limit_attachments(
        &mut self,
        present: &BTreeMap<InterfaceId, u64>,
    ) -> BTreeMap<InterfaceId, Arc<str>> {
        let known = self.counting.iter().flat_map(|c| &c.incarnation.serials);
        let known: BTreeMap<_, _> = known.copied().collect();
        let is_same = |interface: &InterfaceId| {
            let serial = known.get(interface);
            serial.is_some() && serial == present.get(interface)
        };
        let attachments = &mut self.attachments;
        attachments.retain(|marks| is_same(&marks.interface));
        if let Some(marks) = &mut self.counting {
            let ahead = &mut marks.flows.map.ahead;
            ahead.retain(|reading| is_same(&reading.key.interface));
        }
        let name = |marks: &AttachmentMarks| {
            (marks.interface, Arc::clone(&marks.name))
        };
        attachments.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::{
        Direction, FlowKey, Incarnation, IpVersion, Reading, Volume,
    };

    #[test]
    fn of_attachments_only_those_that_are_the_same_are_gone_on_with() {
        let marks = |number: u32, name: &str| AttachmentMarks {
            interface: InterfaceId(number),
            name: name.into(),
            ..AttachmentMarks::default()
        };
        let reading = |number: u32| Reading {
            key: FlowKey {
                interface: InterfaceId(number),
                direction: Direction::Received,
                ip_version: IpVersion::V4,
                class: 1,
                remote: [u8::MAX; 16],
            },
            volume: Volume { packets: 1, bytes: 60 },
            generation: 0,
            last_seen: 0,
        };
        let attachments = vec![marks(0, "a"), marks(1, "b"), marks(2, "c")];
        let serials = (0..3).map(|number| (InterfaceId(number), 10));
        let incarnation = Incarnation { epoch: 1, serials: serials.collect() };
        let counting =
            Some(CountingMarks { incarnation, ..CountingMarks::default() });
        let mut state = State { counting, attachments, ..State::default() };
        let marks_of_map = &mut state.counting.as_mut().unwrap().flows.map;
        marks_of_map.ahead = (0..3).map(reading).collect();
        // The second number was given out again, the third is free.
        let present = [(0, 10), (1, 11), (3, 10)];
        let present = present.map(|(id, serial)| (InterfaceId(id), serial));
        let names = state.limit_attachments(&present.into());
        assert_eq!(names, [(InterfaceId(0), "a".into())].into());
        assert_eq!(state.attachments, [marks(0, "a")]);
        let marks_of_map = &state.counting.as_ref().unwrap().flows.map;
        assert_eq!(marks_of_map.ahead, [reading(0)]);

        state.forget_maps();
        assert_eq!(state.counting, None);
        assert_eq!(state.attachments, []);
    }
}
