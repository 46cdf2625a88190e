//! Follows files on disk: looks at them every second, and opens them anew when
//! they have changed.
//!
//! Each resource has a thread of its own. A disk that does not answer holds up
//! that thread and nobody else.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, bounded, unbounded,
};

use slog::{Logger, debug, warn};

use super::errand::{LATE, PATIENCE};
use crate::files::{Identity, Place, States, Watch};

/// The interval at which a thread looks at its files.
const INTERVAL: Duration = Duration::from_secs(1);

/// Files, and the state in which each was read.
pub(super) type Files = Vec<(PathBuf, Option<Identity>)>;

/// Something that is made of files.
pub(super) trait Resource: Clone + Send + 'static {
    /// The result of reading the files.
    type Content: Send + 'static;
    /// The reason of a failure.
    type Error: Send + 'static;

    /// Reads the files.
    ///
    /// # Errors
    /// The fault of the files.
    fn open(&self, place: &Place) -> Result<Self::Content, Self::Error>;

    /// Returns the files that this was made of.
    fn files_of(content: &Self::Content) -> Files;

    /// Returns whether trying again may work although no file has changed.
    fn may_pass(error: &Self::Error) -> bool;

    /// Returns the error of one that panicked.
    fn panicked(&self) -> Self::Error;
}

/// An order to follow a resource from now on.
#[derive(Clone)]
struct Order<R> {
    /// Tells the news of this order from those of earlier ones.
    number: u64,
    resource: R,
    files: Files,
    /// True if the resource is opened at once, without a change.
    opens_first: bool,
    /// True if the files are followed at all.
    is_followed: bool,
}

/// The number of an order, with the new content of its files or their fault.
pub(super) type News<R> =
    (u64, Result<<R as Resource>::Content, <R as Resource>::Error>);

/// The thread that follows, seen from outside. It ends some time after this
/// is dropped.
pub(super) struct Follower<R: Resource> {
    orders: Sender<Order<R>>,
    news: Receiver<News<R>>,
    place: Place,
    number: u64,
    /// The thread, until it is started.
    thread: Option<Thread<R>>,
}

/// A thread that does not run yet.
struct Thread<R: Resource> {
    log: Logger,
    name: String,
    orders: Receiver<Order<R>>,
    tell: Sender<News<R>>,
}

impl<R: Resource> Follower<R> {
    /// Returns a follower whose thread starts once there is something to follow,
    /// and has the privileges of the thread that orders it then.
    pub(super) fn new(log: &Logger, name: &str) -> Self {
        let (orders, ordered) = unbounded();
        // At most one is on its way while another is read.
        let (tell, news) = bounded(1);
        let (log, name) = (log.clone(), name.into());
        let thread = Some(Thread { log, name, orders: ordered, tell });
        Self { orders, news, place: Place::default(), number: 0, thread }
    }

