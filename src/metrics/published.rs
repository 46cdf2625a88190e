//! Whole snapshots from one writer to many readers.

use std::sync::{Arc, PoisonError, RwLock};

use crate::accounting::{
    Account, Classes, Edges, FlowKey, InterfaceId, Origin, PollEnd, Rest,
    Volume,
};
use crate::config::Config;
use crate::geoip::CountryLabels;

/// The writing half: only its owner can publish.
#[derive(Debug)]
pub struct Publisher<T>(Published<T>);

/// The reading half: cheap to clone, never waits for a snapshot being made.
#[derive(Debug)]
pub struct Published<T>(Arc<RwLock<Numbered<T>>>);

/// A snapshot, and how many there were before it.
#[derive(Debug)]
struct Numbered<T> {
    version: u64,
    snapshot: Arc<T>,
}

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A reading half of a default that is never replaced.
impl<T: Default> Default for Published<T> {
    fn default() -> Self {
        Publisher::new(T::default()).reader()
    }
}

impl<T> Publisher<T> {
    /// Returns a publisher whose readers see `first` until the first
    /// snapshot.
    #[must_use]
    pub fn new(first: T) -> Self {
        Self::shared(Arc::new(first))
    }

    /// As [`Publisher::new`], of a snapshot that others share.
    #[must_use]
    pub fn shared(first: Arc<T>) -> Self {
        let first = Numbered { version: 0, snapshot: first };
        Self(Published(Arc::new(RwLock::new(first))))
    }

    /// Replaces the snapshot that readers see.
    pub fn publish(&mut self, snapshot: T) {
        self.publish_shared(Arc::new(snapshot));
    }

    /// Replaces the snapshot that readers see by one that others share.
    pub fn publish_shared(&mut self, snapshot: Arc<T>) {
        // A reader cannot panic while it holds the lock: it only clones an
        // `Arc`. So a poisoned lock still guards a whole snapshot.
        let mut current =
            self.0.0.write().unwrap_or_else(PoisonError::into_inner);
        current.version += 1;
        current.snapshot = snapshot;
    }

    /// Returns a reading half.
    #[must_use]
    pub fn reader(&self) -> Published<T> {
        self.0.clone()
    }
}

impl<T> Published<T> {
    /// Returns the newest snapshot.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.snapshot)
    }

    /// Returns a number that grows with every snapshot.
    #[must_use]
    pub fn version(&self) -> u64 {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.version
    }
}

/// Lets several publications change at one moment: a reader of several of them
/// sees all as they were before a change, or all as they are after it. A clone
/// is the same one.
#[derive(Clone, Debug, Default)]
pub struct Together(Arc<RwLock<()>>);

impl Together {
    /// Publishes several snapshots. Readers wait meanwhile, so the snapshots
    /// should be made before.
    pub fn change<T>(&self, publish: impl FnOnce() -> T) -> T {
        // A panic here leaves each snapshot whole, so a poisoned lock is as
        // good as another.
        let _alone = self.0.write().unwrap_or_else(PoisonError::into_inner);
        publish()
    }

    /// Takes several snapshots. Publishers wait meanwhile, so `take` should do
    /// nothing else.
    pub fn look<T>(&self, take: impl FnOnce() -> T) -> T {
        let _looking = self.0.read().unwrap_or_else(PoisonError::into_inner);
        take()
    }
}

/// An account of any kind that the poller feeds, with its publisher.
///
/// The calls come in the order [`Account`] tells; `end_poll` and `publish` end
/// a poll.
pub trait Sink: Send {
    /// See [`Account::configure`].
    fn configure(&mut self, config: &Config);

    /// See [`Account::is_on`].
    fn is_on(&self) -> bool;

    /// See [`Account::name_interface`].
    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>);

    /// See [`Account::label_countries`].
    fn label_countries(&mut self, labels: &Arc<CountryLabels>);

    /// See [`Account::set_edges`].
    fn set_edges(&mut self, edges: &Arc<Edges>);

    /// See [`Account::set_classes`].
    fn set_classes(&mut self, classes: &Arc<Classes>);

    /// See [`Account::credit_without_remote`].
    fn credit_without_remote(&mut self, key: &FlowKey, volume: Volume);

    /// See [`Account::credit`].
    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin);

    /// See [`Account::credit_rests`].
    fn credit_rests(&mut self, rests: &[Rest]);

    /// See [`Account::forget_interface`].
    fn forget_interface(&mut self, interface: InterfaceId);

    /// Ends a poll, and makes the snapshot of the account if it has changed.
    fn end_poll(&mut self, end: PollEnd);

    /// Shows readers the snapshot of the last poll.
    fn publish(&mut self);
}

/// A reader of the snapshots of several accounts. It is told of the end of each
/// poll once all accounts have published theirs.
pub trait Gather: Send {
    /// Puts a configuration in force. `last` is the end of the last good poll,
    /// if there was one.
    fn configure(&mut self, config: &Config, last: Option<PollEnd>);

    /// Ends a poll.
    fn end_poll(&mut self, end: PollEnd);
}

/// An account and the writing half of its snapshots.
#[derive(Debug)]
pub struct Feed<A: Account> {
    account: A,
    publisher: Publisher<A::Snapshot>,
    /// The snapshot of the last poll, until readers see it.
    news: Option<Arc<A::Snapshot>>,
}

impl<A: Account> Feed<A> {
    /// Returns a feed whose readers see the account as it is now.
    #[must_use]
    pub fn new(mut account: A) -> Self {
        let publisher = Publisher::new(account.snapshot());
        Self { account, publisher, news: None }
    }

    /// Returns a reading half of the account's snapshots.
    #[must_use]
    pub fn reader(&self) -> Published<A::Snapshot> {
        self.publisher.reader()
    }
}

impl<A: Account> Sink for Feed<A> {
    fn configure(&mut self, config: &Config) {
        self.account.configure(config);
    }

    fn is_on(&self) -> bool {
        self.account.is_on()
    }

    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.account.name_interface(interface, name);
    }

    fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.account.label_countries(labels);
    }

    fn set_edges(&mut self, edges: &Arc<Edges>) {
        self.account.set_edges(edges);
    }

    fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.account.set_classes(classes);
    }

    fn credit_without_remote(&mut self, key: &FlowKey, volume: Volume) {
        self.account.credit_without_remote(key, volume);
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        self.account.credit(key, volume, origin);
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        self.account.credit_rests(rests);
    }

    fn forget_interface(&mut self, interface: InterfaceId) {
        self.account.forget_interface(interface);
    }

    fn end_poll(&mut self, end: PollEnd) {
        if self.account.end_poll(end) {
            self.news = Some(Arc::new(self.account.snapshot()));
        }
    }

    fn publish(&mut self) {
        if let Some(snapshot) = self.news.take() {
            self.publisher.publish_shared(snapshot);
        }
    }
}
