//! A sign-in inside a session (`/login`): the client has put a whole login where its view was.

use std::time::Duration;

use model::{CredentialDocument, Identity, LoginState};
use vault::{Account, Cause, Credential, NewLogin, Vault};

use crate::client_login::identity_in;
use crate::session::{self, Publishing};
use crate::{ClientFiles, Lease, RenewError, RuntimeDirectory, Session, SessionKind};

/// What became of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the account's login now, and the session has a view of it.
    AsLogin,
    /// The account's own login is good and this one was not shown to be the same person's: it is
    /// in the account's history, to be restored by who wants it, and the session goes on with it.
    InHistory,
}

/// How far the keeping of a sign-in has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is no login in the view that is not kept already.
    Nothing,
    /// There is one, and it has to wait for something that takes moments.
    Later,
    /// It was kept just now.
    Kept(Kept),
}

/// The client writes tokens and identity one after the other, in an order that we do not know.
/// Before this time has passed, the identity on record may be that of the login before.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// Keeps such a login. Never waits. `ended`: whether the client has, so that nothing more comes.
pub(crate) fn keep(
    vault: &Vault,
    files: Option<&ClientFiles>,
    runtime: &RuntimeDirectory,
    session: &Session,
    ended: bool,
) -> Result<Progress, RenewError> {
    let Some(document) = login_in(session) else {
        return Ok(Progress::Nothing);
    };
    let id = session.account();
    let settled = session.view_age().is_none_or(|age| age >= SETTLED_AFTER);
    let place = place(vault, &vault.get(&id)?, &document)?;
    if place == Place::Aside {
        return Ok(Progress::Nothing);
    }
    if place == Place::Unknown && !settled && !ended {
        return Ok(Progress::Later);
    }
    let Some(lease) = Lease::try_acquire(vault.paths(), &id)? else {
        return Ok(Progress::Later);
    };
    let Some(publishing) = Publishing::try_begin(runtime)? else {
        return Ok(Progress::Later);
    };
    let account = vault.get(&id)?;
    let kept = match self::place(vault, &account, &document)? {
        Place::Present => None,
        Place::Aside => return Ok(Progress::Nothing),
        Place::Unknown => {
            let identity = match settled {
                true => identity_of(files, session),
                false => Identity::default(),
            };
            Some(store(vault, &account, &document, &identity)?)
        }
    };
    let unsealed = vault.unseal(&vault.get(&id)?)?;
    if let (true, Some(present)) = (kept != Some(Kept::InHistory), unsealed.login()) {
        // The client may have replaced it meanwhile: then it stays and is looked at again.
        session.write_view_over(&publishing, present, |there| {
            *there == document || session::may_be_replaced(there)
        })?;
        publishing.publish(runtime, vault, &id);
    }
    drop((publishing, lease));
    Ok(kept.map_or(Progress::Nothing, Progress::Kept))
}

/// The whole login in a view, if there is one.
fn login_in(session: &Session) -> Option<CredentialDocument> {
    let view = session.read_view()?;
    (!session::may_be_replaced(&view)).then_some(view)
}

/// Where the vault has a login.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the account's present one.
    Present,
    /// It is in the account's history.
    Aside,
    Unknown,
}

fn place(
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
) -> Result<Place, RenewError> {
    let same = |kept: &CredentialDocument| kept.refresh_token() == document.refresh_token();
    if vault.unseal(account)?.login().is_some_and(same) {
        return Ok(Place::Present);
    }
    let history = vault.history(account)?;
    let known = history
        .iter()
        .any(|generation| generation.document.as_ref().is_some_and(same));
    Ok(if known { Place::Aside } else { Place::Unknown })
}

/// Who signed in, as the client wrote it down where this session has its `.claude.json`.
fn identity_of(files: Option<&ClientFiles>, session: &Session) -> Identity {
    match session.kind() {
        SessionKind::ConfigDirectory => identity_in(&session.view_directory().join(".claude.json")),
        SessionKind::SecureStorage => files.map(ClientFiles::identity).unwrap_or_default(),
    }
}

fn store(
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
    identity: &Identity,
) -> Result<Kept, RenewError> {
    let unsealed = vault.unseal(account)?;
    let needed =
        account.state != LoginState::Alive || matches!(unsealed.credential, Credential::None);
    let same = unsealed.identity.same_login(identity);
    let login = |cause| NewLogin {
        document: document.clone(),
        identity: identity.clone(),
        lifetime: None,
        cause,
    };
    if needed || same {
        vault.store_login(&account.id, &login(Cause::SignedInInSession))?;
        return Ok(Kept::AsLogin);
    }
    vault.store_aside(&account.id, &login(Cause::KeptAside))?;
    Ok(Kept::InHistory)
}
