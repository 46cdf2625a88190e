//! The commands of bpf(2) that aya does not wrap: batches, links by ifindex,
//! their pins, and queries of a device's hooks. Thin: one function a command.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::{self, size_of};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya_obj::generated::{
    BPF_F_BEFORE, bpf_attach_type, bpf_attr, bpf_cmd, bpf_link_info,
};

use crate::accounting::Direction;
use crate::kernel::abi::{TrafficKey, TrafficValue};

/// The end of a batch. The kernel stores a bucket number in it and requires
/// room for a key.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::kernel) struct Cursor(
    #[expect(dead_code, reason = "only the kernel reads and writes it")]
    [u32; size_of::<TrafficKey>() / 4],
);

/// The outcome of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Batch {
    /// This many entries were read and there may be more behind the cursor.
    More(usize),
    /// This many entries were read and these were the last.
    Last(usize),
    /// No entry was read: the next bucket has more entries than there is room
    /// for.
    TooSmall,
}

/// Calls bpf(2). The result is the call's, never negative.
///
/// # Safety
/// `attr` must be the variant for `command`, and every address in it must be
/// valid for the kernel's reads and writes.
pub(super) unsafe fn bpf(
    command: bpf_cmd,
    attr: &mut bpf_attr,
) -> io::Result<i64> {
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

pub(super) fn zeroed_attr() -> bpf_attr {
    // SAFETY: `bpf_attr` is a union of structs of integers, for which zero is a
    // value; the kernel requires zero in fields that a command does not use.
    unsafe { mem::zeroed() }
}

pub(super) fn fd_number(fd: RawFd) -> u32 {
    u32::try_from(fd).expect("an open file descriptor is not negative")
}

pub(super) fn address_of<T>(place: &mut [T]) -> u64 {
    place.as_mut_ptr() as u64
}

/// Reads the next entries of the flow map, with one value for each possible
/// CPU. `from` is `None` for the first batch. The cursor moves only if entries
/// were read.
///
/// # Errors
/// If bpf(2) fails, except with ENOENT and ENOSPC, the two ends of a batch.
pub(in crate::kernel) fn lookup_batch(
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
            // The end: the entries read so far are still good.
            Some(libc::ENOENT) => Ok(Batch::Last(count)),
            Some(libc::ENOSPC) => Ok(Batch::TooSmall),
            _ => Err(error),
        },
    }
}

/// Reads the values of one flow. Returns whether it was there.
///
/// # Errors
/// If bpf(2) fails, except with ENOENT.
pub(in crate::kernel) fn lookup_flow(
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
/// If bpf(2) fails, except with ENOENT.
pub(in crate::kernel) fn delete_flow(
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
/// If bpf(2) fails: with ENODEV if the device is gone.
pub(in crate::kernel) fn attach_tcx(
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
    // SAFETY: the result of this command is a descriptor.
    unsafe { owned(fd) }
}

/// Takes over a descriptor that a command made.
///
/// # Safety
/// `fd` must be the result of a command whose result is a new descriptor.
pub(super) unsafe fn owned(fd: i64) -> io::Result<OwnedFd> {
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us this descriptor and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The kernel's description of a link on a TCX hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct LinkInfo {
    /// Its number, which no other link gets while this one exists.
    pub(in crate::kernel) id: u32,
    /// The ifindex of its device, in the network namespace of that device; zero
    /// once the device is gone.
    pub(in crate::kernel) ifindex: u32,
}

/// Returns the kernel's description of a link on a TCX hook.
///
/// # Errors
/// If bpf(2) fails.
pub(in crate::kernel) fn link_info(
    link: BorrowedFd<'_>,
) -> io::Result<LinkInfo> {
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
    // SAFETY: the union is of integers, written by us and the kernel.
    let ifindex = unsafe { info.__bindgen_anon_1.tcx.ifindex };
    Ok(LinkInfo { id: info.id, ifindex })
}

/// Makes a link run another program from the next packet on.
///
/// # Errors
/// If bpf(2) fails: with ENOLINK if its device is gone.
pub(in crate::kernel) fn update_link(
    link: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
) -> io::Result<()> {
    let mut attr = zeroed_attr();
    attr.link_update.link_fd = fd_number(link.as_raw_fd());
    attr.link_update.__bindgen_anon_1.new_prog_fd =
        fd_number(program.as_raw_fd());
    // SAFETY: the command takes no addresses.
    unsafe { bpf(bpf_cmd::BPF_LINK_UPDATE, &mut attr) }.map(drop)
}

/// Detaches a link from its hook, even if other processes hold it.
///
/// # Errors
/// If bpf(2) fails: with ENOLINK if it was on no hook.
pub(in crate::kernel) fn detach_link(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = zeroed_attr();
    attr.link_detach.link_fd = fd_number(link.as_raw_fd());
    // SAFETY: the command takes no addresses.
    unsafe { bpf(bpf_cmd::BPF_LINK_DETACH, &mut attr) }.map(drop)
}

fn path_text(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Pins a link or a map to a file in bpffs.
///
/// # Errors
/// If bpf(2) fails.
pub(in crate::kernel) fn pin(
    object: BorrowedFd<'_>,
    path: &Path,
) -> io::Result<()> {
    let path = path_text(path)?;
    let mut attr = zeroed_attr();
    attr.__bindgen_anon_4.bpf_fd = fd_number(object.as_raw_fd());
    attr.__bindgen_anon_4.pathname = path.as_ptr() as u64;
    // SAFETY: the command reads a text that ends with a zero and outlives the
    // call.
    unsafe { bpf(bpf_cmd::BPF_OBJ_PIN, &mut attr) }.map(drop)
}

/// Opens the link or map that is pinned to a file in bpffs.
///
/// # Errors
/// If bpf(2) fails.
pub(in crate::kernel) fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = path_text(path)?;
    let mut attr = zeroed_attr();
    attr.__bindgen_anon_4.pathname = path.as_ptr() as u64;
    // SAFETY: as in `pin`.
    let fd = unsafe { bpf(bpf_cmd::BPF_OBJ_GET, &mut attr) }?;
    // SAFETY: the result of this command is a descriptor.
    unsafe { owned(fd) }
}

/// Returns the numbers of the links on a TCX hook of the device that has this
/// ifindex in this network namespace now.
///
/// # Errors
/// If bpf(2) fails: with ENODEV if there is no such device.
pub(in crate::kernel) fn tcx_links(
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
