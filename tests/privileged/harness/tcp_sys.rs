//! The system calls of the tests of TCP for which the standard library has no
//! name, each behind a safe function.

#![expect(
    unsafe_code,
    reason = "tcp_info, a disconnect and priorities have no safe interface in \
              the standard library"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::null;
use std::time::Duration;

use libc::c_int;

/// The kernel's counters of one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TcpInfo {
    pub(crate) bytes_acked: u64,
    pub(crate) bytes_received: u64,
    pub(crate) segments_sent: u64,
    pub(crate) segments_retransmitted: u64,
    /// Segments that were neither acknowledged nor lost.
    pub(crate) unacked: u32,
    /// The smoothed round-trip time in microseconds.
    pub(crate) rtt: u32,
}

impl std::ops::AddAssign for TcpInfo {
    fn add_assign(&mut self, other: Self) {
        self.bytes_acked += other.bytes_acked;
        self.bytes_received += other.bytes_received;
        self.segments_sent += other.segments_sent;
        self.segments_retransmitted += other.segments_retransmitted;
    }
}

impl TcpInfo {
    /// Reads the kernel's `struct tcp_info`, of which libc knows the older
    /// half.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let four = |at: usize| {
            let four = bytes[at..at + 4].try_into();
            u32::from_ne_bytes(four.expect("four bytes"))
        };
        let eight = |at: usize| {
            let eight = bytes[at..at + 8].try_into();
            u64::from_ne_bytes(eight.expect("eight bytes"))
        };
        Self {
            unacked: four(24),
            rtt: four(68),
            segments_retransmitted: four(100).into(),
            bytes_acked: eight(120),
            bytes_received: eight(128),
            segments_sent: four(136).into(),
        }
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Returns the counters of a TCP socket.
pub(crate) fn tcp_info(socket: &impl AsRawFd) -> io::Result<TcpInfo> {
    let mut bytes = [0_u8; 512];
    let mut length =
        libc::socklen_t::try_from(bytes.len()).expect("a small number");
    // SAFETY: the pointers are to live variables, the second the first one's
    // length.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    Ok(TcpInfo::parse(&bytes))
}

/// Ends the connection of a socket, which can then be connected again.
pub(crate) fn disconnect(socket: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid sockaddr, and mean AF_UNSPEC.
    let nowhere: libc::sockaddr = unsafe { zeroed() };
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr>());
    // SAFETY: the pointer and length are those of `nowhere`, which lives until
    // the call returns.
    check(unsafe {
        libc::connect(
            socket.as_raw_fd(),
            &raw const nowhere,
            length.expect("a small number"),
        )
    })
}

/// Lets the calling thread run before all others that are not of this kind.
pub(crate) fn run_first() -> io::Result<()> {
    let priority = libc::sched_param { sched_priority: 10 };
    // SAFETY: the call reads one sched_param.
    check(unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority)
    })
}

/// Waits until there is something to read, or for so long, if that is given.
/// Returns whether the file is still of use: a device that is being deleted is
/// none, but may tell reads for a while that there is nothing yet.
pub(crate) fn wait_precisely(
    fd: BorrowedFd<'_>,
    limit: Option<Duration>,
) -> io::Result<bool> {
    let mut watched =
        libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs().try_into().expect("a short time"),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(null(), std::ptr::from_ref);
    // SAFETY: the pointers are to one pollfd and perhaps one timespec, which
    // live until the call returns.
    check(unsafe { libc::ppoll(&raw mut watched, 1, limit, null()) })?;
    Ok(watched.revents & (libc::POLLERR | libc::POLLHUP) == 0)
}
