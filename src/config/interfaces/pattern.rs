//! Names of interfaces and patterns of names: reading, writing and matching.
//!
//! The kernel accepts nearly all bytes in a name, so a backslash makes a sign
//! stand for itself, and `\x` writes a byte.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;

/// IFNAMSIZ is 16 with the closing zero.
pub(super) const LONGEST: usize = 15;

/// Signs of ASCII that stand for themselves, like letters and digits.
const PLAIN: &str = "-_.+";

/// One part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// This byte.
    Byte(u8),
    /// Any byte.
    One,
    /// Any bytes, or none.
    Many,
}

/// A name, or a pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

/// The reason why a text is neither a name nor a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It has a sign that needs a backslash before it.
    Sign(char),
    /// It has a backslash that neither a sign nor a byte follows.
    Backslash,
    /// It has white space.
    Blank,
    /// The kernel allows no such name: the end of "it ...".
    Impossible(&'static str),
}

impl Pattern {
    /// Returns the pattern that matches this name only.
    pub(super) fn exactly(name: &[u8]) -> Self {
        Self(name.iter().map(|&byte| Part::Byte(byte)).collect())
    }

    /// Returns the pattern that matches every name.
    pub(super) fn everything() -> Self {
        Self(vec![Part::Many])
    }

    /// Reads a name or pattern.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            match char {
                '*' if parts.last() == Some(&Part::Many) => {}
                '*' => parts.push(Part::Many),
                '?' => parts.push(Part::One),
                '\\' => {
                    let (byte, rest) =
                        escaped(chars.as_str()).ok_or(Wrong::Backslash)?;
                    parts.push(Part::Byte(byte));
                    chars = rest.chars();
                }
                ' ' | '\t'..='\r' => return Err(Wrong::Blank),
                sign if sign.is_ascii_punctuation()
                    && !PLAIN.contains(sign)
                    // No name can have these: `impossible` has a better
                    // message.
                    && !"/:%".contains(sign) =>
                {
                    return Err(Wrong::Sign(sign));
                }
                char => {
                    let mut bytes = [0; 4];
                    let bytes = char.encode_utf8(&mut bytes).bytes();
                    parts.extend(bytes.map(Part::Byte));
                }
            }
        }
        let pattern = Self(parts);
        match pattern.impossible() {
            Some(why) => Err(Wrong::Impossible(why)),
            None => Ok(pattern),
        }
    }

    /// Returns the reason why no interface can have such a name, by the rules
    /// of dev_valid_name() and dev_prep_valid_name() in net/core/dev.c.
    fn impossible(&self) -> Option<&'static str> {
        let is_blank = |&byte: &u8| {
            // The kernel's isspace(), which treats bytes as Latin 1.
            matches!(byte, b'\t'..=b'\r' | b' ' | 0xa0)
        };
        let bytes = self.0.iter().filter_map(|part| match part {
            Part::Byte(byte) => Some(*byte),
            Part::One | Part::Many => None,
        });
        let bytes: Vec<u8> = bytes.collect();
        let has = |sign| bytes.contains(&sign);
        if self.0.iter().filter(|&&part| part != Part::Many).count() > LONGEST {
            Some("has more than 15 bytes")
        } else if self.name().is_some_and(|name| name == b"." || name == b"..")
        {
            Some("is a directory")
        } else if has(b'/') || has(b':') {
            Some("has a slash or colon")
        } else if has(b'%') {
            Some("has a percent sign")
        } else if has(0) || bytes.iter().any(is_blank) {
            Some(
                "has a byte that the kernel reads as white space or as the end",
            )
        } else {
            None
        }
    }

    /// Returns the name, if the pattern is one.
    pub(super) fn name(&self) -> Option<Vec<u8>> {
        let byte = |part: &Part| match part {
            Part::Byte(byte) => Some(*byte),
            Part::One | Part::Many => None,
        };
        self.0.iter().map(byte).collect()
    }

    /// Returns whether a name matches.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let parts = &self.0;
        let (mut part, mut at) = (0, 0);
        // If a later part does not match, matching continues behind the last
        // `*`, which then takes one byte more.
        let mut again = None;
        while at < name.len() || part < parts.len() {
            match parts.get(part) {
                Some(Part::Many) => {
                    again = Some((part + 1, at));
                    part += 1;
                    continue;
                }
                Some(Part::One) if at < name.len() => {}
                Some(Part::Byte(byte)) if name.get(at) == Some(byte) => {}
                _ => {
                    let Some((behind, from)) = again else { return false };
                    if from >= name.len() {
                        return false;
                    }
                    again = Some((behind, from + 1));
                    (part, at) = (behind, from + 1);
                    continue;
                }
            }
            part += 1;
            at += 1;
        }
        true
    }
}

/// Reads the text behind a backslash: a sign, or `x` and the two digits of a
/// byte. Returns the byte and the rest.
fn escaped(text: &str) -> Option<(u8, &str)> {
    let first = *text.as_bytes().first()?;
    if first.is_ascii_punctuation() {
        return Some((first, &text[1..]));
    }
    let digits = text.strip_prefix('x')?.get(..2)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok()?;
    is_hex.then(|| (byte, &text[3..]))
}

