//! What is executed: the user's login shell, and in it what was asked for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use live::Bytes;
use live::control::Failure;
use live::programs::What;

use super::surroundings::Inside;
use crate::failure;

/// Shells that take no `-l` beside another option.
const WITHOUT_LOGIN: [&str; 2] = ["csh", "tcsh"];

/// Shells that can be a login shell first, and one that people type into behind that: what the first reads makes `PATH`. What
/// the second reads may still put something before the commands of the laptop, or leave them out.
const IN_TWO_STEPS: [&str; 7] = ["bash", "dash", "fish", "ksh", "mksh", "sh", "zsh"];

/// An executable, the name that it is told, and its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) name: OsString,
    pub(super) arguments: Vec<OsString>,
}

/// How `shell` runs `what`: with commands of the laptop if `inside` says where they are, whatever the files that a login shell
/// reads make of `PATH`.
pub(super) fn command(
    what: &What,
    shell: &Path,
    inside: Option<&Inside>,
) -> Result<Command, Failure> {
    let base = shell.file_name().unwrap_or(shell.as_os_str());
    let can_be_inside = IN_TWO_STEPS.iter().any(|name| base == *name);
    let (name, arguments) = match (what, inside) {
        (What::Shell, Some(inside)) if can_be_inside => {
            let program = Bytes::copy_from_slice(shell.as_os_str().as_bytes());
            let words = [program, Bytes::from_static(b"-i")];
            (base.to_owned(), for_words(&words, base, Some(inside))?)
        }
        // A shell whose name begins so is a login shell.
        (What::Shell, _) => ([OsStr::new("-"), base].concat_os(), Vec::new()),
        (What::Words(words), inside) => (base.to_owned(), for_words(words, base, inside)?),
    };
    Ok(Command {
        program: shell.to_owned(),
        name,
        arguments,
    })
}

fn for_words(
    words: &[Bytes],
    shell: &OsStr,
    inside: Option<&Inside>,
) -> Result<Vec<OsString>, Failure> {
    if words.first().is_none_or(Bytes::is_empty) {
        return Err(failure(
            "no program is named",
            "Say which one to run, and what to tell it.",
        ));
    }
    if words.iter().any(|word| word.contains(&0)) {
        return Err(failure(
            "a word has a zero byte",
            "No program can be told that.",
        ));
    }
    let is_without_login = WITHOUT_LOGIN.iter().any(|name| shell == *name);
    let options: &[&str] = match is_without_login {
        true => &["-c"],
        false => &["-l", "-c"],
    };
    let mut arguments: Vec<OsString> = options.iter().map(OsString::from).collect();
    let before = inside.map(stage).unwrap_or_default();
    arguments.push(OsString::from_vec(line(&[&before, words].concat())));
    Ok(arguments)
}

/// What stands before words for the program to become what they name.
fn stage(inside: &Inside) -> Vec<Bytes> {
    let of_path = |path: &Path| Bytes::copy_from_slice(path.as_os_str().as_bytes());
    let [agent, verb, option, end] = ["agent", "inside", "--bin", "--"].map(Bytes::from);
    let directory = of_path(&inside.directory);
    vec![
        of_path(&inside.program),
        agent,
        verb,
        option,
        directory,
        end,
    ]
}

/// A line that has a shell become what these words name.
fn line(words: &[Bytes]) -> Vec<u8> {
    let mut line = Vec::new();
    // Not every shell knows that options of `exec` can end. Without it, the program only has a parent more.
    if words.first().is_some_and(|word| !word.starts_with(b"-")) {
        line.extend_from_slice(b"exec");
    }
    for word in words {
        if !line.is_empty() {
            line.push(b' ');
        }
        quote(word, &mut line);
    }
    line
}

/// A word that sh, bash, zsh (with `RC_QUOTES` too), dash and fish take for nothing but its bytes. Between single quotes, fish
/// alone takes a backslash for more than that; outside of them a backslash makes the next byte plain for each.
fn quote(word: &[u8], line: &mut Vec<u8>) {
    if word.is_empty() {
        line.extend_from_slice(b"''");
    }
    let is_special = |byte: &u8| matches!(byte, b'\'' | b'\\');
    for run in word.chunk_by(|one, next| !is_special(one) && !is_special(next)) {
        match run {
            [byte] if is_special(byte) => line.extend_from_slice(&[b'\\', *byte]),
            plain => {
                line.push(b'\'');
                line.extend_from_slice(plain);
                line.push(b'\'');
            }
        }
    }
}

trait Concat {
    fn concat_os(&self) -> OsString;
}

