//! The arguments of calls of the thread that writes the history. Pure.

use super::{
    Arguments, INT, Is, LARGE, NEW_FILE, TO_READ, Value, flags, is, only,
};

/// Opens the history and its journal, to read and write, which makes the journal;
/// and files to read, such as the source of random numbers. Nothing is truncated.
/// SQLite makes the journal with the mode of the history, and the administrator
/// may have changed that. A mode that executes or sets a user or group is refused.
pub(super) const HISTORY_FILES: Arguments = &[
    &[
        Is {
            argument: 2,
            bits: INT
                & !flags(
                    libc::O_CLOEXEC | LARGE | libc::O_NOFOLLOW | libc::O_CREAT,
                ),
            value: Value::Fixed(flags(libc::O_RDWR)),
        },
        only(3, 0o666),
    ],
    &[Is {
        argument: 2,
        bits: INT & !flags(libc::O_CLOEXEC | LARGE | libc::O_NOFOLLOW),
        value: Value::Fixed(flags(libc::O_RDWR)),
    }],
    TO_READ[0],
    NEW_FILE[0],
];
/// Locks the history against others that read it.
pub(super) const LOCKS: Arguments = &[
    &[is(1, flags(libc::F_GETLK))],
    &[is(1, flags(libc::F_SETLK))],
    &[is(1, flags(libc::F_GETFD))],
    &[is(1, flags(libc::F_SETFD))],
];
