//! What the token endpoint says: the first two bytes are the status.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use model::{AnswerError, CredentialDocument, Timestamp, TokenAnswer};

const TEN_YEARS: Duration = Duration::from_secs(10 * 366 * 86_400);

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    match TokenAnswer::parse(status, body) {
        Ok(answer) => {
            assert!((200..300).contains(&status));
            assert!(!answer.access_token.is_empty());
            assert!(answer.refresh_token.as_ref().is_none_or(|token| !token.is_empty()));
            assert!(answer.expires_in <= TEN_YEARS);
            let before = br#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "r"}}"#;
            let document = CredentialDocument::parse(before).expect("a document");
            let renewed = document.renewed(&answer, Timestamp::from_millis(1_700_000_000_000));
            assert_eq!(renewed.access_token(), answer.access_token);
            assert!(!renewed.refresh_token().is_empty());
        }
        Err(AnswerError::InvalidGrant) => assert_eq!(status, 400),
        Err(error) => assert!(error.to_string().len() < 120),
    }
});
