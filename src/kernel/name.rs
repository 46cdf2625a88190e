//! The name of a network device, and its text.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;

/// IFNAMSIZ, with the closing zero.
const ROOM: usize = 16;

/// A name as the kernel has it: up to 15 bytes, which need not be text.
///
/// Every name has a text of its own: bytes that are not UTF-8 and control
/// characters are written as `\x` and two digits a byte, and a backslash as
/// two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName([u8; ROOM]);

impl InterfaceName {
    /// Takes the bytes up to the first zero, and at most 15 of them.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut name = [0; ROOM];
        let bytes = bytes.iter().take_while(|&&byte| byte != 0);
        for (to, from) in name.iter_mut().take(ROOM - 1).zip(bytes) {
            *to = *from;
        }
        Self(name)
    }

    /// Returns the bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

impl InterfaceName {
    /// Returns the name that has this text.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            let (before, behind) = (&rest[..at], &rest[at + 1..]);
            bytes.extend(before.bytes());
            let digits = behind.strip_prefix('x').and_then(|it| it.get(..2));
            match digits.map(|digits| u8::from_str_radix(digits, 16)) {
                Some(Ok(byte)) => {
                    bytes.push(byte);
                    rest = &behind[3..];
                }
                _ => {
                    bytes.push(b'\\');
                    rest = behind.strip_prefix('\\').unwrap_or(behind);
                }
            }
        }
        bytes.extend(rest.bytes());
        Self::new(&bytes)
    }
}

impl From<&str> for InterfaceName {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl PartialEq<str> for InterfaceName {
    fn eq(&self, text: &str) -> bool {
        self.as_bytes() == text.as_bytes()
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            for char in chunk.valid().chars() {
                match char {
                    '\\' => f.write_str("\\\\")?,
                    char if char.is_control() => {
                        write_bytes(f, char.encode_utf8(&mut [0; 4]))?;
                    }
                    char => write!(f, "{char}")?,
                }
            }
            write_bytes(f, chunk.invalid())?;
        }
        Ok(())
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn write_bytes(
    f: &mut fmt::Formatter<'_>,
    bytes: impl AsRef<[u8]>,
) -> fmt::Result {
    bytes.as_ref().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_shown_as_text() {
        for (bytes, shown) in [
            (&b"eth0"[..], "eth0"),
            ("wlan\u{e9}0".as_bytes(), "wlan\u{e9}0"),
            (b"we\"ird", "we\"ird"),
            (b"a\xffb", "a\\xffb"),
            (b"a\xfeb", "a\\xfeb"),
            (b"a\\xffb", "a\\\\xffb"),
            (b"\x1b[31m", "\\x1b[31m"),
            ("\u{85}".as_bytes(), "\\xc2\\x85"),
            (b"\xe2\x80", "\\xe2\\x80"),
            (b"eth0\0junk", "eth0"),
            (b"0123456789abcdefg", "0123456789abcde"),
        ] {
            assert_eq!(InterfaceName::new(bytes).to_string(), shown);
        }
    }

    #[test]
    fn a_text_that_no_name_is_shown_as_is_taken_as_it_is() {
        for text in ["a\\", "a\\x", "a\\xg0", "a\\y", "\u{fffd}"] {
            assert_eq!(&InterfaceName::of_text(text), text);
        }
    }

    proptest! {
        #[test]
        fn different_names_are_shown_as_different_texts(
            one in "[\\\\xf0-9]{1,6}", bytes in prop::collection::vec(1_u8.., 1..16),
            other in prop::collection::vec(prop::sample::select(
                vec![b'\\', b'x', b'f', 0xff, 0xc3, 0xa9, 1]), 1..6)
        ) {
            let names =
                [one.as_bytes(), &bytes, &other].map(InterfaceName::new);
            for one in names {
                prop_assert_eq!(InterfaceName::of_text(&one.to_string()), one);
                for other in names {
                    prop_assert_eq!(
                        one == other,
                        one.to_string() == other.to_string()
                    );
                }
            }
        }
    }
}
