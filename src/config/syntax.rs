//! Explains a line that is not TOML to people who expect another format. The
//! parser's own messages are about the grammar.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::{Dict, Value};

use super::Config;
use super::nearest::nearest;
use super::places::{self, Places};
use super::setting::{Kind, Setting};
use super::settings;
use super::values::{meant_switch, quoted};

/// The beginnings of comments in other formats.
const OTHER_COMMENTS: [&str; 4] = ["//", "/*", ";", "--"];

/// The quotes that word processors and web pages write.
const CURLY_QUOTES: [char; 10] =
    ['“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»'];

/// Returns the line and column, from 1, at which a text stops being TOML, and
/// the reason.
pub(super) fn explain(
    text: &str,
    error: &toml::de::Error,
) -> (Option<(usize, usize)>, String) {
    if let Some(end) = lone_return(text) {
        return (
            Some(position(text, end)),
            "the line ends in a carriage return alone (CR): save the file \
             with the line ends LF or CR LF"
                .into(),
        );
    }
    if text.trim_start().starts_with('{') {
        let why = "this looks like JSON, and TOML has no brace here: write \
                   lines such as log_level = \"info\"";
        return (
            error.span().map(|span| position(text, span.start)),
            why.into(),
        );
    }
    let position = error.span().map(|span| position(text, span.start));
    let message = error.message().trim().replace('\n', ", ");
    let Some((number, _)) = position else { return (None, message) };
    let line = text.lines().nth(number - 1).unwrap_or_default();
    let line = line.trim_start_matches('\u{feff}');
    let message = twice(text, number, &message)
        .or_else(|| comment(line))
        .or_else(|| curly_quotes(line))
        .or_else(|| unclosed_quote(line))
        .or_else(|| comment_behind(line))
        .or_else(|| odd_blank(line))
        .or_else(|| too_large(line))
        .or_else(|| no_value(line))
        .or_else(|| no_equals_sign(line))
        .or_else(|| no_quotes(line))
        .unwrap_or(message);
    (position, message)
}

/// Returns the byte of the first carriage return that ends a line by itself.
fn lone_return(text: &str) -> Option<usize> {
    let mut returns = text.match_indices('\r').map(|(at, _)| at);
    returns.find(|at| !text[at + 1..].starts_with('\n'))
}

/// Names both lines of a key that is set twice.
fn twice(text: &str, number: usize, message: &str) -> Option<String> {
    let key = message.strip_prefix("duplicate key `")?.split('`').next()?;
    let before = text.split_inclusive('\n').take(number - 1);
    let before: String = before.collect();
    let table = match message.split_once("in table `") {
        Some((_, table)) => table.trim_end_matches('`'),
        None => "",
    };
    let first = Places::of(&before).line(&places::join(table, key));
    let key = places::join("", key);
    Some(match first {
        Some(first) => {
            format!("{key}: is set already, in line {first}: leave one out")
        }
        None => format!("{key}: is set twice: leave one out"),
    })
}

fn comment(line: &str) -> Option<String> {
    let line = line.trim_start();
    let sign = OTHER_COMMENTS.iter().find(|sign| line.starts_with(**sign))?;
    Some(format!("a comment begins with #, not with {sign}"))
}

/// Says that the text behind a value is not a comment.
fn comment_behind(line: &str) -> Option<String> {
    for sign in OTHER_COMMENTS {
        for (at, _) in line.match_indices(sign) {
            let before = line[..at].trim_end();
            if !is_setting(before) {
                continue;
            }
            return Some(match line[at + sign.len()..].trim() {
                "" => format!("leave out the {sign} behind the value"),
                _ => format!("a comment begins with #, not with {sign}"),
            });
        }
    }
    None
}

fn curly_quotes(line: &str) -> Option<String> {
    let found = line.chars().find(|char| CURLY_QUOTES.contains(char))?;
    let straight = line.replace(CURLY_QUOTES, "\"");
    let (key, value) = key_and_value(&straight)?;
    let remedy = advice(key, value)
        .unwrap_or_else(|| "write straight ones, \" or '".into());
    Some(format!("{found} is not a quote in TOML: {remedy}"))
}

fn unclosed_quote(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let rest = &value[1..];
    // Three quotes begin a text of several lines.
    if rest.starts_with(quote) || is_setting(line) || rest.contains(quote) {
        return None;
    }
    let text = rest.split('#').next().unwrap_or(rest).trim_end();
    let remedy = advice(key, &format!("\"{text}\""))
        .unwrap_or_else(|| format!("write another {quote} behind it"));
    Some(format!("the quote {quote} is not closed: {remedy}"))
}

/// Names a character that only looks like a blank.
fn odd_blank(line: &str) -> Option<String> {
    let odd = |char: char| {
        matches!(char, '\u{a0}' | '\u{202f}' | '\u{3000}' | '\u{feff}')
            || ('\u{2000}'..='\u{200f}').contains(&char)
    };
    let found = line.chars().find(|char| odd(*char))?;
    let plain: String =
        line.chars().map(|char| if odd(char) { ' ' } else { char }).collect();
    is_setting(&plain).then(|| {
        format!(
            "there is a character that only looks like a blank, U+{:04X}: \
             write an ordinary one",
            u32::from(found)
        )
    })
}

