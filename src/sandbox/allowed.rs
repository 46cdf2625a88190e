//! The table of system calls: what each duty may make once it is taken up, and
//! with which arguments. Pure.
//!
//! The rows come from traces of each thread in the privileged tests, and from
//! the calls that the C library may use instead. A new need is a new row here,
//! with its reason; arguments are as narrow as the traces allow.

mod history;

use super::Duty;
use history::{HISTORY_FILES, LOCKS};

/// Threads, as bits.
pub(super) type Threads = u16;

const MAIN: Threads = 1;
const POLLER: Threads = 1 << 1;
const STATE: Threads = 1 << 2;
const INTERFACES: Threads = 1 << 3;
const HTTP: Threads = 1 << 4;
const LOG: Threads = 1 << 5;
const SIGNALS: Threads = 1 << 6;
const READERS: Threads = 1 << 7;
const WATCH: Threads = 1 << 8;
const HISTORY: Threads = 1 << 9;
const ALL: Threads = Threads::MAX;
/// All but the one that has rules of its own for a call.
const OTHERS: Threads = ALL ^ HISTORY;

/// Returns the threads whose rows a duty has; none for a duty that ends with
/// the start and takes up no filter.
pub(super) fn threads(duty: Duty) -> Option<Threads> {
    match duty {
        Duty::Bind { .. } => None,
        Duty::Supervise => Some(MAIN),
        Duty::Read => Some(READERS),
        Duty::Count { .. } => Some(POLLER),
        Duty::Save => Some(STATE),
        Duty::Record => Some(HISTORY),
        Duty::Follow => Some(INTERFACES),
        Duty::Watch => Some(WATCH),
        Duty::Serve => Some(HTTP),
        Duty::Log => Some(LOG),
        Duty::Forward => Some(SIGNALS),
    }
}

/// A condition: these bits of an argument have this value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Is {
    pub(super) argument: u8,
    pub(super) bits: u64,
    pub(super) value: Value,
}

/// The value that the bits of an argument must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// This number.
    Fixed(u64),
    /// The number of this process.
    OwnProcess,
}

/// Alternatives; every condition of one of them must hold. No alternatives
/// allow any arguments.
pub(super) type Arguments = &'static [&'static [Is]];

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) call: libc::c_long,
    pub(super) threads: Threads,
    pub(super) arguments: Arguments,
}

/// All bits of an argument that the kernel takes as an `int`.
const INT: u64 = 0xFFFF_FFFF;
/// All bits of an argument that the kernel takes as an address.
const ADDRESS: u64 = u64::MAX;

const fn is(argument: u8, value: u64) -> Is {
    Is { argument, bits: INT, value: Value::Fixed(value) }
}

const fn is_null(argument: u8) -> Is {
    Is { argument, bits: ADDRESS, value: Value::Fixed(0) }
}

/// These bits are zero.
const fn lacks(argument: u8, bits: u64) -> Is {
    Is { argument, bits, value: Value::Fixed(0) }
}

/// No other bits than these are set.
const fn only(argument: u8, bits: u64) -> Is {
    lacks(argument, INT & !bits)
}

const fn flags(flags: libc::c_int) -> u64 {
    flags.cast_unsigned() as u64
}

const ANY: Arguments = &[];

/// Memory that is not executed: no executable memory is added after the start.
const NOT_EXECUTED: Arguments = &[&[lacks(2, flags(libc::PROT_EXEC))]];

/// A thread of this process, as pthread_create(3) makes it: no process, and no
/// namespace. musl also sets CLONE_DETACHED, which the kernel ignores.
const A_THREAD: Arguments = &[&[Is {
    argument: 0,
    bits: INT & !flags(libc::CLONE_DETACHED),
    value: Value::Fixed(flags(
        libc::CLONE_VM
            | libc::CLONE_FS
            | libc::CLONE_FILES
            | libc::CLONE_SIGHAND
            | libc::CLONE_THREAD
            | libc::CLONE_SYSVSEM
            | libc::CLONE_SETTLS
            | libc::CLONE_PARENT_SETTID
            | libc::CLONE_CHILD_CLEARTID,
    )),
}]];

