//! The columns of a table: which ones a width has room for, and where.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::commands::top::table::{Direction, Tab};
use crate::commands::top::units::{BYTES_WIDTH, RATE_WIDTH};

/// The width of a bar at least and at most.
const BAR: (u16, u16) = (8, 40);

/// The width of a sparkline at least and at most.
const TREND: (u16, u16) = (20, 60);

/// The subject of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A label, by its place in [`Tab::columns`].
    Label(usize),
    /// The rate of a direction.
    Rate(Direction),
    /// The total of a direction.
    Total(Direction),
    /// The share as a bar.
    Bar,
    /// The last minutes.
    Trend,
}

/// A column at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) subject: Subject,
    pub(super) x: u16,
    pub(super) width: u16,
}

impl Placed {
    /// Returns whether the cells are blocks, and no text.
    pub(super) fn has_blocks(&self) -> bool {
        matches!(self.subject, Subject::Bar | Subject::Trend)
    }
}

/// The columns that were chosen so far. Each but the first has a blank before
/// it.
struct Chosen {
    columns: Vec<(Subject, u16)>,
    left: u16,
}

impl Chosen {
    /// Adds columns, if there is room for all of them.
    fn add(&mut self, columns: &[(Subject, u16)]) -> bool {
        let width: u16 = columns.iter().map(|(_, width)| width + 1).sum();
        let fits = width <= self.left;
        if fits {
            self.columns.extend_from_slice(columns);
            self.left -= width;
        }
        fits
    }

    /// Gives a column more of the room that is left.
    fn widen(&mut self, subject: Subject, most: u16) {
        let mut columns = self.columns.iter_mut();
        let Some((_, width)) = columns.find(|(it, _)| *it == subject) else {
            return;
        };
        let more = most.saturating_sub(*width).min(self.left);
        *width += more;
        self.left -= more;
    }
}

/// Returns the labels that a tab shows before its totals.
fn essential(tab: Tab) -> usize {
    match tab {
        Tab::Hosts => 4,
        Tab::Connections => 7,
        _ => 2,
    }
}

/// Returns the columns for a width, from left to right. `needs` are the widths
/// of the labels; zero for a column without any cell, which is left out unless
/// it is the first.
pub(super) fn columns(
    width: u16,
    tab: Tab,
    direction: Direction,
    needs: &[u16],
) -> Vec<Placed> {
    let labels = tab.columns();
    let need = |at: usize| needs.get(at).copied().unwrap_or(0);
    let directions: &[Direction] = match direction {
        Direction::Both => &[Direction::Received, Direction::Sent],
        ref one => std::slice::from_ref(one),
    };
    // The first column has no blank before it.
    let mut chosen = Chosen { columns: Vec::new(), left: width + 1 };
    let rates: Vec<_> = directions
        .iter()
        .map(|one| (Subject::Rate(*one), RATE_WIDTH))
        .collect();
    let fits = chosen.left >= 10 + 13 * u16::try_from(rates.len()).unwrap_or(2);
    match fits {
        true => chosen.add(&rates),
        false => chosen.add(&[(Subject::Rate(direction), RATE_WIDTH)]),
    };
    let first = need(0).max(8).min(chosen.left.saturating_sub(1));
    chosen.add(&[(Subject::Label(0), first)]);
    let label =
        |at: usize| (Subject::Label(at), need(at).min(labels[at].width.max(6)));
    let (most, all) = (essential(tab).min(labels.len()), labels.len());
    let has_cells = |at: &usize| need(*at) > 0;
    for at in (1..most).filter(has_cells) {
        chosen.add(&[label(at)]);
    }
    let totals: Vec<_> = directions
        .iter()
        .map(|one| (Subject::Total(*one), BYTES_WIDTH))
        .collect();
    if !chosen.add(&totals) {
        chosen.add(&[(Subject::Total(direction), BYTES_WIDTH)]);
    }
    chosen.add(&[(Subject::Bar, BAR.0)]);
    // A column that matters less takes no room from the columns before it.
    let mut others = (most..all).filter(has_cells);
    others.all(|at| chosen.add(&[label(at)]));
    chosen.add(&[(Subject::Trend, TREND.0)]);
    for at in 0..all {
        chosen.widen(Subject::Label(at), need(at));
    }
    chosen.widen(Subject::Trend, TREND.1);
    chosen.widen(Subject::Bar, BAR.1);
    place(chosen.columns)
}

/// Puts columns in the order of the screen.
fn place(mut columns: Vec<(Subject, u16)>) -> Vec<Placed> {
    columns.sort_by_key(|(subject, _)| match subject {
        Subject::Label(at) => (0, *at),
        Subject::Rate(_) => (1, 0),
        Subject::Bar => (2, 0),
        Subject::Total(_) => (3, 0),
        Subject::Trend => (4, 0),
    });
    let mut x = 0;
    columns
        .into_iter()
        .map(|(subject, width)| {
            let placed = Placed { subject, x, width };
            x += width + 1;
            placed
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_is_outside_of_any_width() {
        for tab in Tab::ALL {
            let needs: Vec<u16> =
                tab.columns().iter().map(|it| it.width + 9).collect();
            for direction in
                [Direction::Both, Direction::Received, Direction::Sent]
            {
                for width in 24..400 {
                    let placed = columns(width, tab, direction, &needs);
                    let mut x = 0;
                    for one in &placed {
                        assert!(one.x >= x && one.width > 0, "{placed:?}");
                        x = one.x + one.width;
                    }
                    assert!(x <= width, "{width} {placed:?}");
                    let has = |it: Subject| {
                        placed.iter().any(|one| one.subject == it)
                    };
                    assert!(has(Subject::Label(0)), "{width} {placed:?}");
                    let rates =
                        |it: &&Placed| matches!(it.subject, Subject::Rate(_));
                    assert!(placed.iter().any(|it| rates(&it)));
                }
            }
        }
    }

    #[test]
    fn columns_without_cells_are_left_out_and_programs_fit_into_80_columns() {
        let labels = |width: u16, needs: &[u16]| -> Vec<usize> {
            let placed = columns(width, Tab::Hosts, Direction::Both, needs);
            let label = |it: &Placed| match it.subject {
                Subject::Label(at) => Some(at),
                _ => None,
            };
            placed.iter().filter_map(label).collect()
        };
        assert_eq!(
            labels(80, &[15, 7, 30, 12, 9, 9, 8, 8, 9, 5]),
            [0, 1, 2, 3]
        );
        assert_eq!(labels(80, &[15, 7, 30, 0, 9, 9, 8, 8, 9, 5]), [0, 1, 2]);
        assert_eq!(
            labels(300, &[15, 7, 0, 0, 9, 0, 8, 0, 9, 5]),
            [0, 1, 4, 6, 8, 9]
        );
        assert_eq!(labels(300, &[0; 10]), [0]);
    }

    #[test]
    fn a_wide_screen_has_every_column() {
        let needs = [15, 7, 15, 30, 20, 20, 8, 10, 11, 11];
        let placed = columns(300, Tab::Hosts, Direction::Both, &needs);
        assert_eq!(placed.len(), 10 + 2 + 2 + 1 + 1);
    }
}
