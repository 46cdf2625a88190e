//! Runs the view: threads make events, the state handles them, and the screen
//! is drawn when something has changed.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use super::asker::{self, Asker};
use super::page::Question;
use super::programs;
use super::resolver::Resolver;
use super::state::{Effect, Event, State};
use super::table::Tab;
use super::terminal::{self, Pressed, Screen};
use crate::cli::TopArguments;
use crate::commands::client::Client;

/// The time after which the screen is drawn without news, for the time without
/// an answer.
const TICK: Duration = Duration::from_secs(1);

/// The time between two looks at the programs of this machine.
const PROGRAMS: Duration = Duration::from_secs(5);

/// The events of all threads.
struct Sources {
    events: Receiver<Event>,
    pressed: Receiver<Pressed>,
    signals: Receiver<i32>,
}

/// Shows the view until the user or a signal ends it.
pub(super) fn run(
    client: Client,
    asked: &TopArguments,
    is_own: bool,
) -> io::Result<()> {
    let (send_events, events) = unbounded();
    let (send_questions, questions) = unbounded();
    let asker = Asker::new(client);
    let mut state = State {
        tab: super::tab(asked),
        sort: super::sort(asked),
        unit: super::unit(asked),
        resolves: asked.resolve,
        has_mouse: !asked.no_mouse,
        is_own,
        ..State::default()
    };
    let signals = signals()?;
    let mut screen = Screen::open(terminal::theme(), state.has_mouse)?;
    let (send_pressed, pressed) = unbounded();
    terminal::read(send_pressed)?;
    let interval = asked.interval;
    let answers = send_events.clone();
    thread::Builder::new().name("asker".into()).spawn(move || {
        asker::run(asker, interval, &questions, &answers);
    })?;
    let look = programs_thread(send_events.clone())?;
    let sources = Sources { events, pressed, signals };
    let mut helpers = Helpers {
        questions: send_questions,
        events: send_events,
        resolver: None,
        look,
        looked: None,
    };
    match follow(&mut state, &mut screen, &sources, &mut helpers) {
        // The user has closed the terminal, which ends the view as `q` does.
        Err(error) if terminal::is_gone(&error) => Ok(()),
        ended => ended,
    }
}

/// Threads that work for the view.
struct Helpers {
    questions: Sender<Question>,
    events: Sender<Event>,
    resolver: Option<Resolver>,
    look: Sender<()>,
    looked: Option<Instant>,
}

impl Helpers {
    /// Asks for names and programs of the hosts on the screen.
    fn look_at(&mut self, state: &State) {
        if state.tab != Tab::Hosts {
            return;
        }
        if state.resolves {
            let events = &self.events;
            let resolver =
                self.resolver.get_or_insert_with(|| Resolver::start(events));
            resolver.ask(&state.shown_addresses());
        }
        let is_due = self.looked.is_none_or(|at| at.elapsed() >= PROGRAMS);
        if is_due && !state.is_paused {
            self.looked = Some(Instant::now());
            // The last look may be still going on.
            let _ = self.look.try_send(());
        }
    }
}

fn follow(
    state: &mut State,
    screen: &mut Screen,
    sources: &Sources,
    helpers: &mut Helpers,
) -> io::Result<()> {
    let begin = Instant::now();
    let mut effect = Effect::ASK;
    loop {
        if effect.switches_mouse {
            screen.set_mouse(state.has_mouse)?;
        }
        if effect.asks {
            let _ = helpers.questions.send(state.question());
        }
        if effect.draws {
            screen.draw(state)?;
            helpers.look_at(state);
        }
        effect = match next(state, screen, sources, begin)? {
            Some(effect) => effect,
            None => return Ok(()),
        };
    }
}

/// Waits for an event, and handles all that have come. Returns nothing at the
/// end.
fn next(
    state: &mut State,
    screen: &mut Screen,
    sources: &Sources,
    begin: Instant,
) -> io::Result<Option<Effect>> {
    let now = || begin.elapsed().as_secs_f64();
    let mut all = Effect::NONE;
    // Only a silence changes the screen with time alone.
    let ticks = match state.silence {
        Some(_) => crossbeam_channel::after(TICK),
        None => never(),
    };
    let mut waits = true;
    loop {
        let one = select! {
            recv(sources.events) -> event => match event {
                Ok(event) => state.handle(event, now()),
                Err(_) => return Ok(None),
            },
            recv(sources.pressed) -> pressed => match pressed {
                Ok(Pressed::Input(input)) => {
                    state.handle(Event::Input(input), now())
                }
                Ok(Pressed::Stop) => {
                    screen.stop()?;
                    Effect::ASK
                }
                Ok(Pressed::Resized) => Effect::DRAW,
                Ok(Pressed::Redraw) => {
                    screen.retake()?;
                    Effect::DRAW
                }
                // The terminal is gone.
                Err(_) => return Ok(None),
            },
            recv(sources.signals) -> signal => match signal {
                Ok(SIGTSTP) => {
                    screen.stop()?;
                    Effect::ASK
                }
                Ok(SIGCONT) => {
                    screen.retake()?;
                    Effect::ASK
                }
                _ => return Ok(None),
            },
            recv(ticks) -> _ => state.handle(Event::Tick, now()),
            default(pause(waits)) => return Ok(Some(all)),
        };
        if one.ends {
            return Ok(None);
        }
        all.draws |= one.draws;
        all.asks |= one.asks;
        all.switches_mouse ^= one.switches_mouse;
        waits = false;
    }
}

/// Returns how long to wait for one more event: for long before the first one.
fn pause(waits: bool) -> Duration {
    if waits { Duration::from_secs(3600) } else { Duration::ZERO }
}

/// Starts a thread that looks at the programs of this machine when asked.
fn programs_thread(events: Sender<Event>) -> io::Result<Sender<()>> {
    let (look, asked) = bounded::<()>(1);
    thread::Builder::new().name("programs".into()).spawn(move || {
        for () in asked {
            let found = programs::by_remote();
            if events.send(Event::Programs(found)).is_err() {
                return;
            }
        }
    })?;
    Ok(look)
}

/// Starts a thread that forwards the signals that end or stop the view.
pub(super) fn signals() -> io::Result<Receiver<i32>> {
    let mut caught =
        Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT])?;
    let (send, signals) = unbounded();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in caught.forever() {
            if send.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(signals)
}
