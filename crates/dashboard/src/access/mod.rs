//! Who is calling, and what they may do.
//!
//! What a request claims is read in [`visitor`], judged there against the rules for hosts and
//! origins, and only then is its credential looked at. Nothing here asks the database while nothing
//! in it has changed.

use std::net::IpAddr;
use std::path::Path;

use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use vault::Vault;

use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::listener::Trust;
use crate::options::Network;
use crate::sign_in::flow::FRESH;
use crate::store::{Digest, SignInRecord, TokenRecord};

pub(crate) mod cookie;
pub(crate) mod endings;
mod extract;
mod in_force;
pub(crate) mod local_peer;
pub(crate) mod visitor;

pub(crate) use extract::{Administrator, FreshAdministrator, Launcher, Reader};
use in_force::{InForce, State};
pub(crate) use visitor::Visitor;

/// The identifier of the API token that set-up shows.
pub(crate) const FIRST_TOKEN: &str = "first";

/// How often, in milliseconds, it is written down that a sign-in or token was used.
const SEEN_INTERVAL: i64 = 60_000;

/// What a caller may do; each includes those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// See accounts, without secrets.
    Read,
    /// Start and use terminals, renew logins.
    Launch,
    /// Everything.
    Admin,
}

impl Scope {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Launch => "launch",
            Self::Admin => "admin",
        }
    }

    /// `None` for what no scope is called.
    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        [Self::Read, Self::Launch, Self::Admin]
            .into_iter()
            .find(|scope| scope.as_str() == text)
    }
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// A browser that signed in; the identifier of the sign-in.
    Browser(String),
    /// An API token; its identifier and name.
    Token {
        /// Identifier.
        id: String,
        /// As its owner called it.
        name: String,
    },
    /// Somebody with a read-only link to one terminal session.
    Watcher {
        /// The session.
        session: String,
    },
}

impl Who {
    /// As the audit log has it.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Browser(_) => "browser".to_owned(),
            Self::Token { name, .. } => format!("token {name}"),
            Self::Watcher { .. } => "watcher".to_owned(),
        }
    }
}

/// A caller whose credential was checked.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) who: Who,
    /// `None` for a watcher, who may do nothing but watch.
    pub(crate) scope: Option<Scope>,
    pub(crate) address: IpAddr,
    /// Until when, in epoch milliseconds, the password was given recently enough for an export.
    pub(crate) fresh_until: Option<i64>,
}

impl Caller {
    /// # Errors
    /// 403 if the caller may not do what needs `scope`.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scope.is_some_and(|own| own >= scope) {
            return Ok(());
        }
        let message = format!("this needs the scope `{}`", scope.as_str());
        Err(ApiError::new(StatusCode::FORBIDDEN, message)
            .coded("wrong_scope")
            .hinted("Use a token with that scope, or sign in with a browser."))
    }

    /// For what is worth a thief's while: a sign-in whose password was given minutes ago, or a
    /// token with the scope `admin`.
    ///
    /// # Errors
    /// 403 `fresh_sign_in_needed`, or what [`Caller::require`] says.
    pub(crate) fn require_fresh(&self) -> Result<(), ApiError> {
        self.require(Scope::Admin)?;
        let is_fresh = match &self.who {
            Who::Browser(_) => self.fresh_until.is_some_and(is_soon),
            Who::Token { .. } => true,
            Who::Watcher { .. } => false,
        };
        if is_fresh {
            return Ok(());
        }
        let message = "this needs the password again";
        Err(ApiError::new(StatusCode::FORBIDDEN, message)
            .coded("fresh_sign_in_needed")
            .hinted("Confirm the password; that counts for five minutes."))
    }

    /// The identifier of the sign-in, if it is a browser's.
    pub(crate) fn sign_in(&self) -> Option<&str> {
        match &self.who {
            Who::Browser(id) => Some(id),
            Who::Token { .. } | Who::Watcher { .. } => None,
        }
    }
}

/// Whether a sign-in that is fresh until then is so now. A clock that was set back makes none fresh
/// for longer.
fn is_soon(until: i64) -> bool {
    let left = until - clock::now();
    (1..=FRESH).contains(&left)
}

/// Decides from a request's headers who is calling.
pub(crate) struct Access {
    network: Network,
    in_force: InForce,
}

impl Access {
    /// `vault` is a connection of its own: it is asked at every request. `dashboard` is the path of
    /// the dashboard's own database.
    pub(crate) fn new(network: &Network, vault: Vault, dashboard: &Path) -> Self {
        Self {
            network: network.clone(),
            in_force: InForce::new(vault, dashboard),
        }
    }

