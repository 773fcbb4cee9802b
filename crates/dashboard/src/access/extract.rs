//! Extractors: a handler that takes one of these is only called for those who may.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{Caller, Scope, Visitor, not_signed_in};
use crate::app::App;
use crate::error::ApiError;

/// Somebody who may see accounts.
pub(crate) struct Reader(
    #[allow(dead_code, reason = "what a reader is shown is the same whoever he is")]
    pub(crate)  Caller,
);
/// Somebody who may use terminals and renew logins.
pub(crate) struct Launcher(pub(crate) Caller);
/// Somebody who may do everything.
pub(crate) struct Administrator(pub(crate) Caller);
/// Somebody who may do everything and has given the password minutes ago, or a token for it.
pub(crate) struct FreshAdministrator(pub(crate) Caller);

/// Anybody, from a host and origin that may ask.
impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        app.access.visitor(parts)
    }
}

/// Anybody with a credential, whatever its scope.
impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = app.access.identify(app, parts)?;
        caller.ok_or_else(|| not_signed_in("nobody is signed in"))
    }
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        caller_with(Scope::Read, parts, app).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Launcher {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        caller_with(Scope::Launch, parts, app).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        caller_with(Scope::Admin, parts, app).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for FreshAdministrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.require_fresh()?;
        Ok(Self(caller))
    }
}

async fn caller_with(scope: Scope, parts: &mut Parts, app: &Arc<App>) -> Result<Caller, ApiError> {
    let caller = Caller::from_request_parts(parts, app).await?;
    caller.require(scope)?;
    Ok(caller)
}
