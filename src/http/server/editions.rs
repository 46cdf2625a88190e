//! Answers that are made once for all clients that ask for the same edition of
//! a page. The page says which edition that is.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::reply::Answer;
use super::security::ExtraHeaders;
use super::site::{Edition, Request, Response, Site};

/// The largest sum of the bytes of the forms of one page that are kept beside the
/// one that was asked for last. A client can ask for any number of forms.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The largest number of these forms.
const MOST_FORMS: usize = 16;

/// An answer, and the edition it is.
struct Made {
    edition: Edition,
    headers: ExtraHeaders,
    answer: Arc<Answer>,
}

impl Made {
    fn is(&self, edition: Edition, headers: &ExtraHeaders) -> bool {
        self.edition == edition && Arc::ptr_eq(&self.headers, headers)
    }
}

/// The worker that makes an edition holds its slot, and the others wait.
type Slot = Arc<Mutex<Option<Made>>>;

/// The newest editions of the pages, one of each form.
pub(super) struct Editions {
    slots: Mutex<HashMap<(usize, u64), Slot>>,
    /// A random number in every `ETag`: versions begin at zero at each start.
    start: u64,
}

impl Editions {
    pub(super) fn new() -> Self {
        Self { slots: Mutex::default(), start: RandomState::new().hash_one(0) }
    }

    /// Returns the answer to a request.
    pub(super) fn answer(
        &self,
        site: &dyn Site,
        request: &Request,
        headers: &ExtraHeaders,
    ) -> Arc<Answer> {
        let make = || Arc::new(Answer::new(make(site, request), headers));
        let Some((page, edition)) = site.edition(request) else {
            return make();
        };
        let slot = {
            let mut slots = lock(&self.slots);
            Arc::clone(slots.entry((page, edition.form)).or_default())
        };
        let mut made = lock(&slot);
        // Another worker may have made it, so its slot is looked at again.
        let is_there = |made: &Option<Made>| {
            let (_, edition) = site.edition(request)?;
            let made = made.as_ref().filter(|it| it.is(edition, headers))?;
            Some(Arc::clone(&made.answer))
        };
        if let Some(answer) = is_there(&made) {
            return answer;
        }
        site.prepare(page);
        if let Some(answer) = is_there(&made) {
            return answer;
        }
        // The edition is asked for before the page is made. So a snapshot that
        // is published meanwhile makes another edition.
        let Some((_, edition)) = site.edition(request) else { return make() };
        // The old one is freed first, so that there are never two.
        *made = None;
        let mut response = self::make(site, request);
        if response.status != 200 {
            drop(made);
            self.forget_others(page, edition);
            return Arc::new(Answer::new(response, headers));
        }
        let tag = self.tag(page, edition);
        response = response.with_header("ETag", tag);
        let answer = Arc::new(Answer::new(response, headers));
        let headers = Arc::clone(headers);
        *made = Some(Made { edition, headers, answer: Arc::clone(&answer) });
        drop(made);
        self.forget_others(page, edition);
        answer
    }

    /// Returns the `ETag` of an edition. It is a weak one: the same edition can
    /// be made twice, and then metrics of the process differ.
    fn tag(&self, page: usize, edition: Edition) -> String {
        let Edition { form, version } = edition;
        format!("W/\"{:x}-{page}-{form}-{version:x}\"", self.start)
    }

    /// Frees other forms of a page that show an older version, and those that
    /// are too many.
    fn forget_others(&self, page: usize, newest: Edition) {
        let (mut forms, mut bytes) = (0, 0);
        lock(&self.slots).retain(|&(other, form), slot| {
            // The worker that holds a slot is about to make a new edition.
            let Ok(made) = slot.try_lock() else { return true };
            if other != page {
                return true;
            }
            let is_newest = |it: &&Made| it.edition.version == newest.version;
            let Some(made) = made.as_ref().filter(is_newest) else {
                return false;
            };
            if form == newest.form {
                return true;
            }
            forms += 1;
            bytes += made.answer.length();
            forms <= MOST_FORMS && bytes <= MOST_BYTES
        });
    }
}

fn make(site: &dyn Site, request: &Request) -> Response {
    // The log has the message of the panic. The server goes on.
    catch_unwind(AssertUnwindSafe(|| site.answer(request))).unwrap_or_else(
        |_| Response::text(500, "500: a fault of the exporter\n"),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The values are whole at any time, so a panic leaves no half of one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
