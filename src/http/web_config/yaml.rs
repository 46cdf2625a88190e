//! Reads YAML as far as a configuration needs it, and keeps the lines.
//!
//! Anchors, aliases and tags are refused: with them a small file can become a
//! large one, or mean something else than it shows.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::Fault;

/// Nothing in the format is nested deeper.
const DEEPEST: usize = 8;

/// A value, and the line it begins in, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// The kind of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// Without quotes `true` is no text.
    Scalar {
        text: String,
        is_quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, its line, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) node: Node,
}

/// A list or map that has not ended.
enum Open {
    List(Vec<Node>),
    /// With the key that waits for its value.
    Map(Vec<Entry>, Option<(String, usize)>),
}

/// Returns the value of a text. An empty one has none.
///
/// # Errors
/// If something is wrong: the first fault.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let mut open: Vec<(usize, Open)> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| scan_fault(&error))?;
        let line = span.start.line();
        let anchored = |anchor: usize| anchor != 0;
        let node = match event {
            Event::Alias(_) => return Err(special(line)),
            Event::Scalar(_, _, anchor, ref tag)
            | Event::SequenceStart(anchor, ref tag)
            | Event::MappingStart(anchor, ref tag)
                if anchored(anchor) || tag.is_some() =>
            {
                return Err(special(line));
            }
            Event::SequenceStart(..) => {
                open.push((line, Open::List(Vec::new())));
                None
            }
            Event::MappingStart(..) => {
                open.push((line, Open::Map(Vec::new(), None)));
                None
            }
            Event::Scalar(text, style, ..) => {
                let is_quoted = style != ScalarStyle::Plain;
                let is_null = matches!(&*text, "" | "~" | "null" | "Null");
                let value = match is_null && !is_quoted {
                    true => Value::Null,
                    false => {
                        Value::Scalar { text: text.into_owned(), is_quoted }
                    }
                };
                Some(Node { line, value })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop().map(|(line, open)| {
                    let value = match open {
                        Open::List(items) => Value::List(items),
                        Open::Map(entries, _) => Value::Map(entries),
                    };
                    Node { line, value }
                })
            }
            Event::DocumentStart(_) if root.is_some() => {
                return Err(Fault::at(line, "there is a second document"));
            }
            _ => None,
        };
        if open.len() > DEEPEST {
            return Err(Fault::at(line, "is nested too deeply"));
        }
        if let Some(node) = node {
            match open.last_mut() {
                Some((_, open)) => add(open, node)?,
                None => root = Some(node),
            }
        }
    }
    Ok(root.unwrap_or(Node { line: 1, value: Value::Null }))
}

fn add(open: &mut Open, node: Node) -> Result<(), Fault> {
    let (entries, key) = match open {
        Open::List(items) => {
            items.push(node);
            return Ok(());
        }
        Open::Map(entries, key) => (entries, key),
    };
    if let Some((key, line)) = key.take() {
        entries.push(Entry { key, line, node });
        return Ok(());
    }
    let line = node.line;
    let Value::Scalar { text, .. } = node.value else {
        return Err(Fault::at(line, "a key has to be text"));
    };
    if let Some(other) = entries.iter().find(|entry| entry.key == text) {
        let text = format!("is there already, in line {}", other.line);
        return Err(Fault { line, key: other.key.clone(), text });
    }
    *key = Some((text, line));
    Ok(())
}

fn special(line: usize) -> Fault {
    Fault::at(line, "anchors, aliases and tags (& * !) are not understood")
}

fn scan_fault(error: &ScanError) -> Fault {
    Fault::at(
        error.marker().line(),
        format!("is not YAML: {}", error.info().replace('\n', " ")),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn values_keep_their_lines() {
        let root = parse("a:\n  b: 'x'\n  c: [y, ~]\nd:\n").unwrap();
        let Value::Map(entries) = root.value else { panic!() };
        assert_eq!((&*entries[1].key, entries[1].line), ("d", 4));
        assert_eq!(entries[1].node.value, Value::Null);
        let Value::Map(inner) = &entries[0].node.value else { panic!() };
        let quoted = Value::Scalar { text: "x".into(), is_quoted: true };
        assert_eq!(inner[0].node, Node { line: 2, value: quoted });
        let Value::List(items) = &inner[1].node.value else { panic!() };
        assert_eq!((items.len(), items[1].line), (2, 3));
        for empty in ["", "# nothing\n", "---\n"] {
            assert_eq!(parse(empty).unwrap().value, Value::Null);
        }
    }

    #[test]
    fn unreadable_text_is_named_with_its_line() {
        for (text, expected) in [
            ("a: 1\na: 2", "2: a: is there already, in line 1"),
            ("a: &x 1\nb: *x", "1: anchors, aliases and tags"),
            ("a: !!str 1", "1: anchors, aliases and tags"),
            ("a: 1\n--- \nb: 2", "2: there is a second document"),
            ("? [a]\n: b", "1: a key has to be text"),
            ("a: [1", "is not YAML: "),
            (&"[".repeat(50), "1: is nested too deeply"),
        ] {
            let fault = fault(text);
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_a_fault(
            text in prop_oneof![".*", "[a: \n\\[\\]{}&*!|>'\"-]{0,60}"]
        ) {
            let _ = parse(&text);
        }
    }
}
