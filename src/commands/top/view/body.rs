//! The table.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::{Paragraph, Widget as _, Wrap};

use super::head::levels;
use super::layout::{Placed, Subject, columns};
use super::{Canvas, Theme};
use crate::commands::top::hosts::PROGRAM;
use crate::commands::top::state::{Places, State};
use crate::commands::top::table::{Column, Direction, Row, Sort, Tab};
use crate::commands::top::units::{self, lossy};

/// The rows that are shown, and the scale of their bars.
struct Shown {
    /// The labels of each row.
    rows: Vec<(Row, Vec<String>)>,
    selected: Option<usize>,
    largest: f64,
    columns: Vec<Placed>,
}

/// Draws the table between two rows of the screen.
pub(super) fn table(
    canvas: &mut Canvas<'_>,
    state: &mut State,
    top: u16,
    bottom: u16,
    places: &mut Places,
) {
    let area = canvas.area;
    let height = bottom.saturating_sub(top + 1);
    scroll(state, height.into());
    let shown = shown(state, area.width, height.into());
    titles(canvas, state, &shown.columns, top, places);
    places.rows = (top + 1, height);
    for (at, (row, labels)) in shown.rows.iter().enumerate() {
        let Ok(at_row) = u16::try_from(at) else { break };
        let y = top + 1 + at_row;
        for column in &shown.columns {
            cell(canvas, state, column, (row, labels), y, shown.largest);
        }
        if shown.selected == Some(at) {
            let line = Rect::new(area.x, y, area.width, 1);
            canvas.buffer.set_style(line, Theme::selected());
            // Reversed blocks would be holes.
            for column in shown.columns.iter().filter(|it| it.has_blocks()) {
                let x = area.x + column.x;
                let blocks = Rect::new(x, y, column.width, 1);
                let style = Style::new().not_reversed();
                canvas.buffer.set_style(blocks.intersection(area), style);
            }
        }
    }
    if shown.rows.is_empty() {
        let text = canvas.theme.plain(&nothing(state));
        let place = Rect::new(
            area.x + 2,
            top + 2,
            area.width.saturating_sub(4),
            height.saturating_sub(1),
        );
        Paragraph::new(text)
            .style(Theme::faint())
            .wrap(Wrap { trim: true })
            .render(place.intersection(area), canvas.buffer);
    }
}

/// Returns the reason why there is no row.
fn nothing(state: &State) -> String {
    if state.answered.is_none() {
        return match state.silence {
            Some(_) => String::new(),
            None => "waiting for the exporter".into(),
        };
    }
    if !state.table.refusal.is_empty() {
        return state.table.refusal.clone();
    }
    match state.filter.is_empty() {
        true => "no traffic yet".into(),
        false => format!("no row has {:?} in it", state.filter),
    }
}

/// Keeps the selected row on the screen, and the last page full.
fn scroll(state: &mut State, height: usize) {
    let count = state.rows().len();
    let mut offset = state.offset.min(count.saturating_sub(height));
    if let Some(at) = state.position() {
        offset = offset.min(at).max((at + 1).saturating_sub(height));
    }
    state.offset = offset;
}

fn shown(state: &State, width: u16, height: usize) -> Shown {
    let all = state.rows();
    let measure = |row: &&Row| scale(state, row);
    // The rest, which is no row, may be more than all rows. Measured by it, the
    // bars of the rows would be dots.
    let rows = || all.iter().filter(|row| !row.is_rest);
    let largest = rows().map(measure).fold(0.0, f64::max);
    let position = state.position();
    let selected = position.and_then(|at| at.checked_sub(state.offset));
    let rows: Vec<_> = all
        .into_iter()
        .skip(state.offset)
        .take(height)
        .map(|row| (row.clone(), labels(state, row)))
        .collect();
    let needs = needs(state, &rows);
    let columns = columns(width, state.tab, state.direction, &needs);
    Shown { rows, selected, largest, columns }
}

/// Returns the widths of the labels: zero for a column without any cell. All
/// rows of the table decide on that, so that columns stay while it scrolls.
fn needs(state: &State, shown: &[(Row, Vec<String>)]) -> Vec<u16> {
    let has_cell = |at: usize, row: &Row| {
        let is_program = state.tab == Tab::Hosts && at == PROGRAM;
        match row.address {
            Some(address) if is_program => {
                state.programs.contains_key(&address)
            }
            _ => row.labels.get(at).is_some_and(|it| !it.is_empty()),
        }
    };
    let all = &state.table.rows;
    let titles = state.tab.columns().iter().enumerate();
    let need = |(at, column): (usize, &Column)| {
        if !all.is_empty() && !all.iter().any(|row| has_cell(at, row)) {
            return 0;
        }
        let cells = shown.iter().filter_map(|(_, labels)| labels.get(at));
        let widths = cells.map(|it| Span::raw(it.as_str()).width());
        let most = widths.max().unwrap_or(0).max(column.title.len());
        u16::try_from(most).unwrap_or(u16::MAX).min(60)
    };
    titles.map(need).collect()
}

/// Returns the number that the bar shows.
fn scale(state: &State, row: &Row) -> f64 {
    match state.sort {
        Sort::Total => lossy(state.direction.total(&row.bytes)),
        _ => state.direction.rate(&row.bytes).unwrap_or(0.0),
    }
}

