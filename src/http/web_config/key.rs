//! Reads a private key, and says why the TLS library does not take one: by its
//! own words it is not known whether the key or the certificate is at fault.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

/// The kinds of keys that can sign.
const TAKEN: &str = "take RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, \
                     or Ed25519";

/// The contents of an object identifier in DER, and its name.
const KINDS: [(&[u8], &str); 11] = [
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "a key on the curve P-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x21], "a key on the curve P-224"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "a key on the curve secp256k1"),
    (
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x01],
        "a key on the curve P-192",
    ),
    (
        &[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01],
        "a key on a Brainpool curve",
    ),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "a DSA key"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], "an RSA-PSS key"),
    (&[0x2b, 0x65, 0x71], "an Ed448 key"),
    (&[0x2b, 0x65, 0x6e], "an X25519 key, which cannot sign"),
    (&[0x2b, 0x65, 0x6f], "an X448 key, which cannot sign"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01], "a DH key"),
];

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Tags of DER.
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// Returns the key in the text of a PEM file.
///
/// # Errors
/// If it has no key: the content that it has instead.
pub(super) fn read(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        let text = String::from_utf8_lossy(pem);
        let has = |word: &str| text.contains(word);
        let why = if has("ENCRYPTED") {
            "has a key with a passphrase: remove it, such as with openssl \
             pkey -in KEY -out NEW"
        } else if has("BEGIN CERTIFICATE") {
            "has a certificate and no private key"
        } else if has("BEGIN PUBLIC KEY") {
            "has a public key and no private key"
        } else {
            "has no private key in PEM format, unencrypted"
        };
        why.into()
    })
}

/// Returns the reason why a key is not accepted, with its kind if that is known.
pub(super) fn refusal(key: &PrivateKeyDer<'_>) -> String {
    let bits = match key {
        PrivateKeyDer::Pkcs1(key) => rsa_bits(key.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(key) => rsa_in_pkcs8(key.secret_pkcs8_der()),
        _ => None,
    };
    let found = match bits {
        Some(bits) => format!("an RSA key of {bits} bits"),
        None => kind(key.secret_der()).unwrap_or("a damaged key").into(),
    };
    format!("has {found}: {TAKEN}")
}

fn kind(der: &[u8]) -> Option<&'static str> {
    let (_, name) = KINDS.iter().find(|(identifier, _)| {
        let element = element(0x06, identifier);
        der.windows(element.len()).any(|part| part == element)
    })?;
    Some(name)
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u8::try_from(contents.len()).unwrap_or(u8::MAX);
    [&[tag, length], contents].concat()
}

/// Returns the bits of an RSA key in PKCS #8, `None` for another key.
fn rsa_in_pkcs8(der: &[u8]) -> Option<usize> {
    let (key, _) = take(der, SEQUENCE)?;
    let (_, rest) = take(key, INTEGER)?;
    let (algorithm, rest) = take(rest, SEQUENCE)?;
    let is_rsa = algorithm.starts_with(&element(0x06, RSA));
    let (inner, _) = take(rest, OCTETS)?;
    is_rsa.then(|| rsa_bits(inner)).flatten()
}

/// Returns the bits of the modulus in PKCS #1.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let (key, _) = take(der, SEQUENCE)?;
    let (_, rest) = take(key, INTEGER)?;
    let (modulus, _) = take(rest, INTEGER)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    let leading = usize::try_from(first.leading_zeros()).ok()?;
    Some((modulus.len() - zeros) * 8 - leading)
}

/// Takes an element of DER: its contents, and the bytes behind it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..0x80 => (usize::from(short), rest),
        _ => {
            let (digits, rest) =
                rest.split_at_checked(usize::from(short & 0x7f))?;
            let add = |sum: usize, byte: &u8| {
                sum.checked_mul(256)?.checked_add(usize::from(*byte))
            };
            (digits.iter().try_fold(0, add)?, rest)
        }
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_have_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = rsa_bits(&bytes);
            let _ = rsa_in_pkcs8(&bytes);
            let _ = kind(&bytes);
            let _ = read(&bytes);
        }
    }
}
