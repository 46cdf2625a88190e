//! Counting goes on while no exporter runs, where the counters are kept: the
//! maps and links are pinned, and the next start goes on from how far they were
//! read.

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

/// Returns the directory of the pins, if there are to be any.
fn pin_directory(config: &Config) -> Option<&Path> {
    config.state_directory.as_ref()?;
    config.pin_directory.as_deref()
}

/// Returns the directories in which something is kept.
pub(super) fn directories(config: &Config) -> Vec<&Path> {
    let state = config.state_directory.as_deref();
    state.into_iter().chain(pin_directory(config)).collect()
}

/// What came of making the directories that were missing.
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

/// Waits until a directory can be opened, or not.
fn wait_for(directory: &Path) {
    let _ = File::open(directory);
}

/// Warns of what an exporter pinned before, where none is to pin anything now.
fn warn_of_others(log: &Logger, config: &Config) {
    let Some(directory) = &config.pin_directory else { return };
    // One that is missing, or that an exporter has, is as it should be.
    let Ok(pins) = Pins::open(directory) else { return };
    if pins.count().is_ok_and(|count| count > 0) {
        warn!(log, "what an exporter pinned before counts on for nobody; \
            geoip-exporter --remove-pins ends that";
            "pin_directory" => %directory.display());
    }
}

/// Opens the directory of the pins. What goes wrong is logged: it is no reason
/// not to count.
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
    // What was counted meanwhile would be of no use without the counters.
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

/// Returns the maps that are kept and the point from which the poller
/// continues in them. The state then is as a save at this moment would need it:
/// it has the marks of these maps, and of no others.
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
    info!(log, "counting went on"; "interfaces" => attached,
        "interfaces_gone" => adopted.len() - attached);
    let marks = left.counting.clone().unwrap_or_default();
    Some(Resumed { adopted, marks, earlier: left.earlier })
}
