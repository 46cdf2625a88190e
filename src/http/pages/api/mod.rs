//! The pages of the interface for programs, `/api/v1/`, one view a file.
//!
//! A [`View`] turns a moment and the parameters of a request into one of the
//! types of [`crate::api`]. [`ApiPage`] does the rest for all of them: the
//! setting `web`, the parameters, the edition that clients share, JSON, and the
//! lines of refusals.
//!
//! # A new page
//!
//! It takes its type in `src/api/`, its view here, a line in its slice in
//! `src/daemon/slices.rs`, and its path in `docs/openapi.json`, which a test
//! compares with the answers.
//!
//! Pure: no I/O, clock, threads or logging.

mod connections;
mod countries;
mod elsewhere;
mod events;
mod history;
mod hosts;
mod interfaces;
mod networks;
mod pace;
mod query;
mod ranges;
mod rows;
mod services;
mod summary;
mod sums;
mod unknown;
mod usage;

pub use connections::ConnectionsView;
pub use countries::CountriesView;
pub use elsewhere::Elsewhere;
pub use events::{EventLog, EventsView, MOST_EVENTS};
pub use history::{AskHistory, HistoryView};
pub use hosts::HostsView;
pub use interfaces::InterfacesView;
pub use networks::NetworksView;
pub use query::Query;
pub use ranges::RangesView;
pub use services::ServicesView;
pub use summary::SummaryView;
pub use unknown::UnknownView;
pub use usage::UsageView;

use std::sync::Arc;

use rouille::Request;

use super::content::Content;
use super::fresh::Refresh;
use super::routes::Page;
use crate::api::{Answer, Envelope};
use crate::collectors::moments::Moment;
use crate::config::Config;
use crate::http::server::Edition;
use crate::metrics::published::Published;

/// The line of every page while the interface is off.
const OFF: &str = "404: web = true turns the interface for programs on\n";

/// The country of traffic that belongs to none, and the service of connections
/// of none.
const OTHER: &str = "other";

/// The content of a page.
pub trait View: Send + Sync {
    /// The type of the answer.
    type Answer: Answer;

    /// The names of the parameters that the page takes.
    const PARAMETERS: &'static [&'static str] = &[];

    /// Returns a number that grows when the answer changes although neither the
    /// moment nor the configuration has changed.
    fn version(&self) -> u64 {
        0
    }

    /// Returns the setting that turns the page on, with a value, if the page is
    /// off.
    fn is_off(&self, config: &Config) -> Option<&'static str> {
        let _ = config;
        None
    }

    /// Returns the answer.
    ///
    /// # Errors
    /// If a parameter is wrong.
    fn answer(
        &self,
        moment: &Moment,
        config: &Config,
        query: &Query,
    ) -> Result<Self::Answer, Refusal>;
}

/// The reason why a page does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A parameter is wrong: the parameter, the fault and the allowed values.
    Wrong(String),
    /// A thing that a parameter names does not exist.
    Missing(String),
    /// The answer cannot be made now.
    Unavailable(String),
}

impl Refusal {
    fn content<'a>(self) -> Content<'a> {
        let (status, reason) = match self {
            Self::Wrong(reason) => (400, reason),
            Self::Missing(reason) => (404, reason),
            Self::Unavailable(reason) => (503, reason),
        };
        Content::text(status, format!("{status}: {reason}\n")).with_no_cache()
    }
}

/// The sources that all pages have in common.
#[derive(Clone)]
pub struct ApiSources {
    /// The configuration in force.
    pub config: Published<Config>,
    /// The newest moment that may be shown.
    pub moments: Published<Moment>,
    /// Saves the counters before they are shown, if they are saved.
    pub refresh: Option<Arc<dyn Refresh>>,
}

/// A page with a view.
pub struct ApiPage<V> {
    /// The sources that all pages have in common.
    pub sources: ApiSources,
    /// The content.
    pub view: V,
}

impl<V: View> ApiPage<V> {
    /// Returns the line that says how to turn the page on, if it is off.
    fn off(&self, config: &Config) -> Option<String> {
        if !config.web {
            return Some(OFF.into());
        }
        let setting = self.view.is_off(config)?;
        Some(format!("404: {setting} turns this page on\n"))
    }

    fn query(request: &Request) -> Result<Query, Refusal> {
        Query::parse(request.raw_query_string(), V::PARAMETERS)
    }

    fn refresh(&self) -> Result<(), Refusal> {
        let refresh = self.sources.refresh.as_ref();
        let refreshed = refresh.map_or(Ok(()), |it| it.refresh());
        refreshed.map_err(Refusal::Unavailable)
    }
}

impl<V: View> Page for ApiPage<V> {
    fn serves(&self, path: &str) -> bool {
        path == V::Answer::PATH
    }

    fn is_compressed(&self) -> bool {
        true
    }

    fn shared(&self, request: &Request) -> Option<Edition> {
        let ApiSources { config, moments, refresh } = &self.sources;
        let form = Self::query(request).ok()?.number();
        let newest = refresh.as_ref().map_or(0, |it| it.version());
        let version =
            config.version() + moments.version() + self.view.version() + newest;
        Some(Edition { form, version })
    }

    fn prepare(&self) {
        if self.off(&self.sources.config.get()).is_none() {
            // If it fails, `content` says so, and clients do not share that.
            let _ = self.refresh();
        }
    }

    fn content(&self, request: &Request) -> Content<'_> {
        let config = self.sources.config.get();
        if let Some(line) = self.off(&config) {
            return Content::text(404, line).with_no_cache();
        }
        let answer = Self::query(request).and_then(|query| {
            self.refresh()?;
            let moment = self.sources.moments.get();
            self.view.answer(&moment, &config, &query)
        });
        match answer {
            Ok(answer) => json(answer),
            Err(refusal) => refusal.content(),
        }
    }
}

fn json<'a>(answer: impl serde::Serialize + 'a) -> Content<'a> {
    Content::written("application/json", move |output| {
        Ok(serde_json::to_writer(output, &answer)?)
    })
    .with_no_cache()
}

/// Returns the beginning of an answer.
fn envelope(moment: &Moment) -> Envelope {
    let started = moment.started.seconds();
    // The start tells the processes apart, to the millisecond.
    let id = format!("{:x}-{:x}", moment.started.millis(), moment.number);
    Envelope {
        snapshot: id,
        at: moment.at.seconds(),
        started,
        rates_over_seconds: moment.rates_over().map(|it| it.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests;
