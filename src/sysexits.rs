//! Exit codes, those of `sysexits.h`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// A normal end: a signal stopped the exporter, or a command succeeded.
pub const OK: u8 = 0;
/// The command line is wrong: an unknown flag, or a flag's value.
pub const USAGE: u8 = 64;
/// A requirement is missing: the listen address cannot be used, the kernel is
/// too old, or it refuses the eBPF programs or their maps.
pub const UNAVAILABLE: u8 = 69;
/// A fault of the program itself: a worker ended too early.
pub const SOFTWARE: u8 = 70;
/// Standard output cannot be written, or the history cannot be read.
pub const IOERR: u8 = 74;
/// A privilege is missing.
pub const NOPERM: u8 = 77;
/// The configuration is wrong: a file or an environment variable.
pub const CONFIG: u8 = 78;

/// Every exit code with its name and meaning, for the documents.
pub const ALL: [(u8, &str, &str); 7] = [
    (OK, "OK", "A signal stopped the exporter, or a command succeeded."),
    (
        USAGE,
        "USAGE",
        "The command line is wrong: an unknown flag, or a flag's value.",
    ),
    (
        UNAVAILABLE,
        "UNAVAILABLE",
        "A requirement is missing: the listen address cannot be used, the \
         kernel is too old, or the eBPF programs or their maps cannot be \
         loaded.",
    ),
    (SOFTWARE, "SOFTWARE", "A fault of the program itself. Please report it."),
    (
        IOERR,
        "IOERR",
        "Standard output cannot be written, or the history cannot be read.",
    ),
    (
        NOPERM,
        "NOPERM",
        "A privilege is missing; the message names the capability.",
    ),
    (
        CONFIG,
        "CONFIG",
        "The configuration is wrong: a file or an environment variable.",
    ),
];
