//! `geoip-exporter report`: the traffic of hours, days and months, from the
//! history.
//!
//! `question` turns the flags into a question, `render` the answer into a table,
//! `quota` has the line of the quota, `units` the units.

mod question;
mod quota;
mod render;
mod units;

use std::io::ErrorKind;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Done;
use super::client::{Client, ClientError};
use super::plain::plain;
use crate::api::{History, LARGEST_TIME};
use crate::calendar::Zone;
use crate::cli::{Arguments, ClientOptions};
use crate::config::{Config, LogLevel};
use crate::files;
use crate::history::{self, OpenError, Question, Reader};
use crate::logging::complain;
use crate::sysexits;
use question::Asked;

/// The reason why there is no report, and the exit status.
type Fault = (String, u8);

/// Prints a report.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Done {
    match report(config, arguments) {
        Ok(text) => text.into(),
        Err((text, status)) => {
            complain(LogLevel::Error, &text);
            Done { text: String::new(), status }
        }
    }
}

fn report(config: &Config, arguments: &Arguments) -> Result<String, Fault> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or_default();
    let (flags, options) = (&arguments.report, &arguments.client);
    let asked_in = |zone: &Zone| {
        Asked::of(flags, zone, now).map_err(|text| (text, sysexits::USAGE))
    };
    let mut zone = config.history_timezone.clone();
    let mut asked = asked_in(&zone)?;
    let (mut history, mut client) = ask(config, options, &asked.question)?;
    if let Some(client) = &mut client
        && history.timezone != zone.shown_name()
        && let Some(theirs) = Zone::named(&history.timezone)
    {
        // Its days begin at another time than those that were asked for.
        zone = theirs;
        asked = asked_in(&zone)?;
        history = of_exporter(client, &asked.question)
            .map_err(|error| (error.to_string(), error.exit_code()))?;
    }
    if !arguments.json {
        clean(&mut history);
    }
    let mut text = render::render(&history, &asked, &zone, arguments.json);
    if !arguments.json && !asked.csv {
        let usage = match &mut client {
            Some(client) => quota::of_exporter(client),
            None => quota::of_file(config),
        };
        if let Some(usage) = usage {
            let gap = if text.ends_with("\n\n") { "" } else { "\n" };
            text += gap;
            text += &quota::line(&usage, &zone);
        }
    }
    Ok(text)
}

/// Cleans the texts of an answer. The names of networks come from databases, and
/// the file or the exporter may be another's.
fn clean(history: &mut History) {
    history.timezone = plain(&history.timezone);
    for row in &mut history.rows {
        for text in [&mut row.key, &mut row.name].into_iter().flatten() {
            *text = plain(text);
        }
    }
}

/// Asks the running exporter, or the file if none runs. Returns the answer, and
/// the client if the exporter gave it.
fn ask(
    config: &Config,
    options: &ClientOptions,
    question: &Question,
) -> Result<(History, Option<Client>), Fault> {
    let asked = Client::new(options, config).and_then(|mut client| {
        let history = of_exporter(&mut client, question)?;
        Ok((history, Some(client)))
    });
    let refused = match asked {
        Ok(found) => return Ok(found),
        Err(error) if options.url.is_some() => {
            return Err((error.to_string(), error.exit_code()));
        }
        Err(error) => error,
    };
    let found = of_file(config, question).map(|history| (history, None));
    found.map_err(|(mut text, status)| {
        if !refused.is_absent() {
            text += &format!("; the running exporter: {refused}");
        }
        (text, status)
    })
}

fn of_exporter(
    client: &mut Client,
    question: &Question,
) -> Result<History, ClientError> {
    client.get_again(&page(question))
}

/// Returns the page of the interface for programs that answers a question. The
/// page refuses times for which there is no history anyway.
fn page(question: &Question) -> String {
    let Question { since, until, by, resolution, interface } = question;
    let since = since.clamp(&0, &(LARGEST_TIME - 1));
    let until = until.clamp(&1, &LARGEST_TIME);
    let mut page = format!(
        "/api/v1/history?since={since}&until={until}&by={}&resolution={}",
        word(by),
        word(resolution),
    );
    if let Some(name) = interface {
        page += "&interface=";
        for byte in name.bytes() {
            page += &format!("%{byte:02x}");
        }
    }
    page
}

/// Returns the word of a value on the wire.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

/// Asks the file. The exporter writes it for a few milliseconds a minute, so
/// that it can be read while one runs.
fn of_file(config: &Config, question: &Question) -> Result<History, Fault> {
    let Some(directory) = &config.state_directory else {
        let text = "there is no history: set state_directory, or name the \
            configuration of the exporter with --config";
        return Err((text.into(), sysexits::CONFIG));
    };
    let path = directory.join(history::NAME);
    let shown = path.display();
    if !config.history && !path.exists() {
        let text = format!(
            "there is no history: history is false, and {shown} \
            does not exist"
        );
        return Err((text, sysexits::CONFIG));
    }
    let fault = |error: &dyn std::fmt::Display| {
        let text = format!("cannot read the history {shown}: {error}");
        (text, sysexits::IOERR)
    };
    // The error of the system says more than that of SQLite. A FIFO would wait
    // here; the reader refuses it.
    if files::kind_of_other(&path).is_none()
        && let Err(error) = std::fs::File::open(&path)
    {
        return Err(match error.kind() {
            ErrorKind::PermissionDenied => fault(&format!(
                "{error}: ask as root or as the user of the exporter"
            )),
            _ => fault(&error),
        });
    }
    let reader = Reader::open(&path).map_err(|error| match error {
        OpenError::Damaged(text) => fault(&text),
        error => fault(&error),
    })?;
    history::answer(&reader, &config.history_timezone, question)
        .map_err(|error| fault(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_no_times_that_it_refuses() {
        for (since, until, asked) in [
            (-86_400, 0, "?since=0&until=1&"),
            (5, i64::MAX, "?since=5&until=8589934592&"),
            (1 << 40, 1 << 41, "?since=8589934591&until=8589934592&"),
        ] {
            let interface = Some("a&b".into());
            let (by, resolution) = Default::default();
            let question = Question { since, until, by, resolution, interface };
            let page = page(&question);
            assert!(page.contains(asked), "{page}");
            assert!(page.ends_with("&interface=%61%26%62"), "{page}");
        }
    }
}
