//! A bounded queue of log lines, and the thread that writes them. A thread that
//! logs never waits for the reader of the log.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The largest number of waiting bytes: thousands of lines, enough for a slow
/// reader.
const LIMIT: usize = 1 << 20;

/// A queue of lines. Clones share the same queue.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    pending: Mutex<Pending>,
    /// Is notified when a line arrives and when all lines are written.
    changed: Condvar,
}

/// The waiting lines, and the output before the thread takes it.
struct Pending {
    /// Whole lines.
    lines: VecDeque<Vec<u8>>,
    /// The length of all lines.
    bytes: usize,
    /// Is true while the thread writes a line.
    is_writing: bool,
    /// The number of dropped lines that was not logged yet.
    dropped: u64,
    /// The output, until the thread takes it at its start.
    output: Option<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pending = self.pending();
        f.debug_struct("Queue")
            .field("lines", &pending.lines.len())
            .field("dropped", &pending.dropped)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Returns a queue to `output`. Nothing is written before `start`.
    pub(super) fn new(output: impl Write + Send + 'static) -> Self {
        let pending = Pending {
            lines: VecDeque::new(),
            bytes: 0,
            is_writing: false,
            dropped: 0,
            output: Some(Box::new(output)),
        };
        let changed = Condvar::new();
        Self(Arc::new(Shared { pending: Mutex::new(pending), changed }))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or counts it as dropped if there is no room.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut pending = self.pending();
        if pending.bytes + line.len() > LIMIT {
            pending.dropped += 1;
            return;
        }
        pending.bytes += line.len();
        pending.lines.push_back(line);
        drop(pending);
        self.0.changed.notify_all();
    }

    /// Returns the number of dropped lines, once, when there is room again for
    /// a line about them.
    pub(super) fn take_dropped(&self) -> Option<u64> {
        let mut pending = self.pending();
        if pending.dropped == 0 || pending.bytes > LIMIT / 2 {
            return None;
        }
        Some(std::mem::take(&mut pending.dropped))
    }

    /// Starts the thread that writes, which runs `prepare` first. The second
    /// call does nothing.
    ///
    /// # Errors
    /// If the system cannot make a thread.
    pub(super) fn start(
        &self,
        prepare: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let Some(output) = self.pending().output.take() else { return Ok(()) };
        let queue = self.clone();
        thread::Builder::new().name("log".into()).spawn(move || {
            prepare();
            queue.write_all(output);
        })?;
        Ok(())
    }

    /// Writes the waiting lines on the calling thread, if the thread was not
    /// started yet.
    pub(super) fn write_waiting(&self) {
        let mut pending = self.pending();
        let Some(mut output) = pending.output.take() else { return };
        while let Some(line) = pending.lines.pop_front() {
            let _ = output.write_all(&line);
            pending.bytes -= line.len();
        }
        pending.output = Some(output);
    }

    fn write_all(&self, mut output: Box<dyn Write + Send>) {
        let mut pending = self.pending();
        loop {
            let Some(line) = pending.lines.pop_front() else {
                pending.is_writing = false;
                self.0.changed.notify_all();
                pending = self
                    .0
                    .changed
                    .wait(pending)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            pending.is_writing = true;
            drop(pending);
            // Counting continues if standard error is closed.
            let _ = output.write_all(&line);
            pending = self.pending();
            // After the write, because a line that stalls takes room.
            pending.bytes -= line.len();
        }
    }

    /// Waits until everything is written, but no longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let pending = self.pending();
        // The result does not matter: the stop continues in both cases.
        let _ = self
            .0
            .changed
            .wait_timeout_while(pending, patience, |pending| {
                pending.is_writing || !pending.lines.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A reader that takes nothing until it is opened.
    #[derive(Clone, Default)]
    struct Pipe(Arc<(Mutex<Taken>, Condvar)>);

    #[derive(Default)]
    struct Taken {
        is_open: bool,
        bytes: Vec<u8>,
    }

    impl Pipe {
        fn open(&self) {
            self.0.0.lock().unwrap().is_open = true;
            self.0.1.notify_all();
        }

        fn text(&self) -> String {
            let taken = self.0.0.lock().unwrap();
            String::from_utf8(taken.bytes.clone()).unwrap()
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.0.0.lock().unwrap();
            let mut taken =
                self.0.1.wait_while(taken, |taken| !taken.is_open).unwrap();
            taken.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_in_order() {
        let pipe = Pipe::default();
        pipe.open();
        let queue = Queue::new(pipe.clone());
        queue.push(b"one\n".into());
        queue.push(b"two\n".into());
        assert_eq!(pipe.text(), "", "before the thread");
        queue.start(|| ()).unwrap();
        queue.flush(PATIENCE);
        assert_eq!(pipe.text(), "one\ntwo\n");
        queue.push(b"three\n".into());
        queue.flush(PATIENCE);
        assert_eq!(pipe.text(), "one\ntwo\nthree\n");
    }

    #[test]
    fn lines_can_be_written_before_the_thread_starts() {
        let pipe = Pipe::default();
        pipe.open();
        let queue = Queue::new(pipe.clone());
        queue.push(b"one\n".into());
        queue.write_waiting();
        assert_eq!(pipe.text(), "one\n");
        queue.push(b"two\n".into());
        queue.start(|| ()).unwrap();
        queue.flush(PATIENCE);
        assert_eq!(pipe.text(), "one\ntwo\n");
        queue.write_waiting();
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_no_time() {
        let pipe = Pipe::default();
        let queue = Queue::new(pipe.clone());
        queue.start(|| ()).unwrap();
        let line = vec![b'x'; 1023].into_iter().chain(*b"\n");
        let line: Vec<u8> = line.collect();
        for _ in 0..LIMIT / 1024 + 7 {
            queue.push(line.clone());
        }
        assert_eq!(queue.take_dropped(), None, "no room to say so");
        queue.flush(Duration::ZERO);
        pipe.open();
        queue.flush(PATIENCE);
        assert_eq!(pipe.text().len(), LIMIT);
        assert_eq!(queue.take_dropped(), Some(7));
        assert_eq!(queue.take_dropped(), None);
    }
}
