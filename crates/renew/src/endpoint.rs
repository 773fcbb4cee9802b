//! One request to the token endpoint.

use std::time::Duration;

use model::{ANSWER_LIMIT, AnswerError, CredentialDocument, TokenAnswer};
use serde_json::json;
use ureq::tls::{RootCerts, TlsConfig};

use crate::TokenUrl;

/// The client's identifier at the token endpoint (measured: `CLAUDE_CODE_FACTS`).
const CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";

/// From the first packet to the last: half of the age at which the client takes a lock for stale.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why there are no new tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointError {
    pub(crate) kind: EndpointErrorKind,
    /// How long the server asks to be left alone (`Retry-After`, in seconds).
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EndpointErrorKind {
    /// It was answered.
    Answer(AnswerError),
    /// The request never left: the token is unspent.
    NotSent(String),
    /// It left, and no answer came: the token may be spent.
    NoAnswer(String),
}

/// The token endpoint.
pub(crate) struct TokenEndpoint {
    url: TokenUrl,
    agent: ureq::Agent,
}

impl TokenEndpoint {
    pub(crate) fn new(url: TokenUrl) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would send the token elsewhere.
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(TIMEOUT / 2))
            .user_agent(concat!("claude-accounts/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls);
        if url.is_loopback() {
            config = config.proxy(None);
        }
        Self {
            url,
            agent: config.build().into(),
        }
    }

    /// Spends the refresh token of `login`.
    pub(crate) fn renew(&self, login: &CredentialDocument) -> Result<TokenAnswer, EndpointError> {
        let refresh_token = login.refresh_token();
        let mut body = json!({
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.expose(),
            "client_id": CLIENT_ID,
        });
        let scope = login.scope();
        if !scope.is_empty() {
            body["scope"] = scope.into();
        }
        let bytes = zeroize::Zeroizing::new(body.to_string().into_bytes());
        let request = self
            .agent
            .post(self.url.as_str())
            .header("content-type", "application/json");
        let mut response = request
            .send(bytes.as_slice())
            .map_err(|error| transport(&error))?;
        let retry_after = retry_after(&response);
        let status = response.status().as_u16();
        // One byte more than is read, so that too much is told from just enough.
        let limit = ANSWER_LIMIT as u64 + 1;
        let answer = response
            .body_mut()
            .with_config()
            .limit(limit)
            .read_to_vec()
            .map_err(|error| no_answer(&error))?;
        let answer = zeroize::Zeroizing::new(answer);
        TokenAnswer::parse(status, &answer).map_err(|error| EndpointError {
            kind: EndpointErrorKind::Answer(error),
            retry_after,
        })
    }
}

fn retry_after(response: &ureq::http::Response<ureq::Body>) -> Option<Duration> {
    let seconds = response
        .headers()
        .get("retry-after")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

fn transport(error: &ureq::Error) -> EndpointError {
    let kind = match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::BadUri(_)
        | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            EndpointErrorKind::NotSent(describe(error))
        }
        ureq::Error::Io(source) if refused_at_connect(source) => {
            EndpointErrorKind::NotSent(describe(error))
        }
        _ => return no_answer(error),
    };
    EndpointError {
        kind,
        retry_after: None,
    }
}

fn no_answer(error: &ureq::Error) -> EndpointError {
    EndpointError {
        kind: EndpointErrorKind::NoAnswer(describe(error)),
        retry_after: None,
    }
}

fn refused_at_connect(source: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        source.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable
    )
}

/// The library's words, without the address's path or anything that was sent.
fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "the token server's name cannot be found".to_owned(),
        ureq::Error::Timeout(_) => "the token server did not answer in time".to_owned(),
        ureq::Error::Io(source) => {
            format!("the token server cannot be reached ({})", source.kind())
        }
        ureq::Error::ConnectionFailed => "the token server cannot be reached".to_owned(),
        ureq::Error::BodyExceedsLimit(_) => "the token server's answer is too large".to_owned(),
        other => format!("no answer from the token server ({})", class(other)),
    }
}

fn class(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "TLS failed",
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => "not HTTP",
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => "the proxy failed",
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => "it redirects",
        _ => "unexpected",
    }
}
