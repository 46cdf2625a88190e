//! Writes the generated parts of the documents from the table of settings.

use geoip_exporter::cli;
use geoip_exporter::commands::KEYS;
use geoip_exporter::config::{Effect, Setting, all};
use geoip_exporter::sysexits;

/// Shows a value as a flag takes it: text without quotes.
pub(super) fn bare(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}

fn effect(setting: &Setting) -> &'static str {
    match setting.effect {
        Effect::Live => "at a reload",
        Effect::Restart => "at the next start",
    }
}

/// The flags that are no settings, with their short form and help.
fn other_flags() -> Vec<(String, String)> {
    flags(&cli::command(), None)
}

/// The flags of a command under a heading, with their help.
fn flags(
    command: &clap::Command,
    heading: Option<&str>,
) -> Vec<(String, String)> {
    command
        .get_arguments()
        .filter(|argument| argument.get_help_heading() == heading)
        .filter(|argument| !argument.is_hide_set())
        .filter_map(|argument| {
            let mut names = format!("--{}", argument.get_long()?);
            if let Some(short) = argument.get_short() {
                names = format!("-{short}, {names}");
            }
            if argument.get_action().takes_values() {
                let value = argument.get_value_names().unwrap_or_default();
                names += &format!(" {}", value[0]);
            }
            Some((names, argument.get_help()?.to_string()))
        })
        .collect()
}

/// The flags of the terminal view alone.
fn top_flags() -> Vec<(String, String)> {
    let command = cli::command();
    let command = command.find_subcommand("top").expect("there is a view");
    flags(command, Some("Flags of this command"))
}

/// Rows of a table in Markdown.
fn rows(of: impl IntoIterator<Item = (String, String)>) -> String {
    let rows = of.into_iter().map(|(name, text)| {
        let mut text = text;
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        format!("| {name} | {text}. |\n")
    });
    rows.collect()
}

/// The keys of the terminal view.
pub(super) fn keys() -> String {
    let keys = KEYS.map(|(key, effect)| (key.into(), effect.into()));
    format!("| Key | Effect |\n|---|---|\n{}", rows(keys))
}

/// The flags of the terminal view.
pub(super) fn flags_of_top() -> String {
    let flags = top_flags().into_iter();
    let flags = flags.map(|(names, help)| (format!("`{names}`"), help));
    format!("| Flag | Effect |\n|---|---|\n{}", rows(flags))
}

/// The commands, with their help.
fn commands() -> Vec<(String, String)> {
    let command = cli::command();
    let commands = command.get_subcommands();
    commands
        .map(|command| {
            let about = command.get_about().unwrap().to_string();
            (command.get_name().to_owned(), about)
        })
        .collect()
}

/// The tables of the page of settings.
pub(super) fn settings() -> String {
    let mut text = String::from(
        "| Setting and flag | Default | Purpose | Allowed | A change \
         takes effect |\n|---|---|---|---|---|\n",
    );
    for setting in all() {
        let flag = match setting.has_flag() {
            true => format!("<br>`--{}`", setting.flag()),
            false => String::new(),
        };
        text += &format!(
            "| `{}`{flag} | `{}` | {} | {} | {} |\n",
            setting.key,
            setting.default_value(),
            setting.summary,
            setting.expected,
            effect(setting),
        );
    }
    text += "\n| Command | Purpose |\n|---|---|\n";
    for (name, help) in commands() {
        text += &format!("| `{name}` | {help} |\n");
    }
    text += "\n| Flag | Purpose |\n|---|---|\n";
    for (names, help) in other_flags() {
        text += &format!("| `{names}` | {help} |\n");
    }
    text
}

/// A metric family, as a page that has all of them shows it.
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    kind: &'a str,
    labels: Vec<&'a str>,
}

