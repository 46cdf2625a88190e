//! Compares the generated parts of the documents with the code, and writes them
//! anew if `UPDATE_DOCUMENTS` is set.

mod completions;
mod render;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use geoip_exporter::accounting::KernelCounter;
use geoip_exporter::config::{self, Flags, Paths, all};
use geoip_exporter::{cli, sysexits};

use crate::source::files;

const README: &str = "README.md";
const SETTINGS: &str = "docs/settings.md";
const METRICS: &str = "docs/metrics.md";
const OPERATION: &str = "docs/operation.md";
const TOP: &str = "docs/top.md";
const SAMPLE: &str = "etc/geoip-exporter.toml";
const UNIT: &str = "etc/geoip-exporter.service";
const INSTANCE: &str = "etc/geoip-exporter@.service";
const MAN_8: &str = "man/geoip-exporter.8";
const MAN_5: &str = "man/geoip-exporter.toml.5";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name))
        .unwrap_or_else(|error| panic!("cannot read {name}: {error}"))
}

/// Compares a document with the expected text, or writes it anew.
fn compare(name: &str, expected: &str) {
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        // Other tests may be reading it.
        let new = path(&format!("{name}.new"));
        fs::write(&new, expected).unwrap();
        fs::rename(new, path(name)).unwrap();
        return;
    }
    let found = text(name);
    let lines = found.lines().chain(["(end)"]);
    let wrong = lines.zip(expected.lines().chain(["(end)"])).enumerate();
    for (index, (found, expected)) in wrong {
        let line = index + 1;
        assert_eq!(
            found, expected,
            "{name}:{line} is out of date: run make docs"
        );
    }
    assert_eq!(found, expected, "{name} is out of date: run make docs");
}

/// Compares the text between the lines `begin` and `end`.
fn compare_between(name: &str, begin: &str, end: &str, expected: &str) {
    let found = text(name);
    let missing = || panic!("{name} lacks the line {begin} or {end}");
    let (before, rest) =
        found.split_once(&format!("{begin}\n")).unwrap_or_else(missing);
    let (_, after) =
        rest.split_once(&format!("{end}\n")).unwrap_or_else(missing);
    compare(name, &format!("{before}{begin}\n{expected}{end}\n{after}"));
}

/// Returns the text that readers see, without roff's escapes and line breaks.
fn plain(text: &str) -> String {
    let text = text.replace("\\-", "-").replace("\\&", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the words that begin with `prefix`, such as flags.
fn words<'a>(text: &'a str, prefix: &str) -> Vec<&'a str> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(prefix)
        .filter(|(at, _)| !text[..*at].ends_with(part))
        .map(|(at, _)| {
            let word = &text[at..];
            let end = word.find(|c| !part(c)).unwrap_or(word.len());
            word[..end].trim_end_matches('-')
        })
        .collect()
}

/// All of it in one test, as each part rewrites the same file.
#[test]
fn the_manual_of_the_program_lists_every_flag_metric_and_exit_code() {
    compare_between(
        MAN_8,
        ".\\\" commands:begin",
        ".\\\" commands:end",
        &render::man_commands(),
    );
    compare_between(
        MAN_8,
        ".\\\" command-flags:begin",
        ".\\\" command-flags:end",
        &render::man_flags_of_commands(),
    );
    compare_between(
        MAN_8,
        ".\\\" settings:begin",
        ".\\\" settings:end",
        &render::man_flags(),
    );
    compare_between(
        MAN_8,
        ".\\\" metrics:begin",
        ".\\\" metrics:end",
        &render::man_metrics(PAGE),
    );
    compare_between(
        MAN_8,
        ".\\\" keys:begin",
        ".\\\" keys:end",
        &render::man_keys(),
    );
    compare_between(
        MAN_8,
        ".\\\" exit-status:begin",
        ".\\\" exit-status:end",
        &render::man_exit_status(),
    );
}

#[test]
fn the_manual_of_the_configuration_describes_every_setting() {
    compare_between(
        MAN_5,
        ".\\\" settings:begin",
        ".\\\" settings:end",
        &render::man_settings(),
    );
}

