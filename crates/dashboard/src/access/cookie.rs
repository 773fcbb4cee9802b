//! Credentials in headers, and the cookie that a sign-in is kept in.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};

use super::not_signed_in;
use crate::error::ApiError;

/// The cookie's name where the connection is not encrypted.
const PLAIN: &str = "claude_accounts_session";
/// Browsers take a cookie of this name only over TLS, from this very host.
const ENCRYPTED: &str = "__Host-claude_accounts_session";
/// How long a browser keeps it, in seconds: seven days.
const LIFETIME: i64 = 7 * 24 * 60 * 60;
/// So many cookies of the same name are looked at: others on this host, at another port, may have
/// set some. No more fit into a request's head with tokens of ours in them.
const MOST: usize = 512;
/// Longest token or cookie that is looked at, in bytes.
const LONGEST: usize = 512;

/// The API token of a request: `X-Auth-Token: TOKEN` or `Authorization: Bearer TOKEN`.
///
/// # Errors
/// 401 for one that cannot be a token.
pub(super) fn token_of(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    if let Some(value) = headers.get("x-auth-token") {
        return text(value)
            .map(Some)
            .ok_or_else(|| not_signed_in("this is no API token"));
    }
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let text = text(value).ok_or_else(|| not_signed_in("this is no API token"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(not_signed_in(
            "only `Bearer` is understood in the header Authorization",
        )),
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|text| text.len() <= LONGEST)
}

/// The values of this program's cookies.
pub(crate) fn sign_ins_of(headers: &HeaderMap, encrypted: bool) -> impl Iterator<Item = &str> {
    let name = name(encrypted);
    let headers = headers.get_all(COOKIE).into_iter();
    let pairs = headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(found, value)| *found == name && value.len() <= LONGEST)
        .map(|(_, value)| value)
        .take(MOST)
}

fn name(encrypted: bool) -> &'static str {
    match encrypted {
        true => ENCRYPTED,
        false => PLAIN,
    }
}

/// `Set-Cookie` for a new sign-in. `value` is made of characters that need no quoting.
pub(crate) fn set(value: &str, encrypted: bool) -> Option<HeaderValue> {
    build(value, LIFETIME, encrypted)
}

/// `Set-Cookie` that has the browser forget it.
pub(crate) fn clear(encrypted: bool) -> Option<HeaderValue> {
    build("", 0, encrypted)
}

fn build(value: &str, lifetime: i64, encrypted: bool) -> Option<HeaderValue> {
    let name = name(encrypted);
    let secure = if encrypted { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={lifetime}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn attributes() {
        let plain = set("abc", false).unwrap();
        assert_eq!(
            plain.to_str().unwrap(),
            "claude_accounts_session=abc; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"
        );
        assert!(!format!("{plain:?}").contains("abc"));
        let encrypted = set("abc", true).unwrap();
        let encrypted = encrypted.to_str().unwrap();
        assert!(encrypted.starts_with("__Host-claude_accounts_session=abc; Path=/;"));
        assert!(encrypted.ends_with("; Secure"));
        assert!(
            clear(false)
                .unwrap()
                .to_str()
                .unwrap()
                .contains("Max-Age=0")
        );
        assert!(set("a\r\nSet-Cookie: b=c", false).is_none());
    }

    #[test]
    fn cookies_are_found_among_others() {
        let headers = headers(&[
            ("cookie", "a=b; claude_accounts_session=one;x"),
            (
                "cookie",
                "claude_accounts_session=two; __Host-claude_accounts_session=three",
            ),
        ]);
        assert_eq!(
            sign_ins_of(&headers, false).collect::<Vec<_>>(),
            ["one", "two"]
        );
        assert_eq!(sign_ins_of(&headers, true).collect::<Vec<_>>(), ["three"]);
    }

    #[test]
    fn tokens_in_both_headers() {
        for (pairs, expected) in [
            (&[("x-auth-token", "T")][..], Some("T")),
            (&[("authorization", "bearer  T")], Some("T")),
            (
                &[("authorization", "Bearer T"), ("x-auth-token", "U")],
                Some("U"),
            ),
            (&[], None),
        ] {
            assert_eq!(token_of(&headers(pairs)).unwrap(), expected);
        }
        let long = "x".repeat(LONGEST + 1);
        for pairs in [
            [("authorization", "Basic Zm9v")],
            [("x-auth-token", &*long)],
        ] {
            let error = token_of(&headers(&pairs)).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.code),
                (401, Some("not_signed_in"))
            );
        }
    }
}
