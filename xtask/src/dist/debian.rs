//! The Debian package, made by cargo-deb out of the archive's directory and `packaging/debian`.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::archive::{self, collect};
use super::staging::{Staging, copy, copy_tree, write};
use super::{NAME, Options};
use crate::Result;
use crate::process::{self, must};
use crate::workspace::Workspace;

/// What is counted up when the same version is packed in another way.
const REVISION: &str = "1";

/// Whoever is told nothing else by Debian's variables `DEBFULLNAME` and `DEBEMAIL`: no address, as `.invalid` says.
const MAINTAINER: (&str, &str) = (
    "the claude-accounts authors",
    "maintainers@claude-accounts.invalid",
);

/// Where the archive's directories go in the package. Debian's zsh has a directory of its own for packages.
const DIRECTORIES: [(&str, &str); 7] = [
    ("bin", "usr/bin"),
    ("share/man", "usr/share/man"),
    (
        "share/bash-completion/completions",
        "usr/share/bash-completion/completions",
    ),
    (
        "share/zsh/site-functions",
        "usr/share/zsh/vendor-completions",
    ),
    (
        "share/fish/vendor_completions.d",
        "usr/share/fish/vendor_completions.d",
    ),
    ("lib/systemd", "usr/lib/systemd"),
    ("share/doc", "usr/share/doc"),
];

/// Writes the package and returns where it is.
pub(super) fn write_package(
    workspace: &Workspace,
    staging: &Staging,
    options: Options,
) -> Result<PathBuf> {
    if !process::succeeds(&mut workspace.cargo(&["deb", "--version"])) {
        return Err("the Debian package needs cargo-deb: cargo install --locked cargo-deb".into());
    }
    let package = Package {
        sources: workspace.root.join("packaging/debian"),
        work: staging.directory.join("debian"),
        version: format!("{}-{REVISION}", workspace.version()?),
    };
    if package.work.exists() {
        std::fs::remove_dir_all(&package.work)?;
    }
    package.fill(staging)?;
    package.describe(workspace)?;
    package.build(workspace, staging, options)
}

struct Package {
    /// `packaging/debian` of the repository.
    sources: PathBuf,
    /// Where the package is put together.
    work: PathBuf,
    /// With the revision.
    version: String,
}

impl Package {
    /// What will be `/` of the machine.
    fn root(&self) -> PathBuf {
        self.work.join("root")
    }

    fn fill(&self, staging: &Staging) -> Result<()> {
        let root = self.root();
        for (from, to) in DIRECTORIES {
            let from = staging.root().join(from);
            if from.is_dir() {
                copy_tree(&from, &root.join(to))?;
            }
        }
        self.units()?;
        let documents = root.join("usr/share/doc").join(NAME);
        for page in std::fs::read_dir(root.join("usr/share/man/man1"))? {
            compress(&page?.path())?;
        }
        // What Debian has under other names.
        std::fs::remove_file(documents.join("LICENSE"))?;
        std::fs::rename(documents.join("CHANGELOG.md"), documents.join("changelog"))?;
        for (from, to) in [
            ("copyright", documents.join("copyright")),
            ("README.Debian", documents.join("README.Debian")),
            ("changelog", documents.join("changelog.Debian")),
            (
                "lintian-overrides",
                root.join("usr/share/lintian/overrides").join(NAME),
            ),
        ] {
            copy(&self.sources.join(from), &to, 0o644)?;
        }
        self.check_changelog(&documents.join("changelog.Debian"))?;
        for file in ["changelog", "changelog.Debian", "THIRD-PARTY-LICENSES"] {
            compress(&documents.join(file))?;
        }
        Ok(())
    }

    /// Says in the units where the programs are.
    fn units(&self) -> Result<()> {
        let root = self.root();
        let directory = root.join("usr/lib/systemd");
        if !directory.is_dir() {
            return Ok(());
        }
        let mut units = Vec::new();
        collect(&directory, &directory, &mut units)?;
        for unit in units.iter().map(|unit| directory.join(unit)) {
            let text = std::fs::read_to_string(&unit)?;
            write(&unit, text.replace("@BINDIR@", "/usr/bin").as_bytes())?;
        }
        Ok(())
    }

    fn check_changelog(&self, changelog: &Path) -> Result<()> {
        let text = std::fs::read_to_string(changelog)?;
        let start = format!("{NAME} ({})", self.version);
        if text.starts_with(&start) {
            return Ok(());
        }
        let told = "packaging/debian/changelog has no entry for this version at its top";
        Err(format!("{told}: `{start} unstable; urgency=medium`").into())
    }

