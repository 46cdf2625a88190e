//! The slice of remote hosts, and what the log says of it.

use std::sync::Arc;

use slog::{Logger, info, warn};

use super::histories::Histories;
use super::slices::{Slice, Sources};
use crate::accounting::AtEdges;
use crate::collectors::hosts::{
    HostsAccount, HostsCollector, MOST_KEPT, Places, Snapshot,
};
use crate::collectors::moments::Readers;
use crate::config::Config;
use crate::metrics::published::Feed;

/// The memory of as many hosts as are kept, if all of them have packets between
/// any two snapshots: 21 MB, and 14.4 for each of seven copies (the newest, five
/// for rates, one that is being saved).
const MEMORY_AT_MOST: &str = "130 MB";

/// Returns the slice.
pub(super) fn slice(
    sources: &Sources,
    histories: &mut Histories,
    newest: &mut Readers,
) -> Slice {
    log_cost(&sources.log, &sources.config.get());
    let mut saved: Snapshot = histories.take().unwrap_or_default();
    saved.labels = Arc::new(histories.labels.clone());
    let names = sources.range_names.clone();
    let account = HostsAccount::resume(names, Some(saved));
    let feed = Feed::new(AtEdges::new(account.starting(sources.started)));
    newest.hosts = feed.reader();
    let (snapshot, config) = (histories.shown(&feed), sources.config.clone());
    let places = places(sources);
    let collector = HostsCollector { snapshot, config, places };
    Slice {
        sink: Some(Box::new(feed)),
        collectors: vec![Box::new(collector)],
        ..Slice::default()
    }
}

/// Returns the places of hosts, for one page.
pub(super) fn places(sources: &Sources) -> Places {
    let origins = sources.origins.clone();
    let source = move || (origins.get().cities.clone(), origins.version());
    Places::new(Box::new(source), sources.config.clone())
}

/// Logs what the kernel keeps for remote hosts, and what that costs.
fn log_cost(log: &Logger, config: &Config) {
    if !config.remote_hosts {
        return;
    }
    let (ipv4, ipv6) = (config.ipv4_prefix_length, config.ipv6_prefix_length);
    info!(log, "counting remote hosts";
        "ipv4_prefix_length" => ipv4,
        "ipv6_prefix_length" => ipv6,
        "most_hosts" => MOST_KEPT,
        "memory_at_most" => MEMORY_AT_MOST,
        "map_max_entries" => config.map_max_entries.get(),
        "flows" => "one for each address and direction");
    if ipv4 < 32 || ipv6 < 128 {
        warn!(log, "remote hosts are prefixes, not addresses";
            "ipv4_prefix_length" => ipv4,
            "ipv6_prefix_length" => ipv6,
            "remedy" => "remove both settings and restart");
    }
}
