//! Scripts of the server's own, whose first line names a command that runs on the laptop.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use live::Bytes;

/// What runs scripts, and which of its options, that take no other word, may stand before one in the first line of a script.
const INTERPRETERS: [(&[u8], &[&str]); 4] = [
    (b"node", &["--no-warnings", "--enable-source-maps"]),
    (b"python", PYTHON),
    (b"python3", PYTHON),
    (b"ruby", &["-w", "-W", "-W0", "--disable=gems"]),
];
const PYTHON: &[&str] = &[
    "-b", "-B", "-d", "-E", "-i", "-I", "-O", "-OO", "-P", "-q", "-s", "-S", "-sE", "-Es", "-u",
    "-v",
];

/// Of which script the command `name` may have been made by the kernel, when somebody has typed only that script's name: the
/// first of the words, if that is an absolute path.
pub(super) fn named<'a>(name: &[u8], arguments: &'a [Bytes]) -> Option<&'a Path> {
    let interpreter = INTERPRETERS.iter().find(|(known, _)| *known == name);
    let options = interpreter.map_or(&[][..], |(_, options)| *options);
    let is_option = |word: &&Bytes| options.iter().any(|option| option.as_bytes() == &word[..]);
    let script = arguments.iter().find(|word| !is_option(word))?;
    let script = Path::new(OsStr::from_bytes(script));
    script.is_absolute().then_some(script)
}

/// Whether that is a file of the server's, in no mount. Waits for the file system.
pub(super) fn is_own(script: &Path, is_mounted: impl Fn(&Path) -> bool) -> bool {
    // Of a link in the mount, only the laptop knows where it leads.
    if is_mounted(script) {
        return false;
    }
    let Ok(found) = fs::canonicalize(script) else {
        return false;
    };
    !is_mounted(&found) && fs::metadata(&found).is_ok_and(|facts| facts.is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn found(words: &[&'static str]) -> Option<String> {
        let words: Vec<Bytes> = words.iter().map(|word| Bytes::from(*word)).collect();
        let script = named(&words[0], &words[1..])?;
        Some(script.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_first_word_may_be_a_script() {
        for (words, script) in [
            (
                &["node", "/opt/claude", "--version"][..],
                Some("/opt/claude"),
            ),
            (&["node", "--no-warnings", "/opt/x"], Some("/opt/x")),
            (&["python3", "-s", "-u", "/opt/x"], Some("/opt/x")),
            (&["make", "/opt/x"], Some("/opt/x")),
            (&["python3", "-c", "/opt/x"], None),
            (&["python3", "-m", "/opt/x"], None),
            (&["node", "-r", "/opt/x", "script.js"], None),
            (&["node", "script.js", "/opt/x"], None),
            (&["make", "-s", "/opt/x"], None),
            (&["node"], None),
            (&["node", ""], None),
        ] {
            assert_eq!(found(words).as_deref(), script, "{words:?}");
        }
    }

    #[test]
    fn only_files_that_are_there_and_in_no_mount_are_the_servers_own() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let mount = home.join("mount");
        fs::create_dir(&mount).unwrap();
        for file in ["tool", "mount/tool"] {
            fs::File::create(home.join(file)).unwrap();
        }
        symlink(home.join("tool"), home.join("link")).unwrap();
        symlink(home.join("mount/tool"), home.join("into")).unwrap();
        symlink(home.join("tool"), home.join("mount/out")).unwrap();
        let own = |name: &str| is_own(&home.join(name), |path| path.starts_with(&mount));
        assert!(own("tool") && own("link"));
        for name in ["mount/tool", "mount/out", "into", "mount", "", "none"] {
            assert!(!own(name), "{name}");
        }
    }
}
