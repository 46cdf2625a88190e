//! The faults of a connection, in words that tell what would be right.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::io;
use std::path::Path;

use rustls::{AlertDescription, CertificateError};
use rustls_pki_types::ServerName;

use crate::commands::plain::plain;
use crate::logging;

/// The names of a certificate that are listed.
const MOST_NAMES: usize = 3;

/// The request that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed<'a> {
    /// The place, as it is shown.
    pub(super) place: &'a str,
    /// The value of `--ca-file`.
    pub(super) ca_file: Option<&'a Path>,
}

/// Returns the cause in words, without those of the libraries.
pub(super) fn cause(error: &ureq::Error, failed: Failed<'_>) -> String {
    if let Some(fault) = tls(error) {
        return of_tls(fault, failed);
    }
    match error {
        ureq::Error::Io(error) => of_system(error),
        ureq::Error::Timeout(_) => "no answer within the time limit".into(),
        ureq::Error::HostNotFound => "there is no host of this name".into(),
        ureq::Error::Protocol(_) => "the answer is not HTTP".into(),
        error => error.to_string(),
    }
}

/// Returns the fault of TLS in an error.
fn tls(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(fault) => Some(fault),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

fn of_system(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            "connection refused: nothing listens there, so look at the port, \
             and whether the exporter runs"
                .into()
        }
        io::ErrorKind::UnexpectedEof => {
            "the connection ended without an answer".into()
        }
        _ => {
            let text = error.to_string();
            let words = text.split_once(" (os error").map(|(words, _)| words);
            words.unwrap_or(&text).to_owned()
        }
    }
}

fn of_tls(fault: &rustls::Error, failed: Failed<'_>) -> String {
    match fault {
        rustls::Error::InvalidCertificate(fault) => {
            of_certificate(fault, failed)
        }
        rustls::Error::InvalidMessage(_) => match without_tls(failed.place) {
            Some(url) => format!(
                "the answer is not TLS: write --url {url}, or look at the port"
            ),
            None => "the answer is not TLS".into(),
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate,
        ) => "it asks for a certificate of the client, and this command has \
              none: ask it at a socket (listen_address), or without \
              client_auth_type"
            .into(),
        fault => format!("TLS failed: {fault}"),
    }
}

/// Returns the same URL without TLS.
fn without_tls(place: &str) -> Option<String> {
    place.strip_prefix("https://").map(|rest| format!("http://{rest}"))
}

fn of_certificate(fault: &CertificateError, failed: Failed<'_>) -> String {
    match fault {
        // The latter two: a trusted certificate has the name of the authority
        // and another key, which may be of another kind.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            ..
        } => of_nobody(failed.ca_file),
        CertificateError::NotValidForNameContext { expected, presented } => {
            of_another(expected, presented, failed.place)
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "its certificate expired at {}: have it renewed, or set the clock \
             of this machine right",
            logging::date(not_after.as_secs())
        ),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "its certificate is valid from {} on: set the clocks of both \
             machines right",
            logging::date(not_before.as_secs())
        ),
        // It has no type of its own.
        CertificateError::Other(other)
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            "its certificate is that of an authority (CA:TRUE): make one for \
             the exporter with basicConstraints=critical,CA:FALSE"
                .into()
        }
        fault => format!("its certificate cannot be used: {fault}"),
    }
}

fn of_nobody(ca_file: Option<&Path>) -> String {
    let remedy = "the certificate of its authority, or its own if it signed \
                  itself";
    match ca_file {
        Some(file) => format!(
            "its certificate is not signed by one in --ca-file {}: name the \
             file with {remedy}",
            file.display()
        ),
        None => format!(
            "this machine does not trust its certificate: name a file by \
             --ca-file with {remedy}"
        ),
    }
}

