//! Texts of others, as a terminal may have them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns a text without its control characters, which would command the
/// terminal or begin a line, and without the marks that turn the direction of
/// writing, which would show it in another order.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|char| is_plain(*char)).collect()
}

fn is_plain(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_or_turns_stays() {
        let hostile = "a\u{1b}[2J\r\n\u{9b}b\u{202e}c\u{2066}\u{200f}\u{2028}ä";
        assert_eq!(plain(hostile), "a[2Jbcä");
    }
}
