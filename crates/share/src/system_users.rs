//! The machine's users and groups: `/etc/passwd` and `/etc/group`, and `getent` for those who are
//! elsewhere (LDAP, SSSD, systemd-homed).
//!
//! Nothing here changes anything. A line that cannot be understood is passed over, as the C library
//! does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::ShareError;
use crate::name::{GroupName, UserName};
use crate::user_tools::run::{self, Call};

/// Longest wait for one answer of `getent`: a directory server that is down may take minutes.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// What `getent` exits with if there is no such user or group (getent(1)).
const NOT_FOUND: i32 = 2;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemUser {
    /// His name: not checked, other programs make users too.
    pub name: String,
    /// His number.
    pub uid: u32,
    /// The number of his primary group.
    pub gid: u32,
    /// His home, which may not be there.
    pub home: PathBuf,
    /// His login shell; empty means `/bin/sh`.
    pub shell: PathBuf,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemGroup {
    /// Its name, not checked.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// Who is listed; whose primary group it is usually is not.
    pub members: BTreeSet<String>,
}

/// The machine's users and groups at one moment.
#[derive(Clone, Debug, Default)]
pub struct SystemUsers {
    users: BTreeMap<String, SystemUser>,
    groups: BTreeMap<String, SystemGroup>,
}

impl SystemUsers {
    /// Reads `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    /// If one of them cannot be read. One that is missing is empty.
    pub fn read() -> Result<Self, ShareError> {
        let read = |path: &str| match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(ShareError::system(format!("read {path}"))),
        };
        Ok(Self::from_bytes(
            &read("/etc/passwd")?,
            &read("/etc/group")?,
        ))
    }

    /// What is in the bytes of the two files.
    #[must_use]
    pub fn from_bytes(passwd: &[u8], group: &[u8]) -> Self {
        let mut known = Self::default();
        for user in lines(passwd).filter_map(parse_user) {
            // Of several the first counts, as for getpwnam(3).
            known.users.entry(user.name.clone()).or_insert(user);
        }
        for group in lines(group).filter_map(parse_group) {
            match known.groups.get_mut(&group.name) {
                // Long groups are split into several lines by hand.
                Some(first) if first.gid == group.gid => first.members.extend(group.members),
                Some(_) => {}
                None => drop(known.groups.insert(group.name.clone(), group)),
            }
        }
        known
    }

    /// A user in the file.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&SystemUser> {
        self.users.get(name)
    }

    /// A group in the file.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&SystemGroup> {
        self.groups.get(name)
    }

    /// All users in the file, by name.
    pub fn users(&self) -> impl Iterator<Item = &SystemUser> {
        self.users.values()
    }

    /// A user in the file or, if there is a `getent`, anywhere it knows.
    ///
    /// # Errors
    /// If `getent` fails or does not answer within five seconds: he may be there or not.
    pub fn lookup(&self, name: &UserName) -> Result<Option<SystemUser>, ShareError> {
        if let Some(user) = self.user(name.as_str()) {
            return Ok(Some(user.clone()));
        }
        let answer = ask("passwd", name.as_str())?;
        Ok(lines(&answer).find_map(parse_user))
    }

    /// A group in the file or, if there is a `getent`, anywhere it knows.
    ///
    /// # Errors
    /// As [`SystemUsers::lookup`].
    pub fn lookup_group(&self, name: &GroupName) -> Result<Option<SystemGroup>, ShareError> {
        if let Some(group) = self.group(name.as_str()) {
            return Ok(Some(group.clone()));
        }
        let answer = ask("group", name.as_str())?;
        Ok(lines(&answer).find_map(parse_group))
    }

    /// Whether the user is in the group: listed, or it is his primary one. Neither of them in the
    /// files is no membership.
    #[must_use]
    pub fn is_member(&self, user: &str, group: &str) -> bool {
        let Some(group) = self.group(group) else {
            return false;
        };
        let primary = self.user(user).is_some_and(|user| user.gid == group.gid);
        primary || group.members.contains(user)
    }

    /// The users in the file who have processes now: groups that they joined since are not theirs
    /// before they log in again.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn logged_in_users(&self) -> Result<BTreeSet<String>, ShareError> {
        let uids = uids_with_processes()?;
        let users = self.users().filter(|user| uids.contains(&user.uid));
        Ok(users.map(|user| user.name.clone()).collect())
    }
}

/// The owners of all processes. Where `/proc` hides those of others, only root sees all.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn uids_with_processes() -> Result<BTreeSet<u32>, ShareError> {
    let entries = fs::read_dir("/proc").map_err(ShareError::system("read /proc"))?;
    let is_process = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
    };
    let processes = entries.filter_map(Result::ok).filter(is_process);
    // One that has ended meanwhile is nobody's.
    let owners = processes.filter_map(|entry| entry.metadata().ok());
    Ok(owners.map(|metadata| metadata.uid()).collect())
}

/// What `getent` says: nothing if there is no such line, or no `getent`.
fn ask(database: &str, name: &str) -> Result<Vec<u8>, ShareError> {
    let Some(program) = run::find("getent") else {
        return Ok(Vec::new());
    };
    let call = Call::new("getent", [database, name]);
    let ended = run::run(&program, &call, LOOKUP_TIME)?;
    match ended.status.code() {
        Some(0) => Ok(ended.output),
        Some(NOT_FOUND) => Ok(Vec::new()),
        _ => Err(ended.error(&call)),
    }
}

/// What is not UTF-8 is no name that we could have made or can use.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let lines = bytes.split(|&byte| byte == b'\n');
    lines.filter_map(|line| str::from_utf8(line).ok())
}

