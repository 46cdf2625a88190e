//! The slices of the history and of the quota.

use crossbeam_channel::{bounded, unbounded};

use super::{Histories, Slice, Sources, Worker};
use crate::accounting::AtEdges;
use crate::collectors::quota::{self, QuotaAccount, QuotaCollector};
use crate::history::{self, Recorder, Saved};
use crate::http::pages::Refresh as _;
use crate::metrics::published::Feed;
use crate::sandbox::Duty;

/// Returns the slice. Without saved counters it has no thread.
pub(super) fn slice(sources: &Sources, saved: Saved) -> Slice {
    let directory = sources.config.get().state_directory.clone();
    let (Some(directory), Some(save_first), Some(is_saved), Some(last_save)) = (
        directory,
        sources.save_first.clone(),
        sources.is_saved.clone(),
        sources.last_save.clone(),
    ) else {
        return Slice::default();
    };
    let (_ask, asked) = unbounded();
    let first = saved.get();
    let recorder = Recorder {
        log: sources.log.clone(),
        path: directory.join(history::NAME),
        config: sources.config.clone(),
        save: Box::new(move || {
            // If the disk does not answer, a later write has these counters.
            let _ = save_first.refresh();
        }),
        is_saved,
        saved,
        network_names: sources.network_names.clone(),
        asked,
    };
    let (wake, woken) = bounded(1);
    Slice {
        worker: Some(Worker::new("history", Duty::Record, move || {
            recorder.run(first, &woken, &last_save);
            Ok(())
        })),
        // A message that waits already says the same.
        commit: Some(Box::new(move |_| {
            let _ = wake.try_send(());
        })),
        ..Slice::default()
    }
}

/// Returns the slice of the quota.
pub(super) fn quota(sources: &Sources, histories: &mut Histories) -> Slice {
    let saved: quota::Snapshot = histories.take().unwrap_or_default();
    let account = QuotaAccount::resume(saved).starting(sources.started);
    let feed = Feed::new(AtEdges::new(account));
    let (snapshot, config) = (histories.shown(&feed), sources.config.clone());
    Slice {
        sink: Some(Box::new(feed)),
        collectors: vec![Box::new(QuotaCollector { snapshot, config })],
        ..Slice::default()
    }
}
