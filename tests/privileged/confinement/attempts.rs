//! What is tried: each call with arguments that it fails with by another error
//! than EPERM, or succeeds, where no filter refuses it.

use libc::{c_int, c_long};

/// An argument of a system call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece {
    Number(u64),
    /// The address of these.
    Bytes(&'static [u8]),
    /// The number of a process that is not the exporter.
    Another,
}

/// A system call that nobody is to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) what: &'static str,
    pub(super) call: c_long,
    pub(super) arguments: [Piece; 6],
    /// The threads whose duty it is.
    pub(super) but_for: &'static [&'static str],
}

const fn n(number: u64) -> Piece {
    Piece::Number(number)
}

const fn i(number: c_int) -> Piece {
    // As the C library passes an int.
    Piece::Number((number as i64).cast_unsigned())
}

/// No descriptor: a call that is let through fails with EBADF.
const BAD: Piece = i(-1);
const NULL: Piece = n(0);
const ANOTHER: Piece = Piece::Another;

const fn text(text: &'static [u8]) -> Piece {
    Piece::Bytes(text)
}

/// Port 9 of 192.0.2.1.
const SOMEBODY: Piece = Piece::Bytes(&[2, 0, 0, 9, 192, 0, 2, 1, 0, 0, 0, 0]);
const SYSTEMD: Piece = Piece::Bytes(b"\x01\x00/run/systemd/private\0");
const SOMEWHERE: Piece = Piece::Bytes(b"/etc/none/none\0");

/// A number of the x32 ABI, which filters by number alone forget.
const X32: c_long = 0x4000_0000;

const POLLER: &[&str] = &["poller"];
const CONNECTIONS: &[&str] = &["connections"];
const WHO_COUNTS: &[&str] = &["connections", "poller"];
const HISTORY: &[&str] = &["history"];
const WHO_RENAMES: &[&str] = &["history", "state"];
const WHO_REMOVES: &[&str] = &["geoip-exporter", "history", "poller", "state"];

const fn but_for(
    but_for: &'static [&'static str],
    attempt: Attempt,
) -> Attempt {
    Attempt { but_for, ..attempt }
}

macro_rules! attempt {
    ($what:literal, $call:expr $(, $argument:expr)*) => {{
        let mut arguments = [NULL; 6];
        let given = [$($argument),*];
        let mut at = 0;
        while at < given.len() {
            arguments[at] = given[at];
            at += 1;
        }
        Attempt { what: $what, call: $call, arguments, but_for: &[] }
    }};
}

// Behind the macro, which it uses.
mod kernel;

/// Sockets, and reaching others by them.
const SOCKETS: &[Attempt] = &[
    attempt!("MPTCP", libc::SYS_socket, i(2), i(1), i(262)),
    attempt!("MPTCP over IPv6", libc::SYS_socket, i(10), i(1), i(262)),
    attempt!("a TCP socket", libc::SYS_socket, i(2), i(1), i(0)),
    attempt!("a UDP socket", libc::SYS_socket, i(2), i(2), i(0)),
    attempt!("a raw socket", libc::SYS_socket, i(10), i(3), i(58)),
    attempt!("a packet socket", libc::SYS_socket, i(17), i(3), i(0)),
    attempt!("a vsock socket", libc::SYS_socket, i(40), i(1), i(0)),
    attempt!("a crypto socket", libc::SYS_socket, i(38), i(5), i(0)),
    attempt!("an XDP socket", libc::SYS_socket, i(44), i(3), i(0)),
    attempt!("a Unix stream socket", libc::SYS_socket, i(1), i(1), i(0)),
    attempt!("a Unix packet socket", libc::SYS_socket, i(1), i(5), i(0)),
    attempt!("netlink, audit", libc::SYS_socket, i(16), i(3), i(9)),
    attempt!("netlink, uevents", libc::SYS_socket, i(16), i(2), i(15)),
    attempt!("netlink, firewall", libc::SYS_socket, i(16), i(3), i(12)),
    attempt!("a pair of sockets", libc::SYS_socketpair, i(1), i(1), i(0)),
    attempt!("connect", libc::SYS_connect, BAD, SOMEBODY, i(16)),
    attempt!("connect to systemd", libc::SYS_connect, BAD, SYSTEMD, i(23)),
    attempt!(
        "connect by sending",
        libc::SYS_sendto,
        BAD,
        NULL,
        n(0),
        i(libc::MSG_FASTOPEN),
        SOMEBODY,
        i(16)
    ),
    attempt!(
        "MSG_FASTOPEN",
        libc::SYS_sendto,
        BAD,
        NULL,
        n(0),
        i(libc::MSG_FASTOPEN)
    ),
    attempt!(
        "send to an address",
        libc::SYS_sendto,
        BAD,
        NULL,
        n(0),
        i(0),
        SYSTEMD,
        i(23)
    ),
    attempt!(
        "data out of band",
        libc::SYS_sendto,
        BAD,
        NULL,
        n(0),
        i(libc::MSG_OOB)
    ),
    attempt!("send descriptors", libc::SYS_sendmsg, BAD, NULL, i(0)),
    attempt!("send many", libc::SYS_sendmmsg, BAD, NULL, i(0), i(0)),
    attempt!("take descriptors", libc::SYS_recvmsg, BAD, NULL, i(0)),
    but_for(POLLER, attempt!("bind", libc::SYS_bind, BAD, SOMEBODY, i(16))),
    attempt!("listen", libc::SYS_listen, BAD, i(1)),
    attempt!("TCP_REPAIR", libc::SYS_setsockopt, BAD, i(6), i(19)),
    attempt!("TCP_FASTOPEN_CONNECT", libc::SYS_setsockopt, BAD, i(6), i(30)),
    attempt!("TCP_ULP", libc::SYS_setsockopt, BAD, i(6), i(31)),
    attempt!("SO_ATTACH_FILTER", libc::SYS_setsockopt, BAD, i(1), i(26)),
    attempt!("SO_ATTACH_BPF", libc::SYS_setsockopt, BAD, i(1), i(50)),
    attempt!("SO_BINDTODEVICE", libc::SYS_setsockopt, BAD, i(1), i(25)),
    attempt!("x32 socket", X32 | libc::SYS_socket, i(2), i(1), i(0)),
    attempt!("x32 connect", X32 | libc::SYS_connect, BAD, SOMEBODY, i(16)),
];