/// Reads the families of an exposition in the text format.
fn families(page: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            let labels = Vec::new();
            families.push(Family { name, help, kind: "", labels });
            continue;
        }
        let family = families.last_mut().unwrap();
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family.kind = rest.split_once(' ').unwrap().1;
        } else if let Some((_, labels)) = line.split_once('{') {
            // No value in the test's page has an equals sign in it.
            let names = labels.split('=').filter_map(|part| {
                part.rsplit(['{', ',', '"']).next().filter(|n| !n.is_empty())
            });
            family.labels = names.filter(|name| !name.contains('}')).collect();
        }
    }
    families
}

/// The table of metrics.
pub(super) fn metrics(page: &str) -> String {
    let mut text = String::from(
        "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for Family { name, help, kind, labels } in families(page) {
        let labels: Vec<_> =
            labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        text += &format!("| `{name}` | {kind} | {labels} | {help} |\n");
    }
    text
}

/// The metrics of the program's manual.
pub(super) fn man_metrics(page: &str) -> String {
    let mut text = String::new();
    for Family { name, help, labels, .. } in families(page) {
        text += &format!(".TP\n.B {name}\n{}\n", roff(help));
        if !labels.is_empty() {
            text += &format!("Labels: {}.\n", labels.join(", "));
        }
    }
    text
}

/// The table of exit statuses.
pub(super) fn exit_statuses() -> String {
    let mut text = String::from("| Status | Meaning |\n|---|---|\n");
    for (code, name, meaning) in sysexits::ALL {
        text += &format!("| {code} ({name}) | {meaning} |\n");
    }
    text
}

const SAMPLE_HEAD: &str = "\
# The configuration of geoip-exporter; geoip-exporter.toml(5) says more.
#
# Every setting is here at its default. To change one, remove the # before it.
# Files in /etc/geoip-exporter.d override this one, environment variables
# (GEOIP_EXPORTER_POLL_INTERVAL) those, and flags (--poll-interval) all.
#
# geoip-exporter check finds mistakes, and a SIGHUP reads it again.
";

/// The sample configuration.
pub(super) fn sample() -> String {
    let mut text = SAMPLE_HEAD.to_owned();
    let mut heading = "";
    for setting in all() {
        let (table, key) =
            setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if table != heading {
            text += &format!("\n#[{table}]\n");
            heading = table;
        }
        let allowed = format!("Allowed: {}.", setting.expected);
        let restart = match setting.effect {
            Effect::Live => "",
            Effect::Restart => " Needs a restart.",
        };
        text += "\n";
        for paragraph in [
            &format!("{}.", setting.summary),
            setting.details,
            &format!("{allowed}{restart}"),
        ] {
            for line in wrapped(paragraph, 76) {
                text += &format!("# {line}\n");
            }
        }
        text += &format!("#{key} = {}\n", setting.default_value());
    }
    text
}

