//! The lines around the table.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Canvas, Theme};
use crate::api::Counted;
use crate::commands::top::remarks;
use crate::commands::top::state::{Places, State};
use crate::commands::top::table::{Direction, Tab};
use crate::commands::top::trend::Point;
use crate::commands::top::units::{self, BYTES_WIDTH, RATE_WIDTH};

/// The exporter, and the state of the view at the right.
pub(super) fn title(canvas: &mut Canvas<'_>, state: &State, y: u16) {
    let (area, theme) = (canvas.area, canvas.theme);
    let mut facts = Vec::new();
    if let Some(summary) = &state.summary {
        facts.extend(summary.hostname.clone());
        let time = units::span(summary.uptime_seconds);
        facts.push(match state.is_own {
            true => format!("counting by itself for {time}"),
            false => format!("up {time}"),
        });
        facts.push(match summary.counted {
            Counted::Host => "each packet once".into(),
            _ => "all interfaces".into(),
        });
    }
    let (right, style) = match (&state.silence, state.is_paused) {
        (Some(_), _) => ("NO ANSWER".to_owned(), theme.alarm()),
        (None, true) => ("PAUSED".to_owned(), theme.alarm()),
        (None, false) => {
            let interval = state.summary.as_ref().map(|summary| {
                let seconds = summary.poll_interval_seconds;
                match seconds < 1.0 {
                    true => format!("every {}", units::short_span(seconds)),
                    false => format!("every {}", units::span(seconds)),
                }
            });
            (interval.unwrap_or_default(), Theme::faint())
        }
    };
    let room = u16::try_from(right.len()).unwrap_or(0) + 2;
    canvas.right((area.x, y), area.width, &right, style);
    let width = area.width.saturating_sub(room);
    let x = canvas.text((area.x, y), width, "geoip-exporter", Theme::bold());
    if !facts.is_empty() {
        let text = format!("{}{}", theme.dot(), facts.join(theme.dot()));
        let left = (area.x + width).saturating_sub(x);
        canvas.text((x, y), left, &text, Theme::faint());
    }
}

/// Returns the rows that the whole machine takes.
pub(super) fn whole_height(state: &State) -> u16 {
    if state.direction == Direction::Both { 2 } else { 1 }
}

/// The rates, the last minutes and the totals of the whole machine. Returns the
/// row behind them.
pub(super) fn whole(canvas: &mut Canvas<'_>, state: &State, y: u16) -> u16 {
    let theme = canvas.theme;
    let Some(summary) = &state.summary else {
        return y + whole_height(state);
    };
    let bytes = &summary.whole.bytes;
    let [down, up] = theme.arrows();
    type Pick = fn(&Point) -> f64;
    let received: Pick = |point| point.received;
    let sent: Pick = |point| point.sent;
    let lines = [
        (Direction::Received, down, "received", theme.received(), received),
        (Direction::Sent, up, "sent", theme.sent(), sent),
    ];
    let mut row = y;
    for (direction, sign, name, style, pick) in lines {
        let is_shown = match direction {
            Direction::Received => state.direction.has_received(),
            _ => state.direction.has_sent(),
        };
        if !is_shown {
            continue;
        }
        let mut x = canvas.area.x;
        x = canvas.text((x, row), 2, sign, style) + 1;
        canvas.text((x, row), 9, name, Theme::bold());
        x += 9;
        let rate = units::rate(direction.rate(bytes), state.unit);
        canvas.right((x, row), RATE_WIDTH, &rate, Theme::bold());
        x += RATE_WIDTH + 2;
        let total = units::bytes(direction.total(bytes));
        let end = canvas.area.right().saturating_sub(BYTES_WIDTH);
        if end > x {
            canvas.right((end, row), BYTES_WIDTH, &total, Theme::bold());
            spark(canvas, state, (x, row), end.saturating_sub(x + 2), pick);
            let line = Rect::new(x, row, end - x, 1);
            canvas.buffer.set_style(line, style);
        }
        row += 1;
    }
    row
}

