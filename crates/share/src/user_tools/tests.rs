use std::fs;
use std::process::Command;
use std::time::Instant;

use super::*;

fn user() -> UserName {
    UserName::parse("usera").unwrap()
}

fn group() -> GroupName {
    GroupName::parse("claudeshare").unwrap()
}

/// A directory with shell scripts in place of the system's programs.
struct Scripts(tempfile::TempDir);

impl Scripts {
    fn new(scripts: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            let at = directory.path().display();
            let text = format!("#!/bin/sh\nat={at}\n{script}\n");
            // By another process: a file that we had open for writing might still be so in a child
            // of another test, and then cannot be run.
            let written = Command::new("/bin/sh")
                .args(["-c", "printf %s \"$1\" >\"$0\" && chmod 700 \"$0\""])
                .arg(directory.path().join(name))
                .arg(text)
                .status();
            assert!(written.unwrap().success());
        }
        Self(directory)
    }

    fn tools(&self) -> Result<Tools, ShareError> {
        Tools::find_in(vec!["/nowhere".into(), self.0.path().to_owned()])
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

#[test]
fn each_change_is_one_call_of_each_flavour() {
    let (user, group, password) = (user(), group(), Secret::new("pa:ss"));
    let (user, group, password) = (&user, &group, &password);
    let shell = "/bin/bash";
    for (change, shadow, busybox) in [
        (
            Change::CreateGroup(group),
            "groupadd claudeshare",
            "addgroup claudeshare",
        ),
        (
            Change::DeleteGroup(group),
            "groupdel claudeshare",
            "delgroup claudeshare",
        ),
        (
            Change::CreateUser { user, shell },
            "useradd --create-home --user-group --shell /bin/bash usera",
            "adduser -D -s /bin/bash usera",
        ),
        (
            Change::DeleteUser {
                user,
                with_home: false,
            },
            "userdel usera",
            "deluser usera",
        ),
        (
            Change::DeleteUser {
                user,
                with_home: true,
            },
            "userdel --remove usera",
            "deluser --remove-home usera",
        ),
        (
            Change::AddToGroup { user, group },
            "gpasswd --add usera claudeshare",
            "addgroup usera claudeshare",
        ),
        (
            Change::RemoveFromGroup { user, group },
            "gpasswd --delete usera claudeshare",
            "delgroup usera claudeshare",
        ),
        (
            Change::SetPassword { user, password },
            "chpasswd",
            "chpasswd",
        ),
        (
            Change::LockPassword(user),
            "usermod --password * usera",
            "chpasswd -e",
        ),
    ] {
        for (flavour, expected) in [(Flavour::Shadow, shadow), (Flavour::BusyBox, busybox)] {
            let call = calls::call(flavour, &change);
            assert_eq!(call.shown(), expected);
            assert!(!format!("{call:?}").contains("pa:ss"), "{call:?}");
            let input = call.input.as_ref().map(Secret::expose);
            let expected = match (&change, flavour) {
                (Change::SetPassword { .. }, _) => Some("usera:pa:ss\n"),
                (Change::LockPassword(_), Flavour::BusyBox) => Some("usera:*\n"),
                _ => None,
            };
            assert_eq!(input, expected);
        }
    }
}

#[test]
fn the_flavour_is_what_is_there() {
    let shadow = Scripts::new(&[("useradd", ""), ("adduser", ""), ("addgroup", "")]);
    assert_eq!(shadow.tools().unwrap().flavour(), Flavour::Shadow);
    let busybox = Scripts::new(&[("adduser", ""), ("addgroup", "")]);
    assert_eq!(busybox.tools().unwrap().flavour(), Flavour::BusyBox);
    let error = Scripts::new(&[]).tools().unwrap_err().to_string();
    assert!(error.contains("install"), "{error}");
    let error = shadow.tools().unwrap().create_group(&group()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`groupadd claudeshare` failed: there is no"),
        "{error}"
    );
}

#[test]
fn a_program_gets_an_environment_of_its_own_and_nothing_to_read() {
    let script = "env | grep -v '^_=\\|^PWD=\\|^OLDPWD=\\|^SHLVL=' | sort >$at/env; pwd >$at/pwd; cat >$at/input; echo \"$@\" >$at/arguments";
    let scripts = Scripts::new(&[("useradd", ""), ("groupadd", script)]);
    scripts.tools().unwrap().create_group(&group()).unwrap();
    assert_eq!(
        scripts.read("env"),
        "LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
    );
    assert_eq!(scripts.read("pwd"), "/\n");
    assert_eq!(scripts.read("input"), "");
    assert_eq!(scripts.read("arguments"), "claudeshare\n");
}

#[test]
fn a_password_goes_through_standard_input_and_into_no_error() {
    let script = "tr '\\0' ' ' </proc/$$/cmdline >$at/arguments; cat >$at/input";
    let scripts = Scripts::new(&[("useradd", ""), ("chpasswd", script)]);
    let password = Secret::new("hunter2 ü");
    scripts
        .tools()
        .unwrap()
        .set_password(&user(), &password)
        .unwrap();
    assert_eq!(scripts.read("input"), "usera:hunter2 ü\n");
    assert!(!scripts.read("arguments").contains("hunter2"));

    let careless = Scripts::new(&[("useradd", ""), ("chpasswd", "cat >&2; exit 1")]);
    let error = careless.tools().unwrap().set_password(&user(), &password);
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "`chpasswd` failed: exit status: 1");
    for wrong in ["", "a\nroot:b", "a\rb"] {
        let error = scripts
            .tools()
            .unwrap()
            .set_password(&user(), &Secret::new(wrong));
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("the password for usera")
        );
    }
    assert_eq!(scripts.read("input"), "usera:hunter2 ü\n");
    // Who reads nothing at all stops nobody.
    let deaf = Scripts::new(&[("useradd", ""), ("chpasswd", "exec 0<&-; exit 0")]);
    deaf.tools()
        .unwrap()
        .set_password(&user(), &password)
        .unwrap();
}

