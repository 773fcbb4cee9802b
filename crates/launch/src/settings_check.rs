//! Settings of the client that beat the account's credential.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde_json::Value;

use crate::RIVAL_VARIABLES;

/// Larger settings are taken as setting nothing, in bytes.
const SETTINGS_LIMIT: u64 = 1024 * 1024;

/// A setting that beats the account's credential, which no environment of ours can prevent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsRival {
    /// The file.
    pub file: PathBuf,
    /// The setting: `apiKeyHelper`, or `env.NAME` for one of [`RIVAL_VARIABLES`].
    pub key: String,
}

/// The settings files that count in `cwd`, weakest first: the user's in `claude_dir`, the
/// project's two, and the machine's.
#[must_use]
pub fn settings_files(claude_dir: &Path, cwd: &Path) -> Vec<PathBuf> {
    let project = cwd.join(".claude");
    vec![
        claude_dir.join("settings.json"),
        project.join("settings.json"),
        project.join("settings.local.json"),
        PathBuf::from("/etc/claude-code/managed-settings.json"),
    ]
}

/// What in these files beats the account's credential.
///
/// Measured on Claude Code 2.1.330: `apiKeyHelper` and the variables under `env` both win over
/// the environment that the client was started with. A file that is missing, broken or no regular
/// file sets nothing, as for the client.
#[must_use]
pub fn settings_rivals(files: &[PathBuf]) -> Vec<SettingsRival> {
    let mut rivals = Vec::new();
    for file in files {
        let keys = read(file)
            .map(|bytes| rivals_in(&bytes))
            .unwrap_or_default();
        rivals.extend(keys.into_iter().map(|key| SettingsRival {
            file: file.clone(),
            key,
        }));
    }
    rivals
}

/// The same for the bytes of one file: the keys.
#[must_use]
pub fn rivals_in(settings: &[u8]) -> Vec<String> {
    let text = settings.strip_prefix(b"\xef\xbb\xbf").unwrap_or(settings);
    let settings: Value = serde_json::from_slice(text).unwrap_or_default();
    let mut keys = Vec::new();
    if is_set(&settings["apiKeyHelper"]) {
        keys.push("apiKeyHelper".to_owned());
    }
    for name in RIVAL_VARIABLES {
        if is_set(&settings["env"][name]) {
            keys.push(format!("env.{name}"));
        }
    }
    keys
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

/// Follows links, as dotfile managers make them, and waits on no FIFO.
fn read(path: &Path) -> Option<Vec<u8>> {
    let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > SETTINGS_LIMIT {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(SETTINGS_LIMIT).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::TestHome;
    use testkit::documents::write_private;

    #[test]
    fn what_beats_the_account_is_named_with_its_file() {
        let home = TestHome::new();
        let (claude_dir, project) = (home.claude_dir(), home.root().join("project"));
        let files = settings_files(&claude_dir, &project);
        assert_eq!(settings_rivals(&files[..3]), []);
        write_private(
            &files[0],
            r#"{"env": {"ANTHROPIC_AUTH_TOKEN": "x", "EDITOR": "vi", "ANTHROPIC_API_KEY": ""}}"#,
        );
        let target = home.root().join("dotfile");
        write_private(&target, "\u{feff}{\"apiKeyHelper\": \"pass show key\"}");
        std::fs::create_dir_all(project.join(".claude")).unwrap();
        std::os::unix::fs::symlink(&target, &files[2]).unwrap();
        let rival = |file: &PathBuf, key: &str| SettingsRival {
            file: file.clone(),
            key: key.to_owned(),
        };
        assert_eq!(
            settings_rivals(&files[..3]),
            [
                rival(&files[0], "env.ANTHROPIC_AUTH_TOKEN"),
                rival(&files[2], "apiKeyHelper")
            ]
        );
    }

    #[test]
    fn what_is_no_setting_sets_nothing() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            r#"{"apiKeyHelper": ""}"#,
            r#"{"apiKeyHelper": null, "env": 3}"#,
        ] {
            assert_eq!(rivals_in(text.as_bytes()), Vec::<String>::new(), "{text}");
        }
        let home = TestHome::new();
        let (fifo, giant) = (home.root().join("fifo"), home.root().join("giant"));
        let (kind, mode) = (
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
        );
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).unwrap();
        write_private(
            &giant,
            format!("{{\"apiKeyHelper\": \"x\"}}{}", " ".repeat(2 << 20)),
        );
        assert_eq!(settings_rivals(&[fifo, giant, home.home()]), []);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _keys = rivals_in(&bytes);
        }
    }
}
