//! The slices of the history and of the quota.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::{Histories, Slice, Sources, Worker};
use crate::accounting::AtEdges;
use crate::collectors::quota::{self, QuotaAccount, QuotaCollector};
use crate::history::{self, Ask, Reader, Recorder, Saved};
use crate::http::pages::Refresh as _;
use crate::http::pages::api::AskHistory;
use crate::metrics::published::{Feed, Published};
use crate::sandbox::Duty;

/// The questions that wait for the thread of the history.
const MOST_ASKED: usize = 16;

/// The time for which a page waits for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Returns the slice. Without saved counters it has no thread.
pub(super) fn slice(
    sources: &Sources,
    saved: Saved,
) -> (Slice, Option<AskHistory>) {
    let directory = sources.config.get().state_directory.clone();
    let (Some(directory), Some(save_first), Some(is_saved), Some(last_save)) = (
        directory,
        sources.save_first.clone(),
        sources.is_saved.clone(),
        sources.last_save.clone(),
    ) else {
        return (Slice::default(), None);
    };
    let (ask, asked) = bounded(MOST_ASKED);
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
    let slice = Slice {
        worker: Some(Worker::new("history", Duty::Record, move || {
            recorder.run(first, &woken, &last_save);
            Ok(())
        })),
        // A message that waits already says the same.
        commit: Some(Box::new(move |_| {
            let _ = wake.try_send(());
        })),
        ..Slice::default()
    };
    (slice, Some(asking(ask)))
}

/// Returns the question to the thread of the history, which a page asks.
fn asking(ask: Sender<Ask>) -> AskHistory {
    Box::new(move |question, config| {
        let (tell, told) = bounded(1);
        let (question, zone) =
            (question.clone(), config.history_timezone.clone());
        let asked = ask.try_send(Box::new(move |path| {
            let answer = Reader::open(path)
                .map_err(|error| error.to_string())
                .and_then(|reader| {
                    history::answer(&reader, &zone, &question)
                        .map_err(|error| error.to_string())
                });
            let _ = tell.send(answer);
        }));
        if asked.is_err() {
            return Err("the history is busy; ask again later".into());
        }
        match told.recv_timeout(PATIENCE) {
            Ok(answer) => {
                answer.map_err(|it| format!("cannot read the history: {it}"))
            }
            Err(_) => {
                Err("the history does not answer; ask again later".into())
            }
        }
    })
}

/// Returns the slice of the quota.
pub(super) fn quota(
    sources: &Sources,
    histories: &mut Histories,
) -> (Slice, Published<quota::Snapshot>) {
    let saved: quota::Snapshot = histories.take().unwrap_or_default();
    let account = QuotaAccount::resume(saved).starting(sources.started);
    let feed = Feed::new(AtEdges::new(account));
    let (snapshot, config) = (histories.shown(&feed), sources.config.clone());
    let shown = snapshot.clone();
    let slice = Slice {
        sink: Some(Box::new(feed)),
        collectors: vec![Box::new(QuotaCollector { snapshot, config })],
        ..Slice::default()
    };
    (slice, shown)
}
