//! Where refresh tokens may be sent.

use std::fmt;

/// The vendor's token endpoint (measured: `CLAUDE_CODE_FACTS`).
const DOCUMENTED: &str = "https://platform.claude.com/v1/oauth/token";

/// An address that refresh tokens may be sent to: `https`, or `http` on the loopback interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUrl {
    text: String,
    loopback: bool,
}

/// The address is neither `https` nor `http` on the loopback interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token address must start with https://, or with http:// and a loopback address")]
pub struct TokenUrlError;

impl TokenUrl {
    /// The vendor's.
    #[must_use]
    pub fn documented() -> Self {
        Self {
            text: DOCUMENTED.to_owned(),
            loopback: false,
        }
    }

    /// Another one, for a corporate gateway or a test.
    ///
    /// # Errors
    /// If tokens could be read on their way there.
    pub fn parse(text: &str) -> Result<Self, TokenUrlError> {
        let uri: ureq::http::Uri = text.parse().map_err(|_| TokenUrlError)?;
        let host = uri.host().ok_or(TokenUrlError)?;
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(TokenUrlError);
        }
        let loopback = is_loopback(host);
        match uri.scheme_str() {
            Some("https") => Ok(Self {
                text: text.to_owned(),
                loopback,
            }),
            Some("http") if loopback => Ok(Self {
                text: text.to_owned(),
                loopback,
            }),
            _ => Err(TokenUrlError),
        }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is on this machine, so that no proxy is to see it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for TokenUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Addresses only: a name, even `localhost`, means whatever the resolver says.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_over_tls_or_stay_on_the_machine() {
        for good in [
            DOCUMENTED,
            "http://127.0.0.1:8080/token",
            "http://[::1]:1/x",
            "https://gateway.example/t",
        ] {
            assert_eq!(TokenUrl::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "http://example.com/",
            "http://localhost/",
            "ftp://127.0.0.1/",
            "http://127.0.0.1@example.com/",
            "https://user@example.com/",
            "http://127.0.0.1.example.com/",
            "/v1/oauth/token",
            "https://",
        ] {
            assert_eq!(TokenUrl::parse(bad), Err(TokenUrlError), "{bad}");
        }
    }
}
