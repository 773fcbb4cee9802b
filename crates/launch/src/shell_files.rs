//! Installing the aliases into the user's shells, and taking them out again.

use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use vault::durable::{self, Placing};

use crate::rc_file::RcFile;
use crate::{LaunchError, Shell, add_block, made_for_block, remove_block, script};

/// In bytes; a thousand accounts have a tenth of it.
const ALIASES_LIMIT: u64 = 16 * 1024 * 1024;

/// Whose shells, and where their files are.
#[derive(Clone, Copy, Debug)]
pub struct ShellFiles<'a> {
    /// The user's home.
    pub home: &'a Path,
    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub config_home: &'a Path,
    /// `$ZDOTDIR`, or the home.
    pub zsh_directory: &'a Path,
    /// The vault's directory, absolute.
    pub vault_dir: &'a Path,
    /// The login shell, whose file is made if it is missing.
    pub login_shell: Option<Shell>,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there before.
    Made,
    /// Only what is ours in it.
    Edited,
    /// It is not there any more.
    Removed,
    /// It was already as it should be.
    Unchanged,
}

/// A file, and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file, by the name that its shell reads it by.
    pub path: PathBuf,
    /// What happened.
    pub change: Change,
}

/// A change of a user's file, decided and not yet made.
struct Planned {
    path: PathBuf,
    found: Option<RcFile>,
    /// `None` to leave it, empty with `removes` to remove it.
    edited: Option<Vec<u8>>,
    removes: bool,
}

