//! The numbers of names in the file.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::item::Label;
use super::schema::{UNKNOWN, UNKNOWN_LABEL, fixed};

/// The names that have a number. They belong to a connection: a transaction that
/// fails takes back the numbers that it gave out.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Arc<str>, i64>);

impl Names {
    /// Reads all names.
    pub(super) fn read(file: &Connection) -> rusqlite::Result<Self> {
        let mut select =
            file.prepare("SELECT text, id FROM name WHERE id > 0")?;
        let all = select.query_map([], |row| {
            Ok((row.get::<_, String>(0)?.into(), row.get(1)?))
        })?;
        all.collect::<Result<_, _>>().map(Self)
    }

    /// Returns the number of a label, which gets one if it has none.
    pub(super) fn number(
        &mut self,
        file: &Connection,
        label: &Label,
    ) -> rusqlite::Result<i64> {
        let name = match (fixed(label), label) {
            (Some(number), _) => return Ok(number),
            (None, Label::Name(name)) => name,
            (None, _) => return Ok(super::schema::NONE),
        };
        // The label of unknown countries means the same as that of networks.
        if **name == *UNKNOWN_LABEL {
            return Ok(UNKNOWN);
        }
        if let Some(number) = self.0.get(name) {
            return Ok(*number);
        }
        // "other" as a name is not the word for what exceeds a limit, and a
        // name may be empty.
        let text = match super::schema::WORDS.iter().any(|w| *w.1 == **name) {
            true => format!("{name:?}"),
            false => name.to_string(),
        };
        let find = "SELECT id FROM name WHERE text = ?1 AND id > 0";
        let mut find = file.prepare_cached(find)?;
        let mut found = find.query(params![text])?;
        let number = match found.next()? {
            Some(row) => row.get(0)?,
            None => {
                let new = "INSERT INTO name (text, id) SELECT ?1, max(max(id), \
                    0) + 1 FROM name";
                file.prepare_cached(new)?.execute(params![text])?;
                file.last_insert_rowid()
            }
        };
        self.0.insert(Arc::clone(name), number);
        Ok(number)
    }
}
