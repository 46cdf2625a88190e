//! The histories of slices: a slice's account continues from its section of the
//! saved state, and its snapshots are saved before a scrape sees them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::accounting::Account;
use crate::collectors::section::SectionContent;
use crate::geoip::CountryLabels;
use crate::metrics::published::{Feed, Published, Publisher};
use crate::state::{self, Damage, Section, Store};

/// Gives slices their saved counters, and gathers the snapshots to save.
pub(super) struct Histories {
    /// True if counters are saved.
    are_saved: bool,
    /// The sections that no slice has taken yet.
    pub(super) sections: Vec<Section>,
    /// The labels of the countries of all sections.
    pub(super) labels: CountryLabels,
    /// The sections that could not be read.
    pub(super) damage: Vec<Damage>,
    pub(super) newest: Vec<Box<dyn Newest>>,
}

impl Histories {
    /// Takes the sections out of the store, if there is one. The countries of
    /// slices get numbers behind those of `labels`.
    pub(super) fn new(
        store: Option<&mut Store>,
        labels: CountryLabels,
    ) -> Self {
        Self {
            are_saved: store.is_some(),
            sections: store.map(Store::take_sections).unwrap_or_default(),
            labels,
            damage: Vec::new(),
            newest: Vec::new(),
        }
    }

    /// Returns the saved snapshot of a slice, or none if there is none or it
    /// cannot be read.
    pub(super) fn take<S: SectionContent>(&mut self) -> Option<S> {
        match state::take(&mut self.sections, &mut self.labels) {
            Ok(snapshot) => snapshot,
            Err(damage) => {
                self.damage.push(damage);
                None
            }
        }
    }

    /// Returns the snapshots of a slice that scrapes may see: those of its
    /// account, or the saved ones if counters are saved.
    pub(super) fn shown<A>(&mut self, feed: &Feed<A>) -> Published<A::Snapshot>
    where
        A: Account,
        A::Snapshot: SectionContent,
    {
        self.shown_of(feed.reader())
    }

    /// Returns the snapshots of a slice that scrapes may see: `newest`, or the
    /// saved ones if counters are saved.
    pub(super) fn shown_of<S>(&mut self, newest: Published<S>) -> Published<S>
    where
        S: SectionContent + Send + Sync + 'static,
    {
        if !self.are_saved {
            return newest;
        }
        let publisher = Publisher::shared(newest.get());
        let shown = publisher.reader();
        let saved = Arc::new(Mutex::new(Saved { publisher, encoded: None }));
        self.newest.push(Box::new(Source { newest, saved }));
        shown
    }

    /// Returns the snapshots that scrapes may see of `newest`, which gathers
    /// snapshots of slices: those whose parts are saved.
    pub(super) fn shown_whole<S>(
        &mut self,
        newest: Published<S>,
    ) -> Published<S>
    where
        S: Send + Sync + 'static,
    {
        if !self.are_saved {
            return newest;
        }
        let publisher = Publisher::shared(newest.get());
        let shown = publisher.reader();
        let publisher = Arc::new(Mutex::new(publisher));
        self.newest.push(Box::new(Whole { newest, publisher }));
        shown
    }
}

/// The newest snapshots of one slice. The poller's thread takes them between two
/// polls, together with its checkpoint; the thread that saves takes the last
/// ones.
pub(super) trait Newest: Send + Sync {
    fn take(&self) -> Box<dyn Taken>;
}

/// One snapshot of a slice, on its way to the disk and then to scrapes.
pub(super) trait Taken: Send {
    /// Returns its section, if it has one.
    fn section(&self) -> Option<Arc<Section>>;

    /// Lets scrapes see it.
    fn show(&self);
}

struct Source<S> {
    newest: Published<S>,
    saved: Arc<Mutex<Saved<S>>>,
}

/// The part of a slice that only the thread that saves uses.
struct Saved<S> {
    publisher: Publisher<S>,
    /// The section of the last snapshot: a slice that has not changed is not
    /// encoded again.
    encoded: Option<(Arc<S>, Arc<Section>)>,
}

struct OfSlice<S> {
    snapshot: Arc<S>,
    saved: Arc<Mutex<Saved<S>>>,
}

impl<S: SectionContent + Send + Sync + 'static> Newest for Source<S> {
    fn take(&self) -> Box<dyn Taken> {
        let (snapshot, saved) = (self.newest.get(), Arc::clone(&self.saved));
        Box::new(OfSlice { snapshot, saved })
    }
}

