//! The record of what was set up, and how a step changes it.

use crate::ShareError;
use crate::name::UserName;
use crate::server::step::Change;
use crate::state::{ServerState, SourceRecord, UserRecord};
use crate::system_users::SystemUsers;

/// The state after `change`. `account_id`: the identifier of one of the vault's accounts by name.
pub(super) fn changed(
    state: Option<ServerState>,
    change: &Change,
    account_id: impl Fn(&str) -> Result<String, ShareError>,
) -> Result<ServerState, ShareError> {
    if let Change::Server {
        settings,
        account,
        made_group,
    } = change
    {
        let id = account_id(account)?;
        let mut state = state.unwrap_or_else(|| ServerState::new(settings.clone(), id.clone()));
        state.settings = settings.clone();
        state.default_account = id;
        state.made.group |= made_group;
        return Ok(state);
    }
    let mut state =
        state.ok_or_else(|| ShareError::Name("this server is not set up".to_owned()))?;
    match change {
        Change::Server { .. } => {}
        Change::Settings(settings) => state.settings = settings.clone(),
        Change::Source {
            user,
            account,
            joined_group,
        } => {
            state.source = Some(SourceRecord {
                uid: uid(user)?,
                account: account_id(account)?,
                joined_group: *joined_group,
            });
        }
        Change::User {
            user,
            account,
            created,
            joined_group,
        } => {
            let record = UserRecord {
                uid: uid(user)?,
                account: account.as_deref().map(account_id).transpose()?,
                created: *created,
                joined_group: *joined_group,
                originals: Default::default(),
            };
            state.joining.insert(user.to_string(), record);
        }
        Change::SetUp(user) => {
            if let Some(record) = state.joining.remove(user.as_str()) {
                state.users.insert(user.to_string(), record);
            }
        }
        Change::Joined(user) => {
            if let Some(record) = state.users.get_mut(user.as_str()) {
                record.joined_group = true;
            }
        }
        Change::Assign { user, account } => {
            let id = account.as_deref().map(account_id).transpose()?;
            if let Some(record) = state.users.get_mut(user.as_str()) {
                record.account = id;
            }
        }
        Change::Leaving(user) => {
            let joining = state.joining.remove(user.as_str());
            if let Some(record) = state.users.remove(user.as_str()).or(joining) {
                state.leaving.insert(user.to_string(), record);
            }
        }
        Change::Forget(user) => {
            state.users.remove(user.as_str());
            state.joining.remove(user.as_str());
            state.leaving.remove(user.as_str());
        }
    }
    Ok(state)
}

fn uid(user: &UserName) -> Result<u32, ShareError> {
    let found = SystemUsers::read()?.lookup(user)?;
    found.map(|user| user.uid).ok_or_else(|| ShareError::Home {
        user: user.to_string(),
        problem: "the Linux user does not exist".to_owned(),
    })
}
