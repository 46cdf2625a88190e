//! The commands of bpf(2) that aya does not wrap: batches, links by ifindex
//! and what is attached to a device, and other system calls about them. Thin:
//! one function a command.

#![allow(unsafe_code)]

use std::io;
use std::mem::{self, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use aya_obj::generated::{
    BPF_F_BEFORE, bpf_attach_type, bpf_attr, bpf_cmd, bpf_link_info,
};

use super::abi::{TrafficKey, TrafficValue};
use crate::accounting::Direction;

/// Where a batch left off. The kernel keeps a bucket number in it and asks for
/// room for a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor(
    #[expect(dead_code, reason = "only the kernel reads and writes it")]
    [u32; size_of::<TrafficKey>() / 4],
);

/// How a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// This many entries were read and there may be more behind the cursor.
    More(usize),
    /// This many entries were read and these were the last.
    Last(usize),
    /// Nothing was read: the next bucket has more entries than there is room
    /// for.
    TooSmall,
}

/// Calls bpf(2). The result is the call's, never negative.
///
/// # Safety
/// `attr` must be what `command` asks for, and every address in it must be
/// valid for what the kernel reads or writes there.
unsafe fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<i64> {
    // SAFETY: the kernel reads and writes within `attr`, whose size is given,
    // and within the addresses that the caller vouches for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_long,
            std::ptr::from_mut(attr),
            size_of::<bpf_attr>(),
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn zeroed_attr() -> bpf_attr {
    // SAFETY: `bpf_attr` is a union of structs of integers, for which zero is
    // a value; the kernel wants what a command does not use to be zero.
    unsafe { mem::zeroed() }
}

fn fd_number(fd: RawFd) -> u32 {
    u32::try_from(fd).expect("an open file descriptor is not negative")
}

fn address_of<T>(place: &mut [T]) -> u64 {
    place.as_mut_ptr() as u64
}

/// Reads the next entries of the flow map, with one value for each possible
/// CPU. `from` is `None` for the first batch. The cursor moves only where
/// something was read.
///
/// # Errors
/// Whatever bpf(2) says but the two ends of a batch, ENOENT and ENOSPC.
pub(super) fn lookup_batch(
    map: BorrowedFd<'_>,
    from: Option<Cursor>,
    to: &mut Cursor,
    keys: &mut [TrafficKey],
    values: &mut [TrafficValue],
    cpus: usize,
) -> io::Result<Batch> {
    assert_eq!(values.len(), keys.len() * cpus, "one value for each CPU");
    let mut from = from;
    let mut attr = zeroed_attr();
    attr.batch.in_batch =
        from.as_mut().map_or(0, |cursor| std::ptr::from_mut(cursor) as u64);
    attr.batch.out_batch = std::ptr::from_mut(to) as u64;
    attr.batch.keys = address_of(keys);
    attr.batch.values = address_of(values);
    attr.batch.count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    attr.batch.map_fd = fd_number(map.as_raw_fd());

    // SAFETY: the command is given a map fd, two cursors that are large
    // enough for a key, room for `count` keys of the map's key size, and room
    // for as many values for each possible CPU: the value's size is a multiple
    // of eight, so the kernel's stride is the struct's size. All outlive the
    // call.
    let result = unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attr) };
    // SAFETY: the union was last written as `batch`, by us and the kernel.
    let count = unsafe { attr.batch.count } as usize;
    match result {
        Ok(_) => Ok(Batch::More(count)),
        Err(error) => match error.raw_os_error() {
            // The end: what was read so far is still good.
            Some(libc::ENOENT) => Ok(Batch::Last(count)),
            Some(libc::ENOSPC) => Ok(Batch::TooSmall),
            _ => Err(error),
        },
    }
}

