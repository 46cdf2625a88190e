//! The completions of shells, made from the definitions of the command line.

use std::process::Command;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ValueHint};
use clap_complete::{Shell, generate};
use geoip_exporter::cli::{self, SORTS, SUBJECTS, VIEWS};
use geoip_exporter::config::all;

use super::{compare, path};

const BASH: &str = "etc/completions/geoip-exporter.bash";

/// Shells look for these names.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, BASH),
    (Shell::Zsh, "etc/completions/_geoip-exporter"),
    (Shell::Fish, "etc/completions/geoip-exporter.fish"),
];

#[test]
fn the_completions_offer_every_command_and_flag() {
    for (shell, file) in COMPLETIONS {
        compare(file, &completions(shell));
    }
}

/// Returns what bash offers for the last word of a command line.
fn offered(words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        . "$0"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _geoip__exporter geoip-exporter "${@: -1}" "${@: -2:1}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Command::new("bash")
        .args(["-c", ASK])
        .arg(path(BASH))
        .arg("geoip-exporter")
        .args(words)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(offered(&["rem"]), ["remove-pins"]);
    assert_eq!(offered(&["--poll-i"]), ["--poll-interval"]);
    assert_eq!(offered(&["top", "--onc"]), ["--once"]);
    assert_eq!(offered(&["report", "--by", "co"]), ["country"]);
    assert_eq!(offered(&["print-config", "--log-fo"]), ["--log-format"]);
    assert_eq!(offered(&["--log-format", "j"]), ["json"]);
    assert_eq!(offered(&["--sandbox", "f"]), ["false"]);
    let hidden = offered(&["--ends"]);
    assert!(hidden.join("").is_empty(), "{hidden:?}");
}

/// Returns the completions of a shell.
fn completions(shell: Shell) -> String {
    let with_values =
        |command: clap::Command| command.mut_args(with_values_of_shell);
    let mut command = with_values(cli::command()).mut_subcommands(with_values);
    let mut text = Vec::new();
    generate(shell, &mut command, "geoip-exporter", &mut text);
    let text = String::from_utf8(text).expect("completions are UTF-8");
    // clap_complete 4.6 writes the hyphen of the program in two ways in the
    // completions of bash, and so finds no command. It lists hidden flags too.
    let mut text = text.replace("geoip__subcmd__exporter", "geoip__exporter");
    for hidden in command.get_arguments().filter(|it| it.is_hide_set()) {
        let long = hidden.get_long().expect("a hidden flag has a name");
        text = text.replace(&format!(" --{long} "), " ");
    }
    // `git diff --check` wants no spaces at the end.
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

/// Adds what a shell can offer for the value of a flag. The program itself
/// tests values later, with the other layers of the configuration.
fn with_values_of_shell(argument: Arg) -> Arg {
    let Some(name) = argument.get_value_names().map(|names| names[0].clone())
    else {
        return argument;
    };
    let values = values(argument.get_id().as_str(), &name);
    if !values.is_empty() {
        return argument.value_parser(PossibleValuesParser::new(values));
    }
    match name.as_str() {
        "FILE" => argument.value_hint(ValueHint::FilePath),
        "DIRECTORY" => argument.value_hint(ValueHint::DirPath),
        _ => argument.value_hint(ValueHint::Other),
    }
}

/// Returns the values of a flag that takes one of a few words.
fn values(key: &str, value_name: &str) -> Vec<&'static str> {
    match key {
        "view" => return VIEWS.into(),
        "sort" => return SORTS.into(),
        "by" => return SUBJECTS.into(),
        _ => {}
    }
    let setting = all().find(|setting| setting.key == key);
    let expected = setting.map_or("", |setting| setting.expected);
    match expected.strip_prefix("one of ") {
        Some(words) => words.split([',', ' ']).filter(is_value).collect(),
        None if value_name == "BOOL" => vec!["true", "false"],
        None => Vec::new(),
    }
}

fn is_value(word: &&str) -> bool {
    !word.is_empty() && *word != "and"
}
