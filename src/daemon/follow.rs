//! Passes the news of devices on to the poller.
//!
//! Runs on the interfaces thread.

use crossbeam_channel::Sender;
use slog::{Logger, info, warn};

use crate::kernel::{FollowInterfaces, InterfaceEvent};
use crate::logging;

/// Passes the news of devices on to the poller, until either end is dropped.
/// While there is no news, counting continues on the attached interfaces.
pub(super) fn follow(
    log: &Logger,
    devices: &mut dyn FollowInterfaces,
    poller: &Sender<Vec<InterfaceEvent>>,
) {
    let mut is_failing = false;
    loop {
        if devices.found_ipsec() {
            info!(log, "found IPsec: looking for decrypted packets");
        }
        match devices.next() {
            Ok(Some(happened)) => {
                if std::mem::take(&mut is_failing) {
                    info!(log, "following interfaces again");
                }
                if poller.send(happened).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(log, "cannot follow interfaces; trying again";
                        "error" => logging::chain(&error));
                }
            }
        }
    }
}
