//! Reloading: an errand reads and checks everything, and then all of it is put
//! in force, or nothing.
//!
//! The supervisor waits neither for the errand nor for the poller: it takes
//! signals while a disk hangs or interfaces are attached.

mod error;
mod request;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, never};
use slog::{error, info, warn};

use super::database::{self, Read};
use super::errand::{Errand, PATIENCE};
use super::follower::Resource as _;
use super::ranges::Ranges;
use super::supervisor::{Faults, Followers, Supervisor, warn_late};
use super::web::{Web, WebConfig, log_left_out};
use super::{Layers, succeeded_now};
use crate::classifier::Sources;
use crate::collectors::exporter::LastReload;
use crate::config::{self, Config, Plan, Seen};
use crate::files::Place;
use crate::geoip::{Cities, Countries, Networks, Subject as _};
use crate::logging::chain;
use crate::poller::{self, Control};
use crate::ranges::{LoadedRanges, RangeNames};
use error::ReloadError;
pub(super) use request::Trigger;
use request::{Askers, Failed, Request};

/// The content of all files, ready to be put in force.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    /// Harmless faults of the configuration.
    pub(super) warnings: Vec<String>,
    pub(super) left_out: Vec<(PathBuf, &'static str)>,
    pub(super) web: Web,
    pub(super) countries: Read<Countries>,
    pub(super) networks: Read<Networks>,
    pub(super) cities: Read<Cities>,
    pub(super) ranges: LoadedRanges,
}

/// The outcome of reading.
type Outcome = Result<Prepared, ReloadError>;

/// The states of the configuration files before they were read, and the
/// outcome.
pub(super) type Attempt = (Seen, Outcome);

/// The databases that are in use: while one is, a missing file is a fault.
#[derive(Clone, Copy)]
struct InUse {
    countries: bool,
    networks: bool,
    cities: bool,
}

/// Reads everything that a reload puts in force.
///
/// # Errors
/// The faults of the first file that is wrong.
fn prepare(
    layers: &Layers,
    in_force: &Config,
    in_use: InUse,
    names: &RangeNames,
    place: &Place,
) -> Outcome {
    let loaded = layers.load_at(place).map_err(ReloadError::Config)?;
    let plan = config::plan(in_force, &loaded.config);
    let web = WebConfig(plan.config.web_config_file.clone());
    let web = web.open(place).map_err(ReloadError::WebConfig)?;
    let countries = database::read(&plan.config, in_use.countries, place)
        .map_err(|fault| ReloadError::Database(Countries::LABEL, fault))?;
    let networks = database::read(&plan.config, in_use.networks, place)
        .map_err(|fault| ReloadError::Database(Networks::LABEL, fault))?;
    let cities = database::read(&plan.config, in_use.cities, place)
        .map_err(|fault| ReloadError::Database(Cities::LABEL, fault))?;
    let ranges = Ranges::of(&plan.config, names);
    let ranges = ranges.open(place).map_err(ReloadError::Ranges)?;
    let classes = poller::class_plan(&plan.config, &ranges.table);
    classes.check().map_err(ReloadError::Classes)?;
    let mut warnings: Vec<String> =
        loaded.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(plan.warning());
    let left_out = loaded.left_out;
    Ok(Prepared {
        plan,
        warnings,
        left_out,
        web,
        countries,
        networks,
        cities,
        ranges,
    })
}

/// A reload whose files are being read.
struct Reading {
    errand: Errand<Attempt>,
    request: Request,
    /// True if it took too long, so that its outcome is not used.
    is_given_up: bool,
}

/// An order to the poller that it has not carried out yet.
struct Applying {
    /// The poller drops its end once it is done.
    done: Receiver<()>,
    /// The configuration and the sources in use from then on.
    shown: (Arc<Config>, Sources),
    /// The reload it belongs to: the changed settings, and the senders.
    reload: Option<(Vec<&'static str>, Askers)>,
}

/// The reloads that have begun.
#[derive(Default)]
pub(super) struct Reloads {
    reading: Option<Reading>,
    /// In the order in which the poller carries them out.
    applying: VecDeque<Applying>,
    /// The requests that came while files were read. Their reload begins
    /// afterwards.
    next: Option<Request>,
    /// The newest reload, if it failed.
    failed: Option<Failed>,
}

impl Reloads {
    /// Returns the channel of the outcome of reading.
    pub(super) fn read(&self) -> Receiver<Attempt> {
        let reading = self.reading.as_ref();
        reading.map_or_else(never, |one| one.errand.result().clone())
    }

