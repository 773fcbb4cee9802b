//! What the token endpoint says.

use std::time::Duration;

use serde_json::Value;

use crate::Secret;

/// Largest answer that is read, in bytes.
pub const ANSWER_LIMIT: usize = 64 * 1024;

/// A successful answer of the token endpoint (RFC 6749, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAnswer {
    /// `access_token`.
    pub access_token: Secret,
    /// `refresh_token`; `None` means that the old one stays good.
    pub refresh_token: Option<Secret>,
    /// `expires_in`, which is in seconds.
    pub expires_in: Duration,
    /// `scope`, separated by spaces.
    pub scope: Option<String>,
}

/// Why there is no [`TokenAnswer`]. No variant holds any of the answer but its `error` code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The refresh token is used up or revoked: trying again cannot help.
    #[error("the server no longer accepts this login (invalid_grant)")]
    InvalidGrant,
    /// Any other refusal; trying later may help.
    #[error("the server answered {status}{}", code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
    Refused {
        /// HTTP status.
        status: u16,
        /// `error` of the body, if it is a plain word.
        code: Option<String>,
    },
    /// Success, but not in a form that can be understood: the token may have been spent.
    #[error("the server's answer cannot be understood ({0})")]
    Unintelligible(&'static str),
}

impl TokenAnswer {
    /// Reads an answer with its HTTP status.
    ///
    /// # Errors
    /// As the variants of [`AnswerError`] say.
    pub fn parse(status: u16, body: &[u8]) -> Result<Self, AnswerError> {
        let value: Option<Value> = match body.len() {
            0..=ANSWER_LIMIT => serde_json::from_slice(body).ok(),
            _ => None,
        };
        if !(200..300).contains(&status) {
            return Err(refusal(status, value.as_ref()));
        }
        let value = value.ok_or(AnswerError::Unintelligible("not JSON"))?;
        let text = |key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let access_token =
            text("access_token").ok_or(AnswerError::Unintelligible("no access_token"))?;
        Ok(Self {
            access_token: Secret::new(access_token),
            refresh_token: text("refresh_token").map(Secret::new),
            expires_in: lifetime(value.get("expires_in")),
            scope: text("scope").map(str::to_owned),
        })
    }
}

fn refusal(status: u16, body: Option<&Value>) -> AnswerError {
    let error = body.and_then(|body| body.get("error"));
    // RFC 6749 has a word here; the vendor's other endpoints have an object with a `type`.
    let code = error.and_then(|error| error.as_str().or_else(|| error.get("type")?.as_str()));
    let plain = |code: &&str| {
        code.len() <= 40
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    match code.filter(plain) {
        Some("invalid_grant") if status == 400 => AnswerError::InvalidGrant,
        code => AnswerError::Refused {
            status,
            code: code.map(str::to_owned),
        },
    }
}

/// Seconds, as a number or as digits in a text. A missing, negative or absurd one counts as one
/// hour: the token is good, and renewing it early harms nobody.
fn lifetime(value: Option<&Value>) -> Duration {
    const UNKNOWN: Duration = Duration::from_secs(3_600);
    const LONGEST: f64 = 10.0 * 365.0 * 86_400.0;
    let seconds = value.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()));
    match seconds {
        Some(seconds) if seconds > 0.0 && seconds <= LONGEST => Duration::from_secs_f64(seconds),
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(status: u16, body: &str) -> Result<TokenAnswer, AnswerError> {
        TokenAnswer::parse(status, body.as_bytes())
    }

    #[test]
    fn reads_a_full_and_a_minimal_answer() {
        let full = parse(
            200,
            r#"{"access_token":"a","refresh_token":"r","expires_in":28800,"scope":"x y"}"#,
        )
        .unwrap();
        assert_eq!(full.refresh_token.unwrap().expose(), "r");
        assert_eq!(full.expires_in, Duration::from_secs(28_800));
        let minimal = parse(200, r#"{"access_token":"a"}"#).unwrap();
        assert_eq!(minimal.refresh_token, None);
        assert_eq!(minimal.expires_in, Duration::from_secs(3_600));
    }

    #[test]
    fn only_a_400_with_invalid_grant_is_final() {
        assert_eq!(
            parse(400, r#"{"error":"invalid_grant"}"#),
            Err(AnswerError::InvalidGrant)
        );
        for (status, body) in [
            (401, r#"{"error":"invalid_grant"}"#),
            (500, "oops"),
            (429, "{}"),
            (400, "{}"),
        ] {
            assert!(
                matches!(parse(status, body), Err(AnswerError::Refused { status: got, .. }) if got == status)
            );
        }
    }

    #[test]
    fn an_error_repeats_a_plain_word_only() {
        let error = parse(
            403,
            r#"{"error":{"type":"permission_error","message":"sk-ant-oat01-FAKE"}}"#,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server answered 403 (permission_error)"
        );
        let error = parse(403, r#"{"error":"sk-ant-oat01-FAKE"}"#).unwrap_err();
        assert_eq!(error.to_string(), "the server answered 403");
    }

    #[test]
    fn success_without_a_token_is_not_success() {
        assert!(matches!(
            parse(200, "<html>"),
            Err(AnswerError::Unintelligible(_))
        ));
        assert!(matches!(
            parse(200, r#"{"access_token":""}"#),
            Err(AnswerError::Unintelligible(_))
        ));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(status in any::<u16>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _answer = TokenAnswer::parse(status, &bytes);
        }

        #[test]
        fn any_expires_in_gives_a_finite_positive_lifetime(number in any::<f64>()) {
            let body = serde_json::json!({"access_token": "a", "expires_in": number}).to_string();
            let answer = TokenAnswer::parse(200, body.as_bytes()).unwrap();
            prop_assert!(answer.expires_in <= Duration::from_secs(10 * 365 * 86_400));
        }
    }
}
