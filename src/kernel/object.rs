//! The compiled object: its programs and maps, loaded for the sizes they are
//! to have.

use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::AsFd as _;

use aya::maps::Map;
use aya::programs::{ProgramError, SchedClassifier};
use aya::{Ebpf, EbpfLoader};

use super::abi::{ipv4_prefix_mask, ipv6_prefix_masks, names};
use super::counters::TOTALS_PER_CPU;
use super::error::{Error, io_error, load_error};
use super::mapping::MappedWords;
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

/// Loads the object with all programs, for these sizes.
pub(super) fn load(
    settings: &ProbeSettings,
    sizes: Sizes,
    cpus: usize,
) -> Result<Ebpf, Error> {
    // A number that is not limited, for what has one element a CPU.
    let cpus = u32::try_from(cpus).unwrap_or(u32::MAX);
    let ipv4_mask = ipv4_prefix_mask(settings.ipv4_prefix_length);
    let ipv6_masks = ipv6_prefix_masks(settings.ipv6_prefix_length);
    // Odd numbers, so that a multiplication loses nothing.
    let seeds = names::TABLE_SEEDS
        .map(|name| (name, RandomState::new().hash_one(name) | 1));
    let mut loader = EbpfLoader::new();
    loader
        .map_max_entries(names::FLOWS, sizes.map_entries.get())
        .map_max_entries(
            names::FLOW_TABLE,
            sizes.table_sets.saturating_mul(cpus).max(1),
        )
        .map_max_entries(
            names::TABLE_RESTS,
            match sizes.has_rests {
                true => sizes.table_sets.saturating_mul(cpus).max(1),
                false => 1,
            },
        )
        .map_max_entries(names::TOTALS, TOTALS_PER_CPU.saturating_mul(cpus))
        .map_max_entries(names::STATISTICS, cpus)
        .override_global(names::TABLE_SETS, &sizes.table_sets, true)
        .override_global(names::ADMISSION_LIMIT, &sizes.admission_limit, true)
        .override_global(names::IPV4_PREFIX_MASK, &ipv4_mask, true)
        .override_global(names::IPV6_PREFIX_MASKS, &ipv6_masks, true);
    for (name, seed) in &seeds {
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
    let unmapped = |source| Error::call(format!("map {name}"), source);
    let info = array.info().map_err(|error| unmapped(io_error(error)))?;
    let words = info.max_entries() as usize * info.value_size() as usize / 8;
    MappedWords::map(array.fd().as_fd(), words).map_err(unmapped)
}

/// Takes the map with this name out.
pub(super) fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| missing_part(name))
}

/// Says that the object is not the one that belongs to this program.
pub(super) fn missing_part(name: &str) -> Error {
    Error::Load { reason: format!("the object has no fitting {name:?}") }
}
