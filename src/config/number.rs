//! Whole numbers as Go writes them: `100000`, `100_000`, `0x186a0`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Reads a whole number by the rules of `strconv.ParseInt` with base 0, by
/// which Go programs read their flags: `0x`, `0o`, `0b` and a leading zero set
/// the base, and single underscores are allowed between digits and after the
/// base.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let prefixed = prefixes
        .into_iter()
        .find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, radix)));
    // An underscore is allowed after a base, as after a digit.
    let (digits, radix, mut may_separate) = match prefixed {
        Some((digits, radix)) => (digits, radix, true),
        // This prefix is a digit too.
        None if lower.starts_with('0') => (lower.as_str(), 8, false),
        None => (lower.as_str(), 10, false),
    };
    let mut plain = String::with_capacity(digits.len());
    for char in digits.chars() {
        match char {
            '_' if may_separate => may_separate = false,
            digit if digit.is_digit(radix) => {
                plain.push(digit);
                may_separate = true;
            }
            _ => return None,
        }
    }
    if plain.is_empty() || !may_separate {
        return None;
    }
    let number = i128::from_str_radix(&plain, radix).ok()?;
    Some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("100000", Some(100_000)),
            ("+7", Some(7)),
            ("-7", Some(-7)),
            ("100_000", Some(100_000)),
            ("0x186a0", Some(100_000)),
            ("0X186A0", Some(100_000)),
            ("0x_186_a0", Some(100_000)),
            ("0b101", Some(5)),
            ("0o17", Some(15)),
            ("017", Some(15)),
            ("0_17", Some(15)),
            ("-0x10", Some(-16)),
            ("", None),
            ("-", None),
            ("+-1", None),
            ("08", None),
            ("0x", None),
            ("0x_", None),
            ("_1", None),
            ("1_", None),
            ("1__0", None),
            ("1e5", None),
            ("1.0", None),
            (" 1", None),
            ("٣", None),
            ("0xg", None),
            ("0b2", None),
        ] {
            assert_eq!(integer(text), expected, "{text:?}");
        }
        assert_eq!(integer(&"9".repeat(60)), None);
    }

    proptest! {
        #[test]
        fn any_base_and_any_separators_give_the_same_number(
            number in any::<u32>(), places in any::<u32>()
        ) {
            for (prefix, digits) in [
                ("", number.to_string()),
                ("0x", format!("{number:x}")),
                ("0o", format!("{number:o}")),
                ("0", format!("{number:o}")),
                ("0b", format!("{number:b}")),
            ] {
                let mut text = String::from(prefix);
                for (at, digit) in digits.chars().enumerate() {
                    let first = if prefix.is_empty() { 1 } else { 0 };
                    if at >= first && places >> (at % 32) & 1 == 1 {
                        text.push('_');
                    }
                    text.push(digit);
                }
                prop_assert_eq!(integer(&text), Some(number.into()), "{}", text);
            }
        }

        #[test]
        fn any_text_is_a_number_or_none(text in ".*") {
            let _ = integer(&text);
        }
    }
}
