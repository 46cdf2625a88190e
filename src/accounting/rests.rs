//! The totals of interfaces, as growth: the packets that passed since the last
//! poll, and those among them that no flow was found for.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Breakdown, Direction, Family, FlowKey, InterfaceId, InterfaceTotal, Volume,
};

/// The name of an interface that was never named. The poller names first and
/// credits after, so this shows a fault of ours, and shows it instead of hiding
/// bytes.
pub const UNNAMED: &str = "UNKNOWN";

/// The growth of one total of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The interface.
    pub interface: InterfaceId,
    /// The direction.
    pub direction: Direction,
    /// The kind of packets.
    pub family: Family,
    /// All packets that passed.
    pub volume: Volume,
    /// The part of all packets so far that no flow was credited with and that
    /// was not unattributed before. Always zero for packets that are not IP,
    /// which have no flows.
    pub unattributed: Volume,
}

/// The position up to which one interface number was read and credited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentMarks {
    /// The number.
    pub interface: InterfaceId,
    /// The name it is counted under.
    pub name: Arc<str>,
    /// The volume that its flows were credited with.
    pub credited: Breakdown,
    /// The part of the totals already booked as unattributed.
    pub unattributed: Breakdown,
    /// The newest exact totals.
    pub totals: Breakdown,
    /// The newest totals of packets that are not IP: received and sent.
    pub non_ip: [Volume; 2],
    /// True if its growth counts for the whole machine.
    #[serde(default)]
    pub is_edge: bool,
}

/// Compares the totals of interfaces with the credits of their flows.
#[derive(Debug, Default)]
pub struct TotalsTracker {
    /// By number. The kernel side gives out the lowest that is free.
    interfaces: Vec<Option<AttachmentMarks>>,
}

impl TotalsTracker {
    /// Returns a tracker that goes on from the marks of another one, whose
    /// totals must be those that will be observed.
    #[must_use]
    pub fn resume(marks: Vec<AttachmentMarks>) -> Self {
        let mut tracker = Self::default();
        for marks in marks {
            let slot = tracker.slot_mut(marks.interface);
            *slot = Some(marks);
        }
        tracker
    }

    /// Names an interface, for the first time or anew.
    pub fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.known_mut(interface).name = Arc::clone(name);
    }

    /// Takes note of a flow's growth.
    pub fn credit(&mut self, key: &FlowKey, volume: Volume) {
        // Called for every changed flow of every poll.
        let known = match self.interfaces.get_mut(key.interface.0 as usize) {
            Some(Some(known)) => known,
            _ => self.known_mut(key.interface),
        };
        *known.credited.get_mut(key.direction, key.ip_version) += volume;
    }

    /// Observes totals, which were read before the flows just credited, and adds
    /// those that grew to `rests`.
    pub fn observe(
        &mut self,
        totals: &[InterfaceTotal],
        rests: &mut Vec<Rest>,
    ) {
        for total in totals {
            let InterfaceTotal { interface, direction, family, volume } =
                *total;
            let known = self.known_mut(interface);
            let (mark, unattributed) = match family {
                Family::Ip(version) => {
                    // The credits may be ahead of the totals: then nothing is
                    // left over.
                    let credited = known.credited.get(direction, version);
                    let mark = known.unattributed.get_mut(direction, version);
                    let unattributed = raise(mark, volume - credited);
                    let mark = known.totals.get_mut(direction, version);
                    (mark, unattributed)
                }
                Family::NonIp => {
                    let mark = &mut known.non_ip[direction.index()];
                    (mark, Volume::default())
                }
            };
            let volume = raise(mark, volume);
            let has_grown = volume != Volume::default()
                || unattributed != Volume::default();
            if has_grown {
                rests.push(Rest {
                    interface,
                    direction,
                    family,
                    volume,
                    unattributed,
                });
            }
        }
    }

    /// Forgets an interface's number, which may be given out again.
    pub fn forget_interface(&mut self, interface: InterfaceId) {
        self.slot_mut(interface).take();
        while let Some(None) = self.interfaces.last() {
            self.interfaces.pop();
        }
    }

    /// Returns the marks from which a later tracker goes on, in the order of
    /// the numbers.
    #[must_use]
    pub fn marks(&self) -> Vec<AttachmentMarks> {
        self.interfaces.iter().flatten().cloned().collect()
    }

    fn known_mut(&mut self, interface: InterfaceId) -> &mut AttachmentMarks {
        self.slot_mut(interface).get_or_insert_with(|| AttachmentMarks {
            interface,
            name: UNNAMED.into(),
            ..AttachmentMarks::default()
        })
    }

    fn slot_mut(
        &mut self,
        interface: InterfaceId,
    ) -> &mut Option<AttachmentMarks> {
        let index = interface.0 as usize;
        if index >= self.interfaces.len() {
            self.interfaces.resize_with(index + 1, || None);
        }
        &mut self.interfaces[index]
    }
}

/// Raises a mark to a new height and returns by how much; a mark never falls.
fn raise(mark: &mut Volume, height: Volume) -> Volume {
    let growth = height - *mark;
    *mark += growth;
    growth
}

#[cfg(test)]
mod tests;
