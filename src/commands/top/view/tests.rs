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

/// Returns the last line of a screen.
fn foot(state: &mut State, width: u16, height: u16) -> String {
    let shown = text(&drawn(state, FULL, width, height));
    shown.lines().last().unwrap().to_owned()
}

#[test]
fn a_table_that_is_longer_than_the_screen_shows_the_place_in_it() {
    let mut state = fixture::hosts_of_a_network();
    assert!(foot(&mut state, 80, 24).ends_with("  1–16 of 41"));
    state.handle(Event::Input(Input::PageDown), 600.0);
    state.handle(Event::Input(Input::PageDown), 600.0);
    assert!(foot(&mut state, 80, 24).ends_with("  17–32 of 41"));
    state.handle(Event::Input(Input::End), 600.0);
    for (width, height, expected) in
        [(80, 24, "  26–41 of 41"), (40, 12, "  36–41 of 41")]
    {
        let line = foot(&mut state, width, height);
        assert!(line.ends_with(expected), "{line}");
        assert!(line.starts_with("? help  q quit"), "{line}");
    }
    let ascii = text(&drawn(&mut state, ASCII, 80, 24));
    assert!(ascii.contains("  26-41 of 41\n"), "{ascii}");
    // The rows that a filter leaves are counted.
    for key in "/2001".chars() {
        state.handle(Event::Input(Input::Key(key)), 600.0);
    }
    assert!(foot(&mut state, 80, 12).ends_with("  1–6 of 14"));
    // All of them are on the screen.
    assert!(!foot(&mut state, 80, 40).contains(" of "));
}

#[test]
fn the_key_that_opens_a_row_is_shown_where_a_row_opens() {
    let mut state = fixture::state();
    for width in [80, 300] {
        assert!(foot(&mut state, width, 24).contains("Enter open"));
    }
    // The last row is traffic of no country.
    state.handle(Event::Input(Input::End), 300.0);
    assert!(!foot(&mut state, 300, 24).contains("Enter"));
    let mut state = fixture::hosts_of_a_network();
    assert!(!foot(&mut state, 300, 24).contains("Enter"));
    assert!(!foot(&mut State::default(), 300, 24).contains("Enter"));
    // No key is cut within its word.
    for width in 24..120 {
        let line = foot(&mut fixture::state(), width, 24);
        let keys = "? help  q quit  / filter  s by rate  d both  Enter open  \
                    Space pause  u unit";
        let is_whole = keys[line.len()..].starts_with("  ");
        assert!(line == keys || is_whole, "{width}: {line}");
    }
}

#[test]
fn wide_and_combining_signs_leave_the_columns_where_they_are() {
    let with = |name: &str| {
        let mut state = fixture::state();
        for row in &mut state.table.rows {
            row.labels[1] = name.repeat(60);
        }
        state
    };
    // The cells of the head and the rows, from the column of rates on.
    let cells = |name: &str, width: u16| -> Vec<String> {
        let buffer = drawn(&mut with(name), FULL, width, 24);
        let shown = text(&buffer);
        let head = shown.lines().nth(6).and_then(|it| it.find("RECEIVED/s"));
        let from = u16::try_from(head.unwrap() - 2).unwrap();
        let symbol = |x, y| buffer[(x, y)].symbol().to_owned();
        let line = |y| (from - 1..width).map(|x| symbol(x, y)).collect();
        (6..17).map(line).collect()
    };
    for width in 70..130 {
        let plain = cells("a", width);
        for name in ["東", "a東", "e\u{301}", "ｱ", "👨‍👩‍👧", "🇩🇪", "ก็"]
        {
            assert_eq!(cells(name, width), plain, "{name} {width}");
        }
    }
}

/// Terminals put the parts of some signs into the cells behind them. A later
/// text must cover those.
#[test]
fn a_text_covers_every_cell_of_a_wide_sign_before_it() {
    let with = |name: &str| {
        let mut state = fixture::state();
        state.table.rows[0].labels[1] = name.into();
        drawn(&mut state, FULL, 80, 24)
    };
    for (before, after) in [("गणराज्य", "a"), ("東京", "abc"), ("東京", "")]
    {
        let (before, after) = (with(before), with(after));
        let covered: Vec<_> =
            before.diff(&after).into_iter().map(|(x, y, _)| (x, y)).collect();
        let end = |x: u16| Span::raw(before[(x, 7)].symbol()).width() > 1;
        let behind: Vec<u16> = (9..40).filter(|x| end(*x)).collect();
        assert!(!behind.is_empty());
        for x in behind {
            assert!(covered.contains(&(x + 1, 7)), "{x} {covered:?}");
        }
    }
}

#[test]
fn a_country_without_a_name_is_shown_by_its_code() {
    let mut state = fixture::state();
    let page = crate::api::Countries {
        countries: ["DE", "UNKNOWN"]
            .map(|code| crate::api::Country {
                country: code.into(),
                ..crate::api::Country::default()
            })
            .to_vec(),
        ..crate::api::Countries::default()
    };
    state.table = crate::commands::top::page::countries(page, true);
    let shown = text(&drawn(&mut state, FULL, 80, 24));
    let rows: Vec<&str> = shown.lines().skip(6).take(3).collect();
    assert!(rows[0].starts_with("COUNTRY  "), "{shown}");
    assert!(!rows[0].contains("NAME"), "{shown}");
    assert!(rows[1].starts_with("DE  "), "{shown}");
    assert!(rows[2].starts_with("UNKNOWN  "), "{shown}");
    // The line of steps too.
    state.handle(Event::Input(Input::Enter), 300.0);
    let shown = text(&drawn(&mut state, FULL, 80, 24));
    assert!(shown.contains(" countries › DE › networks "), "{shown}");
}
