//! Keys and the mouse.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Effect, Input, State, Step};
use crate::commands::top::table::{
    Direction, Opening, Scope, Sort, Tab, Table,
};
use crate::commands::top::units::Unit;

impl State {
    pub(super) fn input(&mut self, input: Input) -> Effect {
        if input == Input::Interrupt {
            return Effect::END;
        }
        if self.shows_help {
            self.shows_help = false;
            return Effect::DRAW;
        }
        if self.is_typing {
            return self.type_filter(input);
        }
        match input {
            Input::Key(key) => self.key(key),
            Input::Click(column, row) => self.click(column, row),
            Input::Enter | Input::Right => self.open(),
            Input::Escape | Input::Backspace | Input::Left => self.back(),
            Input::Tab => self.turn(1),
            Input::BackTab => self.turn(Tab::ALL.len() - 1),
            Input::Up => self.select(|at, _| at.saturating_sub(1)),
            Input::Down => self.select(|at, _| at + 1),
            Input::PageUp => self.select(|at, page| at.saturating_sub(page)),
            Input::PageDown => self.select(|at, page| at + page),
            Input::End => self.select(|_, _| usize::MAX),
            Input::Home => {
                self.selected = None;
                self.offset = 0;
                Effect::DRAW
            }
            Input::Interrupt => Effect::END,
        }
    }

    fn key(&mut self, key: char) -> Effect {
        match key {
            'q' => return Effect::END,
            '?' | 'h' => self.shows_help = true,
            '/' => self.is_typing = true,
            ' ' | 'p' => {
                self.is_paused = !self.is_paused;
                return if self.is_paused { Effect::DRAW } else { Effect::ASK };
            }
            'u' => {
                self.unit = match self.unit {
                    Unit::Bits => Unit::Bytes,
                    Unit::Bytes => Unit::Bits,
                }
            }
            'd' => return self.order(self.sort, self.direction.next()),
            's' => return self.order(self.sort.next(), self.direction),
            'm' => {
                self.has_mouse = !self.has_mouse;
                return Effect { switches_mouse: true, ..Effect::DRAW };
            }
            'r' => self.resolves = !self.resolves,
            'k' => return self.input(Input::Up),
            'j' => return self.input(Input::Down),
            'g' => return self.input(Input::Home),
            'G' => return self.input(Input::End),
            '1'..='7' => {
                let at = usize::try_from(u32::from(key) - u32::from('1'));
                let tab = at.ok().and_then(|at| Tab::ALL.get(at));
                return self.show(tab.copied().unwrap_or_default());
            }
            _ => return Effect::NONE,
        }
        Effect::DRAW
    }

    fn order(&mut self, sort: Sort, direction: Direction) -> Effect {
        (self.sort, self.direction) = (sort, direction);
        self.sorts.insert(self.tab, sort);
        self.table.sort(sort, direction);
        Effect::ASK
    }

    /// Shows a tab from its beginning.
    fn show(&mut self, tab: Tab) -> Effect {
        self.steps.clear();
        self.title.clear();
        self.go(tab, Scope::default())
    }

    fn go(&mut self, tab: Tab, scope: Scope) -> Effect {
        (self.tab, self.scope) = (tab, scope);
        self.sort = self.sorts.get(&tab).copied().unwrap_or(self.sort);
        self.selected = None;
        self.offset = 0;
        self.filter.clear();
        self.table = Table::default();
        self.answered = None;
        self.is_paused = false;
        Effect::ASK
    }

    fn turn(&mut self, by: usize) -> Effect {
        let at = Tab::ALL.iter().position(|tab| *tab == self.tab);
        let at = (at.unwrap_or(0) + by) % Tab::ALL.len();
        self.show(Tab::ALL[at])
    }

    /// Returns the key of the row that Enter opens, and where it leads: the
    /// selected row, or the first one.
    fn openable(&self) -> Option<(String, Opening)> {
        let rows = self.rows();
        let row = rows.get(self.position().unwrap_or(0))?;
        Some((row.key.clone(), row.opening.clone()?))
    }

    /// Returns whether Enter opens something.
    pub(in super::super) fn opens(&self) -> bool {
        self.openable().is_some()
    }

    fn open(&mut self) -> Effect {
        let Some((key, opening)) = self.openable() else { return Effect::NONE };
        let step = Step {
            tab: self.tab,
            scope: self.scope.clone(),
            title: self.title.clone(),
            selected: Some(key),
            filter: self.filter.clone(),
        };
        self.steps.push(step);
        let Opening { tab, scope, title } = opening;
        self.title = title;
        self.go(tab, scope)
    }

    fn back(&mut self) -> Effect {
        if !self.filter.is_empty() {
            self.filter.clear();
            return Effect::ASK;
        }
        let Some(step) = self.steps.pop() else { return Effect::NONE };
        let effect = self.go(step.tab, step.scope);
        self.title = step.title;
        self.selected = step.selected;
        self.filter = step.filter;
        effect
    }

    fn type_filter(&mut self, input: Input) -> Effect {
        let had = self.filter.is_empty();
        match input {
            Input::Key(key) => self.filter.push(key),
            Input::Backspace => {
                self.filter.pop();
            }
            Input::Enter => self.is_typing = false,
            Input::Escape => {
                self.is_typing = false;
                self.filter.clear();
            }
            Input::Up | Input::Down => {
                self.is_typing = false;
                return self.input(input);
            }
            _ => return Effect::NONE,
        }
        self.offset = 0;
        match had == self.filter.is_empty() {
            true => Effect::DRAW,
            false => Effect::ASK,
        }
    }

    fn click(&mut self, column: u16, row: u16) -> Effect {
        let is_at = |y: u16, first: u16, last: u16| {
            row == y && (first..=last).contains(&column)
        };
        let mut tabs = self.places.tabs.iter();
        if let Some((tab, ..)) = tabs.find(|(_, y, a, b)| is_at(*y, *a, *b)) {
            return self.show(*tab);
        }
        let mut heads = self.places.heads.iter();
        if let Some((sort, ..)) = heads.find(|(_, y, a, b)| is_at(*y, *a, *b)) {
            return self.order(*sort, self.direction);
        }
        let (first, count) = self.places.rows;
        if row < first || row >= first.saturating_add(count) {
            return Effect::NONE;
        }
        let at = self.offset + usize::from(row - first);
        let keys = self.rows();
        let Some(row) = keys.get(at) else { return Effect::NONE };
        // A second click opens the row.
        if self.selected.as_ref() == Some(&row.key) {
            return self.open();
        }
        self.selected = Some(row.key.clone());
        Effect::DRAW
    }

    /// Moves the selection.
    fn select(&mut self, to: impl Fn(usize, usize) -> usize) -> Effect {
        let page = usize::from(self.places.rows.1).max(1);
        let rows = self.rows();
        let Some(last) = rows.len().checked_sub(1) else {
            return Effect::NONE;
        };
        let at = match self.position() {
            Some(at) => to(at, page),
            // The first step selects the first row.
            None => to(0, page).saturating_sub(1),
        };
        self.selected = rows.get(at.min(last)).map(|row| row.key.clone());
        Effect::DRAW
    }
}
