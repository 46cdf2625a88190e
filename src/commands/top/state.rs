//! The state of the view: events change it, and the screen is drawn from it.
//!
//! Pure: no I/O, clock, threads or logging. Times are seconds of any clock that
//! does not jump.

#![forbid(unsafe_code)]

mod keys;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::page::Question;
use super::table::{Direction, Row, Scope, Sort, Tab, Table};
use super::trend::Trends;
use super::units::Unit;
use crate::api::Summary;

/// The most rows that are asked for. With a filter there are more, because it
/// can find rows that are not among the largest, and for the networks that hosts
/// are added up to.
const ROWS: usize = 300;
const MORE_ROWS: usize = 2000;

/// An answer to a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct News {
    /// The question.
    pub(super) question: Question,
    /// The machine; nothing if it has not changed.
    pub(super) summary: Option<Summary>,
    /// The table; nothing if it has not changed.
    pub(super) table: Option<Table>,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A key or the mouse.
    Input(Input),
    /// The exporter answered.
    Answer(Box<News>),
    /// The exporter did not answer, and why.
    Silence(String),
    /// The name of an address, or that it has none.
    Name(IpAddr, Option<String>),
    /// The programs of this machine with connections, by remote address.
    Programs(HashMap<IpAddr, String>),
    /// Time has passed.
    Tick,
}

/// A key or an action of the mouse, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A printable key.
    Key(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    BackTab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C.
    Interrupt,
    /// A click at a column and row.
    Click(u16, u16),
}

/// The shell's next action after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Draw the screen.
    pub(super) draws: bool,
    /// Ask now, not at the next turn.
    pub(super) asks: bool,
    /// End.
    pub(super) ends: bool,
    /// Switch the mouse on or off.
    pub(super) switches_mouse: bool,
}

impl Effect {
    pub(super) const NONE: Self =
        Self { draws: false, asks: false, ends: false, switches_mouse: false };
    pub(super) const DRAW: Self = Self { draws: true, ..Self::NONE };
    pub(super) const ASK: Self = Self { asks: true, ..Self::DRAW };
    pub(super) const END: Self = Self { ends: true, ..Self::NONE };
}

/// A table that was left for another one: a step back.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Step {
    pub(super) tab: Tab,
    pub(super) scope: Scope,
    pub(super) title: String,
    pub(super) selected: Option<String>,
    pub(super) filter: String,
}

/// Where a drawn screen can be clicked. The drawing fills it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The tabs: row, first and last column.
    pub(super) tabs: Vec<(Tab, u16, u16, u16)>,
    /// The first row of the table on the screen, and the number of rows.
    pub(super) rows: (u16, u16),
    /// The column heads: row, first column, last column, order.
    pub(super) heads: Vec<(Sort, u16, u16, u16)>,
}

/// The state of the view.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) tab: Tab,
    pub(super) scope: Scope,
    /// The steps that lead to the table, the oldest first.
    pub(super) steps: Vec<Step>,
    /// The words for the last step.
    pub(super) title: String,
    pub(super) unit: Unit,
    pub(super) direction: Direction,
    pub(super) sort: Sort,
    pub(super) filter: String,
    pub(super) is_typing: bool,
    pub(super) is_paused: bool,
    pub(super) shows_help: bool,
    pub(super) has_mouse: bool,
    /// Is true if names of hosts are looked up.
    pub(super) resolves: bool,
    /// Is true if this program started the exporter.
    pub(super) is_own: bool,
    pub(super) summary: Option<Summary>,
    pub(super) table: Table,
    /// The question that the table answers.
    pub(super) answered: Option<Question>,
    /// The key of the selected row.
    pub(super) selected: Option<String>,
    /// The rows above the first one that is shown.
    pub(super) offset: usize,
    /// The time of the last answer, and the reason why there is none since.
    pub(super) heard: Option<f64>,
    pub(super) silence: Option<String>,
    /// The time of the last event.
    pub(super) now: f64,
    pub(super) trends: Trends,
    pub(super) names: HashMap<IpAddr, Option<String>>,
    pub(super) programs: HashMap<IpAddr, String>,
    pub(super) places: Places,
    /// The sorts of the tabs that were left, so that each keeps its own.
    pub(super) sorts: BTreeMap<Tab, Sort>,
}

impl State {
    /// Returns the question whose answer the screen needs.
    pub(super) fn question(&self) -> Question {
        let mut question = Question {
            tab: self.tab,
            scope: self.scope.clone(),
            sort: self.sort,
            direction: self.direction,
            limit: ROWS,
        };
        if question.groups_hosts() || !self.filter.is_empty() {
            question.limit = MORE_ROWS;
        }
        question
    }

    /// Handles an event at a time.
    pub(super) fn handle(&mut self, event: Event, now: f64) -> Effect {
        self.now = now;
        match event {
            Event::Input(input) => self.input(input),
            Event::Answer(news) => self.answer(*news),
            Event::Silence(reason) => {
                self.silence = Some(reason);
                Effect::DRAW
            }
            Event::Name(address, name) => {
                self.names.insert(address, name);
                Effect::DRAW
            }
            Event::Programs(programs) => {
                let is_new = self.programs != programs;
                self.programs = programs;
                if is_new { Effect::DRAW } else { Effect::NONE }
            }
            // Only the time without an answer is shown.
            Event::Tick if self.silence.is_some() => Effect::DRAW,
            Event::Tick => Effect::NONE,
        }
    }

    fn answer(&mut self, news: News) -> Effect {
        self.heard = Some(self.now);
        let was_silent = self.silence.take().is_some();
        let is_new = news.summary.is_some() || news.table.is_some();
        if let Some(summary) = &news.summary {
            self.trends.whole.push(summary.envelope.at, &summary.whole.bytes);
        }
        // A late answer to another question is of no use.
        if self.is_paused || news.question != self.question() {
            return if was_silent { Effect::DRAW } else { Effect::NONE };
        }
        if let Some(summary) = news.summary {
            self.summary = Some(summary);
        }
        if let Some(mut table) = news.table {
            table.sort(self.sort, self.direction);
            self.trends.follow(&news.question, &table);
            self.table = table;
            self.answered = Some(news.question);
        }
        match is_new || was_silent {
            true => Effect::DRAW,
            false => Effect::NONE,
        }
    }

    /// Returns the place of the selected row among the shown ones.
    pub(super) fn position(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.rows().iter().position(|row| row.key == *selected)
    }

    /// Returns the rows that the filter leaves, in order.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let wanted = self.filter.to_lowercase();
        let matches = |row: &&Row| {
            wanted.is_empty()
                || row.labels.iter().any(|it| contains(it, &wanted))
                || row.address.is_some_and(|it| {
                    let name = self.names.get(&it).and_then(Option::as_ref);
                    let program = self.programs.get(&it);
                    name.is_some_and(|it| contains(it, &wanted))
                        || program.is_some_and(|it| contains(it, &wanted))
                })
        };
        self.table.rows.iter().filter(matches).collect()
    }

    /// Returns the addresses on the screen.
    pub(super) fn shown_addresses(&self) -> Vec<IpAddr> {
        let count = usize::from(self.places.rows.1);
        let rows = self.rows().into_iter().skip(self.offset).take(count);
        rows.filter_map(|row| row.address).collect()
    }
}

fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

#[cfg(test)]
mod tests;
