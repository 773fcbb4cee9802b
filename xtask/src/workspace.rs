//! Where the workspace and its build products are, and what its crates depend on.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::process;

/// The workspace as `cargo metadata` describes it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The directory that holds the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds; `target/` unless the caller's environment says otherwise.
    pub(crate) target: PathBuf,
    /// The output of `cargo metadata --no-deps`.
    pub(crate) metadata: Value,
}

impl Workspace {
    /// Asks cargo; fails where no workspace is around the current directory.
    pub(crate) fn find() -> Result<Self> {
        let output = process::cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()?;
        if !output.status.success() {
            return Err(format!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let path = |key: &str| -> Result<PathBuf> {
            let text = metadata[key].as_str();
            Ok(PathBuf::from(
                text.ok_or_else(|| format!("cargo metadata has no `{key}`"))?,
            ))
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            metadata,
        })
    }

    /// A command that runs in the workspace's root.
    pub(crate) fn command(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        arguments: &[&str],
    ) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// A cargo command that runs in the workspace's root, without colours so that its output can be read by a program.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = process::cargo();
        command
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TERM_COLOR", "never");
        command
    }

    /// `cargo install` of a tool that waits for others, or works for seconds, and would be built for minutes: without
    /// optimisation, and what several need once.
    pub(crate) fn cargo_install(&self, package: &str) -> Command {
        let mut command = self.cargo(&["install", "--locked", "--quiet", "--debug", package]);
        command
            .env("CARGO_TARGET_DIR", self.target.join("tools/build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0");
        command
    }

    /// Where the output of the step `name` is kept.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        let file: String = name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .collect();
        self.target.join("xtask-logs").join(format!("{file}.log"))
    }

    /// The version of the programs.
    pub(crate) fn version(&self) -> Result<&str> {
        let packages = self.metadata["packages"].as_array();
        let cli =
            packages.and_then(|packages| packages.iter().find(|package| package["name"] == "cli"));
        let version = cli.and_then(|package| package["version"].as_str());
        Ok(version.ok_or("cargo metadata has no package `cli`")?)
    }

    /// The files git knows or would offer to add, relative to the root; `None` outside of a git work tree.
    ///
    /// Files that are new and not yet added count too: a check before a commit must see what will be in it.
    pub(crate) fn files(&self) -> Result<Option<Vec<PathBuf>>> {
        if !self.root.join(".git").exists() {
            return Ok(None);
        }
        let list = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let output = self.command("git", &list).output()?;
        if !output.status.success() {
            return Err(
                format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)).into(),
            );
        }
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let files = names
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        Ok(Some(files.filter(|file| self.is_regular(file)).collect()))
    }

    /// Whether `file` is there and is neither a symbolic link nor a directory.
    fn is_regular(&self, file: &Path) -> bool {
        self.root
            .join(file)
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_file())
    }
}
