use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::mpsc;

use super::super::Duty;
use super::super::allowed;
use super::*;

/// Every duty that has a filter.
const DUTIES: [Duty; 10] = [
    Duty::Supervise,
    Duty::Read,
    Duty::Count { needs_bpf: false },
    Duty::Save,
    Duty::Record,
    Duty::Follow,
    Duty::Watch,
    Duty::Serve,
    Duty::Log,
    Duty::Forward,
];

fn all() -> impl Iterator<Item = (Duty, Threads)> {
    DUTIES.map(|duty| (duty, allowed::threads(duty).unwrap())).into_iter()
}

#[test]
fn each_filter_is_one_that_the_kernel_would_take() {
    for (duty, threads) in all() {
        let length = program(threads).unwrap().len();
        // BPF_MAXINSNS.
        assert!(length < 4096, "{duty:?}: {length} instructions");
    }
}

#[test]
fn no_call_has_two_rows_for_one_thread() {
    for (duty, threads) in all() {
        let mut seen = BTreeSet::new();
        for row in TABLE.iter().chain(TABLE_HERE) {
            if row.threads & threads != 0 {
                assert!(seen.insert(row.call), "{duty:?}: call {}", row.call);
            }
        }
    }
}

/// The library has these numbers for the architecture that it was built for. The
/// newer ones, such as arm64, all have those of the kernel's generic list.
#[test]
fn every_call_for_all_architectures_is_in_the_generic_list() {
    let list = fs::read_to_string("/usr/include/asm-generic/unistd.h").unwrap();
    let source = include_str!("../allowed.rs");
    let common = source.split("pub(super) const TABLE_HERE").next().unwrap();
    let rows = common.lines().filter_map(|line| {
        line.trim_start().strip_prefix("SYS_")?.split([' ', '|']).next()
    });
    let mut count = 0;
    for call in rows {
        let has = |prefix: &str| list.contains(&format!("{prefix}{call} "));
        assert!(has("#define __NR_") || has("#define __NR3264_"), "{call}");
        count += 1;
    }
    assert!(count > 60, "{count}");
    assert!(list.contains("#define __NR_renameat 38\n"));
}

/// Does `work` on a thread with a filter of its own, not the tests beside it.
fn with_filter<T: Send + 'static>(
    duty: Duty,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        restrict(allowed::threads(duty).unwrap()).unwrap();
        let _ = tell.send(work());
    });
    told.recv().unwrap()
}

fn refusal<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn what_is_not_in_the_table_fails_and_harms_nothing() {
    for duty in DUTIES {
        let refused = with_filter(duty, || {
            [
                refusal(std::net::UdpSocket::bind("127.0.0.1:0")),
                refusal(std::net::TcpListener::bind("127.0.0.1:0")),
                refusal(std::os::unix::net::UnixStream::connect("/none")),
                refusal(std::process::Command::new("/bin/true").spawn()),
                refusal(std::fs::write("/tmp", "text")),
                refusal(std::fs::create_dir("/tmp/none/none")),
            ]
        });
        assert_eq!(refused, [Some(libc::EPERM); 6], "{duty:?}");
    }
}

#[test]
fn threads_are_started_and_no_processes() {
    for duty in [Duty::Supervise, Duty::Serve] {
        let is_started = with_filter(duty, || {
            std::thread::Builder::new().spawn(|| ()).is_ok()
        });
        assert!(is_started, "{duty:?}");
    }
    let refused =
        with_filter(Duty::Log, || std::thread::Builder::new().spawn(|| ()));
    assert_eq!(refusal(refused), Some(libc::EPERM));
}

#[test]
fn files_are_read_by_who_reads_files() {
    for duty in DUTIES {
        let read = with_filter(duty, || std::fs::read("/proc/self/status"));
        let may_read = matches!(
            duty,
            Duty::Supervise
                | Duty::Read
                | Duty::Count { .. }
                | Duty::Watch
                | Duty::Record
                | Duty::Serve
        );
        assert_eq!(read.is_ok(), may_read, "{duty:?}: {read:?}");
    }
}

#[test]
fn the_journal_of_the_history_has_any_mode_that_does_not_execute() {
    use std::os::unix::fs::OpenOptionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let made = with_filter(Duty::Record, move || {
        [0o600, 0o644, 0o660, 0o400, 0o700, 0o645, 0o1600, 0o2644, 0o4600].map(
            |mode| {
                let mut options = std::fs::OpenOptions::new();
                options.read(true).write(true).create(true).truncate(false);
                options.mode(mode).custom_flags(libc::O_NOFOLLOW);
                let path = path.with_extension(format!("{mode:o}"));
                options.open(path).is_ok()
            },
        )
    });
    let (allowed, refused) = made.split_at(4);
    assert_eq!(allowed, [true; 4]);
    assert_eq!(refused, [false; 5]);
}
