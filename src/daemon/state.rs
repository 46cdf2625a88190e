//! Saves the counters for the next start.
//!
//! Counters are saved before a scrape shows them. Otherwise an exporter that was
//! killed would continue below the values that Prometheus has seen. Prometheus
//! would take that for a reset and count everything once more.

mod take_over;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{
    Receiver, Sender, after, bounded, never, select, unbounded,
};
use slog::{Logger, info, warn};

use super::histories::{Histories, Newest, Taken};
use super::save_first::{SaveFirst, Saving};
use crate::accounting::PollStatistics;
use crate::collectors::traffic::Snapshot;
use crate::metrics::published::{Published, Publisher, Together};
use crate::poller::{self, Checkpoint};
use crate::state::{SaveError, State, Store};
use take_over::warn_of_damage;
pub(super) use take_over::{save_first, take_over};

/// The interval of saves if nobody scrapes: a kill costs this much at most.
const SAVE_INTERVAL: Duration = Duration::from_secs(30);

/// The time for which a save waits for the checkpoint of the last poll.
const POLLER_PATIENCE: Duration = Duration::from_secs(1);

/// The publications that scrapes may see.
pub(super) struct Shown {
    /// Lets these publications and those of the slices change at one moment.
    pub(super) together: Together,
    pub(super) traffic: Published<Snapshot>,
    pub(super) polls: Published<PollStatistics>,
    /// True if they are saved; none without a store.
    pub(super) is_saved: Option<Published<bool>>,
    /// Saves before a scrape shows anything.
    pub(super) save_first: Option<SaveFirst>,
    /// Ends after the last save, whose counters are then shown.
    pub(super) last_save: Option<Receiver<Infallible>>,
    /// Saves on a thread of its own.
    pub(super) keeper: Option<Keeper>,
}

impl Shown {
    /// Returns the publications that scrapes may see: those of the poller, or
    /// saved copies of them. Then also the end that the poller tells of every
    /// poll.
    pub(super) fn new(
        log: &Logger,
        store: Option<Store>,
        left: State,
        (traffic, polls): (Published<Snapshot>, Published<PollStatistics>),
    ) -> (Self, Option<Hand>) {
        let together = Together::default();
        let Some(store) = store else {
            let shown = Self {
                together,
                traffic,
                polls,
                is_saved: None,
                save_first: None,
                last_save: None,
                keeper: None,
            };
            return (shown, None);
        };
        let (ask, asked) = unbounded();
        let (hurry, hurried) = bounded(1);
        let (request, requests) = bounded(1);
        let (give, given) = unbounded();
        let (saving_ends, last_save) = bounded(0);
        let numbers = PollNumbers::default();
        // The state that was read, until the first poll.
        let checkpoint = Checkpoint {
            polls: *polls.get(),
            earlier: left.earlier,
            counting: left.counting,
            attachments: left.attachments,
            ..Checkpoint::default()
        };
        let keeper = Keeper {
            log: log.clone(),
            store,
            shown_traffic: Publisher::new(Snapshot::clone(&traffic.get())),
            shown_polls: Publisher::new(*polls.get()),
            is_saved: Publisher::new(false),
            together: together.clone(),
            ended: Ended {
                traffic: traffic.get(),
                slices: Vec::new(),
                checkpoint,
            },
            slices: Arc::default(),
            request,
            given,
            asked,
            hurried,
            numbers: numbers.clone(),
            saving: Saving::default(),
            saved: None,
            left_out: 0,
            fault: None,
            _saving_ends: saving_ends,
        };
        let save_first = SaveFirst {
            log: log.clone(),
            file: keeper.store.path(),
            ask,
            numbers: numbers.clone(),
            shown: Arc::new(AtomicU64::new(u64::MAX)),
            saving: keeper.saving.clone(),
        };
        let slices = Arc::default();
        let saver = Hand { traffic, slices, requests, give, hurry, numbers };
        let shown = Self {
            together,
            traffic: keeper.shown_traffic.reader(),
            polls: keeper.shown_polls.reader(),
            is_saved: Some(keeper.is_saved.reader()),
            save_first: Some(save_first),
            last_save: Some(last_save),
            keeper: Some(keeper),
        };
        (shown, Some(saver))
    }
}

