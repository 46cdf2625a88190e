//! What the log says of interfaces, where a line for each would be too many.

use slog::{Logger, info, warn};

use crate::kernel::Interface;

/// Logs where the link of an interface came up or went down.
pub(super) fn log_link(
    log: &Logger,
    name: &str,
    before: &Interface,
    now: &Interface,
) {
    match (before.is_running, now.is_running) {
        (false, true) => info!(log, "link up"; "interface" => name),
        (true, false) => info!(log, "link down"; "interface" => name),
        _ => {}
    }
}

/// Interfaces beyond the number that can be counted: there may be thousands.
#[derive(Default)]
pub(super) struct LeftOut {
    /// How many that were when it was said last.
    said: usize,
}

impl LeftOut {
    /// Logs one line where there are some for the first time, and another one
    /// where they became twice as many, or none.
    pub(super) fn log(
        &mut self,
        log: &Logger,
        left_out: usize,
        counted: usize,
    ) {
        if left_out == 0 {
            if std::mem::take(&mut self.said) > 0 {
                info!(log, "every interface is counted again";
                    "counted" => counted);
            }
        } else if left_out >= 2 * self.said {
            self.said = left_out;
            warn!(log, "there are more interfaces than can be counted";
                "left_out" => left_out, "counted" => counted);
        }
    }
}
