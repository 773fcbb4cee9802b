//! Every route below `/api`, with its documentation.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

pub(crate) mod accounts;
mod auth;
pub(crate) mod body;
mod browse;
mod directories;
mod events;
mod field;
mod history;
mod import_export;
mod import_schema;
mod launch;
pub(crate) mod number;
mod openapi;
pub(crate) mod query;
mod recent;
pub(crate) mod refusals;
mod sessions;
pub(crate) mod settings;
mod usage;

/// All routes of the API, and their OpenAPI document.
pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    let mut router = OpenApiRouter::with_openapi(openapi::base())
        .merge(auth::router())
        .merge(accounts::router())
        .merge(history::router())
        .merge(launch::router())
        .merge(directories::router())
        .merge(browse::router())
        .merge(recent::router())
        .merge(usage::router())
        .merge(import_export::router())
        .merge(settings::router())
        .merge(events::router())
        .merge(sessions::router());
    openapi::complete(router.get_openapi_mut());
    router
}

/// The OpenAPI document as JSON, as `GET /api/openapi.json` answers: for the reference that is made of it.
///
/// # Panics
/// Never: it has nothing that JSON has not.
#[must_use]
pub fn description() -> String {
    let document = router().into_openapi();
    document.to_json().expect("a document of texts")
}

#[cfg(test)]
mod tests;
