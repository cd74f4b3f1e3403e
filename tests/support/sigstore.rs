//! A Sigstore of one's own: an authority, a certificate log and a transparency log, which sign whatever a test wants signed. The real
//! ones sign only what happened.

#![allow(dead_code, reason = "each test takes what it needs")]

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SigningKey, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

/// 2025-01-01 12:00, within the day of the certificates.
const SIGNED: i64 = 1_735_732_800;
const LOG: &str = "log.example.org";
/// Fulcio's extensions, and that with the proofs of a certificate log.
const FULCIO: [u64; 8] = [1, 3, 6, 1, 4, 1, 57264, 1];
const SCT_LIST: [u64; 10] = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];

pub const IDENTITY: &str = "https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1";
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";

pub struct Sigstore {
    authority: KeyPair,
    certificates: KeyPair,
    log: KeyPair,
}

/// Whom a certificate is for, and what Fulcio says of it beside: the last number of each extension.
pub struct Owner<'a> {
    pub identity: &'a str,
    pub issuer: &'a str,
    pub claims: &'a [(u64, &'a str)],
}

/// A workflow on GitHub's machine.
pub const WORKFLOW: Owner<'static> = Owner {
    identity: IDENTITY,
    issuer: ISSUER,
    claims: &[
        (9, IDENTITY),
        (11, "github-hosted"),
        (12, "https://github.com/o/r"),
        (13, "c0ffee"),
        (14, "refs/tags/v1"),
        (21, "https://github.com/o/r/actions/runs/1"),
    ],
};

impl Sigstore {
    pub fn new() -> Sigstore {
        let key = || KeyPair::generate().unwrap();
        Sigstore { authority: key(), certificates: key(), log: key() }
    }

