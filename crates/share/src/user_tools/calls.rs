//! Which program does what, with which arguments.

use model::Secret;

use super::Flavour;
use super::run::Call;
use crate::name::{GroupName, UserName};

/// One change to the machine's users.
#[derive(Debug)]
pub(super) enum Change<'a> {
    CreateGroup(&'a GroupName),
    DeleteGroup(&'a GroupName),
    CreateUser {
        user: &'a UserName,
        shell: &'a str,
    },
    DeleteUser {
        user: &'a UserName,
        with_home: bool,
    },
    AddToGroup {
        user: &'a UserName,
        group: &'a GroupName,
    },
    RemoveFromGroup {
        user: &'a UserName,
        group: &'a GroupName,
    },
    SetPassword {
        user: &'a UserName,
        password: &'a Secret,
    },
    LockPassword(&'a UserName),
}

/// The program, arguments and standard input for `change`.
pub(super) fn call(flavour: Flavour, change: &Change<'_>) -> Call {
    // No checked name begins with `-`.
    match flavour {
        Flavour::Shadow => shadow(change),
        Flavour::BusyBox => busybox(change),
    }
}

fn shadow(change: &Change<'_>) -> Call {
    match change {
        Change::CreateGroup(group) => Call::new("groupadd", [group.as_str()]),
        Change::DeleteGroup(group) => Call::new("groupdel", [group.as_str()]),
        Change::CreateUser { user, shell } => {
            // --user-group: with `umask 002`, a primary group in common would open his files.
            let options = ["--create-home", "--user-group", "--shell"];
            Call::new(
                "useradd",
                options.into_iter().chain([*shell, user.as_str()]),
            )
        }
        Change::DeleteUser { user, with_home } => {
            let option = with_home.then_some("--remove");
            Call::new("userdel", option.into_iter().chain([user.as_str()]))
        }
        // Unlike `usermod --append`, gpasswd takes users that are not in /etc/passwd.
        Change::AddToGroup { user, group } => {
            Call::new("gpasswd", ["--add", user.as_str(), group.as_str()])
        }
        Change::RemoveFromGroup { user, group } => {
            Call::new("gpasswd", ["--delete", user.as_str(), group.as_str()])
        }
        Change::SetPassword { user, password } => set_password(user, password),
        // No hash but a character that none has: nothing secret.
        Change::LockPassword(user) => Call::new("usermod", ["--password", "*", user.as_str()]),
    }
}

fn busybox(change: &Change<'_>) -> Call {
    match change {
        Change::CreateGroup(group) => Call::new("addgroup", [group.as_str()]),
        Change::DeleteGroup(group) => Call::new("delgroup", [group.as_str()]),
        Change::CreateUser { user, shell } => {
            // -D: asks for no password.
            Call::new("adduser", ["-D", "-s", shell, user.as_str()])
        }
        Change::DeleteUser { user, with_home } => {
            let option = with_home.then_some("--remove-home");
            Call::new("deluser", option.into_iter().chain([user.as_str()]))
        }
        Change::AddToGroup { user, group } => {
            Call::new("addgroup", [user.as_str(), group.as_str()])
        }
        Change::RemoveFromGroup { user, group } => {
            Call::new("delgroup", [user.as_str(), group.as_str()])
        }
        Change::SetPassword { user, password } => set_password(user, password),
        Change::LockPassword(user) => {
            Call::new("chpasswd", ["-e"]).with_input(Secret::new(format!("{user}:*\n")))
        }
    }
}

fn set_password(user: &UserName, password: &Secret) -> Call {
    let line = format!("{user}:{}\n", password.expose());
    Call::new("chpasswd", []).with_input(Secret::new(line))
}
