//! The compiled object: its programs and maps, loaded in the needed sizes.

use std::io;
use std::os::fd::AsFd as _;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use aya::maps::{Map, MapData};
use aya::programs::{Program, ProgramError, SchedClassifier};
use aya::{Ebpf, EbpfLoader};

use super::abi::names;
use super::constants::with_constants;
use super::errno::io_error;
use super::error::{Error, load_error, missing_part};
use super::features::{Conditions, FEATURES, map_sizes, pinned_maps};
use super::kept::unique;
use super::links::{Pair, Programs};
use super::map_shape::{self, MapShapes};
use super::mapping::MappedWords;
use super::pins::Pins;
use super::sys;

/// The object that `build.rs` compiled.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/traffic.bpf.o"));

/// Returns a program.
pub(super) fn classifier<'a>(
    ebpf: &'a Ebpf,
    name: &str,
) -> Result<&'a SchedClassifier, ProgramError> {
    ebpf.program(name)
        .ok_or_else(|| ProgramError::InvalidName { name: name.into() })?
        .try_into()
}

/// Loads all programs at the same time, each on a thread of its own. The
/// verifier takes most of a start's time, and can use all CPUs.
///
/// # Errors
/// If the kernel refuses one of them, or the system has no thread left.
fn load_programs(ebpf: &mut Ebpf) -> Result<(), Error> {
    // A signal that a thread handles meanwhile, such as an early SIGHUP, would
    // end the verifier's work with EAGAIN. The threads inherit that they
    // handle none.
    let loads: Vec<_> = sys::without_signals(|| {
        thread::scope(|scope| {
            let verify = |(_, program)| {
                let name = "verifier".to_owned();
                let thread = thread::Builder::new().name(name);
                thread.spawn_scoped(scope, || load_program(program))
            };
            let verifiers: Vec<_> = ebpf.programs_mut().map(verify).collect();
            let loaded = |verifier: ScopedJoinHandle<'_, _>| {
                verifier.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            verifiers.into_iter().map(|it| it.map(loaded)).collect()
        })
    });
    for load in loads {
        load.map_err(|error| Error::call("start a thread", error))?
            .map_err(|error| load_error(error.into()))?;
    }
    Ok(())
}

fn load_program(program: &mut Program) -> Result<(), ProgramError> {
    let program: &mut SchedClassifier = program.try_into()?;
    program.load()
}

/// Returns odd numbers, so that a multiplication by them loses nothing.
pub(super) fn random_seeds() -> [u64; 3] {
    ["first", "second", "rest"].map(unique)
}

/// Returns the needed shape of each pinned map under these conditions.
///
/// # Errors
/// If the object is not the one that belongs to this program.
pub(super) fn map_shapes(on: &Conditions<'_>) -> Result<MapShapes, Error> {
    let names: Vec<_> = pinned_maps().collect();
    map_shape::of_object(OBJECT, &names, &map_sizes(on))
}

/// Loads the object with all programs and maps, as the plans of the features
/// say. Maps that are in `pins` are taken from there; others are made, and
/// pinned there.
///
/// # Errors
/// If the object cannot be loaded, or a map cannot be pinned.
pub(super) fn load(
    on: &Conditions<'_>,
    pins: Option<&Pins>,
) -> Result<Ebpf, Error> {
    let variables: Vec<_> =
        FEATURES.iter().flat_map(|feature| (feature.variables)(on)).collect();
    let mut loader = EbpfLoader::new();
    for (name, max_entries) in map_sizes(on) {
        loader.map_max_entries(name, max_entries);
    }
    if let Some(pins) = pins {
        for name in pinned_maps() {
            loader.map_pin_path(name, pins.map_path(name));
        }
    }
    for (name, value) in &variables {
        loader.override_global(name, value.as_slice(), true);
    }
    let values: Vec<_> =
        FEATURES.iter().flat_map(|feature| (feature.constants)(on)).collect();
    let (object, _) = with_constants(OBJECT, &values)
        .map_err(|number| missing_part(&format!("constant {number}")))?;
    // The loader tests the kernel's features with programs of its own, and
    // keeps the results for good.
    let loaded = sys::without_signals(|| loader.load(&object));
    let mut ebpf = loaded.map_err(load_error)?;
    load_programs(&mut ebpf)?;
    Ok(ebpf)
}

/// Maps the array with this name into memory.
pub(super) fn take_mapped(
    ebpf: &mut Ebpf,
    name: &str,
) -> Result<MappedWords, Error> {
    let array = match take(ebpf, name)? {
        Map::Array(array) => array,
        _ => return Err(missing_part(name)),
    };
    map_words(&array)
        .map_err(|source| Error::call(format!("map {name}"), source))
}

/// Maps all of an array into memory.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn map_words(array: &MapData) -> io::Result<MappedWords> {
    let info = array.info().map_err(io_error)?;
    // An element takes whole words (array_map_alloc() in arraymap.c).
    let of_element = info.value_size().div_ceil(8) as usize;
    let words = info.max_entries() as usize * of_element;
    MappedWords::map(array.fd().as_fd(), words)
}

/// Returns every program that counts.
pub(super) fn programs(ebpf: &Ebpf) -> Result<Programs<'_>, Error> {
    let program = |name| {
        classifier(ebpf, name)
            .and_then(SchedClassifier::fd)
            .map(|fd| fd.as_fd())
            .map_err(|error| load_error(error.into()))
    };
    let pair = |ingress, egress| {
        let (ingress, egress) = (program(ingress)?, program(egress)?);
        Ok::<_, Error>(Pair { ingress, egress })
    };
    Ok(Programs {
        ethernet: pair(names::INGRESS, names::EGRESS)?,
        none: pair(names::INGRESS_L3, names::EGRESS_L3)?,
    })
}

/// Takes the map with this name out.
pub(super) fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| missing_part(name))
}
