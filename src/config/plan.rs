//! The plan of a reload, made from two configurations.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::setting::Effect;
use super::{Config, settings};

/// The changes of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The new configuration, with the old values of settings that need a
    /// restart.
    pub config: Config,
    /// The live settings that changed, by key.
    pub changed: Vec<&'static str>,
    /// The changed settings that need a restart and keep their old values.
    pub needs_restart: Vec<&'static str>,
}

impl Plan {
    /// Returns a warning that names the settings that wait for a restart.
    pub fn warning(&self) -> Option<String> {
        (!self.needs_restart.is_empty()).then(|| {
            format!(
                "changed but in force only after a restart: {}",
                self.needs_restart.join(", ")
            )
        })
    }
}

/// Returns the plan of a reload from `old`, the configuration in force, to
/// `new`.
pub fn plan(old: &Config, new: &Config) -> Plan {
    let mut plan = Plan {
        config: new.clone(),
        changed: Vec::new(),
        needs_restart: Vec::new(),
    };
    for setting in settings::all() {
        let (before, after) = ((setting.write)(old), (setting.write)(new));
        if before == after {
            continue;
        }
        match setting.effect {
            Effect::Live => plan.changed.push(setting.key),
            Effect::Restart => {
                plan.needs_restart.push(setting.key);
                (setting.copy)(&mut plan.config, old);
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn live_settings_change_and_the_others_wait_for_a_restart() {
        let old = Config::default();
        let new = Config {
            poll_interval: std::time::Duration::from_secs(5),
            metrics_path: "/other".into(),
            map_max_entries: NonZeroU32::MIN,
            ipv4_prefix_length: 32,
            ipv6_prefix_length: 128,
            listen_address: Vec::new(),
            ..Config::default()
        };
        let plan = plan(&old, &new);
        let expected = Config {
            poll_interval: new.poll_interval,
            metrics_path: new.metrics_path,
            ..Config::default()
        };
        assert_eq!(plan.config, expected);
        assert_eq!(plan.changed, ["poll_interval", "metrics_path"]);
        assert_eq!(
            plan.warning().as_deref(),
            Some(
                "changed but in force only after a restart: \
                 map_max_entries, ipv4_prefix_length, ipv6_prefix_length, \
                 listen_address"
            )
        );
    }

    #[test]
    fn a_reload_of_the_same_configuration_changes_nothing() {
        let config = Config::default();
        let plan = plan(&config, &config);
        assert_eq!(plan.config, config);
        assert_eq!((plan.changed.len(), plan.warning()), (0, None));
    }
}
