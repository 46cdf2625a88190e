//! Guesses the name that a misspelt one means.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns the candidate that `name` most likely means, if one is near enough.
pub fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    const NEAR_ENOUGH: f64 = 0.75;
    let plain = |text: &str| {
        text.trim_start_matches('-').replace('-', "_").to_ascii_lowercase()
    };
    let name = plain(name);
    candidates
        .map(|candidate| {
            let other = plain(candidate);
            // "interval" is far from "poll_interval" by its letters.
            let part = name.len() > 2 && other.contains(&name);
            let score = strsim::jaro_winkler(&name, &other);
            (candidate, if part { score.max(0.9) } else { score })
        })
        .filter(|(_, score)| *score >= NEAR_ENOUGH)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(candidate, _)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_name_finds_the_right_one() {
        let keys = ["poll_interval", "listen_address", "map_max_entries"];
        let near = |name| nearest(name, keys.into_iter());
        assert_eq!(near("pol_interval"), Some("poll_interval"));
        assert_eq!(near("poll-interval"), Some("poll_interval"));
        assert_eq!(near("interval"), Some("poll_interval"));
        assert_eq!(near("listen_adress"), Some("listen_address"));
        assert_eq!(near("MAX_ENTRIES"), Some("map_max_entries"));
        assert_eq!(near("colour"), None);
    }
}
