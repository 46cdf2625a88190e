//! Gives up flows that no program counts in any more: those of detached
//! interfaces, and those of dead classes.

use slog::{Logger, debug};

use crate::accounting::{FlowKey, FlowTracker};
use crate::kernel::ReadCounts;
use crate::logging::chain;

/// Removes the flows that `is_given_up` chooses from the map, and retires those
/// in the table. To be called after a poll, which has credited their counts.
/// Returns whether none is left; otherwise it is to be called again after the
/// next poll.
pub(super) fn give_up<N: Copy + Default>(
    log: &Logger,
    reader: &mut impl ReadCounts,
    tracker: &mut FlowTracker<N>,
    is_given_up: impl Fn(&FlowKey) -> bool,
) -> bool {
    for flow in tracker.map_flows_of(&is_given_up) {
        match reader.remove_flow(&flow) {
            Ok(true) => tracker.forget(&flow, reader.table()),
            // Evicted since the poll, as the next one will find.
            Ok(false) => {}
            Err(error) => {
                debug!(log, "cannot remove flows; trying again";
                    "error" => chain(&error));
                return false;
            }
        }
    }
    tracker.retire(reader.table(), is_given_up) == 0
}
