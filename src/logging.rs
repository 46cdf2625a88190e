//! The log: lines on standard error, as text or JSON, at a level that can
//! change while the program runs. There is no global logger.
//!
//! Lines are made where something is logged and written by a thread of their
//! own: a standard error that nobody reads stalls nothing else.

mod journal;
mod line;
mod queue;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slog::{Drain, Level, Logger, OwnedKVList, Record, b, crit, o, record};

use crate::config::{LogFormat, LogLevel};
use queue::Queue;

/// How long the end waits for the last lines to be read.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// Changes how much is logged and in which form, and when it is written.
#[derive(Clone, Debug)]
pub struct LogControl(Arc<State>);

#[derive(Debug)]
struct State {
    level: AtomicUsize,
    is_json: AtomicBool,
    /// None where whoever logs also writes.
    queue: Option<Queue>,
}

impl LogControl {
    /// Logs by these settings from the next line on.
    pub fn set(&self, level: LogLevel, format: LogFormat) {
        let level = slog_level(level);
        self.0.level.store(level.as_usize(), Ordering::Relaxed);
        let is_json = format == LogFormat::Json;
        self.0.is_json.store(is_json, Ordering::Relaxed);
    }

    /// Writes what was logged from now on, by a thread that does `prepare`
    /// first.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn start(
        &self,
        prepare: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        self.0.queue.as_ref().map_or(Ok(()), |queue| queue.start(prepare))
    }

    /// Writes what was logged on the calling thread, before [`Self::start`].
    pub fn write_waiting(&self) {
        if let Some(queue) = &self.0.queue {
            queue.write_waiting();
        }
    }

    /// Waits until all that was logged is written, for a second at most.
    pub fn flush(&self) {
        let Some(queue) = &self.0.queue else { return };
        if queue.start(|| ()).is_ok() {
            queue.flush(FLUSH_PATIENCE);
        }
    }
}

/// Returns a logger to standard error and what changes it.
pub fn to_stderr(level: LogLevel, format: LogFormat) -> (Logger, LogControl) {
    // Not by the library's handle, whose lock would be held by a write that
    // stalls.
    let output: Box<dyn io::Write + Send> =
        match io::stderr().as_fd().try_clone_to_owned() {
            Ok(descriptor) => Box::new(File::from(descriptor)),
            Err(_) => Box::new(io::stderr()),
        };
    let queue = Queue::new(output);
    let out = Out::Queue(queue.clone());
    build(out, Some(queue), journal::is_stderr(), level, format)
}

/// Returns a logger to `output`, and what changes it. The thread that logs
/// also writes.
pub fn to(
    output: impl io::Write + Send + 'static,
    level: LogLevel,
    format: LogFormat,
) -> (Logger, LogControl) {
    let out = Out::Direct(Mutex::new(Box::new(output)));
    build(out, None, false, level, format)
}

fn build(
    out: Out,
    queue: Option<Queue>,
    is_journal: bool,
    level: LogLevel,
    format: LogFormat,
) -> (Logger, LogControl) {
    let control = LogControl(Arc::new(State {
        level: AtomicUsize::new(0),
        is_json: AtomicBool::new(false),
        queue,
    }));
    control.set(level, format);
    let output = Output { control: control.clone(), out, is_journal };
    // A closed standard error is no reason to stop counting.
    (Logger::root(output.ignore_res(), o!()), control)
}

/// Where lines go.
enum Out {
    Queue(Queue),
    Direct(Mutex<Box<dyn io::Write + Send>>),
}

struct Output {
    control: LogControl,
    out: Out,
    /// Whether the journal reads the lines, and with them their priority.
    is_journal: bool,
}

impl Output {
    fn write(&self, record: &Record, values: &OwnedKVList) -> io::Result<()> {
        let format = match self.control.0.is_json.load(Ordering::Relaxed) {
            true => LogFormat::Json,
            false => LogFormat::Text,
        };
        let line = line::line(record, values, format, self.is_journal)?;
        match &self.out {
            Out::Queue(queue) => queue.push(line),
            Out::Direct(output) => output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&line)?,
        }
        Ok(())
    }
}

impl Drain for Output {
    type Ok = ();
    type Err = io::Error;

    fn log(&self, record: &Record, values: &OwnedKVList) -> io::Result<()> {
        let state = &self.control.0;
        if record.level().as_usize() > state.level.load(Ordering::Relaxed) {
            return Ok(());
        }
        let lost = state.queue.as_ref().and_then(Queue::take_dropped);
        if let Some(lines) = lost {
            self.write(
                &record!(
                    Level::Warning,
                    "",
                    &format_args!(
                        "log lines were dropped: nobody read standard error"
                    ),
                    b!("lines" => lines)
                ),
                values,
            )?;
        }
        self.write(record, values)
    }

    fn is_enabled(&self, level: Level) -> bool {
        level.as_usize() <= self.control.0.level.load(Ordering::Relaxed)
    }
}

/// Writes a text on standard error where there is no log: before it is opened,
/// or for a command that needs none. Where it cannot be written, the exit
/// status has to say it all.
pub fn complain(level: LogLevel, text: &str) {
    let is_journal = journal::is_stderr();
    for part in text.lines() {
        let mut line = match is_journal {
            true => line::priority(slog_level(level)).to_owned(),
            false => String::new(),
        };
        line::escape(part, LogFormat::Text, &mut line);
        line.push('\n');
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

fn slog_level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warning,
        LogLevel::Info => Level::Info,
        LogLevel::Debug => Level::Debug,
        LogLevel::Trace => Level::Trace,
    }
}

/// Logs panics, of any thread, as one line each.
pub fn log_panics(log: &Logger) {
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        crit!(log, "panic, which is a bug: please report it";
            "message" => message.replace('\n', " "),
            "place" => place.unwrap_or_default(),
            "thread" => thread.name().unwrap_or("unnamed"));
    }));
}

/// Returns a point in time, in seconds since 1970, as RFC 3339 has it.
#[must_use]
pub fn date(seconds: u64) -> String {
    line::date(seconds)
}

/// Returns an error and its causes in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_and_its_causes_are_one_line() {
        let cause = io::Error::from_raw_os_error(libc::ENODEV);
        let error = crate::kernel::Error::Call {
            action: "attach to interface eth0".into(),
            source: cause,
        };
        assert_eq!(
            chain(&error),
            "cannot attach to interface eth0: \
             No such device (os error 19)"
        );
    }

    #[test]
    fn the_level_can_change_while_the_logger_is_in_use() {
        let (log, control) = to_stderr(LogLevel::Warn, LogFormat::Text);
        assert!(log.is_warning_enabled() && !log.is_info_enabled());
        let child = log.new(o!("child" => true));
        control.set(LogLevel::Debug, LogFormat::Json);
        assert!(child.is_debug_enabled() && !child.is_trace_enabled());
    }
}