/// Names of threads, and the C library's question for its auxiliary vector.
const OWN_NAME: Arguments =
    &[&[is(0, flags(libc::PR_SET_NAME))], &[is(0, PR_GET_AUXV)]];
/// From linux/prctl.h, since Linux 6.4.
const PR_GET_AUXV: u64 = 0x4155_5856;

/// The end of this process by abort(3).
const OWN_ABORT: Arguments = &[&[
    Is { argument: 0, bits: INT, value: Value::OwnProcess },
    is(2, flags(libc::SIGABRT)),
]];

/// Reads limits of this process.
const OWN_LIMITS: Arguments = &[&[is(0, 0), is_null(2)]];

/// Sends to the peer of a connected socket only; MSG_FASTOPEN would connect.
const TO_ITS_PEER: Arguments =
    &[&[only(3, flags(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)), is_null(4)]];

/// Reads the close-on-exec flag of an open file: std does so in builds with
/// assertions.
const FILE_FLAGS: Arguments = &[&[is(1, flags(libc::F_GETFD))]];

/// Opens a file to read: nothing is written, truncated or created.
const TO_READ: Arguments = &[&[lacks(
    2,
    flags(
        libc::O_ACCMODE
            | libc::O_CREAT
            | libc::O_TRUNC
            | libc::O_TMPFILE & !libc::O_DIRECTORY,
    ),
)]];

/// A new file for this user alone, and not set-uid.
const NEW_FILE: Arguments = &[&[
    Is {
        argument: 2,
        bits: INT & !flags(libc::O_CLOEXEC | LARGE),
        value: Value::Fixed(flags(
            libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL,
        )),
    },
    is(3, 0o600),
]];
/// O_LARGEFILE, which glibc says is zero on architectures of 64 bits. Its number
/// on x86 is that of O_NOFOLLOW on arm64.
const LARGE: libc::c_int = match libc::O_LARGEFILE {
    0 if cfg!(target_arch = "aarch64") => 0o400_000,
    0 => 0o100_000,
    given => given,
};

/// Renames as rename(2) does, without flags.
const IN_PLACE: Arguments = &[&[is(4, 0)]];
/// Removes a file, not a directory.
const A_FILE: Arguments = &[&[is(2, 0)]];

/// The bits of a socket's type that are not flags.
const SOCKET_TYPE: u64 = 0xF;

const fn socket(family: i32, kind: i32, protocol: i32) -> [Is; 3] {
    [
        is(0, flags(family)),
        Is { argument: 1, bits: SOCKET_TYPE, value: Value::Fixed(flags(kind)) },
        is(2, flags(protocol)),
    ]
}

/// Sockets to list devices. The library makes a datagram socket.
const TO_ROUTING: Arguments = &[
    &socket(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_ROUTE),
    &socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE),
];

/// An address as long as those of netlink: too short for an internet address.
const NETLINK_NAME: Arguments = &[&[is(2, 12)]];

/// Joins a group, and asks for lists with strict checks, so that they hold only
/// the requested entries.
const NETLINK_NEWS: Arguments = &[
    &[
        is(1, flags(libc::SOL_NETLINK)),
        is(2, flags(libc::NETLINK_ADD_MEMBERSHIP)),
    ],
    &[
        is(1, flags(libc::SOL_NETLINK)),
        is(2, flags(libc::NETLINK_GET_STRICT_CHK)),
    ],
];

/// Makes a socket non-blocking.
const NOT_TO_WAIT: Arguments = &[&[is(1, FIONBIO)]];
/// From asm-generic/ioctls.h.
const FIONBIO: u64 = 0x5421;

/// A socket for if_indextoname(3), and for the names of exporters that attach
/// by filters. No thread may connect it.
const TO_NOBODY: Arguments = &[&socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0)];

