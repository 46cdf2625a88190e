//! Characters in texts of others that show what is not there.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns whether a character commands a terminal, begins a line, or turns the
/// direction of writing, so that a text is shown in another order: control
/// characters, and those of Unicode that turn or end a line.
#[must_use]
pub fn is_deceptive(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_or_turns_is_deceptive() {
        let hostile = "\u{1b}\r\n\u{9b}\u{202e}\u{2066}\u{61c}\u{200f}\u{2028}";
        assert!(hostile.chars().all(is_deceptive));
        // Names of many scripts, also with a joiner.
        let good = "München ירושלים नयी\u{200d}दिल्ली [2J";
        assert!(!good.chars().any(is_deceptive));
    }
}
