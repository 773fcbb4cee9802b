//! `uninstall`: the users keep what they had.

use super::builder::{Builder, state};
use super::refusal::Refusal;
use super::{OnFailure, Plan};
use crate::name::UserName;
use crate::server::facts::Facts;
use crate::server::step::{Change, Step};

/// Plans to leave the server. The vault stays unless it is to go.
///
/// # Errors
/// If the server is not set up.
pub fn plan_uninstall(facts: &Facts, delete_vault: bool) -> Result<Plan, Refusal> {
    let state = state(facts)?;
    let mut builder = Builder::new(facts)?;
    // First the keeper, which would put everything back.
    if facts.keeper.unit.is_some() {
        builder.push(Step::RemoveUnit(facts.paths.unit.clone()));
    }
    if facts.keeper.is_running {
        builder.push(Step::StopKeeper);
    }
    for (user, record) in state
        .users
        .iter()
        .chain(&state.joining)
        .chain(&state.leaving)
    {
        let user = parsed(user)?;
        let known = facts
            .users
            .get(user.as_str())
            .filter(|known| known.uid == record.uid);
        if let Some(known) = known {
            if known.has_home {
                builder.push(Step::TakeBackHome(user.clone()));
            }
            leave_group(&mut builder, &user, record.joined_group);
        }
        // So that a second `uninstall` finds those alone whose homes could not be worked on.
        builder.push(Step::Record(Change::Forget(user)));
    }
    let source_name = parsed(&state.settings.source_user)?;
    if let Some(source) = &state.source
        && facts
            .users
            .get(source_name.as_str())
            .is_some_and(|known| known.uid == source.uid)
    {
        builder.push(Step::GiveBackLogin(source_name.clone()));
        leave_group(&mut builder, &source_name, source.joined_group);
    }
    builder.push(Step::RemoveSharedDirectory(
        state.settings.shared_directory.clone(),
    ));
    if state.made.group && facts.gid.is_some() {
        builder.push(Step::DeleteGroup(builder.group_name()));
    }
    if facts.config.is_some() {
        builder.push(Step::RemoveConfig(facts.paths.config.clone()));
    }
    if delete_vault {
        builder.push(Step::DeleteVault(
            facts.paths.vault().directory().to_owned(),
        ));
    }
    builder.push(Step::RemoveState(facts.paths.claude_json()));
    builder.push(Step::RemoveState(facts.paths.state()));
    Ok(builder.plan(OnFailure::GoOn))
}

fn parsed(name: &str) -> Result<UserName, Refusal> {
    UserName::parse_existing(name)
        .map_err(|error| Refusal::input(error.to_string(), "The record of this server is damaged."))
}

/// Takes a user out of the group if we put him into it.
fn leave_group(builder: &mut Builder<'_>, user: &UserName, joined: bool) {
    let known = builder.facts.users.get(user.as_str());
    if joined && known.is_some_and(|known| known.in_group) {
        let group = builder.group_name();
        builder.push(Step::LeaveGroup {
            user: user.clone(),
            group,
        });
    }
}