    /// Starts the thread, which does `prepare` first and then waits for
    /// orders.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        log: &Logger,
        name: &str,
        prepare: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let mut follower = Self::new(log, name);
        follower.run(prepare)?;
        Ok(follower)
    }

    /// Starts the thread, if it does not run yet.
    fn run(
        &mut self,
        prepare: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let Some(Thread { log, name, orders, tell }) = self.thread.take()
        else {
            return Ok(());
        };
        let place = self.place.clone();
        thread::Builder::new().name(name).spawn(move || {
            prepare();
            follow(&log, &orders, &tell, &place);
        })?;
        Ok(())
    }

    fn order(
        &mut self,
        resource: R,
        files: Files,
        opens_first: bool,
        is_followed: bool,
    ) {
        self.number += 1;
        let number = self.number;
        let order = Order { number, resource, files, opens_first, is_followed };
        let log = self.thread.as_ref().map(|thread| thread.log.clone());
        if let Err(error) = self.run(|| ())
            && let Some(log) = log
        {
            warn!(log, "cannot start a thread; a file is not followed";
                "error" => %error);
        }
        // The thread ends with this only.
        let _ = self.orders.send(order);
    }

    /// Opens the resource at once, and follows it from then on if that is
    /// wanted.
    pub(super) fn open(&mut self, resource: R, file: &Path, is_followed: bool) {
        self.open_all(resource, vec![(file.into(), None)], is_followed);
    }

    /// The same of a resource that is made of several files.
    pub(super) fn open_all(
        &mut self,
        resource: R,
        files: Files,
        is_followed: bool,
    ) {
        self.order(resource, files, true, is_followed);
    }

    /// Follows a resource that was made of these files, if that is wanted.
    /// News of earlier orders are out of date from now on.
    pub(super) fn follow(
        &mut self,
        resource: R,
        files: Files,
        is_followed: bool,
    ) {
        if self.thread.is_some() && !is_followed {
            // Nothing to do, and no thread to do it.
            return;
        }
        self.order(resource, files, false, is_followed);
    }

    /// Returns the channel of news, for [`Follower::accept`].
    pub(super) fn news(&self) -> &Receiver<News<R>> {
        &self.news
    }

    /// Returns the content of the news, unless they are out of date.
    pub(super) fn accept(
        &self,
        (number, news): News<R>,
    ) -> Option<Result<R::Content, R::Error>> {
        (number == self.number).then_some(news)
    }

    /// Returns the file that has not answered for [`LATE`], once.
    pub(super) fn complaint(&self) -> Option<PathBuf> {
        self.place.complaint(LATE)
    }

    /// Returns the file that does not answer, as it seems.
    pub(super) fn stuck_at(&self) -> Option<PathBuf> {
        let (file, since) = self.place.stay()?;
        (since > PATIENCE).then_some(file)
    }
}

/// Carries out orders until nobody gives any.
fn follow<R: Resource>(
    log: &Logger,
    orders: &Receiver<Order<R>>,
    tell: &Sender<News<R>>,
    place: &Place,
) {
    let Ok(mut order) = orders.recv() else { return };
    loop {
        let mut watch = Watch::default();
        watch.opened(order.files.iter().map(|(_, state)| *state).collect());
        if order.opens_first {
            let states = look(&order, place);
            watch.opened(states);
            if !open(&mut order, &mut watch, tell, place) {
                return;
            }
        }
        order = loop {
            if !order.is_followed {
                let Ok(next) = orders.recv() else { return };
                break next;
            }
            match orders.recv_timeout(INTERVAL) {
                Ok(next) => break next,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if !watch.is_new(look(&order, place)) {
                continue;
            }
            debug!(log, "opening a changed file";
                "file" => order.files.first().map(|(f, _)| f.display().to_string()));
            if !open(&mut order, &mut watch, tell, place) {
                return;
            }
        };
    }
}

/// Looks at every file of the resource.
fn look<R>(order: &Order<R>, place: &Place) -> States {
    let states = order.files.iter().map(|(file, _)| {
        place.enter(file);
        Identity::of(file)
    });
    let states = states.collect();
    place.leave();
    states
}

/// Opens the resource and sends the outcome. Returns false once the other end
/// is dropped.
fn open<R: Resource>(
    order: &mut Order<R>,
    watch: &mut Watch,
    tell: &Sender<News<R>>,
    place: &Place,
) -> bool {
    let opened = catch_unwind(AssertUnwindSafe(|| order.resource.open(place)))
        .unwrap_or_else(|_| Err(order.resource.panicked()));
    place.leave();
    match &opened {
        Ok(content) => {
            order.files = R::files_of(content);
            let states = order.files.iter().map(|(_, state)| *state);
            watch.opened(states.collect());
        }
        Err(error) if R::may_pass(error) => watch.try_again(),
        Err(_) => {}
    }
    tell.send((order.number, opened)).is_ok()
}

#[cfg(test)]
mod tests;
