//! Counts connections by the programs of `bpf-src/connections.bpf.c`.
//!
//! Opening needs CAP_BPF and CAP_PERFMON, and these calls: of bpf(2)
//! BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_MAP_FREEZE, BPF_BTF_LOAD,
//! BPF_PROG_LOAD, BPF_OBJ_GET_INFO_BY_FD, BPF_RAW_TRACEPOINT_OPEN,
//! BPF_LINK_CREATE and BPF_ITER_CREATE; openat(2) to read
//! `/sys/kernel/btf/vmlinux`; statx(2) of the own network namespace; mmap(2) of
//! maps. A visit needs no capability, and of bpf(2) BPF_ITER_CREATE,
//! BPF_MAP_UPDATE_ELEM and BPF_MAP_LOOKUP_AND_DELETE_BATCH.

use std::fs;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use aya::maps::{ArrayOfMaps, Map, MapData};
use aya::programs::{BtfTracePoint, Iter, ProgramError};
use aya::{Btf, Ebpf, EbpfError, EbpfLoader};

use super::growth::{Growth, Parts};
use super::{ConnectionsMethod, Credit, WatchConnections};
use crate::accounting::RTT_BOUNDS;
use crate::config::ConnectionsScope;
use crate::kernel::abi::connections::{
    EVENTS, FINDS, GRACE, GROWTH, GROWTH_RESTS, HAS_ALL_NAMESPACES,
    OWN_NAMESPACE, ROUND_TRIP_BOUNDS, SETTINGS, VISITS,
};
use crate::kernel::capabilities::Capability;
use crate::kernel::errno::os_error;
use crate::kernel::error::{Error, load_reason, missing_part};
use crate::kernel::object::map_words;
use crate::kernel::sys;

/// The object that `build.rs` compiled.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/connections.bpf.o"));

/// The programs at work. The kernel frees them, their maps and what they know
/// of the sockets when the descriptors are closed.
#[derive(Debug)]
pub(super) struct Programs {
    growth: Growth,
    visits: Vec<OwnedFd>,
    /// True if a visit sees every socket.
    is_exact: bool,
    _events: Vec<OwnedFd>,
}

/// The objects that an iterator walks over: TCP sockets, or open files.
const ITERATED: [&str; 2] = ["tcp", "task_file"];

impl Programs {
    /// Loads the programs, attaches them, and finds the connections that are
    /// open already.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn open(scope: ConnectionsScope) -> Result<Self, Error> {
        let walks = match scope {
            ConnectionsScope::Namespace => 1,
            ConnectionsScope::Host => 2,
        };
        let mut ebpf = load(walks)?;
        let mut growth = Growth::new(take_parts(&mut ebpf)?);
        let attach = |name: &&str| {
            sys::attach_tracepoint(fd_of(&ebpf, name)?)
                .map_err(cannot("attach to inet_sock_set_state"))
        };
        let link = |name: &&str| {
            sys::link_iterator(fd_of(&ebpf, name)?)
                .map_err(cannot("attach an iterator of sockets"))
        };
        let events = EVENTS.iter().map(attach).collect::<Result<_, _>>()?;
        let finds: Vec<_> =
            FINDS[..walks].iter().map(link).collect::<Result<_, _>>()?;
        let visits =
            VISITS[..walks].iter().map(link).collect::<Result<_, _>>()?;
        find(&mut growth, &finds)
            .map_err(cannot("find the open connections"))?;
        let is_exact = walks == 1 && sees_every_socket(&release());
        Ok(Self { growth, visits, is_exact, _events: events })
    }
}

impl WatchConnections for Programs {
    fn method(&self) -> &ConnectionsMethod {
        &ConnectionsMethod::Programs
    }

    fn visit(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        let Self { growth, visits, .. } = self;
        growth.begin_visit();
        let mut take = || growth.take(&mut *credit);
        let visited = visits.iter().try_for_each(|it| walk(it, &mut take));
        let taken = self.take(credit);
        visited.map_err(cannot("visit connections")).and(taken)
    }

    fn take(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        self.growth.take(credit).map_err(cannot("read connections"))
    }

    fn recount(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        self.growth.recount(credit).map_err(cannot("read connections"))
    }

    fn is_crowded(&self) -> bool {
        self.growth.is_crowded()
    }

    fn is_displaced(&self) -> bool {
        self.growth.is_displaced()
    }

    fn visited(&self) -> Option<u64> {
        self.is_exact.then(|| self.growth.visited())
    }

    fn untracked(&self) -> u64 {
        self.growth.untracked()
    }
}

fn cannot(action: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => not_permitted(action),
        _ => Error::call(action, source),
    }
}

/// Returns an error that names the missing capabilities.
fn not_permitted(action: &str) -> Error {
    Error::NotPermitted {
        action: action.into(),
        lacking: Capability::lacking_of(&Capability::TRACING),
        are_given_up: false,
    }
}

/// Returns the error of a failed load. Without a capability, the kernel may say
/// EPERM, EACCES or EINVAL.
fn cannot_load(error: EbpfError) -> Error {
    const ACTION: &str = "load the eBPF programs";
    let source = os_error(&error);
    let is_refused =
        source.is_some_and(|source| source.raw_os_error() == Some(libc::EPERM));
    if is_refused || !Capability::lacking_of(&Capability::TRACING).is_empty() {
        return not_permitted(ACTION);
    }
    Error::Load { reason: load_reason(&error) }
}

