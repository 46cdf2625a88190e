//! The memory of a process, by the kernel's own figures.
//!
//! Pure: no I/O, clock, threads or logging.

/// Returns the resident bytes by the text of a `smaps` file, without those of
/// mappings of this name.
pub(crate) fn resident_but(smaps: &str, name: &str) -> u64 {
    let mut bytes = 0;
    let mut is_left_out = false;
    for line in smaps.lines() {
        if let Some(size) = line.strip_prefix("Rss:") {
            let size = size.trim().strip_suffix(" kB").expect("in kB");
            if !is_left_out {
                bytes += size.trim().parse::<u64>().expect("a number") << 10;
            }
        } else if line.starts_with(|c: char| c.is_ascii_hexdigit())
            && line.split(' ').next().is_some_and(|range| range.contains('-'))
        {
            is_left_out = line.ends_with(name);
        }
    }
    bytes
}
