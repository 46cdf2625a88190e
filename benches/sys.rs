//! System calls of the benchmark that the standard library does not have. The only file here with `unsafe` in it.

#![expect(unsafe_code, reason = "clocks and bpf(2) have no safe interface")]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use aya_obj::generated::{bpf_attr, bpf_cmd};

/// Returns the time that the calling thread has been running on a CPU.
pub(crate) fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec.
    let result = unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time)
    };
    assert_eq!(result, 0, "every thread has a clock");
    Duration::new(
        u64::try_from(time.tv_sec).expect("not negative"),
        u32::try_from(time.tv_nsec).expect("less than a second"),
    )
}

/// Returns the bytes that this process has allocated.
pub(crate) fn allocated() -> u64 {
    // SAFETY: it takes no arguments and returns numbers.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as u64
}

/// The bytes of a key of the map that is swept.
const KEY_BYTES: usize = 24;
/// The bytes of its value on one CPU.
const VALUE_BYTES: usize = 16;

/// Reads a whole map of such keys and values in batches and returns how many
/// entries it has: one system call a batch, and no work on the entries.
pub(crate) struct BatchSweep {
    batch: u32,
    keys: Vec<u8>,
    values: Vec<u8>,
}

impl BatchSweep {
    pub(crate) fn new(batch: u32, cpus: usize) -> Self {
        let entries = batch as usize;
        Self {
            batch,
            keys: vec![0; entries * KEY_BYTES],
            values: vec![0; entries * VALUE_BYTES * cpus],
        }
    }

    pub(crate) fn run(&mut self, map: BorrowedFd<'_>) -> io::Result<u64> {
        let mut entries = 0;
        let mut from = [0_u8; KEY_BYTES];
        let mut to = [0_u8; KEY_BYTES];
        let mut is_first = true;
        loop {
            // SAFETY: a union of structs of integers, for which zero is a
            // value.
            let mut attr: bpf_attr = unsafe { zeroed() };
            attr.batch.in_batch =
                if is_first { 0 } else { from.as_mut_ptr() as u64 };
            attr.batch.out_batch = to.as_mut_ptr() as u64;
            attr.batch.keys = self.keys.as_mut_ptr() as u64;
            attr.batch.values = self.values.as_mut_ptr() as u64;
            attr.batch.count = self.batch;
            attr.batch.map_fd =
                u32::try_from(map.as_raw_fd()).expect("an open file");
            // SAFETY: there are two cursors as large as a key, and room for
            // `count` keys and as many values for each possible CPU; all
            // outlive the call.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_bpf,
                    bpf_cmd::BPF_MAP_LOOKUP_BATCH as libc::c_long,
                    &raw mut attr,
                    size_of::<bpf_attr>(),
                )
            };
            let error = io::Error::last_os_error();
            let is_last = result < 0;
            if is_last && error.raw_os_error() != Some(libc::ENOENT) {
                return Err(error);
            }
            // SAFETY: the union was last written as `batch`.
            entries += u64::from(unsafe { attr.batch.count });
            if is_last {
                return Ok(entries);
            }
            is_first = false;
            from = to;
        }
    }
}
