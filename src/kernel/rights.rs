//! Records that the process gave up capabilities that it needed to start.
//! Errors of later calls say so, and do not ask for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;

/// The rights of the process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Rights(Arc<AtomicBool>);

impl Rights {
    /// Takes note that the exporter gives up capabilities, from now on.
    pub fn give_up(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns an error that says whether its missing capabilities were given
    /// up.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        match error {
            Error::NotPermitted { action, lacking, .. } => {
                let are_given_up = self.0.load(Ordering::Relaxed);
                Error::NotPermitted { action, lacking, are_given_up }
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::capabilities::Capability;
    use super::*;

    #[test]
    fn capabilities_that_were_given_up_are_not_asked_for() {
        let rights = Rights::default();
        let text = || {
            let lacking = vec![Capability::Bpf];
            let action = "attach".into();
            let error =
                Error::NotPermitted { action, lacking, are_given_up: false };
            rights.explain(error).to_string()
        };
        assert!(text().contains("setcap"), "{}", text());
        rights.clone().give_up();
        assert!(!text().contains("setcap"), "{}", text());
        assert!(text().contains("given up after the start"), "{}", text());
    }
}
