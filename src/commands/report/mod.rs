//! `geoip-exporter report`: the traffic of hours, days and months, from the
//! history.
//!
//! `question` turns the flags into a question, `render` the answer into a table,
//! `quota` has the line of the quota, `units` the units.

mod question;
mod quota;
mod render;
mod units;

use std::time::{SystemTime, UNIX_EPOCH};

use super::Done;
use super::client::Client;
use crate::api::History;
use crate::calendar::Zone;
use crate::cli::{Arguments, ClientOptions};
use crate::config::{Config, Loaded, LogLevel};
use crate::history::{self, OpenError, Question, Reader};
use crate::logging::complain;
use crate::sysexits;
use question::Asked;

/// The reason why there is no report, and the exit status.
type Fault = (String, u8);

/// Prints a report.
pub(super) fn run(loaded: &Loaded, arguments: &Arguments) -> Done {
    match report(&loaded.config, arguments) {
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
    let zone = &config.history_timezone;
    let asked = Asked::of(&arguments.report, zone, now)
        .map_err(|text| (text, sysexits::USAGE))?;
    let history = ask(config, &arguments.client, &asked.question)?;
    // Another exporter may have days of another zone.
    let theirs = Zone::named(&history.timezone);
    let zone = theirs.as_ref().unwrap_or(zone);
    let mut text = render::render(&history, &asked, zone, arguments.json);
    if !arguments.json && !asked.csv {
        text += &quota::line(config, &arguments.client).unwrap_or_default();
    }
    Ok(text)
}

/// Asks the file, or the running exporter where this user may not read the file
/// or the configuration does not name it.
fn ask(
    config: &Config,
    options: &ClientOptions,
    question: &Question,
) -> Result<History, Fault> {
    let asked = || {
        let mut client = Client::new(options, config)?;
        client.get_again::<History>(&page(question))
    };
    match options.url {
        Some(_) => {
            asked().map_err(|error| (error.to_string(), sysexits::UNAVAILABLE))
        }
        None => from_file(config, question)
            .or_else(|fault| asked().map_err(|_| fault)),
    }
}

/// Returns the page of the interface for programs that answers a question.
fn page(question: &Question) -> String {
    let Question { since, until, by, resolution, interface } = question;
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
fn from_file(config: &Config, question: &Question) -> Result<History, Fault> {
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
    if let Err(error) = std::fs::File::open(&path) {
        return Err(fault(&error));
    }
    let reader = Reader::open(&path).map_err(|error| match error {
        OpenError::Damaged(text) => fault(&text),
        error => fault(&error),
    })?;
    history::answer(&reader, &config.history_timezone, question)
        .map_err(|error| fault(&error))
}
