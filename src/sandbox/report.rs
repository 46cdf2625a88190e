//! Reports the restrictions in force, as the kernel shows them in `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::capabilities::names;

/// The flag of an exiting thread, from `linux/sched.h`. Such a thread may show
/// for a while after it was joined.
const PF_EXITING: u64 = 4;

/// The restrictions in force, over all threads of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The capabilities that are left, each with the threads that have it.
    pub kept: String,
    /// Whether no thread can gain privileges by executing a program.
    pub no_new_privileges: bool,
    /// "filtered" if every thread filters its system calls.
    pub system_calls: &'static str,
}

/// The kernel's description of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Thread {
    name: String,
    permitted: u64,
    no_new_privileges: bool,
    is_filtered: bool,
}

impl Report {
    pub(super) fn read() -> io::Result<Self> {
        Self::of_tasks(Path::new("/proc/self/task"))
    }

    fn of_tasks(tasks: &Path) -> io::Result<Self> {
        let mut threads = Vec::new();
        for task in fs::read_dir(tasks)? {
            match read_thread(&task?.path()) {
                Ok(thread) => threads.extend(thread),
                // The thread has ended meanwhile: it has no privileges.
                Err(error) if is_end(&error) => {}
                Err(error) => return Err(error),
            }
        }
        match threads.is_empty() {
            true => Err(io::Error::other("there is no thread")),
            false => Ok(Self::of(&threads)),
        }
    }

    fn of(threads: &[Thread]) -> Self {
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
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    matches!(code, Some(libc::ENOENT | libc::ESRCH))
}

/// Reads `/proc/PID/task/TID`; none for an exiting thread.
fn read_thread(task: &Path) -> io::Result<Option<Thread>> {
    let status = fs::read_to_string(task.join("status"))?;
    // `stat` after `status`: the thread may have begun to exit meanwhile.
    let stat = fs::read_to_string(task.join("stat"))?;
    if is_exiting(&stat) {
        return Ok(None);
    }
    let found = thread(&status);
    found.map(Some).ok_or_else(|| io::Error::other("there is no CapPrm"))
}

/// Reads `/proc/PID/stat`, whose second field may have any character.
fn is_exiting(stat: &str) -> bool {
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    fields
        .and_then(|fields| fields.split_whitespace().nth(6)?.parse().ok())
        .is_some_and(|flags: u64| flags & PF_EXITING != 0)
}

/// Reads `/proc/PID/status`; none without a line of capabilities. If another
/// line is missing, its restriction is taken as not in force.
fn thread(status: &str) -> Option<Thread> {
    let mut thread = Thread::default();
    let mut permitted = None;
    for line in status.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key {
            "Name" => thread.name = value.into(),
            "CapPrm" => permitted = u64::from_str_radix(value, 16).ok(),
            "NoNewPrivs" => thread.no_new_privileges = value == "1",
            // 2 means a filter.
            "Seccomp" => thread.is_filtered = value == "2",
            _ => {}
        }
    }
    thread.permitted = permitted?;
    Some(thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLLER: &str = "Name:\tpoller\nCapPrm:\t0000000000001000\n\
        NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";

    #[test]
    fn what_is_kept_is_named_with_its_thread() {
        let other = Thread { permitted: 0, ..thread(POLLER).unwrap() };
        let report = Report::of(&[thread(POLLER).unwrap(), other]);
        assert_eq!(report.kept, "CAP_NET_ADMIN (thread poller)");
        assert_eq!(report.system_calls, "filtered");
        assert!(report.no_new_privileges);
    }

    #[test]
    fn one_thread_that_is_free_is_enough_to_say_so() {
        let free = thread("Name:\tmain\nCapPrm:\t0000000000001000\n");
        let report = Report::of(&[thread(POLLER).unwrap(), free.unwrap()]);
        assert_eq!(report.kept, "CAP_NET_ADMIN (2 threads)");
        assert_eq!(report.system_calls, "not filtered");
        assert!(!report.no_new_privileges);
    }

    /// Writes files as the kernel has them for threads.
    fn tasks(of: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (index, (status, flags)) in of.iter().enumerate() {
            let task = folder.path().join(index.to_string());
            fs::create_dir(&task).unwrap();
            fs::write(task.join("status"), status).unwrap();
            let stat = format!("7 (a) b) S 1 2 3 4 5 {flags} 0 0\n");
            fs::write(task.join("stat"), stat).unwrap();
        }
        folder
    }

    #[test]
    fn nothing_kept_is_said() {
        let status = POLLER.replace("1000\n", "0000\n");
        let folder = tasks(&[(&status, "4194304")]);
        let report = Report::of_tasks(folder.path()).unwrap();
        assert_eq!(report.kept, "none");
    }

    #[test]
    fn a_thread_that_ends_is_left_out() {
        let status = POLLER.replace("1000\n", "0000\n");
        let folder = tasks(&[(&status, "64"), (POLLER, "4194372")]);
        let report = Report::of_tasks(folder.path()).unwrap();
        assert_eq!(report.kept, "none");
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_nothing() {
        let missing = tasks(&[]).path().join("none");
        Report::of_tasks(&missing).unwrap_err();
        Report::of_tasks(tasks(&[]).path()).unwrap_err();
        Report::of_tasks(tasks(&[("Name:\tx\n", "0")]).path()).unwrap_err();
        Report::read().unwrap();
    }
}
