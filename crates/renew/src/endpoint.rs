//! One request to the token endpoint.
//!
//! The library that sends it reads `HTTPS_PROXY`, `NO_PROXY` and `SSL_CERT_FILE`, as a corporate
//! network needs; nothing else here reads the environment. A proxy sees the server's name only:
//! the token is inside TLS.

use std::io::{self, Read};
use std::time::Duration;

use model::{ANSWER_LIMIT, AnswerError, CredentialDocument, TokenAnswer};
use serde::Serialize;
use ureq::SendBody;
use ureq::tls::{RootCerts, TlsConfig};

use crate::TokenUrl;

/// The client's identifier at the token endpoint (measured: `CLAUDE_CODE_FACTS`).
const CLIENT_ID: &str = "9d1c250a-e61b-44d9-88ed-5944d1962f5e";

/// From the first packet to the last: half of the age at which the client takes a lock for stale.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

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

/// What is sent, written straight into memory that is wiped.
#[derive(Serialize)]
struct Grant<'login> {
    grant_type: &'static str,
    refresh_token: &'login str,
    client_id: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'login str,
}

/// A body that knows whether any of it was taken. The token is in the body alone, so whatever
/// fails before that (a name, a connection, a proxy, a TLS handshake) has not spent it.
struct Body<'bytes> {
    rest: &'bytes [u8],
    taken: bool,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.taken |= !buffer.is_empty();
        self.rest.read(buffer)
    }
}

impl TokenEndpoint {
    pub(crate) fn new(url: TokenUrl, timeout: Duration) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would send the token elsewhere.
            .max_redirects(0)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout / 2))
            // Renewals are hours apart: on a connection kept since the last one the server may have
            // hung up, and then nobody could tell whether the token was spent.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
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
        let bytes = grant(login);
        let mut body = Body {
            rest: &bytes,
            taken: false,
        };
        let request = self
            .agent
            .post(self.url.as_str())
            .header("content-type", "application/json")
            .header("content-length", bytes.len());
        let sent = request.send(SendBody::from_reader(&mut body));
        let mut response = sent.map_err(|error| transport(&error, body.taken))?;
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

fn grant(login: &CredentialDocument) -> zeroize::Zeroizing<Vec<u8>> {
    let (refresh_token, scope) = (login.refresh_token(), login.scope());
    let grant = Grant {
        grant_type: "refresh_token",
        refresh_token: refresh_token.expose(),
        client_id: CLIENT_ID,
        scope: &scope,
    };
    zeroize::Zeroizing::new(serde_json::to_vec(&grant).expect("plain strings serialise"))
}

fn transport(error: &ureq::Error, taken: bool) -> EndpointError {
    if taken {
        return no_answer(error);
    }
    EndpointError {
        kind: EndpointErrorKind::NotSent(describe_unsent(error)),
        retry_after: None,
    }
}

fn no_answer(error: &ureq::Error) -> EndpointError {
    EndpointError {
        kind: EndpointErrorKind::NoAnswer(describe_unanswered(error)),
        retry_after: None,
    }
}

/// What kept the request from leaving. The library's words are about the way there: no token was
/// part of anything yet.
fn describe_unsent(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "the token server's name cannot be found".to_owned(),
        ureq::Error::Timeout(_) => "the token server cannot be reached in time".to_owned(),
        ureq::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            format!("no secure connection to the token server ({source})")
        }
        ureq::Error::Io(source) => {
            format!("the token server cannot be reached ({})", source.kind())
        }
        ureq::Error::Tls(source) => format!("no secure connection to the token server ({source})"),
        ureq::Error::Rustls(source) if source.to_string().contains("No CA certificates") => {
            "this system has no CA certificates to know the token server by (Debian: the package \
             ca-certificates)"
                .to_owned()
        }
        ureq::Error::Rustls(source) => {
            format!("no secure connection to the token server ({source})")
        }
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => {
            "the proxy of this environment does not let us reach the token server".to_owned()
        }
        _ => "the token server cannot be reached".to_owned(),
    }
}

/// Why there is no answer, without the library's words: by now it knows the token.
fn describe_unanswered(error: &ureq::Error) -> String {
    let reason = match error {
        ureq::Error::Timeout(_) => "not in time".to_owned(),
        ureq::Error::Io(source) => source.kind().to_string(),
        ureq::Error::BodyExceedsLimit(_) => "it is too large".to_owned(),
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => "it is not HTTP".to_owned(),
        _ => "unexpected".to_owned(),
    };
    format!("no answer from the token server ({reason})")
}
