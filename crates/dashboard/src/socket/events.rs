//! What clients are sent.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use terminal::Size;

use crate::error::ApiError;
use crate::terminals::{Kind, Session};

/// The event that carries output.
pub(super) const OUTPUT: &str = "terminal_output";

/// `terminal_started`.
#[derive(Debug, Serialize)]
pub(super) struct Started<'session> {
    session: &'session str,
    account_id: &'session str,
    account: &'session str,
    cwd: std::borrow::Cow<'session, str>,
    rows: u16,
    cols: u16,
    after: u64,
    kind: Kind,
    read_only: bool,
    acks: bool,
}

impl<'session> Started<'session> {
    pub(super) fn new(session: &'session Session, after: u64, read_only: bool) -> Self {
        let size = session.terminal.size();
        Self {
            session: &session.id,
            account_id: &session.account_id,
            account: &session.account,
            cwd: session.cwd.to_string_lossy(),
            rows: size.rows(),
            cols: size.columns(),
            after,
            kind: session.kind,
            read_only,
            acks: true,
        }
    }
}

/// `terminal_output`.
#[derive(Debug, Serialize)]
pub(super) struct Output<'data> {
    pub(super) data: &'data str,
    pub(super) session: &'data str,
    pub(super) after: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) reset: bool,
}

impl Output<'_> {
    /// Its text, and how long its packet will be on the wire.
    pub(super) fn encode(&self) -> Option<(Box<RawValue>, usize)> {
        let text = to_raw_value(self).ok()?;
        let packet = r#"42["",]"#.len() + OUTPUT.len() + text.get().len();
        // RFC 6455, section 5.2: a frame from a server.
        let head = match packet {
            ..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        Some((text, head + packet))
    }
}

/// `terminal_resized`.
#[derive(Debug, Serialize)]
pub(super) struct Resized<'session> {
    session: &'session str,
    rows: u16,
    cols: u16,
}

impl<'session> Resized<'session> {
    pub(super) fn new(session: &'session str, size: Size) -> Self {
        Self {
            session,
            rows: size.rows(),
            cols: size.columns(),
        }
    }
}

/// `terminal_exit`.
#[derive(Debug, Serialize)]
pub(super) struct Exited<'session> {
    pub(super) session: &'session str,
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
}

/// `terminal_error`, and the answer to what failed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failed {
    pub(super) error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
}

impl Failed {
    pub(super) fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            hint: None,
            session: None,
        }
    }

    pub(super) fn of(mut self, session: Option<String>) -> Self {
        self.session = session;
        self
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self {
            error: error.message,
            hint: error.hint.map(std::borrow::Cow::into_owned),
            session: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_on_the_wire_is_known() {
        for size in [0, 10, 1_000, 70_000] {
            let data = "\u{1b}é".repeat(size);
            let output = Output {
                data: &data,
                session: "0123",
                after: 42,
                reset: size == 10,
            };
            let (text, length) = output.encode().unwrap();
            let packet = format!("42[\"{OUTPUT}\",{}]", text.get());
            let message = tungstenite::Message::text(packet);
            let mut written = std::io::Cursor::new(Vec::new());
            let role = tungstenite::protocol::Role::Server;
            let mut socket = tungstenite::WebSocket::from_raw_socket(&mut written, role, None);
            socket.send(message).unwrap();
            assert_eq!(written.get_ref().len(), length);
        }
    }
}
