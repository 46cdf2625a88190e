//! Pins: with them, the kernel counts on while no exporter runs. The next start
//! adopts the maps and continues from the marks of the saved counters.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use slog::{Logger, info, warn};

use crate::accounting::{CountingMarks, Incarnation};
use crate::config::{Config, ListenAddress};
use crate::files::Place;
use crate::kernel::{Adopted, InterfaceName, Keep, Pins};
use crate::logging::chain;
use crate::poller::Resumed;
use crate::state::{State, Store};

/// Returns the directory of the pins, if the exporter pins at all.
fn pin_directory(config: &Config) -> Option<&Path> {
    config.state_directory.as_ref()?;
    config.pin_directory.as_deref()
}

/// Returns the directories of the saved counters and of the pins.
pub(super) fn directories(config: &Config) -> Vec<&Path> {
    let state = config.state_directory.as_deref();
    state.into_iter().chain(pin_directory(config)).collect()
}

/// The outcome of making the missing directories.
pub(super) struct Made {
    pub(super) state: io::Result<()>,
    pub(super) pins: io::Result<()>,
}

/// Makes the directories that are missing, and waits until each answers.
pub(super) fn make_directories(config: &Config, place: &Place) -> Made {
    let mut made = Made { state: Ok(()), pins: Ok(()) };
    if let Some(directory) = &config.state_directory {
        place.enter(directory);
        made.state = Store::make(directory);
        wait_for(directory);
    }
    if let Some(directory) = pin_directory(config) {
        place.enter(directory);
        made.pins = Pins::make(directory);
    }
    for socket in config.listen_address.iter().filter_map(ListenAddress::path) {
        place.enter(socket);
        socket.parent().map(wait_for);
    }
    made
}

/// Waits until the disk of a directory answers.
fn wait_for(directory: &Path) {
    let _ = File::open(directory);
}

/// Warns of pins of an earlier exporter if this one does not use them.
fn warn_of_others(log: &Logger, config: &Config) {
    let Some(directory) = &config.pin_directory else { return };
    // It may be missing, or another exporter may use it: both are in order.
    let Ok(pins) = Pins::open(directory) else { return };
    if pins.count().is_ok_and(|count| count > 0) {
        warn!(log, "pinned programs of an earlier exporter still count, but \
            nothing reads them; remove them with geoip-exporter remove-pins";
            "pin_directory" => %directory.display());
    }
}

/// Opens the directory of the pins. A failure is logged: the exporter counts
/// without pins.
pub(super) fn keep(
    log: &Logger,
    config: &Config,
    store: Option<&Store>,
    left: &State,
    made: io::Result<()>,
) -> Option<Keep> {
    if config.state_directory.is_none() {
        warn_of_others(log, config);
    }
    // Without saved counters, nothing could continue from the pinned maps.
    store?;
    match Pins::open(pin_directory(config)?) {
        Ok(pins) => {
            let epoch = left.counting.as_ref().map(|c| c.incarnation.epoch);
            Some(Keep { pins, epoch })
        }
        Err(fault) => {
            let fault = fault.or_made(made);
            warn!(log, "traffic is not counted while the exporter is stopped";
                "error" => chain(&fault));
            None
        }
    }
}

/// Returns the adopted maps and the marks from which the poller continues. After
/// this, the state has the marks of these maps only, so that it can be saved.
pub(super) fn resume(
    log: &Logger,
    left: &mut State,
    adopted: Option<Vec<Adopted>>,
    incarnation: Option<Incarnation>,
) -> Option<Resumed> {
    let Some(mut adopted) = adopted else {
        left.forget_maps();
        left.earlier = left.polls;
        let marks = CountingMarks {
            incarnation: incarnation?,
            ..CountingMarks::default()
        };
        left.counting = Some(marks.clone());
        let (adopted, earlier) = (Vec::new(), left.earlier);
        return Some(Resumed { adopted, marks, earlier });
    };
    let serials: BTreeMap<_, _> =
        adopted.iter().map(|one| (one.id, one.serial)).collect();
    let names = left.limit_attachments(&serials);
    for one in &mut adopted {
        // The device may have been renamed since it was attached.
        if let Some(name) = names.get(&one.id) {
            one.name = InterfaceName::of_text(name);
        }
    }
    let attached = adopted.iter().filter(|one| one.is_attached).count();
    info!(log, "adopted the pinned maps"; "interfaces" => attached,
        "interfaces_gone" => adopted.len() - attached);
    let marks = left.counting.clone().unwrap_or_default();
    Some(Resumed { adopted, marks, earlier: left.earlier })
}