const PATH: [Piece; 2] = [i(libc::AT_FDCWD), SOMEWHERE];

/// Files, their modes and their names.
const FILES: &[Attempt] = &[
    attempt!("fchmod", libc::SYS_fchmod, BAD, i(0o4755)),
    attempt!("chmod", libc::SYS_chmod, SOMEWHERE, i(0o4755)),
    attempt!("fchmodat", libc::SYS_fchmodat, PATH[0], PATH[1], i(0o4755)),
    attempt!("fchmodat2", 452, PATH[0], PATH[1], i(0o4755)),
    attempt!("fchown", libc::SYS_fchown, BAD, i(0), i(0)),
    attempt!("chown", libc::SYS_chown, SOMEWHERE, i(0), i(0)),
    attempt!("lchown", libc::SYS_lchown, SOMEWHERE, i(0), i(0)),
    attempt!("fchownat", libc::SYS_fchownat, PATH[0], PATH[1], i(0), i(0)),
    attempt!("utimensat", libc::SYS_utimensat, PATH[0], PATH[1]),
    attempt!("utimes", libc::SYS_utimes, SOMEWHERE),
    attempt!("setxattr", libc::SYS_setxattr, SOMEWHERE, text(b"user.a\0")),
    attempt!("fsetxattr", libc::SYS_fsetxattr, BAD, text(b"user.a\0")),
    attempt!("removexattr", libc::SYS_removexattr, SOMEWHERE),
    attempt!("umask", libc::SYS_umask, i(0)),
    attempt!(
        "open to write",
        libc::SYS_openat,
        PATH[0],
        PATH[1],
        i(libc::O_WRONLY)
    ),
    but_for(
        HISTORY,
        attempt!(
            "open to write and read",
            libc::SYS_openat,
            PATH[0],
            PATH[1],
            i(libc::O_RDWR)
        ),
    ),
    attempt!(
        "open to cut",
        libc::SYS_openat,
        PATH[0],
        PATH[1],
        i(libc::O_TRUNC)
    ),
    attempt!(
        "make a set-uid file",
        libc::SYS_openat,
        PATH[0],
        PATH[1],
        i(libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL),
        i(0o4755)
    ),
    attempt!(
        "make a file without a name",
        libc::SYS_openat,
        PATH[0],
        PATH[1],
        i(libc::O_RDWR | libc::O_TMPFILE),
        i(0o600)
    ),
    attempt!("open", libc::SYS_open, SOMEWHERE, i(libc::O_WRONLY)),
    attempt!("creat", libc::SYS_creat, SOMEWHERE, i(0o4755)),
    attempt!("openat2", libc::SYS_openat2, PATH[0], PATH[1]),
    attempt!("mkdir", libc::SYS_mkdir, SOMEWHERE, i(0o700)),
    attempt!("mkdirat", libc::SYS_mkdirat, PATH[0], PATH[1], i(0o700)),
    attempt!(
        "mknod",
        libc::SYS_mknod,
        SOMEWHERE,
        i(libc::S_IFIFO.cast_signed())
    ),
    attempt!("mknodat", libc::SYS_mknodat, PATH[0], PATH[1]),
    attempt!("symlink", libc::SYS_symlink, SOMEWHERE, SOMEWHERE),
    attempt!("link", libc::SYS_link, SOMEWHERE, SOMEWHERE),
    attempt!("linkat", libc::SYS_linkat, PATH[0], PATH[1], PATH[0], PATH[1]),
    but_for(
        WHO_RENAMES,
        attempt!("rename", libc::SYS_rename, SOMEWHERE, SOMEWHERE),
    ),
    but_for(WHO_REMOVES, attempt!("unlink", libc::SYS_unlink, SOMEWHERE)),
    but_for(
        WHO_REMOVES,
        attempt!("unlinkat", libc::SYS_unlinkat, PATH[0], PATH[1]),
    ),
    attempt!("rmdir", libc::SYS_rmdir, SOMEWHERE),
    attempt!("truncate", libc::SYS_truncate, SOMEWHERE, i(0)),
    but_for(HISTORY, attempt!("ftruncate", libc::SYS_ftruncate, BAD, i(0))),
    attempt!("fallocate", libc::SYS_fallocate, BAD, i(0), i(0), i(1)),
    but_for(
        HISTORY,
        attempt!("pwrite", libc::SYS_pwrite64, BAD, NULL, i(0), i(0)),
    ),
    attempt!("splice", libc::SYS_splice, BAD, NULL, BAD, NULL, i(1)),
    attempt!("vmsplice", libc::SYS_vmsplice, BAD, NULL, i(1)),
    attempt!("tee", libc::SYS_tee, BAD, BAD, i(1)),
    attempt!("sendfile", libc::SYS_sendfile, BAD, BAD, NULL, i(1)),
    attempt!("copy_file_range", libc::SYS_copy_file_range, BAD, NULL, BAD),
    attempt!("flock", libc::SYS_flock, BAD, i(libc::LOCK_EX)),
    attempt!("inotify", libc::SYS_inotify_init1, i(0)),
    attempt!("fanotify", libc::SYS_fanotify_init, i(0), i(0)),
    attempt!(
        "name_to_handle_at",
        libc::SYS_name_to_handle_at,
        PATH[0],
        PATH[1]
    ),
    attempt!("open_by_handle_at", libc::SYS_open_by_handle_at, BAD, NULL, i(0)),
    attempt!("chdir", libc::SYS_chdir, SOMEWHERE),
    attempt!("chroot", libc::SYS_chroot, SOMEWHERE),
    attempt!("pivot_root", libc::SYS_pivot_root, SOMEWHERE, SOMEWHERE),
    attempt!("mount", libc::SYS_mount, SOMEWHERE, SOMEWHERE, NULL, i(0)),
    attempt!("umount", libc::SYS_umount2, SOMEWHERE, i(0)),
    attempt!("fsopen", libc::SYS_fsopen, text(b"tmpfs\0"), i(0)),
    attempt!("open_tree", libc::SYS_open_tree, PATH[0], PATH[1], i(0)),
    attempt!("move_mount", libc::SYS_move_mount, BAD, NULL, BAD, NULL),
    attempt!("mount_setattr", libc::SYS_mount_setattr, PATH[0], PATH[1]),
];

