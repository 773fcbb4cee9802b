//! Password hashes as Werkzeug writes them (`werkzeug.security.generate_password_hash`), which the
//! Python program left: `scrypt:N:r:p$salt$digits` and `pbkdf2:sha256:iterations$salt$digits`.

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::password::Password;

/// Werkzeug's own is 2^15; more than this is taken for damage.
const MOST_SCRYPT_LOG_N: u8 = 18;
/// Werkzeug's own are r = 8 and p = 1.
const MOST_SCRYPT_BLOCKS: u32 = 32;
/// Werkzeug's own is a million.
const MOST_ITERATIONS: u32 = 5_000_000;
/// What scrypt makes, in bytes.
const SCRYPT_LENGTH: usize = 64;

/// Whether the password is the one that was hashed. `false` for what cannot be understood, or
/// would take too long.
pub(super) fn is_right(password: &Password, stored: &str) -> bool {
    let parts: Vec<&str> = stored.splitn(3, '$').collect();
    let [method, salt, digits] = parts[..] else {
        return false;
    };
    let Ok(expected) = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()) else {
        return false;
    };
    let made = make(password.expose().as_bytes(), method, salt.as_bytes());
    made.is_some_and(|made| made[..].ct_eq(&expected).into())
}

fn make(password: &[u8], method: &str, salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let parts: Vec<&str> = method.split(':').collect();
    match parts[..] {
        ["scrypt", n, r, p] => scrypt(password, salt, n, r, p),
        ["pbkdf2", hash, iterations] => pbkdf2(password, salt, hash, iterations),
        _ => None,
    }
}

fn scrypt(password: &[u8], salt: &[u8], n: &str, r: &str, p: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (n, r, p): (u64, u32, u32) = (n.parse().ok()?, r.parse().ok()?, p.parse().ok()?);
    let log_n = u8::try_from(n.checked_ilog2()?).ok()?;
    let blocks = r.checked_mul(p)?;
    if !n.is_power_of_two() || log_n > MOST_SCRYPT_LOG_N || blocks > MOST_SCRYPT_BLOCKS {
        return None;
    }
    let params = scrypt::Params::new(log_n, r, p).ok()?;
    let mut made = Zeroizing::new(vec![0; SCRYPT_LENGTH]);
    scrypt::scrypt(password, salt, &params, &mut made).ok()?;
    Some(made)
}

fn pbkdf2(
    password: &[u8],
    salt: &[u8],
    hash: &str,
    iterations: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    let iterations: u32 = iterations.parse().ok()?;
    if !(1..=MOST_ITERATIONS).contains(&iterations) {
        return None;
    }
    let mut made = Zeroizing::new(Vec::new());
    match hash {
        "sha256" => {
            made.resize(32, 0);
            pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut made);
        }
        "sha512" => {
            made.resize(64, 0);
            pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut made);
        }
        _ => return None,
    }
    Some(made)
}

/// The first three are made with Python's hashlib, as Werkzeug does it: `hashlib.scrypt(password,
/// salt=salt, n=32768, r=8, p=1, maxmem=132 * n * r * p).hex()` and `hashlib.pbkdf2_hmac(hash,
/// password, salt, 1000).hex()`; the fourth by `generate_password_hash` of Werkzeug 3.1.
#[cfg(test)]
pub(crate) const VECTORS: [&str; 4] = [
    "scrypt:32768:8:1$saltFAKE$5652df5c8ff8f7ab54b7323bd3aa9ce9b398e1bb623cb652bf5e27f9ed1ab844d31c4aa5dce2425d2d9c714eebf42b6c696893c2b76b17590cbf2ee33d687137",
    "pbkdf2:sha256:1000$saltFAKE$7afc66bb7c4a1802ba7b27b0bc1cea8f72b6c356afcae259783b954a840fc8a1",
    "pbkdf2:sha512:1000$saltFAKE$6c6bc78558ee13fef4c31258c1d9b6483b6aac3b4c90eb1251c55d417f7fc921395af2689b37018946e4d2be60be82a91f650d0f9eecd18571e21c5c90fdc829",
    "scrypt:32768:8:1$Fh9H7prVVrUSha7g$609f132a4bb8c18f81d2a9b604cf2dbb8848cfbc9abe20dfeec5443ec98da2d9f42a900387ddb38436da831e915605ae95ee4a801f884cba820d2e326eb6e2ce",
];

/// What the vectors were made of.
#[cfg(test)]
pub(crate) const VECTOR_PASSWORD: &str = "FAKE pass phrase";

#[cfg(test)]
mod tests {
    use super::*;
    use model::Secret;

    fn check(text: &str, stored: &str) -> bool {
        is_right(&Password::new(Secret::new(text)), stored)
    }

    #[test]
    fn what_werkzeug_made_opens_with_the_right_password_only() {
        for stored in VECTORS {
            assert!(check(VECTOR_PASSWORD, stored), "{stored}");
            assert!(!check("FAKE pass phrasf", stored), "{stored}");
            assert!(!check("", stored), "{stored}");
        }
    }

    #[test]
    fn giants_and_rubbish_are_refused_at_once() {
        for stored in [
            "scrypt:1073741824:8:1$s$00",
            "scrypt:32768:4294967295:1$s$00",
            "scrypt:32768:8:4294967295$s$00",
            "scrypt:32767:8:1$s$00",
            "scrypt:0:8:1$s$00",
            "scrypt:32768:0:1$s$00",
            "scrypt:32768:8:1$s$",
            "pbkdf2:sha256:4294967295$s$00",
            "pbkdf2:sha256:0$s$00",
            "pbkdf2:sha256:1000$s$",
            "pbkdf2:md5:1000$s$00",
            "plain$s$00",
            "scrypt:32768:8:1",
            "$$",
        ] {
            assert!(!check("x", stored), "{stored}");
        }
    }
}
