//! The compiled object: its programs and maps, loaded for the sizes they are
//! to have.

use std::io;
use std::os::fd::AsFd as _;

use aya::maps::{Map, MapData};
use aya::programs::{ProgramError, SchedClassifier};
use aya::{Ebpf, EbpfLoader};

use super::abi::{ipv4_prefix_mask, ipv6_prefix_masks, names};
use super::counters::TOTALS_PER_CPU;
use super::error::{Error, io_error, load_error};
use super::kept::unique;
use super::links::{Pair, Programs};
use super::map_shape::{self, MapShape};
use super::mapping::MappedWords;
use super::marks::Marks;
use super::pins::Pins;
use super::probe::ProbeSettings;
use super::sizes::Sizes;
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

fn classifier_mut<'a>(
    ebpf: &'a mut Ebpf,
    name: &str,
) -> Result<&'a mut SchedClassifier, ProgramError> {
    ebpf.program_mut(name)
        .ok_or_else(|| ProgramError::InvalidName { name: name.into() })?
        .try_into()
}

/// Loads a program. A signal that this thread has to handle meanwhile, such as
/// an early SIGHUP, would end the verifier's work with EAGAIN: others take it.
fn load_program(program: &mut SchedClassifier) -> Result<(), ProgramError> {
    sys::without_signals(|| program.load())
}

/// Returns odd numbers, so that a multiplication by them loses nothing.
pub(super) fn random_seeds() -> [u64; 3] {
    names::TABLE_SEEDS.map(unique)
}

/// Returns how many elements each map has whose size is not always the same.
pub(super) fn map_sizes(sizes: Sizes, cpus: usize) -> [(&'static str, u32); 7] {
    // A number that is not limited, for what has one element a CPU.
    let ids = u32::try_from(cpus).unwrap_or(u32::MAX);
    let sets = sizes.table_sets.saturating_mul(ids).max(1);
    let words = Marks::<MappedWords>::words(sizes.table_entries(cpus));
    [
        (names::FLOWS, sizes.map_entries.get()),
        (names::FLOW_FILTER, sizes.filter_words()),
        (names::FLOW_TABLE, sets),
        (names::TABLE_RESTS, if sizes.has_rests { sets } else { 1 }),
        (names::TOTALS, TOTALS_PER_CPU.saturating_mul(ids)),
        (names::STATISTICS, ids),
        (names::MARKS, u32::try_from(words).unwrap_or(u32::MAX)),
    ]
}

/// Returns what each map that is pinned has to be, with these sizes.
///
/// # Errors
/// Where the object is not the one that belongs to this program.
pub(super) fn map_shapes(
    map_sizes: &[(&'static str, u32)],
) -> Result<Vec<(&'static str, MapShape)>, Error> {
    map_shape::of_object(OBJECT, &names::MAPS, map_sizes)
}

/// Loads the object with all programs, with maps of these sizes: those that are
/// pinned, or new ones that are pinned from now on, where there are to be
/// pins.
pub(super) fn load(
    settings: &ProbeSettings,
    sizes: Sizes,
    map_sizes: &[(&'static str, u32)],
    seeds: [u64; 3],
    is_ipsec_told: bool,
    pins: Option<&Pins>,
) -> Result<Ebpf, Error> {
    let ipv4_mask = ipv4_prefix_mask(settings.ipv4_prefix_length);
    let ipv6_masks = ipv6_prefix_masks(settings.ipv6_prefix_length);
    let filter_mask = sizes.filter_words() - 1;
    let has_ipsec = u32::from(is_ipsec_told);
    let mut loader = EbpfLoader::new();
    for (name, max_entries) in map_sizes {
        loader.map_max_entries(name, *max_entries);
    }
    match pins {
        Some(pins) => {
            for name in names::MAPS {
                loader.map_pin_path(name, pins.map_path(name));
            }
        }
        // Nobody will read them.
        None => drop(loader.map_max_entries(names::MARKS, 1)),
    }
    loader
        .override_global(names::TABLE_SETS, &sizes.table_sets, true)
        .override_global(names::FILTER_MASK, &filter_mask, true)
        .override_global(names::HAS_IPSEC, &has_ipsec, true)
        .override_global(names::FILTER_SEED, &seeds[0], true)
        .override_global(names::ADMISSION_LIMIT, &sizes.admission_limit, true)
        .override_global(names::IPV4_PREFIX_MASK, &ipv4_mask, true)
        .override_global(names::IPV6_PREFIX_MASKS, &ipv6_masks, true);
    for (name, seed) in names::TABLE_SEEDS.iter().zip(&seeds) {
        loader.override_global(name, seed, true);
    }
    // It tries out what the kernel can, with programs of its own, and believes
    // for good what it saw.
    let loaded = sys::without_signals(|| loader.load(OBJECT));
    let mut ebpf = loaded.map_err(load_error)?;
    for name in [
        names::INGRESS,
        names::EGRESS,
        names::INGRESS_L3,
        names::EGRESS_L3,
        names::CLOCK,
    ] {
        classifier_mut(&mut ebpf, name)
            .and_then(load_program)
            .map_err(|error| load_error(error.into()))?;
    }
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
/// Whatever the kernel says.
pub(super) fn map_words(array: &MapData) -> io::Result<MappedWords> {
    let info = array.info().map_err(io_error)?;
    let words = info.max_entries() as usize * info.value_size() as usize / 8;
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

/// Says that the object is not the one that belongs to this program.
pub(super) fn missing_part(name: &str) -> Error {
    Error::Load { reason: format!("the object has no fitting {name:?}") }
}
