//! `add-user` and `remove-user`.

use super::builder::{Builder, required_account, state};
use super::refusal::Refusal;
use super::{NewUser, OnFailure, Plan, RemoveRequest};
use crate::server::facts::Facts;
use crate::server::step::Step;

/// Plans to make somebody a managed user.
///
/// # Errors
/// What is in the way.
pub fn plan_add_user(facts: &Facts, user: &NewUser) -> Result<Plan, Refusal> {
    state(facts)?;
    if let Some(account) = &user.account {
        required_account(facts, account)?;
    }
    let mut builder = Builder::new(facts)?;
    if builder.group() {
        builder.tree();
    }
    builder.user(user)?;
    if !builder.steps.is_empty() {
        let managed = builder.managed_users()?;
        builder.config(&managed)?;
        builder.keeper();
    }
    Ok(builder.plan(OnFailure::RollBack))
}

/// Plans to take a user off again.
///
/// # Errors
/// If he is not managed, or is to be deleted and has processes.
pub fn plan_remove_user(facts: &Facts, request: &RemoveRequest) -> Result<Plan, Refusal> {
    let state = state(facts)?;
    let user = &request.user;
    let Some(record) = state.record(user.as_str()) else {
        return Err(Refusal::not_found(
            format!("{user} is not a managed user"),
            match state.users.keys().cloned().collect::<Vec<_>>().as_slice() {
                [] => "There is none.".to_owned(),
                users => format!("Managed users: {}", users.join(" ")),
            },
        ));
    };
    let known = facts
        .users
        .get(user.as_str())
        .filter(|known| known.uid == record.uid);
    if let (true, Some(known)) = (request.delete, known) {
        if !record.created && known.uid < 1000 {
            return Err(Refusal::conflict(
                format!("{user} is a user of the system's, and was there before"),
                "Leave --delete-user out.",
            ));
        }
        if known.is_running {
            return Err(Refusal::conflict(
                format!("{user} has processes, so he cannot be deleted"),
                format!("Have him log out, or end them: pkill -u {user}; then try again."),
            ));
        }
    }
    let mut builder = Builder::new(facts)?;
    builder.take_off(user, record);
    let managed = builder.managed_users()?;
    builder.config(&managed)?;
    builder.tell_keeper();
    if request.delete && known.is_some() {
        builder.push(Step::DeleteUser(user.clone()));
    }
    Ok(builder.plan(OnFailure::Stop))
}
