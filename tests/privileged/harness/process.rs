//! Programs a test starts: run to their end, or in the background with their
//! lines at hand and an end that is certain.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::sys::{self, Signal};

/// The time within which the pipes of a program that has ended are closed.
const REST_WITHIN: Duration = Duration::from_secs(10);

/// Runs a command to its end and returns what it printed. One that fails ends
/// the test with what it said.
pub(crate) fn output_of(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8(output.stdout).expect("programs here print UTF-8")
}

/// A program in the background. Dropping it kills it; a panicking test shows
/// first what the program said.
pub(crate) struct Background {
    name: String,
    child: Child,
    incoming: Receiver<String>,
    lines: Vec<String>,
}

impl Background {
    /// Starts a command from the calling thread, which must outlive it.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let (sender, incoming) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("its output is piped")),
            Box::new(child.stderr.take().expect("its errors are piped")),
        ];
        for output in outputs {
            let sender = sender.clone();
            // Ends with the pipe, that is with the program.
            thread::spawn(move || {
                for line in BufReader::new(output).split(b'\n') {
                    let Ok(line) = line else { return };
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { name: name.to_owned(), child, incoming, lines: Vec::new() }
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns how many lines were printed and read so far: the place from
    /// which [`Background::await_line`] looks for what comes next.
    pub(crate) fn line_count(&mut self) -> usize {
        self.lines.extend(self.incoming.try_iter());
        self.lines.len()
    }

    /// Returns every line printed so far.
    pub(crate) fn lines(&mut self) -> &[String] {
        self.line_count();
        &self.lines
    }

    /// Waits for a line, the `from`th or later, from which `pick` takes
    /// something, and panics when none came within `limit`.
    pub(crate) fn await_line<T>(
        &mut self,
        what: &str,
        from: usize,
        limit: Duration,
        mut pick: impl FnMut(&str) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + limit;
        let mut next = from;
        loop {
            while let Some(line) = self.lines.get(next) {
                if let Some(found) = pick(line) {
                    return found;
                }
                next += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.incoming.recv_timeout(left) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: no {what} within {limit:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{}: ended without {what}", self.name)
                }
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        sys::signal_child(&self.child, signal)
            .unwrap_or_else(|e| panic!("{}: {signal:?}: {e}", self.name));
    }

    /// Returns whether the program still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Waits for the end and reads what is left of the output.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        // Already waited for: its id may be somebody else's by now.
        if let Some(status) = self.child.try_wait().expect("our child") {
            self.read_rest();
            return status;
        }
        let descriptor = sys::process_descriptor(self.pid())
            .expect("cannot watch a child process");
        let ended = sys::wait_readable(descriptor.as_fd(), limit)
            .expect("cannot wait for a child process");
        assert!(ended, "{}: did not end within {limit:?}", self.name);
        let status = self.child.wait().expect("it is our child");
        self.read_rest();
        status
    }

    /// Reads until both pipes are closed, which they are unless the program
    /// left another one behind.
    fn read_rest(&mut self) {
        let deadline = Instant::now() + REST_WITHIN;
        let left = || deadline.saturating_duration_since(Instant::now());
        while let Ok(line) = self.incoming.recv_timeout(left()) {
            self.lines.push(line);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let running = self.is_running();
        if running {
            // Cannot fail: it runs, and only we may wait for it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            self.read_rest();
            eprintln!("--- {} said:\n{}", self.name, self.lines.join("\n"));
        }
    }
}

/// Returns how many threads a process has.
pub(crate) fn threads_of(process: u32) -> usize {
    let directory = format!("/proc/{process}/task");
    fs::read_dir(directory).expect("a running process").count()
}
