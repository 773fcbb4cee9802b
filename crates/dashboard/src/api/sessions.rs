//! Terminal sessions: listed, renamed, ended, shown to others, downloaded.

use std::sync::Arc;

use axum::Json;
use axum::body::Body as ResponseBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::Body;
use super::query::Path;
use super::refusals::{BodyRefusals, Refusals};
use crate::access::{Administrator, Launcher};
use crate::api::number::whole;
use crate::app::App;
use crate::error::{ApiError, ErrorBody};
use crate::terminals::Description;

/// Longest title, in characters.
const TITLE_LIMIT: usize = 200;
/// Longest life of a link, in minutes.
const LINK_LIMIT: u32 = 24 * 60;
/// How much of a recording is read at once, in bytes.
const PIECE: usize = 64 << 10;

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(rename, remove))
        .routes(routes!(make_link))
        .routes(routes!(recording))
}

/// The terminal sessions
///
/// Oldest first. One that has ended is kept for an hour.
#[utoipa::path(get, path = "/api/sessions", tag = "terminals",
    responses(
        (status = 200, description = "All of them", body = [Description]),
        Refusals,
    ))]
async fn list(State(app): State<Arc<App>>, Launcher(_caller): Launcher) -> Json<Vec<Description>> {
    let sessions = app.terminals.all();
    Json(sessions.iter().map(|session| session.describe()).collect())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rename {
    /// Not empty, nothing but white space, or with control characters.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    title: String,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
struct SessionStatus {
    /// `updated` or `ended`.
    status: &'static str,
}

/// Give a session another title
#[utoipa::path(put, path = "/api/sessions/{id}", tag = "terminals",
    params(("id" = String, Path, description = "The session")),
    request_body = Rename,
    responses(
        (status = 200, description = "Done", body = SessionStatus),
        (status = 404, description = "No such session", body = ErrorBody),
        BodyRefusals,
    ))]
async fn rename(
    State(app): State<Arc<App>>,
    Launcher(_caller): Launcher,
    Path(id): Path<String>,
    Body(body): Body<Rename>,
) -> Result<Json<SessionStatus>, ApiError> {
    let title = body.title.trim();
    if title.is_empty() || title.chars().count() > TITLE_LIMIT || title.contains(char::is_control) {
        let message =
            format!("`title` has 1 to {TITLE_LIMIT} characters, no control characters among them");
        return Err(ApiError::bad_request(message));
    }
    app.terminals.rename(&id, title)?;
    Ok(Json(SessionStatus { status: "updated" }))
}

/// End a session
///
/// One that runs is ended as if its terminal were closed, and killed after five seconds. One that
/// has ended is forgotten, with its recording.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "terminals",
    params(("id" = String, Path, description = "The session")),
    responses(
        (status = 200, description = "Done", body = SessionStatus),
        (status = 404, description = "No such session", body = ErrorBody),
        Refusals,
    ))]
async fn remove(
    State(app): State<Arc<App>>,
    Launcher(caller): Launcher,
    Path(id): Path<String>,
) -> Result<Json<SessionStatus>, ApiError> {
    let account = account_of(&app, &id);
    let action = app.terminals.remove(&id).await?;
    app.note(&caller, action, account.as_deref(), Some(&id));
    Ok(Json(SessionStatus { status: "ended" }))
}

/// The name of its account; of a session that is forgotten nobody knows it.
fn account_of(app: &App, session: &str) -> Option<String> {
    let session = app.terminals.get(session).ok()?;
    Some(session.account.clone())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLink {
    /// How long it is good for.
    #[schema(minimum = 1, maximum = 1440)]
    #[serde(deserialize_with = "whole")]
    minutes: u32,
}

/// A link, shown once.
#[derive(Debug, Serialize, ToSchema)]
struct SessionLink {
    token: String,
    /// On this server. The token stands behind the `#`, which browsers do not send.
    url: String,
    /// Epoch milliseconds.
    expires_at: i64,
}

/// Make a link with which anybody may watch a session
///
/// Whoever has it sees what is output and can type nothing. It ends when its time is over, when its
/// session is forgotten, and with the server.
#[utoipa::path(post, path = "/api/sessions/{id}/links", tag = "terminals",
    params(("id" = String, Path, description = "The session")),
    request_body = NewLink,
    responses(
        (status = 201, description = "The link", body = SessionLink),
        (status = 404, description = "No such session", body = ErrorBody),
        BodyRefusals,
    ))]
async fn make_link(
    State(app): State<Arc<App>>,
    Administrator(caller): Administrator,
    Path(id): Path<String>,
    Body(body): Body<NewLink>,
) -> Result<(StatusCode, Json<SessionLink>), ApiError> {
    if !(1..=LINK_LIMIT).contains(&body.minutes) {
        let message = format!("`minutes` is 1 to {LINK_LIMIT}");
        return Err(ApiError::bad_request(message));
    }
    let session = app.terminals.get(&id)?;
    let (token, expires_at) = app.terminals.links.make(&session.id, body.minutes)?;
    let detail = format!("{} minutes", body.minutes);
    app.note(&caller, "link made", Some(&session.account), Some(&detail));
    let url = format!("/watch#{token}");
    let link = SessionLink {
        token,
        url,
        expires_at,
    };
    Ok((StatusCode::CREATED, Json(link)))
}

/// The recording of a session
///
/// In the format asciicast v2, as far as it is written. It is kept for 30 days, also when its
/// session is forgotten, or until the session is deleted.
#[utoipa::path(get, path = "/api/sessions/{id}/recording", tag = "terminals",
    params(("id" = String, Path, description = "The session")),
    responses(
        (status = 200, description = "The recording", body = String, content_type = "application/x-asciicast"),
        (status = 404, description = "No such session, or it was not recorded", body = ErrorBody),
        Refusals,
    ))]
async fn recording(
    State(app): State<Arc<App>>,
    Launcher(caller): Launcher,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let path = app.terminals.recording(&id)?;
    let file = File::open(&path)
        .await
        .map_err(|error| ApiError::internal(format!("the recording cannot be read: {error}")))?;
    // What a session showed may hold secrets.
    let account = account_of(&app, &id);
    app.note(&caller, "recording read", account.as_deref(), Some(&id));
    let headers = [
        (header::CONTENT_TYPE, "application/x-asciicast".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.cast\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, pieces_of(file)).into_response())
}

/// A file as the body of an answer, a piece at a time.
fn pieces_of(file: File) -> ResponseBody {
    let pieces = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = bytes::BytesMut::with_capacity(PIECE);
        let count = file.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((count > 0).then(|| (Frame::data(piece.freeze()), file)))
    });
    ResponseBody::new(StreamBody::new(pieces))
}
