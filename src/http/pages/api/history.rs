//! `/api/v1/history`: see [`api::History`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Query, Refusal, View, envelope};
use crate::api::{self, HistoryBy, LARGEST_TIME, Resolution};
use crate::collectors::moments::Moment;
use crate::config::Config;
use crate::history::Question;

/// Asks the thread that writes the history. The error is one line for the
/// client.
pub type AskHistory = Box<
    dyn Fn(&Question, &Config) -> Result<api::History, String> + Send + Sync,
>;

/// The traffic by hour, day or month.
pub struct HistoryView {
    /// Asks; none without saved counters.
    pub ask: Option<AskHistory>,
}

const SUBJECTS: [(&str, HistoryBy); 6] = [
    ("total", HistoryBy::Total),
    ("country", HistoryBy::Country),
    ("network", HistoryBy::Network),
    ("interface", HistoryBy::Interface),
    ("range", HistoryBy::Range),
    ("service", HistoryBy::Service),
];

const LENGTHS: [(&str, Resolution); 3] = [
    ("hour", Resolution::Hour),
    ("day", Resolution::Day),
    ("month", Resolution::Month),
];

const DAY: i64 = 86_400;

impl View for HistoryView {
    type Answer = api::History;

    const PARAMETERS: &'static [&'static str] =
        &["by", "interface", "resolution", "since", "until"];

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        if !config.history {
            return Some("history = true");
        }
        match (&self.ask, &config.state_directory) {
            (Some(_), _) => None,
            (None, None) => Some("state_directory"),
            (None, Some(_)) => Some("a state_directory that can be used"),
        }
    }

    fn answer(
        &self,
        moment: &Moment,
        config: &Config,
        query: &Query,
    ) -> Result<api::History, Refusal> {
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
        let now = envelope(moment).at as i64;
        let question = question(query, now)?;
        let Some(ask) = &self.ask else {
            let reason = "nothing is saved: set state_directory";
            return Err(Refusal::Unavailable(reason.into()));
        };
        let answer = ask(&question, config).map_err(Refusal::Unavailable)?;
        Ok(api::History { envelope: envelope(moment), ..answer })
    }
}

fn question(query: &Query, now: i64) -> Result<Question, Refusal> {
    let by = query.one_of("by", &SUBJECTS)?.unwrap_or_default();
    let resolution = query.one_of("resolution", &LENGTHS)?.unwrap_or_default();
    let until = query.number_of("until", 1, LARGEST_TIME)?;
    let until = until.unwrap_or_else(|| now.saturating_add(1));
    let before = match resolution {
        Resolution::Hour => DAY,
        Resolution::Day => 30 * DAY,
        Resolution::Month => 365 * DAY,
    };
    let since = query.number_of("since", 0, LARGEST_TIME)?;
    let since = since.unwrap_or_else(|| until.saturating_sub(before).max(0));
    if since >= until {
        let reason = format!("since: {since} is not before until, {until}");
        return Err(Refusal::Wrong(reason));
    }
    let interface = query.get("interface").map(str::to_owned);
    let has_interfaces = matches!(
        by,
        HistoryBy::Total | HistoryBy::Country | HistoryBy::Interface
    );
    if interface.is_some() && !has_interfaces {
        let reason = "interface: has no meaning with this value of by; the \
            history adds all interfaces up";
        return Err(Refusal::Wrong(reason.into()));
    }
    Ok(Question { since, until, by, resolution, interface })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<Question, Refusal> {
        let query = Query::parse(text, HistoryView::PARAMETERS).unwrap();
        question(&query, 100 * DAY)
    }

    #[test]
    fn without_times_a_question_ends_now() {
        for (text, since) in [
            ("", 70 * DAY + 1),
            ("resolution=hour", 99 * DAY + 1),
            ("resolution=month", 0),
            ("since=5", 5),
        ] {
            let found = asked(text).unwrap();
            assert_eq!((found.since, found.until), (since, 100 * DAY + 1));
        }
        assert_eq!(asked("by=range").unwrap().by, HistoryBy::Range);
    }

    #[test]
    fn wrong_questions_are_refused() {
        for text in [
            "by=weather",
            "resolution=week",
            "since=-1",
            "since=10&until=10",
            "by=network&interface=eth0",
        ] {
            assert!(matches!(asked(text), Err(Refusal::Wrong(_))), "{text}");
        }
    }
}
