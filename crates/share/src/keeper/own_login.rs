//! A login that a user has in the place of his view or link: whose it is, and what becomes of it.

use model::{CredentialDocument, Identity, LoginState};
use vault::{Account, Unsealed, Vault, VaultError};

use super::accounts::was_login;

/// What such a login is to the account of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kinship {
    /// The vault has it, now or from before: nothing is lost with it.
    Known,
    /// The same login, of a later generation.
    Newer,
    /// Another one, or one of which that cannot be shown: it stays.
    Other,
    /// It is to be judged later.
    Unjudged,
}

/// What it takes for a login with new tokens to be the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It has to be known to be the same person's: a view cannot be renewed, so somebody has
    /// signed in.
    IfKnown,
    /// It must not be known to be another person's: in `link` mode every user holds the refresh
    /// token, and this is what a renewal by the client looks like; and the source user is the one
    /// whose login it is.
    UnlessKnownOtherwise,
}

/// Who the user's `.claude.json` says has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What it says is of the login that is there.
    Settled(Identity),
    /// The client may not have written it yet.
    Unsettled,
}

/// Judges.
pub(super) fn kinship(
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
    told: &Told,
    trust: Trust,
) -> Result<Kinship, VaultError> {
    let unsealed = vault.unseal(account)?;
    let is_known = |kept: &CredentialDocument| kept.refresh_token() == document.refresh_token();
    if unsealed.login().is_some_and(is_known) {
        let newer = document.expires_at() > account.expires_at;
        return Ok(match newer && account.state == LoginState::Alive {
            // The server handed out another access token with the same refresh token.
            true => Kinship::Newer,
            false => Kinship::Known,
        });
    }
    if was_login(vault, account, document)? {
        return Ok(Kinship::Known);
    }
    Ok(
        match is_same(&unsealed, told, trust) && is_wanted(account, document) {
            true => Kinship::Newer,
            false => Kinship::Other,
        },
    )
}

/// Not protected: the identity is read from the user's own file. So what is taken over in the place
/// of a view is renewed at once, and a login that cannot be is given back.
fn is_same(unsealed: &Unsealed, told: &Told, trust: Trust) -> bool {
    let Told::Settled(told) = told else {
        return false;
    };
    let ours = &unsealed.identity;
    let is_known = told.account_uuid.is_some() && ours.account_uuid.is_some();
    ours.same_login(told) || (trust == Trust::UnlessKnownOtherwise && !is_known)
}

fn is_wanted(account: &Account, document: &CredentialDocument) -> bool {
    account.state != LoginState::Alive || document.expires_at() > account.expires_at
}
