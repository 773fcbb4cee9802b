//! What a path of one end is called at the other.

/// A directory under both of its names. Absolute, resolved, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// On the laptop.
    pub laptop: Vec<u8>,
    /// Where it is mounted on the server.
    pub server: Vec<u8>,
}

/// The directories that a session has on both ends. None is below another on either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(Vec<Pair>);

impl Paths {
    /// These.
    #[must_use]
    pub fn new(pairs: Vec<Pair>) -> Self {
        Self(pairs)
    }

    /// The pairs.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.0
    }

    /// What a word of a command line is on the laptop: a path of the server, or an option whose value begins with one
    /// (`--file=/…`, `-I/…`), is the laptop's then; every other word stays as it is.
    #[must_use]
    pub fn argument(&self, word: &[u8]) -> Vec<u8> {
        let start = match word {
            [b'/', ..] => 0,
            [b'-', b'-', ..] => match word.iter().position(|byte| *byte == b'=') {
                Some(equals) => equals + 1,
                None => return word.to_vec(),
            },
            [b'-', letter, b'/', ..] if letter.is_ascii_alphabetic() => 2,
            // `-Dname=/…`, as Java's and C's compilers have it.
            [b'-', ..] => match word.iter().position(|byte| *byte == b'=') {
                Some(equals) => equals + 1,
                None => return word.to_vec(),
            },
            _ => return word.to_vec(),
        };
        let (before, path) = word.split_at(start);
        match self.on_laptop(path) {
            Some(path) => [before, &path].concat(),
            None => word.to_vec(),
        }
    }

    /// What the server's `path` is on the laptop; `None` if it is in none of the directories, or leads up on its way.
    #[must_use]
    pub fn on_laptop(&self, path: &[u8]) -> Option<Vec<u8>> {
        let below = |pair: &Pair| Some((pair.laptop.clone(), below(path, &pair.server)?.to_vec()));
        let (directory, rest) = self.0.iter().find_map(below)?;
        Some([directory, rest].concat())
    }
}

/// What of `path` comes after `directory`, if it is that or in it: empty, or from the slash on.
fn below<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(directory)?;
    let is_inside = rest.is_empty() || rest.starts_with(b"/");
    let leads_up = rest.split(|byte| *byte == b'/').any(|name| name == b"..");
    (is_inside && !leads_up).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        Paths::new(vec![
            Pair {
                laptop: b"/home/me/project".to_vec(),
                server: b"/home/st/.claude-share/mounts/p-1".to_vec(),
            },
            Pair {
                laptop: b"/data".to_vec(),
                server: b"/home/st/.claude-share/extras/p-1/1-data".to_vec(),
            },
        ])
    }

    #[test]
    fn only_words_that_are_paths_of_the_mount_are_mapped() {
        let mount = "/home/st/.claude-share/mounts/p-1";
        for (word, mapped) in [
            (mount.to_owned(), "/home/me/project".to_owned()),
            (format!("{mount}/"), "/home/me/project/".to_owned()),
            (format!("{mount}/a b"), "/home/me/project/a b".to_owned()),
            (
                format!("--out={mount}/x"),
                "--out=/home/me/project/x".to_owned(),
            ),
            (
                format!("-I{mount}/include"),
                "-I/home/me/project/include".to_owned(),
            ),
            (
                format!("-Droot={mount}"),
                "-Droot=/home/me/project".to_owned(),
            ),
            (
                "/home/st/.claude-share/extras/p-1/1-data/f".to_owned(),
                "/data/f".to_owned(),
            ),
        ] {
            assert_eq!(
                paths().argument(word.as_bytes()),
                mapped.as_bytes(),
                "{word}"
            );
        }
        for word in [
            format!("{mount}2/x"),
            format!("see {mount}"),
            format!("x={mount}"),
            format!("{mount}/../../secret"),
            format!("--a={mount}:{mount}"),
            format!("-{mount}"),
            "/etc/passwd".to_owned(),
            "--out=relative".to_owned(),
            "-".to_owned(),
            "--".to_owned(),
            String::new(),
        ] {
            let mapped = paths().argument(word.as_bytes());
            assert_eq!(mapped, word.as_bytes(), "{word}");
        }
    }
}
