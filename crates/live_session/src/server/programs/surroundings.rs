//! What programs find around them: environment, home, shell.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use live::Bytes;
use live::control::Failure;

use super::super::account::AccountEnvironment;
use crate::failure;

/// Of the connection that started the agent, which programs outlive; and where the agent was.
const LEFT_OUT: [&str; 5] = ["SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "PWD", "OLDPWD"];
/// The beginning of what is for the agent.
const OUR_OWN: &[u8] = b"CLAUDE_SHARE_";
const TERMINAL_TYPE: &str = "xterm-256color";
/// For git in a mount, name and value: its index, made on the laptop, has other owners and times of change than what the
/// mount shows.
pub const GIT_SETTINGS: [(&str, &str); 2] =
    [("core.checkStat", "minimal"), ("core.trustctime", "false")];
const GIT_COUNT: &str = "GIT_CONFIG_COUNT";
/// Where programs are looked for if nothing says it.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The script that the client runs before each command, and where it finds the one that the user has named.
const CLIENT_FILE: &str = "CLAUDE_ENV_FILE";
const USERS_CLIENT_FILE: &str = "CLAUDE_SHARE_ENV_FILE";

/// How a program finds the commands that run on the laptop.
#[derive(Clone, Debug)]
pub(in crate::server) struct Inside {
    /// What the session is called.
    pub(in crate::server) session: OsString,
    /// Where its main directory is mounted.
    pub(in crate::server) workspace: PathBuf,
    /// Where the commands are.
    pub(in crate::server) directory: PathBuf,
    /// What puts that into `PATH`, when a login shell has made that.
    pub(in crate::server) program: PathBuf,
    /// What does so in the shells of the client.
    pub(in crate::server) shell_file: PathBuf,
}

/// See the head of this file.
pub(super) struct Surroundings {
    environment: BTreeMap<OsString, OsString>,
    pub(super) home: PathBuf,
    pub(super) shell: PathBuf,
}

impl Surroundings {
    /// In the agent's `environment`; for the user with this number in `passwd`, which has the format of `/etc/passwd`.
    pub(super) fn new(environment: Vec<(OsString, OsString)>, passwd: &[u8], user: u32) -> Self {
        let mut environment: BTreeMap<OsString, OsString> = environment.into_iter().collect();
        environment.retain(|name, _| {
            let is_left_out = LEFT_OUT.iter().any(|left_out| name == left_out);
            !is_left_out && !name.as_bytes().starts_with(OUR_OWN)
        });
        environment.insert("TERM".into(), TERMINAL_TYPE.into());
        let entry = Entry::find(passwd, user);
        let absolute =
            |path: &OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
        let home = environment.get(OsStr::new("HOME")).and_then(absolute);
        let home = home.or_else(|| absolute(&entry.as_ref()?.home));
        let shell = entry.as_ref().and_then(|entry| absolute(&entry.shell));
        let shell = shell.or_else(|| environment.get(OsStr::new("SHELL")).and_then(absolute));
        let home = home.unwrap_or_else(|| "/".into());
        let shell = shell.unwrap_or_else(|| "/bin/sh".into());
        for (name, value) in [("HOME", &home), ("SHELL", &shell)] {
            environment
                .entry(name.into())
                .or_insert_with(|| value.into());
        }
        Self {
            environment,
            home,
            shell,
        }
    }

    /// Where a program starts that is to start at home: there, or where everybody can.
    pub(super) fn home(&self) -> &Path {
        match self.home.is_dir() {
            true => &self.home,
            false => Path::new("/"),
        }
    }

    /// The environment of a program that is started as `account` with `added`, and finds commands as `inside` says.
    pub(super) fn environment(
        &self,
        account: Option<AccountEnvironment>,
        added: &[(Bytes, Bytes)],
        inside: Option<&Inside>,
    ) -> Result<Vec<(OsString, OsString)>, Failure> {
        let mut environment = self.environment.clone();
        if let Some(account) = account {
            account.add_to(&mut environment);
        }
        for (name, value) in added {
            let is_none = name.is_empty() || name.contains(&b'=');
            if is_none || name.contains(&0) || value.contains(&0) {
                return Err(failure(
                    "a variable of the environment has a name or value that none can have",
                    "Leave it out.",
                ));
            }
            let [name, value] = [name, value].map(|bytes| OsString::from_vec(bytes.to_vec()));
            environment.insert(name, value);
        }
        add_git_settings(&mut environment);
        if let Some(inside) = inside {
            inside.add_to(&mut environment);
        }
        Ok(environment.into_iter().collect())
    }
}

impl Inside {
    fn add_to(&self, environment: &mut BTreeMap<OsString, OsString>) {
        environment.insert("CLAUDE_SHARE_SESSION".into(), self.session.clone());
        environment.insert("CLAUDE_SHARE_WORKSPACE".into(), (&self.workspace).into());
        if let Some(users) = environment.insert(CLIENT_FILE.into(), (&self.shell_file).into()) {
            environment.insert(USERS_CLIENT_FILE.into(), users);
        }
        let path = environment.get(OsStr::new("PATH")).map(OsString::as_os_str);
        let path = path_with(&self.directory, path);
        environment.insert("PATH".into(), path);
    }
}

/// `PATH` with `directory` as its first, and nowhere else.
#[must_use]
pub fn path_with(directory: &Path, path: Option<&OsStr>) -> OsString {
    let path = path.unwrap_or(OsStr::new(USUAL_PATH)).as_bytes();
    let directory = directory.as_os_str().as_bytes();
    let others = path.split(|&byte| byte == b':');
    let others = others.filter(|other| *other != directory);
    let all: Vec<&[u8]> = [directory].into_iter().chain(others).collect();
    OsString::from_vec(all.join(&b':'))
}

/// Behind those that there are.
fn add_git_settings(environment: &mut BTreeMap<OsString, OsString>) {
    let count = environment.get(OsStr::new(GIT_COUNT));
    let count = count.and_then(|count| count.to_str()?.parse::<u32>().ok());
    let mut count = count.unwrap_or_default();
    for (key, value) in GIT_SETTINGS {
        environment.insert(format!("GIT_CONFIG_KEY_{count}").into(), key.into());
        environment.insert(format!("GIT_CONFIG_VALUE_{count}").into(), value.into());
        count = count.saturating_add(1);
    }
    environment.insert(GIT_COUNT.into(), count.to_string().into());
}

/// What `/etc/passwd` says of a user.
struct Entry {
    home: OsString,
    shell: OsString,
}

impl Entry {
    fn find(passwd: &[u8], user: u32) -> Option<Self> {
        let mut lines = passwd.split(|&byte| byte == b'\n');
        lines.find_map(|line| {
            let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
            let [_, _, number, _, _, home, shell] = fields[..] else {
                return None;
            };
            let number: u32 = str::from_utf8(number).ok()?.parse().ok()?;
            let [home, shell] = [home, shell].map(|field| OsStr::from_bytes(field).to_owned());
            (number == user).then_some(Self { home, shell })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"# a comment\nroot:x:0:0:root:/root:/bin/bash\n\nada:x:1000:1000:Ada,,:/home/ada:/usr/bin/fish\nbare:x:1001:1001::/home/bare:\n";

    fn surroundings(environment: &[(&str, &str)], user: u32) -> Surroundings {
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Surroundings::new(environment.collect(), PASSWD, user)
    }

    fn of(
        surroundings: &Surroundings,
        added: &[(&'static str, &'static str)],
    ) -> BTreeMap<String, String> {
        let added: Vec<(Bytes, Bytes)> = added
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let environment = surroundings.environment(None, &added, None).unwrap();
        let text = |text: OsString| text.into_string().unwrap();
        environment
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn home_and_shell_are_the_users() {
        let ada = surroundings(&[], 1000);
        assert_eq!(
            (&*ada.home, &*ada.shell),
            (Path::new("/home/ada"), Path::new("/usr/bin/fish"))
        );
        let told = surroundings(&[("HOME", "/elsewhere"), ("SHELL", "/bin/zsh")], 1000);
        assert_eq!(
            (&*told.home, &*told.shell),
            (Path::new("/elsewhere"), Path::new("/usr/bin/fish"))
        );
        let bare = surroundings(&[("SHELL", "/bin/zsh")], 1001);
        assert_eq!(
            (&*bare.home, &*bare.shell),
            (Path::new("/home/bare"), Path::new("/bin/zsh"))
        );
        let unknown = surroundings(&[("SHELL", "zsh")], 7);
        assert_eq!(
            (&*unknown.home, &*unknown.shell),
            (Path::new("/"), Path::new("/bin/sh"))
        );
    }

    #[test]
    fn the_environment_is_the_agents_without_the_connections_and_with_what_is_added() {
        let agent = [
            ("LANG", "C.UTF-8"),
            ("SSH_CLIENT", "x"),
            ("SSH_CONNECTION", "x"),
            ("SSH_TTY", "x"),
            ("SSH_AUTH_SOCK", "kept"),
            ("CLAUDE_SHARE_SECRET", "x"),
            ("TERM", "dumb"),
            ("EDITOR", "vi"),
        ];
        let surroundings = surroundings(&agent, 1000);
        let environment = of(&surroundings, &[("EDITOR", "ed"), ("NEW", "")]);
        let expected = [
            ("EDITOR", "ed"),
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "core.checkStat"),
            ("GIT_CONFIG_KEY_1", "core.trustctime"),
            ("GIT_CONFIG_VALUE_0", "minimal"),
            ("GIT_CONFIG_VALUE_1", "false"),
            ("HOME", "/home/ada"),
            ("LANG", "C.UTF-8"),
            ("NEW", ""),
            ("SHELL", "/usr/bin/fish"),
            ("SSH_AUTH_SOCK", "kept"),
            ("TERM", "xterm-256color"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(environment, expected.into());
        assert_eq!(of(&surroundings, &[("TERM", "vt100")])["TERM"], "vt100");
    }

    #[test]
    fn nothing_of_the_login_here_wins_over_an_account_that_is_brought_along() {
        let agent = [
            ("ANTHROPIC_AUTH_TOKEN", "theirs"),
            ("CLAUDE_CODE_USE_BEDROCK", "1"),
            ("ANTHROPIC_BASE_URL", "kept"),
            ("EDITOR", "vi"),
        ];
        let surroundings = surroundings(&agent, 1000);
        let account = [("ANTHROPIC_API_KEY", "ours"), ("EDITOR", "ed")];
        let account = AccountEnvironment::of(&account);
        let added = [("EDITOR".into(), "emacs".into())];
        let environment = surroundings
            .environment(Some(account), &added, None)
            .unwrap();
        let of = |wanted: &str| {
            let mut found = environment.iter().filter(|(name, _)| name == wanted);
            found.next().map(|(_, value)| value.to_str().unwrap())
        };
        assert_eq!(of("ANTHROPIC_API_KEY"), Some("ours"));
        assert_eq!(of("ANTHROPIC_AUTH_TOKEN"), None);
        assert_eq!(of("CLAUDE_CODE_USE_BEDROCK"), None);
        assert_eq!(of("ANTHROPIC_BASE_URL"), Some("kept"));
        assert_eq!(of("EDITOR"), Some("emacs"), "the laptop's word is the last");
        let without = surroundings.environment(None, &[], None).unwrap();
        assert!(without.contains(&("ANTHROPIC_AUTH_TOKEN".into(), "theirs".into())));
    }

    #[test]
    fn commands_of_the_laptop_are_the_first_in_the_path() {
        let path = |path| path_with(Path::new("/s/bin"), Option::map(path, OsStr::new));
        assert_eq!(path(Some("/a:/b")), "/s/bin:/a:/b");
        assert_eq!(path(Some("/a:/s/bin:/b:/s/bin")), "/s/bin:/a:/b");
        assert_eq!(path(Some("/s/bin/x:")), "/s/bin:/s/bin/x:");
        assert_eq!(path(Some("/s/bin")), "/s/bin");
        assert_eq!(path(None), "/s/bin:/usr/local/bin:/usr/bin:/bin");
        let agent = [
            ("PATH", "/a"),
            ("CLAUDE_SHARE_SESSION", "x"),
            ("CLAUDE_ENV_FILE", "/home/env.sh"),
        ];
        let surroundings = surroundings(&agent, 0);
        let inside = Inside {
            session: "project-1".into(),
            workspace: "/mount".into(),
            directory: "/s/bin".into(),
            program: "/program".into(),
            shell_file: "/s/path.sh".into(),
        };
        let environment = surroundings.environment(None, &[], Some(&inside)).unwrap();
        for (name, value) in [
            ("PATH", "/s/bin:/a"),
            ("CLAUDE_SHARE_SESSION", "project-1"),
            ("CLAUDE_SHARE_WORKSPACE", "/mount"),
            ("CLAUDE_ENV_FILE", "/s/path.sh"),
            ("CLAUDE_SHARE_ENV_FILE", "/home/env.sh"),
        ] {
            assert!(environment.contains(&(name.into(), value.into())), "{name}");
        }
        assert_eq!(of(&surroundings, &[]).get("CLAUDE_SHARE_SESSION"), None);
    }

    #[test]
    fn settings_of_git_are_appended() {
        let surroundings =
            surroundings(&[("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "a.b")], 0);
        let environment = of(&surroundings, &[]);
        assert_eq!(environment["GIT_CONFIG_COUNT"], "3");
        assert_eq!(environment["GIT_CONFIG_KEY_0"], "a.b");
        assert_eq!(environment["GIT_CONFIG_KEY_2"], "core.trustctime");
        assert_eq!(
            of(&surroundings, &[("GIT_CONFIG_COUNT", "none")])["GIT_CONFIG_COUNT"],
            "2"
        );
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        let surroundings = surroundings(&[], 0);
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0")] {
            surroundings
                .environment(None, &[(name.into(), value.into())], None)
                .unwrap_err();
        }
    }
}
