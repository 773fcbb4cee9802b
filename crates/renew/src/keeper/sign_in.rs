//! A sign-in inside a session (`/login`): the client has put a whole login where its view was.

use model::{CredentialDocument, LoginState};
use vault::{Account, Cause, Credential, NewLogin, Vault};

use crate::{ClientFiles, Lease, RenewError, RuntimeDirectory, Session, session};

/// What became of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is the account's login now, and the session has a view of it.
    AsLogin,
    /// The account's own login is good and this one was not shown to be the same person's: it is
    /// in the account's history, to be restored by who wants it, and the session goes on with it.
    InHistory,
}

/// Keeps such a login; `None` if there is none, or it is kept already.
pub(crate) fn keep(
    vault: &Vault,
    files: Option<&ClientFiles>,
    runtime: &RuntimeDirectory,
    session: &Session,
) -> Result<Option<Kept>, RenewError> {
    let Some(document) = session
        .read_view()
        .filter(|view| !session::may_be_replaced(view))
    else {
        return Ok(None);
    };
    let id = session.account();
    let lease = Lease::acquire(vault.paths(), &id, id.as_str())?;
    let account = vault.get(&id)?;
    let known = vault.history(&account)?.into_iter().find(|generation| {
        generation
            .document
            .as_ref()
            .is_some_and(|kept| kept.refresh_token() == document.refresh_token())
    });
    let kept = match known {
        Some(generation) if generation.present => None,
        Some(_) => return Ok(None),
        None => Some(store(vault, files, &account, &document)?),
    };
    if kept != Some(Kept::InHistory) {
        session.write_view(&document)?;
        session::publish(runtime, &id, &document);
    }
    drop(lease);
    Ok(kept)
}

fn store(
    vault: &Vault,
    files: Option<&ClientFiles>,
    account: &Account,
    document: &CredentialDocument,
) -> Result<Kept, RenewError> {
    let unsealed = vault.unseal(account)?;
    let signed_in = files.map(ClientFiles::identity).unwrap_or_default();
    let needed =
        account.state != LoginState::Alive || matches!(unsealed.credential, Credential::None);
    let same = unsealed.identity.same_login(&signed_in);
    let login = NewLogin {
        document: document.clone(),
        identity: if needed || same {
            signed_in
        } else {
            model::Identity::default()
        },
        lifetime: None,
        cause: Cause::SignedInInSession,
    };
    if needed || same {
        vault.store_login(&account.id, &login)?;
        return Ok(Kept::AsLogin);
    }
    vault.store_aside(&account.id, &login)?;
    Ok(Kept::InHistory)
}