impl Keeper {
    /// Saves the slices too, whose newest snapshots `hand` takes from now on.
    pub(super) fn save_slices(&mut self, hand: &mut Hand, of: Histories) {
        if !of.damage.is_empty() {
            let copy = self.store.copy_aside();
            let copy = copy.as_deref();
            warn_of_damage(&self.log, &self.store, &of.damage, copy);
        }
        self.ended.slices = of.newest.iter().map(|one| one.take()).collect();
        self.store.keep_sections(of.sections);
        self.slices = of.newest.into();
        hand.slices = Arc::clone(&self.slices);
    }
}

/// The accounts and the poller's knowledge at the end of a poll.
struct Ended {
    traffic: Arc<Snapshot>,
    slices: Vec<Box<dyn Taken>>,
    checkpoint: Checkpoint,
}

/// The numbers of polls, which the poller and the thread that saves tell each
/// other. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct PollNumbers(Arc<[AtomicU64; 2]>);

impl PollNumbers {
    /// Returns the number of the last poll.
    pub(super) fn ended(&self) -> u64 {
        self.0[0].load(Ordering::Acquire)
    }

    /// Returns the number of the newest poll that is saved, or that cannot be.
    fn saved(&self) -> u64 {
        self.0[1].load(Ordering::Acquire)
    }
}

/// The poller's end of the [`Keeper`].
pub(super) struct Hand {
    traffic: Published<Snapshot>,
    slices: Arc<[Box<dyn Newest>]>,
    requests: Receiver<()>,
    give: Sender<Ended>,
    hurry: Sender<()>,
    numbers: PollNumbers,
}

impl poller::Saver for Hand {
    fn requests(&self) -> Receiver<()> {
        self.requests.clone()
    }

    fn poll_ended(&mut self, number: u64, is_urgent: bool) {
        self.numbers.0[0].store(number, Ordering::Release);
        if is_urgent {
            // A second message would say the same.
            let _ = self.hurry.try_send(());
        }
    }

    fn save(&mut self, checkpoint: Checkpoint) {
        // Only this thread publishes the traffic, at the end of a poll.
        let traffic = self.traffic.get();
        let slices = self.slices.iter().map(|slice| slice.take()).collect();
        let _ = self.give.send(Ended { traffic, slices, checkpoint });
    }

    fn newest_saved(&self) -> u64 {
        self.numbers.saved()
    }
}

impl Ended {
    fn state(&self) -> State {
        let Checkpoint { polls, earlier, counting, attachments, .. } =
            &self.checkpoint;
        State {
            polls: polls.counters(),
            earlier: *earlier,
            counting: counting.clone(),
            attachments: attachments.clone(),
            traffic: Arc::clone(&self.traffic),
            slices: self
                .slices
                .iter()
                .filter_map(|slice| slice.section())
                .collect(),
        }
    }
}

/// Saves the poller's publications, and shows them.
pub(super) struct Keeper {
    log: Logger,
    store: Store,
    /// The newest checkpoint that the poller gave.
    ended: Ended,
    /// The newest snapshots of the slices.
    slices: Arc<[Box<dyn Newest>]>,
    request: Sender<()>,
    given: Receiver<Ended>,
    shown_traffic: Publisher<Snapshot>,
    shown_polls: Publisher<PollStatistics>,
    is_saved: Publisher<bool>,
    together: Together,
    asked: Receiver<Sender<Infallible>>,
    hurried: Receiver<()>,
    numbers: PollNumbers,
    saving: Saving,
    saved: Option<State>,
    /// The number of flows that found no room in it.
    left_out: usize,
    /// Why the last save failed, so that it is said once.
    fault: Option<String>,
    /// Dropped at the end.
    _saving_ends: Sender<Infallible>,
}

