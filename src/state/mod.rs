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
        let attachments = &mut self.attachments;
        attachments.retain(|marks| {
            let serial = known.get(&marks.interface);
            serial.is_some() && serial == present.get(&marks.interface)
        });
        let name = |marks: &AttachmentMarks| {
            (marks.interface, Arc::clone(&marks.name))
        };
        attachments.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::Incarnation;

    #[test]
    fn of_attachments_only_those_that_are_the_same_are_gone_on_with() {
        let marks = |number: u32, name: &str| AttachmentMarks {
            interface: InterfaceId(number),
            name: name.into(),
            ..AttachmentMarks::default()
        };
        let attachments = vec![marks(0, "a"), marks(1, "b"), marks(2, "c")];
        let serials = (0..3).map(|number| (InterfaceId(number), 10));
        let incarnation = Incarnation { epoch: 1, serials: serials.collect() };
        let counting =
            Some(CountingMarks { incarnation, ..CountingMarks::default() });
        let mut state = State { counting, attachments, ..State::default() };
        // The second number was given out again, the third is free.
        let present = [(0, 10), (1, 11), (3, 10)];
        let present = present.map(|(id, serial)| (InterfaceId(id), serial));
        let names = state.limit_attachments(&present.into());
        assert_eq!(names, [(InterfaceId(0), "a".into())].into());
        assert_eq!(state.attachments, [marks(0, "a")]);

        state.forget_maps();
        assert_eq!(state.counting, None);
        assert_eq!(state.attachments, []);
    }
}
