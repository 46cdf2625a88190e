//! The first step of a start: directories are made, then access to files is
//! restricted for every thread to come.

use slog::{Logger, warn};

use super::super::continuity::{self, Made};
use super::super::errand::Errand;
use super::super::notify::ServiceManager;
use super::super::privileges::Privileges;
use super::super::web;
use super::super::{Error, Host, Layers};
use super::{Ended, Start};
use crate::config::{Config, ListenAddress};
use crate::http::GivenSocket;
use crate::sandbox::Duty;

/// The daemon after its access to files was restricted.
pub(in crate::daemon) struct Confined {
    pub(in crate::daemon) privileges: Privileges,
    /// The sockets that the service manager opened.
    pub(in crate::daemon) given: Vec<GivenSocket>,
    /// The addresses that the exporter opens itself.
    pub(in crate::daemon) listen_address: Vec<ListenAddress>,
    pub(in crate::daemon) made: Made,
}

/// Returns the service manager that the environment names. A socket that
/// cannot be used is logged.
pub(in crate::daemon) fn service_manager(
    log: &Logger,
    layers: &Layers,
) -> ServiceManager {
    let manager =
        ServiceManager::of(&layers.environment).unwrap_or_else(|error| {
            warn!(log, "cannot reach the service manager at NOTIFY_SOCKET";
                "error" => %error);
            ServiceManager::default()
        });
    manager.status("starting");
    manager
}

impl Start<'_> {
    /// Makes the directories, restricts access to files, and starts the
    /// threads of the log and of the signals.
    ///
    /// # Errors
    /// If the system has no thread left, or a signal ended the start.
    pub(in crate::daemon) fn confine<H: Host>(
        &mut self,
        host: &H,
        layers: &Layers,
        config: &Config,
    ) -> Result<Confined, Ended> {
        let given = host.take_sockets();
        let listen_address = web::own_addresses(self.log, config, &given);
        let wanted = config.clone();
        let made = Errand::start("directories", move |place| {
            continuity::make_directories(&wanted, place)
        });
        let made = self.wait_before_log(made)?;
        // Every thread inherits the restriction from this one: no other may
        // have been started.
        let privileges = Privileges::restrict(
            self.log,
            host.sandbox(config),
            &layers.environment,
            &listen_address,
            &continuity::directories(config),
        );
        privileges
            .starting(Duty::Log, |prepare| self.log_control.start(prepare))
            .and_then(|()| {
                let events = self.events.0.clone();
                privileges.starting(Duty::Forward, |prepare| {
                    host.forward_signals(events, prepare)
                })
            })
            .map_err(Error::Thread)?;
        Ok(Confined { privileges, given, listen_address, made })
    }
}
