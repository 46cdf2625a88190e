//! Maps and links that count on while no exporter runs: whether those that an
//! earlier one left can be counted on in, and how this one's are kept.

use std::hash::{BuildHasher as _, RandomState};
use std::io;

use aya::Ebpf;
use aya::maps::Map;

use super::abi::names;
use super::error::Error;
use super::links::Hook;
use super::map_shape::MapShape;
use super::mapping::MappedWords;
use super::marks::{Marks, Shape};
use super::object;
use super::pins::Pins;
use super::probe::ProbeSettings;
use super::sizes::Sizes;

/// How counting is to go on when this process ends.
#[derive(Debug)]
pub struct Keep {
    /// Where it is pinned.
    pub pins: Pins,
    /// The epoch of the maps that the counters were last read from, if that is
    /// known: only those can be counted on in.
    pub epoch: Option<u64>,
}

/// What is kept for the next process.
#[derive(Debug)]
pub(super) struct Kept {
    held: Held,
    pub(super) marks: Marks<MappedWords>,
    /// Whether an earlier process counted in it.
    pub(super) is_adopted: bool,
}

/// The pins. What no process began to count in goes with this.
#[derive(Debug)]
struct Held {
    pins: Pins,
    /// Whether they are to stay when this goes.
    stays: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.stays {
            // What is left is found by the next start, to be of no use.
            let _ = self.pins.clear();
        }
    }
}

impl Kept {
    pub(super) fn pins(&self) -> &Pins {
        &self.held.pins
    }

    /// Returns whether it stays when this goes.
    pub(super) fn stays(&self) -> bool {
        self.held.stays
    }

    /// Lets it stay when this goes, from now on.
    pub(super) fn let_stay(&mut self) {
        self.held.stays = true;
    }
}

/// What there is in the directory.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Nothing to go on with, and why, where there was something.
    Nothing(Option<String>),
    /// Maps as they are needed, whose places in the flow table come from these
    /// seeds.
    Maps { seeds: [u64; 3] },
}

/// # Errors
/// Why what is there is of no use.
fn look(
    pins: &Pins,
    epoch: Option<u64>,
    shape: Shape,
    maps: &[(&str, MapShape)],
) -> Result<Found, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let Some(map) = pins.map(names::MARKS).map_err(unreadable)? else {
        return Ok(Found::Nothing(None));
    };
    let marks = Marks::new(object::map_words(&map).map_err(unreadable)?);
    if marks.epoch() == 0 {
        return Err("the start that made it did not end well".into());
    }
    if let Some(difference) = marks.shape().difference(&shape) {
        return Err(difference);
    }
    if epoch != Some(marks.epoch()) {
        return Err("the saved counters do not belong to it".into());
    }
    for (name, needed) in maps {
        let unreadable = |error: io::Error| {
            format!("its map {name} cannot be read: {error}")
        };
        let Some(map) = pins.map(name).map_err(unreadable)? else {
            return Err(format!("its map {name} is missing"));
        };
        let found = MapShape::of(&map).map_err(unreadable)?;
        if let Some(difference) = found.difference(needed) {
            return Err(format!("its map {name} has {difference}"));
        }
    }
    Ok(Found::Maps { seeds: marks.seeds() })
}

/// What was loaded.
pub(super) struct Loaded {
    pub(super) ebpf: Ebpf,
    /// What is kept of it, and the marks once more, for the flow table.
    pub(super) kept: Option<(Kept, Marks<MappedWords>)>,
    /// Why nothing is kept, or counting goes on from nothing.
    pub(super) notices: Vec<String>,
}

/// How the object is loaded.
pub(super) struct Loader<'a> {
    pub(super) settings: &'a ProbeSettings,
    pub(super) sizes: Sizes,
    /// Possible CPUs.
    pub(super) cpus: usize,
    pub(super) hook: Hook,
    /// Whether the kernel tells programs what IPsec decrypted.
    pub(super) is_ipsec_told: bool,
}

impl Loader<'_> {
    /// Loads the object, and keeps its maps where that is asked for and can be.
    ///
    /// # Errors
    /// Where it cannot be loaded, kept or not.
    pub(super) fn load(&self, keep: Option<Keep>) -> Result<Loaded, Error> {
        let mut notices = Vec::new();
        match keep {
            Some(_) if self.hook == Hook::Clsact => notices.push(format!(
                "{NOT_COUNTED}: only the links of Linux 6.6 and later can be \
                 kept"
            )),
            Some(keep) => {
                let directory = keep.pins.directory().display().to_string();
                match self.load_kept(keep, &mut notices) {
                    Ok((ebpf, kept)) => {
                        return Ok(Loaded { ebpf, kept: Some(kept), notices });
                    }
                    // It may be the pins that it fails for. What it is
                    // otherwise, shows.
                    Err(error) => notices.push(format!(
                        "{NOT_COUNTED}: cannot pin maps in {directory}: {}",
                        line_of(&error)
                    )),
                }
            }
            None => {}
        }
        let seeds = object::random_seeds();
        let map_sizes = object::map_sizes(self.sizes, self.cpus);
        let ebpf = self.load_object(&map_sizes, seeds, None)?;
        Ok(Loaded { ebpf, kept: None, notices })
    }

    fn load_object(
        &self,
        map_sizes: &[(&'static str, u32)],
        seeds: [u64; 3],
        pins: Option<&Pins>,
    ) -> Result<Ebpf, Error> {
        object::load(
            self.settings,
            self.sizes,
            map_sizes,
            seeds,
            self.is_ipsec_told,
            pins,
        )
    }

    /// Loads it with maps that are pinned already, or from now on.
    fn load_kept(
        &self,
        Keep { pins, epoch }: Keep,
        notices: &mut Vec<String>,
    ) -> Result<(Ebpf, (Kept, Marks<MappedWords>)), Error> {
        let map_sizes = object::map_sizes(self.sizes, self.cpus);
        let shape = Shape::of(self.settings, self.sizes, self.cpus);
        let maps = object::map_shapes(&map_sizes)?;
        let found = look(&pins, epoch, shape, &maps)
            .unwrap_or_else(|reason| Found::Nothing(Some(reason)));
        let (seeds, is_adopted) = match found {
            Found::Maps { seeds } => (seeds, true),
            Found::Nothing(reason) => {
                notices.extend(reason.map(|reason| {
                    format!(
                        "what was counted while no exporter ran is left out: \
                         what is pinned in {} cannot be gone on with: {reason}",
                        pins.directory().display()
                    )
                }));
                pins.clear()?;
                (object::random_seeds(), false)
            }
        };
        let held = Held { pins, stays: is_adopted };
        let mut ebpf = self.load_object(&map_sizes, seeds, Some(&held.pins))?;
        let map = match object::take(&mut ebpf, names::MARKS)? {
            Map::Array(map) => map,
            _ => return Err(object::missing_part(names::MARKS)),
        };
        let words = || {
            object::map_words(&map)
                .map_err(|source| Error::call("map marks", source))
        };
        let (marks, for_table) = (Marks::new(words()?), Marks::new(words()?));
        if !is_adopted {
            marks.begin(unique(names::MARKS), shape, seeds);
        }
        let kept = Kept { held, marks, is_adopted };
        Ok((ebpf, (kept, for_table)))
    }
}

/// Returns an error and its causes in one line.
fn line_of(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What follows where nothing is kept.
const NOT_COUNTED: &str =
    "what passes while no exporter runs will not be counted";

/// Returns a number that no other call returns, and not zero: std's hash keys
/// are random.
pub(super) fn unique(of: &str) -> u64 {
    RandomState::new().hash_one(of) | 1
}
