//! System calls, by seccomp: those that the exporter, its libraries and the C
//! library make once it counts. Every other fails with EPERM: a feature that
//! was overlooked fails and says so, and counting goes on.
//!
//! Which they are was found by tracing the privileged tests, all of which run
//! with the filter in force, and by what the C library may use instead. What
//! writes files is for the state directory.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen,
    SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    apply_filter_all_threads,
};

/// Allowed with any arguments.
const ALLOWED: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads.
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_prctl,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    // Giving up capabilities: gaining any is not possible.
    libc::SYS_capget,
    libc::SYS_capset,
    // Signals.
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time and chance.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    // What the process is.
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getrusage,
    libc::SYS_getuid,
    libc::SYS_prlimit64,
    libc::SYS_uname,
    // Files; which ones is for Landlock to say.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    // Sockets; which ones is below.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
];

/// Calls that newer architectures no longer have.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[libc::c_long] = &[
    libc::SYS_epoll_wait,
    libc::SYS_mkdir,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[libc::c_long] = &[];

/// The commands of bpf(2), by their numbers in `linux/bpf.h`, that work on
/// what was loaded at the start: nothing is loaded any more, and no map made.
const BPF_COMMANDS: &[u64] = &[
    1,  // BPF_MAP_LOOKUP_ELEM
    2,  // BPF_MAP_UPDATE_ELEM
    3,  // BPF_MAP_DELETE_ELEM
    4,  // BPF_MAP_GET_NEXT_KEY
    6,  // BPF_OBJ_PIN
    7,  // BPF_OBJ_GET
    10, // BPF_PROG_TEST_RUN
    15, // BPF_OBJ_GET_INFO_BY_FD
    16, // BPF_PROG_QUERY
    21, // BPF_MAP_LOOKUP_AND_DELETE_ELEM
    24, // BPF_MAP_LOOKUP_BATCH
    25, // BPF_MAP_LOOKUP_AND_DELETE_BATCH
    26, // BPF_MAP_UPDATE_BATCH
    27, // BPF_MAP_DELETE_BATCH
    28, // BPF_LINK_CREATE
    29, // BPF_LINK_UPDATE
    34, // BPF_LINK_DETACH
];

/// The sockets: to systemd, to the kernel, and those of the web server. Of
/// the internet's only TCP, which Landlock does not let connect.
const SOCKETS: [(i32, Option<i32>); 4] = [
    (libc::AF_UNIX, None),
    (libc::AF_NETLINK, None),
    (libc::AF_INET, Some(libc::SOCK_STREAM)),
    (libc::AF_INET6, Some(libc::SOCK_STREAM)),
];

/// The part of a socket's type that is no flag.
const SOCKET_TYPE: u64 = 0xf;

/// Restricts every thread of the process, and what they start.
pub(super) fn restrict() -> Result<(), Error> {
    let program = program().map_err(Error::Backend)?;
    match apply_filter_all_threads(&program) {
        // The kernel has no filters, which the report says.
        Err(Error::Seccomp(error))
            if error.raw_os_error() == Some(libc::EINVAL) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn program() -> Result<BpfProgram, BackendError> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(
        rules()?,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
        architecture,
    )?
    .try_into()
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED
        .iter()
        .chain(ALLOWED_HERE)
        .map(|&number| (number, Vec::new()))
        .collect();
    let commands: Result<Vec<_>, _> = BPF_COMMANDS
        .iter()
        .map(|&command| SeccompRule::new(vec![argument(0, command)?]))
        .collect();
    rules.insert(libc::SYS_bpf, commands?);
    // Only to itself.
    let own = argument(0, u64::from(std::process::id()))?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);
    let sockets: Result<Vec<_>, _> = SOCKETS
        .into_iter()
        .map(|(family, of_type)| {
            let mut conditions = vec![argument(0, number(family))?];
            if let Some(of_type) = of_type {
                conditions.push(SeccompCondition::new(
                    1,
                    SeccompCmpArgLen::Dword,
                    SeccompCmpOp::MaskedEq(SOCKET_TYPE),
                    number(of_type),
                )?);
            }
            SeccompRule::new(conditions)
        })
        .collect();
    rules.insert(libc::SYS_socket, sockets?);
    Ok(rules)
}

fn argument(index: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(
        index,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        value,
    )
}

fn number(constant: i32) -> u64 {
    u64::from(constant.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_is_one_that_the_kernel_would_take() {
        let length = program().unwrap().len();
        // BPF_MAXINSNS.
        assert!(length < 4096, "{length} instructions");
    }

    /// Restricts a thread of its own, not the tests beside it.
    #[test]
    fn what_is_not_on_the_list_fails_and_harms_nothing() {
        let filtered = std::thread::spawn(|| {
            seccompiler::apply_filter(&program().unwrap()).unwrap();
            let open = std::fs::read_to_string("/proc/self/status").is_ok();
            let udp = std::net::UdpSocket::bind("127.0.0.1:0");
            let tcp = std::net::TcpListener::bind("127.0.0.1:0");
            let unix = std::os::unix::net::UnixDatagram::unbound();
            let child = std::process::Command::new("/bin/true").spawn();
            (open, udp.err(), tcp.is_ok(), unix.is_ok(), child.err())
        });
        let (open, udp, tcp, unix, child) = filtered.join().unwrap();
        assert!(open && tcp && unix);
        let refused = |error: Option<std::io::Error>| {
            error.and_then(|error| error.raw_os_error())
        };
        assert_eq!(refused(udp), Some(libc::EPERM), "a UDP socket");
        assert_eq!(refused(child), Some(libc::EPERM), "a program");
    }
}