    /// `trusted_root.json`.
    pub fn root(&self) -> Value {
        let valid = json!({ "start": "2024-01-01T00:00:00Z" });
        let log = |name: &str, key: &KeyPair| {
            json!([{
                "baseUrl": format!("https://{name}.example.org"),
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": base64(&key.subject_public_key_info()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": valid,
                },
                "logId": { "keyId": base64(&id(key)) },
            }])
        };
        let own = self.authority_params().self_signed(&self.authority).unwrap();
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": log("log", &self.log),
            "ctlogs": log("certificates", &self.certificates),
            "certificateAuthorities": [{
                "subject": { "organization": "example", "commonName": "example" },
                "uri": "https://authority.example.org",
                "certChain": { "certificates": [{ "rawBytes": base64(own.der()) }] },
                "validFor": valid,
            }],
            "timestampAuthorities": [],
        })
    }

    /// The bundle of a signature of these bytes.
    pub fn sign(&self, owner: &Owner<'_>, data: &[u8]) -> Value {
        let key = KeyPair::generate().unwrap();
        let certificate = self.certificate(owner, &key);
        let material = json!({ "certificate": { "rawBytes": base64(&certificate) } });
        self.sign_so(&key, material, &pem("CERTIFICATE", &certificate), data)
    }

    /// The same by a key that nobody vouches for.
    pub fn sign_by_key(&self, key: &KeyPair, data: &[u8]) -> Value {
        self.sign_so(key, json!({ "publicKey": { "hint": "a key" } }), &key.public_key_pem(), data)
    }

    fn sign_so(&self, key: &KeyPair, material: Value, verifier: &str, data: &[u8]) -> Value {
        let signature = base64(&key.sign(data).unwrap());
        let body = json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": hex(&sha256(data)) } },
            "signature": { "content": signature, "publicKey": { "content": base64(verifier.as_bytes()) } },
        } });
        let told = json!({ "algorithm": "SHA2_256", "digest": base64(&sha256(data)) });
        let content = json!({ "messageDigest": told, "signature": signature });
        self.bundle(material, ("messageSignature", content), &body)
    }

    /// The bundle of a signed statement.
    pub fn attest(&self, owner: &Owner<'_>, statement: &Value) -> Value {
        const TYPE: &str = "application/vnd.in-toto+json";
        let key = KeyPair::generate().unwrap();
        let certificate = self.certificate(owner, &key);
        let payload = statement.to_string();
        let signature =
            base64(&key.sign(format!("DSSEv1 {} {TYPE} {} {payload}", TYPE.len(), payload.len()).as_bytes()).unwrap());
        let envelope =
            json!({ "payload": base64(payload.as_bytes()), "payloadType": TYPE, "signatures": [{ "sig": signature }] });
        let body = json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": { "algorithm": "sha256", "value": hex(&sha256(envelope.to_string().as_bytes())) },
            "payloadHash": { "algorithm": "sha256", "value": hex(&sha256(payload.as_bytes())) },
            "signatures": [{ "signature": signature, "verifier": base64(pem("CERTIFICATE", &certificate).as_bytes()) }],
        } });
        self.bundle(json!({ "certificate": { "rawBytes": base64(&certificate) } }), ("dsseEnvelope", envelope), &body)
    }

    /// With the one entry of the log.
    fn bundle(&self, mut material: Value, (kind, content): (&str, Value), body: &Value) -> Value {
        let text = body.to_string();
        let root = sha256(&[b"\0", text.as_bytes()].concat());
        let note = format!("{LOG}\n1\n{}\n", base64(&root));
        let signed_note = [&id(&self.log)[..4], &self.log.sign(note.as_bytes()).unwrap()].concat();
        // In the order of its keys, as canonical JSON wants it, which is serde_json's.
        let promise = json!({
            "body": base64(text.as_bytes()), "integratedTime": SIGNED, "logID": hex(&id(&self.log)), "logIndex": 0,
        });
        material["tlogEntries"] = json!([{
            "logIndex": "0",
            "logId": { "keyId": base64(&id(&self.log)) },
            "kindVersion": { "kind": body["kind"], "version": body["apiVersion"] },
            "integratedTime": SIGNED.to_string(),
            "inclusionPromise": { "signedEntryTimestamp": base64(&self.log.sign(promise.to_string().as_bytes()).unwrap()) },
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": base64(&root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": { "envelope": format!("{note}\n\u{2014} {LOG} {}\n", base64(&signed_note)) },
            },
            "canonicalizedBody": base64(text.as_bytes()),
        }]);
        json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial": material, kind: content })
    }

    fn authority_params(&self) -> CertificateParams {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "example");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (params.not_before, params.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2034, 1, 1));
        params
    }

    /// The log signs the certificate without the log's own extension, which is then put in.
    fn certificate(&self, owner: &Owner<'_>, key: &KeyPair) -> Vec<u8> {
        let mut params = CertificateParams::new([]).unwrap();
        params.serial_number = Some(7.into());
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = vec![SanType::URI(owner.identity.try_into().unwrap())];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2025, 1, 2));
        // The oldest of them is no DER inside, and the only one that sigstore-python reads.
        let old = CustomExtension::from_oid_content(&[&FULCIO[..], &[1]].concat(), owner.issuer.into());
        params.custom_extensions.push(old);
        for (number, value) in owner.claims.iter().chain(&[(8, owner.issuer)]) {
            let text = tagged(0x0c, value.as_bytes());
            params.custom_extensions.push(CustomExtension::from_oid_content(&[&FULCIO[..], &[*number]].concat(), text));
        }
        let issuer = Issuer::new(self.authority_params(), &self.authority);
        let without = params.signed_by(key, &issuer).unwrap();
        let entry = self.certificate_entry(to_be_signed(without.der()));
        params.custom_extensions.push(CustomExtension::from_oid_content(&SCT_LIST, entry));
        params.signed_by(key, &issuer).unwrap().der().to_vec()
    }

    /// RFC 6962, a list of one.
    fn certificate_entry(&self, to_be_signed: &[u8]) -> Vec<u8> {
        let time = (SIGNED as u64 * 1000).to_be_bytes();
        let length = &(to_be_signed.len() as u32).to_be_bytes()[1..];
        let authority = sha256(&self.authority.subject_public_key_info());
        let signed = [&[0, 0][..], &time, &[0, 1], &authority, length, to_be_signed, &[0, 0]].concat();
        let signature = with_length(&self.certificates.sign(&signed).unwrap());
        let entry = [&[0][..], &id(&self.certificates), &time, &[0, 0, 4, 3], &signature].concat();
        tagged(4, &with_length(&with_length(&entry)))
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

fn id(key: &KeyPair) -> Vec<u8> {
    sha256(&key.subject_public_key_info())
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = if length < 128 { vec![tag, length as u8] } else { vec![tag, 0x82, (length >> 8) as u8, length as u8] };
    [head, content.to_vec()].concat()
}

/// The first part of a certificate; both it and the whole are longer than 255 bytes.
fn to_be_signed(certificate: &[u8]) -> &[u8] {
    let inner = &certificate[4..];
    assert_eq!((certificate[1], inner[1]), (0x82, 0x82));
    &inner[..4 + usize::from(u16::from_be_bytes([inner[2], inner[3]]))]
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = base64(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits = group.iter().chain([0, 0].iter()).take(3).fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        let digit = |at: usize| if at > group.len() { '=' } else { DIGITS[bits >> (18 - 6 * at) & 63] as char };
        [0, 1, 2, 3].map(digit)
    };
    bytes.chunks(3).flat_map(group).collect()
}