#[test]
fn the_page_of_settings_lists_every_setting_and_flag() {
    compare_between(
        SETTINGS,
        "<!-- settings:begin -->",
        "<!-- settings:end -->",
        &render::settings(),
    );
}

/// A page of every family, which `exposition.rs` compares with the code.
const PAGE: &str = include_str!("../golden/metrics.txt");

#[test]
fn the_page_of_metrics_lists_every_metric() {
    compare_between(
        METRICS,
        "<!-- metrics:begin -->",
        "<!-- metrics:end -->",
        &render::metrics(PAGE),
    );
}

#[test]
fn the_page_of_operation_lists_every_exit_status() {
    compare_between(
        OPERATION,
        "<!-- exit-status:begin -->",
        "<!-- exit-status:end -->",
        &render::exit_statuses(),
    );
}

/// One test, as both parts rewrite the same file.
#[test]
fn the_page_of_the_view_lists_every_flag_and_key() {
    compare_between(
        TOP,
        "<!-- keys:begin -->",
        "<!-- keys:end -->",
        &render::keys(),
    );
    compare_between(
        TOP,
        "<!-- flags:begin -->",
        "<!-- flags:end -->",
        &render::flags_of_top(),
    );
}

/// Both units would differ in more than their names otherwise.
#[test]
fn the_unit_of_a_namespace_is_made_from_the_unit_of_the_machine() {
    compare(INSTANCE, &render::unit_of_instance(&text(UNIT)));
    assert_eq!(text(INSTANCE).matches("\nNetworkNamespacePath=").count(), 1);
}

/// Readers of the README want to start the exporter, not to study it.
#[test]
fn the_readme_is_short() {
    let words = text(README).split_whitespace().count();
    assert!(words <= 1_500, "{README} has {words} words");
}

/// Returns the documents in Markdown.
fn pages() -> Vec<String> {
    let mut pages = files(&["docs"], &[".md"]);
    let others = ["CONTRIBUTING.md", "SECURITY.md", README];
    pages.extend(others.map(String::from));
    pages
}

/// Returns the name that a heading has in links: in small letters, without
/// signs, with dashes between the words.
fn anchor(heading: &str) -> String {
    let kept =
        heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    for page in pages() {
        let shown = text(&page);
        let folder = path(&page).parent().unwrap().to_owned();
        for (_, rest) in
            shown.match_indices("](").map(|(at, _)| shown[at..].split_at(2))
        {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (file, heading) =
                target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => path(&page),
                _ => folder.join(file),
            };
            assert!(
                file.exists(),
                "{page} links to {target}, which is not there"
            );
            if !heading.is_empty() {
                let other = fs::read_to_string(&file).unwrap();
                let headings =
                    other.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings
                    .map(|line| anchor(line.trim_start_matches('#').trim()));
                assert!(
                    anchors.any(|anchor| anchor == heading),
                    "{page} links to {target}, which has no such heading"
                );
            }
        }
    }
}

#[test]
fn the_sample_configuration_holds_every_setting_at_its_default() {
    compare(SAMPLE, &render::sample());

    let nowhere = Paths {
        file: path(SAMPLE),
        directory: path("etc/no-such-directory"),
        databases: Vec::new(),
        ..Paths::default()
    };
    let commented = config::load(&Flags::default(), &[], &nowhere).unwrap();
    assert_eq!(commented.config, config::Config::default());

    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("uncommented.toml");
    fs::write(&file, render::uncommented(&text(SAMPLE))).unwrap();
    let paths = Paths { file: file.clone(), ..nowhere };
    let loaded = config::load(&Flags::default(), &[], &paths)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config, config::Config::default());
    for (key, source) in loaded.sources {
        let named = config::Source::File(file.clone());
        assert_eq!(source, named, "{key} is not in {SAMPLE}");
    }
}