    /// Returns the channel that ends once the poller has carried out the oldest
    /// order.
    pub(super) fn applied(&self) -> Receiver<()> {
        self.applying.front().map_or_else(never, |one| one.done.clone())
    }

    fn is_busy(&self) -> bool {
        !self.applying.is_empty()
            || self.reading.as_ref().is_some_and(|one| !one.is_given_up)
    }
}

impl Supervisor {
    /// Begins to read everything again. If a reload is under way, the next one
    /// begins after it.
    pub(super) fn reload(&mut self, trigger: Trigger) {
        let request = Request::from(trigger);
        if !self.reloads.is_busy() {
            return self.begin_reload(request);
        }
        match &mut self.reloads.next {
            Some(next) => next.join(request),
            next @ None => *next = Some(request),
        }
    }

    fn begin_reload(&mut self, request: Request) {
        info!(self.log, "reloading");
        self.manager.reloading();
        if let Some(given_up) = &self.reloads.reading {
            let file = given_up.errand.file().unwrap_or_default();
            return self.fail_reload(
                &ReloadError::Slow { file },
                request,
                None,
            );
        }
        let (layers, config) = (self.layers.clone(), self.published.config());
        let databases = &self.followers.databases;
        let in_use = InUse {
            countries: databases.countries.is_in_use(),
            networks: databases.networks.is_in_use(),
            cities: databases.cities.is_in_use(),
        };
        let names = self.followers.ranges.names().clone();
        let errand = Errand::start("reload", move |place| {
            let seen = layers.look(place);
            (seen, prepare(&layers, &config, in_use, &names, place))
        });
        match errand {
            Ok(errand) => {
                let reading = Reading { errand, request, is_given_up: false };
                self.reloads.reading = Some(reading);
            }
            Err(cause) => {
                self.fail_reload(&ReloadError::Thread(cause), request, None);
            }
        }
    }

    /// Puts the content of the files in force, unless they are wrong. None means
    /// that reading panicked.
    pub(super) fn end_reading(&mut self, attempt: Option<Attempt>) {
        let Some(reading) = self.reloads.reading.take() else { return };
        if !reading.is_given_up {
            let request = reading.request;
            match attempt {
                Some((seen, Ok(prepared))) => {
                    self.commit(prepared, seen, request.asked);
                }
                Some((seen, Err(failure))) => {
                    self.fail_reload(&failure, request, Some(seen));
                }
                None => {
                    let failure = ReloadError::Panicked;
                    self.fail_reload(&failure, request, None);
                }
            }
        }
        self.begin_next();
    }

    /// Begins the reload that was requested in the meantime.
    fn begin_next(&mut self) {
        if !self.reloads.is_busy()
            && let Some(request) = self.reloads.next.take()
        {
            self.begin_reload(request);
        }
    }

    /// Logs and shows a failed reload. Everything stays as it was. `seen` are
    /// the files that it read, if it read them.
    fn fail_reload(
        &mut self,
        failure: &ReloadError,
        request: Request,
        seen: Option<Seen>,
    ) {
        // Before the log: after the line, a scrape shows the failure.
        match failure {
            ReloadError::Database(label, _) => {
                self.followers.databases.show_failed(label);
            }
            ReloadError::WebConfig(_) => self.published.show_web(false),
            _ => {}
        }
        if let ReloadError::Ranges(_) = failure {
            self.followers.ranges.show_failed();
        }
        let last = *self.published.last_reload.reader().get();
        let failed = LastReload { successful: false, ..last };
        self.published.last_reload.publish(failed);
        let said = chain(failure);
        let is_of_watch = request.is_of_watch;
        let failed = seen.map(|seen| {
            self.followers.config.tried(seen.clone());
            Failed { seen, said: said.clone(), is_of_watch }
        });
        let before = std::mem::replace(&mut self.reloads.failed, failed);
        let is_repeated = match (&self.reloads.failed, before) {
            (Some(failed), Some(before)) => failed.repeats(&before),
            _ => false,
        };
        match is_repeated {
            true => {
                error!(self.log, "not reloaded; everything stays as it was";
                "faults" => "those of the reload before")
            }
            false => {
                failure.log(&self.log);
                error!(self.log, "not reloaded; everything stays as it was");
            }
        }
        self.manager.ready("the last reload failed: see the log");
        for asked in request.asked {
            asked.tell(Err(said.clone()));
        }
    }

