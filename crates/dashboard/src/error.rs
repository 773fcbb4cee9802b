//! Failures as the API tells them: a status and `{"error", "hint", "code"}`.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use launch::LaunchError;
use model::{DocumentError, NameError, printable};
use renew::RenewError;
use serde_json::{Map, Value, json};
use terminal::TerminalError;
use vault::{ImportError, VaultError};

/// A failure as it is answered, for the OpenAPI document; [`ApiError::to_json`] makes it.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it describes")]
pub(crate) struct ErrorBody {
    /// What went wrong.
    error: String,
    /// What to do next.
    #[schema(required = false, nullable = false)]
    hint: Option<String>,
    /// For programs.
    #[schema(required = false, nullable = false)]
    code: Option<String>,
}

/// A failure. None of its texts holds a secret.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) hint: Option<Cow<'static, str>>,
    /// For programs: one of the documented words.
    pub(crate) code: Option<&'static str>,
    /// Seconds after which to try again.
    pub(crate) retry_after: Option<u64>,
    /// Further members of the answer.
    pub(crate) more: Box<Map<String, Value>>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            hint: None,
            code: None,
            retry_after: None,
            more: Box::default(),
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Something that is no fault of the caller's. `message` is shown to him, so it holds no secret.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(crate) fn hinted(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// `{"error", "hint"?, "code"?, …}`
    pub(crate) fn to_json(&self) -> Value {
        let mut body = (*self.more).clone();
        body.insert("error".to_owned(), json!(self.message));
        if let Some(hint) = &self.hint {
            body.insert("hint".to_owned(), json!(hint));
        }
        if let Some(code) = self.code {
            body.insert("code".to_owned(), json!(code));
        }
        Value::Object(body)
    }
}

/// What an answer says went wrong, beside it: for the log.
#[derive(Clone, Debug)]
pub(crate) struct Told(pub(crate) String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.to_json())).into_response();
        response.extensions_mut().insert(Told(self.message));
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        let (status, hint) = match &error {
            VaultError::NotFound { .. } => {
                return Self::not_found("there is no such account, or not any more");
            }
            VaultError::NoGeneration { .. } => (
                StatusCode::NOT_FOUND,
                "The history lists those that are kept.",
            ),
            VaultError::Exists(_) => (StatusCode::CONFLICT, "Choose another name."),
            VaultError::Changed(_) => (StatusCode::CONFLICT, "Look at it again, then repeat."),
            VaultError::OtherKind(_) => (
                StatusCode::CONFLICT,
                "An API key has no tokens, and a login no key: add an account of the other kind.",
            ),
            VaultError::Age(_) => (
                StatusCode::BAD_REQUEST,
                "Check the file and its passphrase.",
            ),
            VaultError::Busy(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Another process is writing; try again in a moment.",
            ),
            VaultError::Damaged { .. } => (
                StatusCode::CONFLICT,
                "Sign in to it again, or remove it and add it anew. The others are not affected.",
            ),
            VaultError::Full(_) => (
                StatusCode::INSUFFICIENT_STORAGE,
                "Make room on that file system, then try again.",
            ),
            VaultError::PassphraseNeeded
            | VaultError::PassphraseWrong
            | VaultError::KeyWrong(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The vault's key or passphrase was changed: start the dashboard again.",
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "`claude-accounts doctor` on the machine says more.",
            ),
        };
        Self::new(status, printable(&error.to_string())).hinted(hint)
    }
}

impl From<RenewError> for ApiError {
    fn from(error: RenewError) -> Self {
        let (status, hint) = match error {
            RenewError::Vault(source) => return source.into(),
            RenewError::NotALogin(_) => (StatusCode::BAD_REQUEST, "An API key needs no renewal."),
            RenewError::NeverSignedIn(_) | RenewError::NoRefreshToken(_) => {
                (StatusCode::BAD_REQUEST, "Sign in to it.")
            }
            RenewError::SignInAgain { .. } | RenewError::Lost { .. } => (
                StatusCode::BAD_REQUEST,
                "Sign in again. Every earlier generation is kept.",
            ),
            RenewError::Unavailable { .. } => (
                StatusCode::BAD_GATEWAY,
                "Check the network, then try again; the login is as it was.",
            ),
            RenewError::KeptAside { .. } | RenewError::File { .. } => (
                StatusCode::INSUFFICIENT_STORAGE,
                "Check permissions and room on the disk; what was renewed is kept.",
            ),
            RenewError::LeaseHeld(_) | RenewError::ClientLockHeld(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Another process is renewing it; try again in a moment.",
            ),
        };
        Self::new(status, printable(&error.to_string())).hinted(hint)
    }
}

impl From<LaunchError> for ApiError {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Vault(source) => source.into(),
            LaunchError::Variable { .. } | LaunchError::Path { .. } => {
                Self::bad_request(printable(&error.to_string()))
            }
            LaunchError::Block { .. } => {
                Self::new(StatusCode::CONFLICT, printable(&error.to_string()))
                    .hinted("Mend or remove the marked block in that file by hand, then try again.")
            }
            _ => Self::internal(printable(&error.to_string())),
        }
    }
}

impl From<TerminalError> for ApiError {
    fn from(error: TerminalError) -> Self {
        Self::internal(printable(&error.to_string()))
            .hinted("Check the directory, and the limits of this machine.")
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::bad_request(error.to_string()).hinted(
            "A name has 1 to 64 letters, digits, `.`, `_` and `-`, and starts with a letter, a digit or `_`.",
        )
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        Self::bad_request(format!("the credential file is of no use: {error}"))
            .hinted("Give the client's own file, usually ~/.claude/.credentials.json.")
    }
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        Self::bad_request(format!("nothing was imported: {error}"))
            .hinted("Give an array of accounts as the export has it.")
    }
}
