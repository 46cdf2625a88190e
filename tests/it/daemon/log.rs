//! The log of one daemon, for the test to read.

use std::io;
use std::sync::{Arc, Condvar, Mutex};

use super::fake::PATIENCE;

/// What was logged. Clones are the same log.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.0.lock().unwrap().extend_from_slice(bytes);
        self.0.1.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap()).into_owned()
    }

    /// Returns a mark, so that what follows can be told from what was.
    pub(super) fn mark(&self) -> usize {
        self.text().len()
    }

    /// Returns what was logged since the mark.
    pub(super) fn since(&self, mark: usize) -> String {
        self.text()[mark..].to_owned()
    }

    /// Waits for a whole line with one of these texts after a mark and
    /// returns it.
    pub(super) fn wait_for(&self, mark: usize, texts: &[&str]) -> String {
        let find = |log: &[u8]| {
            let log = String::from_utf8_lossy(&log[mark..]);
            log.split_inclusive('\n')
                .find(|line| {
                    line.ends_with('\n')
                        && texts.iter().any(|&text| line.contains(text))
                })
                .map(str::to_owned)
        };
        let guard = self.0.0.lock().unwrap();
        let (guard, _) = self
            .0
            .1
            .wait_timeout_while(guard, PATIENCE, |log| find(log).is_none())
            .unwrap();
        let line = find(&guard);
        drop(guard);
        line.unwrap_or_else(|| panic!("no {texts:?} in\n{}", self.text()))
    }
}