/// Names the allowed values if a number needs more than the 64 bits of a number
/// in TOML.
fn too_large(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let digits = value.trim_start_matches(['+', '-']).replace('_', "");
    let number =
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !number || value.replace('_', "").parse::<i64>().is_ok() {
        return None;
    }
    let shown = quoted(value).replace('"', "");
    Some(match settings::find(key) {
        Some(Setting { expected, example, .. }) => {
            format!("{key}: {shown} is not {expected}, such as {example}")
        }
        None => format!("{shown} is too large a number"),
    })
}

/// Gives an example if a line has only a key.
fn no_value(line: &str) -> Option<String> {
    let line = line.split('#').next().unwrap_or(line);
    let key = line.trim().trim_end_matches('=').trim_end();
    let is_key = !key.is_empty() && key.chars().all(is_of_a_key);
    let example = match settings::find(key) {
        _ if !is_key => return None,
        Some(setting) => format!("{key} = {}", setting.example),
        None if line.contains('=') => "log_level = \"info\"".into(),
        None => {
            return Some(format!(
                "{} is not a setting with its value, such as \
                 log_level = \"info\"",
                quoted(key)
            ));
        }
    };
    Some(format!("{key} has no value: write one, such as {example}"))
}

/// Advises an equals sign instead of a colon or a blank.
fn no_equals_sign(line: &str) -> Option<String> {
    let line = line.split('#').next().unwrap_or(line).trim();
    let end = line.find(|char: char| !is_of_a_key(char))?;
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let (sign, value) = match rest.strip_prefix(":=") {
        Some(value) => (":=", value),
        None => match rest.strip_prefix(':') {
            Some(value) => (":", value),
            None if rest.starts_with('=') => return None,
            None => ("nothing", rest),
        },
    };
    if key.is_empty() || (sign == "nothing" && settings::find(key).is_none()) {
        return None;
    }
    let value = value.trim().trim_end_matches(',');
    let remedy = match value {
        "" => "write a = and a value".into(),
        value => advice(key, value)?,
    };
    Some(format!("{key} has {sign} in place of =: {remedy}"))
}

/// Says that `key = value` lacks quotes. The parser's own message would be
/// about newlines.
fn no_quotes(line: &str) -> Option<String> {
    let (key, value) = key_and_value(line)?;
    let plain = |c: char| c.is_alphanumeric() || "/.:-_%, ~*!".contains(c);
    if value.is_empty() || !value.chars().all(plain) || is_setting(line) {
        return None;
    }
    let setting = settings::find(key);
    let is_switch = setting.is_none_or(|one| one.kind == Kind::Switch);
    if let Some(meant) = meant_switch(value).filter(|_| is_switch) {
        return Some(format!(
            "{value} is not true or false: write {key} = {meant}"
        ));
    }
    let text = quoted(value);
    if let Some(setting) = setting
        && let Err(fault) =
            (setting.read)(&mut Config::default(), &Value::from(value))
    {
        let faults = setting.explain(&Value::from(value), None, fault);
        let faults = faults.into_iter().map(|(inside, text)| {
            // The value in the file has no quotes.
            let text = text.replacen(&quoted(value), value, 1);
            format!("{key}{inside}: {text}")
        });
        return Some(faults.collect::<Vec<_>>().join("; "));
    }
    let written = format!("{key} = {text}");
    is_setting(&written).then(|| format!("text needs quotes: {written}"))
}

/// Returns a correct line for a setting and a value that was written with or
/// without quotes. Never advises a line that would be refused.
fn advice(key: &str, value: &str) -> Option<String> {
    let near = nearest(key, settings::all().map(|setting| setting.key));
    let setting = settings::find(key).or_else(|| settings::find(near?));
    let key = setting.map_or(key, |setting| setting.key);
    let bare = value.trim_matches(['"', '\'']);
    let mut written = vec![format!("{key} = {value}")];
    if let Some(meant) = meant_switch(bare) {
        written.insert(0, format!("{key} = {meant}"));
    }
    written.push(format!("{key} = {}", quoted(bare)));
    written.push(format!("{key} = {bare}"));
    let taken = |written: &String| match toml::from_str::<Dict>(written) {
        Err(_) => false,
        Ok(values) => setting.is_none_or(|setting| {
            values.get(key).is_some_and(|value| {
                (setting.read)(&mut Config::default(), value).is_ok()
            })
        }),
    };
    match (written.iter().find(|one| taken(one)), setting) {
        (Some(written), _) => Some(format!("write {written}")),
        (None, Some(setting)) => {
            Some(format!("write a value such as {key} = {}", setting.example))
        }
        (None, None) => None,
    }
}

/// Splits `key = value # comment`.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let line = line.split('#').next().unwrap_or(line);
    let (key, value) = line.split_once('=')?;
    Some((key.trim(), value.trim()))
}

fn is_of_a_key(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-_.".contains(char)
}

/// Returns whether a line is a key with its value.
fn is_setting(line: &str) -> bool {
    toml::from_str::<Dict>(line).is_ok_and(|values| !values.is_empty())
}

/// Returns line and column of a byte, both from 1.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
