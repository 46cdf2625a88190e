use std::num::NonZeroU32;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::accounting::FlowKey;
use crate::kernel::{Error, ReadCounts, Room, Sweep, Table};

/// A map of flows in which there is nothing.
pub(super) struct NoFlows;

impl ReadCounts for NoFlows {
    type Table = Table<Vec<AtomicU64>>;

    fn read(&mut self, _: NonZeroU32, _: &mut Sweep) -> Result<(), Error> {
        Ok(())
    }

    fn remove_flow(&mut self, _: &FlowKey) -> Result<bool, Error> {
        Ok(true)
    }

    fn table(&self) -> Option<&Self::Table> {
        None
    }

    fn wait_for_programs(&self) -> Result<(), Error> {
        Ok(())
    }

    fn room(&self) -> Room {
        Room::default()
    }

    fn tick(&self) -> Duration {
        Duration::from_millis(4)
    }
}
