//! The client's credential file: any bytes are refused or survive every way that they go.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::CredentialDocument;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = CredentialDocument::parse_any(bytes) {
        // A refusal repeats nothing: it is a fixed sentence with at most two numbers.
        assert!(error.to_string().len() < 100);
    }
    let Ok(document) = CredentialDocument::parse(bytes) else {
        return;
    };
    let (access, refresh) = (document.access_token(), document.refresh_token());
    assert!(!access.is_empty());
    assert_eq!(format!("{document:?}"), "CredentialDocument([redacted])");

    let again = CredentialDocument::parse(&document.to_bytes()).expect("what was written is read");
    assert_eq!(again.to_value(), document.to_value());

    let view = document.view();
    assert_eq!(view.access_token(), access);
    assert!(view.refresh_token().is_empty());
    let view = view.to_value();
    assert_eq!(view.as_object().map(|object| object.len()), Some(1));
    assert!(view["claudeAiOauth"].get("refreshToken").is_none());

    let mut split = document.without_tokens();
    assert!(split.access_token().is_empty() && split.refresh_token().is_empty());
    split.complete(&access, &refresh, document.expires_at());
    assert_eq!(split.access_token(), access);
    assert_eq!(split.refresh_token(), refresh);
    assert_eq!(split.expires_at(), document.expires_at());
    let (split, whole) = (split.to_value(), document.to_value());
    assert_eq!(without_login(&split), without_login(&whole));
    let _nothing = (document.scope(), document.plan(), access.masked(), refresh.masked());
});

/// Everything beside the login, in its order.
fn without_login(document: &Value) -> Vec<(&String, &Value)> {
    let object = document.as_object().expect("an object");
    object.iter().filter(|(key, _)| *key != "claudeAiOauth").collect()
}
