//! `sync`: what the config file says comes into force, and what is wrong is put right.

use super::builder::{Builder, state};
use super::refusal::Refusal;
use super::{NewUser, OnFailure, Password, Plan, SyncRequest};
use crate::name::UserName;
use crate::server::facts::Facts;
use crate::server::step::{Change, Step};
use crate::state::ServerState;

/// Plans to put everything right.
///
/// # Errors
/// If the config file asks for what has a command of its own.
pub fn plan_sync(facts: &Facts, request: &SyncRequest) -> Result<Plan, Refusal> {
    let state = state(facts)?;
    refuse_edits(facts, state)?;
    let mut builder = Builder::new(facts)?;
    if let Some(user) = &request.reclaim {
        let is_source = state.source.is_some() && user.as_str() == state.settings.source_user;
        if !is_source && !state.users.contains_key(user.as_str()) {
            return Err(Refusal::not_found(
                format!("{user} is not a managed user"),
                format!(
                    "Managed users: {}",
                    state.users.keys().cloned().collect::<Vec<_>>().join(" ")
                ),
            ));
        }
    }
    if facts.settings != state.settings {
        builder.push(Step::Record(Change::Settings(facts.settings.clone())));
        builder.tell_keeper();
    }
    mend(&mut builder, state, request.reclaim.as_ref())?;
    for user in facts.named_users.iter().flatten() {
        if state.record(user.as_str()).is_none() {
            builder.user(&NewUser {
                name: user.clone(),
                password: Password::AsItIs,
                key: None,
                existing: true,
                account: None,
            })?;
        }
    }
    let managed = builder.managed_users()?;
    builder.config(&managed)?;
    builder.exposed_login();
    builder.keeper();
    Ok(builder.plan(OnFailure::GoOn))
}

/// Puts group, shared directory and homes right.
pub(super) fn mend(
    builder: &mut Builder<'_>,
    state: &ServerState,
    reclaim: Option<&UserName>,
) -> Result<(), Refusal> {
    builder.group();
    let source = builder.source()?;
    if builder.facts.users.contains_key(source.as_str()) {
        builder.join(&source);
    }
    builder.tree();
    for (user, record) in &state.leaving {
        let user = UserName::parse_existing(user).map_err(|error| {
            Refusal::input(error.to_string(), "The record of this server is damaged.")
        })?;
        builder.take_off(&user, record);
    }
    for user in state.joining.keys() {
        let user = UserName::parse_existing(user).map_err(|error| {
            Refusal::input(error.to_string(), "The record of this server is damaged.")
        })?;
        builder.finish(&user);
    }
    for user in state.users.keys() {
        let user = UserName::parse_existing(user).map_err(|error| {
            Refusal::input(error.to_string(), "The record of this server is damaged.")
        })?;
        builder.mend_user(&user, reclaim == Some(&user));
    }
    builder.mend_source(reclaim == Some(&source))
}

/// What cannot be had by an edit.
fn refuse_edits(facts: &Facts, state: &ServerState) -> Result<(), Refusal> {
    let config = facts.paths.config.display();
    let wanted = &facts.settings;
    let edited = [
        ("SHARED_GROUP", wanted.group != state.settings.group),
        (
            "SOURCE_USER",
            wanted.source_user != state.settings.source_user,
        ),
        (
            "SHARED_DIR",
            wanted.shared_directory != state.settings.shared_directory,
        ),
    ];
    if let Some((key, _)) = edited.iter().find(|(_, edited)| *edited) {
        return Err(Refusal::conflict(
            format!("{key} in {config} is not what this server was set up with"),
            "Put it back, or begin anew: `claude-share server uninstall`, then `claude-share server init`.",
        ));
    }
    let Some(named) = &facts.named_users else {
        return Ok(());
    };
    let gone = state
        .users
        .keys()
        .find(|user| !named.iter().any(|named| named.as_str() == *user));
    match gone {
        None => Ok(()),
        Some(user) => Err(Refusal::conflict(
            format!("MANAGED_USERS in {config} lacks {user}, who is managed"),
            format!(
                "Take him off with `claude-share server remove-user {user}`, or put the name back."
            ),
        )),
    }
}
