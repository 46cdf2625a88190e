//! What is in force, in the words of the kernel.

use std::collections::BTreeMap;
use std::fs;

use super::Files;
use super::capabilities::names;

/// What is in force, over all threads of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The capabilities that are left, each with the threads that have it.
    pub kept: String,
    /// Whether no thread can gain privileges by executing a program.
    pub no_new_privileges: bool,
    /// Whether the system calls of every thread are filtered.
    pub system_calls: &'static str,
    /// Whether files are restricted.
    pub files: String,
}

/// What the kernel says of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Thread {
    name: String,
    permitted: u64,
    no_new_privileges: bool,
    is_filtered: bool,
}

impl Report {
    pub(super) fn read(files: Files) -> Self {
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
        let threads: Vec<Thread> = tasks
            .flatten()
            // One that has ended meanwhile has no privileges.
            .filter_map(|task| {
                fs::read_to_string(task.path().join("status")).ok()
            })
            .map(|status| thread(&status))
            .collect();
        Self::of(&threads, files)
    }

    fn of(threads: &[Thread], files: Files) -> Self {
        let mut kept: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for thread in threads {
            for capability in names(thread.permitted) {
                kept.entry(capability).or_default().push(&thread.name);
            }
        }
        let kept: Vec<String> = kept
            .into_iter()
            .map(|(name, threads)| match threads.as_slice() {
                [one] => format!("{name} (thread {one})"),
                more => format!("{name} ({} threads)", more.len()),
            })
            .collect();
        let is_filtered = threads.iter().all(|thread| thread.is_filtered);
        Self {
            kept: match kept.as_slice() {
                [] => "none".into(),
                [..] => kept.join(", "),
            },
            no_new_privileges: threads.iter().all(|one| one.no_new_privileges),
            system_calls: match is_filtered {
                true => "filtered",
                false => "not filtered",
            },
            files: match files {
                Files::Restricted(version) => {
                    format!("restricted by Landlock {version}")
                }
                Files::NotInThisKernel => {
                    "not restricted: no Landlock in this kernel".into()
                }
                Files::TurnedOff => "not restricted".into(),
            },
        }
    }
}

/// Reads `/proc/PID/status`. What is missing is not in force.
fn thread(status: &str) -> Thread {
    let mut thread = Thread::default();
    for line in status.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key {
            "Name" => thread.name = value.into(),
            "CapPrm" => {
                thread.permitted =
                    u64::from_str_radix(value, 16).unwrap_or(u64::MAX);
            }
            "NoNewPrivs" => thread.no_new_privileges = value == "1",
            // 2 is a filter.
            "Seccomp" => thread.is_filtered = value == "2",
            _ => {}
        }
    }
    thread
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLLER: &str = "Name:\tpoller\nCapPrm:\t0000000000001000\n\
        NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";

    #[test]
    fn what_is_kept_is_named_with_its_thread() {
        let other = Thread { permitted: 0, ..thread(POLLER) };
        let report = Report::of(&[thread(POLLER), other], Files::Restricted(7));
        assert_eq!(report.kept, "CAP_NET_ADMIN (thread poller)");
        assert_eq!(report.files, "restricted by Landlock 7");
        assert_eq!(report.system_calls, "filtered");
        assert!(report.no_new_privileges);
    }

    #[test]
    fn one_thread_that_is_free_is_enough_to_say_so() {
        let free = thread("Name:\tmain\nCapPrm:\t0000000000001000\n");
        let report =
            Report::of(&[thread(POLLER), free], Files::NotInThisKernel);
        assert_eq!(report.kept, "CAP_NET_ADMIN (2 threads)");
        assert_eq!(report.system_calls, "not filtered");
        assert!(!report.no_new_privileges);
    }

    #[test]
    fn nothing_kept_is_said() {
        assert_eq!(Report::of(&[], Files::TurnedOff).kept, "none");
    }
}
