//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, thirty seconds, as every
//! authenticator app has them.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Secret;
use qrcode::QrCode;
use qrcode::render::svg;
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::random;
use crate::error::ApiError;

/// Length of a time step, in milliseconds.
const STEP: i64 = 30_000;
/// So many steps a clock may be wrong, either way.
const TOLERANCE: i64 = 1;
const DIGITS: u32 = 6;
const ISSUER: &str = "claude-accounts";

/// A new secret in Base32: 160 bits, as RFC 4226 recommends.
pub(crate) fn new_secret() -> Result<Secret, ApiError> {
    let bytes = Zeroizing::new(random::bytes::<20>()?);
    Ok(Secret::new(BASE32_NOPAD.encode(bytes.as_ref())))
}

/// The time step whose code this is, near `now` (epoch milliseconds). The caller sees to it that a
/// step counts once.
pub(crate) fn step_of(code: &str, secret: &Secret, now: i64) -> Option<i64> {
    let typed: String = code
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    let key = Zeroizing::new(BASE32_NOPAD.decode(secret.expose().as_bytes()).ok()?);
    let present = now.div_euclid(STEP);
    let steps = present - TOLERANCE..=present + TOLERANCE;
    // All are compared in any case: which one it was does not show in the time it takes.
    steps.fold(None, |found, step| {
        let is_it: bool = code_at(&key, step)
            .as_bytes()
            .ct_eq(typed.as_bytes())
            .into();
        if is_it { Some(step) } else { found }
    })
}

fn code_at(key: &[u8], step: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else {
        return String::new(); // HMAC takes keys of every length
    };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    // Dynamic truncation, RFC 4226, section 5.3.
    let offset = usize::from(digest[19] & 0xf);
    let bytes = [
        digest[offset],
        digest[offset + 1],
        digest[offset + 2],
        digest[offset + 3],
    ];
    let number = u32::from_be_bytes(bytes) & 0x7fff_ffff;
    let width = DIGITS as usize;
    format!("{:0width$}", number % 10_u32.pow(DIGITS))
}

/// What an authenticator app reads.
pub(crate) fn uri(secret: &Secret, host: &str) -> Secret {
    let host: String = url::form_urlencoded::byte_serialize(host.as_bytes()).collect();
    let secret = secret.expose();
    Secret::new(format!(
        "otpauth://totp/{ISSUER}:{host}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits={DIGITS}&period=30"
    ))
}

/// The same as a picture, without a style of its own: the page's policy allows none.
pub(crate) fn qr_svg(uri: &Secret) -> Result<Secret, ApiError> {
    let code = QrCode::new(uri.expose().as_bytes())
        .map_err(|_| ApiError::internal("the picture cannot be drawn"))?;
    let drawn = code
        .render::<svg::Color<'_>>()
        .min_dimensions(200, 200)
        .build();
    let start = drawn.find("<svg").unwrap_or(0);
    Ok(Secret::new(&drawn[start..]))
}

#[cfg(test)]
pub(crate) fn code_for_tests(secret: &str, now: i64) -> String {
    code_at(
        &BASE32_NOPAD.decode(secret.as_bytes()).unwrap(),
        now.div_euclid(STEP),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, SHA-1, the last six of its eight digits; the first two lines are
    /// RFC 4226, appendix D, counters 0 and 1.
    #[test]
    fn the_vectors_of_the_rfcs() {
        for (seconds, code) in [
            (0, "755224"),
            (30, "287082"),
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(KEY, seconds / 30), code, "{seconds}");
        }
    }

    #[test]
    fn one_step_either_way_and_no_more() {
        let secret = Secret::new(BASE32_NOPAD.encode(KEY));
        let now = 1_111_111_111_000;
        let step = now / STEP;
        for (other, expected) in [
            (-2, None),
            (-1, Some(step - 1)),
            (0, Some(step)),
            (1, Some(step + 1)),
            (2, None),
        ] {
            let code = code_at(KEY, step + other);
            assert_eq!(step_of(&code, &secret, now), expected, "{other}");
        }
        assert_eq!(step_of(" 050 471 ", &secret, now), Some(step));
        for wrong in ["", "50471", "0050471", "abcdef", "０５０４７１"] {
            assert_eq!(step_of(wrong, &secret, now), None, "{wrong}");
        }
    }

    #[test]
    fn what_an_app_reads() {
        let secret = new_secret().unwrap();
        assert_eq!(secret.expose().len(), 32);
        let uri = uri(&secret, "[::1]");
        let parsed = url::Url::parse(uri.expose()).unwrap();
        assert_eq!(
            (parsed.scheme(), parsed.host_str()),
            ("otpauth", Some("totp"))
        );
        let picture = qr_svg(&uri).unwrap();
        assert!(picture.expose().starts_with("<svg"));
        assert!(!picture.expose().contains("style="));
    }
}
