//! The help screen.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Canvas, Theme};

/// The keys, for this screen and the documents.
pub const KEYS: [(&str, &str); 14] = [
    ("1 to 7, Tab", "show another table"),
    ("Arrows, Home", "select a row; also j, k, g, G, End and page keys"),
    ("Enter, Right", "open the row: country, its networks, their hosts"),
    ("Esc, Left", "go back, or clear the filter; also Backspace"),
    ("/", "show rows with a text in them only"),
    ("s", "sort by rate, total or name"),
    ("d", "show received and sent, received, or sent traffic"),
    ("u", "show rates in bits or bytes"),
    ("r", "look up the names of hosts, or stop it"),
    ("Space, p", "pause, or go on"),
    ("m", "switch the mouse off, to select text, or on"),
    ("Mouse", "click a tab, a head of a column or a row; scroll"),
    ("?, h", "show this help"),
    ("q, Ctrl-C", "quit; Ctrl-Z stops, Ctrl-L draws anew"),
];

/// Draws the help over the screen.
pub(super) fn draw(canvas: &mut Canvas<'_>) {
    let area = canvas.area;
    for y in area.top()..area.bottom() {
        let blank = " ".repeat(area.width.into());
        let style = Style::reset();
        canvas.buffer.set_stringn(area.x, y, blank, area.width.into(), style);
    }
    canvas.buffer.set_style(area, Style::reset());
    let (left, mut y) = (area.x + 2, area.y);
    let width = area.width.saturating_sub(3);
    let name = "Keys of geoip-exporter top";
    canvas.text((left, y), width, name, Theme::bold());
    y += if area.height > 20 { 2 } else { 1 };
    let keys = 15;
    for (key, meaning) in KEYS {
        if y >= area.bottom() {
            break;
        }
        let end = canvas.text((left, y), keys, key, Theme::bold());
        let x = (left + keys + 1).max(end + 1);
        let room = area.right().saturating_sub(x);
        canvas.text((x, y), room, meaning, Style::new());
        y += 1;
    }
    let foot = "Any key closes this help.";
    let last = area.bottom().saturating_sub(1);
    if y < last {
        let line = Rect::new(left, last, width, 1);
        canvas.text((line.x, line.y), line.width, foot, Theme::faint());
    }
}
