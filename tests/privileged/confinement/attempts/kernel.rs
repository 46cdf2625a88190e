//! What the kernel gives to whoever asks.

use libc::c_int;

use super::{
    ANOTHER, Attempt, BAD, CONNECTIONS, NULL, POLLER, SOMEWHERE, WHO_COUNTS,
    but_for, i, n, text,
};

/// What pthread_create(3) asks for.
const THREAD: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;

/// Capabilities by namespaces, programs of other processes, and what else the
/// kernel gives to whoever asks.
pub(super) const KERNEL: &[Attempt] = &[
    // Those that the kernel would refuse otherwise, with EINVAL.
    attempt!(
        "clone with CLONE_NEWUSER",
        libc::SYS_clone,
        i(libc::CLONE_NEWUSER | libc::CLONE_FS)
    ),
    attempt!(
        "a thread with CLONE_NEWUSER",
        libc::SYS_clone,
        i(THREAD | libc::CLONE_NEWUSER)
    ),
    attempt!("a process", libc::SYS_clone, i(libc::CLONE_SIGHAND)),
    attempt!("a process by fork", libc::SYS_fork),
    attempt!("a process by vfork", libc::SYS_vfork),
    attempt!("clone3", libc::SYS_clone3, NULL, i(0)),
    attempt!("unshare", libc::SYS_unshare, i(libc::CLONE_NEWUSER)),
    attempt!("setns", libc::SYS_setns, BAD, i(0)),
    but_for(
        CONNECTIONS,
        attempt!("BPF_MAP_CREATE", libc::SYS_bpf, i(0), NULL, i(0)),
    ),
    but_for(
        CONNECTIONS,
        attempt!("BPF_PROG_LOAD", libc::SYS_bpf, i(5), NULL, i(0)),
    ),
    attempt!("BPF_OBJ_GET", libc::SYS_bpf, i(7), text(&[0; 32]), i(16)),
    attempt!("BPF_PROG_ATTACH", libc::SYS_bpf, i(8), NULL, i(0)),
    attempt!("BPF_PROG_DETACH", libc::SYS_bpf, i(9), NULL, i(0)),
    attempt!("BPF_PROG_GET_FD_BY_ID", libc::SYS_bpf, i(13), NULL, i(0)),
    attempt!("BPF_MAP_GET_FD_BY_ID", libc::SYS_bpf, i(14), NULL, i(0)),
    but_for(
        CONNECTIONS,
        attempt!("BPF_RAW_TRACEPOINT_OPEN", libc::SYS_bpf, i(17), NULL, i(0)),
    ),
    attempt!("BPF_LINK_GET_FD_BY_ID", libc::SYS_bpf, i(30), NULL, i(0)),
    attempt!("BPF_LINK_UPDATE", libc::SYS_bpf, i(29), NULL, i(0)),
    attempt!("BPF_TOKEN_CREATE", libc::SYS_bpf, i(36), NULL, i(0)),
    but_for(
        POLLER,
        attempt!("BPF_LINK_DETACH", libc::SYS_bpf, i(34), NULL, i(0)),
    ),
    but_for(
        WHO_COUNTS,
        attempt!("BPF_LINK_CREATE", libc::SYS_bpf, i(28), NULL, i(0)),
    ),
    attempt!("io_uring", libc::SYS_io_uring_setup, i(1), NULL),
    attempt!("io_uring_enter", libc::SYS_io_uring_enter, BAD, i(0), i(0)),
    attempt!("userfaultfd", libc::SYS_userfaultfd, i(1)),
    attempt!("perf_event_open", libc::SYS_perf_event_open, NULL, i(0), BAD),
    attempt!("keyctl", libc::SYS_keyctl, i(0), i(-3), i(1)),
    attempt!("add_key", libc::SYS_add_key, NULL, NULL, NULL, i(0), i(-3)),
    attempt!("request_key", libc::SYS_request_key, NULL, NULL, NULL, i(-3)),
    attempt!("personality", libc::SYS_personality, n(0x0040_0000)),
    attempt!("seccomp", libc::SYS_seccomp, i(1), i(0), NULL),
    attempt!("landlock", libc::SYS_landlock_restrict_self, BAD, i(0)),
    attempt!("PR_SET_DUMPABLE", libc::SYS_prctl, i(4), i(2)),
    attempt!("PR_SET_PDEATHSIG", libc::SYS_prctl, i(1), i(-1)),
    attempt!("PR_SET_MM", libc::SYS_prctl, i(35), i(-1)),
    attempt!("PR_SET_PTRACER", libc::SYS_prctl, n(0x5961_6D61), BAD),
    attempt!("PR_SET_SECCOMP", libc::SYS_prctl, i(22), i(-1)),
    attempt!("PR_CAP_AMBIENT", libc::SYS_prctl, i(47), i(-1)),
    but_for(POLLER, attempt!("capset", libc::SYS_capset, NULL, NULL)),
    attempt!("setuid", libc::SYS_setuid, i(0)),
    attempt!("setresuid", libc::SYS_setresuid, i(0), i(0), i(0)),
    attempt!("setgroups", libc::SYS_setgroups, i(0), NULL),
    but_for(WHO_COUNTS, attempt!("membarrier", libc::SYS_membarrier, i(-1))),
    attempt!("MEMBARRIER by threads", libc::SYS_membarrier, i(128), i(0)),
    attempt!(
        "memory to execute",
        libc::SYS_mmap,
        NULL,
        i(4096),
        i(libc::PROT_READ | libc::PROT_EXEC),
        i(0),
        BAD
    ),
    attempt!(
        "memory to be executed from now on",
        libc::SYS_mprotect,
        NULL,
        i(4096),
        i(libc::PROT_EXEC)
    ),
    attempt!("pkey_mprotect", libc::SYS_pkey_mprotect, NULL, i(0), i(4)),
    attempt!("modify_ldt", libc::SYS_modify_ldt, i(-1)),
    attempt!("init_module", libc::SYS_init_module, NULL, i(0), NULL),
    attempt!("finit_module", libc::SYS_finit_module, BAD, NULL, i(0)),
    attempt!("kexec_load", libc::SYS_kexec_load, i(0), i(0), NULL, i(0)),
    attempt!("syslog", libc::SYS_syslog, i(10), NULL, i(0)),
    attempt!("settimeofday", libc::SYS_settimeofday, NULL, NULL),
    attempt!("clock_settime", libc::SYS_clock_settime, i(0), NULL),
    attempt!("adjtimex", libc::SYS_adjtimex, NULL),
    attempt!("acct", libc::SYS_acct, SOMEWHERE),
    attempt!("quotactl", libc::SYS_quotactl, i(0), NULL, i(0), NULL),
    attempt!("mlockall", libc::SYS_mlockall, i(0)),
    attempt!("move_pages", libc::SYS_move_pages, ANOTHER, i(0)),
    attempt!("migrate_pages", libc::SYS_migrate_pages, ANOTHER, i(0)),
];
