//! Log lines on their way out: a bounded queue, and a thread that writes.
//! Whoever logs never waits for whoever reads the log.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most that waits to be written: thousands of lines, which a reader that
/// is merely slow has time for.
const LIMIT: usize = 1 << 20;

/// A queue of lines. Clones are the same one.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Something to write, or all is written.
    changed: Condvar,
}

struct State {
    /// Whole lines.
    lines: VecDeque<Vec<u8>>,
    /// The length of all of them.
    bytes: usize,
    /// Whether the thread is about to write, or stalls there.
    is_writing: bool,
    /// Lines that found no room since that was last said.
    dropped: u64,
    /// Where lines go; given to the thread when it starts.
    output: Option<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_struct("Queue")
            .field("lines", &state.lines.len())
            .field("dropped", &state.dropped)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Returns a queue to `output`, which nothing leaves before `start`.
    pub(super) fn new(output: impl Write + Send + 'static) -> Self {
        let state = State {
            lines: VecDeque::new(),
            bytes: 0,
            is_writing: false,
            dropped: 0,
            output: Some(Box::new(output)),
        };
        let changed = Condvar::new();
        Self(Arc::new(Shared { state: Mutex::new(state), changed }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line, or counts it where there is no room.
    pub(super) fn push(&self, line: Vec<u8>) {
        let mut state = self.state();
        if state.bytes + line.len() > LIMIT {
            state.dropped += 1;
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        drop(state);
        self.0.changed.notify_all();
    }

    /// Returns how many lines were dropped, once and as soon as there is room
    /// again for the line that says so.
    pub(super) fn take_dropped(&self) -> Option<u64> {
        let mut state = self.state();
        if state.dropped == 0 || state.bytes > LIMIT / 2 {
            return None;
        }
        Some(std::mem::take(&mut state.dropped))
    }

    /// Starts the thread that writes, which does `prepare` first. The second
    /// call does nothing.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn start(
        &self,
        prepare: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let Some(output) = self.state().output.take() else { return Ok(()) };
        let queue = self.clone();
        thread::Builder::new().name("log".into()).spawn(move || {
            prepare();
            queue.write_all(output);
        })?;
        Ok(())
    }

    /// Writes what waits on the calling thread, where none was started yet.
    pub(super) fn write_waiting(&self) {
        let mut state = self.state();
        let Some(mut output) = state.output.take() else { return };
        while let Some(line) = state.lines.pop_front() {
            let _ = output.write_all(&line);
            state.bytes -= line.len();
        }
        state.output = Some(output);
    }

    fn write_all(&self, mut output: Box<dyn Write + Send>) {
        let mut state = self.state();
        loop {
            let Some(line) = state.lines.pop_front() else {
                state.is_writing = false;
                self.0.changed.notify_all();
                state = self
                    .0
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.is_writing = true;
            drop(state);
            // A closed standard error is no reason to stop counting.
            let _ = output.write_all(&line);
            state = self.state();
            // Only now, so that what stalls takes its room.
            state.bytes -= line.len();
        }
    }

    /// Waits until everything is written, but no longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let state = self.state();
        // Nobody would notice: the next wait is for nothing else.
        let _ = self
            .0
            .changed
            .wait_timeout_while(state, patience, |state| {
                state.is_writing || !state.lines.is_empty()
            })
            .unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A reader that takes nothing until it is told to.
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
