//! Answers that are made once for all who ask for the same, however many they
//! are and however they ask.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rouille::{Request, Response};

use super::reply::Answer;
use super::routes::{Edition, Routes};

/// Headers that `web.config.file` wants in every answer.
type Headers = Arc<[(String, String)]>;

/// An answer, and of what it is one.
struct Made {
    edition: Edition,
    headers: Headers,
    answer: Arc<Answer>,
}

impl Made {
    fn is(&self, edition: Edition, headers: &Headers) -> bool {
        self.edition == edition && Arc::ptr_eq(&self.headers, headers)
    }
}

/// Who makes it holds it, and the others wait for that.
type Slot = Arc<Mutex<Option<Made>>>;

/// The newest editions of the pages that have any, one of each form.
#[derive(Default)]
pub(super) struct Editions {
    slots: Mutex<HashMap<(usize, u8), Slot>>,
}

impl Editions {
    /// Returns the answer to a request.
    ///
    /// # Errors
    /// When the body of the page cannot be read.
    pub(super) fn answer(
        &self,
        routes: &Routes,
        request: &Request,
        headers: &Headers,
    ) -> io::Result<Arc<Answer>> {
        let Some((page, edition)) = routes.edition(request) else {
            return make(routes, request, headers);
        };
        let slot = {
            let mut slots = lock(&self.slots);
            Arc::clone(slots.entry((page, edition.form)).or_default())
        };
        let mut made = lock(&slot);
        // Somebody else may have made it meanwhile, so it is looked again.
        let is_there = |made: &Option<Made>| {
            let (_, edition) = routes.edition(request)?;
            let made = made.as_ref().filter(|it| it.is(edition, headers))?;
            Some(Arc::clone(&made.answer))
        };
        if let Some(answer) = is_there(&made) {
            return Ok(answer);
        }
        routes.prepare(page);
        if let Some(answer) = is_there(&made) {
            return Ok(answer);
        }
        // Before it is made: what is published meanwhile makes another one.
        let Some((_, edition)) = routes.edition(request) else {
            return make(routes, request, headers);
        };
        // It is not there twice while the new one is made.
        *made = None;
        let answer = make(routes, request, headers)?;
        if answer.is_good() {
            let headers = Arc::clone(headers);
            let answer = Arc::clone(&answer);
            *made = Some(Made { edition, headers, answer });
        }
        drop(made);
        self.forget_others(page, edition);
        Ok(answer)
    }

    /// Lets other forms of a page go where they show something older.
    fn forget_others(&self, page: usize, newest: Edition) {
        lock(&self.slots).retain(|&(other, _), slot| {
            // Who holds one is about to make a new one.
            let Ok(made) = slot.try_lock() else { return true };
            let is_newest = |it: &Made| it.edition.version == newest.version;
            other != page || made.as_ref().is_some_and(is_newest)
        });
    }
}

fn make(
    routes: &Routes,
    request: &Request,
    headers: &Headers,
) -> io::Result<Arc<Answer>> {
    // A page that panics, which the log has by now, is no reason to end.
    let response = catch_unwind(AssertUnwindSafe(|| routes.answer(request)))
        .unwrap_or_else(|_| failed("a fault of the exporter"));
    Answer::new(response, headers).map(Arc::new)
}

fn failed(why: &str) -> Response {
    Response::text(format!("500: {why}\n")).with_status_code(500)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
