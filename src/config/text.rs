//! Turns the bytes of a file into text.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns the text of a file that a person wrote.
///
/// # Errors
/// Returns the line, if it is known, and the fault of a text that is not UTF-8.
pub fn utf8(bytes: Vec<u8>) -> Result<String, (Option<usize>, String)> {
    if is_utf16(&bytes) {
        let why = "is UTF-16 text: save it as UTF-8";
        return Err((None, why.into()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = &bytes[..valid];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|b| **b != b'\n').count();
        let why = format!(
            "is not UTF-8 text: byte {} of the line is 0x{:02x}; save it as \
             UTF-8",
            column + 1,
            bytes.get(valid).copied().unwrap_or_default()
        );
        (Some(line), why)
    })
}

/// Returns whether it begins with the mark of UTF-16, or with plain letters in
/// UTF-16, every other byte of which is zero.
fn is_utf16(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [0, b, 0, d, ..] | [b, 0, d, 0, ..] => *b != 0 && *d != 0,
        _ => false,
    }
}