/// Asks for the name of the device with an ifindex. This and FIONBIO are the
/// only ioctls allowed: none for terminals.
const NAME_OF_DEVICE: Arguments = &[&[is(1, SIOCGIFNAME)]];
/// From linux/sockios.h.
const SIOCGIFNAME: u64 = 0x8910;

/// Sends answers at once instead of waiting until they fill a packet.
const NO_DELAY: Arguments =
    &[&[is(1, flags(libc::IPPROTO_TCP)), is(2, flags(libc::TCP_NODELAY))]];

/// The grace periods of the flow table.
const GRACE_PERIOD: Arguments = &[&[is(0, MEMBARRIER_CMD_GLOBAL)]];
/// From linux/membarrier.h.
const MEMBARRIER_CMD_GLOBAL: u64 = 1;

/// Commands of bpf(2), by their numbers in linux/bpf.h. They work only on
/// objects that were loaded at the start and are held by a descriptor. No
/// command loads a program, makes a map, opens a pin, or takes an id of an
/// object that others loaded.
const ON_WHAT_IS_LOADED: Arguments = &[
    &[is(0, 1)],  // BPF_MAP_LOOKUP_ELEM
    &[is(0, 2)],  // BPF_MAP_UPDATE_ELEM
    &[is(0, 3)],  // BPF_MAP_DELETE_ELEM
    &[is(0, 6)],  // BPF_OBJ_PIN: links of devices that appear
    &[is(0, 10)], // BPF_PROG_TEST_RUN: the clock of the kernel side
    &[is(0, 15)], // BPF_OBJ_GET_INFO_BY_FD: is a link on its device?
    &[is(0, 16)], // BPF_PROG_QUERY: the same, with CAP_NET_ADMIN
    &[is(0, 24)], // BPF_MAP_LOOKUP_BATCH
    &[is(0, 28)], // BPF_LINK_CREATE: attaching
    &[is(0, 34)], // BPF_LINK_DETACH: of its own links, which are pinned
];

/// Commands of bpf(2) that load the programs of connections, attach them and
/// read their maps. A reload may turn connections on.
const FOR_CONNECTIONS: Arguments = &[
    &[is(0, 0)],  // BPF_MAP_CREATE
    &[is(0, 2)],  // BPF_MAP_UPDATE_ELEM: waits for running programs
    &[is(0, 5)],  // BPF_PROG_LOAD
    &[is(0, 15)], // BPF_OBJ_GET_INFO_BY_FD
    &[is(0, 17)], // BPF_RAW_TRACEPOINT_OPEN
    &[is(0, 18)], // BPF_BTF_LOAD
    &[is(0, 22)], // BPF_MAP_FREEZE
    &[is(0, 25)], // BPF_MAP_LOOKUP_AND_DELETE_BATCH
    &[is(0, 28)], // BPF_LINK_CREATE
    &[is(0, 33)], // BPF_ITER_CREATE
];

/// Sockets to list connections, where the kernel refuses the programs.
const TO_CONNECTIONS: Arguments =
    &[&socket(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_SOCK_DIAG)];

macro_rules! table {
    ($($call:ident | $($of:ident)+ | $arguments:ident | $reason:literal;)+) => {
        &[$(Row {
            call: libc::$call,
            threads: $($of)|+,
            arguments: $arguments,
        }),+]
    };
}

