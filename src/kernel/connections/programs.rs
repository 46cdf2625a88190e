//! Counts connections by the programs of `bpf-src/connections.bpf.c`.

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
    EVENTS, FIND, GRACE, GROWTH, GROWTH_RESTS, ONLY_NAMESPACE,
    ROUND_TRIP_BOUNDS, SETTINGS, SOCKETS, VISIT,
};
use crate::kernel::error::{Error, load_error, missing_part};
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
    visit: OwnedFd,
    _events: [OwnedFd; 2],
}

impl Programs {
    /// Loads the programs, attaches them, and finds the connections that are
    /// open already.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn open(scope: ConnectionsScope) -> Result<Self, Error> {
        let mut ebpf = load(scope)?;
        let parts = take_parts(&mut ebpf)?;
        let sockets = match take(&mut ebpf, SOCKETS)? {
            Map::SkStorage(map) => map,
            _ => return Err(missing_part(SOCKETS)),
        };
        let visit = fd_of(&ebpf, VISIT)?;
        let visit = sys::link_iterator(visit, Some(sockets.fd().as_fd()))
            .map_err(cannot("attach the iterator of sockets"))?;
        let attach = |name| {
            sys::attach_tracepoint(fd_of(&ebpf, name)?)
                .map_err(cannot("attach to inet_sock_set_state"))
        };
        let events = [attach(EVENTS[0])?, attach(EVENTS[1])?];
        let find = sys::link_iterator(fd_of(&ebpf, FIND)?, None)
            .map_err(cannot("attach the iterator of TCP"))?;
        walk(find.as_fd()).map_err(cannot("find the open connections"))?;
        let growth = Growth::new(parts);
        Ok(Self { growth, visit, _events: events })
    }
}

impl WatchConnections for Programs {
    fn method(&self) -> &ConnectionsMethod {
        &ConnectionsMethod::Programs
    }

    fn visit(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        walk(self.visit.as_fd()).map_err(cannot("visit connections"))?;
        self.take(credit)
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

    fn untracked(&self) -> u64 {
        self.growth.untracked()
    }
}

fn cannot(action: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::call(action, source)
}

/// Loads the object with all programs.
fn load(scope: ConnectionsScope) -> Result<Ebpf, Error> {
    let namespace = match scope {
        ConnectionsScope::Namespace => own_namespace()
            .map_err(cannot("find the own network namespace"))?,
        ConnectionsScope::Host => 0,
    };
    let mut loader = EbpfLoader::new();
    loader.override_global(ONLY_NAMESPACE, &namespace, true);
    loader.override_global(ROUND_TRIP_BOUNDS, RTT_BOUNDS.as_slice(), true);
    let loaded = sys::without_signals(|| loader.load(OBJECT));
    let mut ebpf = loaded.map_err(load_error)?;
    // It holds the kernel's types, some MiB.
    drop(loader);
    load_programs(&mut ebpf).map_err(load_error)?;
    sys::trim_memory();
    Ok(ebpf)
}

fn load_programs(ebpf: &mut Ebpf) -> Result<(), EbpfError> {
    let types = Btf::from_sys_fs()?;
    for name in EVENTS {
        let program = program_mut::<BtfTracePoint>(ebpf, name)?;
        sys::without_signals(|| program.load("inet_sock_set_state", &types))?;
    }
    for (name, kind) in [(VISIT, "bpf_sk_storage_map"), (FIND, "tcp")] {
        let program = program_mut::<Iter>(ebpf, name)?;
        sys::without_signals(|| program.load(kind, &types))?;
    }
    Ok(())
}

/// Returns the number of the calling thread's network namespace.
fn own_namespace() -> io::Result<u32> {
    let number = fs::metadata("/proc/thread-self/ns/net")?.ino();
    u32::try_from(number).map_err(io::Error::other)
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
    let fd = program.fd().map_err(|error| load_error(error.into()))?;
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
        map_words(map).map_err(|error| Error::call(format!("map {name}"), error))
    };
    let rests = mapped(&array(GROWTH_RESTS)?, GROWTH_RESTS)?;
    let settings_map = array(SETTINGS)?;
    let settings = mapped(&settings_map, SETTINGS)?;
    let grace = ArrayOfMaps::try_from(take(ebpf, GRACE)?)
        .map_err(|error| load_error(error.into()))?;
    Ok(Parts { maps, rests, settings, settings_map, grace })
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, Error> {
    ebpf.take_map(name).ok_or_else(|| missing_part(name))
}

/// Runs an iterator to its end. Each read(2) ends after some thousand objects,
/// with a byte.
fn walk(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut walk = File::from(sys::start_iterator(link)?);
    loop {
        match walk.read(&mut [0; 1]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // After a million objects without a byte, or a signal.
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}
