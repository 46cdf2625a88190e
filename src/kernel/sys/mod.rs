//! System calls other than bpf(2), whose commands are in `bpf` and `tracing`.
//! Thin: one function a call.

#![allow(unsafe_code)]

mod bpf;
mod tracing;

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::InterfaceName;
pub(super) use bpf::*;
pub(super) use tracing::*;

/// Returns the name of the device that has this ifindex now.
///
/// # Errors
/// If the system refuses: with ENXIO if there is no such device.
pub(super) fn interface_name(ifindex: u32) -> io::Result<InterfaceName> {
    // if_indextoname(3) is not used: if no file can be opened, it fails with
    // ENOENT (glibc 2.41), which hides the cause.
    let socket = UnixDatagram::unbound()?;
    // SAFETY: the struct is of integers and bytes, for which zero is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    request.ifr_ifru.ifru_ifindex =
        libc::c_int::try_from(ifindex).map_err(io::Error::other)?;
    // SAFETY: the call reads and writes one ifreq.
    let result = unsafe {
        libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFNAME, &raw mut request)
    };
    if result != 0 {
        let error = io::Error::last_os_error();
        return Err(match error.raw_os_error() {
            Some(libc::ENODEV) => io::Error::from_raw_os_error(libc::ENXIO),
            _ => error,
        });
    }
    // A character is signed on some architectures and not on others.
    let name = request.ifr_name.map(|byte| byte.to_ne_bytes()[0]);
    Ok(InterfaceName::new(&name))
}

/// Makes the C library take large pieces of memory from the system and give
/// them back when they are freed, and not keep some for every thread: pages of
/// metrics are large and made on several threads, and the notes on a flow table
/// are hardly touched. The heap would clear and so touch them all.
pub fn keep_memory_small() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the calls take no addresses, and may be made at any time. One
    // that has no effect costs memory and nothing else.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
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

/// Makes a static binary look names up in the files of `/etc` and by DNS alone,
/// whatever nsswitch.conf(5) says. The C library would load the others, such as
/// mdns, as libraries, together with a second C library. Without an effect where
/// the C library is not static.
pub fn load_no_name_services() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    {
        use std::ffi::CStr;

        unsafe extern "C" {
            fn __nss_configure_lookup(
                database: *const libc::c_char,
                services: *const libc::c_char,
            ) -> libc::c_int;
        }
        const BUILT_IN: [(&CStr, &CStr); 2] =
            [(c"hosts", c"files dns"), (c"services", c"files")];
        for (database, services) in BUILT_IN {
            // SAFETY: the call reads two strings, which live for ever. One that
            // fails leaves the services of nsswitch.conf(5).
            unsafe {
                __nss_configure_lookup(database.as_ptr(), services.as_ptr());
            }
        }
    }
}

/// Calls membarrier(2), and returns its result, never negative.
///
/// # Errors
/// If membarrier(2) fails.
pub(super) fn membarrier(command: libc::c_int) -> io::Result<i64> {
    // SAFETY: the call takes no addresses.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Returns the length of a jiffy. The kernel shows HZ nowhere else: the coarse
/// clock moves once a jiffy.
///
/// # Errors
/// If clock_getres(2) fails.
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

/// Waits until one of some descriptors can be read or is at its end. Returns
/// true for each such one, and for none after `timeout` or a signal. A negative
/// number is no descriptor.
///
/// # Errors
/// If poll(2) fails.
pub(super) fn wait_readable<const N: usize>(
    descriptors: [RawFd; N],
    timeout: Duration,
) -> io::Result<[bool; N]> {
    let mut polled = descriptors.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    let milliseconds =
        libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    let count = libc::nfds_t::try_from(N).unwrap_or(0);
    // SAFETY: the call reads and writes the N elements of `polled`. A number
    // that is not an open descriptor is answered with POLLNVAL, and a negative
    // one is left out.
    let result =
        unsafe { libc::poll(polled.as_mut_ptr(), count, milliseconds) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(polled.map(|fd| fd.revents != 0))
}

/// Raises the limit of open files to the highest that the process may set.
///
/// # Errors
/// If getrlimit(2) or setrlimit(2) fails.
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

/// Does `work` while this thread handles no signal: other threads do, or this
/// one does afterwards.
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

/// Resets signal settings that the process may have inherited: with an
/// inherited mask that blocks signals, SIGTERM would never arrive. Makes a
/// write beyond a file-size limit fail with EFBIG: by default SIGXFSZ ends the
/// process. To be called before there are other threads, as they inherit the
/// mask.
///
/// # Errors
/// If sigprocmask(2) or signal(2) fails.
pub fn reset_signals() -> io::Result<()> {
    // SAFETY: a set of signals is of integers, for which zero is a value.
    let mut none: libc::sigset_t = unsafe { mem::zeroed() };
    let nowhere = std::ptr::null_mut();
    // SAFETY: the first call writes `none`, the second one reads it.
    let result = unsafe {
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, nowhere)
    };
    if result != 0 {
        return Err(io::Error::from_raw_os_error(result));
    }
    // SAFETY: no handler is installed, and none of ours replaced.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    match before {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes over descriptors that the process which started this one left open
/// for it, and keeps them from programs that this one may start.
///
/// # Errors
/// If one is not open, or they were taken already.
pub fn take_descriptors(
    first: RawFd,
    count: usize,
) -> io::Result<Vec<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if count == 0 {
        return Ok(Vec::new());
    }
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::other("they were taken before"));
    }
    let take = |number: RawFd| {
        // SAFETY: the call takes no addresses. It fails if the descriptor is
        // not open.
        let flags =
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        match flags {
            0 => Ok(number),
            _ => Err(io::Error::last_os_error()),
        }
    };
    let numbers: Vec<RawFd> =
        (first..).take(count).map(take).collect::<io::Result<_>>()?;
    // SAFETY: they are open, and nothing in this process owns them: it got them
    // at its start, and they are taken once.
    let own = |number| unsafe { OwnedFd::from_raw_fd(number) };
    Ok(numbers.into_iter().map(own).collect())
}

/// Returns the type of a file's file system, as a number of linux/magic.h.
///
/// # Errors
/// If fstatfs(2) fails.
pub(super) fn file_system(file: BorrowedFd<'_>) -> io::Result<i64> {
    // SAFETY: the struct is of integers, for which zero is a value.
    let mut about: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the call writes one statfs.
    let result = unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut about) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // Some architectures have it in 32 bits.
    #[allow(clippy::useless_conversion, reason = "of another width elsewhere")]
    Ok(i64::from(about.f_type) & 0xFFFF_FFFF)
}