impl fmt::Display for Pattern {
    /// Writes a text that [`Pattern::read`] reads back as the same pattern,
    /// never a word with another meaning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        let word = name.as_deref().and_then(|name| str::from_utf8(name).ok());
        let mut first_as_byte = word.is_some_and(super::is_word);
        let mut bytes = Vec::new();
        for part in &self.0 {
            match part {
                Part::Byte(byte) if std::mem::take(&mut first_as_byte) => {
                    write!(f, "\\x{byte:02x}")?;
                }
                Part::Byte(byte) => bytes.push(*byte),
                Part::One | Part::Many => {
                    write_bytes(f, &std::mem::take(&mut bytes))?;
                    f.write_str(match part {
                        Part::Many => "*",
                        _ => "?",
                    })?;
                }
            }
        }
        write_bytes(f, &bytes)
    }
}

fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if char.is_ascii_punctuation() && !PLAIN.contains(char) {
                write!(f, "\\{char}")?;
            } else if char.is_control() || char.is_whitespace() {
                let mut encoded = [0; 4];
                for byte in char.encode_utf8(&mut encoded).bytes() {
                    write!(f, "\\x{byte:02x}")?;
                }
            } else {
                write!(f, "{char}")?;
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, name: &[u8]) -> bool {
        Pattern::read(pattern).unwrap().matches(name)
    }

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("eth0", "eth0", true),
            ("eth0", "eth00", false),
            ("eth*", "eth", true),
            ("eth*", "eth10", true),
            ("eth*", "veth1", false),
            ("*eth*", "veth1", true),
            ("*", "x", true),
            ("eth?", "eth1", true),
            ("eth?", "eth", false),
            ("eth?", "eth10", false),
            ("*a*b", "xaxbxab", true),
            ("*a*b", "xaxbxa", false),
            ("br-*", "br-0a1b", true),
            ("**", "x", true),
        ] {
            assert_eq!(
                matches(pattern, name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn a_backslash_takes_the_meaning_of_a_sign_away() {
        assert!(matches("a\\*", b"a*") && !matches("a\\*", b"ab"));
        assert!(matches(r#"\"a\'\[\]\,\!\?\;"#, b"\"a'[],!?;"));
        assert!(matches("a\\xffb", b"a\xffb"));
        assert!(matches("a\\\\xff", b"a\\xff"));
        for text in ["a\\", "\\n", "\\x", "\\xf", "\\xg0", "\\x+1", "\\é"] {
            assert_eq!(Pattern::read(text), Err(Wrong::Backslash), "{text}");
        }
    }

    /// Every name that the kernel accepts, and nothing else.
    fn is_name(name: &[u8]) -> bool {
        let is_blank = |byte: &u8| b"\t\n\x0b\x0c\r \xa0".contains(byte);
        (1..16).contains(&name.len())
            && name != b"."
            && name != b".."
            && !name
                .iter()
                .any(|byte| is_blank(byte) || b"/:%\0".contains(byte))
    }

    /// Tries every way to divide the name among the parts, however slow.
    fn oracle(parts: &[Part], name: &[u8]) -> bool {
        match (parts, name) {
            ([], name) => name.is_empty(),
            ([Part::Many, rest @ ..], name) => {
                (0..=name.len()).any(|taken| oracle(rest, &name[taken..]))
            }
            ([Part::One, parts @ ..], [_, name @ ..]) => oracle(parts, name),
            ([Part::Byte(a), parts @ ..], [b, name @ ..]) => {
                a == b && oracle(parts, name)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn every_name_can_be_written_and_nothing_else(
            name in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                "[a-z\"'\\\\*?!,;.:/% é]{0,18}".prop_map(String::into_bytes),
                prop::sample::select(vec!["any", "uplinks", ".", "..", "ANY"])
                    .prop_map(|word| word.as_bytes().to_vec()),
            ]
        ) {
            let pattern = Pattern::exactly(&name);
            let text = pattern.to_string();
            prop_assert!(!super::super::is_word(&text), "{}", text);
            match Pattern::read(&text) {
                Ok(read) if is_name(&name) => {
                    prop_assert_eq!(read.name(), Some(name.clone()));
                    prop_assert!(read.matches(&name));
                }
                Ok(_) => prop_assert!(name.is_empty(), "{} is read", text),
                Err(_) => prop_assert!(!is_name(&name), "{} is not", text),
            }
        }

        #[test]
        fn a_pattern_matches_what_the_oracle_says(
            text in "[ab*?]{0,10}", name in "[ab]{0,10}"
        ) {
            let pattern = Pattern::read(&text).unwrap();
            prop_assert_eq!(
                pattern.matches(name.as_bytes()),
                oracle(&pattern.0, name.as_bytes()),
                "{} {}", text, name
            );
            prop_assert_eq!(Pattern::read(&pattern.to_string()), Ok(pattern));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Ok(pattern) = Pattern::read(&text) {
                let again = Pattern::read(&pattern.to_string());
                prop_assert_eq!(again, Ok(pattern));
            }
        }
    }
}