/// The allowed calls: call, threads, arguments, reason.
pub(super) const TABLE: &[Row] = table! {
    SYS_brk             | ALL             | ANY               | "memory";
    SYS_madvise         | ALL             | ANY               | "memory";
    SYS_mmap            | ALL             | NOT_EXECUTED      | "memory";
    SYS_mprotect        | ALL             | NOT_EXECUTED      | "memory";
    SYS_mremap          | ALL             | ANY               | "memory";
    SYS_munmap          | ALL             | ANY               | "memory";
    SYS_futex           | ALL             | ANY               | "locks and channels";
    SYS_sched_yield     | ALL             | ANY               | "channels";
    SYS_getrandom       | ALL             | ANY               | "keys of hash maps, TLS";
    SYS_clock_getres    | ALL             | ANY               | "time, where the vDSO cannot";
    SYS_clock_gettime   | ALL             | ANY               | "time, where the vDSO cannot";
    SYS_gettimeofday    | ALL             | ANY               | "time, where the vDSO cannot";
    SYS_clock_nanosleep | ALL             | ANY               | "waiting";
    SYS_nanosleep       | ALL             | ANY               | "waiting";
    SYS_restart_syscall | ALL             | ANY               | "waiting, after a signal";

    SYS_exit            | ALL             | ANY               | "the end of a thread";
    SYS_exit_group      | ALL             | ANY               | "the end; the second SIGTERM";
    SYS_getpid          | ALL             | ANY               | "abort, names of exporters";
    SYS_gettid          | ALL             | ANY               | "the start of a thread, abort";
    SYS_tgkill          | ALL             | OWN_ABORT         | "abort";
    SYS_rt_sigaction    | ALL             | ANY               | "abort";
    SYS_rt_sigprocmask  | ALL             | ANY               | "threads start and end";
    SYS_rt_sigreturn    | ALL             | ANY               | "a signal can meet any thread";
    SYS_sigaltstack     | ALL             | ANY               | "threads start and end";
    SYS_rseq            | ALL             | ANY               | "threads start";
    SYS_set_robust_list | ALL             | ANY               | "threads start";
    SYS_sched_getaffinity | ALL           | ANY               | "threads start";
    SYS_prctl           | ALL             | OWN_NAME          | "threads start";
    SYS_prlimit64       | ALL             | OWN_LIMITS        | "threads start: their stack";
    SYS_clone           | MAIN HTTP       | A_THREAD          | "threads for databases, pages";
    // A filter cannot read its flags, which are in memory: it gets ENOSYS.
    SYS_clone3          | MAIN HTTP       | ANY               | "answered by ENOSYS";

    SYS_close           | ALL             | ANY               | "files and sockets";
    SYS_fcntl           | OTHERS          | FILE_FLAGS        | "std, where files are closed";
    SYS_read            | ALL             | ANY               | "files, sockets, wake-ups";
    SYS_write           | ALL             | ANY               | "the log, answers, wake-ups";
    SYS_sendto          | ALL             | TO_ITS_PEER       | "answers, netlink, systemd, signals";

    SYS_openat          | MAIN READERS    | TO_READ           | "settings, certificates, databases";
    SYS_openat          | POLLER          | TO_READ           | "the line privileges";
    SYS_openat          | WATCH           | TO_READ           | "the kernel's types";
    SYS_openat          | HTTP            | TO_READ           | "process_*, from /proc";
    SYS_openat          | STATE           | NEW_FILE          | "the state";
    SYS_openat          | HISTORY         | HISTORY_FILES     | "the history";
    SYS_fcntl           | HISTORY         | LOCKS             | "the history";
    SYS_newfstatat      | MAIN READERS POLLER STATE HTTP WATCH HISTORY | ANY  | "what a file is";
    SYS_statx           | MAIN READERS POLLER STATE HTTP WATCH HISTORY | ANY  | "what a file is";
    SYS_fstat           | MAIN READERS POLLER STATE HTTP WATCH HISTORY | ANY  | "what a file is";
    SYS_lseek           | MAIN READERS POLLER HTTP INTERFACES WATCH HISTORY | ANY | "reading files";
    SYS_pread64         | MAIN READERS HISTORY    | ANY               | "reading files";
    SYS_pwrite64        | HISTORY         | ANY               | "the history";
    SYS_ftruncate       | HISTORY         | ANY               | "the journal of the history";
    SYS_faccessat       | HISTORY         | ANY               | "the journal of the history";
    SYS_getcwd          | HISTORY         | ANY               | "the path of the history";
    SYS_geteuid         | HISTORY         | ANY               | "whether its journal needs an owner";
    SYS_getdents64      | MAIN READERS POLLER HTTP | ANY              | "files of settings; /proc; pins";
    SYS_readlinkat      | MAIN READERS HISTORY    | ANY               | "files of settings; the path of the history";
    SYS_fsync           | STATE HISTORY   | ANY               | "the state; the history";
    SYS_fdatasync       | STATE HISTORY   | ANY               | "the state; the history";
    SYS_renameat2       | STATE HISTORY   | IN_PLACE          | "the state, in place of the last";
    SYS_unlinkat        | MAIN POLLER STATE HISTORY | A_FILE          | "its sockets; pins; the state";

    SYS_epoll_ctl       | HTTP            | ANY               | "clients";
    SYS_epoll_pwait     | HTTP            | ANY               | "clients";
    SYS_accept4         | HTTP            | ANY               | "clients";
    SYS_recvfrom        | POLLER INTERFACES HTTP SIGNALS WATCH | ANY | "netlink, clients, signals";
    SYS_readv           | HTTP            | ANY               | "clients";
    SYS_writev          | HTTP            | ANY               | "clients";
    SYS_shutdown        | HTTP            | ANY               | "clients";
    SYS_getsockopt      | HTTP            | ANY               | "clients: what went wrong";
    SYS_setsockopt      | HTTP            | NO_DELAY          | "clients";
    SYS_ppoll           | INTERFACES      | ANY               | "waiting for news of devices";

    SYS_socket          | INTERFACES      | TO_ROUTING        | "listing devices";
    SYS_socket          | POLLER          | TO_NOBODY         | "names of devices and exporters";
    SYS_bind            | INTERFACES      | NETLINK_NAME      | "news of default routes";
    SYS_bind            | POLLER          | ANY               | "names of exporters";
    SYS_getsockname     | INTERFACES      | ANY               | "news of default routes";
    SYS_setsockopt      | INTERFACES      | NETLINK_NEWS      | "news and lists of routes";
    SYS_ioctl           | INTERFACES      | NOT_TO_WAIT       | "news of default routes";
    SYS_ioctl           | POLLER          | NAME_OF_DEVICE    | "names of devices";
    SYS_socket          | WATCH           | TO_CONNECTIONS    | "listing connections";
    SYS_bpf             | POLLER          | ON_WHAT_IS_LOADED | "counting";
    SYS_bpf             | WATCH           | FOR_CONNECTIONS   | "counting connections";
    SYS_uname           | WATCH           | ANY               | "the version of the kernel";
    SYS_membarrier      | POLLER          | GRACE_PERIOD      | "the flow table";
    SYS_capget          | POLLER          | ANY               | "giving up the last capability";
    SYS_capset          | POLLER          | ANY               | "giving up the last capability";
};

/// Calls that newer architectures do not have, or that the library names for
/// this one only.
#[cfg(target_arch = "x86_64")]
pub(super) const TABLE_HERE: &[Row] = table! {
    SYS_epoll_wait      | HTTP            | ANY               | "clients";
    SYS_poll            | INTERFACES      | ANY               | "waiting for news of devices";
    SYS_readlink        | MAIN READERS HISTORY    | ANY               | "files of settings; the path of the history";
    SYS_stat            | HISTORY         | ANY               | "the history";
    SYS_lstat           | HISTORY         | ANY               | "the path of the history";
    SYS_access          | HISTORY         | ANY               | "the journal of the history";
    SYS_rename          | STATE HISTORY   | ANY               | "the state, in place of the last";
    SYS_renameat        | STATE HISTORY   | ANY               | "the state, in place of the last";
    SYS_unlink          | MAIN POLLER STATE HISTORY | ANY             | "its sockets; pins; the state";
};
/// renameat(2), by which glibc and musl rename on arm64: its number in
/// asm-generic/unistd.h.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const TABLE_HERE: &[Row] =
    &[Row { call: 38, threads: STATE | HISTORY, arguments: ANY }];
