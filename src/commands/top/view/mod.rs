//! Draws the state.
//!
//! From top to bottom: the exporter, the whole machine, the quota if there is
//! one, the tabs, the table and a line of keys. Each part that a small screen
//! has no room for is left out, the table last.
//!
//! Pure: no I/O, clock, threads or logging.

mod body;
mod head;
mod help;
mod layout;
mod theme;

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::state::{Places, State};
pub use help::KEYS;
pub(super) use theme::Theme;

/// The rows of the table below which parts of the head are left out.
const LEAST_ROWS: u16 = 6;

/// A screen that is drawn.
struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: Theme,
    area: Rect,
}

impl Canvas<'_> {
    /// Writes a text into a width, cut if it has no room, and returns the
    /// column behind it.
    fn text(
        &mut self,
        (x, y): (u16, u16),
        width: u16,
        text: &str,
        style: Style,
    ) -> u16 {
        let width = width.min(self.area.right().saturating_sub(x));
        if width == 0 || y >= self.area.bottom() {
            return x;
        }
        let text = self.theme.plain(text);
        let fits = Span::raw(&text).width() <= usize::from(width);
        let most = if fits { width } else { width - 1 };
        let (mut end, _) =
            self.buffer.set_stringn(x, y, &text, most.into(), style);
        if !fits {
            let cut = self.theme.cut();
            (end, _) = self.buffer.set_stringn(end, y, cut, 1, style);
        }
        self.mark_wide(x..end, y);
        end
    }

    /// Marks the cells behind wide signs, so that a later text covers them. They
    /// are blank here, but a terminal may have put a part of the sign there, and
    /// the drawing leaves out cells that stay the same.
    fn mark_wide(&mut self, columns: Range<u16>, y: u16) {
        let mut behind = 0;
        for x in columns {
            let Some(cell) = self.buffer.cell_mut((x, y)) else { return };
            if behind > 0 {
                behind -= 1;
                cell.modifier |= Modifier::HIDDEN;
                continue;
            }
            // ASCII is narrow.
            if cell.symbol().len() > 1 {
                behind = Span::raw(cell.symbol()).width().saturating_sub(1);
            }
        }
    }

    /// Writes a text at the right end of a width.
    fn right(
        &mut self,
        (x, y): (u16, u16),
        width: u16,
        text: &str,
        style: Style,
    ) {
        let plain = self.theme.plain(text);
        let taken = u16::try_from(Span::raw(plain).width()).unwrap_or(width);
        let indent = width.saturating_sub(taken);
        self.text((x + indent, y), width - indent, text, style);
    }
}

/// Draws the state, and notes where the screen can be clicked.
pub(super) fn draw(
    state: &mut State,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut places = Places::default();
    let mut canvas = Canvas { buffer, theme, area };
    if area.height == 0 || area.width < 4 {
        return;
    }
    let parts = parts(state, area.height);
    let mut y = area.y;
    if parts.title {
        head::title(&mut canvas, state, y);
        y += 1;
    }
    if parts.whole {
        y = head::whole(&mut canvas, state, y);
    }
    if parts.quota {
        head::quota(&mut canvas, state, y);
        y += 1;
    }
    if parts.note {
        head::note(&mut canvas, state, y);
        y += 1;
    }
    if parts.tabs {
        head::tabs(&mut canvas, state, y, &mut places);
        y += 1;
    }
    let bottom = area.bottom() - u16::from(parts.foot);
    body::table(&mut canvas, state, y, bottom, &mut places);
    if parts.foot {
        head::foot(&mut canvas, state, bottom, places.rows.1);
    }
    if state.shows_help {
        help::draw(&mut canvas);
    }
    state.places = places;
}

/// The parts that a height has room for.
#[expect(clippy::struct_excessive_bools, reason = "one for each part")]
struct Parts {
    title: bool,
    whole: bool,
    quota: bool,
    note: bool,
    tabs: bool,
    foot: bool,
}

fn parts(state: &State, height: u16) -> Parts {
    // The head of the table.
    let mut left = height.saturating_sub(LEAST_ROWS + 1);
    let mut take = |rows: u16, wanted: bool| {
        let fits = wanted && rows <= left;
        left -= if fits { rows } else { 0 };
        fits
    };
    let has_quota = state.summary.as_ref().is_some_and(|it| it.quota.is_some());
    let foot = take(1, true);
    let tabs = take(1, true);
    let whole = take(head::whole_height(state), true);
    let quota = take(1, has_quota);
    let title = take(1, true);
    let note = take(1, true);
    Parts { title, whole, quota, note, tabs, foot }
}

#[cfg(test)]
mod tests;
