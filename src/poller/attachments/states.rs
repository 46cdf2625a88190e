//! The states of the interfaces, for scrapes.

use super::{Attachments, label, names};
use crate::collectors::interfaces::{InterfaceState, Snapshot, Status};
use crate::config::Interfaces;
use crate::kernel::Interface;

impl Attachments {
    /// Returns the states of the wanted interfaces: of all devices, and of full
    /// names that no device has. Another one after every `plan`, `rename` and `do_next`.
    pub(in crate::poller) fn states(&self, wanted: &Interfaces) -> Snapshot {
        let state = |interface: &Interface| InterfaceState {
            status: match interface.is_up {
                true => Status::Up,
                false => Status::Down,
            },
            is_attached: self.attached.contains_key(&interface.ifindex),
        };
        let not_found =
            InterfaceState { status: Status::NotFound, is_attached: false };
        let named = names(wanted).map(|name| (label(name), not_found));
        let mut states: Snapshot = named.collect();
        let chosen = self.table.chosen(wanted);
        states.extend(chosen.map(|it| (label(it.name), state(it))));
        states
    }
}