/// Removes the comment sign before each setting.
pub(super) fn uncommented(sample: &str) -> String {
    sample
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The commands of the program's manual.
pub(super) fn man_commands() -> String {
    let lines = commands().into_iter().map(|(name, help)| {
        format!(".TP\n.B {}\n{}.\n", roff(&name), roff(&help))
    });
    lines.collect()
}

/// The flags of the commands that have many, in the program's manual.
pub(super) fn man_flags_of_commands() -> String {
    let command = cli::command();
    let mut text = String::new();
    for name in ["top", "report"] {
        let command = command.find_subcommand(name).unwrap();
        text += &format!(".SS {name}\n");
        for (names, help) in flags(command, Some("Flags of this command")) {
            text += &format!(".TP\n.B {}\n{}.\n", roff(&names), roff(&help));
        }
    }
    text
}

/// The options of the program's manual.
pub(super) fn man_flags() -> String {
    let mut text = String::new();
    for (names, help) in other_flags() {
        text += &format!(".TP\n.B {}\n{}.\n", roff(&names), roff(&help));
    }
    for setting in all().filter(|setting| setting.has_flag()) {
        text += &format!(
            ".TP\n.BI {} \" {}\"\n{}; {}.\nDefault: {}.\n",
            roff(&format!("--{}", setting.flag())),
            setting.value_name,
            roff(setting.summary),
            roff(setting.expected),
            roff(&bare(&setting.default_value())),
        );
    }
    text
}

/// The keys of the terminal view in the program's manual.
pub(super) fn man_keys() -> String {
    let lines = KEYS.map(|(key, effect)| {
        format!(".TP\n.B {}\n{}.\n", roff(key), roff(effect))
    });
    lines.concat()
}

/// The settings of the configuration's manual.
pub(super) fn man_settings() -> String {
    let mut text = String::new();
    for setting in all() {
        text += &format!(".TP\n.B {}\n", roff(setting.key));
        text += &format!("{}.\n", roff(setting.summary));
        for line in wrapped(setting.details, 76) {
            text += &format!("{}\n", roff(&line));
        }
        text += &format!(
            ".RS\n.IP \\(bu 2\nAllowed: {}, such as {}.\n.IP \\(bu 2\n\
             Default: {}.\n.IP \\(bu 2\nA change takes effect {}.\n",
            roff(setting.expected),
            roff(setting.example),
            roff(&setting.default_value().to_string()),
            effect(setting),
        );
        if setting.has_flag() {
            text += &format!(
                ".IP \\(bu 2\nFlag\n.BR {} ,\nvariable\n.BR {} .\n",
                roff(&format!("--{}", setting.flag())),
                roff(&setting.variable()),
            );
        }
        text += ".RE\n";
    }
    text
}

/// The exit codes of the program's manual.
pub(super) fn man_exit_status() -> String {
    sysexits::ALL
        .iter()
        .map(|(code, name, meaning)| {
            format!(".TP\n.B {code} ({name})\n{}\n", roff(meaning))
        })
        .collect()
}

/// Escapes the characters that roff would interpret.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() {
            *last = word.into();
        } else if last.len() + 1 + word.len() <= width {
            *last += &format!(" {word}");
        } else {
            lines.push(word.into());
        }
    }
    lines
}

/// The head of the unit for instances, and its first lines under `[Service]`.
const HEAD_OF_INSTANCE: &str = "\
# Made from geoip-exporter.service by `make docs`.
#
# An exporter of its own in a network namespace of ip-netns(8):
#   systemctl enable --now geoip-exporter@NAME
# Settings of one instance are variables in a drop-in (systemctl edit
# geoip-exporter@NAME), and stand above those of the files, which all share.
";
const NAMESPACE_OF_INSTANCE: &str = "
[Service]
NetworkNamespacePath=/run/netns/%I
# Or, in a drop-in, an exporter of its own for an interface of this namespace, with
# an address of its own:
#   NetworkNamespacePath=
#   Environment=GEOIP_EXPORTER_INTERFACES=%I
#   Environment=GEOIP_EXPORTER_LISTEN_ADDRESS=127.0.0.1:9101
";

/// The unit for instances: the unit of the machine, with other directories.
pub(super) fn unit_of_instance(unit: &str) -> String {
    let mut text = unit
        .replace("\n[Service]\n", NAMESPACE_OF_INSTANCE)
        .replace("for Prometheus\n", "for Prometheus, instance %I\n")
        .replace("geoip-exporter.service/", "geoip-exporter@%i.service/")
        .replace(
            "(systemctl edit geoip-exporter)",
            "(systemctl edit geoip-exporter@NAME)",
        );
    for place in ["/var/lib", "/run", "%S", "%t", "/sys/fs/bpf"] {
        let name = format!("{place}/geoip-exporter");
        text = text.replace(&name, &format!("{name}-%i"));
    }
    for key in ["StateDirectory", "RuntimeDirectory"] {
        let line = format!("\n{key}=geoip-exporter");
        text = text.replace(&line, &format!("{line}-%i"));
    }
    format!("{HEAD_OF_INSTANCE}{text}")
}
