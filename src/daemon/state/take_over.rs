//! Takes over the counters of the last process.

use std::io;
use std::path::Path;

use slog::{Logger, info, warn};

use crate::config::Config;
use crate::files::Place;
use crate::logging::chain;
use crate::state::{Damage, Found, State, Store};

/// Opens the state directory, if one is set, and takes over the counters of the
/// last process. A failure is logged: the exporter counts all the same.
pub(in crate::daemon) fn take_over(
    log: &Logger,
    config: &Config,
    place: &Place,
    made: io::Result<()>,
) -> (Option<Store>, State) {
    let Some(directory) = &config.state_directory else {
        return (None, State::default());
    };
    place.enter(directory);
    let found = Store::open(directory)
        .map_err(|error| error.or_made(made))
        .and_then(|mut store| store.load().map(|found| (store, found)));
    let (store, found) = match found {
        Ok(found) => found,
        Err(error) => {
            warn!(log, "counters begin at zero and are not saved";
                "error" => chain(&error));
            return (None, State::default());
        }
    };
    let state = match found {
        Found::Nothing => {
            info!(log, "no saved counters found; counters begin at zero";
                "file" => %store.path().display());
            State::default()
        }
        Found::SetAside { path, reason } => {
            warn!(log, "the saved counters cannot be used; counters begin at zero";
                "file" => %store.path().display(),
                "error" => chain(&reason),
                "renamed_to" => %path.display());
            State::default()
        }
        Found::State { state, damage, copy } => {
            warn_of_damage(log, &store, &damage, copy.as_deref());
            info!(log, "counters continue from the saved state";
                "file" => %store.path().display(),
                "interfaces" => state.traffic.interfaces.len());
            *state
        }
    };
    (Some(store), state)
}

/// Logs a line for each section that cannot be used.
pub(super) fn warn_of_damage(
    log: &Logger,
    store: &Store,
    damage: &[Damage],
    copy: Option<&Path>,
) {
    for one in damage {
        warn!(log, "some of the saved counters begin at zero";
            "file" => %store.path().display(),
            "error" => %one,
            "copied_to" => copy.map(|path| path.display().to_string()));
    }
}

/// Saves the identity of new maps before anything is counted in them: a later
/// start that does not know them would begin in new ones.
pub(in crate::daemon) fn save_first(
    store: Option<&Store>,
    state: &State,
    place: &Place,
) {
    let Some(store) = store else { return };
    place.enter(&store.path());
    // The thread that saves tries again at once, and warns.
    let _ = store.save(state);
}
