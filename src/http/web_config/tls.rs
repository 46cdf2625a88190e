//! Makes the configuration of the TLS library from settings and PEM text.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier,
};
use rustls::{
    NamedGroup, RootCertStore, ServerConfig, SupportedProtocolVersion, version,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::schema::{ClientAuth, Pem, TlsSettings, Version};
use super::validity::Validity;
use super::{Fault, key};

/// The number of clients that may take up a session again.
const SESSIONS: usize = 256;

/// Names that the format and the library spell differently.
const CURVES: [(&str, NamedGroup); 3] = [
    ("X25519", NamedGroup::X25519),
    ("CurveP256", NamedGroup::secp256r1),
    ("CurveP384", NamedGroup::secp384r1),
];

/// The configuration of the TLS library, and the validity of its certificate.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// The validity of the served certificate, if it can be read.
    pub(super) validity: Option<Validity>,
}

/// Builds the configuration; `read` returns the text of a PEM file.
///
/// # Errors
/// If something is wrong: the first fault.
pub(super) fn build(
    settings: &TlsSettings,
    read: impl Fn(&Pem) -> Result<Vec<u8>, Fault>,
) -> Result<Tls, Fault> {
    let fault = |pem: &Pem, text: String| Fault {
        line: pem.line,
        key: format!("tls_server_config.{}", pem.key),
        text,
    };
    let whole = |text: String| Fault {
        line: settings.line,
        key: "tls_server_config".into(),
        text,
    };

    let provider = Arc::new(provider(settings)?);
    let versions = versions(settings, &provider);
    let certificates = certificates_of(&settings.certificate, &read)?;
    let validity = certificates.first().and_then(|one| Validity::of(one));
    let key = key::read(&read(&settings.key)?)
        .map_err(|text| fault(&settings.key, text))?;
    provider
        .key_provider
        .load_private_key(key.clone_key())
        .map_err(|_| fault(&settings.key, key::refusal(&key)))?;

    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| whole(error.to_string()))?;
    let builder = match &settings.client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates_of(ca, &read)? {
                roots
                    .add(certificate)
                    .map_err(|error| fault(ca, error.to_string()))?;
            }
            let verifier = verifier(settings.client_auth, roots, provider)
                .map_err(|text| fault(ca, text))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config =
        builder.with_single_cert(certificates, key).map_err(|error| {
            fault(
                &settings.certificate,
                match error {
                    rustls::Error::InconsistentKeys(_) => {
                        "the certificate does not belong to the key".into()
                    }
                    error => format!("cannot be used: {error}"),
                },
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = settings.prefer_server_order;
    // A session that is taken up again is not checked again.
    config.session_storage = match settings.client_auth {
        ClientAuth::None => ServerSessionMemoryCache::new(SESSIONS),
        _ => Arc::new(NoServerSessionStorage {}),
    };
    Ok(Tls { config: Arc::new(config), validity })
}

fn certificates_of(
    pem: &Pem,
    read: &impl Fn(&Pem) -> Result<Vec<u8>, Fault>,
) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let fault = |text: &str| Fault {
        line: pem.line,
        key: format!("tls_server_config.{}", pem.key),
        text: text.into(),
    };
    let text = read(pem)?;
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(fault("has no certificate in PEM format")),
    }
}

fn verifier(
    client_auth: ClientAuth,
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let roots = Arc::new(roots);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let builder = match client_auth {
        ClientAuth::VerifyIfGiven => builder.allow_unauthenticated(),
        ClientAuth::None | ClientAuth::Require => builder,
    };
    builder.build().map_err(|error| error.to_string())
}

/// Returns the cryptography that is left by the settings.
fn provider(settings: &TlsSettings) -> Result<CryptoProvider, Fault> {
    let mut provider = ring::default_provider();
    if let Some(wanted) = &settings.cipher_suites {
        let all = provider.cipher_suites.clone();
        for (line, name) in wanted {
            if !all.iter().any(|suite| suite_name(suite) == *name) {
                let names: Vec<_> = all.iter().map(suite_name).collect();
                return Err(Fault {
                    line: *line,
                    key: "tls_server_config.cipher_suites".into(),
                    text: format!(
                        "{name} is not supported; there are {}",
                        names.join(", ")
                    ),
                });
            }
        }
        // As in Go, those of TLS 1.3 are not for choice.
        provider.cipher_suites.retain(|suite| {
            suite.tls13().is_some()
                || wanted.iter().any(|(_, name)| *name == suite_name(suite))
        });
    }
    if let Some(wanted) = &settings.curves {
        let all = std::mem::take(&mut provider.kx_groups);
        for (line, name) in wanted {
            let group = CURVES.iter().find(|(known, _)| known == name);
            let group = group.and_then(|(_, group)| {
                all.iter().find(|one| one.name() == *group)
            });
            let Some(&group) = group else {
                let names = CURVES.map(|(name, _)| name);
                return Err(Fault {
                    line: *line,
                    key: "tls_server_config.curve_preferences".into(),
                    text: format!(
                        "{name} is not supported; there are {}",
                        names.join(", ")
                    ),
                });
            };
            provider.kx_groups.push(group);
        }
    }
    Ok(provider)
}

/// Returns a suite's name as IANA and Go write it.
fn suite_name(suite: &rustls::SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

/// Returns the versions between the bounds for which there is a suite left.
fn versions(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Vec<&'static SupportedProtocolVersion> {
    let (low, high) = settings.versions;
    let mut versions = Vec::new();
    if high >= Version::Tls13 {
        versions.push(&version::TLS13);
    }
    let has_tls12 =
        provider.cipher_suites.iter().any(|suite| suite.tls13().is_none());
    if low <= Version::Tls12 && has_tls12 {
        versions.push(&version::TLS12);
    }
    versions
}
