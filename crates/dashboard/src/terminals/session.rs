//! One session: a terminal, and what is known of it.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use model::{AuthType, printable};
use serde::Serialize;
use terminal::{Ended, Terminal};
use utoipa::ToSchema;
use vault::Account;

use super::lock;
use crate::access::{Caller, Who};
use crate::clock;
use crate::error::ApiError;

/// What runs in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Claude Code.
    Terminal,
    /// A sign-in to the account.
    Login,
}

impl Kind {
    /// # Errors
    /// 400 if the account cannot be used for it.
    pub(super) fn check(self, account: &Account) -> Result<(), ApiError> {
        match (self, account.auth_type) {
            (Self::Login, AuthType::ApiKey) => Err(ApiError::bad_request(
                "an account with an API key has no sign-in",
            )
            .hinted("Change its key instead.")),
            _ => Ok(()),
        }
    }
}

/// A program in a terminal. Ends when it is told to, or when nobody holds it any more.
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) account_id: String,
    /// The account's name when it was started.
    pub(crate) account: String,
    pub(crate) cwd: PathBuf,
    pub(crate) terminal: Terminal,
    starter: Who,
    started_at: i64,
    is_recorded: bool,
    changing: Mutex<Changing>,
}

struct Changing {
    title: String,
    /// How many look at it, watchers included.
    views: usize,
    /// Its last viewer's connection was lost; nobody has looked since.
    is_lost: bool,
    /// Somebody has asked for its end.
    is_ending: bool,
}

impl Session {
    pub(super) fn new(
        id: String,
        kind: Kind,
        account: &Account,
        cwd: PathBuf,
        caller: &Caller,
        is_recorded: bool,
        terminal: Terminal,
    ) -> Self {
        let changing = Changing {
            title: account.name.clone(),
            views: 0,
            is_lost: false,
            is_ending: false,
        };
        Self {
            id,
            kind,
            account_id: account.id.as_str().to_owned(),
            account: account.name.clone(),
            cwd,
            terminal,
            starter: caller.who.clone(),
            started_at: clock::now(),
            is_recorded,
            changing: Mutex::new(changing),
        }
    }

    /// When its program was about to be started: by now it may have output something.
    pub(super) fn begun_at(mut self, at: i64) -> Self {
        self.started_at = at;
        self
    }

    pub(crate) fn is_running(&self) -> bool {
        self.terminal.ended().is_none()
    }

    /// Ends it as if its terminal were closed.
    pub(crate) fn end(&self) {
        lock(&self.changing).is_ending = true;
        self.terminal.end();
    }

    pub(super) fn set_title(&self, title: &str) {
        lock(&self.changing).title = title.to_owned();
    }

    /// Somebody looks at it now.
    pub(crate) fn view_begins(&self) {
        let mut changing = lock(&self.changing);
        changing.views += 1;
        changing.is_lost = false;
    }

    /// Somebody no longer does; `is_lost`: the connection broke.
    pub(crate) fn view_ends(&self, is_lost: bool) {
        let mut changing = lock(&self.changing);
        changing.views = changing.views.saturating_sub(1);
        changing.is_lost = is_lost && changing.views == 0;
    }

    /// Whether `who` started it and lost the connection to it.
    pub(super) fn is_lost_by(&self, who: &Who) -> bool {
        let changing = lock(&self.changing);
        changing.is_lost && !changing.is_ending && self.starter == *who && self.is_running()
    }

    /// For the audit log.
    pub(super) fn in_words(&self) -> String {
        let kind = match self.kind {
            Kind::Terminal => "terminal",
            Kind::Login => "sign-in",
        };
        format!("{kind} in {}", printable(&self.cwd.to_string_lossy()))
    }

    pub(crate) fn describe(&self) -> Description {
        let ended = self.terminal.ended();
        let size = self.terminal.size();
        let changing = lock(&self.changing);
        Description {
            id: self.id.clone(),
            title: changing.title.clone(),
            account_id: self.account_id.clone(),
            account: self.account.clone(),
            cwd: self.cwd.to_string_lossy().into_owned(),
            kind: self.kind,
            started_at: self.started_at,
            ended_at: ended.map(|ended| milliseconds(ended.at)),
            exit: ended.map(|ended| Exit {
                code: ended.code,
                signal: ended.signal,
            }),
            rows: size.rows(),
            cols: size.columns(),
            viewers: changing.views,
            recording: self.is_recorded,
            bytes: self.terminal.output_bytes(),
            last_output_at: self.terminal.last_output().map(milliseconds),
        }
    }
}

/// A session, as the API tells of it. Times are epoch milliseconds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct Description {
    /// 32 hexadecimal digits.
    id: String,
    /// The account's name, unless somebody gave it another.
    title: String,
    account_id: String,
    /// The account's name when the session was started.
    account: String,
    /// Where it was started.
    cwd: String,
    kind: Kind,
    started_at: i64,
    /// `null` while it runs.
    #[schema(required = true)]
    ended_at: Option<i64>,
    /// `null` while it runs.
    #[schema(required = true)]
    exit: Option<Exit>,
    rows: u16,
    cols: u16,
    /// How many look at it now, watchers included.
    viewers: usize,
    /// Whether its output is written to a file.
    recording: bool,
    /// How much it has output since its start.
    bytes: u64,
    #[schema(required = true)]
    last_output_at: Option<i64>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Exit {
    /// Its exit status, if it exited.
    #[schema(required = true)]
    code: Option<i32>,
    /// The signal that killed it, if one did.
    #[schema(required = true)]
    signal: Option<i32>,
}

/// For the audit log.
pub(super) fn end_in_words(ended: &Ended) -> String {
    match (ended.code, ended.signal) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "it is not known how".to_owned(),
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
