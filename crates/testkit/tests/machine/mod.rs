//! A home with the stand-in client, a token server and an API for it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests; each file uses its part"
)]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::documents::write_private;
use testkit::{ApiServer, Ran, TestHome, TokenServer};

pub(crate) const LATER_MS: u64 = 8 * 60 * 60 * 1000;
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Machine {
    pub(crate) home: TestHome,
    pub(crate) tokens: TokenServer,
    pub(crate) api: ApiServer,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let (mut home, tokens, api) = (TestHome::new(), TokenServer::start(), ApiServer::start());
        home.install_stand_in_client();
        home.set("ANTHROPIC_BASE_URL", api.url());
        home.set("CLAUDE_CODE_TOKEN_URL_FOR_STAND_IN", tokens.url());
        Machine { home, tokens, api }
    }

    pub(crate) fn claude(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(self.home.bin().join("claude"));
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.claude(arguments))
    }

    pub(crate) fn put(&self, document: &Value) {
        put(&self.home.claude_dir(), document);
    }

    pub(crate) fn login(&self) -> Value {
        read(&self.home.claude_dir())
    }

    pub(crate) fn last_bearer(&self) -> Option<String> {
        self.api
            .message_requests()
            .last()
            .unwrap()
            .bearer()
            .map(str::to_owned)
    }
}

pub(crate) fn put(directory: &Path, document: &Value) {
    write_private(&directory.join(".credentials.json"), document.to_string());
}

pub(crate) fn read(directory: &Path) -> Value {
    serde_json::from_slice(&fs::read(directory.join(".credentials.json")).unwrap()).unwrap()
}
