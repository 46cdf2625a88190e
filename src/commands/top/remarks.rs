//! Remarks on the exporter: its faults, and the quota.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::units::{bytes, lossy, percent, span};
use crate::api::{Database, Quota, Summary};

/// Returns the worst fault of the exporter: because of it a part of the table
/// is missing or cannot be trusted.
pub(super) fn warning(summary: &Summary) -> Option<String> {
    let databases = || summary.databases.iter();
    let country = databases().find(|it| it.database == "country");
    let fault = if country.is_some_and(|it| it.path.is_none()) {
        "no country database is in use: run geoip-exporter check".into()
    } else if summary.is_ready && summary.interfaces == 0 {
        "no interface is counted: look at the setting interfaces".into()
    } else if let Some(one) = databases().find(|it| !it.is_loaded) {
        unread(one)
    } else if !summary.last_reload.is_successful {
        "the last reload failed, so the settings before it are in force".into()
    } else if summary.state_saved == Some(false) {
        "the counters are not saved: look at the log".into()
    } else {
        return None;
    };
    Some(fault)
}

fn unread(one: &Database) -> String {
    let name = match one.database.as_str() {
        "country" | "asn" | "city" => format!("the {} database", one.database),
        other => format!("the file of {other}"),
    };
    match one.path {
        None => format!("{name} cannot be read: look at the log"),
        Some(_) => format!("{name} cannot be read, so the older one is in use"),
    }
}

/// Returns the use of the quota as facts with a sign between them.
pub(super) fn quota(quota: &Quota, now: f64, sign: &str) -> String {
    let (used, limit) = (lossy(quota.used_bytes), lossy(quota.limit_bytes));
    let mut facts = vec![format!(
        "{} of {} ({})",
        bytes(quota.used_bytes),
        bytes(quota.limit_bytes),
        percent(used, limit)
    )];
    if let Some(forecast) = quota.forecast_bytes {
        facts.push(format!("forecast {}", bytes(forecast)));
    }
    facts.push(format!("resets in {}", span(quota.reset - now)));
    facts.join(sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::LastReload;

    fn database(name: &str, is_loaded: bool, path: Option<&str>) -> Database {
        Database {
            database: name.into(),
            is_loaded,
            path: path.map(Into::into),
            ..Database::default()
        }
    }

    fn good() -> Summary {
        Summary {
            is_ready: true,
            interfaces: 1,
            databases: vec![
                database("country", true, Some("/c.mmdb")),
                database("ranges", true, None),
            ],
            last_reload: LastReload { is_successful: true, succeeded_at: 1.0 },
            ..Summary::default()
        }
    }

    #[test]
    fn each_fault_of_the_exporter_is_a_line_and_the_worst_is_shown() {
        assert_eq!(warning(&good()), None);
        type Break = fn(&mut Summary);
        let faults: [(Break, &str); 6] = [
            (|it| it.state_saved = Some(false), "counters are not saved"),
            (|it| it.last_reload.is_successful = false, "last reload failed"),
            (|it| it.databases[1].is_loaded = false, "the file of ranges cann"),
            (
                |it| it.databases[0].is_loaded = false,
                "the country database cannot be read, so the older one is in",
            ),
            (|it| it.interfaces = 0, "no interface is counted"),
            (
                |it| it.databases[0].path = None,
                "no country database is in use: run geoip-exporter check",
            ),
        ];
        let mut broken = good();
        for (fault, line) in faults {
            let mut alone = good();
            fault(&mut alone);
            fault(&mut broken);
            for summary in [&alone, &broken] {
                let found = warning(summary).unwrap();
                assert!(found.contains(line), "{found}");
                // 80 columns have room for it and a remark on the rows.
                assert!(found.len() <= 63, "{found}");
            }
        }
        // Interfaces are not listed yet.
        assert_eq!(warning(&Summary { is_ready: false, ..good() }), None);
    }
}