/// Finds the connections that are open already. Files come in no order: the
/// first walk over them notes the ports that sockets listen at, for the second.
fn find(growth: &mut Growth, finds: &[OwnedFd]) -> io::Result<()> {
    // These programs write nothing.
    let walk = |find| walk(find, &mut || Ok(()));
    growth.while_finding(|| {
        finds.iter().skip(1).try_for_each(walk)?;
        finds.iter().try_for_each(walk)
    })?
}

/// Loads the object with the programs for so many walks.
fn load(walks: usize) -> Result<Ebpf, Error> {
    let namespace =
        own_namespace().map_err(cannot("find the own network namespace"))?;
    let mut loader = EbpfLoader::new();
    loader.override_global(OWN_NAMESPACE, &namespace, true);
    let has_all = &u32::from(walks > 1);
    loader.override_global(HAS_ALL_NAMESPACES, has_all, true);
    loader.override_global(ROUND_TRIP_BOUNDS, RTT_BOUNDS.as_slice(), true);
    let loaded = sys::without_signals(|| loader.load(OBJECT));
    let mut ebpf = loaded.map_err(cannot_load)?;
    // It holds the kernel's types, some MiB.
    drop(loader);
    load_programs(&mut ebpf, walks).map_err(cannot_load)?;
    sys::trim_memory();
    Ok(ebpf)
}

fn load_programs(ebpf: &mut Ebpf, walks: usize) -> Result<(), EbpfError> {
    let types = Btf::from_sys_fs()?;
    for name in EVENTS {
        let program = program_mut::<BtfTracePoint>(ebpf, name)?;
        sys::without_signals(|| program.load("inet_sock_set_state", &types))?;
    }
    for names in [FINDS, VISITS] {
        for (name, kind) in names.into_iter().zip(ITERATED).take(walks) {
            let program = program_mut::<Iter>(ebpf, name)?;
            sys::without_signals(|| program.load(kind, &types))?;
        }
    }
    Ok(())
}

/// Returns the number of the calling thread's network namespace.
fn own_namespace() -> io::Result<u32> {
    let number = fs::metadata("/proc/thread-self/ns/net")?.ino();
    u32::try_from(number).map_err(io::Error::other)
}

fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()
}

/// Returns whether the iterator over sockets neither skips nor repeats one when
/// the table changes under it (bpf_iter_tcp_resume(), 6.17).
fn sees_every_socket(release: &str) -> bool {
    let mut numbers = release.split(['.', '-', '+']).map(str::parse);
    let mut next = || numbers.next().and_then(Result::ok);
    matches!((next(), next()), (Some(major), Some(minor))
        if (major, minor) >= (6_u32, 17_u32))
}

fn program_mut<'a, P>(
    ebpf: &'a mut Ebpf,
    name: &str,
) -> Result<&'a mut P, ProgramError>
where
    P: 'a,
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    ebpf.program_mut(name)
        .ok_or_else(|| ProgramError::InvalidName { name: name.into() })?
        .try_into()
}

fn fd_of<'a>(ebpf: &'a Ebpf, name: &str) -> Result<BorrowedFd<'a>, Error> {
    let program = ebpf.program(name).ok_or_else(|| missing_part(name))?;
    let fd = program.fd().map_err(|error| cannot_load(error.into()))?;
    Ok(fd.as_fd())
}

fn take_parts(ebpf: &mut Ebpf) -> Result<Parts, Error> {
    let mut hash = |name| match take(ebpf, name)? {
        Map::HashMap(map) => Ok(map),
        _ => Err(missing_part(name)),
    };
    let maps = [hash(GROWTH[0])?, hash(GROWTH[1])?];
    let mut array = |name| match take(ebpf, name)? {
        Map::Array(map) => Ok(map),
        _ => Err(missing_part(name)),
    };
    let mapped = |map: &MapData, name: &str| {
        map_words(map)
            .map_err(|error| Error::call(format!("map {name}"), error))
    };
    let rests = mapped(&array(GROWTH_RESTS)?, GROWTH_RESTS)?;
    let settings_map = array(SETTINGS)?;
    let settings = mapped(&settings_map, SETTINGS)?;
    let grace = ArrayOfMaps::try_from(take(ebpf, GRACE)?)
        .map_err(|error| cannot_load(error.into()))?;
    Ok(Parts { maps, rests, settings, settings_map, grace })
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| missing_part(name))
}

/// Runs an iterator to its end. Calls `take` each time that its program wrote a
/// byte.
fn walk(
    link: &OwnedFd,
    take: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let mut walk = File::from(sys::start_iterator(link.as_fd())?);
    loop {
        match walk.read(&mut [0; 1]) {
            Ok(0) => return Ok(()),
            Ok(_) => take()?,
            // After a million objects, or a signal.
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn visits_are_exact_since_6_17() {
        for (release, expected) in [
            ("6.18.44-x", true),
            ("6.17", true),
            ("7.0-rc1", true),
            ("6.16.12-amd64", false),
            ("5.15.0-91-generic", false),
            ("", false),
        ] {
            assert_eq!(
                super::sees_every_socket(release),
                expected,
                "{release}"
            );
        }
    }
}
