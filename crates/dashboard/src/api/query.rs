//! Parts of the address.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::field;
use crate::error::ApiError;

/// What follows the `?`. `T` says `#[serde(deny_unknown_fields)]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<T>(pub(crate) T);

/// The variable parts of the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        // The parser takes bytes that are not UTF-8 for U+FFFD; a path would then be another one.
        if url::form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'))
        {
            return Err(ApiError::bad_request("the query is not UTF-8"));
        }
        let source =
            serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(source)
            .map(Self)
            .map_err(|error| field::problem(&error.path().to_string(), &error.inner().to_string()))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let not_understood = || ApiError::bad_request("the path is not understood");
        // A NUL ends up in file names and database keys otherwise.
        let raw = RawPathParams::from_request_parts(parts, state).await;
        if raw
            .map_err(|_| not_understood())?
            .iter()
            .any(|(_, value)| value.contains('\0'))
        {
            return Err(not_understood());
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(not_understood()),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        days: Option<u16>,
        path: Option<String>,
    }

    async fn read(uri: &str) -> Result<Wanted, ApiError> {
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        let Query(wanted) = Query::<Wanted>::from_request_parts(&mut parts, &()).await?;
        Ok(wanted)
    }

    #[tokio::test]
    async fn a_query_is_read_or_refused_by_field() {
        let wanted = read("/?days=30&path=%2Fhome%2Fa+b").await.unwrap();
        assert_eq!(
            (wanted.days, wanted.path.as_deref()),
            (Some(30), Some("/home/a b"))
        );
        assert!(read("/").await.unwrap().days.is_none());
        for (uri, field) in [
            ("/?dyas=1", "dyas"),
            ("/?days=FAKE", "days"),
            ("/?days=-1", "days"),
            ("/?days=1&days=2", "days"),
            ("/?path=%ff", "UTF-8"),
        ] {
            let error = read(uri).await.unwrap_err();
            assert_eq!(error.status.as_u16(), 400, "{uri}");
            assert!(error.message.contains(field), "{}", error.message);
            assert!(!error.message.contains("FAKE"), "{}", error.message);
        }
    }
}