impl<S: SectionContent + Send + Sync + 'static> Taken for OfSlice<S> {
    fn section(&self) -> Option<Arc<Section>> {
        let mut saved =
            self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match &saved.encoded {
            Some((of, section)) if Arc::ptr_eq(of, &self.snapshot) => {
                Arc::clone(section)
            }
            _ => {
                let section = Arc::new(Section::of(&*self.snapshot));
                saved.encoded =
                    Some((Arc::clone(&self.snapshot), Arc::clone(&section)));
                section
            }
        })
    }

    fn show(&self) {
        let mut saved =
            self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let publisher = &mut saved.publisher;
        if !Arc::ptr_eq(&publisher.reader().get(), &self.snapshot) {
            publisher.publish_shared(Arc::clone(&self.snapshot));
        }
    }
}

/// A snapshot that gathers others. The sections of these are saved.
struct Whole<S> {
    newest: Published<S>,
    publisher: Arc<Mutex<Publisher<S>>>,
}

struct TakenWhole<S> {
    snapshot: Arc<S>,
    publisher: Arc<Mutex<Publisher<S>>>,
}

impl<S: Send + Sync + 'static> Newest for Whole<S> {
    fn take(&self) -> Box<dyn Taken> {
        let publisher = Arc::clone(&self.publisher);
        Box::new(TakenWhole { snapshot: self.newest.get(), publisher })
    }
}

impl<S: Send + Sync + 'static> Taken for TakenWhole<S> {
    fn section(&self) -> Option<Arc<Section>> {
        None
    }

    fn show(&self) {
        let mut publisher =
            self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&publisher.reader().get(), &self.snapshot) {
            publisher.publish_shared(Arc::clone(&self.snapshot));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use tempfile::TempDir;

    use super::*;
    use crate::accounting::{
        FlowKey, InterfaceId, Origin, PollEnd, Rest, Timestamp, Volume,
    };
    use crate::collectors::section::encoded;
    use crate::metrics::published::Sink as _;
    use crate::state::State;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Sum(u64);

    impl SectionContent for Sum {
        const NAME: &'static str = "sum";
        const NEWEST: u32 = 1;

        fn encode(&self) -> Vec<u8> {
            encoded(self)
        }

        fn decode(body: &[u8], _: &mut CountryLabels) -> Option<Self> {
            rmp_serde::from_slice(body).ok()
        }
    }

    /// Counts its polls.
    struct Polls(u64);

    impl Account for Polls {
        type Snapshot = Sum;

        fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}
        fn label_countries(&mut self, _: &Arc<CountryLabels>) {}
        fn credit(&mut self, _: &FlowKey, _: Volume, _: &Origin) {}
        fn credit_rests(&mut self, _: &[Rest]) {}
        fn forget_interface(&mut self, _: InterfaceId) {}
        fn end_poll(&mut self, _: PollEnd) -> bool {
            self.0 += 1;
            true
        }
        fn snapshot(&mut self) -> Sum {
            Sum(self.0)
        }
    }

    fn poll(feed: &mut Feed<Polls>) {
        let at = Timestamp::from_millis(1);
        let uptime = std::time::Duration::ZERO;
        feed.end_poll(PollEnd { at, uptime, absent_retention: None });
        feed.publish();
    }

    #[test]
    fn a_snapshot_is_shown_once_it_is_saved_and_the_next_start_takes_it() {
        let folder = TempDir::new().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        let labels = CountryLabels::default();
        let mut histories = Histories::new(Some(&mut store), labels.clone());
        assert_eq!(histories.take::<Sum>(), None);
        let mut feed = Feed::new(Polls(0));
        let shown = histories.shown(&feed);
        poll(&mut feed);
        let taken = histories.newest[0].take();
        poll(&mut feed);
        let section = taken.section().unwrap();
        assert_eq!(*shown.get(), Sum(0));
        let slices = vec![Arc::clone(&section)];
        store.save(&State { slices, ..State::default() }).unwrap();
        taken.show();
        assert_eq!(*shown.get(), Sum(1));
        // A poll without news is not encoded again.
        assert!(Arc::ptr_eq(&taken.section().unwrap(), &section));
        let next = histories.newest[0].take().section().unwrap();
        assert!(!Arc::ptr_eq(&next, &section));

        drop(store);
        let mut store = Store::open(folder.path()).unwrap();
        store.load().unwrap();
        let mut histories = Histories::new(Some(&mut store), labels);
        assert_eq!(histories.take(), Some(Sum(1)));
        assert_eq!(histories.take::<Sum>(), None);
        assert_eq!(histories.damage, []);
    }

    #[test]
    fn without_a_state_directory_every_snapshot_is_shown() {
        let mut histories = Histories::new(None, CountryLabels::default());
        let mut feed = Feed::new(Polls(5));
        let shown = histories.shown(&feed);
        poll(&mut feed);
        assert_eq!(*shown.get(), Sum(6));
        assert!(histories.newest.is_empty());
    }
}