#[test]
fn help_shows_every_setting_with_its_default() {
    let help = plain(&cli::command().render_help().to_string());
    for setting in all().filter(|setting| setting.has_flag()) {
        let default = match &*render::bare(&setting.default_value()) {
            "" => "empty".to_owned(),
            text => text.to_owned(),
        };
        for part in [
            format!("--{} ", setting.flag()),
            format!("{}; {}", setting.summary, setting.expected),
            format!("[default: {default}]"),
        ] {
            let key = setting.key;
            assert!(help.contains(&part), "--help on {key} lacks {part:?}");
        }
    }
}

/// A flag or variable that was renamed must not live on in a sentence.
#[test]
fn no_document_names_a_flag_or_variable_that_does_not_exist() {
    let command = cli::command();
    let of_commands =
        command.get_subcommands().flat_map(|one| one.get_arguments());
    let flags: Vec<String> = command
        .get_arguments()
        .chain(of_commands)
        .filter_map(|argument| argument.get_long())
        .map(|flag| format!("--{flag}"))
        .collect();
    let mut variables: Vec<String> =
        all().map(config::Setting::variable).collect();
    variables.push(config::CONFIG_VARIABLE.into());
    for name in [MAN_8, MAN_5, SAMPLE] {
        let text = plain(&text(name));
        for flag in words(&text, "--").iter().filter(|flag| flag.len() > 2) {
            assert!(
                flags.iter().any(|known| known == flag),
                "{name} names {flag}, which does not exist"
            );
        }
        for variable in words(&text, "GEOIP_EXPORTER_") {
            let known = variables.iter().any(|known| known == variable);
            assert!(
                known || variable == "GEOIP_EXPORTER_",
                "{name} names {variable}, which does not exist"
            );
        }
    }
}

/// The names stand in the collectors' sources as whole strings, except those of
/// the counters of the kernel side.
#[test]
fn the_manual_names_every_metric_and_no_other() {
    let mut exported = BTreeSet::new();
    let mut directories = vec![path("src/collectors")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let file = entry.unwrap().path();
            if file.is_dir() {
                directories.push(file);
                continue;
            }
            let source = fs::read_to_string(file).unwrap();
            let parts = source.split('"');
            let names = parts.filter(|part| {
                let name = |c: char| c.is_ascii_lowercase() || c == '_';
                part.starts_with("geoip_") && part.chars().all(name)
            });
            exported.extend(names.map(String::from));
        }
    }
    let of_kernel = KernelCounter::ALL.into_iter().filter_map(|it| it.metric());
    exported.extend(of_kernel.map(|(name, _)| name.to_owned()));
    assert!(exported.len() > 20, "only {exported:?} were found");
    let manual = text(MAN_8);
    let (_, metrics) = manual.split_once(".SH METRICS").unwrap();
    let (metrics, _) = metrics.split_once(".SH").unwrap();
    let documented: BTreeSet<String> =
        words(metrics, "geoip_").into_iter().map(String::from).collect();
    assert_eq!(documented, exported, "left: {MAN_8}, right: the collectors");
}

#[test]
fn the_manuals_name_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    for name in [MAN_8, MAN_5, "man/geoip-exporter-fetch.8"] {
        let found = text(name);
        let head = found.lines().find(|line| line.starts_with(".TH ")).unwrap();
        let (before, rest) = head.split_once("\"\" ").unwrap();
        let (_, after) = rest.rsplit_once(" \"").unwrap();
        let head_now =
            format!("{before}\"\" \"geoip\\-exporter {version}\" \"{after}");
        compare(name, &found.replacen(head, &head_now, 1));
    }
}

#[test]
fn every_exit_code_is_documented_once() {
    let codes: Vec<u8> = sysexits::ALL.map(|(code, ..)| code).into();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(codes, sorted, "in ascending order, each once");
}

#[test]
fn every_setting_says_something_about_itself() {
    for setting in all() {
        let key = setting.key;
        assert!(!setting.summary.is_empty(), "{key} has no summary");
        assert!(!setting.summary.ends_with('.'), "{key}: summary");
        assert!(setting.details.ends_with('.'), "{key}: details");
        assert!(!setting.expected.is_empty(), "{key}: expected");
    }
}
