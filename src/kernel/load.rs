//! Loads the programs and hands out their parts.

use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Map, MapError};

use super::abi::names;
use super::attachments::TrafficAttacher;
use super::baselines::Baselines;
use super::classes::ClassMaps;
use super::counters::Totals;
use super::cpus::Cpus;
use super::error::{Error, load_error, missing_part};
use super::flows::FlowReader;
use super::ipsec::{self, IpsecSwitch, IpsecWatch};
use super::kept::{Keep, LoadedObject, Loader};
use super::links::Method;
use super::mapping::MappedWords;
use super::parts::Loaded;
use super::parts::Room;
use super::read_volumes::ReadVolumes;
use super::reader::TrafficReader;
use super::rights::Rights;
use super::settings::ProbeSettings;
use super::sizes::Sizes;
use super::table::Table;
use super::{grace, object, sys, version};

/// Loads the programs, and makes the maps or adopts those that an earlier
/// process pinned. Attaches to nothing.
///
/// # Errors
/// If the kernel is too old or a capability is missing; the error names it.
pub fn load(
    settings: &ProbeSettings,
    keep: Option<Keep>,
) -> Result<Loaded<TrafficAttacher, TrafficReader>, Error> {
    version::check()?;
    // Two links an interface are two files, and the usual soft limit is 1,024.
    // If this fails, the error of attaching names the limit.
    let _ = sys::raise_open_files();
    let cpus = Cpus::possible()?;
    let obstacle = grace::obstacle();
    let sizes = Sizes::of(settings, cpus.ids, obstacle.is_none());
    let method = Method::find()?;
    let hook = method.hook();
    let is_ipsec_told = ipsec::is_told();
    let loader =
        Loader { settings, sizes, cpus: cpus.ids, hook, is_ipsec_told };
    let LoadedObject { mut ebpf, kept, notices } = loader.load(keep)?;
    let tick = sys::jiffy().map_err(|source| {
        Error::call("read the resolution of the coarse clock", source)
    })?;
    let mut table = table_of(&mut ebpf, sizes, cpus)?;
    if let (Some(table), Some(_)) = (&mut table, &kept) {
        let words = object::take_mapped(&mut ebpf, names::TABLE_MARKS)?;
        table.remember_in(ReadVolumes::new(words));
    }
    let map_error = |error: MapError| load_error(error.into());
    let interfaces = object::take(&mut ebpf, names::INTERFACES)?;
    let switch = match &interfaces {
        Map::Array(map) => object::map_words(map)
            .map_err(|source| Error::call("map interfaces", source))?,
        _ => return Err(missing_part(names::INTERFACES)),
    };
    let switch = Arc::new(IpsecSwitch::new(switch));
    let watch = is_ipsec_told.then(|| IpsecWatch::start(Arc::clone(&switch)));
    let far_interfaces = object::take(&mut ebpf, names::FAR_INTERFACES)?;
    let classes = settings
        .has_classes
        .then(|| {
            let are_unknown =
                kept.as_ref().is_some_and(|kept| kept.are_classes_unknown);
            ClassMaps::take(&mut ebpf, kept.is_some(), are_unknown)
        })
        .transpose()?;
    let baselines = Baselines::default();
    let totals =
        Arc::new(Totals(object::take_mapped(&mut ebpf, names::TOTALS)?));
    let statistics = object::take_mapped(&mut ebpf, names::STATISTICS)?;
    let admission = object::take_mapped(&mut ebpf, names::ADMISSION)?;
    let flows = match object::take(&mut ebpf, names::FLOWS)? {
        Map::PerCpuLruHashMap(map) => map,
        _ => return Err(missing_part(names::FLOWS)),
    };
    let class_totals = settings
        .has_classes
        .then(|| match object::take(&mut ebpf, names::CLASS_TOTALS)? {
            Map::PerCpuHashMap(map) => Ok(map),
            _ => Err(missing_part(names::CLASS_TOTALS)),
        })
        .transpose()?;
    let ebpf = Arc::new(ebpf);
    let rights = Rights::default();
    let attacher = TrafficAttacher::new(
        Arc::clone(&ebpf),
        method,
        kept,
        interfaces.try_into().map_err(map_error)?,
        far_interfaces.try_into().map_err(map_error)?,
        switch,
        classes,
        Arc::clone(&totals),
        baselines.clone(),
        rights.clone(),
        notices,
    );
    let reader = TrafficReader {
        ebpf,
        baselines,
        totals,
        statistics,
        admission,
        room: Room {
            table_bytes: sizes.table_bytes(cpus.ids),
            table_entries: sizes.table_entries(cpus.ids),
            map_entries: sizes.map_entries.get().into(),
            without_table: obstacle.map(str::to_owned),
        },
        table,
        flows,
        class_totals,
        flow_reader: FlowReader::new(cpus.count),
        packets: vec![u64::MAX; cpus.ids],
        releases: 0,
        map_packets: None,
        map_entries: sizes.map_entries,
        tick,
        rights: rights.clone(),
    };
    Ok(Loaded { attacher, reader, ipsec: watch, rights })
}

/// Maps the flow table, if it has any sets.
fn table_of(
    ebpf: &mut Ebpf,
    sizes: Sizes,
    cpus: Cpus,
) -> Result<Option<Table<MappedWords>>, Error> {
    if sizes.table_sets == 0 {
        return Ok(None);
    }
    let words = object::take_mapped(ebpf, names::FLOW_TABLE)?;
    let rests = sizes
        .has_rests
        .then(|| object::take_mapped(ebpf, names::TABLE_RESTS))
        .transpose()?;
    let parts = object::take_mapped(ebpf, names::TABLE_PARTS)?;
    let table = Table::new(words, rests, cpus.ids);
    Ok(Some(table.in_parts(parts, sizes.table_block_sets as usize)))
}