#[test]
fn an_error_is_what_the_program_said_last() {
    let script =
        "echo noise; echo first >&2; printf 'groupadd: it \\033[2J is there\\n\\n' >&2; exit 9";
    let scripts = Scripts::new(&[
        ("useradd", ""),
        ("groupadd", script),
        ("groupdel", "exit 6"),
    ]);
    let tools = scripts.tools().unwrap();
    let error = tools.create_group(&group()).unwrap_err().to_string();
    assert_eq!(
        error,
        "`groupadd claudeshare` failed: it \\u{1b}[2J is there"
    );
    let error = tools.delete_group(&group()).unwrap_err().to_string();
    assert_eq!(error, "`groupdel claudeshare` failed: exit status: 6");
}

#[test]
fn a_lock_is_waited_for_and_nothing_else_is_tried_again() {
    let locked = "echo x >>$at/tries; [ $(wc -l <$at/tries) -ge 3 ] || { echo 'useradd: cannot lock /etc/passwd; try again later.' >&2; exit 1; }";
    let other = "echo x >>$at/tries; echo 'no space left' >&2; exit 1";
    for (script, waits, tries, works) in [
        (locked, 4, 3, true),
        (locked, 1, 2, false),
        (other, 4, 1, false),
    ] {
        let scripts = Scripts::new(&[("useradd", script)]);
        let call = calls::call(
            Flavour::Shadow,
            &Change::CreateUser {
                user: &user(),
                shell: "/bin/sh",
            },
        );
        let waits = vec![Duration::from_millis(1); waits];
        let done = scripts.tools().unwrap().carry_out(&call, &waits);
        assert_eq!(done.is_ok(), works, "{done:?}");
        assert_eq!(scripts.read("tries").lines().count(), tries);
    }
}

#[test]
fn a_program_that_does_not_end_is_ended_with_what_it_started() {
    let script = "sleep 1000 & echo $! >$at/child; wait";
    let scripts = Scripts::new(&[("useradd", script)]);
    let call = Call::new("useradd", ["usera"]);
    let path = scripts.0.path().join("useradd");
    let error = run::run(&path, &call, Duration::from_secs(2)).unwrap_err();
    assert!(error.to_string().contains("was ended"), "{error}");
    let child = scripts.read("child").trim().to_owned();
    let deadline = Instant::now() + Duration::from_secs(30);
    // A zombie until whoever adopts it looks.
    let runs = || {
        fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    };
    while runs() {
        assert!(Instant::now() < deadline, "process {child} goes on");
        thread::yield_now();
    }
}

#[test]
fn a_daemon_left_behind_is_not_waited_for() {
    let scripts = Scripts::new(&[("useradd", "sleep 1000 & echo $! >$at/child; echo out")]);
    let path = scripts.0.path().join("useradd");
    let begin = Instant::now();
    let ended = run::run(&path, &Call::new("useradd", []), Duration::from_secs(60)).unwrap();
    assert!(ended.status.success() && begin.elapsed() < Duration::from_secs(60));
    assert_eq!(ended.output, b"out\n");
    let child: i32 = scripts.read("child").trim().parse().unwrap();
    let child = rustix::process::Pid::from_raw(child).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
}
