//! Tests the rules of `src/lib.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Source};

/// The paths that a pure file must not name.
const EFFECTS: [&str; 19] = [
    "aya",
    "aya_obj",
    "crate::logging",
    "crossbeam_channel",
    "libc",
    "netlink_sys",
    "signal_hook",
    "slog",
    "slog_json",
    "slog_term",
    "std::env",
    "std::fs",
    "std::os",
    "std::process",
    "std::sync::mpsc",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
];

/// The paths that only `src/kernel/` may name.
const KERNEL_ONLY: [&str; 5] = [
    "aya",
    "aya_obj",
    "netlink_packet_core",
    "netlink_packet_route",
    "netlink_sys",
];

/// Most lines of a file, the tests at its end left out.
const LONGEST: usize = 400;

/// Most lines of `main`, which decides nothing.
const LONGEST_MAIN: usize = 60;

/// Returns whether `path` is `prefix` or something in it.
fn is_in(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Returns the table of `src/lib.rs`: modules from top to bottom, each with the
/// modules that it may use.
fn rules() -> Vec<(String, Vec<String>)> {
    let text = source::read("src/lib.rs");
    let mut rules = Vec::new();
    for line in text.lines() {
        let Some(line) = line.strip_prefix("//! ") else { continue };
        if let Some((module, used)) = line.split_once('→') {
            let used = used.split(',').map(|name| name.trim().to_owned());
            rules.push((module.trim().to_owned(), used.collect()));
        }
    }
    assert!(rules.len() > 5, "the table of src/lib.rs is gone");
    rules
}

/// Returns the modules of the crate, `main` among them.
fn modules(sources: &[Source]) -> BTreeSet<String> {
    let names = sources.iter().filter_map(|one| one.module().first().copied());
    names.map(str::to_owned).collect()
}

/// Returns the uses of other modules: the module, the path and the file.
fn uses(sources: &[Source]) -> BTreeMap<(String, String), String> {
    let modules = modules(sources);
    let mut uses = BTreeMap::new();
    for one in sources {
        let Some(&from) = one.module().first() else { continue };
        for path in one.own_paths() {
            let to = path.split("::").next().unwrap_or_default();
            // Other paths are re-exported by the root, or `super` inside a
            // nested module.
            if to != from && modules.contains(to) {
                uses.insert((from.to_owned(), path), one.path.clone());
            }
        }
    }
    uses
}

#[test]
fn modules_use_only_what_the_table_of_the_library_allows() {
    let sources = source::program();
    let rules = rules();
    let mut faults = Vec::new();
    for ((from, path), place) in uses(&sources) {
        let allowed = rules.iter().any(|(module, used)| {
            *module == from
                && used.iter().any(|name| {
                    name == "everything below" || is_in(&path, name)
                })
        });
        if !allowed {
            faults.push(format!("{place} uses {path}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_arrow_of_the_table_points_down_and_is_used() {
    let sources = source::program();
    let (modules, uses) = (modules(&sources), uses(&sources));
    let rules = rules();
    for (line, (module, used)) in rules.iter().enumerate() {
        assert!(modules.contains(module), "there is no module {module}");
        for name in used.iter().filter(|&name| name != "everything below") {
            let to = name.split("::").next().unwrap_or_default();
            assert!(modules.contains(to), "there is no module {to}");
            let above = rules[..=line].iter().any(|(other, _)| other == to);
            assert!(!above, "{module} → {name} points up");
            let used = uses
                .keys()
                .any(|(from, path)| from == module && is_in(path, name));
            assert!(used, "{module} does not use {name}");
        }
    }
}

#[test]
fn the_files_of_the_configuration_form_no_circle() {
    let mut uses = BTreeMap::<String, BTreeSet<String>>::new();
    for one in source::program() {
        let ["config", from, ..] = one.module()[..] else { continue };
        let used = uses.entry(from.to_owned()).or_default();
        for path in one.own_paths() {
            let mut parts = path.split("::");
            let is_config = parts.next() == Some("config");
            let to = parts.next().filter(|&to| is_config && to != from);
            used.extend(to.map(str::to_owned));
        }
    }
    assert!(uses.len() > 10, "{uses:#?}");
    // A file that uses no other one is in no circle.
    loop {
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        uses.retain(|_, used| !used.is_disjoint(&left));
        if uses.len() == left.len() {
            break;
        }
    }
    assert!(uses.is_empty(), "{uses:#?}");
}

#[test]
fn pure_files_name_nothing_that_has_effects() {
    let mut faults = Vec::new();
    let sources = source::program();
    let pure: Vec<_> = sources.iter().filter(|one| one.is_pure()).collect();
    assert!(pure.len() > 20, "the heads of pure files read otherwise");
    for one in pure {
        for path in one.paths() {
            let has_effects = EFFECTS.iter().any(|&name| is_in(&path, name))
                || path.ends_with("Instant::now")
                || path.ends_with("SystemTime::now")
                || path.starts_with("std::net::Tcp")
                || path.starts_with("std::net::Udp")
                || ["println", "eprintln"].contains(&path.as_str());
            if has_effects {
                faults.push(format!("{} names {path}", one.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A file with children cannot forbid `unsafe`: a child may need it later.
#[test]
fn pure_files_without_children_forbid_unsafe_code() {
    for one in source::program().iter().filter(|one| one.is_pure()) {
        let has_children = one.path.ends_with("/mod.rs");
        let forbids = one.text.contains("\n#![forbid(unsafe_code)]\n");
        assert!(has_children || forbids, "{} does not", one.path);
    }
}

#[test]
fn only_the_kernel_side_is_unsafe_and_knows_the_kernel() {
    let mut with_unsafe = Vec::new();
    for one in source::program() {
        let is_kernel = one.path.starts_with("src/kernel/");
        let paths = one.paths();
        if paths.iter().any(|path| path == "unsafe") {
            with_unsafe.push(one.path.clone());
        }
        for path in paths {
            let is_kernels = KERNEL_ONLY.iter().any(|&k| is_in(&path, k));
            assert!(is_kernel || !is_kernels, "{} names {path}", one.path);
        }
    }
    let expected = ["mapping.rs", "sys/bpf.rs", "sys/mod.rs", "sys/tracing.rs"];
    assert_eq!(with_unsafe, expected.map(|it| format!("src/kernel/{it}")));
}

#[test]
fn no_file_is_long() {
    let paths =
        source::files(&["src", "bpf-src", "tests"], &[".rs", ".c", ".h"]);
    for path in paths {
        let text = source::read(&path);
        let code = text.split("\n#[cfg(test)]\nmod tests {").next();
        let lines = code.unwrap_or_default().lines().count();
        assert!(lines <= LONGEST, "{path} has {lines} lines");
    }
    let main = source::read("src/main.rs").lines().count();
    assert!(main <= LONGEST_MAIN, "src/main.rs has {main} lines");
}
