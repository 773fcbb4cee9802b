//! Bodies as JSON: bounded, of the right type, and complained about without being repeated.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::field;
use crate::error::ApiError;

/// Longest body, in bytes.
pub(crate) const LIMIT: usize = 1024 * 1024;

/// A body that is a JSON object. Without a body it is `{}`.
///
/// `T` says `#[serde(deny_unknown_fields)]`. Refusals name the field and never repeat its value,
/// which may be a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<T>(pub(crate) T);

/// A body that is any JSON: for routes that take an array too. Without a body it is `{}`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnyBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let bytes = json_bytes(request).await?;
        // A derived type would also take an array of its fields in their order.
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => parse(&bytes).map(Self),
            Some(b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
                Err(ApiError::bad_request("the body is not a JSON object"))
            }
            _ => Err(not_json()),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for AnyBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        parse(&json_bytes(request).await?).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        if error.inner().is_data() {
            field::problem(&error.path().to_string(), &error.inner().to_string())
        } else {
            not_json()
        }
    })?;
    source.end().map_err(|_| not_json())?;
    Ok(value)
}

fn not_json() -> ApiError {
    ApiError::bad_request("the body is not JSON")
}

/// The whole body; `{}` for an empty one.
async fn json_bytes(request: Request) -> Result<Bytes, ApiError> {
    let (parts, body) = request.into_parts();
    check_length(&parts.headers)?;
    let kind = kind(&parts.headers);
    if kind == Kind::Other {
        return Err(not_declared_as_json());
    }
    let collected = Limited::new(body, LIMIT).collect().await;
    let bytes = collected.map_err(|error| unreadable(&*error))?.to_bytes();
    match (bytes.is_empty(), kind) {
        (true, _) => Ok(Bytes::from_static(b"{}")),
        (false, Kind::Json) => Ok(bytes),
        (false, Kind::None | Kind::Other) => Err(not_declared_as_json()),
    }
}

/// What the caller says that the body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Json,
    Other,
}

fn kind(headers: &HeaderMap) -> Kind {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Kind::None;
    };
    let essence = value.to_str().unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case("application/json") {
        true => Kind::Json,
        false => Kind::Other,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body is larger than 1 MiB",
    )
}

fn not_declared_as_json() -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "the body is not declared as JSON",
    )
    .hinted("Send `Content-Type: application/json`.")
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return too_large();
        }
        if error.is::<crate::listener::TooSlow>() {
            return ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly");
        }
        cause = error.source();
    }
    ApiError::bad_request("the body broke off")
}

/// # Errors
/// 413 if the headers announce a body that no route takes.
pub(crate) fn check_length(headers: &HeaderMap) -> Result<(), ApiError> {
    match declared_length(headers) {
        Some(length) if length > LIMIT as u64 => Err(too_large()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as Raw;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        name: Option<String>,
        minutes: Option<u8>,
    }

    async fn read(content_type: Option<&str>, body: impl Into<Raw>) -> Result<Wanted, ApiError> {
        let mut request = Request::builder();
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body.into()).unwrap();
        Body::<Wanted>::from_request(request, &())
            .await
            .map(|Body(wanted)| wanted)
    }

    async fn refusal(content_type: Option<&str>, body: &'static str) -> (u16, String) {
        let error = read(content_type, body).await.unwrap_err();
        (error.status.as_u16(), error.message)
    }

    const JSON: Option<&str> = Some("application/json; charset=utf-8");

    #[tokio::test]
    async fn an_empty_body_is_an_empty_object() {
        let nothing = Wanted {
            name: None,
            minutes: None,
        };
        assert_eq!(read(None, "").await.unwrap(), nothing);
        assert_eq!(read(JSON, "").await.unwrap(), nothing);
        assert_eq!(read(JSON, " {} ").await.unwrap(), nothing);
    }

    #[tokio::test]
    async fn what_is_not_declared_as_json_is_refused() {
        assert_eq!(refusal(None, "{}").await.0, 415);
        assert_eq!(refusal(Some("text/plain"), "").await.0, 415);
        assert_eq!(refusal(Some("text/plain"), "{}").await.0, 415);
    }

    #[tokio::test]
    async fn refusals_name_the_field_and_never_its_value() {
        for (body, field) in [
            (r#"{"nmae":"FAKE-secret"}"#, "nmae"),
            (r#"{"minutes":"FAKE-secret"}"#, "minutes"),
            (r#"{"minutes":77777}"#, "minutes"),
            (r#"{"name":["FAKE-secret, expected FAKE-secret"]}"#, "name"),
            (r#"{"name":"a","name":"FAKE-secret"}"#, "name"),
        ] {
            let (status, message) = refusal(JSON, body).await;
            assert_eq!(status, 400, "{body}");
            assert!(message.contains(field), "{message}");
            assert!(
                !message.contains("FAKE") && !message.contains("77777"),
                "{message}"
            );
        }
    }

    #[tokio::test]
    async fn only_one_whole_object_is_a_body() {
        for body in [
            "[]",
            "\"x\"",
            "null",
            "{",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "{\"name\":\"\u{0}\"}",
        ] {
            assert_eq!(refusal(JSON, body).await.0, 400, "{body}");
        }
        let request = Request::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Raw::from("[1]"))
            .unwrap();
        let AnyBody(value) = AnyBody::<Value>::from_request(request, &()).await.unwrap();
        assert_eq!(value, serde_json::json!([1]));
    }

    #[tokio::test]
    async fn nesting_without_end_is_refused() {
        let deep = format!("{{\"name\":{}", "[".repeat(100_000));
        assert_eq!(read(JSON, deep).await.unwrap_err().status.as_u16(), 400);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_declared_or_not() {
        let long = vec![b' '; LIMIT + 1];
        let error = read(JSON, long.clone()).await.unwrap_err();
        assert_eq!(error.status, StatusCode::PAYLOAD_TOO_LARGE);
        let chunks = futures_util::stream::iter(
            long.chunks(1000)
                .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
                .collect::<Vec<_>>(),
        );
        let error = read(JSON, Raw::from_stream(chunks)).await.unwrap_err();
        assert_eq!(error.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
