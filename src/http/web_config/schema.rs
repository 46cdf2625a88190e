//! The keys of a `web.config.file`.
//!
//! The format is that of Prometheus' exporter-toolkit. A setting that the
//! exporter does not support is a fault that says so: a certificate that is not
//! asked for, or a limit that does not hold, must not go unseen.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use bcrypt::HashParts;

use super::Fault;
use super::reader::{Reader, join};
use super::yaml::{Node, Value};

/// Dearer hashes would take seconds for every password that is tried.
const HIGHEST_COST: u32 = 16;

/// A file's contents, checked but for the files it names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WebConfig {
    pub(super) tls: Option<TlsSettings>,
    pub(super) headers: Vec<(String, String)>,
    /// Names and bcrypt hashes.
    pub(super) users: BTreeMap<String, String>,
    /// Settings without effect.
    pub(super) warnings: Vec<Fault>,
}

/// The settings of TLS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TlsSettings {
    pub(super) certificate: Pem,
    pub(super) key: Pem,
    pub(super) client_ca: Option<Pem>,
    pub(super) client_auth: ClientAuth,
    /// Lowest and highest version.
    pub(super) versions: (Version, Version),
    /// Those of TLS 1.2, by the names of IANA.
    pub(super) cipher_suites: Option<Vec<(usize, String)>>,
    pub(super) curves: Option<Vec<(usize, String)>>,
    pub(super) prefer_server_order: bool,
    pub(super) line: usize,
}

/// The place of PEM text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) key: &'static str,
    pub(super) line: usize,
    /// The text itself, or a file's path.
    pub(super) text: String,
    pub(super) is_inline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    None,
    VerifyIfGiven,
    Require,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

/// Reads the file's contents.
///
/// # Errors
/// If something is wrong: all faults.
pub(super) fn read(root: &Node) -> Result<WebConfig, Vec<Fault>> {
    let mut reader = Reader::default();
    let mut config = WebConfig::default();
    let keys = ["tls_server_config", "http_server_config", "basic_auth_users"];
    for (key, node) in reader.entries(root, "", &keys, &["rate_limit"]) {
        match key {
            "tls_server_config" => config.tls = reader.tls(node),
            "http_server_config" => reader.http(node, &mut config),
            _ => config.users = reader.users(node),
        }
    }
    match reader.faults.is_empty() {
        true => Ok(config),
        false => Err(reader.faults),
    }
}

impl Reader {
    fn tls(&mut self, node: &Node) -> Option<TlsSettings> {
        const PARENT: &str = "tls_server_config";
        let known = [
            "cert",
            "cert_file",
            "key",
            "key_file",
            "client_ca",
            "client_ca_file",
            "client_auth_type",
            "min_version",
            "max_version",
            "cipher_suites",
            "curve_preferences",
            "prefer_server_cipher_suites",
        ];
        let entries =
            self.entries(node, PARENT, &known, &["client_allowed_sans"]);
        // As with other exporters, an empty section is none.
        if entries.is_empty() {
            return None;
        }
        let mut pems: BTreeMap<&str, Pem> = BTreeMap::new();
        let mut client_auth = ClientAuth::None;
        let (mut low, mut high) = (Version::Tls12, Version::Tls13);
        let (mut cipher_suites, mut curves) = (None, None);
        let mut prefer_server_order = true;
        for (key, node) in entries {
            let path = join(PARENT, key);
            match key {
                "min_version" => {
                    low = self.version(node, &path).unwrap_or(low);
                }
                "max_version" => {
                    high = self.version(node, &path).unwrap_or(high);
                }
                "client_auth_type" => {
                    client_auth = self.client_auth(node, &path);
                }
                "cipher_suites" => {
                    let list = self.list(node, &path);
                    cipher_suites = (!list.is_empty()).then_some(list);
                }
                "curve_preferences" => {
                    let list = self.list(node, &path);
                    curves = (!list.is_empty()).then_some(list);
                }
                "prefer_server_cipher_suites" => {
                    let read = self.switch(node, &path);
                    prefer_server_order = read.unwrap_or(true);
                }
                _ => {
                    let Some(text) = self.text(node, &path) else { continue };
                    let kind = key.trim_end_matches("_file");
                    let pem = Pem {
                        key,
                        line: node.line,
                        text: text.to_owned(),
                        is_inline: kind == key,
                    };
                    if text.is_empty() {
                        continue;
                    }
                    if let Some(other) = pems.insert(kind, pem) {
                        let text = format!("is given twice, as {}", other.key);
                        self.fault(node.line, &path, text);
                    }
                }
            }
        }
        if low > high {
            let text = "min_version is above max_version";
            self.fault(node.line, PARENT, text);
        }
        for (kind, what) in [("cert", "cert_file"), ("key", "key_file")] {
            if !pems.contains_key(kind) {
                let text = format!("{what} is missing");
                self.fault(node.line, PARENT, text);
            }
        }
        let client_ca = pems.remove("client_ca");
        match (client_auth, &client_ca) {
            (ClientAuth::None, Some(ca)) => self.fault(
                ca.line,
                &join(PARENT, ca.key),
                "has no effect without client_auth_type: \
                 RequireAndVerifyClientCert or VerifyClientCertIfGiven",
            ),
            (ClientAuth::VerifyIfGiven | ClientAuth::Require, None) => self
                .fault(
                    node.line,
                    PARENT,
                    "client_ca_file is missing: client_auth_type needs it",
                ),
            _ => {}
        }
        Some(TlsSettings {
            certificate: pems.remove("cert")?,
            key: pems.remove("key")?,
            client_ca,
            client_auth,
            versions: (low, high),
            cipher_suites,
            curves,
            prefer_server_order,
            line: node.line,
        })
    }

