//! What to install, in the words of the server's distribution.

use crate::facts::ServerFacts;

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Package {
    /// The helper `fusermount3`.
    Fuse,
    /// `sshfs`.
    Sshfs,
}

/// Distributions as `os-release` calls them in `ID` and `ID_LIKE`, how they install, and what they call the packages.
const MANAGERS: [(&[&str], &str, [&str; 2]); 5] = [
    (&["debian", "ubuntu"], "apt install", ["fuse3", "sshfs"]),
    (
        &["fedora", "rhel", "centos", "amzn"],
        "dnf install",
        ["fuse3", "fuse-sshfs"],
    ),
    (&["alpine"], "apk add", ["fuse3", "sshfs"]),
    (&["arch"], "pacman -S", ["fuse3", "sshfs"]),
    (&["suse", "opensuse"], "zypper install", ["fuse3", "sshfs"]),
];

/// The command to type on the server.
pub(crate) fn advice(package: Package, server: &ServerFacts) -> String {
    let sudo = if server.is_root { "" } else { "sudo " };
    let known = server
        .distributions
        .iter()
        .find_map(|id| MANAGERS.iter().find(|(ids, ..)| ids.contains(&id.as_str())));
    let place = match package {
        Package::Fuse => 0,
        Package::Sshfs => 1,
    };
    match known {
        Some((_, install, names)) => {
            format!("install it on the server: {sudo}{install} {}", names[place])
        }
        None => format!(
            "install it on the server; most distributions call the package {}",
            MANAGERS[0].2[place]
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::facts;

    #[test]
    fn every_distribution_has_its_words() {
        for (ids, expected) in [
            (
                &["linuxmint", "ubuntu", "debian"][..],
                "sudo apt install sshfs",
            ),
            (&["rocky", "rhel", "centos"], "sudo dnf install fuse-sshfs"),
            (&["alpine"], "sudo apk add sshfs"),
            (&["manjaro", "arch"], "sudo pacman -S sshfs"),
            (&["opensuse-leap", "suse"], "sudo zypper install sshfs"),
            (&["plan9"], "call the package sshfs"),
        ] {
            let mut server = facts("");
            server.distributions = ids.iter().map(|&id| id.to_owned()).collect();
            let advice = advice(Package::Sshfs, &server);
            assert!(advice.ends_with(expected), "{advice}");
        }
    }
}
