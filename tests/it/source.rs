//! Reads the project's own sources: the paths that a file names outside of its
//! tests.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A Rust file.
pub(crate) struct Source {
    /// From the root of the project on.
    pub(crate) path: String,
    pub(crate) text: String,
    tokens: Vec<TokenTree>,
}

/// Returns the files below these folders with this end, in order of name.
pub(crate) fn files(folders: &[&str], ends: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if ends.iter().any(|&end| name.ends_with(end)) {
                let path = path.strip_prefix(root).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort_unstable();
    found
}

pub(crate) fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).unwrap()
}

/// Returns the program's own files, without those that are all tests.
pub(crate) fn program() -> Vec<Source> {
    files(&["src"], &[".rs"])
        .into_iter()
        .filter(|path| !path.ends_with("/tests.rs"))
        .map(|path| Source::new(path.clone(), read(&path)))
        .collect()
}

impl Source {
    pub(crate) fn new(path: String, text: String) -> Self {
        let tokens: TokenStream = text.parse().unwrap();
        let tokens = without_tests(tokens);
        Self { path, text, tokens }
    }

    /// Returns whether the head of the file says that it has no effects.
    pub(crate) fn is_pure(&self) -> bool {
        let mut head = self.text.lines().take_while(|l| l.starts_with("//!"));
        head.any(|line| line.starts_with("//! Pure: "))
    }

    /// Returns the file's place in the tree of modules, `[]` for the root.
    pub(crate) fn module(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").unwrap();
        let path = path.strip_suffix(".rs").unwrap();
        let mut module: Vec<&str> = path.split('/').collect();
        if module == ["lib"] || module.last() == Some(&"mod") {
            module.pop();
        }
        module
    }

    /// Returns every path in the file, such as `std::fs::read`, lists in
    /// braces taken apart, and every single name.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        collect_paths(&self.tokens, &mut paths);
        paths
    }

    /// Returns the paths of this project in the file, from the root on.
    pub(crate) fn own_paths(&self) -> Vec<String> {
        let module = self.module();
        let from_root = |path: String| {
            let path = path
                .replace("geoip_exporter::", "crate::")
                .replace("self::super::", "super::");
            if let Some(path) = path.strip_prefix("crate::") {
                return Some(path.to_owned());
            }
            let rest = path.trim_start_matches("super::");
            let levels = (path.len() - rest.len()) / "super::".len();
            let parents = module.len().checked_sub(levels)?;
            (levels > 0).then(|| {
                let mut parts = module[..parents].to_vec();
                parts.push(rest);
                parts.join("::")
            })
        };
        self.paths().into_iter().filter_map(from_root).collect()
    }
}

/// Takes out every item marked `#[cfg(test)]`.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_mark = is_punct(&token, '#')
            && tokens.peek().is_some_and(|next| {
                next.to_string().replace(' ', "") == "[cfg(test)]"
            });
        if is_mark {
            // Up to its body or its semicolon.
            for token in tokens.by_ref() {
                let is_body = matches!(&token, TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Brace);
                if is_body || is_punct(&token, ';') {
                    break;
                }
            }
        } else {
            kept.push(token);
        }
    }
    kept
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn collect_paths(tokens: &[TokenTree], paths: &mut Vec<String>) {
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(_) => at += path(&tokens[at..], "", paths),
            TokenTree::Group(group) => {
                collect_paths(&without_tests(group.stream()), paths);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Takes one path, which may end in a list of paths in braces. Returns how
/// many tokens it has.
fn path(tokens: &[TokenTree], before: &str, paths: &mut Vec<String>) -> usize {
    let mut name = before.to_owned();
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => name += &ident.to_string(),
            Some(TokenTree::Group(group))
                if at > 0 && group.delimiter() == Delimiter::Brace =>
            {
                let inner: Vec<_> = group.stream().into_iter().collect();
                let items = inner.split(|token| is_punct(token, ','));
                for item in items.filter(|item| !item.is_empty()) {
                    path(item, &name, paths);
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        let goes_on = tokens.get(at).is_some_and(|t| is_punct(t, ':'))
            && tokens.get(at + 1).is_some_and(|t| is_punct(t, ':'));
        if !goes_on {
            break;
        }
        name += "::";
        at += 2;
    }
    let name = name.trim_end_matches("::self").trim_end_matches("::");
    paths.push(name.to_owned());
    at.max(1)
}

#[test]
fn paths_are_found_in_lists_and_code_and_not_in_tests_text_or_comments() {
    let text = "
        //! crate::comment
        use crate::a::{self, b::C, d::{E, F as _}};
        use super::sibling;
        #[cfg(test)]
        use crate::test_only;
        /// [`crate::documented`]
        fn f() -> crate::g::H { super::super::up(\"crate::text\") }
        #[cfg(test)]
        mod tests { use crate::tested; }
        impl X for Y { #[cfg(test)] fn t() { crate::tested() } }
    ";
    let source = Source::new("src/one/two.rs".into(), text.into());
    assert_eq!(
        source.own_paths(),
        ["a", "a::b::C", "a::d::E", "a::d::F", "one::sibling", "g::H", "up"]
    );
    let root = Source::new("src/one/mod.rs".into(), text.into());
    assert!(root.own_paths().contains(&"sibling".to_owned()));
}
