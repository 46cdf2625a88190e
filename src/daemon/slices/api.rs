//! The interface for programs.

use std::sync::Arc;

use super::{Slice, Sources};
use crate::collectors::connections;
use crate::collectors::moments::{Moment, Readers, Recorder};
use crate::collectors::quota;
use crate::daemon::histories::Histories;
use crate::daemon::{BUILD, hosts};
use crate::http::Page;
use crate::http::pages::api::{
    ApiPage, ApiSources, AskHistory, ConnectionsView, CountriesView, Elsewhere,
    EventsView, HistoryView, HostsView, InterfacesView, NetworksView,
    RangesView, ServicesView, SummaryView, UnknownView, UsageView, View,
};
use crate::metrics::published::Published;

/// The sources of pages beside the snapshots of a moment.
pub(super) struct Beside {
    /// The connections that may be shown.
    pub(super) connections: Published<connections::Snapshot>,
    /// The bytes of the last days.
    pub(super) quota: Published<quota::Snapshot>,
    /// Asks for the history; none without one.
    pub(super) ask: Option<AskHistory>,
}

/// Returns the slice. `newest` reads the snapshots of all accounts.
pub(super) fn api(
    sources: &Sources,
    histories: &mut Histories,
    newest: Readers,
    beside: Beside,
) -> Slice {
    let recorder = Recorder::new(newest, sources.started);
    let moments = histories.shown_whole(recorder.reader());
    Slice {
        pages: pages(sources, moments, beside),
        gatherer: Some(Box::new(recorder)),
        ..Slice::default()
    }
}

fn pages(
    sources: &Sources,
    moments: Published<Moment>,
    Beside { connections, quota, ask }: Beside,
) -> Vec<Box<dyn Page>> {
    let common = ApiSources {
        config: sources.config.clone(),
        moments,
        refresh: sources.save_first.clone().map(|it| Arc::new(it) as Arc<_>),
    };
    let summary = SummaryView {
        build: BUILD,
        hostname: hostname(),
        last_reload: sources.last_reload.clone(),
        databases: sources.databases.clone(),
        interfaces: sources.interfaces.clone(),
        polls: sources.newest_polls.clone(),
        quota: quota.clone(),
        is_saved: sources.is_saved.clone(),
        has_history: ask.is_some(),
    };
    let countries = CountriesView { names: sources.country_names.clone() };
    let connections = ConnectionsView {
        snapshot: connections,
        names: sources.country_names.clone(),
    };
    let interfaces = InterfacesView {
        states: sources.interfaces.clone(),
        counted_once: sources.counted_once.clone(),
    };
    let hosts = HostsView {
        names: sources.network_names.clone(),
        places: hosts::places(sources),
    };
    vec![
        page(&common, summary),
        page(&common, countries),
        page(&common, interfaces),
        page(&common, NetworksView { names: sources.network_names.clone() }),
        page(&common, hosts),
        page(&common, RangesView),
        page(&common, ServicesView),
        page(&common, connections),
        page(&common, UnknownView),
        page(&common, EventsView { events: sources.event_log.clone() }),
        page(&common, HistoryView { ask }),
        page(&common, UsageView { snapshot: quota }),
        Box::new(Elsewhere { config: sources.config.clone() }),
    ]
}

fn page(common: &ApiSources, view: impl View + 'static) -> Box<dyn Page> {
    Box::new(ApiPage { sources: common.clone(), view })
}

/// Returns the name of the machine.
fn hostname() -> Option<String> {
    let names = rustix::system::uname();
    let name = names.nodename().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}
