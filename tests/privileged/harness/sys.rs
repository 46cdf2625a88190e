//! The system calls the standard library has no name for, each behind a safe
//! function. With `faults.rs` the only file here with `unsafe` in it.

#![expect(
    unsafe_code,
    reason = "namespaces, packet sockets and process file descriptors have \
              no safe interface in the standard library"
)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use libc::{c_int, c_void};

/// A signal a test sends to a process it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Hangup,
    Interrupt,
    Terminate,
    Kill,
    /// Lets it do nothing at all until `Continue`.
    Stop,
    Continue,
}

/// Returns the result of a system call, or the error it left in `errno`.
fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Takes the length of a C structure as the kernel wants it.
fn length_of<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).expect("a small structure")
}

/// Moves the calling thread into a network namespace of its own.
pub(crate) fn unshare_network() -> io::Result<()> {
    // SAFETY: unshare takes no pointers. CLONE_NEWNET affects the calling
    // thread alone.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// Moves the calling thread into the network namespace behind `namespace`.
pub(crate) fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: setns takes no pointers, and the descriptor is open for as long
    // as it is borrowed. CLONE_NEWNET affects the calling thread alone.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) })
        .map(drop)
}

/// Makes `command` start in a network namespace and die with the *thread*
/// that starts it, so that a test run that is killed leaves no process.
pub(crate) fn start_in(command: &mut Command, namespace: Arc<OwnedFd>) {
    let parent = std::process::id();
    let prepare = move || {
        // SAFETY: setns, prctl and getppid are plain system calls without
        // pointers; the descriptor is kept open by the closure that owns it.
        unsafe {
            check(libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET))?;
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            // The parent may have died before it could be watched.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls only: it
    // takes no lock and allocates nothing (both errors it can return are made
    // without an allocation).
    unsafe { command.pre_exec(prepare) };
}

/// Makes `command` start on a kernel that has no TCX, as far as it can tell:
/// the two commands of bpf(2) that know of it fail as they do there.
pub(crate) fn start_without_tcx(command: &mut Command) {
    const BPF_PROG_QUERY: u32 = 16;
    const BPF_LINK_CREATE: u32 = 28;
    // Where `struct seccomp_data` has the number of the call, and the lower
    // half of its first argument on a little-endian machine.
    const NUMBER: u32 = 0;
    const FIRST_ARGUMENT: u32 = 16;
    let bpf = u32::try_from(libc::SYS_bpf).expect("a small number");
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let einval = u32::try_from(libc::EINVAL).expect("a small number");
    let code = |code, jt, jf, k| libc::sock_filter {
        code: u16::try_from(code).expect("16 bits"),
        jt,
        jf,
        k,
    };
    let mut filter = [
        code(load, 0, 0, NUMBER),
        code(equal, 0, 3, bpf),
        code(load, 0, 0, FIRST_ARGUMENT),
        code(equal, 2, 0, BPF_PROG_QUERY),
        code(equal, 1, 0, BPF_LINK_CREATE),
        code(answer, 0, 0, libc::SECCOMP_RET_ALLOW),
        code(answer, 0, 0, libc::SECCOMP_RET_ERRNO | einval),
    ];
    let install = move || {
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).unwrap_or_default(),
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: the call reads `program` and the filter it leads to, which
        // the closure owns.
        check(unsafe {
            libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            )
        })
        .map(drop)
    };
    // SAFETY: between fork and exec the closure makes one system call.
    unsafe { command.pre_exec(install) };
}

/// Returns the index of an interface of the calling thread's namespace.
pub(crate) fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name)?;
    // SAFETY: the name is a live string that ends in NUL.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// Opens a packet socket on one interface of the calling thread's namespace.
/// One that does not `receive` costs the kernel no copies.
pub(crate) fn packet_socket(index: u32, receive: bool) -> io::Result<OwnedFd> {
    let all = u16::try_from(libc::ETH_P_ALL).expect("a 16-bit constant");
    let protocol = if receive { all.to_be() } else { 0 };
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: socket takes no pointers.
    let fd = check(unsafe {
        libc::socket(libc::AF_PACKET, kind, c_int::from(protocol))
    })?;
    // SAFETY: the descriptor was opened above and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: all-zero bytes are a valid sockaddr_ll, a plain C structure.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family =
        u16::try_from(libc::AF_PACKET).expect("a 16-bit constant");
    address.sll_protocol = protocol;
    address.sll_ifindex = c_int::try_from(index).expect("indexes are small");
    // SAFETY: the pointer and length are those of `address`, which lives
    // until the call returns.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            length_of::<libc::sockaddr_ll>(),
        )
    })?;
    Ok(socket)
}

/// Sets an integer option of a socket.
pub(crate) fn set_socket_option(
    socket: &impl AsRawFd,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    // SAFETY: the pointer and length are those of `value`, which lives until
    // the call returns.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast::<c_void>(),
            length_of::<c_int>(),
        )
    })
    .map(drop)
}

/// Takes a packet off a packet socket and drops it. Returns its length and
/// whether it was going out; `None` where none is waiting.
pub(crate) fn drop_packet(
    socket: &OwnedFd,
) -> io::Result<Option<(usize, bool)>> {
    // SAFETY: all-zero bytes are a valid sockaddr_ll, a plain C structure.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    let mut address_length = length_of::<libc::sockaddr_ll>();
    // SAFETY: a null buffer of no length is written to by nobody; the other
    // pointers are to live variables, the second the first one's length.
    let length = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            std::ptr::null_mut(),
            0,
            libc::MSG_TRUNC | libc::MSG_DONTWAIT,
            (&raw mut address).cast(),
            &raw mut address_length,
        )
    };
    match usize::try_from(length) {
        Ok(length) => {
            Ok(Some((length, address.sll_pkttype == libc::PACKET_OUTGOING)))
        }
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            error => Err(error),
        },
    }
}

