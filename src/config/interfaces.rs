//! The list of interfaces, and which names the kernel could ever give.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::Value;

use super::Interfaces;
use super::values::{Fault, found, quoted};

/// What a TOML array has in it, and no name that anybody gives.
const TOML_SIGNS: [char; 4] = ['[', ']', '"', '\''];

/// Reads `any`, a comma list or a list of interface names.
pub(super) fn interfaces(value: &Value) -> Result<Interfaces, Fault> {
    let parts: Vec<&str> = match value {
        Value::String(_, text) => vec![text],
        Value::Array(_, items) => items
            .iter()
            .map(|item| item.as_str().ok_or(Fault::NotExpected))
            .collect::<Result<_, _>>()?,
        _ => return Err(Fault::NotExpected),
    };
    if let Some(part) = parts.iter().find(|part| part.contains(TOML_SIGNS)) {
        return Err(Fault::Because(format!(
            "{} has quotes or brackets: write {}",
            quoted(part),
            quoted(&without_toml_signs(part))
        )));
    }
    let mut names: Vec<&str> = Vec::new();
    for name in parts.iter().flat_map(|part| part.split(',')).map(str::trim) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let faults: Vec<String> =
        names.iter().filter_map(|name| name_fault(name)).collect();
    if !faults.is_empty() {
        return Err(Fault::Because(faults.join("; ")));
    }
    match names[..] {
        [] => Err(Fault::Because(format!(
            "{} names no interface: name one, such as \"eth0\", or \"any\"",
            found(value)
        ))),
        ["any"] => Ok(Interfaces::Any),
        _ if names.contains(&"any") => Err(Fault::Because(format!(
            "{} has \"any\" beside other names: \"any\" stands alone",
            found(value)
        ))),
        _ => {
            Ok(Interfaces::Named(names.into_iter().map(String::from).collect()))
        }
    }
}

/// Returns the list that text such as `["eth0", "wg0"]` means.
fn without_toml_signs(text: &str) -> String {
    let plain = text.replace(TOML_SIGNS, "");
    match interfaces(&plain.into()) {
        Ok(Interfaces::Any) => "any".into(),
        Ok(Interfaces::Named(names)) => names.join(","),
        Err(_) => "eth0,wg0".into(),
    }
}

/// Says why the kernel could never have an interface of this name.
fn name_fault(name: &str) -> Option<String> {
    // IFNAMSIZ is 16 with the closing zero; the other rules are those of
    // dev_valid_name() in net/core/dev.c.
    const LONGEST: usize = 15;
    let why = if name.len() > LONGEST {
        "has more than 15 bytes"
    } else if name == "." || name == ".." {
        "is a directory"
    } else if name.contains(['/', ':']) {
        "has a slash or colon"
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "has white space"
    } else {
        return None;
    };
    Some(format!(
        "{} is not an interface name, such as \"eth0\": it {why}",
        quoted(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_that_are_accepted_are_names_the_kernel_accepts(
            text in prop_oneof![".*", "[a-c./: ,]{0,20}", "[a-z,]{0,40}",
                r#"\[["'a-c,\]]{0,20}"#]
        ) {
            let Ok(Interfaces::Named(names)) = interfaces(&text.as_str().into())
            else {
                return Ok(());
            };
            prop_assert!(!names.is_empty());
            for name in &names {
                prop_assert!((1..=15).contains(&name.len()));
                prop_assert!(!name.contains(['/', ':', ' ', ',', '[', '"']));
                prop_assert!(name != "any" && name != "." && name != "..");
                prop_assert_eq!(names.iter().filter(|n| *n == name).count(), 1);
            }
        }
    }
}