    /// Puts the content of the files in force. Nothing of this can fail.
    fn commit(&mut self, prepared: Prepared, seen: Seen, asked: Askers) {
        let Prepared {
            plan,
            warnings,
            left_out,
            web,
            countries,
            networks,
            cities,
            ranges,
        } = prepared;
        log_left_out(&self.log, &left_out);
        for warning in warnings {
            warn!(self.log, "configuration"; "warning" => warning);
        }
        web.log_warnings(&self.log);
        self.faults = Faults::default();
        self.reloads.failed = None;
        self.published.put_in_force(plan.config);
        self.published.show_web(true);
        let config = self.published.config();
        let Self { log, followers, sources, .. } = self;
        let Followers {
            config: files,
            databases,
            ranges: of_ranges,
            web: web_follower,
        } = followers;
        files.follow(seen, config.config_watch);
        databases.countries.commit(log, &config, countries, sources);
        databases.networks.commit(log, &config, networks, sources);
        databases.cities.commit(log, &config, cities, sources);
        of_ranges.commit(log, &config, ranges, sources);
        self.published.sources.publish(sources.clone());
        let files = WebConfig::files_of(&web);
        let file = WebConfig(config.web_config_file.clone());
        web_follower.follow(file, files, true);
        self.log_control.set(config.log_level, config.log_format);
        if let Some(controls) = &mut self.controls {
            controls.server.secure(web.security);
            // Before the poller is told: it waits for the new news.
            for commit in &mut controls.commits {
                commit(&config);
            }
        }
        let sources = self.sources.clone();
        let control = |done| Control::Reload { config, sources, done };
        self.tell_poller(control, Some((plan.changed, asked)));
    }

    /// Gives an order to the poller. The reload continues once it is done.
    pub(super) fn tell_poller(
        &mut self,
        control: impl FnOnce(Sender<()>) -> Control,
        reload: Option<(Vec<&'static str>, Askers)>,
    ) {
        let Some(controls) = &self.controls else { return };
        // Nothing is ever sent: the poller drops its end when it is done, or
        // when it ends, which is an event of its own.
        let (end, done) = bounded(0);
        let _ = controls.poller.send(control(end));
        let shown = (self.published.config(), self.sources.clone());
        let applying = Applying { done, shown, reload };
        self.reloads.applying.push_back(applying);
    }

    /// Shows that the poller has carried out the oldest order.
    pub(super) fn end_applying(&mut self) {
        let Some(mut applied) = self.reloads.applying.pop_front() else {
            return;
        };
        // After the poller: a scrape that shows a database has its countries.
        let (config, sources) = &mut applied.shown;
        self.followers.databases.show(config, sources);
        self.followers.ranges.show_used(config);
        if let Some((changed, asked)) = applied.reload {
            self.published.last_reload.publish(succeeded_now());
            let changed = match changed.is_empty() {
                true => "nothing".into(),
                false => changed.join(", "),
            };
            info!(self.log, "reloaded"; "changed" => changed);
            self.manager.ready("reloaded");
            for asked in asked {
                asked.tell(Ok(()));
            }
        }
        self.begin_next();
    }

    /// Fails a reload if a file does not answer in time.
    pub(super) fn look_at_reload(&mut self) {
        let Some(reading) = &mut self.reloads.reading else { return };
        if let Some(file) = reading.errand.complaint() {
            warn_late(&self.log, &file);
        }
        if !reading.is_given_up && reading.errand.is_longer_than(PATIENCE) {
            reading.is_given_up = true;
            let file = reading.errand.file().unwrap_or_default();
            let mut asked = std::mem::take(&mut reading.request.asked);
            let next = self.reloads.next.take();
            asked.extend(next.into_iter().flat_map(|next| next.asked));
            let request = Request { asked, is_of_watch: false };
            self.fail_reload(&ReloadError::Slow { file }, request, None);
        }
    }
}
