//! The log: lines on standard error, as text or JSON, at a level that can
//! change while the program runs. There is no global logger.
//!
//! The thread that logs makes the line, and a thread of the log writes it. So
//! the exporter does not stall if nobody reads standard error.

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

/// The longest time that the stop waits for the last lines to be written.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// Changes the level and the format of the log, and starts its thread.
#[derive(Clone, Debug)]
pub struct LogControl(Arc<Control>);

#[derive(Debug)]
struct Control {
    level: AtomicUsize,
    is_json: AtomicBool,
    /// `None` if the thread that logs also writes.
    queue: Option<Queue>,
}

impl LogControl {
    /// Applies these settings from the next line on.
    pub fn set(&self, level: LogLevel, format: LogFormat) {
        let level = slog_level(level);
        self.0.level.store(level.as_usize(), Ordering::Relaxed);
        let is_json = format == LogFormat::Json;
        self.0.is_json.store(is_json, Ordering::Relaxed);
    }

    /// Starts the thread that writes the lines. The thread runs `prepare`
    /// first.
    ///
    /// # Errors
    /// If the system cannot make a thread.
    pub fn start(
        &self,
        prepare: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        self.0.queue.as_ref().map_or(Ok(()), |queue| queue.start(prepare))
    }

    /// Writes the waiting lines on the calling thread, before [`Self::start`].
    pub fn write_waiting(&self) {
        if let Some(queue) = &self.0.queue {
            queue.write_waiting();
        }
    }

    /// Waits until all lines are written, for a second at most.
    pub fn flush(&self) {
        let Some(queue) = &self.0.queue else { return };
        if queue.start(|| ()).is_ok() {
            queue.flush(FLUSH_PATIENCE);
        }
    }
}

/// Returns a logger to standard error, and its control.
pub fn to_stderr(level: LogLevel, format: LogFormat) -> (Logger, LogControl) {
    // Not the library's handle: a write that stalls would hold its lock.
    let output: Box<dyn io::Write + Send> =
        match io::stderr().as_fd().try_clone_to_owned() {
            Ok(descriptor) => Box::new(File::from(descriptor)),
            Err(_) => Box::new(io::stderr()),
        };
    let queue = Queue::new(output);
    let out = Out::Queue(queue.clone());
    build(out, Some(queue), journal::is_stderr(), level, format)
}

/// Returns a logger to `output`, and its control. The thread that logs also
/// writes.
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
    let control = LogControl(Arc::new(Control {
        level: AtomicUsize::new(0),
        is_json: AtomicBool::new(false),
        queue,
    }));
    control.set(level, format);
    let output = Output { control: control.clone(), out, is_journal };
    // Counting continues if standard error is closed.
    (Logger::root(output.ignore_res(), o!()), control)
}

/// The destination of lines.
enum Out {
    Queue(Queue),
    Direct(Mutex<Box<dyn io::Write + Send>>),
}

struct Output {
    control: LogControl,
    out: Out,
    /// Is true if the journal reads the lines and their priority.
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
        let control = &self.control.0;
        if record.level().as_usize() > control.level.load(Ordering::Relaxed) {
            return Ok(());
        }
        let lost = control.queue.as_ref().and_then(Queue::take_dropped);
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

/// Writes a text on standard error if there is no log: before it is opened, or
/// in a command. Ignores errors: then only the exit status is left.
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

/// Returns a point in time, in seconds since 1970, in the form of RFC 3339.
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