/// Returns the labels of a row, with the name and the program of a host.
fn labels(state: &State, row: &Row) -> Vec<String> {
    let mut labels = row.labels.clone();
    if state.tab != Tab::Hosts {
        return labels;
    }
    let Some(address) = row.address else { return labels };
    let name = state.names.get(&address).and_then(Option::as_ref);
    if let (true, Some(name), Some(first)) =
        (state.resolves, name, labels.first_mut())
    {
        first.clone_from(name);
    }
    let program = state.programs.get(&address);
    if let (Some(program), Some(cell)) = (program, labels.get_mut(PROGRAM)) {
        cell.clone_from(program);
    }
    labels
}

fn titles(
    canvas: &mut Canvas<'_>,
    state: &State,
    columns: &[Placed],
    y: u16,
    places: &mut Places,
) {
    let x0 = canvas.area.x;
    for column in columns {
        let (text, sort, is_number) = match column.subject {
            Subject::Label(at) => {
                let label = state.tab.columns()[at];
                let sort = (at == 0).then_some(Sort::Name);
                (label.title.to_owned(), sort, label.is_number)
            }
            Subject::Rate(it) => {
                (format!("{}/s", heading(it)), Some(Sort::Rate), true)
            }
            Subject::Total(it) => (heading(it).into(), Some(Sort::Total), true),
            Subject::Bar => (String::new(), None, false),
            Subject::Trend => (trend_title(state, column.width), None, true),
        };
        let x = x0 + column.x;
        let is_sorted = sort == Some(state.sort);
        let style = if is_sorted { Theme::bold() } else { Theme::faint() };
        let style = style.add_modifier(ratatui::style::Modifier::UNDERLINED);
        match is_number {
            true => canvas.right((x, y), column.width, &text, style),
            false => {
                canvas.text((x, y), column.width, &text, style);
            }
        }
        if let Some(sort) = sort {
            let end = x.saturating_add(column.width.saturating_sub(1));
            places.heads.push((sort, y, x, end));
        }
    }
}

fn heading(direction: Direction) -> &'static str {
    match direction {
        Direction::Both => "BOTH",
        Direction::Received => "RECEIVED",
        Direction::Sent => "SENT",
    }
}

fn trend_title(state: &State, width: u16) -> String {
    let (_, seconds) = state.trends.whole.cells(width, |_| 0.0);
    format!("LAST {}", units::span(seconds).to_uppercase())
}

fn cell(
    canvas: &mut Canvas<'_>,
    state: &State,
    column: &Placed,
    (row, labels): (&Row, &[String]),
    y: u16,
    largest: f64,
) {
    let at = (canvas.area.x + column.x, y);
    let style = if row.is_rest { Theme::faint() } else { Style::new() };
    let width = column.width;
    match column.subject {
        Subject::Label(index) => {
            let text = labels.get(index).map_or("", String::as_str);
            match state.tab.columns()[index].is_number {
                true => canvas.right(at, width, text, style),
                false => {
                    canvas.text(at, width, text, style);
                }
            }
        }
        Subject::Rate(direction) => {
            let text = units::rate(direction.rate(&row.bytes), state.unit);
            canvas.right(at, width, &text, style);
        }
        Subject::Total(direction) => {
            let text = units::bytes(direction.total(&row.bytes));
            canvas.right(at, width, &text, style);
        }
        Subject::Bar => bar(canvas, state, row, at, width, largest),
        Subject::Trend => {
            let Some(trend) = state.trends.row(&row.key) else { return };
            let direction = state.direction;
            let (points, _) = trend.cells(width, |point| match direction {
                Direction::Both => point.received + point.sent,
                Direction::Received => point.received,
                Direction::Sent => point.sent,
            });
            let text = levels(canvas.theme, points);
            canvas.right(at, width, &text, Theme::faint());
        }
    }
}

/// A bar with a part for each direction.
fn bar(
    canvas: &mut Canvas<'_>,
    state: &State,
    row: &Row,
    (x, y): (u16, u16),
    width: u16,
    largest: f64,
) {
    let theme = canvas.theme;
    let part = |direction: Direction| match state.sort {
        Sort::Total => lossy(direction.total(&row.bytes)),
        _ => direction.rate(&row.bytes).unwrap_or(0.0),
    };
    let both = scale(state, row);
    if both <= 0.0 || largest <= 0.0 {
        return;
    }
    let cells = units::cells(both / largest, width);
    if cells == 0 {
        // A row with traffic has the smallest bar.
        let least = theme.least();
        canvas.text((x, y), 1, least, Theme::faint());
        return;
    }
    let received = match state.direction {
        Direction::Both => part(Direction::Received),
        Direction::Received => both,
        Direction::Sent => 0.0,
    };
    let first = units::cells(received / both, cells);
    let [one, other] = theme.parts();
    let text = |glyph: char, count: u16| glyph.to_string().repeat(count.into());
    let end = canvas.text((x, y), first, &text(one, first), theme.received());
    let rest = cells - first;
    canvas.text((end, y), rest, &text(other, rest), theme.sent());
}
