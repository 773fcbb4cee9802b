//! How one signs in: what is reserved, checked, given back and written down, in that order.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::hash::{self, Verdict};
use super::password::{self, Password, Strength};
use super::{TOTP, random, recovery, totp};
use crate::access::{Caller, Scope, Visitor, Who, cookie};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::events::Change;
use crate::store::{Attempt, Digest, Entry, NewSignIn, NewToken, Source};
use crate::vaults::blocking;

/// How long a sign-in lasts, in milliseconds: seven days.
const LIFETIME: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long it is fresh, in milliseconds: five minutes.
pub(crate) const FRESH: i64 = 5 * 60 * 1000;

/// Why an attempt came to nothing.
pub(crate) enum Refusal {
    /// A wrong password or code: counts.
    Wrong(ApiError),
    /// Anything else: does not count.
    Other(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

/// Does `work` as an attempt of this source. It counts as a failure from before `work` begins; what
/// is not [`Refusal::Wrong`] is given back at its end. A caller who goes away meanwhile has failed.
///
/// # Errors
/// 429 if there were too many failures; else what `work` says.
pub(crate) async fn attempt<T>(
    app: &Arc<App>,
    source: &Source,
    address: std::net::IpAddr,
    work: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, ApiError> {
    let number = reserve(app, source.clone()).await?;
    let result = work.await;
    if let Err(Refusal::Wrong(error)) = result {
        note(app, address, "sign-in failed", None);
        return Err(error);
    }
    let store = Arc::clone(app);
    blocking(move || Ok(store.store.give_attempt_back(number)?)).await?;
    result.map_err(|refusal| match refusal {
        Refusal::Wrong(error) | Refusal::Other(error) => error,
    })
}

async fn reserve(app: &Arc<App>, source: Source) -> Result<i64, ApiError> {
    let app = Arc::clone(app);
    let reserved = blocking(move || Ok(app.store.reserve_attempt(&source, clock::now())?)).await?;
    match reserved {
        Attempt::Reserved(number) => Ok(number),
        Attempt::Refused { retry_after } => {
            let message = "too many failed attempts to sign in";
            let mut error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, message)
                .coded("too_many_tries")
                .hinted(
                    "Wait; or, on the machine itself: claude-accounts dashboard reset-password.",
                );
            error.retry_after = Some(retry_after);
            Err(error)
        }
    }
}

/// Where an attempt of this visitor's counts.
pub(crate) async fn source_of(visitor: &Visitor) -> Result<Source, ApiError> {
    let visitor = visitor.clone();
    blocking(move || {
        Ok(match visitor.is_same_user() {
            true => Source::same_user(),
            false => Source::address(visitor.address),
        })
    })
    .await
}

/// Where an attempt of somebody counts who is signed in already.
pub(crate) fn source_of_caller(caller: &Caller) -> Source {
    match &caller.who {
        Who::Browser(id) => Source::sign_in(id),
        Who::Token { id, .. } => Source::sign_in(&format!("of token {id}")),
        Who::Watcher { session } => Source::sign_in(&format!("of watcher {session}")),
    }
}

/// The hash that a password was right for.
pub(crate) struct Checked {
    hash: String,
}

impl Checked {
    /// What the sign-ins that are made with it remember of it.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.hash.as_bytes())
    }
}

/// Checks the password, and replaces a hash of an older kind. Takes as long where none is set.
pub(crate) async fn check_password(app: &Arc<App>, given: &Password) -> Result<Checked, Refusal> {
    given.check_length()?;
    // Whoever replaces an older hash at the same moment is looked at again.
    for _ in 0..4 {
        let stored = app.vaults.quick(|vault| vault.password_hash()).await?;
        let (password, known, cost) = (given.clone(), stored.clone(), app.sign_in.cost);
        let work = move || Ok(hash::check(&password, known.as_deref(), cost));
        let verdict = app.sign_in.slots.run(work).await?;
        match (verdict, stored) {
            (Verdict::Right, Some(hash)) => return Ok(Checked { hash }),
            (Verdict::Outdated, Some(stored)) => {
                if let Some(checked) = replace_hash(app, given, Some(stored)).await? {
                    return Ok(checked);
                }
            }
            _ => return Err(Refusal::Wrong(wrong_password())),
        }
    }
    Err(Refusal::Other(ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the password is being changed at this moment",
    )))
}

/// Puts a hash of this password in the place of `before`; `None` if something else is there now.
async fn replace_hash(
    app: &Arc<App>,
    password: &Password,
    before: Option<String>,
) -> Result<Option<Checked>, ApiError> {
    let (password, cost) = (password.clone(), app.sign_in.cost);
    let hash = app
        .sign_in
        .slots
        .run(move || hash::make(&password, cost))
        .await?;
    let after = hash.clone();
    let replaced = app
        .vaults
        .quick(move |vault| vault.replace_password_hash(before.as_deref(), Some(&after)))
        .await?;
    Ok(replaced.then_some(Checked { hash }))
}

/// How good a password is.
pub(crate) async fn estimate(app: &Arc<App>, password: Password) -> Result<Strength, ApiError> {
    app.sign_in
        .estimates
        .run(move || Ok(password::strength(&password)))
        .await
}