    /// Writes the manifest that cargo-deb reads: the package's own, as the files have no place in a crate.
    fn describe(&self, workspace: &Workspace) -> Result<()> {
        let mut manifest = format!(
            "[package]\nname = \"{NAME}\"\nversion = {}\nedition = \"2024\"\nlicense = \"MIT\"\n\
             description = \"several Claude Code accounts on one machine\"\n\n[workspace]\n\n\
             [lib]\npath = \"empty.rs\"\n\n[package.metadata.deb]\nmaintainer = {}\nrevision = \"{REVISION}\"\n\
             maintainer-scripts = {}\n",
            quoted(workspace.version()?),
            quoted(&maintainer()),
            quoted(&self.sources.join("scripts").to_string_lossy()),
        );
        manifest.push_str(&std::fs::read_to_string(self.sources.join("package.toml"))?);
        manifest.push_str("\nassets = [\n");
        let root = self.root();
        let mut files = Vec::new();
        collect(&root, &root, &mut files)?;
        files.sort();
        for file in files {
            let from = root.join(&file);
            let mode = from.metadata()?.permissions().mode() & 0o777;
            let (from, to) = (from.to_string_lossy(), file.to_string_lossy());
            let (from, to) = (quoted(&from), quoted(&to));
            writeln!(manifest, "    [{from}, {to}, \"{mode:o}\"],")?;
        }
        manifest.push_str("]\n");
        write(&self.work.join("Cargo.toml"), manifest.as_bytes())?;
        write(&self.work.join("empty.rs"), b"")
    }

    fn build(&self, workspace: &Workspace, staging: &Staging, options: Options) -> Result<PathBuf> {
        // The name of the architecture is Debian's, so dpkg is asked.
        let architecture = must(Command::new("dpkg").arg("--print-architecture"))?;
        let architecture = String::from_utf8(architecture)?;
        let file = format!("{NAME}_{}_{}.deb", self.version, architecture.trim());
        let written = staging.directory.join(file);
        let mut cargo =
            workspace.cargo(&["deb", "--no-build", "--no-strip", "--quiet", "--offline"]);
        // As little as can be: it is packed once more.
        cargo
            .args(["--compress-system", "--fast", "--compress-type", "gz"])
            .arg("--manifest-path")
            .arg(self.work.join("Cargo.toml"))
            .arg("--output")
            .arg(&written)
            .env("SOURCE_DATE_EPOCH", archive::epoch(workspace));
        must(&mut cargo)?;
        self.finish(workspace, options, &written)?;
        std::fs::remove_dir_all(&self.work)?;
        Ok(written)
    }

    /// cargo-deb writes no sums of the files, and `dpkg --verify` finds no damage without them: Debian's own tool packs it
    /// again, with them. Nor does it leave out `Depends` of what is linked statically.
    fn finish(&self, workspace: &Workspace, options: Options, package: &Path) -> Result<()> {
        let (root, tree) = (self.root(), self.work.join("tree"));
        let mut files = Vec::new();
        collect(&root, &root, &mut files)?;
        files.sort();
        let sums = must(Command::new("md5sum").args(&files).current_dir(&root))?;
        let mut unpack = Command::new("dpkg-deb");
        must(unpack.arg("--raw-extract").arg(package).arg(&tree))?;
        write(&tree.join("DEBIAN/md5sums"), &sums)?;
        let control = tree.join("DEBIAN/control");
        let fields = std::fs::read_to_string(&control)?;
        write(&control, without_empty_fields(&fields).as_bytes())?;
        let compression: &[&str] = if options.debug {
            &["-Zgzip", "-z1"]
        } else {
            &["-Zxz"]
        };
        let mut pack = Command::new("dpkg-deb");
        pack.args(compression)
            .args(["--root-owner-group", "--build"])
            .arg(&tree)
            .arg(package)
            .env("SOURCE_DATE_EPOCH", archive::epoch(workspace));
        must(&mut pack)?;
        Ok(())
    }
}

/// As Debian's tools have it: name and address.
fn maintainer() -> String {
    let told = |variable: &str, otherwise: &str| {
        let value = std::env::var(variable).ok();
        value.unwrap_or_else(|| otherwise.to_owned())
    };
    let (name, address) = MAINTAINER;
    let (name, address) = (told("DEBFULLNAME", name), told("DEBEMAIL", address));
    format!("{name} <{address}>")
}

/// Replaces `file` by its compressed form, without its time and name in it.
fn compress(file: &Path) -> Result<()> {
    must(Command::new("gzip").args(["-9", "-n"]).arg(file))?;
    Ok(())
}

/// A field that says nothing is an error to Debian's tools. Lines of a longer field start with a space.
fn without_empty_fields(control: &str) -> String {
    let mut lines = control.lines().peekable();
    let mut kept = String::new();
    while let Some(line) = lines.next() {
        let goes_on = lines.peek().is_some_and(|next| next.starts_with(' '));
        if goes_on || !line.trim_end().ends_with(':') || line.starts_with(' ') {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// A basic string of TOML: its escapes are JSON's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_says_nothing_is_left_out() {
        let control = "Package: a\nDepends: \nRecommends: b\nDescription:\n long\n as:\n .\n";
        let kept = "Package: a\nRecommends: b\nDescription:\n long\n as:\n .\n";
        assert_eq!(without_empty_fields(control), kept);
    }

    #[test]
    fn a_path_is_quoted_for_the_manifest() {
        assert_eq!(quoted("a \"b\" \\ c"), r#""a \"b\" \\ c""#);
    }
}
