use super::*;
use crate::http::web_config::yaml;

/// The password is "secret".
const HASH: &str =
    "$2b$04$CJPtoXkMJCj3BvyDSyXKguPfSJh4SJQyBCBhjLgiAAfgjDLr81PrO";

fn faults(text: &str) -> Vec<String> {
    match read(&yaml::parse(text).unwrap()) {
        Ok(config) => panic!("{text} is taken: {config:?}"),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

fn good(text: &str) -> WebConfig {
    read(&yaml::parse(text).unwrap()).unwrap()
}

#[test]
fn nothing_is_no_rules() {
    for text in [
        "",
        "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n",
        "tls_server_config: {}\nbasic_auth_users: {}\n",
    ] {
        assert_eq!(good(text), WebConfig::default());
    }
}

#[test]
fn every_key_of_the_format_is_read_or_refused_by_name() {
    let config = good(&format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  \
         client_auth_type: RequireAndVerifyClientCert\n  \
         client_ca_file: ca.crt\n  min_version: TLS12\n  max_version: TLS13\n  \
         cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n  \
         prefer_server_cipher_suites: false\n  \
         curve_preferences:\n  - X25519\n\
         http_server_config:\n  http2: true\n  headers:\n    \
         X-Frame-Options: deny\n    Strict-Transport-Security: max-age=1\n\
         basic_auth_users:\n  alice: {HASH}\n"
    ));
    let tls = config.tls.unwrap();
    assert_eq!(
        (&*tls.certificate.text, tls.certificate.line),
        ("server.crt", 2)
    );
    assert_eq!(tls.client_auth, ClientAuth::Require);
    assert_eq!(tls.versions, (Version::Tls12, Version::Tls13));
    assert!(!tls.prefer_server_order);
    assert_eq!(tls.curves, Some(vec![(11, "X25519".into())]));
    assert_eq!(config.users["alice"], HASH);
    assert_eq!(config.headers.len(), 2);
    assert_eq!(
        config.warnings[0].to_string(),
        "13: http_server_config.http2: HTTP/2 is not served: clients use \
         HTTP/1.1"
    );
    for key in ["rate_limit", "tls_server_config.client_allowed_sans"] {
        let text = key.replace('.', ":\n  ") + ": x";
        let fault = faults(&text).remove(0);
        assert!(fault.contains("is not supported; leave it out"), "{fault}");
        assert!(fault.contains(key), "{fault}");
    }
}

#[test]
fn faults_are_named_with_line_and_key() {
    let tls = "tls_server_config:\n  cert_file: c\n  key_file: k\n  ";
    for (text, expected) in [
        (
            "tls_config:\n".to_owned(),
            "1: tls_config: unknown key, did you mean tls_server_config?",
        ),
        (
            "users:\n".to_owned(),
            "1: users: unknown key, did you mean basic_auth_users?",
        ),
        ("- a\n".to_owned(), "1: is not a map of keys"),
        (
            format!("{tls}cert_flie: x\n"),
            "4: tls_server_config.cert_flie: unknown key, did you mean \
             cert_file?",
        ),
        (
            format!("{tls}min_version: TLS10\n"),
            "4: tls_server_config.min_version: TLS10 is not safe and not \
             served: write TLS12",
        ),
        (
            format!("{tls}max_version: 1.3\n"),
            "4: tls_server_config.max_version: \"1.3\" is not TLS12 or TLS13",
        ),
        (
            format!("{tls}min_version: TLS13\n  max_version: TLS12\n"),
            "2: tls_server_config: min_version is above max_version",
        ),
        (
            format!("{tls}client_ca_file: x\n"),
            "4: tls_server_config.client_ca_file: has no effect without \
             client_auth_type: RequireAndVerifyClientCert or \
             VerifyClientCertIfGiven",
        ),
        (
            format!("{tls}client_auth_type: RequireAndVerifyClientCert\n"),
            "2: tls_server_config: client_ca_file is missing: \
             client_auth_type needs it",
        ),
        (
            format!("{tls}client_auth_type: Yes\n"),
            "4: tls_server_config.client_auth_type: \"Yes\" is not \
             NoClientCert, VerifyClientCertIfGiven or \
             RequireAndVerifyClientCert",
        ),
        (
            format!("{tls}cert: inline\n"),
            "4: tls_server_config.cert: is given twice, as cert_file",
        ),
        (
            format!("{tls}prefer_server_cipher_suites: 'true'\n"),
            "4: tls_server_config.prefer_server_cipher_suites: \"true\" is \
             text: write true, without quotes",
        ),
        (
            "http_server_config:\n  http2: perhaps\n".to_owned(),
            "2: http_server_config.http2: \"perhaps\" is not true or false",
        ),
        (
            "http_server_config:\n  http2: [yes]\n".to_owned(),
            "2: http_server_config.http2: is not true or false",
        ),
        (
            "tls_server_config:\n  cert_file: c\n".to_owned(),
            "2: tls_server_config: key_file is missing",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: none\n"
                .to_owned(),
            "3: http_server_config.headers.X-Frame-Options: \"none\" is not \
             deny or sameorigin",
        ),
        (
            "http_server_config:\n  headers:\n    Server: x\n".to_owned(),
            "3: http_server_config.headers.Server: unknown key, not one of \
             Content-Security-Policy, Strict-Transport-Security, \
             X-Content-Type-Options, X-Frame-Options, X-XSS-Protection",
        ),
        (
            "basic_auth_users:\n  alice: secret\n".to_owned(),
            "2: basic_auth_users.alice: is not a bcrypt hash, such as \
             htpasswd -nBC 10 NAME makes",
        ),
        (
            format!("basic_auth_users:\n  'a:b': {HASH}\n"),
            "2: basic_auth_users.a:b: a name with a colon cannot be sent",
        ),
        (
            format!(
                "basic_auth_users:\n  a: {}\n",
                HASH.replace("$04$", "$17$")
            ),
            "2: basic_auth_users.a: the hash has cost 17, and takes too \
             long: the highest is 16",
        ),
        (
            "basic_auth_users: [a]\n".to_owned(),
            "1: basic_auth_users: is not a map of names and bcrypt hashes",
        ),
    ] {
        assert_eq!(faults(&text), [expected], "{text}");
    }
    assert_eq!(faults("a: 1\nb: 2\ntls_server_config: 3\n").len(), 3);
}

#[test]
fn the_sample_is_without_effect_and_right_once_uncommented() {
    let sample = include_str!("../../../../etc/geoip-exporter-web.yml");
    assert_eq!(good(sample), WebConfig::default());
    // A setting has no blank behind the sign.
    let taken: Vec<&str> = sample
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => {
                rest
            }
            _ => line,
        })
        .collect();
    let taken = taken.join("\n").replace("HASH", HASH);
    let config = good(&taken);
    assert!(config.tls.is_some() && config.warnings.is_empty());
    assert!(config.users.contains_key("prometheus"));
}
