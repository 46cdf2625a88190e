//! Maps and links that count on while no exporter runs: decides if those of an
//! earlier exporter can be adopted, and keeps this one's.

use std::hash::{BuildHasher as _, RandomState};
use std::io;

use aya::Ebpf;

use super::abi::names;
use super::error::Error;
use super::features::{Conditions, FEATURES, Feature};
use super::ledger::Ledger;
use super::links::Hook;
use super::map_shape::{MapShape, MapShapes};
use super::mapping::MappedWords;
use super::object;
use super::pins::Pins;
use super::settings::ProbeSettings;
use super::sizes::Sizes;
use crate::logging::chain;

/// The request to go on counting when this process ends.
#[derive(Debug)]
pub struct Keep {
    /// The directory of the pins.
    pub pins: Pins,
    /// The epoch of the maps that the counters were last read from, if it is
    /// known: only those maps can be adopted.
    pub epoch: Option<u64>,
}

/// The pins and the ledger that the next process finds.
#[derive(Debug)]
pub(super) struct Kept {
    held: Held,
    pub(super) ledger: Ledger<MappedWords>,
    /// True if an earlier process made them.
    pub(super) is_adopted: bool,
    /// True if flows may have classes of which nothing is known.
    pub(super) are_classes_unknown: bool,
}

/// The pins. Dropping it removes them, unless a process began to count in them.
#[derive(Debug)]
struct Held {
    pins: Pins,
    /// True if the pins stay when this is dropped.
    stays: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.stays {
            // The next start finds remaining pins and cannot use them.
            let _ = self.pins.clear();
        }
    }
}

impl Kept {
    pub(super) fn pins(&self) -> &Pins {
        &self.held.pins
    }

    /// Returns whether the pins stay when this is dropped.
    pub(super) fn stays(&self) -> bool {
        self.held.stays
    }

    /// Lets the pins stay when this is dropped, from now on.
    pub(super) fn let_stay(&mut self) {
        self.held.stays = true;
    }
}

/// The contents of the directory.
#[derive(Debug)]
enum Found {
    /// No maps that can be adopted, and the reason, if there were any.
    Nothing(Option<String>),
    /// Maps that can be adopted, the seeds of the places of their flows, and
    /// the features whose maps cannot be adopted, with the reason; without one
    /// if no process has used the feature yet.
    Maps { seeds: [u64; 3], unfit: Vec<(usize, Option<String>)> },
}

/// Looks whether the maps in a directory can be adopted.
///
/// # Errors
/// If none of them can, with the reason.
fn look(
    pins: &Pins,
    epoch: Option<u64>,
    on: &Conditions<'_>,
    shapes: &MapShapes,
) -> Result<Found, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let Some(map) = pins.map(names::MARKS).map_err(unreadable)? else {
        return Ok(Found::Nothing(None));
    };
    let ledger = Ledger::new(object::map_words(&map).map_err(unreadable)?);
    if ledger.epoch() == 0 {
        return Err("the start that made it did not end well".into());
    }
    if let Some(difference) = ledger.version_difference(FEATURES[0].version) {
        return Err(difference);
    }
    if epoch != Some(ledger.epoch()) {
        return Err("the saved counters do not belong to it".into());
    }
    let mut unfit = Vec::new();
    for (number, feature) in FEATURES.iter().enumerate() {
        if !(feature.is_used)(on) {
            continue;
        }
        let words = feature.words(on);
        if !ledger.is_described(number) {
            unfit.push((number, None));
            continue;
        }
        let fault = match ledger.difference(number, &words) {
            Some(difference) => Err(difference),
            None => fits(pins, feature, shapes),
        };
        match fault {
            Ok(()) => {}
            Err(reason) if number == 0 => return Err(reason),
            Err(reason) => unfit.push((number, Some(reason))),
        }
    }
    Ok(Found::Maps { seeds: ledger.seeds(), unfit })
}

/// Looks whether all maps of a feature are pinned in the needed shape.
///
/// # Errors
/// If one is not, with its name.
fn fits(
    pins: &Pins,
    feature: &Feature,
    shapes: &MapShapes,
) -> Result<(), String> {
    for &name in feature.maps {
        let unreadable = |error: io::Error| {
            format!("its map {name} cannot be read: {error}")
        };
        let Some(map) = pins.map(name).map_err(unreadable)? else {
            return Err(format!("its map {name} is missing"));
        };
        let found = MapShape::of(&map).map_err(unreadable)?;
        if let Some(difference) = found.difference(&shapes[name]) {
            return Err(format!("its map {name} has {difference}"));
        }
    }
    Ok(())
}