impl Keeper {
    /// Saves until all threads that count have dropped the other half of
    /// `counting`, and once more.
    pub(super) fn run(mut self, counting: &Receiver<Infallible>) {
        let mut asked = self.asked.clone();
        let mut hurried = self.hurried.clone();
        let mut due = after(Duration::ZERO);
        loop {
            select! {
                recv(asked) -> scrape => match scrape {
                    Ok(scrape) => {
                        // All that wait are served by one.
                        let others: Vec<_> = asked.try_iter().collect();
                        self.show();
                        drop((scrape, others));
                    }
                    Err(_) => asked = never(),
                },
                recv(hurried) -> hurry => match hurry {
                    Ok(()) => self.show(),
                    Err(_) => hurried = never(),
                },
                recv(due) -> _ => {
                    self.show();
                    due = after(SAVE_INTERVAL);
                }
                recv(counting) -> _ => break,
            }
        }
        self.save_last();
    }

    /// Saves the newest counters, and shows them. If they cannot be saved they
    /// are shown all the same, and the older file is removed: after a restart,
    /// counters may begin at zero, but must never be set back.
    fn show(&mut self) {
        self.ask_poller();
        let state = self.ended.state();
        self.saving.set(Some(Instant::now()));
        let saved = self.save(&state).or_else(|_| {
            // Removing the file may make room on the disk.
            self.saved = None;
            self.store.discard();
            self.save(&state)
        });
        self.saving.set(None);
        if self.saving.is_told.swap(false, Ordering::SeqCst) {
            info!(self.log, "the disk answers again";
                "file" => %self.store.path().display());
        }
        self.tell(saved.err());
        let is_saved = self.fault.is_none();
        if *self.is_saved.reader().get() != is_saved {
            self.is_saved.publish(is_saved);
        }
        self.publish();
        let number = self.ended.checkpoint.number;
        self.numbers.0[1].store(number, Ordering::Release);
    }

    /// Lets scrapes see the counters.
    fn publish(&mut self) {
        let Self { ended, shown_traffic, shown_polls, together, .. } = self;
        let Ended { traffic, slices, checkpoint } = ended;
        together.change(|| {
            if !Arc::ptr_eq(&shown_traffic.reader().get(), traffic) {
                shown_traffic.publish_shared(Arc::clone(traffic));
            }
            for slice in slices {
                slice.show();
            }
            shown_polls.publish(checkpoint.polls);
        });
    }

    /// Takes the checkpoint of the last poll. If the poller does not answer
    /// soon, because a poll takes long, the checkpoint before stays the newest.
    fn ask_poller(&mut self) {
        let last = self.numbers.ended();
        let until = Instant::now() + POLLER_PATIENCE;
        if self.ended.checkpoint.number < last {
            // A request that waits already will be answered by then.
            let _ = self.request.try_send(());
        }
        while self.ended.checkpoint.number < last {
            match self.given.recv_deadline(until) {
                Ok(ended) => self.ended = ended,
                Err(_) => return,
            }
        }
    }

    fn save(&mut self, state: &State) -> Result<(), SaveError> {
        if self.saved.as_ref() != Some(state) {
            let saved = self.store.save(state)?;
            self.saved = Some(state.clone());
            self.tell_left_out(saved.left_out);
        }
        Ok(())
    }

    /// Logs a warning when the first flows are left out.
    fn tell_left_out(&mut self, flows: usize) {
        let were_left_out = std::mem::replace(&mut self.left_out, flows) > 0;
        if flows > 0 && !were_left_out {
            warn!(self.log, "some flows have no room in the state; their bytes \
                 become unattributed if no exporter runs";
                "file" => %self.store.path().display(), "flows" => flows);
        }
    }

    /// Saves the counters of the last poll.
    fn save_last(&mut self) {
        // The poller gave the last one unasked, before it ended.
        if let Some(last) = self.given.try_iter().last() {
            self.ended = last;
        }
        // Other threads that count may have ended after the poller.
        self.ended.slices = self.slices.iter().map(|it| it.take()).collect();
        let state = self.ended.state();
        let failure = self.save(&state).err();
        if failure.is_none() {
            self.publish();
        }
        self.tell(failure);
    }

    /// Logs a change of the outcome.
    fn tell(&mut self, failure: Option<SaveError>) {
        let Some(error) = failure else {
            if self.fault.take().is_some() {
                info!(self.log, "saving the counters again");
            }
            return;
        };
        let fault = Some(error.to_string());
        if self.fault != fault {
            warn!(self.log, "cannot save the counters; trying again";
                "file" => %self.store.path().display(), "error" => %error);
            self.fault = fault;
        }
    }
}