fn parse_user(line: &str) -> Option<SystemUser> {
    let [name, _, uid, gid, _, home, shell] = fields(line)?;
    Some(SystemUser {
        name: name.to_owned(),
        uid: number(uid)?,
        gid: number(gid)?,
        home: home.into(),
        shell: shell.into(),
    })
}

fn parse_group(line: &str) -> Option<SystemGroup> {
    let [name, _, gid, members] = fields(line)?;
    let members = members.split(',').map(str::trim);
    Some(SystemGroup {
        name: name.to_owned(),
        gid: number(gid)?,
        members: members
            .filter(|member| !member.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

/// The fields of a line that is no comment and no NIS entry (`+…`, `-…`).
fn fields<const COUNT: usize>(line: &str) -> Option<[&str; COUNT]> {
    if line.starts_with(['#', '+', '-', ':']) {
        return None;
    }
    let fields: Vec<&str> = line.split(':').collect();
    fields.try_into().ok()
}

/// The largest stands for "no user" in chown(2) and the like.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (number != u32::MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash
# comment:x:1:1::/:/
usera:x:1000:1000:A,,,:/home/usera:/bin/sh
short:x:1
+nis::::::
plus:x:+5:5::/:/
minus:x:-1:5::/:/
nobody:x:4294967295:1::/:/
huge:x:99999999999:1::/:/
bad\xff:x:5:5::/:/
usera:x:0:0:second:/:/
userb:x:1001:100::/home/userb:
long:x:1:1::/:/:more

last:x:7:7::/l:/bin/false";

    const GROUP: &[u8] = b"root:x:0:
users:x:100:
claudeshare:x:990:usera, Odd.Name,
claudeshare:x:990:late
claudeshare:x:0:evil
broken:x:abc:usera
usera:x:1000:
";

    fn known() -> SystemUsers {
        SystemUsers::from_bytes(PASSWD, GROUP)
    }

    #[test]
    fn users_are_read_and_garbage_is_passed_over() {
        let known = known();
        let names: Vec<_> = known.users().map(|user| user.name.as_str()).collect();
        assert_eq!(names, ["last", "root", "usera", "userb"]);
        let usera = SystemUser {
            name: "usera".to_owned(),
            uid: 1000,
            gid: 1000,
            home: "/home/usera".into(),
            shell: "/bin/sh".into(),
        };
        assert_eq!(known.user("usera"), Some(&usera));
        assert_eq!(known.user("userb").unwrap().shell, PathBuf::new());
        assert_eq!(known.user("user"), None);
    }

    #[test]
    fn membership_counts_the_primary_group_and_all_lines_of_a_group() {
        let known = known();
        for member in ["usera", "Odd.Name", "late"] {
            assert!(known.is_member(member, "claudeshare"), "{member}");
        }
        assert!(known.is_member("userb", "users") && known.is_member("usera", "usera"));
        assert!(!known.is_member("userb", "claudeshare"));
        assert!(!known.is_member("evil", "claudeshare"));
        assert!(!known.is_member("", "claudeshare") && !known.is_member("usera", "none"));
        assert_eq!(known.group("claudeshare").unwrap().gid, 990);
        assert_eq!(known.group("broken"), None);
    }

    #[test]
    fn a_user_in_the_file_is_not_asked_for_and_one_nowhere_is_not_found() {
        let name = |text| UserName::parse(text).unwrap();
        let known = known();
        assert_eq!(known.lookup(&name("usera")).unwrap().unwrap().uid, 1000);
        // `getent`, where there is one, knows root and not the other.
        let nobody = SystemUsers::default();
        assert_eq!(nobody.lookup(&name("no-such-user-here")).unwrap(), None);
        let group = GroupName::parse("no-such-group-here").unwrap();
        assert_eq!(nobody.lookup_group(&group).unwrap(), None);
        if run::find("getent").is_some() {
            assert_eq!(nobody.lookup(&name("root")).unwrap().unwrap().uid, 0);
        }
    }

    #[test]
    fn whoever_runs_this_has_processes() {
        let us = rustix::process::geteuid().as_raw();
        assert!(uids_with_processes().unwrap().contains(&us));
        let passwd = format!("us:x:{us}:1::/:/\nother:x:4000000000:1::/:/\n");
        let known = SystemUsers::from_bytes(passwd.as_bytes(), b"");
        let logged_in: Vec<_> = known.logged_in_users().unwrap().into_iter().collect();
        assert_eq!(logged_in, ["us"]);
    }

    #[test]
    fn ten_thousand_users_are_read_at_once() {
        let line =
            |number: u32| format!("u{number}:x:{number}:{number}::/home/u{number}:/bin/sh\n");
        let passwd: String = (1..=10_000).map(line).collect();
        let members: Vec<_> = (1..=10_000).map(|number| format!("u{number}")).collect();
        let group = format!("g:x:9:{}\n", members.join(","));
        let known = SystemUsers::from_bytes(passwd.as_bytes(), group.as_bytes());
        assert_eq!(known.users().count(), 10_000);
        assert!(members.iter().all(|member| known.is_member(member, "g")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(passwd in prop::collection::vec(any::<u8>(), 0..200),
            text in "([a-z+:,#0-9\n]|:[0-9]:){0,80}") {
            let known = SystemUsers::from_bytes(&passwd, text.as_bytes());
            let known = known.users().count() + SystemUsers::from_bytes(text.as_bytes(), &passwd).users().count();
            prop_assert!(known <= passwd.len() + text.len());
        }
    }
}
