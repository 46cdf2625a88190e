//! Styles and glyphs: the colours of the terminal's own theme, so that the view
//! is readable on dark and on light ground, and none where the user wants none.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use ratatui::style::{Color, Modifier, Style};

use crate::commands::plain::plain;

/// The abilities of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::top) struct Theme {
    /// Is false if `NO_COLOR` is set.
    pub(in crate::commands::top) has_colour: bool,
    /// Is false if the locale is not UTF-8.
    pub(in crate::commands::top) has_blocks: bool,
}

impl Theme {
    fn coloured(self, style: Style, colour: Color) -> Style {
        if self.has_colour { style.fg(colour) } else { style }
    }

    /// Returns the style of received traffic. Cyan and magenta are told apart
    /// on black and on white, by people who see no red or no green too.
    pub(super) fn received(self) -> Style {
        self.coloured(Style::new(), Color::Cyan)
    }

    /// Returns the style of sent traffic.
    pub(super) fn sent(self) -> Style {
        self.coloured(Style::new(), Color::Magenta)
    }

    /// Returns the style of something that needs attention.
    pub(super) fn alarm(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        self.coloured(style, Color::Red)
    }

    pub(super) fn bold() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn faint() -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn selected() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Returns the levels of a sparkline.
    pub(super) fn levels(self) -> [char; 8] {
        match self.has_blocks {
            true => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            false => ['_', '.', ':', '-', '=', '+', '*', '#'],
        }
    }

    /// Returns the glyphs of the two parts of a bar.
    pub(super) fn parts(self) -> [char; 2] {
        match (self.has_blocks, self.has_colour) {
            (true, true) => ['█', '█'],
            (true, false) => ['█', '▒'],
            (false, _) => ['#', '='],
        }
    }

    /// Returns the smallest bar.
    pub(super) fn least(self) -> &'static str {
        if self.has_blocks { "▏" } else { "." }
    }

    /// Returns the glyph of the unused part of a gauge.
    pub(super) fn unused(self) -> char {
        if self.has_blocks { '░' } else { '.' }
    }

    /// Returns the signs of received and sent traffic.
    pub(super) fn arrows(self) -> [&'static str; 2] {
        if self.has_blocks { ["▼", "▲"] } else { ["<", ">"] }
    }

    /// Returns the sign between two facts.
    pub(super) fn dot(self) -> &'static str {
        if self.has_blocks { " · " } else { " - " }
    }

    /// Returns the sign between two steps of a drill-down.
    pub(super) fn step(self) -> &'static str {
        if self.has_blocks { " › " } else { " > " }
    }

    /// Returns the sign between the first and the last one of a row of numbers.
    pub(super) fn to(self) -> &'static str {
        if self.has_blocks { "–" } else { "-" }
    }

    /// Returns the sign of a text that is cut.
    pub(super) fn cut(self) -> &'static str {
        if self.has_blocks { "…" } else { "~" }
    }

    /// Returns a text without signs that the terminal cannot show.
    pub(super) fn plain(self, text: &str) -> String {
        let is_shown = |c: char| self.has_blocks || c.is_ascii();
        plain(text).chars().map(|c| if is_shown(c) { c } else { '?' }).collect()
    }
}
