//! The commands of bpf(2) for programs that trace the kernel, and for the maps
//! of connections. Thin: one function a command.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use aya_obj::generated::{bpf_attach_type, bpf_cmd};

use super::bpf::{address_of, bpf, fd_number, owned, zeroed_attr};
use crate::kernel::abi::connections::{ConnectionsGrowth, ConnectionsKey};

/// Takes the growth of some keys out of a map, into the beginning of `keys` and
/// `values`. Returns their number, even if the call failed then: they are not
/// in the map any more. Sets `from` to the cursor of the next call, and to none
/// at the end of the map.
pub(in crate::kernel) fn take_batch(
    map: BorrowedFd<'_>,
    from: &mut Option<u32>,
    keys: &mut [ConnectionsKey],
    values: &mut [ConnectionsGrowth],
) -> (usize, io::Result<()>) {
    assert_eq!(keys.len(), values.len(), "one value for each key");
    let mut to = 0_u32;
    let mut attr = zeroed_attr();
    attr.batch.in_batch =
        from.as_mut().map_or(0, |cursor| std::ptr::from_mut(cursor) as u64);
    attr.batch.out_batch = std::ptr::from_mut(&mut to) as u64;
    attr.batch.keys = address_of(keys);
    attr.batch.values = address_of(values);
    attr.batch.count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    attr.batch.map_fd = fd_number(map.as_raw_fd());
    let command = bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_BATCH;
    // SAFETY: the command is given the fd of a hash map, whose cursors are
    // numbers of 32 bits, and room for `count` keys and values of the map's
    // sizes. All outlive the call.
    let result = unsafe { bpf(command, &mut attr) };
    // SAFETY: the union was last written as `batch`, by us and the kernel.
    let count = unsafe { attr.batch.count } as usize;
    match result {
        Ok(_) => {
            *from = Some(to);
            (count.min(keys.len()), Ok(()))
        }
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOENT) => {
                *from = None;
                (count.min(keys.len()), Ok(()))
            }
            // The kernel sets the number to zero before it does anything.
            // Without permission or memory, it leaves it as it is.
            Some(libc::EBUSY | libc::EINTR | libc::EAGAIN) => {
                *from = Some(to);
                (count.min(keys.len()), Err(error))
            }
            _ => (0, Err(error)),
        },
    }
}

/// Attaches a program to the tracepoint that it was loaded for. Closing the
/// result detaches.
///
/// # Errors
/// If bpf(2) fails.
pub(in crate::kernel) fn attach_tracepoint(
    program: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    let mut attr = zeroed_attr();
    attr.raw_tracepoint.prog_fd = fd_number(program.as_raw_fd());
    // SAFETY: the command takes no address but a name, and none is given.
    let fd = unsafe { bpf(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &mut attr) }?;
    // SAFETY: the result of this command is a descriptor.
    unsafe { owned(fd) }
}

/// Links an iterator with the kind of objects that it was loaded for.
///
/// # Errors
/// If bpf(2) fails.
pub(in crate::kernel) fn link_iterator(
    program: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    let mut attr = zeroed_attr();
    attr.link_create.__bindgen_anon_1.prog_fd = fd_number(program.as_raw_fd());
    attr.link_create.attach_type = bpf_attach_type::BPF_TRACE_ITER as u32;
    // SAFETY: the command takes no address here: what it iterates over has no
    // settings.
    let fd = unsafe { bpf(bpf_cmd::BPF_LINK_CREATE, &mut attr) }?;
    // SAFETY: the result of this command is a descriptor.
    unsafe { owned(fd) }
}

/// Makes a walk of an iterator, which goes on with each read(2).
///
/// # Errors
/// If bpf(2) fails.
pub(in crate::kernel) fn start_iterator(
    link: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    let mut attr = zeroed_attr();
    attr.iter_create.link_fd = fd_number(link.as_raw_fd());
    // SAFETY: the command takes no addresses.
    let fd = unsafe { bpf(bpf_cmd::BPF_ITER_CREATE, &mut attr) }?;
    // SAFETY: the result of this command is a descriptor.
    unsafe { owned(fd) }
}
