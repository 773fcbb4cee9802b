//! `link` mode: the whole login stands in one file, and every client can write there. What one has
//! renewed is nowhere else until the vault has it, so nothing is written over unjudged.

use std::time::{Duration, Instant};

use model::{CredentialDocument, Identity};
use renew::LONGEST_WAIT;
use vault::VaultError;

use super::own_login::Told;
use super::{Keeper, shared_credentials};
use crate::settings::CredentialsMode;
use crate::system_users::SystemUsers;

/// A renewal under way takes moments.
const MOMENTS: Duration = Duration::from_millis(200);

/// How often in a row somebody may write at the very moment in which we do.
const ATTEMPTS: usize = 8;

impl Keeper {
    /// Looks again at what could not be judged; tells when it has to once more.
    pub(super) fn judge_shared_again(&mut self) -> Duration {
        if self.judge_shared_at.is_some_and(|at| at <= Instant::now()) {
            self.keep_shared();
        }
        self.judge_shared_at.map_or(LONGEST_WAIT, |at| {
            at.saturating_duration_since(Instant::now())
        })
    }

    /// Puts the default account's login into the shared file, once what is there has been judged.
    pub(super) fn keep_shared(&mut self) {
        if self.state.settings.credentials != CredentialsMode::Link {
            return;
        }
        let shared = self.state.settings.shared_directory.clone();
        for _attempt in 0..ATTEMPTS {
            let there = shared_credentials::read(&shared);
            if self.is_present(there.as_ref()) {
                self.judge_shared_at = None;
                return;
            }
            // The account's own tokens bring nothing new, whatever else the file says of them.
            let is_news = |there: &&CredentialDocument| !self.has_tokens_of(there);
            if let Some(there) = there.as_ref().filter(is_news)
                && !self.judge(there)
            {
                return;
            }
            // Read anew: what is there may just have become the account's login.
            if self.is_present(there.as_ref()) {
                return;
            }
            let Some(login) = self.accounts.login(&self.state.default_account) else {
                return;
            };
            match self.write_shared(&login) {
                Ok(Some(came)) if there.is_none_or(|there| !is_same(&there, &came)) => {
                    self.judge_late(&came);
                }
                Ok(_) => return,
                Err(error) => {
                    return self.tell_problem(format!(
                        "the shared credential file was not written: {error}"
                    ));
                }
            }
        }
    }

    /// Takes over a login that a client has renewed; `false` if it has to be judged later, and must
    /// stay until then.
    fn judge(&mut self, document: &CredentialDocument) -> bool {
        let account = self.state.default_account.clone();
        let user = self.state.settings.group.clone();
        // Through a link nobody signs in: it is a renewal.
        let unknown = Told::Settled(Identity::default());
        let pause = match self.consider(&user, &account, document, &unknown, "") {
            Ok(_) => {
                self.judge_shared_at = None;
                return true;
            }
            Err(VaultError::Busy(_)) => MOMENTS,
            Err(error) => {
                self.tell_problem(error.to_string());
                LONGEST_WAIT
            }
        };
        self.judge_shared_at = Some(Instant::now() + pause);
        false
    }

    /// Whether this is what the default account has.
    fn is_present(&self, document: Option<&CredentialDocument>) -> bool {
        let login = self.accounts.login(&self.state.default_account);
        match (document, &login) {
            (Some(document), Some(login)) => is_same(document, login),
            _ => false,
        }
    }

    /// Whether these are the tokens that the default account has.
    fn has_tokens_of(&self, document: &CredentialDocument) -> bool {
        let login = self.accounts.login(&self.state.default_account);
        login.is_some_and(|login| {
            login.refresh_token() == document.refresh_token()
                && login.access_token() == document.access_token()
        })
    }

    /// The same for one that came between our look and our writing, and is in no file any more. Not
    /// protected: yet another one that comes while this one is put back.
    fn judge_late(&mut self, document: &CredentialDocument) {
        if !self.judge(document)
            && let Err(error) = self.write_shared(document)
        {
            self.tell_problem(format!(
                "a login was not put back into the shared credential file: {error}"
            ));
        }
    }

    fn write_shared(
        &self,
        login: &CredentialDocument,
    ) -> std::io::Result<Option<CredentialDocument>> {
        let settings = &self.state.settings;
        let users = SystemUsers::read().map_err(std::io::Error::other)?;
        let group = users
            .group(&settings.group)
            .ok_or_else(|| std::io::Error::other("the group does not exist"))?;
        shared_credentials::write(&settings.shared_directory, group.gid, login)
    }
}

fn is_same(left: &CredentialDocument, right: &CredentialDocument) -> bool {
    left.refresh_token() == right.refresh_token() && left.expires_at() == right.expires_at()
}