fn of_another(
    expected: &ServerName<'_>,
    presented: &[String],
    place: &str,
) -> String {
    let expected = expected.to_str();
    let names: Vec<String> = presented.iter().map(|it| bare(it)).collect();
    if names.is_empty() {
        return format!(
            "its certificate is made out for no name: have {expected} added \
             to its subjectAltName"
        );
    }
    let mut listed = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>();
    if names.len() > MOST_NAMES {
        listed.push(format!("{} more", names.len() - MOST_NAMES));
    }
    // A pattern is no host.
    let host = names.iter().find(|name| !name.contains('*'));
    let url = host.and_then(|host| {
        let (scheme, port) = place.split_once(&*in_url(&expected))?;
        Some(format!("write --url {scheme}{}{port}, or ", in_url(host)))
    });
    format!(
        "its certificate is made out for {}, not for {expected}: {}have \
         {expected} added to the certificate",
        listed.join(" and "),
        url.unwrap_or_default()
    )
}

/// Returns a name without the word of the library for its kind.
fn bare(presented: &str) -> String {
    let inner = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(presented);
    plain(inner.trim_matches('"'))
}

/// Returns a host as a URL has it.
fn in_url(host: &str) -> Cow<'_, str> {
    match host.contains(':') {
        true => format!("[{host}]").into(),
        false => host.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fault: CertificateError, place: &str) -> String {
        let fault = rustls::Error::InvalidCertificate(fault);
        let failed = Failed { place, ca_file: None };
        // As ureq has it, after the handshake and within it.
        let within = ureq::Error::Io(io::Error::other(fault.clone()));
        let after = ureq::Error::Rustls(fault);
        let said = cause(&after, failed);
        assert_eq!(cause(&within, failed), said);
        said
    }

    #[test]
    fn without_a_file_the_flag_is_named() {
        assert_eq!(
            said(CertificateError::UnknownIssuer, "https://a:1"),
            "this machine does not trust its certificate: name a file by \
             --ca-file with the certificate of its authority, or its own if it \
             signed itself"
        );
    }

    /// Many machines trust an old certificate for "localhost".
    #[test]
    fn a_trusted_name_with_another_key_is_not_the_authority() {
        type Fault = CertificateError;
        let kind = Fault::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![6, 8],
            public_key_algorithm_id: vec![6, 9],
        };
        for fault in [Fault::BadSignature, kind] {
            assert_eq!(
                said(fault, "https://localhost:1"),
                said(Fault::UnknownIssuer, "https://localhost:1")
            );
        }
    }

    #[test]
    fn an_address_that_is_advised_can_be_used() {
        let said = |expected: &str, presented: &[&str], place: &str| {
            let fault = CertificateError::NotValidForNameContext {
                expected: ServerName::try_from(expected).unwrap().to_owned(),
                presented: presented.iter().map(|it| (*it).into()).collect(),
            };
            said(fault, place)
        };
        let names = ["DnsName(\"*.x.example\")", "IpAddress(2001:db8::7)"];
        assert_eq!(
            said("::1", &names, "https://[::1]:9100/x"),
            "its certificate is made out for *.x.example and 2001:db8::7, not \
             for ::1: write --url https://[2001:db8::7]:9100/x, or have ::1 \
             added to the certificate"
        );
        assert_eq!(
            said("127.0.0.1", &names[..1], "https://127.0.0.1:9100"),
            "its certificate is made out for *.x.example, not for 127.0.0.1: \
             have 127.0.0.1 added to the certificate"
        );
        let many = ["DnsName(\"a\")"; 9];
        let text = said("127.0.0.1", &many, "unix:/x.sock");
        assert!(text.contains("for a and a and a and 6 more, not"), "{text}");
        assert!(!text.contains("--url"), "{text}");
        let text = said("127.0.0.1", &[], "https://127.0.0.1");
        assert!(text.contains("made out for no name"), "{text}");
    }

    #[test]
    fn words_of_the_system_have_no_number() {
        let error = io::Error::from_raw_os_error(libc::ENETUNREACH);
        let failed = Failed { place: "http://a:1", ca_file: None };
        let said = cause(&ureq::Error::Io(error), failed);
        assert_eq!(said, "Network is unreachable");
    }
}
