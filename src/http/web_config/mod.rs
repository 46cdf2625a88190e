//! Reads a `web.config.file`: TLS, headers and users, in the format that the
//! exporters of Prometheus share.
//!
//! Runs on threads that may wait for a disk.

mod key;
mod reader;
mod schema;
mod tls;
mod validity;
mod yaml;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use super::server::{Security, Users};
use crate::config::utf8;
use crate::files::{self, Identity, Place, Unread};
use schema::Pem;

/// No configuration, certificate or key is larger.
const LARGEST_FILE: u64 = 1024 * 1024;

/// A fault of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1. 0 for the file as a whole.
    pub line: usize,
    /// The key, if the fault concerns one.
    pub key: String,
    /// The finding, and the allowed values.
    pub text: String,
}

impl Fault {
    fn at(line: usize, text: impl Into<String>) -> Self {
        Self { line, key: String::new(), text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}: ", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", one_line(&self.key))?;
        }
        f.write_str(&one_line(&self.text))
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// All faults of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfigError {
    file: PathBuf,
    faults: Vec<Fault>,
}

impl WebConfigError {
    /// Returns the error of a file that has one fault as a whole.
    #[must_use]
    pub fn of(file: PathBuf, text: &str) -> Self {
        Self { file, faults: vec![Fault::at(0, text)] }
    }

    /// Returns a line for each fault, which names the file.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.faults.iter().map(|fault| line(&self.file, fault)).collect()
    }
}

impl fmt::Display for WebConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for WebConfigError {}

fn line(file: &Path, fault: &Fault) -> String {
    let separator = if fault.line > 0 { ":" } else { ": " };
    format!("{}{separator}{fault}", one_line(&file.to_string_lossy()))
}

impl Security {
    /// Reads a file and all files that it names. Also returns a line for each
    /// setting without effect. Without a file there are no rules. `place` shows
    /// the file that is being read.
    ///
    /// # Errors
    /// If a file is wrong: all faults.
    pub fn load(
        file: Option<&Path>,
        place: &Place,
    ) -> Result<(Self, Vec<String>), WebConfigError> {
        let Some(file) = file else {
            return Ok((Self::default(), Vec::new()));
        };
        let fail = |faults| WebConfigError { file: file.into(), faults };
        let files = RefCell::new(Vec::new());
        let read = |file: &Path| -> Result<Vec<u8>, String> {
            place.enter(file);
            let (bytes, identity) = read(file)?;
            files.borrow_mut().push((file.to_owned(), identity));
            Ok(bytes)
        };
        let text = read(file).map_err(|why| (None, why)).and_then(utf8);
        let text = text.map_err(|(line, why)| {
            fail(vec![Fault::at(line.unwrap_or_default(), why)])
        })?;
        let root = yaml::parse(&text).map_err(|fault| fail(vec![fault]))?;
        let config = schema::read(&root).map_err(fail)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let read_pem = |pem: &Pem| {
            if pem.is_inline {
                return Ok(pem.text.clone().into_bytes());
            }
            let path = folder.join(&pem.text);
            read(&path).map_err(|why| Fault {
                line: pem.line,
                key: format!("tls_server_config.{}", pem.key),
                text: format!("{} {why}", path.display()),
            })
        };
        let certificate = config.tls.as_ref().map(|tls| tls.certificate.line);
        let tls = config
            .tls
            .map(|settings| tls::build(&settings, read_pem))
            .transpose()
            .map_err(|fault| fail(vec![fault]))?;
        let users = config.users;
        let users = (!users.is_empty()).then(|| Arc::new(Users::new(users)));
        let validity = tls.as_ref().and_then(|tls| tls.validity);
        let warnings = config.warnings.iter().map(|one| line(file, one));
        let mut warnings: Vec<String> = warnings.collect();
        let now = OffsetDateTime::now_utc().unix_timestamp();
        if let Some(text) = validity.and_then(|it| it.fault_at(now)) {
            let key = "tls_server_config.cert_file".into();
            let at = certificate.unwrap_or_default();
            warnings.push(line(file, &Fault { line: at, key, text }));
        }
        let certificate_expiry = validity.map(|it| it.not_after);
        let (headers, files) = (config.headers.into(), files.into_inner());
        let tls = tls.map(|tls| tls.config);
        Ok((Self { tls, users, headers, files, certificate_expiry }, warnings))
    }
}

/// Returns the bytes and the identity of a file, or the reason why it cannot.
fn read(file: &Path) -> Result<(Vec<u8>, Identity), String> {
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "cannot be read: {error}; a file that only root may read reaches \
             the unit of systemd by LoadCredential="
        ),
        _ => format!("cannot be read: {error}"),
    };
    match files::read(file, LARGEST_FILE) {
        Ok(content) => Ok((content.bytes, content.identity)),
        Err(Unread::Open(error) | Unread::Read(error)) => Err(cannot(error)),
        Err(Unread::Kind(kind)) => Err(format!("is {kind}, not a file")),
        Err(Unread::TooLarge) => Err("has more than 1 MiB".into()),
    }
}