/// The last minutes of the whole machine, at the right end of a width.
fn spark(
    canvas: &mut Canvas<'_>,
    state: &State,
    (x, y): (u16, u16),
    width: u16,
    pick: fn(&Point) -> f64,
) {
    let (points, _) = state.trends.whole.cells(width, pick);
    let text = levels(canvas.theme, points);
    canvas.right((x, y), width, &text, Style::new());
}

/// Returns a sparkline whose highest level is the largest value.
pub(super) fn levels(theme: Theme, points: Vec<f64>) -> String {
    let most = points.iter().copied().fold(0.0, f64::max);
    let levels = theme.levels();
    let level = |value: f64| {
        let share = if most > 0.0 { value / most } else { 0.0 };
        levels[usize::from(units::cells(share, 7))]
    };
    points.into_iter().map(level).collect()
}

/// The quota of the month.
pub(super) fn quota(canvas: &mut Canvas<'_>, state: &State, y: u16) {
    let Some(summary) = &state.summary else { return };
    let Some(quota) = &summary.quota else { return };
    let theme = canvas.theme;
    let (used, limit) =
        (units::lossy(quota.used_bytes), units::lossy(quota.limit_bytes));
    let is_over = used > limit
        || quota.forecast_bytes.is_some_and(|it| it > quota.limit_bytes);
    let style = if is_over { theme.alarm() } else { Theme::bold() };
    let (left, width) = (canvas.area.x, canvas.area.width);
    let mut x = canvas.text((left, y), width, "quota ", Theme::bold());
    if width >= 100 {
        let cells = units::cells(used / limit, 20);
        let [part, _] = theme.parts();
        let gauge: String = (0..20)
            .map(|at| if at < cells { part } else { theme.unused() })
            .collect();
        x = canvas.text((x, y), 20, &gauge, style) + 1;
    }
    let text = remarks::quota(quota, summary.envelope.at, theme.dot());
    let room = (left + width).saturating_sub(x);
    canvas.text((x, y), room, &text, style);
}

/// The fault of the exporter, and a remark on the rows above the right end of
/// the table.
pub(super) fn note(canvas: &mut Canvas<'_>, state: &State, y: u16) {
    let (area, text) = (canvas.area, &state.table.note);
    let mut x = area.x;
    if let Some(fault) = state.summary.as_ref().and_then(remarks::warning) {
        let style = canvas.theme.alarm();
        x = canvas.text((x, y), area.width, &fault, style) + 2;
    }
    let left = area.right().saturating_sub(x);
    canvas.right((x, y), left, text, Theme::faint());
}

/// The tabs, or the steps to the table.
pub(super) fn tabs(
    canvas: &mut Canvas<'_>,
    state: &State,
    y: u16,
    places: &mut Places,
) {
    let area = canvas.area;
    if !state.steps.is_empty() {
        let first = state.steps.iter().map(|step| match &*step.title {
            "" => step.tab.name(),
            title => title,
        });
        let words: Vec<&str> =
            first.chain([state.title.as_str(), state.tab.name()]).collect();
        let text = format!(" {} ", words.join(canvas.theme.step()));
        let end =
            canvas.text((area.x, y), area.width, &text, Theme::selected());
        let left = area.right().saturating_sub(end);
        canvas.text((end + 1, y), left, "Esc: back", Theme::faint());
        return;
    }
    // Fewer blanks, then short names, where there is no room.
    let names = || Tab::ALL.iter().map(|tab| tab.name().len());
    let room = usize::from(area.width);
    let is_wide = names().map(|it| it + 4).sum::<usize>() <= room;
    let is_short =
        !is_wide && names().map(|it| it + 3).sum::<usize>() > room + 1;
    let mut x = area.x;
    for (tab, key) in Tab::ALL.into_iter().zip('1'..) {
        let is_here = tab == state.tab;
        let name = match is_short && !is_here {
            true => tab.name().get(..3).unwrap_or_default(),
            false => tab.name(),
        };
        let style = match (is_here, is_on(state, tab)) {
            (true, _) => Theme::selected(),
            (_, true) => Style::new(),
            (_, false) => Theme::faint(),
        };
        let left = area.right().saturating_sub(x);
        let text = match (is_wide, is_short) {
            (true, _) => format!(" {key} {name} "),
            (_, true) => format!("{key}{name}"),
            _ => format!("{key} {name}"),
        };
        let end = canvas.text((x, y), left, &text, style);
        if end > x {
            places.tabs.push((tab, y, x, end - 1));
        }
        x = end + u16::from(!is_wide);
    }
}

