//! Log lines about many interfaces at once.

use std::collections::BTreeMap;

use slog::{Logger, info, warn};

use crate::config::{Interfaces, Rule};
use crate::kernel::{
    Attached, Error, Interface, InterfaceName, InterfaceTable,
};
use crate::logging::chain;

/// Logs the counted interfaces whose link came up or went down.
/// To be called before the table has the news.
pub(super) fn log_link(
    log: &Logger,
    attached: &BTreeMap<u32, Attached>,
    table: &InterfaceTable,
    now: &Interface,
) {
    let Some(attached) = attached.get(&now.ifindex) else { return };
    let before = table.get(now.ifindex).map(|before| before.is_running);
    match (before, now.is_running) {
        (Some(false), true) => {
            info!(log, "link up"; "interface" => %attached.name);
        }
        (Some(true), false) => {
            info!(log, "link down"; "interface" => %attached.name);
        }
        _ => {}
    }
}

/// Logs the matching interfaces of each rule that is more than a name.
pub(super) fn log_matches(
    log: &Logger,
    table: &InterfaceTable,
    wanted: &Interfaces,
) {
    for rule in wanted.rules() {
        if rule.excludes() || rule.name().is_none() {
            log_match(log, table, rule);
        }
    }
}

fn log_match(log: &Logger, table: &InterfaceTable, rule: &Rule) {
    let matching: Vec<_> = table
        .candidates()
        .filter(|(_, candidate)| rule.matches(*candidate))
        .map(|(interface, _)| interface.name)
        .collect();
    let pattern = match rule.selects_uplinks() {
        true => format!("{rule} (by {})", table.uplinks_by().name()),
        false => rule.to_string(),
    };
    match (rule.excludes(), matching.is_empty()) {
        (false, true) => warn!(log, "pattern matches no interface; one is \
            counted as soon as it appears"; "pattern" => pattern),
        (false, false) => info!(log, "pattern matches";
            "pattern" => pattern, "interfaces" => list(&matching)),
        (true, _) => info!(log, "pattern excludes";
            "pattern" => pattern, "interfaces" => list(&matching)),
    }
}

/// Lists names in a line: the first of them where there are many.
fn list(names: &[InterfaceName]) -> String {
    const MOST: usize = 20;
    let shown = names.iter().take(MOST).map(ToString::to_string);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "none".into(),
        count if count <= MOST => shown,
        count => format!("{shown} and {} more", count - MOST),
    }
}

/// The reason why an interface could not be attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// For a reason of its own.
    Own(String),
    /// The process has too little of something, as for all others.
    Shortage(String),
}

impl Failure {
    pub(super) fn of(error: &Error) -> Self {
        match error.shortage() {
            Some(shortage) => Self::Shortage(shortage),
            None => Self::Own(chain(error)),
        }
    }
}

/// Interfaces that are left out for a shortage: there may be thousands.
#[derive(Default)]
pub(super) struct LeftOut {
    /// The number of them in the last log line.
    said: usize,
}

impl LeftOut {
    /// Logs one line if there are some for the first time, and another one if
    /// they became twice as many, or none.
    pub(super) fn log<'a>(
        &mut self,
        log: &Logger,
        failures: impl Iterator<Item = &'a Failure>,
        counted: usize,
    ) {
        let mut shortages = failures.filter_map(|failure| match failure {
            Failure::Shortage(shortage) => Some(shortage),
            Failure::Own(_) => None,
        });
        let Some(reason) = shortages.next() else {
            if std::mem::take(&mut self.said) > 0 {
                info!(log, "every interface is counted again";
                    "counted" => counted);
            }
            return;
        };
        let left_out = 1 + shortages.count();
        if left_out >= 2 * self.said {
            self.said = left_out;
            warn!(log, "there are more interfaces than can be counted";
                "left_out" => left_out, "counted" => counted,
                "error" => reason);
        }
    }
}
