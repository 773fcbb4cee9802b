//! Attempts: reserved before anything is looked at, and given back when they were no failure.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;

use super::flow::note;
use crate::access::{Caller, Visitor, Who};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::store::{Attempt, Source};
use crate::vaults::blocking;

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
    address: IpAddr,
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
    let reserved = blocking(move || Ok(app.store.reserve_attempt(&source, clock::now)?)).await?;
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