    fn version(&mut self, node: &Node, key: &str) -> Option<Version> {
        match self.text(node, key)? {
            "TLS12" => return Some(Version::Tls12),
            "TLS13" => return Some(Version::Tls13),
            old @ ("TLS10" | "TLS11") => {
                let text =
                    format!("{old} is not safe and not served: write TLS12");
                self.fault(node.line, key, text);
            }
            other => {
                let text = format!("{other:?} is not TLS12 or TLS13");
                self.fault(node.line, key, text);
            }
        }
        None
    }

    fn client_auth(&mut self, node: &Node, key: &str) -> ClientAuth {
        match self.text(node, key) {
            None | Some("" | "NoClientCert") => ClientAuth::None,
            Some("VerifyClientCertIfGiven") => ClientAuth::VerifyIfGiven,
            Some("RequireAndVerifyClientCert") => ClientAuth::Require,
            Some(
                lax @ ("RequestClientCert"
                | "RequireClientCert"
                | "RequireAnyClientCert"),
            ) => {
                let text = format!(
                    "{lax} asks for a certificate and does not check it, and \
                     is not supported: write RequireAndVerifyClientCert, \
                     VerifyClientCertIfGiven or NoClientCert"
                );
                self.fault(node.line, key, text);
                ClientAuth::None
            }
            Some(other) => {
                let text = format!(
                    "{other:?} is not NoClientCert, VerifyClientCertIfGiven \
                     or RequireAndVerifyClientCert"
                );
                self.fault(node.line, key, text);
                ClientAuth::None
            }
        }
    }

    fn http(&mut self, node: &Node, config: &mut WebConfig) {
        const PARENT: &str = "http_server_config";
        for (key, node) in
            self.entries(node, PARENT, &["http2", "headers"], &[])
        {
            let path = join(PARENT, key);
            if key == "headers" {
                config.headers = self.headers(node, &path);
            } else if self.switch(node, &path) == Some(true) {
                config.warnings.push(Fault {
                    line: node.line,
                    key: path,
                    text: "HTTP/2 is not served: clients use HTTP/1.1".into(),
                });
            }
        }
    }

    fn headers(&mut self, node: &Node, path: &str) -> Vec<(String, String)> {
        /// The allowed values, if not any is.
        const HEADERS: [(&str, &[&str]); 5] = [
            ("Content-Security-Policy", &[]),
            ("Strict-Transport-Security", &[]),
            ("X-Content-Type-Options", &["nosniff"]),
            ("X-Frame-Options", &["deny", "sameorigin"]),
            ("X-XSS-Protection", &[]),
        ];
        let mut headers = Vec::new();
        let names = HEADERS.map(|(name, _)| name);
        for (name, node) in self.entries(node, path, &names, &[]) {
            let path = join(path, name);
            let Some(value) = self.text(node, &path) else { continue };
            let allowed = HEADERS.iter().find(|(known, _)| *known == name);
            let allowed = allowed.map_or(&[][..], |(_, values)| *values);
            let is_allowed = allowed.is_empty()
                || allowed.iter().any(|one| one.eq_ignore_ascii_case(value));
            let is_line = value.bytes().all(|b| matches!(b, b' '..=b'~'));
            if !is_line {
                self.fault(node.line, &path, "is not one line of ASCII");
            } else if !is_allowed {
                let text = format!("{value:?} is not {}", allowed.join(" or "));
                self.fault(node.line, &path, text);
            } else if !value.is_empty() {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        headers
    }

    fn users(&mut self, node: &Node) -> BTreeMap<String, String> {
        const PARENT: &str = "basic_auth_users";
        let mut users = BTreeMap::new();
        let entries = match &node.value {
            Value::Map(entries) => &entries[..],
            Value::Null => &[],
            _ => {
                let text = "is not a map of names and bcrypt hashes";
                self.fault(node.line, PARENT, text);
                &[]
            }
        };
        for entry in entries {
            let key = join(PARENT, &entry.key);
            if entry.key.contains(':') {
                let text = "a name with a colon cannot be sent";
                self.fault(entry.line, &key, text);
            }
            let hash = match &entry.node.value {
                Value::Scalar { text, .. } => text,
                _ => "",
            };
            match hash.parse::<HashParts>() {
                Ok(parts) if parts.get_cost() <= HIGHEST_COST => {
                    users.insert(entry.key.clone(), hash.to_owned());
                }
                Ok(parts) => {
                    let text = format!(
                        "the hash has cost {}, and takes too long: the \
                         highest is {HIGHEST_COST}",
                        parts.get_cost()
                    );
                    self.fault(entry.line, &key, text);
                }
                // The value may be the password itself.
                Err(_) => self.fault(
                    entry.line,
                    &key,
                    "is not a bcrypt hash, such as htpasswd -nBC 10 NAME makes",
                ),
            }
        }
        users
    }
}

#[cfg(test)]
mod tests;