/// Reads the values of one flow. Returns whether it was there.
///
/// # Errors
/// Whatever bpf(2) says but ENOENT.
pub(super) fn lookup_flow(
    map: BorrowedFd<'_>,
    key: &TrafficKey,
    values: &mut [TrafficValue],
    cpus: usize,
) -> io::Result<bool> {
    assert_eq!(values.len(), cpus, "one value for each CPU");
    let mut attr = zeroed_attr();
    attr.__bindgen_anon_2.map_fd = fd_number(map.as_raw_fd());
    attr.__bindgen_anon_2.key = std::ptr::from_ref(key) as u64;
    attr.__bindgen_anon_2.__bindgen_anon_1.value = address_of(values);
    // SAFETY: the command reads one key of the map's key size, and writes one
    // value for each possible CPU, for which there is room.
    match unsafe { bpf(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &mut attr) } {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a flow. Returns whether it was there.
///
/// # Errors
/// Whatever bpf(2) says but ENOENT.
pub(super) fn delete_flow(
    map: BorrowedFd<'_>,
    key: &TrafficKey,
) -> io::Result<bool> {
    let mut attr = zeroed_attr();
    attr.__bindgen_anon_2.map_fd = fd_number(map.as_raw_fd());
    attr.__bindgen_anon_2.key = std::ptr::from_ref(key) as u64;
    // SAFETY: the command reads one key of the map's key size.
    match unsafe { bpf(bpf_cmd::BPF_MAP_DELETE_ELEM, &mut attr) } {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

fn tcx_hook(direction: Direction) -> u32 {
    match direction {
        Direction::Received => bpf_attach_type::BPF_TCX_INGRESS as u32,
        Direction::Sent => bpf_attach_type::BPF_TCX_EGRESS as u32,
    }
}

/// Attaches a program to a device's TCX hook, before all others that are
/// there: a program before this one could end the chain or drop the packet,
/// and it would not be counted. Others keep their place behind it.
///
/// By ifindex, because a name may be another device's by now. Closing the
/// result detaches.
///
/// # Errors
/// Whatever bpf(2) says: ENODEV where the device is gone.
pub(super) fn attach_tcx(
    program: BorrowedFd<'_>,
    ifindex: u32,
    direction: Direction,
) -> io::Result<OwnedFd> {
    let mut attr = zeroed_attr();
    attr.link_create.__bindgen_anon_1.prog_fd = fd_number(program.as_raw_fd());
    attr.link_create.__bindgen_anon_2.target_ifindex = ifindex;
    attr.link_create.attach_type = tcx_hook(direction);
    attr.link_create.flags = BPF_F_BEFORE;
    // SAFETY: the command takes no addresses.
    let fd = unsafe { bpf(bpf_cmd::BPF_LINK_CREATE, &mut attr) }?;
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Returns the number that the kernel gave a link.
///
/// # Errors
/// Whatever bpf(2) says.
pub(super) fn link_id(link: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: `bpf_link_info` is made of integers and unions of integers, for
    // which zero is a value.
    let mut info: bpf_link_info = unsafe { mem::zeroed() };
    let mut attr = zeroed_attr();
    attr.info.bpf_fd = fd_number(link.as_raw_fd());
    attr.info.info_len =
        u32::try_from(size_of::<bpf_link_info>()).expect("the struct is small");
    attr.info.info = std::ptr::from_mut(&mut info) as u64;
    // SAFETY: the kernel writes at most `info_len` bytes into `info`.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(info.id)
}

/// Returns the numbers of the links on a TCX hook of the device that has this
/// ifindex in this network namespace now.
///
/// # Errors
/// Whatever bpf(2) says: ENODEV where there is no such device.
pub(super) fn tcx_links(
    ifindex: u32,
    direction: Direction,
) -> io::Result<Vec<u32>> {
    // BPF_MPROG_MAX: no hook has more.
    const LIMIT: usize = 64;
    let mut programs = [0_u32; LIMIT];
    let mut links = [0_u32; LIMIT];
    let mut attr = zeroed_attr();
    attr.query.__bindgen_anon_1.target_ifindex = ifindex;
    attr.query.attach_type = tcx_hook(direction);
    attr.query.prog_ids = address_of(&mut programs);
    attr.query.link_ids = address_of(&mut links);
    attr.query.__bindgen_anon_2.count =
        u32::try_from(LIMIT).expect("the limit is small");
    // SAFETY: the command writes at most `count` numbers to either address,
    // and both have room for as many.
    unsafe { bpf(bpf_cmd::BPF_PROG_QUERY, &mut attr) }?;
    // SAFETY: the union is of integers, written by us and the kernel.
    let count = unsafe { attr.query.__bindgen_anon_2.count } as usize;
    Ok(links.into_iter().take(count).collect())
}

/// Returns the name of the device that has this ifindex now.
///
/// # Errors
/// Whatever the system says: ENXIO where there is no such device.
pub(super) fn interface_name(ifindex: u32) -> io::Result<String> {
    let mut name = [0_u8; libc::IF_NAMESIZE];
    // SAFETY: the call writes at most IF_NAMESIZE bytes.
    let written =
        unsafe { libc::if_indextoname(ifindex, name.as_mut_ptr().cast()) };
    if written.is_null() {
        return Err(io::Error::last_os_error());
    }
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Has the C library give large pieces of memory back when they are freed, and
/// not keep some for every thread: pages of metrics are large and made on
/// several threads.
pub fn keep_memory_small() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the calls take no addresses, and may be made at any time. One
    // that has no effect costs memory and nothing else.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 8 << 20);
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives memory back to the system that was freed but kept: the start takes
/// some MiB once.
pub fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes no addresses, and may be made at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Calls membarrier(2), and returns what it says, never negative.
///
/// # Errors
/// Whatever membarrier(2) says.
pub(super) fn membarrier(command: libc::c_int) -> io::Result<i64> {
    // SAFETY: the call takes no addresses.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Returns the length of a jiffy. The kernel tells HZ nowhere else: the coarse
/// clock moves once a jiffy.
///
/// # Errors
/// Whatever clock_getres(2) says.
pub(super) fn jiffy() -> io::Result<Duration> {
    let mut resolution = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    let result = unsafe {
        libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut resolution)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let nanoseconds = u64::try_from(resolution.tv_nsec).unwrap_or_default();
    Ok(Duration::from_nanos(nanoseconds))
}

/// Waits until one of two descriptors can be read or is at its end, and tells
/// which; neither after `timeout` or where a signal came.
///
/// # Errors
/// Whatever poll(2) says.
pub(super) fn wait_readable(
    descriptors: [RawFd; 2],
    timeout: Duration,
) -> io::Result<[bool; 2]> {
    let mut polled = descriptors.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    let milliseconds =
        libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the call reads and writes the two elements of `polled`. A number
    // that is not an open descriptor is answered with POLLNVAL.
    let result = unsafe { libc::poll(polled.as_mut_ptr(), 2, milliseconds) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(polled.map(|fd| fd.revents != 0))
}

/// Raises the number of files that the process may have open to the most it
/// may ask for.
///
/// # Errors
/// Whatever getrlimit(2) and setrlimit(2) say.
pub(super) fn raise_open_files() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes one rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the call reads one rlimit.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Does `work` while this thread handles no signal: the process's others do,
/// or it does afterwards.
pub(super) fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: a set of signals is of integers, for which zero is a value.
    let [mut all, mut before]: [libc::sigset_t; 2] = unsafe { mem::zeroed() };
    // SAFETY: the calls write `all`, read it, and write `before`.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &raw mut before);
    }
    let result = work();
    let nowhere = std::ptr::null_mut();
    // SAFETY: the call reads the set that was in force before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, nowhere) };
    result
}