    /// Who sent this request. `None` if it holds no credential.
    ///
    /// # Errors
    /// 401 for a credential that does not count (any more), 403 for a host or origin that may not
    /// ask, 503 if the database cannot be read.
    pub(crate) fn identify(&self, app: &App, parts: &Parts) -> Result<Option<Caller>, ApiError> {
        let visitor = self.visitor(parts)?;
        if let Some(token) = cookie::token_of(&parts.headers)? {
            let caller = self.by_token(app, token, visitor.address)?;
            trust(parts);
            return Ok(Some(caller));
        }
        let mut refusal = None;
        for value in cookie::sign_ins_of(&parts.headers, visitor.is_encrypted) {
            match self.by_cookie(app, value, visitor.address) {
                Ok(caller) => {
                    trust(parts);
                    return Ok(Some(caller));
                }
                Err(error) => refusal = Some(error),
            }
        }
        refusal.map_or(Ok(None), Err)
    }

    /// Whose API token this is.
    ///
    /// # Errors
    /// As [`Access::identify`].
    pub(crate) fn identify_token(
        &self,
        app: &App,
        token: &str,
        parts: &Parts,
    ) -> Result<Caller, ApiError> {
        let visitor = self.visitor(parts)?;
        let caller = self.by_token(app, token, visitor.address)?;
        trust(parts);
        Ok(caller)
    }

    /// Whether a WebSocket or Socket.IO handshake may come from where it comes from: the same rule
    /// as for requests that change something.
    ///
    /// # Errors
    /// 403 if not.
    pub(crate) fn check_upgrade(&self, parts: &Parts) -> Result<(), ApiError> {
        let visitor = Visitor::read(parts, &self.network)?;
        visitor.check_origin(&parts.headers)
    }

    /// The password, the first token and the second factor as they are at this moment.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub(crate) fn in_force(&self) -> Result<State, ApiError> {
        self.in_force.now()
    }

    /// What a request says of itself, its host and origin checked.
    ///
    /// # Errors
    /// 400 or 403.
    pub(crate) fn visitor(&self, parts: &Parts) -> Result<Visitor, ApiError> {
        let visitor = Visitor::read(parts, &self.network)?;
        if !parts.method.is_safe() {
            visitor.check_origin(&parts.headers)?;
        }
        Ok(visitor)
    }

    fn by_cookie(&self, app: &App, value: &str, address: IpAddr) -> Result<Caller, ApiError> {
        let digest = Digest::of(value.as_bytes());
        let password = self.in_force.now()?.password;
        let known = app.store.credentials()?;
        let found = known
            .sign_in(&digest)
            .filter(|record| is_valid(record, password));
        let Some(record) = found else {
            return Err(not_signed_in("this sign-in has ended"));
        };
        if record.use_now(SEEN_INTERVAL) {
            app.store.sign_in_seen(&record.id, clock::now());
        }
        Ok(Caller {
            who: Who::Browser(record.id.clone()),
            scope: Some(Scope::Admin),
            address,
            fresh_until: Some(record.fresh_until),
        })
    }

    fn by_token(&self, app: &App, token: &str, address: IpAddr) -> Result<Caller, ApiError> {
        let digest = Digest::of(token.as_bytes());
        let first = self.in_force.now()?.first_token;
        let known = app.store.credentials()?;
        // Both are looked at in any case: an answer takes the same time whoever's token it is.
        let is_first = digest.is_same(&first.unwrap_or(Digest::NOBODY)) && first.is_some();
        let found = known
            .token(&digest)
            .filter(|record| !record.has_expired(clock::now()));
        let record = match (is_first, found) {
            (true, _) => known.first_token(),
            (false, Some(record)) => record,
            (false, None) => return Err(not_signed_in("this token is not known, or not any more")),
        };
        if record.use_now(SEEN_INTERVAL) {
            app.store.token_used(&record.id, clock::now());
        }
        Ok(token_caller(record, address))
    }
}

/// Somebody has signed in over this connection: it is not closed to make room for strangers.
fn trust(parts: &Parts) {
    if let Some(trust) = parts.extensions.get::<Trust>() {
        trust.establish();
    }
}

fn token_caller(record: &TokenRecord, address: IpAddr) -> Caller {
    Caller {
        who: Who::Token {
            id: record.id.clone(),
            name: record.name.clone(),
        },
        scope: Some(record.scope),
        address,
        fresh_until: None,
    }
}

/// A sign-in counts as long as the password does that it was made with, also where another process
/// has changed it.
pub(crate) fn is_valid(record: &SignInRecord, password: Option<Digest>) -> bool {
    let same_password = password.is_some_and(|password| password.is_same(&record.password));
    same_password && record.expires_at > clock::now()
}

pub(crate) fn not_signed_in(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, message)
        .coded("not_signed_in")
        .hinted("Sign in, or send an API token in the header X-Auth-Token.")
}