impl Concat for [&OsStr] {
    fn concat_os(&self) -> OsString {
        let bytes: Vec<u8> = self
            .iter()
            .flat_map(|part| part.as_bytes())
            .copied()
            .collect();
        OsString::from_vec(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::process;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "fish", "ksh", "mksh"];

    fn words() -> impl Strategy<Value = Vec<Bytes>> {
        let special = prop::sample::select(b"'\\\"$`!*?~#&|;<>(){}[]= \t\n\r%^-".to_vec());
        let byte = prop_oneof![2 => special, 1 => 1..=255_u8];
        vec(vec(byte, 0..12).prop_map(Bytes::from), 1..5)
    }

    /// What `printf` is told by the shell, when it is run as a program is but for the files that a login shell reads.
    fn heard(shell: &Path, words: &[Bytes]) -> Vec<u8> {
        // Some write there, even then.
        let home = tempfile::tempdir().unwrap();
        let fixed = ["printf", "%s\\0"].map(Bytes::from);
        let all: Vec<Bytes> = fixed.into_iter().chain(words.iter().cloned()).collect();
        let output = process::Command::new(shell)
            .arg("-c")
            .arg(OsString::from_vec(line(&all)))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .output()
            .unwrap();
        output.stdout
    }

    /// What is printed that is typed into `shell`, started as `inside` says, whose profile makes `PATH` anew.
    fn typed_into(shell: &Path, inside: &Inside, home: &Path) -> String {
        let run = command(&What::Shell, shell, Some(inside)).unwrap();
        let mut shell = process::Command::new(run.program)
            .args(run.arguments)
            .env_clear()
            .env("HOME", home)
            .current_dir(home)
            .stdin(process::Stdio::piped())
            .stdout(process::Stdio::piped())
            .stderr(process::Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut input = shell.stdin.take().unwrap();
        // Fails for one that cannot be started.
        input.write_all(b"printf 'is:%s\\n' \"$PATH\"\nexit\n").ok();
        drop(input);
        let output = shell.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    fn in_every_shell_that_is_typed_into_the_commands_are_first() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let make = |name: &str, mode, text: &str| {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(mode);
            let mut file = options.open(at(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        for name in [".profile", ".zprofile"] {
            make(
                name,
                0o600,
                "PATH=/of/the/profile:/usr/bin:/bin\nexport PATH\n",
            );
        }
        make(".zshrc", 0o600, "");
        let fish = "status is-login; and set -gx PATH /of/the/profile /usr/bin /bin\n";
        make(".config/fish/config.fish", 0o600, fish);
        let program = "#!/bin/sh\nPATH=$4:$PATH\nexport PATH\nshift 5\nexec \"$@\"\n";
        make("program", 0o700, program);
        let inside = Inside {
            session: "project-1".into(),
            workspace: "/mount".into(),
            directory: "/of/the session".into(),
            program: at("program"),
            shell_file: at("path.sh"),
        };
        for shell in shells() {
            let printed = typed_into(&shell, &inside, home.path());
            let expected = "is:/of/the session:/of/the/profile:/usr/bin:/bin";
            assert!(printed.contains(expected), "{}: {printed}", shell.display());
        }
    }

    fn shells() -> impl Iterator<Item = PathBuf> {
        let places = SHELLS.iter().map(|name| Path::new("/bin").join(name));
        places.filter(|shell| shell.exists())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_shell_hears_the_words_as_they_are(words in words()) {
            let told: Vec<u8> = words.iter().flat_map(|word| [&word[..], &[0]].concat()).collect();
            for shell in shells() {
                prop_assert_eq!(&heard(&shell, &words), &told, "{}", shell.display());
            }
        }
    }

    #[test]
    fn words_are_executed_and_a_shell_is_a_login_shell() {
        let words = |words: &[&'static str]| {
            What::Words(
                words
                    .iter()
                    .map(|word| Bytes::from_static(word.as_bytes()))
                    .collect(),
            )
        };
        let bash = Path::new("/usr/bin/bash");
        let run = command(&words(&["it's", "a\\b", ""]), bash, None).unwrap();
        let line = r"exec 'it'\''s' 'a'\\'b' ''";
        assert_eq!(run.arguments, ["-l", "-c", line]);
        assert_eq!(run.name, "bash");
        let run = command(&words(&["-x"]), Path::new("/bin/tcsh"), None).unwrap();
        assert_eq!(run.arguments, ["-c", "'-x'"]);
        assert_eq!(command(&What::Shell, bash, None).unwrap().name, "-bash");
        let inside = Inside {
            session: "project-1".into(),
            workspace: "/mount".into(),
            directory: "/a b".into(),
            program: "/p".into(),
            shell_file: "/path.sh".into(),
        };
        let run = command(&words(&["npm", "-v"]), bash, Some(&inside)).unwrap();
        let line = "exec '/p' 'agent' 'inside' '--bin' '/a b' '--' 'npm' '-v'";
        assert_eq!(run.arguments, ["-l", "-c", line]);
        let run = command(&What::Shell, bash, Some(&inside)).unwrap();
        let line = "exec '/p' 'agent' 'inside' '--bin' '/a b' '--' '/usr/bin/bash' '-i'";
        assert_eq!(run.arguments, ["-l", "-c", line]);
        assert_eq!(run.name, "bash");
        let run = command(&What::Shell, Path::new("/bin/tcsh"), Some(&inside)).unwrap();
        assert!(run.name == "-tcsh" && run.arguments.is_empty());
        for bad in [words(&[]), words(&["", "x"]), words(&["a", "b\0c"])] {
            command(&bad, bash, None).unwrap_err();
        }
    }
}
