//! What sshfs is started with.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use mount::{Options, SUBTYPE};

/// How long sshfs keeps what it has read of a directory, in seconds: as short as it can be said. Nobody tells it what changes
/// on the laptop.
const KEPT: u32 = 1;

/// Which of its options this sshfs has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// It speaks over its standard input and output: `passive`, or `slave` before 3.7.2. `None` before 2.4.
    pub(crate) passive: Option<&'static str>,
    /// It refuses links that are absolute or lead up, unless told not to: 3.7.4, and distributions that took that over.
    contains_links: bool,
}

impl Known {
    /// From what `sshfs --help` says.
    pub(crate) fn read(help: &str) -> Self {
        let says = |option: &str| {
            help.lines()
                .any(|line| line.trim_start().starts_with(option))
        };
        let passive = ["passive", "slave"]
            .into_iter()
            .find(|name| says(&format!("-o {name} ")));
        Self {
            passive,
            contains_links: help.contains("no_contain_symlinks"),
        }
    }
}

/// What follows `sshfs`.
pub(crate) fn arguments(
    known: Known,
    passive: &str,
    directory: &Path,
    options: &Options,
) -> Vec<OsString> {
    let source = format!("{SUBTYPE}:{}", options.name);
    let source = source.replace('\\', "\\\\").replace(',', "\\,");
    let mut chosen = vec![
        passive.to_owned(),
        // By these its mounts are known for ours, also when it is gone.
        format!("fsname={source}"),
        format!("subtype={SUBTYPE}"),
        "default_permissions,nosuid,nodev,noatime".to_owned(),
        format!("dir_cache=yes,dcache_timeout={KEPT}"),
        format!("entry_timeout={KEPT},attr_timeout={KEPT},negative_timeout=0"),
        // Whose files are whose is said by who answers it.
        "idmap=none".to_owned(),
        if options.read_only { "ro" } else { "rw" }.to_owned(),
    ];
    if known.contains_links {
        chosen.push("no_contain_symlinks".to_owned());
    }
    if options.for_others {
        chosen.push("allow_other".to_owned());
    }
    let chosen = chosen
        .into_iter()
        .flat_map(|option| [OsString::from("-o"), option.into()]);
    let foreground = std::iter::once(OsString::from("-f"));
    // The host is nobody: nothing is connected to.
    let places = [OsStr::new("laptop:/"), directory.as_os_str()].map(OsStr::to_owned);
    foreground.chain(chosen).chain(places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str =
        "    -o slave               communicate over stdin and stdout bypassing network\n";
    const NEW: &str = "    -o passive             communicate over stdin and stdout bypassing network\n    \
         -o contain_symlinks    reject absolute symlinks and symlinks containing ..\n    \
         (enabled by default; disable with no_contain_symlinks)\n";

    #[test]
    fn options_are_those_that_it_has() {
        let old = Known::read(OLD);
        assert_eq!((old.passive, old.contains_links), (Some("slave"), false));
        let new = Known::read(NEW);
        assert_eq!((new.passive, new.contains_links), (Some("passive"), true));
        assert_eq!(Known::read("").passive, None);
    }

    #[test]
    fn a_name_is_no_option() {
        let options = Options {
            name: "a,allow_other\\".to_owned(),
            user: 0,
            group: 0,
            read_only: true,
            for_others: false,
        };
        let arguments = arguments(Known::read(NEW), "passive", Path::new("/mnt/x"), &options);
        let has = |word: &str| arguments.iter().any(|argument| argument == word);
        assert!(
            has("fsname=claude-share:a\\,allow_other\\\\"),
            "{arguments:?}"
        );
        assert!(has("ro") && has("no_contain_symlinks") && !has("allow_other"));
        assert_eq!(arguments.last().unwrap(), "/mnt/x");
    }
}
