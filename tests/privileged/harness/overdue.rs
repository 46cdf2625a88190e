//! Ends a run in which a test hangs, and names the test. The test runner itself
//! has no limit of time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::exit;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The time that a test may take. The longest ones take three minutes on two
/// busy CPUs.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The variables that make tests longer. A run with one of them has no limit.
const LONGER: [&str; 5] =
    ["SOAK_SECONDS", "CLIENTS_SECONDS", "KILLS", "CONNECTIONS", "SWITCHES"];

/// The tests that run, by their names, with their beginnings.
static RUNNING: Mutex<BTreeMap<String, Instant>> = Mutex::new(BTreeMap::new());

/// The entry of the test of one thread.
struct Entry(Option<String>);

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            let running = RUNNING.lock();
            running.unwrap_or_else(PoisonError::into_inner).remove(name);
        }
    }
}

thread_local! {
    /// Ends with the thread.
    static ENTRY: Entry = Entry(enter());
}

/// Enters the test of the calling thread, which has its name.
fn enter() -> Option<String> {
    let name = thread::current().name().filter(|it| it.contains("::"))?.into();
    let running = RUNNING.lock();
    let mut running = running.unwrap_or_else(PoisonError::into_inner);
    running.insert(String::clone(&name), Instant::now());
    Some(name)
}

/// Limits the time of the test that calls, from its first call on.
pub(crate) fn limit() {
    static WATCH: Once = Once::new();
    ENTRY.with(|_| ());
    WATCH.call_once(|| {
        if LONGER.iter().all(|name| std::env::var_os(name).is_none()) {
            thread::spawn(watch);
        }
    });
}

#[expect(clippy::exit, reason = "a test that hangs cannot be ended alone")]
fn watch() {
    loop {
        thread::sleep(Duration::from_secs(1));
        let running = RUNNING.lock();
        let running = running.unwrap_or_else(PoisonError::into_inner);
        let mut overdue = String::new();
        for (name, since) in running.iter() {
            if since.elapsed() > LIMIT {
                let _ = writeln!(overdue, "test {name} hangs: {LIMIT:?}");
            }
        }
        if !overdue.is_empty() {
            // Not by a macro, whose text the test runner would keep.
            let _ = io::stderr().write_all((overdue + &threads()).as_bytes());
            exit(101);
        }
    }
}

/// Returns what each thread of this process waits for in the kernel.
fn threads() -> String {
    let mut text = String::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten() {
        let Ok(task) = task else { continue };
        for name in ["comm", "wchan", "syscall", "stack"] {
            let content = fs::read_to_string(task.path().join(name));
            let content = content.unwrap_or_else(|error| error.to_string());
            let _ = writeln!(text, "{name}: {}", content.trim_end());
        }
    }
    text
}