/// Terminals and devices.
const DEVICES: &[Attempt] = &[
    attempt!("TIOCSTI", libc::SYS_ioctl, BAD, n(0x5412), text(b"x")),
    attempt!("TIOCLINUX", libc::SYS_ioctl, BAD, n(0x541C), text(b"\x02")),
    attempt!("TIOCSCTTY", libc::SYS_ioctl, BAD, n(0x540E), i(1)),
    attempt!("TIOCSPGRP", libc::SYS_ioctl, BAD, n(0x5410), NULL),
    attempt!("TIOCSETD", libc::SYS_ioctl, BAD, n(0x5423), NULL),
    attempt!("TCSETS", libc::SYS_ioctl, BAD, n(0x5402), NULL),
    // The kernel looks at 32 bits of the command.
    attempt!("TIOCSTI, wide", libc::SYS_ioctl, BAD, n(1 << 32 | 0x5412)),
    attempt!("FIOASYNC", libc::SYS_ioctl, BAD, n(0x5452), NULL),
    attempt!("FIOSETOWN", libc::SYS_ioctl, BAD, n(0x8901), NULL),
    attempt!("SIOCSPGRP", libc::SYS_ioctl, BAD, n(0x8902), NULL),
    attempt!("SIOCSIFFLAGS", libc::SYS_ioctl, BAD, n(0x8914), NULL),
    attempt!("FS_IOC_SETFLAGS", libc::SYS_ioctl, BAD, n(0x4008_6602), NULL),
    attempt!("FICLONE", libc::SYS_ioctl, BAD, n(0x4004_9409), BAD),
];

