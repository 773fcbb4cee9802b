//! `env.sh`: what a shell on the server reads to be in a session's mount as the programs are that the agent runs.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use live_session::server::GIT_SETTINGS;
use vault::durable;

use crate::{Places, SessionName};

const MODE: u32 = 0o600;

/// Writes it, whole or not at all, for a session that is mounted at `workspace`; where it is.
///
/// # Errors
/// If the system refuses, or another user has the place.
pub(crate) fn write(
    places: &Places,
    session: &SessionName,
    workspace: &Path,
) -> io::Result<PathBuf> {
    let programs = places.make_programs(session)?;
    let path = places.environment_file(session);
    let text = text(session, workspace, &programs);
    // A restart ends the mount too.
    durable::replace_volatile(&path, &text, MODE).map_err(io::Error::other)?;
    Ok(path)
}

/// Removes it and the directories that were made for it, as far as they are there and nothing else is in them.
pub(crate) fn remove(places: &Places, session: &SessionName) {
    let path = places.environment_file(session);
    fs::remove_file(&path).ok();
    durable::remove_leftovers(&path);
    for directory in [places.programs(session), places.remote(session)] {
        fs::remove_dir(directory).ok();
    }
}

/// For any POSIX shell. Read twice, it changes nothing more: what is in `PATH` is not put there again, and of git's settings
/// a variable says up to which number they were counted.
fn text(session: &SessionName, workspace: &Path, programs: &Path) -> Vec<u8> {
    let workspace = quoted(workspace.as_os_str().as_bytes());
    let programs = quoted(programs.as_os_str().as_bytes());
    let git_settings = git_settings();
    let pieces: [&[u8]; 12] = [
        b"# shellcheck shell=sh\n",
        b"# Made by claude-share, which removes it when the session is unmounted.\n",
        b"export CLAUDE_SHARE_SESSION='",
        session.as_str().as_bytes(),
        b"'\nexport CLAUDE_SHARE_WORKSPACE=",
        &workspace,
        b"\ncase \":${PATH:-}:\" in\n*:",
        &programs,
        b":*) ;;\n*) PATH=",
        &programs,
        b"\"${PATH:+:$PATH}\" ;;\nesac\nexport PATH\n",
        git_settings.as_bytes(),
    ];
    pieces.concat()
}

/// Behind those that there are, as [`live_session`] has them for programs that it runs.
fn git_settings() -> String {
    let each = GIT_SETTINGS.iter().map(|(key, value)| {
        format!(
            "    export \"GIT_CONFIG_KEY_$GIT_CONFIG_COUNT={key}\" \"GIT_CONFIG_VALUE_$GIT_CONFIG_COUNT={value}\"\n    GIT_CONFIG_COUNT=$((GIT_CONFIG_COUNT + 1))\n"
        )
    });
    let each: String = each.collect();
    format!(
        "if [ \"${{CLAUDE_SHARE_GIT_COUNT:-unset}}\" != \"${{GIT_CONFIG_COUNT:-0}}\" ]; then\n    \
         case \"${{GIT_CONFIG_COUNT:-}}\" in\n    '' | *[!0-9]* | 0?*) GIT_CONFIG_COUNT=0 ;;\n    esac\n{each}    \
         CLAUDE_SHARE_GIT_COUNT=$GIT_CONFIG_COUNT\n    export GIT_CONFIG_COUNT CLAUDE_SHARE_GIT_COUNT\nfi\n"
    )
}

/// As one word for a POSIX shell.
pub(super) fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut word = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => word.extend(br"'\''"),
            byte => word.push(byte),
        }
    }
    word.push(b'\'');
    word
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    /// Those that are installed here; `sh` is everywhere.
    const SHELLS: [&[&str]; 5] = [&["sh"], &["dash"], &["bash"], &["zsh"], &["busybox", "ash"]];

    fn session() -> SessionName {
        SessionName::new("project-20260102-030405").unwrap()
    }

    /// What `script` prints in each shell, with the file as `$1`.
    fn printed(text: &[u8], script: &str, environment: &[(&str, &OsStr)]) -> Vec<Vec<u8>> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("env.sh");
        durable::replace_volatile(&file, text, MODE).unwrap();
        let installed = SHELLS.iter().filter(|words| {
            Path::new("/bin").join(words[0]).exists()
                || Path::new("/usr/bin").join(words[0]).exists()
        });
        let ran = installed.map(|words| {
            let mut command = Command::new(words[0]);
            command
                .args(&words[1..])
                .args(["-euc", script, "sh"])
                .arg(&file);
            command.env_clear().env("PATH", "/usr/bin:/bin");
            let ran = command.envs(environment.iter().copied()).output().unwrap();
            assert!(ran.status.success(), "{words:?}: {ran:?}");
            assert!(ran.stderr.is_empty(), "{words:?}: {ran:?}");
            ran.stdout
        });
        let printed: Vec<Vec<u8>> = ran.collect();
        assert!(!printed.is_empty());
        printed
    }

    #[test]
    fn it_reads_as_documented() {
        let text = text(
            &session(),
            Path::new("/home/a b/m"),
            Path::new("/home/a b/bin"),
        );
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"# shellcheck shell=sh
# Made by claude-share, which removes it when the session is unmounted.
export CLAUDE_SHARE_SESSION='project-20260102-030405'
export CLAUDE_SHARE_WORKSPACE='/home/a b/m'
case ":${PATH:-}:" in
*:'/home/a b/bin':*) ;;
*) PATH='/home/a b/bin'"${PATH:+:$PATH}" ;;
esac
export PATH
if [ "${CLAUDE_SHARE_GIT_COUNT:-unset}" != "${GIT_CONFIG_COUNT:-0}" ]; then
    case "${GIT_CONFIG_COUNT:-}" in
    '' | *[!0-9]* | 0?*) GIT_CONFIG_COUNT=0 ;;
    esac
    export "GIT_CONFIG_KEY_$GIT_CONFIG_COUNT=core.checkStat" "GIT_CONFIG_VALUE_$GIT_CONFIG_COUNT=minimal"
    GIT_CONFIG_COUNT=$((GIT_CONFIG_COUNT + 1))
    export "GIT_CONFIG_KEY_$GIT_CONFIG_COUNT=core.trustctime" "GIT_CONFIG_VALUE_$GIT_CONFIG_COUNT=false"
    GIT_CONFIG_COUNT=$((GIT_CONFIG_COUNT + 1))
    CLAUDE_SHARE_GIT_COUNT=$GIT_CONFIG_COUNT
    export GIT_CONFIG_COUNT CLAUDE_SHARE_GIT_COUNT
