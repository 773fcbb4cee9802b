//! The environment that the tests get: none of the caller's credentials, and a home of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::workspace::Workspace;

/// Variables whose names start so belong to an account, or lead to the caller's own files.
const PREFIXES: [&str; 13] = [
    "ANTHROPIC",
    "CLAUDE",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "GCLOUD",
    "CLOUDSDK_",
    "GITHUB_",
    "GH_",
    "GITLAB_",
    "SSH_",
    "XDG_",
    "DBUS_",
];

/// Variables whose names contain one of these hold a secret, or say where one is.
const PARTS: [&str; 10] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
];

/// Takes away from `command` what could be a credential of the caller's, and gives it an empty home under target/.
///
/// Cargo and rustup keep their real directories: without them neither finds its toolchains and its downloads.
pub(crate) fn isolate(command: &mut Command, workspace: &Workspace) {
    for (name, value) in std::env::vars_os() {
        if !may_keep(&name.to_string_lossy(), &value.to_string_lossy()) {
            command.env_remove(&name);
        }
    }
    command
        .env("CARGO_HOME", tool_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", tool_home("RUSTUP_HOME", ".rustup"))
        .env("HOME", home(workspace));
}

/// Makes the tests' home anew, so that no run sees what an earlier one left.
pub(crate) fn renew_home(workspace: &Workspace) -> Result<()> {
    let home = home(workspace);
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    Ok(std::fs::create_dir_all(&home)?)
}

fn home(workspace: &Workspace) -> PathBuf {
    workspace.target.join("test-home")
}

fn tool_home(variable: &str, directory: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || std::env::home_dir().unwrap_or_default().join(directory),
        PathBuf::from,
    )
}

/// Whether the tests may see the variable. A proxy is left out too: it would stand between a test and its own server.
fn may_keep(name: &str, value: &str) -> bool {
    let name = name.to_uppercase();
    let named_secret = PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || PARTS.iter().any(|part| name.contains(part));
    !named_secret && !name.ends_with("_PROXY") && !has_password(value)
}

/// Whether `value` is an address with a name and a password in it: `https://name:password@host`.
fn has_password(value: &str) -> bool {
    let Some((_, rest)) = value.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    authority
        .rsplit_once('@')
        .is_some_and(|(user, _)| user.contains(':'))
}

/// Whether `program` is one of the system's own, which Debian's packages extend.
pub(crate) fn is_system_program(program: &Path) -> bool {
    let directory = program.parent().and_then(Path::to_str);
    matches!(directory, Some("/usr/bin" | "/bin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_ways_to_them_are_taken_away() {
        let names = [
            "ANTHROPIC_API_KEY",
            "CLAUDECODE",
            "CLAUDE_CONFIG_DIR",
            "AWS_PROFILE",
            "GITHUB_TOKEN",
            "SSH_AUTH_SOCK",
            "XDG_RUNTIME_DIR",
            "https_proxy",
            "CARGO_REGISTRY_TOKEN",
            "DATABASE_PASSWORD",
        ];
        for name in names {
            assert!(!may_keep(name, "value"), "{name}");
        }
        assert!(!may_keep(
            "PIP_INDEX_URL",
            "https://name:secret@example.org/simple"
        ));
    }

    #[test]
    fn what_the_tools_need_is_kept() {
        for name in [
            "PATH",
            "LANG",
            "TERM",
            "TMPDIR",
            "RUSTUP_TOOLCHAIN",
            "CARGO_TARGET_DIR",
            "SSL_CERT_FILE",
        ] {
            assert!(may_keep(name, "/some/where"), "{name}");
        }
        assert!(may_keep("PIP_INDEX_URL", "https://example.org/simple"));
    }
}