/// Other processes: signals, limits, memory, descriptors.
const PROCESSES: &[Attempt] = &[
    attempt!("F_SETOWN", libc::SYS_fcntl, BAD, i(libc::F_SETOWN), ANOTHER),
    attempt!("F_SETOWN_EX", libc::SYS_fcntl, BAD, i(15), NULL),
    attempt!("F_SETSIG", libc::SYS_fcntl, BAD, i(10), i(9)),
    attempt!("F_SETFL", libc::SYS_fcntl, BAD, i(4), i(libc::O_ASYNC)),
    attempt!("F_SETLEASE", libc::SYS_fcntl, BAD, i(1024), i(1)),
    attempt!("F_NOTIFY", libc::SYS_fcntl, BAD, i(1026), i(1)),
    but_for(
        HISTORY,
        attempt!("F_SETLK", libc::SYS_fcntl, BAD, i(libc::F_SETLK), NULL),
    ),
    attempt!("F_DUPFD", libc::SYS_fcntl, BAD, i(libc::F_DUPFD), i(0)),
    attempt!("limits of another", libc::SYS_prlimit64, ANOTHER, i(0)),
    attempt!(
        "limits of its own",
        libc::SYS_prlimit64,
        i(0),
        i(libc::RLIMIT_CORE.cast_signed()),
        text(&[0; 16])
    ),
    attempt!("setrlimit", libc::SYS_setrlimit, i(4), NULL),
    attempt!("kill", libc::SYS_kill, ANOTHER, i(0)),
    attempt!("tkill", libc::SYS_tkill, ANOTHER, i(0)),
    attempt!("tgkill", libc::SYS_tgkill, ANOTHER, ANOTHER, i(0)),
    attempt!("abort another", libc::SYS_tgkill, ANOTHER, BAD, i(6)),
    attempt!("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo, ANOTHER, i(0)),
    attempt!("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo, ANOTHER),
    attempt!("pidfd_open", libc::SYS_pidfd_open, ANOTHER, i(0)),
    attempt!("pidfd_send_signal", libc::SYS_pidfd_send_signal, BAD, i(0)),
    attempt!("pidfd_getfd", libc::SYS_pidfd_getfd, BAD, i(0), i(0)),
    attempt!("ptrace", libc::SYS_ptrace, n(0x4206), ANOTHER),
    attempt!("process_vm_readv", libc::SYS_process_vm_readv, ANOTHER),
    attempt!("process_vm_writev", libc::SYS_process_vm_writev, ANOTHER),
    attempt!("process_madvise", libc::SYS_process_madvise, BAD),
    attempt!("kcmp", libc::SYS_kcmp, ANOTHER, ANOTHER, i(0)),
    attempt!("setpriority", libc::SYS_setpriority, i(0), ANOTHER, i(19)),
    attempt!("sched_setscheduler", libc::SYS_sched_setscheduler, ANOTHER),
    attempt!("sched_setattr", libc::SYS_sched_setattr, ANOTHER, NULL, i(0)),
    attempt!("sched_setaffinity", libc::SYS_sched_setaffinity, ANOTHER),
    attempt!("ioprio_set", libc::SYS_ioprio_set, i(1), ANOTHER, i(0)),
    attempt!("timer_create", libc::SYS_timer_create, i(0), NULL, NULL),
    attempt!("setsid", libc::SYS_setsid),
    attempt!("setpgid", libc::SYS_setpgid, ANOTHER, ANOTHER),
    attempt!("execve", libc::SYS_execve, SOMEWHERE, NULL, NULL),
    attempt!("execveat", libc::SYS_execveat, PATH[0], PATH[1], NULL, NULL),
    attempt!("memfd_create", libc::SYS_memfd_create, text(b"a\0"), i(0)),
    attempt!("memfd_secret", libc::SYS_memfd_secret, i(0)),
    attempt!("shmget", libc::SYS_shmget, i(0), i(4096), i(0o600)),
    attempt!("msgget", libc::SYS_msgget, i(0), i(0o600)),
    attempt!("semget", libc::SYS_semget, i(0), i(1), i(0o600)),
    attempt!("mq_open", libc::SYS_mq_open, text(b"a\0"), i(0)),
];

/// Everything that is tried.
pub(super) const ATTEMPTS: &[&[Attempt]] =
    &[SOCKETS, FILES, DEVICES, PROCESSES, kernel::KERNEL];
