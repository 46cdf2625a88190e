//! Memory of the kernel's maps, shared with the programs that write it.

#![allow(unsafe_code)]

use std::io;
use std::ops::Deref;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU64;

/// The elements of an array map, as words that programs may change at any time.
/// Dropping it unmaps them.
#[derive(Debug)]
pub struct MappedWords {
    start: NonNull<AtomicU64>,
    length: usize,
}

// SAFETY: a pointer to memory that belongs to the value alone and is accessed
// through atomic words only.
unsafe impl Send for MappedWords {}

// SAFETY: as above; concurrent access to an atomic word is defined.
unsafe impl Sync for MappedWords {}

impl MappedWords {
    /// Maps the first `length` words of an array that was created with
    /// BPF_F_MMAPABLE.
    ///
    /// # Errors
    /// If mmap(2) fails.
    pub(super) fn map(
        array: BorrowedFd<'_>,
        length: usize,
    ) -> io::Result<Self> {
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length * size_of::<AtomicU64>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                array.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast())
            .ok_or_else(|| io::Error::other("mapped at address zero"))?;
        Ok(Self { start, length })
    }
}

impl Deref for MappedWords {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: `length` words are mapped from `start`, which is aligned to a
        // page, until the value is dropped. Any bits are a word. Programs in
        // the kernel change them only as atomics allow: by aligned accesses of
        // 64 bits.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for MappedWords {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows from it any more.
        unsafe {
            libc::munmap(
                self.start.as_ptr().cast(),
                self.length * size_of::<AtomicU64>(),
            );
        }
    }
}
