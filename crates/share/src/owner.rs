//! Who a managed user is on this system.

use crate::ShareError;
use crate::home::Owner;
use crate::name::{GroupName, UserName};
use crate::state::ServerState;
use crate::system_users::{SystemUser, SystemUsers};

/// Whom a process is to become that works for this user; `shared_gid`: the group whose files he may
/// read.
#[must_use]
pub fn owner_of(user: &SystemUser, shared_gid: u32) -> Owner {
    Owner {
        name: user.name.clone(),
        uid: user.uid,
        gid: user.gid,
        shared_gid,
        home: user.home.clone(),
        shell: user.shell.clone(),
    }
}

/// Who a user is on this system, if he still is who he was when he was set up.
///
/// # Errors
/// Why nothing can be done for him; for people.
pub fn find_owner(
    state: &ServerState,
    system: &SystemUsers,
    name: &str,
    uid: u32,
) -> Result<Owner, String> {
    let explain = |error: ShareError| error.to_string();
    let parsed = UserName::parse_existing(name).map_err(explain)?;
    let user = system
        .lookup(&parsed)
        .map_err(explain)?
        .ok_or("the Linux user does not exist any more")?;
    if user.uid != uid {
        return Err(format!(
            "the Linux user is another one by now (uid {}, and it was {uid})",
            user.uid
        ));
    }
    if uid == 0 && name != state.settings.source_user {
        return Err("root cannot be a managed user".to_owned());
    }
    let group = GroupName::parse(&state.settings.group).map_err(explain)?;
    let shared_gid = system
        .lookup_group(&group)
        .map_err(explain)?
        .ok_or_else(|| format!("the group {group} does not exist"))?
        .gid;
    // What people call him here, also if another directory writes it differently.
    Ok(Owner {
        name: name.to_owned(),
        ..owner_of(&user, shared_gid)
    })
}
