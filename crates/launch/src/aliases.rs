//! The aliases: one per account, by the program's absolute path, without a credential.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use model::{AccountName, printable};

use crate::Shell;

/// Names whose alias would hide a program of ours.
const TAKEN: &[&str] = &["accounts", "share"];

/// A script that defines `claude-NAME` for each account, and `claude-accounts` for `program`
/// (absolute). In fish they are functions: its `alias` only makes such functions, more slowly.
///
/// A name that is no [`AccountName`], as another program may have stored, is left out with a
/// comment. Bytes, because a path may be any.
#[must_use]
pub fn script(shell: Shell, program: &Path, names: &[String]) -> Vec<u8> {
    let program = shell.word(program.as_os_str().as_bytes());
    let mut script = Vec::from(
        "# Made by claude-accounts from the names of the accounts; do not edit.\n\
         # `claude-accounts install` makes it anew, `claude-accounts uninstall` removes it.\n",
    );
    push_alias(&mut script, shell, "claude-accounts", &program);
    for name in names {
        match refusal(name) {
            Some(reason) => {
                let line = format!("# Left out: {}: {reason}\n", printable(name));
                script.extend(line.into_bytes());
            }
            None => {
                let command = alias_command(shell, &program, &[], name);
                push_alias(&mut script, shell, &format!("claude-{name}"), &command);
            }
        }
    }
    script
}

/// The command that launches an account, for `shell`: the program by its absolute path. `vault` is
/// the vault's directory, where it is not the one that the program looks for.
#[must_use]
pub fn launch_command(shell: Shell, program: &Path, vault: Option<&Path>, name: &str) -> Vec<u8> {
    let mut command = shell.word(program.as_os_str().as_bytes());
    command.extend(vault_option(shell, vault));
    command.extend(b" launch ");
    command.extend(shell.word(name.as_bytes()));
    command
}

/// A line that defines the alias of one account; `None` where no alias can have its name.
#[must_use]
pub fn alias_line(
    shell: Shell,
    program: &Path,
    vault: Option<&Path>,
    name: &str,
) -> Option<Vec<u8>> {
    if refusal(name).is_some() {
        return None;
    }
    let program = shell.word(program.as_os_str().as_bytes());
    let command = alias_command(shell, &program, &vault_option(shell, vault), name);
    let mut line = Vec::new();
    push_alias(&mut line, shell, &format!("claude-{name}"), &command);
    line.pop();
    Some(line)
}

fn vault_option(shell: Shell, vault: Option<&Path>) -> Vec<u8> {
    let option = vault.map(|vault| {
        let mut option = Vec::from(b" --vault ");
        option.extend(shell.word(vault.as_os_str().as_bytes()));
        option
    });
    option.unwrap_or_default()
}

/// `program` is quoted already. What is typed behind the alias goes to the client.
fn alias_command(shell: Shell, program: &[u8], vault: &[u8], name: &str) -> Vec<u8> {
    let name = shell.word(name.as_bytes());
    [program, vault, b" launch ", &name, b" --"].concat()
}

fn refusal(name: &str) -> Option<&'static str> {
    if AccountName::parse(name).is_err() {
        return Some("no alias can have this name");
    }
    if TAKEN.contains(&name) {
        return Some("the alias would hide a program");
    }
    None
}

/// `name` needs no quoting: `claude-` and an [`AccountName`].
fn push_alias(script: &mut Vec<u8>, shell: Shell, name: &str, command: &[u8]) {
    match shell {
        Shell::Bash | Shell::Zsh => {
            script.extend(format!("alias {name}=").into_bytes());
            script.extend(shell.quote(command));
            script.push(b'\n');
        }
        Shell::Fish => {
            script.extend(format!("function {name}; ").into_bytes());
            script.extend_from_slice(command);
            script.extend(b" $argv; end\n");
        }
    }
}
