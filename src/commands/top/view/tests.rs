//! Screens, compared with those in `screens/`: `WRITE_GOLDEN=1` writes them
//! anew, for somebody to look at.

use std::path::Path;

use ratatui::style::Modifier;

use super::*;
use crate::commands::top::fixture;
use crate::commands::top::state::{Event, Input};
use crate::commands::top::table::{Sort, Tab};

const FULL: Theme = Theme { has_colour: true, has_blocks: true };
const MONO: Theme = Theme { has_colour: false, has_blocks: true };
const ASCII: Theme = Theme { has_colour: false, has_blocks: false };

fn drawn(state: &mut State, theme: Theme, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(state, theme, area, &mut buffer);
    buffer
}

/// Returns the text of a screen. The second cell of a wide sign is not in it.
fn text(buffer: &Buffer) -> String {
    let mut lines = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(Span::raw(symbol).width()).unwrap().max(1);
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

fn compare(name: &str, state: &mut State, theme: Theme, size: (u16, u16)) {
    let found = text(&drawn(state, theme, size.0, size.1));
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/commands/top/view/screens")
        .join(format!("{name}.txt"));
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{name}:\n{found}\nnot:\n{expected}");
}

#[test]
fn screens_are_as_in_the_golden_files() {
    let mut state = fixture::state();
    compare("countries-80x24", &mut state, FULL, (80, 24));
    compare("countries-80x24-mono", &mut state, MONO, (80, 24));
    compare("countries-80x24-ascii", &mut state, ASCII, (80, 24));
    compare("countries-40x12", &mut state, FULL, (40, 12));
    compare("countries-300x20", &mut state, FULL, (300, 20));
    let mut hosts = fixture::hosts_of_a_network();
    compare("hosts-80x24", &mut hosts, FULL, (80, 24));
    compare("hosts-160x20", &mut hosts, FULL, (160, 20));
    compare("hosts-300x20", &mut hosts, FULL, (300, 20));
    compare("hosts-40x12", &mut hosts, FULL, (40, 12));
    state.shows_help = true;
    compare("help-80x24", &mut state, FULL, (80, 24));
    compare("help-40x24", &mut state, FULL, (40, 24));
}

#[test]
fn screens_of_the_states_of_the_view_are_as_in_the_golden_files() {
    let mut state = State::default();
    compare("waiting-80x24", &mut state, FULL, (80, 24));
    let mut state = fixture::state();
    let fault = "cannot reach geoip-exporter at http://127.0.0.1:9100: \
                 Connection refused (os error 111)";
    state.handle(Event::Silence(fault.into()), 302.0);
    compare("silence-80x24", &mut state, FULL, (80, 24));
    let mut state = fixture::state();
    for key in ['d', ' ', '/', 'n', 'i'] {
        state.handle(Event::Input(Input::Key(key)), 300.0);
    }
    compare("filter-80x24", &mut state, FULL, (80, 24));
    let mut state = fixture::state();
    state.summary.as_mut().unwrap().interfaces = 0;
    state.table.note = "300 of 1454 hosts".into();
    compare("warning-80x24", &mut state, FULL, (80, 24));
    let mut state = fixture::state();
    for key in ['s', 'u', 'j', 'j'] {
        state.handle(Event::Input(Input::Key(key)), 300.0);
    }
    assert_eq!(state.sort, Sort::Total);
    compare("totals-100x24", &mut state, FULL, (100, 24));
    state.table.rows.clear();
    state.table.refusal =
        "networks are off: networks = true in the configuration turns them on, \
         and asn_db names the database".into();
    compare("off-80x24", &mut state, FULL, (80, 24));
}

#[test]
fn no_size_of_a_screen_is_refused() {
    for mut state in
        [State::default(), fixture::state(), fixture::hosts_of_a_network()]
    {
        for width in (1..140).step_by(3) {
            for height in (1..30).step_by(2) {
                drawn(&mut state, FULL, width, height);
            }
        }
        state.shows_help = true;
        drawn(&mut state, FULL, 1, 1);
    }
}

#[test]
fn a_screen_without_colour_has_none() {
    let mut state = fixture::state();
    state.handle(Event::Input(Input::Down), 300.0);
    let is_coloured = |theme: Theme, state: &mut State| {
        let buffer = drawn(state, theme, 80, 24);
        let reset = ratatui::style::Color::Reset;
        buffer.content().iter().any(|it| it.fg != reset || it.bg != reset)
    };
    assert!(is_coloured(FULL, &mut state));
    assert!(!is_coloured(MONO, &mut state));
    assert!(!is_coloured(ASCII, &mut state));
    // The selected row can be told without colours.
    let buffer = drawn(&mut state, MONO, 80, 24);
    let is_marked =
        |y: u16| buffer[(0, y)].modifier.contains(Modifier::REVERSED);
    let marked = (6..23).filter(|y| is_marked(*y)).count();
    assert_eq!(marked, 1, "{}", text(&buffer));
    let ascii = text(&drawn(&mut state, ASCII, 120, 30));
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn every_tab_can_be_clicked_at_any_width() {
    for width in [80, 120, 300] {
        for tab in Tab::ALL {
            let mut state = fixture::state();
            drawn(&mut state, FULL, width, 24);
            let places = state.places.tabs.clone();
            let place = places.iter().find(|(it, ..)| *it == tab);
            let (_, y, first, _) = *place.unwrap();
            let click = Input::Click(first, y);
            let effect = state.handle(Event::Input(click), 1.0);
            assert!(effect.asks);
            assert_eq!(state.tab, tab);
        }
    }
}

#[test]
fn traffic_of_no_row_does_not_make_the_bars_of_rows_short() {
    let bars = |state: &mut State| -> usize {
        let shown = text(&drawn(state, FULL, 120, 24));
        let mut lines = shown.lines().skip_while(|it| !it.starts_with("HOST"));
        lines.nth(1).unwrap().matches('█').count()
    };
    let mut state = fixture::hosts_of_a_network();
    let before = bars(&mut state);
    assert!(before > 4, "{before}");
    for row in state.table.rows.iter_mut().filter(|row| row.is_rest) {
        row.bytes.bytes_received_per_second = Some(1e12);
    }
    assert_eq!(bars(&mut state), before);
}
