//! The directory that becomes the archive.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::linkage::Linkage;
use super::{NAME, PROGRAMS, licences};
use crate::Result;
use crate::process::must;
use crate::workspace::Workspace;

/// Documents of the repository that go with the programs, beside `docs`: those that these lead to.
const DOCUMENTS: [&str; 7] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "bench/README.md",
];

/// The archive's one directory, filled.
#[derive(Debug)]
pub(super) struct Staging {
    /// `target/dist`.
    pub(super) directory: PathBuf,
    /// `claude-accounts-VERSION-ARCH-linux`, in it.
    pub(super) name: String,
}

impl Staging {
    /// Makes it anew out of `programs` and the repository.
    pub(super) fn fill(
        workspace: &Workspace,
        linkage: &Linkage,
        programs: &[PathBuf],
    ) -> Result<Self> {
        let arch = std::env::consts::ARCH;
        let staging = Self {
            directory: workspace.target.join("dist"),
            name: format!("{NAME}-{}-{arch}-linux", workspace.version()?),
        };
        let root = staging.root();
        if root.exists() {
            std::fs::remove_dir_all(&root)?;
        }
        staging.programs(programs)?;
        staging.generated()?;
        staging.documents(workspace, linkage)?;
        staging.units(workspace)?;
        let script = workspace.root.join("install.sh");
        if script.exists() {
            copy(&script, &root.join("install.sh"), 0o755)?;
        }
        Ok(staging)
    }

    /// The archive's one directory.
    pub(super) fn root(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    fn programs(&self, programs: &[PathBuf]) -> Result<()> {
        for (program, name) in programs.iter().zip(PROGRAMS) {
            let copied = self.root().join("bin").join(name);
            copy(program, &copied, 0o755)?;
            must(Command::new("strip").arg("--strip-all").arg(&copied))?;
        }
        Ok(())
    }

    /// What the programs write themselves: completions and man pages.
    fn generated(&self) -> Result<()> {
        let share = self.root().join("share");
        let man = share.join("man/man1");
        std::fs::create_dir_all(&man)?;
        for name in PROGRAMS {
            let program = self.root().join("bin").join(name);
            for (shell, file) in completions_of(name) {
                let script = must(Command::new(&program).args(["completions", shell]))?;
                write(&share.join(file), &script)?;
            }
            must(Command::new(&program).arg("man").arg(&man))?;
        }
        Ok(())
    }

    fn documents(&self, workspace: &Workspace, linkage: &Linkage) -> Result<()> {
        let directory = self.root().join("share/doc").join(NAME);
        for file in DOCUMENTS {
            copy(&workspace.root.join(file), &directory.join(file), 0o644)?;
        }
        copy_tree(&workspace.root.join("docs"), &directory.join("docs"))?;
        let licences = licences::text(workspace, linkage)?;
        write(&directory.join("THIRD-PARTY-LICENSES"), licences.as_bytes())
    }

    /// The units as they are, `@BINDIR@` included: who installs them knows where the programs go.
    fn units(&self, workspace: &Workspace) -> Result<()> {
        for scope in ["user", "system"] {
            let units = workspace.root.join("packaging/systemd").join(scope);
            if units.is_dir() {
                copy_tree(&units, &self.root().join("lib/systemd").join(scope))?;
            }
        }
        Ok(())
    }
}

/// The shells that get completions of a program, and where below `share` they look for them.
fn completions_of(program: &str) -> [(&'static str, String); 3] {
    [
        ("bash", format!("bash-completion/completions/{program}")),
        ("zsh", format!("zsh/site-functions/_{program}")),
        ("fish", format!("fish/vendor_completions.d/{program}.fish")),
    ]
}

pub(super) fn write(path: &Path, contents: &[u8]) -> Result<()> {
    std::fs::create_dir_all(path.parent().ok_or("a file has a directory")?)?;
    std::fs::write(path, contents)?;
    Ok(std::fs::set_permissions(
        path,
        PermissionsExt::from_mode(0o644),
    )?)
}

pub(super) fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let explain = |error| format!("{}: {error}", from.display());
    std::fs::create_dir_all(to.parent().ok_or("a file has a directory")?)?;
    std::fs::copy(from, to).map_err(explain)?;
    Ok(std::fs::set_permissions(
        to,
        PermissionsExt::from_mode(mode),
    )?)
}

/// Copies a directory's files, but for those that an editor or a build left there hidden. What can be executed stays so.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to.join(name))?;
        } else {
            let is_program = entry.metadata()?.permissions().mode() & 0o100 != 0;
            let mode = if is_program { 0o755 } else { 0o644 };
            copy(&entry.path(), &to.join(name), mode)?;
        }
    }
    Ok(())
}
