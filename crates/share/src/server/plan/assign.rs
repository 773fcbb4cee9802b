//! `assign`: which of the vault's accounts a user gets.

use super::builder::{Builder, required_account, state};
use super::refusal::Refusal;
use super::{OnFailure, Plan};
use crate::name::UserName;
use crate::server::facts::Facts;
use crate::server::step::{Change, Step};

/// Plans to give a user an account of the vault's; `None`: the default one.
///
/// # Errors
/// If he is not managed, or there is no such account.
pub fn plan_assign(facts: &Facts, user: &UserName, account: Option<&str>) -> Result<Plan, Refusal> {
    let state = state(facts)?;
    let Some(record) = state.users.get(user.as_str()) else {
        return Err(Refusal::not_found(
            format!("{user} is not a managed user"),
            format!("Add him first: claude-share server add-user {user}"),
        ));
    };
    let wanted = account
        .map(|name| required_account(facts, name))
        .transpose()?;
    let mut builder = Builder::new(facts)?;
    if record.account.as_deref() == wanted.map(|account| account.id.as_str()) {
        return Ok(builder.plan(OnFailure::Stop));
    }
    builder.push(Step::Record(Change::Assign {
        user: user.clone(),
        account: wanted.map(|account| account.name.clone()),
    }));
    builder.tell_keeper();
    if facts
        .users
        .get(user.as_str())
        .is_some_and(|known| known.uid == record.uid)
    {
        builder.push(Step::SetUpHome {
            user: user.clone(),
            wrong: Vec::new(),
            reclaim: false,
            is_new: false,
        });
    }
    builder.keeper();
    Ok(builder.plan(OnFailure::Stop))
}
