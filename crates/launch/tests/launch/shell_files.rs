//! Installing into shells and out of them again.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use launch::{Change, FileChange, LaunchError, Shell, ShellFiles};
use testkit::documents::write_private;
use testkit::{Ran, TestHome};

use super::shells;

const PROGRAM: &str = "/usr/bin/claude-accounts";

struct Machine {
    home: TestHome,
    at: PathBuf,
    vault: PathBuf,
    config: PathBuf,
}

impl Machine {
    fn new() -> Machine {
        let home = TestHome::new();
        let (at, vault, config) = (home.home(), home.vault_dir(), home.root().join("config"));
        Machine {
            home,
            at,
            vault,
            config,
        }
    }

    fn files(&self, login_shell: Option<Shell>) -> ShellFiles<'_> {
        ShellFiles {
            home: &self.at,
            config_home: &self.config,
            zsh_directory: &self.at,
            vault_dir: &self.vault,
            login_shell,
        }
    }

    fn install(&self, login_shell: Option<Shell>) -> Vec<FileChange> {
        let names = ["work".to_owned(), "home".to_owned()];
        self.files(login_shell)
            .install(Path::new(PROGRAM), &names)
            .unwrap()
    }

    /// Every file with its contents, mode and group, and every link.
    fn tree(&self) -> BTreeMap<PathBuf, (Vec<u8>, u32, u32)> {
        let mut files = BTreeMap::new();
        for root in [&self.at, &self.config] {
            collect(root, &mut files);
        }
        files
    }
}

fn collect(directory: &Path, files: &mut BTreeMap<PathBuf, (Vec<u8>, u32, u32)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let found = path.symlink_metadata().unwrap();
        if found.is_dir() {
            collect(&path, files);
        } else if found.is_symlink() {
            files.insert(
                path.clone(),
                (
                    fs::read_link(&path)
                        .unwrap()
                        .into_os_string()
                        .into_encoded_bytes(),
                    0,
                    0,
                ),
            );
        } else {
            files.insert(
                path.clone(),
                (fs::read(&path).unwrap(), found.mode(), found.gid()),
            );
        }
    }
}

fn changed(changes: &[FileChange], name: &str) -> Option<Change> {
    changes
        .iter()
        .find(|change| change.path.ends_with(name))
        .map(|change| change.change)
}

#[test]
fn out_again_leaves_every_byte_as_it_was() {
    let machine = Machine::new();
    write_private(
        &machine.at.join(".bashrc"),
        b"# \xff\xfe no line break at the end\r\nexport A=1",
    );
    fs::set_permissions(machine.at.join(".bashrc"), Permissions::from_mode(0o664)).unwrap();
    write_private(&machine.at.join("dotfiles/zshrc"), "");
    symlink("dotfiles/zshrc", machine.at.join(".zshrc")).unwrap();
    fs::create_dir(machine.config.join("fish")).unwrap();
    // A group that only root may give it; everybody else tests with their own.
    drop(chown(machine.at.join(".bashrc"), None, Some(1)));
    let before = machine.tree();
    let changes = machine.install(Some(Shell::Zsh));
    for (name, change) in [
        (".bashrc", Change::Edited),
        (".zshrc", Change::Edited),
        ("claude-accounts.fish", Change::Made),
        ("aliases.sh", Change::Made),
        ("aliases.fish", Change::Made),
    ] {
        assert_eq!(changed(&changes, name), Some(change), "{name}");
    }
    let installed = machine.tree();
    assert_eq!(installed[&machine.at.join(".bashrc")].1 & 0o777, 0o664);
    assert_eq!(
        installed[&machine.vault.join("aliases.sh")].1 & 0o777,
        0o600
    );
    assert!(
        machine
            .at
            .join(".zshrc")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
    assert!(machine.files(None).are_installed());
    let again = machine.install(Some(Shell::Zsh));
    assert!(
        again
            .iter()
            .all(|change| change.change == Change::Unchanged),
        "{again:?}"
    );
    assert_eq!(machine.tree(), installed);
    machine.files(None).uninstall().unwrap();
    assert_eq!(machine.tree(), before);
    assert!(!machine.files(None).are_installed());
    assert_eq!(
        machine.files(None).uninstall().unwrap().len(),
        2,
        "only looked at"
    );
}

#[test]
fn a_missing_file_is_made_for_the_login_shell_alone() {
    for (shell, name) in [
        (Shell::Bash, ".bashrc"),
        (Shell::Zsh, ".zshrc"),
        (Shell::Fish, "claude-accounts.fish"),
    ] {
        let machine = Machine::new();
        let before = machine.tree();
        let changes = machine.install(Some(shell));
        assert_eq!(
            (changes.len(), changed(&changes, name)),
            (3, Some(Change::Made))
        );
        let changes = machine.files(None).uninstall().unwrap();
        assert_eq!(changed(&changes, name), Some(Change::Removed));
        assert_eq!(machine.tree(), before);
    }
    let machine = Machine::new();
    assert_eq!(machine.install(None).len(), 2);
}

#[test]
fn what_was_written_into_a_made_file_stays() {
    let machine = Machine::new();
    machine.install(Some(Shell::Bash));
    let path = machine.at.join(".bashrc");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(b"export B=2\n");
    write_private(&path, &bytes);
    machine.files(None).uninstall().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"export B=2\n");
}