/// Returns whether the exporter counts the subject of a tab.
fn is_on(state: &State, tab: Tab) -> bool {
    let Some(summary) = &state.summary else { return true };
    match tab {
        Tab::Countries | Tab::Interfaces => true,
        Tab::Networks => summary.slices.networks,
        Tab::Services => summary.slices.services,
        Tab::Ranges => summary.slices.ranges,
        Tab::Hosts => summary.slices.remote_hosts,
        Tab::Connections => summary.slices.connections,
    }
}

/// The last line: the filter, a fault, or the keys; at its right end the place
/// in the table.
pub(super) fn foot(canvas: &mut Canvas<'_>, state: &State, y: u16, rows: u16) {
    let theme = canvas.theme;
    let (x, mut width) = (canvas.area.x, canvas.area.width);
    // The reason for a silence is worth the whole line.
    if let (Some(reason), false) = (&state.silence, state.is_typing) {
        let text = match state.heard {
            Some(heard) => format!(
                "no answer for {}: {reason}",
                units::span(state.now - heard)
            ),
            None => format!("no answer yet: {reason}"),
        };
        canvas.text((x, y), width, &text, theme.alarm());
        return;
    }
    if let Some(place) = place(state, rows.into(), theme) {
        canvas.right((x, y), width, &place, Theme::bold());
        let taken = u16::try_from(place.chars().count()).unwrap_or(width);
        width = width.saturating_sub(taken + 2);
    }
    let left = |end: u16| (x + width).saturating_sub(end);
    if state.is_typing {
        let text = format!("/{}_", state.filter);
        let end = canvas.text((x, y), width, &text, Theme::bold());
        let keys = "   Enter: keep, Esc: clear";
        canvas.text((end, y), left(end), keys, Theme::faint());
        return;
    }
    let mut text = String::new();
    if !state.filter.is_empty() {
        text = format!("filter: {} (Esc: clear)  ", state.filter);
    }
    let end = canvas.text((x, y), width, &text, Theme::bold());
    let keys = keys(state, left(end).into());
    canvas.text((end, y), left(end), &keys, Theme::faint());
}

/// Returns the keys that a width has room for.
fn keys(state: &State, width: usize) -> String {
    let by = format!("s by {}", state.sort.name());
    let direction = format!("d {}", state.direction.name());
    let open = if state.opens() { "Enter open" } else { "" };
    let all = [
        "? help",
        "q quit",
        "/ filter",
        &by,
        &direction,
        open,
        "Space pause",
        "u unit",
    ];
    let mut text = String::new();
    for key in all.into_iter().filter(|key| !key.is_empty()) {
        let gap = if text.is_empty() { "" } else { "  " };
        if text.len() + gap.len() + key.len() > width {
            break;
        }
        text += gap;
        text += key;
    }
    text
}

/// Returns the numbers of the rows on the screen, if there are others.
fn place(state: &State, height: usize, theme: Theme) -> Option<String> {
    let all = state.rows().len();
    let last = (state.offset + height).min(all);
    let first = state.offset + 1;
    (height > 0 && height < all)
        .then(|| format!("{first}{}{last} of {all}", theme.to()))
}
