//! The line of each key and value of a file, and the text of each number.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::{ImDocument, Item, Key, TableLike, Value};

use super::values;

/// The line of each key and element of a file, by its path, such as `a.b[1]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(BTreeMap<String, Place>);

/// A key or an element.
#[derive(Clone, Debug)]
struct Place {
    /// From 1; `None` outside of a file.
    line: Option<usize>,
    /// The text of its value, if the value is a number.
    written: Option<String>,
}

impl Places {
    /// Finds all keys of a text; none if it is not TOML.
    pub(super) fn of(text: &str) -> Self {
        let mut found = Finder { text, places: BTreeMap::new() };
        if let Ok(document) = ImDocument::parse(text) {
            found.table(document.as_table(), "");
        }
        Self(found.places)
    }

    /// Notes the text of a value outside of a file.
    pub(super) fn note(&mut self, path: &str, written: &str) {
        let written = Some(written.to_owned());
        self.0.insert(path.into(), Place { line: None, written });
    }

    /// Returns the line of a key or element, or of the table or list around it.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        let ends = path.char_indices().rev();
        let ends = ends.filter(|(_, char)| matches!(char, '.' | '['));
        std::iter::once(path.len())
            .chain(ends.map(|(end, _)| end))
            .find_map(|end| self.0.get(&path[..end]))
            .and_then(|place| place.line)
    }

    /// Returns the text of a number, such as `1e5`.
    pub(super) fn written(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.written.as_deref()
    }
}

/// Returns the path of a key in a table.
pub(super) fn join(parent: &str, key: &str) -> String {
    match parent {
        "" => quote_key(key),
        parent => format!("{parent}.{}", quote_key(key)),
    }
}

/// Quotes a key if TOML needs it, so that `"a.b"` is not confused with `b` in
/// the table `a`.
pub(super) fn quote_key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !name.is_empty() && name.bytes().all(bare) {
        name.into()
    } else {
        values::quoted(name)
    }
}

struct Finder<'a> {
    text: &'a str,
    places: BTreeMap<String, Place>,
}

impl Finder<'_> {
    fn table(&mut self, table: &dyn TableLike, parent: &str) {
        for (name, item) in table.iter() {
            let path = join(parent, name);
            let span = table.key(name).and_then(Key::span).or(item.span());
            let written = item.as_value().and_then(|one| self.number(one));
            self.add(&path, span, written);
            if let Some(table) = item.as_table_like() {
                self.table(table, &path);
            }
            match item {
                Item::ArrayOfTables(tables) => {
                    for (index, table) in tables.iter().enumerate() {
                        let path = format!("{path}[{index}]");
                        self.add(&path, table.span(), None);
                        self.table(table, &path);
                    }
                }
                Item::Value(Value::Array(items)) => self.list(items, &path),
                _ => {}
            }
        }
    }

    fn list(&mut self, items: &toml_edit::Array, parent: &str) {
        for (index, item) in items.iter().enumerate() {
            let path = format!("{parent}[{index}]");
            self.add(&path, item.span(), self.number(item));
            match item {
                Value::InlineTable(table) => self.table(table, &path),
                Value::Array(items) => self.list(items, &path),
                _ => {}
            }
        }
    }

    fn number(&self, value: &Value) -> Option<String> {
        let is_number = value.is_integer() || value.is_float();
        let span = value.span().filter(|_| is_number)?;
        self.text.get(span).map(|written| written.trim().to_owned())
    }

    fn add(
        &mut self,
        path: &str,
        span: Option<Range<usize>>,
        written: Option<String>,
    ) {
        if let Some(before) = span.and_then(|span| self.text.get(..span.start))
        {
            let line = Some(before.matches('\n').count() + 1);
            self.places.insert(path.into(), Place { line, written });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_element_has_its_line() {
        let text = "\u{feff}a = 1_0\n[b]\nc = [\n 1e5,\n {d = 2},\n]\n\
                    [[e]]\nf = 0\n[[e]]\n\"g.h\" = \"x\"\ni.j = 3\n";
        let places = Places::of(text);
        for (path, line) in [
            ("a", Some(1)),
            ("b", Some(2)),
            ("b.c", Some(3)),
            ("b.c[0]", Some(4)),
            ("b.c[1]", Some(5)),
            ("b.c[1].d", Some(5)),
            ("b.c[9]", Some(3)),
            ("e[0].f", Some(8)),
            ("e[1]", Some(9)),
            ("e[1].\"g.h\"", Some(10)),
            ("e[1].i.j", Some(11)),
            ("nothing", None),
        ] {
            assert_eq!(places.line(path), line, "{path}");
        }
        assert_eq!(places.written("a"), Some("1_0"));
        assert_eq!(places.written("b.c[0]"), Some("1e5"));
        assert_eq!(places.written("e[1].\"g.h\""), None);
        assert_eq!(Places::of("a = ").line("a"), None);
    }
}
