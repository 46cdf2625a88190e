//! Events and what the state does with them.

use super::*;
use crate::commands::top::fixture::{self, answer};

fn press(state: &mut State, inputs: &[Input]) -> Effect {
    let mut effect = Effect::NONE;
    for input in inputs {
        effect = state.handle(Event::Input(*input), 400.0);
    }
    effect
}

fn keys(state: &State) -> Vec<&str> {
    state.rows().iter().map(|row| row.key.as_str()).collect()
}

#[test]
fn a_country_opens_its_networks_and_a_network_its_hosts() {
    let mut state = fixture::state();
    press(&mut state, &[Input::Down, Input::Down, Input::Up]);
    assert_eq!(state.selected.as_deref(), Some("US"));
    let effect = press(&mut state, &[Input::Enter]);
    assert_eq!(effect, Effect::ASK);
    assert_eq!(
        state.question().path(),
        "/api/v1/hosts?limit=2000&sort=bytes_per_second&country=US"
    );
    assert!(state.rows().is_empty());
    answer(&mut state, 30..31);
    assert_eq!(state.title, "United States");
    assert!(keys(&state).contains(&"AS64500"));
    press(&mut state, &[Input::Enter]);
    assert_eq!(state.tab, Tab::Hosts);
    let path = state.question().path();
    assert!(path.contains("country=US&network=645"), "{path}");
    answer(&mut state, 31..32);
    assert_eq!(state.rows().len(), 41);
    // Hosts open nothing.
    assert_eq!(press(&mut state, &[Input::Enter]), Effect::NONE);
    press(&mut state, &[Input::Escape, Input::Escape]);
    assert_eq!((state.tab, state.steps.len()), (Tab::Countries, 0));
    assert_eq!(state.selected.as_deref(), Some("US"));
    assert_eq!(press(&mut state, &[Input::Escape]), Effect::NONE);
}

#[test]
fn the_order_and_the_filter_choose_the_rows() {
    let mut state = fixture::state();
    assert_eq!(keys(&state)[..3], ["US", "DE", "JP"]);
    press(&mut state, &[Input::Key('d')]);
    assert_eq!(keys(&state)[..3], ["US", "DE", "BR"]);
    press(&mut state, &[Input::Key('s'), Input::Key('s')]);
    assert_eq!((state.sort, keys(&state)[0]), (Sort::Name, "AU"));
    let typed: Vec<Input> = "/ÔTE".chars().map(Input::Key).collect();
    press(&mut state, &typed);
    assert_eq!(keys(&state), ["CI"]);
    press(&mut state, &[Input::Enter, Input::Key('u')]);
    assert_eq!((keys(&state).len(), state.unit), (1, Unit::Bytes));
    press(&mut state, &[Input::Escape]);
    assert!(keys(&state).len() > 9);
}

#[test]
fn a_pause_keeps_the_screen_and_the_trend_goes_on() {
    let mut state = fixture::state();
    press(&mut state, &[Input::Key(' ')]);
    let before = state.table.clone();
    answer(&mut state, 30..33);
    assert_eq!(state.table, before);
    assert_eq!(state.trends.whole.len(), 33);
    assert_eq!(press(&mut state, &[Input::Key(' ')]), Effect::ASK);
    answer(&mut state, 33..34);
    assert_ne!(state.table, before);
}

#[test]
fn an_exporter_that_is_gone_leaves_the_last_table() {
    let mut state = fixture::state();
    let table = state.table.clone();
    let silence = Event::Silence("refused".into());
    assert!(state.handle(silence, 300.0).draws);
    assert!(state.handle(Event::Tick, 301.0).draws);
    assert_eq!(state.table, table);
    answer(&mut state, 31..32);
    assert_eq!(state.silence, None);
    assert!(!state.handle(Event::Tick, 999.0).draws);
}

#[test]
fn an_answer_to_another_question_is_not_shown() {
    let mut state = fixture::state();
    let late = News {
        question: state.question(),
        summary: None,
        table: Some(fixture::countries(99)),
    };
    press(&mut state, &[Input::Key('2')]);
    state.handle(Event::Answer(Box::new(late)), 1.0);
    assert!(state.rows().is_empty());
    assert_eq!(state.question(), { fixture::question(Tab::Networks) });
    assert_eq!(state.question().path(), "/api/v1/networks?limit=300");
}

#[test]
fn a_selected_row_stays_selected_where_it_moves_to() {
    let mut state = fixture::state();
    state.places.rows = (7, 5);
    press(&mut state, &[Input::Down, Input::Down, Input::Down]);
    assert_eq!(state.selected.as_deref(), Some("JP"));
    press(&mut state, &[Input::Key('s'), Input::Key('s')]);
    assert_eq!(state.selected.as_deref(), Some("JP"));
    press(&mut state, &[Input::End]);
    assert_eq!(state.position(), Some(state.rows().len() - 1));
    press(&mut state, &[Input::PageUp, Input::Home]);
    assert_eq!(state.selected, None);
}

#[test]
fn names_and_programs_are_found_by_the_filter() {
    let mut state = fixture::hosts_of_a_network();
    let address: IpAddr = "198.51.0.3".parse().unwrap();
    let name = Event::Name(address, Some("mail.example".into()));
    state.handle(name, 1.0);
    for (word, expected) in [("/mail", "198.51.0.3"), ("/ngin", "198.51.0.2")] {
        let typed: Vec<Input> = word.chars().map(Input::Key).collect();
        press(&mut state, &typed);
        assert_eq!(keys(&state), [expected]);
        press(&mut state, &[Input::Escape]);
    }
}

#[test]
fn keys_that_quit_end_the_view_from_everywhere() {
    for first in ['?', '/', ' '] {
        let mut state = fixture::state();
        press(&mut state, &[Input::Key(first)]);
        assert!(press(&mut state, &[Input::Interrupt]).ends);
    }
    let mut state = fixture::state();
    assert!(press(&mut state, &[Input::Key('q')]).ends);
    // A text with a q in it is a filter.
    press(&mut state, &[Input::Key('/')]);
    assert!(!press(&mut state, &[Input::Key('q')]).ends);
}
