//! Whole snapshots from one writer to many readers.

use std::sync::{Arc, RwLock};

/// The writing half: only its owner can publish.
#[derive(Debug)]
pub struct Publisher<T>(Published<T>);

/// The reading half: cheap to clone, never waits for a snapshot being made.
#[derive(Debug)]
pub struct Published<T>(Arc<RwLock<Arc<T>>>);

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Publisher<T> {
    /// Returns a publisher whose readers see `first` until the first
    /// snapshot.
    #[must_use]
    pub fn new(first: T) -> Self {
        Self(Published(Arc::new(RwLock::new(Arc::new(first)))))
    }

    /// Replaces what readers see.
    pub fn publish(&mut self, snapshot: T) {
        let snapshot = Arc::new(snapshot);
        // A reader cannot panic while it holds the lock: it only clones an
        // `Arc`. So a poisoned lock still guards a whole snapshot.
        let mut current =
            self.0.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *current = snapshot;
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
        Arc::clone(
            &self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}