/// The loaded object.
pub(super) struct LoadedObject {
    pub(super) ebpf: Ebpf,
    /// The pins and the ledger, if it is pinned.
    pub(super) kept: Option<Kept>,
    /// The reason why it is not pinned, and the earlier counts that are lost.
    pub(super) notices: Vec<String>,
}

/// The conditions of a load.
pub(super) struct Loader<'a> {
    pub(super) settings: &'a ProbeSettings,
    pub(super) sizes: Sizes,
    /// Possible CPUs.
    pub(super) cpus: usize,
    pub(super) hook: Hook,
    /// True if the kernel tells programs which packets IPsec decrypted.
    pub(super) is_ipsec_told: bool,
}

impl Loader<'_> {
    /// Loads the object, and keeps its maps if that is requested and possible.
    ///
    /// # Errors
    /// If it cannot be loaded without pins either.
    pub(super) fn load(
        &self,
        keep: Option<Keep>,
    ) -> Result<LoadedObject, Error> {
        let mut notices = Vec::new();
        match keep {
            Some(_) if self.hook == Hook::Clsact => notices.push(format!(
                "{NOT_COUNTED}: only the links of Linux 6.6 and later can be \
                 pinned"
            )),
            Some(keep) => {
                let directory = keep.pins.directory().display().to_string();
                match self.load_kept(keep, &mut notices) {
                    Ok((ebpf, kept)) => {
                        return Ok(LoadedObject {
                            ebpf,
                            kept: Some(kept),
                            notices,
                        });
                    }
                    // The pins may be the cause. If not, the load below shows
                    // the real one.
                    Err(error) => notices.push(format!(
                        "{NOT_COUNTED}: cannot pin maps in {directory}: {}",
                        chain(&error)
                    )),
                }
            }
            None => {}
        }
        let on = self.conditions(object::random_seeds(), false);
        let ebpf = object::load(&on, None)?;
        Ok(LoadedObject { ebpf, kept: None, notices })
    }

    fn conditions(&self, seeds: [u64; 3], are_pinned: bool) -> Conditions<'_> {
        let Self { settings, sizes, cpus, is_ipsec_told, .. } = *self;
        Conditions { settings, sizes, cpus, seeds, is_ipsec_told, are_pinned }
    }

    /// Loads the object with maps that are pinned already, or pins new ones.
    fn load_kept(
        &self,
        Keep { pins, epoch }: Keep,
        notices: &mut Vec<String>,
    ) -> Result<(Ebpf, Kept), Error> {
        let mut on = self.conditions(object::random_seeds(), true);
        let shapes = object::map_shapes(&on)?;
        let found = look(&pins, epoch, &on, &shapes)
            .unwrap_or_else(|reason| Found::Nothing(Some(reason)));
        let directory = pins.directory().display();
        let mut are_classes_unknown = false;
        let (is_adopted, to_describe) = match found {
            Found::Maps { seeds, unfit } => {
                on.seeds = seeds;
                let mut made = Vec::new();
                for (number, reason) in unfit {
                    let Feature { name, maps, .. } = FEATURES[number];
                    are_classes_unknown |=
                        maps.contains(&names::CLASS_MARKS) && reason.is_some();
                    notices.extend(reason.map(|reason| {
                        format!(
                            "the {name} starts empty, and its unread counts \
                             become unattributed: the one in {directory} \
                             cannot be used: {reason}"
                        )
                    }));
                    pins.remove_maps(maps)?;
                    made.push(number);
                }
                (true, made)
            }
            Found::Nothing(reason) => {
                notices.extend(reason.map(|reason| {
                    format!(
                        "traffic since the last exporter ended is not counted: \
                         the maps in {directory} cannot be used: {reason}"
                    )
                }));
                pins.clear()?;
                let all = FEATURES.iter().enumerate();
                let used = all.filter(|(_, feature)| (feature.is_used)(&on));
                (false, used.map(|(number, _)| number).collect())
            }
        };
        let held = Held { pins, stays: is_adopted };
        let mut ebpf = object::load(&on, Some(&held.pins))?;
        let ledger = Ledger::new(object::take_mapped(&mut ebpf, names::MARKS)?);
        if !is_adopted {
            ledger.begin(FEATURES[0].version, on.seeds);
        }
        for number in to_describe {
            ledger.describe(number, &FEATURES[number].words(&on));
        }
        if !is_adopted {
            ledger.open(unique(names::MARKS));
        }
        let kept = Kept { held, ledger, is_adopted, are_classes_unknown };
        Ok((ebpf, kept))
    }
}

/// The consequence of maps that are not pinned.
const NOT_COUNTED: &str =
    "traffic is not counted while the exporter is stopped";

/// Returns a number that no other call returns, and not zero: the keys of std's
/// hash are random.
pub(super) fn unique(of: &str) -> u64 {
    RandomState::new().hash_one(of) | 1
}