/// Returns how many packets a packet socket had no room for since it was
/// asked last.
pub(crate) fn packets_lost(socket: &OwnedFd) -> io::Result<u32> {
    // SAFETY: all-zero bytes are a valid tpacket_stats, two integers.
    let mut statistics: libc::tpacket_stats = unsafe { zeroed() };
    let mut length = length_of::<libc::tpacket_stats>();
    // SAFETY: the pointers are to live variables, the second the first one's
    // length.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut length,
        )
    })?;
    Ok(statistics.tp_drops)
}

/// Sends frames with one system call and returns how many the kernel took.
pub(crate) fn send_messages(
    socket: &OwnedFd,
    frames: &[impl AsRef<[u8]>],
) -> io::Result<usize> {
    let mut parts: Vec<libc::iovec> = frames
        .iter()
        .map(|frame| libc::iovec {
            // The kernel only reads through this pointer.
            iov_base: frame.as_ref().as_ptr().cast_mut().cast(),
            iov_len: frame.as_ref().len(),
        })
        .collect();
    let mut messages: Vec<libc::mmsghdr> = parts
        .iter_mut()
        .map(|part| {
            // SAFETY: all-zero bytes are a valid mmsghdr: null pointers and
            // zero lengths.
            let mut message: libc::mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    let count = libc::c_uint::try_from(messages.len()).expect("a batch");
    // SAFETY: `messages` holds `count` headers, each with one live iovec in
    // `parts`, each of those with a live frame; all outlive the call.
    let sent = check(unsafe {
        libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0)
    })?;
    Ok(usize::try_from(sent).expect("checked not to be negative"))
}

/// Waits until there is something to read, or the other end is gone, and
/// returns whether that came before `limit`.
pub(crate) fn wait_readable(
    fd: BorrowedFd<'_>,
    limit: Duration,
) -> io::Result<bool> {
    let mut watched =
        libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let milliseconds = c_int::try_from(limit.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: the pointer is to one pollfd that lives until the call returns.
    check(unsafe { libc::poll(&raw mut watched, 1, milliseconds) })
        .map(|ready| ready > 0)
}

/// Opens a descriptor that becomes readable when the process ends.
pub(crate) fn process_descriptor(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers; the descriptor it returns fits
    // an int and belongs to nobody else.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        let fd = check(c_int::try_from(fd).expect("a descriptor or -1"))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Sends a signal to a child that was not waited for yet, whose id therefore
/// cannot belong to anybody else.
pub(crate) fn signal_child(
    child: &std::process::Child,
    signal: Signal,
) -> io::Result<()> {
    let pid = libc::pid_t::try_from(child.id()).expect("a process id");
    let number = match signal {
        Signal::Hangup => libc::SIGHUP,
        Signal::Interrupt => libc::SIGINT,
        Signal::Terminate => libc::SIGTERM,
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    // SAFETY: kill takes no pointers.
    check(unsafe { libc::kill(pid, number) }).map(drop)
}

/// Makes the device behind `file`, an open `/dev/net/tun`, with this name and
/// these `IFF_` flags, in the calling thread's namespace.
pub(crate) fn name_tun(
    file: &File,
    name: &str,
    flags: c_int,
) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid ifreq: an empty name and no flags.
    let mut request: libc::ifreq = unsafe { zeroed() };
    assert!(name.len() < request.ifr_name.len(), "{name} is too long");
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::try_from(from).expect("an ASCII name");
    }
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(flags).expect("16 bits of flags");
    // SAFETY: TUNSETIFF reads and writes one ifreq, which lives until the
    // call returns.
    check(unsafe {
        libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request)
    })
    .map(drop)
}

/// Gives the device behind `file`, which is down, a type.
pub(crate) fn set_tun_link_type(file: &File, kind: u16) -> io::Result<()> {
    let kind = libc::c_ulong::from(kind);
    // SAFETY: TUNSETLINK takes a number.
    check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETLINK, kind) })
        .map(drop)
}

/// Tells the device behind `file` which offloads, in `TUN_F_` flags, the
/// program that reads it can do.
pub(crate) fn set_tun_offloads(
    file: &File,
    offloads: libc::c_uint,
) -> io::Result<()> {
    let offloads = libc::c_ulong::from(offloads);
    // SAFETY: TUNSETOFFLOAD takes a number and no pointer.
    check(unsafe {
        libc::ioctl(file.as_raw_fd(), libc::TUNSETOFFLOAD, offloads)
    })
    .map(drop)
}

/// Lets the calling thread run on one CPU alone: that many behind the first it
/// may run on, from the beginning again where there are fewer.
pub(crate) fn pin_to_cpu(number: usize) -> io::Result<()> {
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: all-zero bytes are a valid cpu_set_t: no CPU.
    let mut allowed: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: the call writes `size` bytes into `allowed`.
    check(unsafe { libc::sched_getaffinity(0, size, &raw mut allowed) })?;
    let limit = usize::try_from(libc::CPU_SETSIZE).expect("a small number");
    // SAFETY: every number is below the size of the set.
    let is_allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &allowed) };
    let cpus: Vec<usize> = (0..limit).filter(is_allowed).collect();
    // SAFETY: as above; and the chosen number came out of the set.
    unsafe {
        let mut chosen: libc::cpu_set_t = zeroed();
        libc::CPU_SET(cpus[number % cpus.len()], &mut chosen);
        check(libc::sched_setaffinity(0, size, &raw const chosen)).map(drop)
    }
}

/// Lets this process open as many files as it may.
pub(crate) fn raise_open_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes one rlimit.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the call reads one rlimit.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!((read, set), (0, 0), "cannot raise the limit of open files");
}
