//! The files of the configuration, which are followed on disk if `config_watch`
//! is true. A change of them is a request for a reload.

use std::path::PathBuf;

use crossbeam_channel::Receiver;
use slog::Logger;

use super::follower::{Files, Follower, News, Resource};
use super::privileges::Privileges;
use super::supervisor::start_follower;
use super::{Error, Layers};
use crate::config::{Loaded, Seen};
use crate::files::Place;

/// The name of the thread.
const THREAD: &str = "config-files";

/// The files that the layers name. Their content is read by the reload.
#[derive(Clone)]
pub(super) struct ConfigFiles(Layers);

impl Resource for ConfigFiles {
    type Content = Seen;
    type Error = ();

    fn open(&self, place: &Place) -> Result<Seen, ()> {
        Ok(self.0.look(place))
    }

    fn files_of(seen: &Seen) -> Files {
        let directory = std::iter::once(&seen.directory);
        seen.files.iter().chain(directory).cloned().collect()
    }

    fn may_pass((): &()) -> bool {
        false
    }

    fn panicked(&self) {}
}

/// The files, and the thread that follows them.
pub(super) struct FollowedConfig {
    follower: Follower<ConfigFiles>,
    files: ConfigFiles,
    /// Their states at the newest reload or attempt.
    seen: Seen,
}

impl FollowedConfig {
    /// Follows the files of the configuration of the start, if it asks for it.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        log: &Logger,
        layers: &Layers,
        loaded: &Loaded,
        privileges: &Privileges,
    ) -> Result<Self, Error> {
        let is_followed = loaded.config.config_watch;
        let follower = match is_followed {
            true => start_follower(log, privileges, THREAD)?,
            false => Follower::new(log, THREAD),
        };
        let files = ConfigFiles(layers.clone());
        let mut followed = Self { follower, files, seen: Seen::default() };
        followed.follow(loaded.seen.clone(), is_followed);
        Ok(followed)
    }

    /// Follows the files of a configuration that was read, if it asks for it.
    pub(super) fn follow(&mut self, seen: Seen, is_followed: bool) {
        let files = ConfigFiles::files_of(&seen);
        self.follower.follow(self.files.clone(), files, is_followed);
        self.seen = seen;
    }

    /// Takes the states of the files that a reload read and refused, so that
    /// the change that it read causes no second one.
    pub(super) fn tried(&mut self, seen: Seen) {
        self.seen = seen;
    }

    /// Returns the channel of news, for [`FollowedConfig::take`].
    pub(super) fn news(&self) -> &Receiver<News<ConfigFiles>> {
        self.follower.news()
    }

    /// Takes the states after a change. Returns whether to reload: not if the
    /// directory has changed and the files that are read have not.
    pub(super) fn take(&mut self, news: Option<News<ConfigFiles>>) -> bool {
        let news = news.and_then(|news| self.follower.accept(news));
        let Some(Ok(seen)) = news else { return false };
        let has_changed = seen.files != self.seen.files;
        self.seen = seen;
        has_changed
    }

    /// Returns the file that has not answered for long, once.
    pub(super) fn complaint(&self) -> Option<PathBuf> {
        self.follower.complaint()
    }
}
