use std::path::PathBuf;

use launch::{Change, FileChange, ShellFiles};

use super::aliases::{login_shell, names};
use super::context::Context;
use crate::environment::Variable;
use crate::error::CliError;
use crate::program;

/// Make shells know the aliases claude-NAME
///
/// Writes the aliases to files in the vault's directory and adds one marked block that loads them
/// to .bashrc, .zshrc and fish's configuration, where those shells are used. Running it again
/// changes nothing; `uninstall` takes exactly that back.
#[derive(clap::Args)]
pub(crate) struct InstallArgs {}

pub(crate) fn run(_args: &InstallArgs, context: &Context) -> Result<(), CliError> {
    let directories = Directories::of(context)?;
    let changes = directories
        .files(context)
        .install(&program::own_path()?, &names(context)?)?;
    report(context, &changes)?;
    if changes
        .iter()
        .any(|change| change.change != Change::Unchanged)
    {
        context.output.hint(
            "Open a new shell, or load the aliases into this one: . ~/.claude-accounts/aliases.sh",
        );
    }
    Ok(())
}

/// After accounts were added, renamed or removed: aliases that are installed follow. A failure is
/// told and is no failure of the verb.
pub(crate) fn follow(context: &Context) {
    let follow = || -> Result<(), CliError> {
        let directories = Directories::of(context)?;
        let files = directories.files(context);
        if files.are_installed() {
            files.write_aliases(&program::own_path()?, &names(context)?)?;
        }
        Ok(())
    };
    if let Err(error) = follow() {
        context
            .output
            .warning(&format!("the aliases are not up to date: {error}"));
        context.output.hint("Run `claude-accounts install` again.");
    }
}

/// The directories that [`ShellFiles`] borrows.
pub(crate) struct Directories {
    home: PathBuf,
    config_home: PathBuf,
    zsh_directory: PathBuf,
    vault: PathBuf,
}

impl Directories {
    pub(crate) fn of(context: &Context) -> Result<Self, CliError> {
        let home = context.home()?;
        let named = |variable| {
            context
                .environment
                .get(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        Ok(Self {
            config_home: named(Variable::ConfigHome).unwrap_or_else(|| home.join(".config")),
            zsh_directory: named(Variable::ZshDirectory).unwrap_or_else(|| home.clone()),
            vault: context.paths()?.directory().to_owned(),
            home,
        })
    }

    /// Home, `~/.config`, and where `.zshrc` is.
    pub(crate) fn into_parts(self) -> (PathBuf, PathBuf, PathBuf) {
        (self.home, self.config_home, self.zsh_directory)
    }

    pub(crate) fn files<'this>(&'this self, context: &Context) -> ShellFiles<'this> {
        ShellFiles {
            home: &self.home,
            config_home: &self.config_home,
            zsh_directory: &self.zsh_directory,
            vault_dir: &self.vault,
            login_shell: login_shell(context),
        }
    }
}

/// One line for each file.
pub(crate) fn report(context: &Context, changes: &[FileChange]) -> Result<(), CliError> {
    for change in changes {
        let what = match change.change {
            Change::Made => "made",
            Change::Edited => "edited",
            Change::Removed => "removed",
            Change::Unchanged => "unchanged",
        };
        context.output.note(&format!(
            "{what:9}  {}",
            model::printable(&change.path.display().to_string())
        ))?;
    }
    Ok(())
}