async fn check_new(app: &Arc<App>, password: &Password) -> Result<(), ApiError> {
    let password = password.clone();
    app.sign_in
        .estimates
        .run(move || password::check_new(&password))
        .await
}

/// The second factor, as a sign-in gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Factor<'a> {
    /// None was given.
    None,
    /// Six digits.
    Totp(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

/// Checks the second factor, if one is needed.
pub(crate) async fn check_factor(app: &Arc<App>, factor: Factor<'_>) -> Result<(), Refusal> {
    let kinds = app.second_factors()?;
    if kinds.is_empty() {
        return Ok(());
    }
    let is_right = match factor {
        Factor::None => {
            let message = "a second factor is needed";
            return Err(Refusal::Other(second_factor_needed(message, &kinds)));
        }
        Factor::Totp(code) => takes_totp(app, code).await?,
        Factor::Recovery(code) => recovery::take(app, code).await?,
    };
    match is_right {
        true => Ok(()),
        false => {
            let message = "that code is wrong, or was used before";
            Err(Refusal::Wrong(second_factor_needed(message, &kinds)))
        }
    }
}

async fn takes_totp(app: &Arc<App>, code: &str) -> Result<bool, ApiError> {
    let secret = app.vaults.quick(|vault| vault.sealed_setting(TOTP)).await?;
    let step = secret.and_then(|secret| totp::step_of(code, &secret, clock::now()));
    let Some(step) = step else {
        return Ok(false);
    };
    let app = Arc::clone(app);
    blocking(move || Ok(app.store.take_totp_step(step)?)).await
}

fn wrong_password() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "wrong password")
        .hinted("Forgotten? On the machine itself: claude-accounts dashboard reset-password.")
}

fn second_factor_needed(message: &str, kinds: &[&'static str]) -> ApiError {
    let mut error = ApiError::new(StatusCode::UNAUTHORIZED, message).coded("second_factor_needed");
    error.more.insert("second_factors".to_owned(), json!(kinds));
    error
}

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

/// What set-up shows once, and the cookie of the browser that did it.
pub(crate) struct SetUp {
    pub(crate) api_token: String,
    pub(crate) cookie: HeaderValue,
}

/// The first password. Of several at once, one succeeds.
pub(crate) async fn set_up(
    app: &Arc<App>,
    visitor: &Visitor,
    headers: &HeaderMap,
    password: &Password,
    code: Option<&str>,
) -> Result<SetUp, ApiError> {
    if app.access.in_force()?.password.is_some() {
        return Err(set_up_already());
    }
    let source = source_of(visitor).await?;
    if source != Source::same_user() {
        check_setup_code(app, &source, visitor, code).await?;
    }
    check_new(app, password).await?;
    let Some(checked) = replace_hash(app, password, None).await? else {
        return Err(set_up_already());
    };
    let api_token = first_token(app).await?;
    note(app, visitor.address, "set-up", None);
    let cookie = open_sign_in(app, visitor, headers, checked.fingerprint(), &source).await?;
    Ok(SetUp { api_token, cookie })
}

async fn check_setup_code(
    app: &Arc<App>,
    source: &Source,
    visitor: &Visitor,
    code: Option<&str>,
) -> Result<(), ApiError> {
    let needed = |message| {
        ApiError::new(StatusCode::FORBIDDEN, message)
            .coded("setup_code_needed")
            .hinted("`claude-accounts serve` prints it on the machine itself.")
    };
    let Some(code) = code else {
        return Err(needed("the first set-up from here needs the one-time code"));
    };
    attempt(app, source, visitor.address, async {
        match app.sign_in.is_setup_code(code) {
            true => Ok(()),
            false => Err(Refusal::Wrong(needed("that is not the one-time code"))),
        }
    })
    .await
}

fn set_up_already() -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "the dashboard is set up already").hinted("Sign in.")
}

/// The token that the Python program's clients know: one, with every right.
async fn first_token(app: &Arc<App>) -> Result<String, ApiError> {
    let token = format!("cat_{}", random::token()?);
    let hash = Digest::of(token.as_bytes()).to_hex();
    app.vaults
        .quick(move |vault| {
            let before = vault.api_token_hash()?;
            vault.replace_api_token_hash(before.as_deref(), Some(&hash))
        })
        .await?;
    let app = Arc::clone(app);
    blocking(move || Ok(app.store.first_token_made(clock::now())?)).await?;
    Ok(token)
}

/// Puts another password in force: all other sign-ins end with the one write that does it. A
/// browser's own goes on under a new cookie.
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
    let others = ended
        .into_iter()
        .filter(|id| Some(id.as_str()) != caller.sign_in());
    tell_ended(app, others.collect());
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
pub(crate) fn note(
    app: &App,
    address: std::net::IpAddr,
    action: &'static str,
    detail: Option<&str>,
) {
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

impl App {
    /// The kinds of second factors that a sign-in needs one of. Asks no database while nothing in
    /// it has changed.
    pub(crate) fn second_factors(&self) -> Result<Vec<&'static str>, ApiError> {
        let mut kinds = Vec::new();
        if self.access.in_force()?.has_totp {
            kinds.push("totp");
        }
        if self.store.credentials()?.has_passkeys() {
            kinds.push("passkey");
        }
        Ok(kinds)
    }
}