#[test]
fn nothing_is_changed_when_one_file_is_not_as_it_should_be() {
    let machine = Machine::new();
    write_private(&machine.at.join(".bashrc"), "a\n");
    write_private(&machine.at.join(".zshrc"), "b\n# >>> claude-accounts >>>\n");
    let before = machine.tree();
    let error = machine
        .files(None)
        .install(Path::new(PROGRAM), &[])
        .unwrap_err();
    assert!(
        matches!(&error, LaunchError::Block { path, .. } if path.ends_with(".zshrc")),
        "{error}"
    );
    assert!(error.to_string().contains("by hand"));
    assert!(machine.files(None).uninstall().is_err());
    assert_eq!(machine.tree(), before);
    fs::remove_file(machine.at.join(".zshrc")).unwrap();
    symlink("nowhere", machine.at.join(".zshrc")).unwrap();
    assert!(
        machine
            .files(None)
            .install(Path::new(PROGRAM), &[])
            .is_err()
    );
    fs::remove_file(machine.at.join(".zshrc")).unwrap();
    fs::create_dir(machine.at.join(".zshrc")).unwrap();
    assert!(
        machine
            .files(None)
            .install(Path::new(PROGRAM), &[])
            .is_err()
    );
    assert_eq!(fs::read(machine.at.join(".bashrc")).unwrap(), b"a\n");
}

#[test]
fn aliases_follow_the_accounts() {
    let machine = Machine::new();
    machine.install(None);
    let names = ["new".to_owned()];
    let changes = machine
        .files(None)
        .write_aliases(Path::new(PROGRAM), &names)
        .unwrap();
    assert!(changes.iter().all(|change| change.change == Change::Edited));
    let text = fs::read_to_string(machine.vault.join("aliases.sh")).unwrap();
    assert!(text.contains("claude-new=") && !text.contains("claude-work="));
}

fn reads_the_aliases_and_starts_without_them(shell: Shell, rc: &str) {
    let Some(words) = shells::installed(shell) else {
        return;
    };
    let mut machine = Machine::new();
    machine.vault = machine.at.join("it's \\ a vault");
    let changes = machine.install(Some(shell));
    let rc = changes
        .iter()
        .find(|change| change.path.ends_with(rc))
        .unwrap();
    let rc = fs::read_to_string(&rc.path).unwrap();
    let script = format!("{rc}type claude-work\n");
    let ran: Ran = shells::run(&machine.home, words, script.as_bytes()).success();
    assert!(ran.stdout.contains("launch work --"), "{ran:?}");
    fs::remove_dir_all(&machine.vault).unwrap();
    let ran = shells::run(&machine.home, words, rc.as_bytes()).success();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
}

#[test]
fn bash_reads_the_aliases_and_starts_without_them() {
    reads_the_aliases_and_starts_without_them(Shell::Bash, ".bashrc");
}

#[test]
fn zsh_reads_the_aliases_and_starts_without_them() {
    reads_the_aliases_and_starts_without_them(Shell::Zsh, ".zshrc");
}

#[test]
fn fish_reads_the_aliases_and_starts_without_them() {
    reads_the_aliases_and_starts_without_them(Shell::Fish, "claude-accounts.fish");
}
