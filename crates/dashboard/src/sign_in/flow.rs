//! What follows a password that was right: sign-ins, tokens, another password.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode};

use super::attempt::{attempt, source_of_caller};
use super::check::{check_new, check_password, replace_hash};
use super::password::Password;
use super::random;
use crate::access::{Caller, Scope, Visitor, Who, cookie};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::events::Change;
use crate::store::{Digest, Entry, NewSignIn, NewToken, Source};
use crate::vaults::blocking;

/// How long a sign-in lasts, in milliseconds: seven days.
const LIFETIME: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long it is fresh, in milliseconds: five minutes.
pub(crate) const FRESH: i64 = 5 * 60 * 1000;

/// Signs a browser in: a cookie that nobody has seen before. The sign-ins that it had end.
pub(crate) async fn open_sign_in(
    app: &Arc<App>,
    visitor: &Visitor,
    headers: &HeaderMap,
    password: Digest,
    source: &Source,
) -> Result<HeaderValue, ApiError> {
    let (cookie, new) = new_sign_in(visitor, password, random::id()?)?;
    let before = cookie::sign_ins_of(headers, visitor.is_encrypted);
    let before: Vec<Digest> = before.map(|value| Digest::of(value.as_bytes())).collect();
    let (store, source) = (Arc::clone(app), source.clone());
    let ended = blocking(move || {
        store.store.know_source(&source, new.created_at)?;
        Ok(store.store.add_sign_in(&new, &before)?)
    })
    .await?;
    tell_ended(app, ended);
    Ok(cookie)
}

/// A cookie, and what is stored of it.
fn new_sign_in(
    visitor: &Visitor,
    password: Digest,
    id: String,
) -> Result<(HeaderValue, NewSignIn), ApiError> {
    let (value, now) = (random::token()?, clock::now());
    let cookie = cookie::set(&value, visitor.is_encrypted)
        .ok_or_else(|| ApiError::internal("the cookie cannot be written"))?;
    let new = NewSignIn {
        id,
        hash: Digest::of(value.as_bytes()),
        password,
        created_at: now,
        expires_at: now + LIFETIME,
        fresh_until: now + FRESH,
        address: visitor.address.to_string(),
        agent: visitor.agent.clone(),
    };
    Ok((cookie, new))
}

/// Puts another password in force: all other sign-ins end with the one write that does it. A
/// browser's own goes on under a new cookie; what was opened with the one before ends.
pub(crate) async fn change_password(
    app: &Arc<App>,
    visitor: &Visitor,
    caller: &Caller,
    current: &Password,
    new: &Password,
) -> Result<Option<HeaderValue>, ApiError> {
    check_new(app, new).await?;
    let source = source_of_caller(caller);
    let checked = attempt(app, &source, visitor.address, check_password(app, current)).await?;
    let Some(changed) = replace_hash(app, new, Some(checked.hash)).await? else {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "the password was changed meanwhile",
        ));
    };
    app.note(caller, "password changed", None, None);
    let own = caller.sign_in();
    let own = own.map(|id| new_sign_in(visitor, changed.fingerprint(), id.to_owned()));
    let (cookie, own) = own.transpose()?.unzip();
    let store = Arc::clone(app);
    let ended = blocking(move || Ok(store.store.replace_sign_ins(own.as_ref())?)).await?;
    // The caller's own as well: whoever has stolen the cookie has its sockets too. The page comes
    // back with the new one.
    tell_ended(app, ended);
    app.terminals.end_links();
    Ok(cookie)
}

/// The password again: for five minutes the sign-in may do what is worth a thief's while.
pub(crate) async fn confirm(
    app: &Arc<App>,
    caller: &Caller,
    id: &str,
    password: &Password,
) -> Result<i64, ApiError> {
    let source = source_of_caller(caller);
    attempt(app, &source, caller.address, check_password(app, password)).await?;
    let (store, id, until) = (Arc::clone(app), id.to_owned(), clock::now() + FRESH);
    match blocking(move || Ok(store.store.freshen(&id, until)?)).await? {
        true => Ok(until),
        false => Err(crate::access::not_signed_in("this sign-in has ended")),
    }
}

/// A new API token: itself, shown once, and what is stored.
pub(crate) async fn make_token(
    app: &Arc<App>,
    name: String,
    scope: Scope,
    expires_at: Option<i64>,
) -> Result<(String, String), ApiError> {
    let (token, id) = (format!("cat_{}", random::token()?), random::id()?);
    let new = NewToken {
        id: id.clone(),
        hash: Digest::of(token.as_bytes()),
        name,
        scope,
        created_at: clock::now(),
        expires_at,
    };
    let app = Arc::clone(app);
    match blocking(move || Ok(app.store.add_token(&new)?)).await? {
        true => Ok((id, token)),
        false => Err(
            ApiError::new(StatusCode::CONFLICT, "there are too many tokens")
                .hinted("Revoke those that are not used any more."),
        ),
    }
}

/// Tells sockets and streams that these sign-ins have ended.
pub(crate) fn tell_ended(app: &App, ids: Vec<String>) {
    if !ids.is_empty() {
        let ended = ids.into_iter().map(Who::Browser).collect();
        app.events.tell(Change::Ended(ended));
    }
}

/// Notes what somebody did whom no credential names.
pub(crate) fn note(app: &App, address: IpAddr, action: &'static str, detail: Option<&str>) {
    app.store.note(Entry {
        id: 0,
        at: clock::now(),
        action: action.to_owned(),
        account: None,
        detail: detail.map(str::to_owned),
        address: Some(address.to_string()),
        who: "browser".to_owned(),
    });
}