impl ShellFiles<'_> {
    /// Writes the aliases and has each shell that is used read them: bash and zsh by a marked
    /// block in `.bashrc` and `.zshrc`, fish by a file in `conf.d`. Doing it twice changes
    /// nothing.
    ///
    /// # Errors
    /// All files are looked at before the first is changed: one that is not as it should be
    /// leaves everything as it was. An error while writing leaves what was written before it.
    pub fn install(
        &self,
        program: &Path,
        names: &[String],
    ) -> Result<Vec<FileChange>, LaunchError> {
        let mut planned = Vec::new();
        for (shell, path) in self.rc_files() {
            let body = self.body(shell)?;
            let found = RcFile::read(&path)?;
            if found.is_none() && !self.uses(shell) {
                continue;
            }
            let bytes = found.as_ref().map_or(&[][..], |file| &file.bytes);
            let edited = add_block(bytes, &body, found.is_none()).map_err(block_error(&path))?;
            planned.push(Planned {
                path,
                found,
                edited,
                removes: false,
            });
        }
        durable::private_directory(self.vault_dir)?;
        let mut changes = self.write_aliases(program, names)?;
        for plan in planned {
            changes.push(plan.carry_out()?);
        }
        Ok(changes)
    }

    /// Takes out exactly what [`ShellFiles::install`] put in. Directories that it made stay.
    ///
    /// # Errors
    /// As for [`ShellFiles::install`].
    pub fn uninstall(&self) -> Result<Vec<FileChange>, LaunchError> {
        let mut planned = Vec::new();
        for (_, path) in self.rc_files() {
            let Some(found) = RcFile::read(&path)? else {
                continue;
            };
            let edited = remove_block(&found.bytes).map_err(block_error(&path))?;
            let empty = edited.as_ref().is_some_and(Vec::is_empty);
            planned.push(Planned {
                removes: empty && made_for_block(&found.bytes),
                path,
                found: Some(found),
                edited,
            });
        }
        let mut changes = Vec::new();
        for plan in planned {
            changes.push(plan.carry_out()?);
        }
        for (_, path) in self.alias_files() {
            if path.symlink_metadata().is_ok() {
                changes.push(remove(path)?);
            }
        }
        Ok(changes)
    }

    /// Whether the aliases are installed, and so have to follow the accounts.
    #[must_use]
    pub fn are_installed(&self) -> bool {
        self.alias_files()
            .iter()
            .any(|(_, path)| path.symlink_metadata().is_ok())
    }

    /// Writes the files that hold the aliases, where they differ.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_aliases(
        &self,
        program: &Path,
        names: &[String],
    ) -> Result<Vec<FileChange>, LaunchError> {
        let mut changes = Vec::new();
        for (shell, path) in self.alias_files() {
            let wanted = script(shell, program, names);
            let found = durable::read_regular(&path, ALIASES_LIMIT)?;
            let change = match &found {
                Some(bytes) if *bytes == wanted => Change::Unchanged,
                Some(_) => Change::Edited,
                None => Change::Made,
            };
            if change != Change::Unchanged {
                durable::write(&path, &wanted, 0o600, Placing::Replace)?;
            }
            changes.push(FileChange { path, change });
        }
        Ok(changes)
    }

    fn alias_files(&self) -> [(Shell, PathBuf); 2] {
        [
            (Shell::Bash, self.vault_dir.join("aliases.sh")),
            (Shell::Fish, self.vault_dir.join("aliases.fish")),
        ]
    }

    fn rc_files(&self) -> [(Shell, PathBuf); 3] {
        let fish = self.config_home.join("fish/conf.d/claude-accounts.fish");
        [
            (Shell::Bash, self.home.join(".bashrc")),
            (Shell::Zsh, self.zsh_directory.join(".zshrc")),
            (Shell::Fish, fish),
        ]
    }

    /// Whether a missing file is to be made. Fish's is ours alone: it is missing even where fish
    /// is in daily use.
    fn uses(&self, shell: Shell) -> bool {
        self.login_shell == Some(shell)
            || shell == Shell::Fish && self.config_home.join("fish").is_dir()
    }

    /// Reads the aliases if they are there: a vault that is removed breaks no shell.
    fn body(&self, shell: Shell) -> Result<Vec<u8>, LaunchError> {
        let [(_, posix), (_, fish)] = self.alias_files();
        let path = if shell == Shell::Fish { fish } else { posix };
        if path.as_os_str().as_bytes().contains(&b'\n') {
            return Err(LaunchError::Path {
                path,
                problem: "has a line break in it",
            });
        }
        let file = shell.quote(path.as_os_str().as_bytes());
        Ok(match shell {
            Shell::Bash | Shell::Zsh => {
                [b"if [ -r ", &file[..], b" ]; then . ", &file, b"; fi\n"].concat()
            }
            Shell::Fish => [b"if test -r ", &file[..], b"; source ", &file, b"; end\n"].concat(),
        })
    }
}

impl Planned {
    fn carry_out(self) -> Result<FileChange, LaunchError> {
        let path = self.path;
        let change = match (&self.found, &self.edited) {
            (_, None) => Change::Unchanged,
            (Some(_), Some(_)) if self.removes => return remove(path),
            (Some(file), Some(bytes)) => {
                file.replace(bytes)?;
                Change::Edited
            }
            (None, Some(bytes)) => {
                make(&path, bytes)?;
                Change::Made
            }
        };
        Ok(FileChange { path, change })
    }
}

/// With the user's umask, as an editor would.
fn make(path: &Path, bytes: &[u8]) -> Result<(), LaunchError> {
    if let Some(parent) = path.parent() {
        let made = DirBuilder::new().recursive(true).create(parent);
        made.map_err(LaunchError::file("make the directory", parent))?;
    }
    durable::write(path, bytes, 0o644, Placing::New)?;
    Ok(())
}

fn remove(path: PathBuf) -> Result<FileChange, LaunchError> {
    fs::remove_file(&path).map_err(LaunchError::file("remove", &path))?;
    Ok(FileChange {
        path,
        change: Change::Removed,
    })
}

fn block_error(path: &Path) -> impl FnOnce(crate::BlockError) -> LaunchError {
    let path = path.to_owned();
    move |problem| LaunchError::Block { path, problem }
}
