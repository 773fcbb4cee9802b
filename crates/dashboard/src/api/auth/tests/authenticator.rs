//! An authenticator in software, as far as these tests need one (WebAuthn Level 3, sections 6.1,
//! 6.5 and 8.7; keys as in RFC 9053, section 7.1.1).

use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const ATTESTED_DATA: u8 = 0x40;

pub(super) struct Authenticator {
    key: SigningKey,
    id: Vec<u8>,
    pub(super) counter: u32,
}

impl Authenticator {
    pub(super) fn new(seed: u8) -> Self {
        Self {
            key: SigningKey::from_slice(&[seed; 32]).unwrap(),
            id: vec![seed; 32],
            counter: 1,
        }
    }

    /// What a browser at `origin` gives for the options of a registration.
    pub(super) fn create(&self, options: &Value, origin: &str) -> Value {
        let client_data = client_data("webauthn.create", options, origin);
        let host = options["rp"]["id"].as_str().unwrap();
        let mut data = self.data(host, USER_PRESENT | USER_VERIFIED | ATTESTED_DATA);
        data.extend([0; 16]); // no model of authenticator
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        let mut object = vec![0xa3];
        object.extend(text("fmt"));
        object.extend(text("none"));
        object.extend(text("attStmt"));
        object.push(0xa0);
        object.extend(text("authData"));
        object.extend([0x58, u8::try_from(data.len()).unwrap()]);
        object.extend(data);
        self.credential(&json!({
            "attestationObject": BASE64URL_NOPAD.encode(&object),
            "clientDataJSON": BASE64URL_NOPAD.encode(&client_data),
            "transports": ["internal"],
        }))
    }

    /// What a browser at `origin` gives for the options of a sign-in.
    pub(super) fn get(&self, options: &Value, origin: &str) -> Value {
        let client_data = client_data("webauthn.get", options, origin);
        let host = options["rpId"].as_str().unwrap();
        let data = self.data(host, USER_PRESENT | USER_VERIFIED);
        let signed = [&data[..], &Sha256::digest(&client_data)[..]].concat();
        let signature: Signature = self.key.sign(&signed);
        self.credential(&json!({
            "authenticatorData": BASE64URL_NOPAD.encode(&data),
            "clientDataJSON": BASE64URL_NOPAD.encode(&client_data),
            "signature": BASE64URL_NOPAD.encode(signature.to_der().as_bytes()),
            "userHandle": null,
        }))
    }

    fn credential(&self, response: &Value) -> Value {
        let id = BASE64URL_NOPAD.encode(&self.id);
        json!({"id": id, "rawId": id, "type": "public-key", "response": response,
            "clientExtensionResults": {}, "authenticatorAttachment": "platform"})
    }

    fn data(&self, host: &str, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(host).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`: an elliptic-curve key for ES256 on P-256.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().unwrap(), point.y().unwrap());
        let mut map = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01];
        map.extend([0x21, 0x58, 32]);
        map.extend(&x[..]);
        map.extend([0x22, 0x58, 32]);
        map.extend(&y[..]);
        map
    }
}

fn client_data(kind: &str, options: &Value, origin: &str) -> Vec<u8> {
    let challenge = &options["challenge"];
    let data =
        json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false});
    data.to_string().into_bytes()
}

/// A short text in CBOR.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x60 + u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}
