//! Keeps the records of the log as events for the interface for programs, at
//! any level of the log.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use slog::{Drain, KV as _, Level, Logger, Never, OwnedKVList, Record, o};

use crate::accounting::Timestamp;
use crate::api::{Event, EventKind};
use crate::http::pages::api::EventLog;

/// The longest text of an event, in characters. The log has all of it.
const LONGEST: usize = 500;

/// Returns a log that also keeps its records in `events`.
pub(super) fn keep(log: &Logger, events: EventLog) -> Logger {
    Logger::root(Tee { log: log.clone(), events }, o!())
}

struct Tee {
    log: Logger,
    events: EventLog,
}

impl Drain for Tee {
    type Ok = ();
    type Err = Never;

    fn log(
        &self,
        record: &Record<'_>,
        values: &OwnedKVList,
    ) -> Result<(), Never> {
        if record.level().is_at_least(Level::Info) {
            self.events.add(event(record));
        }
        Drain::log(&self.log, record, values)
    }
}

fn event(record: &Record<'_>) -> Event {
    let mut details = Details::default();
    // It takes every value.
    let _ = record.kv().serialize(record, &mut details);
    Event {
        number: 0,
        at: Timestamp::from(SystemTime::now()).seconds(),
        kind: kind(record.module()),
        is_fault: record.level().is_at_least(Level::Warning),
        message: short(&record.msg().to_string()),
        details: details.0,
    }
}

/// Returns the subject of the records of a module.
fn kind(module: &str) -> EventKind {
    let path: Vec<_> = module.split("::").skip(1).collect();
    match path[..] {
        ["daemon", "reload", ..] => EventKind::Reload,
        [
            "daemon",
            "database" | "followed" | "follower" | "ranges" | "web",
            ..,
        ] => EventKind::Database,
        ["daemon", "follow", ..] | ["poller", "attachments" | "edges", ..] => {
            EventKind::Interface
        }
        ["daemon", "state" | "save_first", ..]
        | ["poller" | "connections" | "history", ..] => EventKind::Counting,
        _ => EventKind::Daemon,
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// Takes the facts of a record.
#[derive(Default)]
struct Details(BTreeMap<String, String>);

impl slog::Serializer for Details {
    fn emit_arguments(
        &mut self,
        key: slog::Key,
        value: &fmt::Arguments<'_>,
    ) -> slog::Result {
        self.0.insert(key.to_string(), short(&value.to_string()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use slog::{Discard, info, warn};

    use super::*;

    #[test]
    fn a_record_is_an_event_of_its_subject() {
        let events = EventLog::default();
        let log = keep(&Logger::root(Discard, o!()), events.clone());
        info!(log, "a {}", "record"; "number" => 7, "none" => None::<u8>);
        slog::debug!(log, "a detail");
        warn!(log, "a fault"; "error" => "x".repeat(1_000));
        let events = events.after(0);
        assert_eq!(events.len(), 2);
        assert_eq!(events[0].message, "a record");
        assert_eq!(events[0].details["number"], "7");
        assert!(!events[0].is_fault && events[1].is_fault);
        assert_eq!(events[1].details["error"].chars().count(), LONGEST + 1);
        for (module, expected) in [
            ("geoip_exporter::daemon::reload", EventKind::Reload),
            ("geoip_exporter::daemon::followed", EventKind::Database),
            ("geoip_exporter::poller::attachments", EventKind::Interface),
            ("geoip_exporter::poller", EventKind::Counting),
            ("geoip_exporter::daemon::start::begin", EventKind::Daemon),
        ] {
            assert_eq!(kind(module), expected, "{module}");
        }
    }
}