fi
"#
        );
    }

    #[test]
    fn read_twice_it_is_as_read_once() {
        let text = text(&session(), Path::new("/mount"), Path::new("/programs"));
        let script = ". \"$1\"; . \"$1\"; env | grep -E '^(CLAUDE_SHARE_|GIT_|PATH=)' | sort";
        let expected = "CLAUDE_SHARE_GIT_COUNT=2
CLAUDE_SHARE_SESSION=project-20260102-030405
CLAUDE_SHARE_WORKSPACE=/mount
GIT_CONFIG_COUNT=2
GIT_CONFIG_KEY_0=core.checkStat
GIT_CONFIG_KEY_1=core.trustctime
GIT_CONFIG_VALUE_0=minimal
GIT_CONFIG_VALUE_1=false
PATH=/programs:/usr/bin:/bin
";
        for printed in printed(&text, script, &[]) {
            assert_eq!(String::from_utf8(printed).unwrap(), expected);
        }
        // Also by a shell that is started from one that has read it.
        let script =
            ". \"$1\"; exec sh -euc '. \"$1\"; echo \"$PATH $GIT_CONFIG_COUNT\"' sh \"$1\"";
        for printed in printed(&text, script, &[]) {
            assert_eq!(printed, b"/programs:/usr/bin:/bin 2\n");
        }
    }

    #[test]
    fn settings_of_git_are_appended() {
        let text = text(&session(), Path::new("/mount"), Path::new("/programs"));
        let script = ". \"$1\"; echo \"$GIT_CONFIG_COUNT $GIT_CONFIG_KEY_0 ${GIT_CONFIG_KEY_1:-} ${GIT_CONFIG_KEY_2:-}\"";
        for (count, expected) in [
            ("1", "3 a.b core.checkStat core.trustctime\n"),
            ("none", "2 core.checkStat core.trustctime \n"),
            ("08", "2 core.checkStat core.trustctime \n"),
        ] {
            let there = [
                ("GIT_CONFIG_COUNT", OsStr::new(count)),
                ("GIT_CONFIG_KEY_0", OsStr::new("a.b")),
            ];
            for printed in printed(&text, script, &there) {
                assert_eq!(String::from_utf8(printed).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_home_may_be_called_anything() {
        for name in [
            "it's",
            "a b",
            "$(id)`id`",
            "\"*?[x]\\",
            "#!~",
            "new\nline",
            "-n",
            "日本",
        ] {
            let home = Path::new("/home").join(name);
            let text = text(&session(), &home.join("mount"), &home.join("programs"));
            let script = ". \"$1\"; . \"$1\"; printf '%s|%s' \"$CLAUDE_SHARE_WORKSPACE\" \"$PATH\"";
            let home = home.to_str().unwrap();
            for printed in printed(&text, script, &[]) {
                let expected = format!("{home}/mount|{home}/programs:/usr/bin:/bin");
                assert_eq!(String::from_utf8(printed).unwrap(), expected);
            }
        }
        let home = OsString::from_vec(b"/home/\xff".to_vec());
        let text = text(&session(), Path::new(&home), Path::new("/programs"));
        for printed in printed(
            &text,
            ". \"$1\"; printf %s \"$CLAUDE_SHARE_WORKSPACE\"",
            &[],
        ) {
            assert_eq!(printed, b"/home/\xff");
        }
    }

    #[test]
    fn it_comes_and_goes_with_its_directories() {
        let home = tempfile::tempdir().unwrap();
        let places = Places::new(home.path().to_owned(), None);
        let path = write(&places, &session(), Path::new("/mount")).unwrap();
        // Again, as after a second mount.
        assert_eq!(
            write(&places, &session(), Path::new("/mount")).unwrap(),
            path
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        let directory = places.remote(&session());
        for private in [
            &directory,
            &directory.join("bin"),
            directory.parent().unwrap(),
        ] {
            assert_eq!(mode(private), 0o700);
        }
        remove(&places, &session());
        assert!(!directory.exists());
        remove(&places, &session());
        places.remove_unused();
        assert!(!places.own().exists());
    }
}
