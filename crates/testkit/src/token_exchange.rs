//! One request at the token endpoint: what it has to hold, what it buys, and the words of the answer. No I/O.

use crate::http::{Request, Response};
use crate::token_book::{IssuedLogin, TokenBook};
use serde_json::{Value, json};

/// The client id of Claude Code: the only one that the endpoint accepts.
pub const CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";
/// Seconds that an access token lasts unless a test says otherwise: about what the real endpoint grants.
pub const EXPIRES_IN_SECONDS: u64 = 8 * 60 * 60;

/// Spends the token sent.
pub(crate) fn exchange(book: &mut TokenBook, request: &Request, expires_in: u64) -> Response {
    let token = match refresh_token(request) {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    match book.spend(&token, expires_in) {
        Ok(login) => granted(&login, true),
        Err(_) => invalid_grant(),
    }
}

/// Takes the token sent and leaves it good.
pub(crate) fn exchange_without_rotation(book: &mut TokenBook, request: &Request) -> Response {
    let token = match refresh_token(request) {
        Ok(token) => token,
        Err(refusal) => return refusal,
    };
    match book.use_without_spending(&token, EXPIRES_IN_SECONDS) {
        Ok(login) => granted(&login, false),
        Err(_) => invalid_grant(),
    }
}

fn granted(login: &IssuedLogin, with_refresh_token: bool) -> Response {
    let mut body = json!({
        "token_type": "Bearer",
        "access_token": login.access_token,
        "expires_in": login.expires_in_seconds,
        "scope": login.scope,
    });
    if with_refresh_token {
        body["refresh_token"] = json!(login.refresh_token);
    }
    Response::json(200, &body)
}

fn invalid_grant() -> Response {
    let description = "Refresh token not found or invalid";
    Response::json(
        400,
        &json!({"error": "invalid_grant", "error_description": description}),
    )
}

/// The refresh token of a request that has all that the client sends, or the refusal.
fn refresh_token(request: &Request) -> Result<String, Response> {
    let refuse = |why: &str| {
        Response::json(
            400,
            &json!({"error": "invalid_request", "error_description": why}),
        )
    };
    if !request
        .header("content-type")
        .is_some_and(|value| value.starts_with("application/json"))
    {
        return Err(refuse("the body is not declared as JSON"));
    }
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|_| refuse("the body is not JSON"))?;
    if body["grant_type"] != "refresh_token" {
        return Err(refuse("grant_type is not refresh_token"));
    }
    if body["client_id"] != CLIENT_ID {
        return Err(refuse("unknown client_id"));
    }
    if body["scope"].as_str().is_none_or(str::is_empty) {
        return Err(refuse("scope is missing"));
    }
    body["refresh_token"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| refuse("refresh_token is missing"))
}
