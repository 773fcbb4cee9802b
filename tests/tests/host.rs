//! What the tests of a whole machine stand on: that it is one, and that nothing of it is left outside.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests; look at files of the outer machine"
)]

use end_to_end::LIMIT;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use testkit::host::host_or_skip;
use testkit::{Host, Process, Ran, TokenServer, wait_until};

/// What a machine could change outside: users, mounts, and what stands where everybody writes.
fn outside() -> Vec<Vec<u8>> {
    let mut found: Vec<_> = [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/hosts",
        "/proc/self/mounts",
    ]
    .into_iter()
    .map(|path| fs::read(path).unwrap())
    .collect();
    found.push(fs::read("/proc/sys/kernel/hostname").unwrap());
    found
}

fn is_running(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status
        .rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
}

#[test]
fn what_is_done_inside_is_not_seen_outside_and_gone_with_the_machine() {
    if let Err(reason) = Host::available() {
        return testkit::skip(reason);
    }
    let before = outside();
    let host = Host::new();
    assert_eq!(host.add_user("testkit-anna"), 1000);
    assert_eq!(host.add_user("testkit-bert"), 1001);
    let mark = format!("testkit-host-{}", std::process::id());
    for directory in [
        "/tmp", "/var/tmp", "/root", "/home", "/run", "/etc", "/usr", "/dev/shm",
    ] {
        host.write(&format!("{directory}/{mark}"), "x", 0o600);
        let outer = Path::new(directory).join(&mark);
        assert!(!outer.exists(), "{}", outer.display());
        assert!(host.path(&format!("{directory}/{mark}")).exists());
    }
    host.small_file_system("/home/testkit-anna", 4096);
    let owner = host
        .run(&["stat", "-c", "%U %a %i", "/home/testkit-anna"])
        .success();
    assert!(
        owner.stdout.starts_with("testkit-anna 7"),
        "{}",
        owner.stdout
    );
    assert_eq!(host.run(&["hostname"]).success().stdout, "host\n");
    assert_eq!(outside(), before);
    assert!(
        !fs::read_to_string("/etc/passwd")
            .unwrap()
            .contains("testkit-")
    );
    let init = host.pid();
    drop(host);
    assert!(!is_running(init));
    assert_eq!(outside(), before);
}

#[test]
fn nothing_of_the_outer_machine_gets_in() {
    let Some(host) = host_or_skip() else { return };
    for path in [
        "/etc/claude-share",
        "/var/lib/claude-share",
        "/shared",
        "/etc/claude-code",
    ] {
        assert!(!host.exists(path), "{path}");
    }
    assert!(!host.exists(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(
        host.run(&["sh", "-c", "ls -A /home /tmp"]).success().stdout,
        "/home:\n\n/tmp:\n"
    );
    let environment = host.run(&["env"]).success().stdout;
    let mut names: Vec<_> = environment
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "PATH", "TMPDIR", "TZ"]);
    let processes = host
        .run(&["sh", "-c", "echo /proc/[0-9]*"])
        .success()
        .stdout;
    assert!(
        processes.starts_with("/proc/1 ") && processes.split(' ').count() <= 3,
        "{processes}"
    );
    // The only thing mounted at all is the machine's own.
    for place in host.mounts() {
        let own = [
            "/dev", "/run", "/tmp", "/var/tmp", "/home", "/root", "/proc", "/sys",
        ];
        assert!(
            place == "/"
                || own
                    .iter()
                    .any(|own| place == *own || place.starts_with(&format!("{own}/"))),
            "{place}"
        );
    }
}

#[test]
fn a_user_inside_has_no_way_to_the_outer_root() {
    let Some(host) = host_or_skip() else { return };
    host.add_user("anna");
    let secret = tempfile();
    fs::write(&secret, "outer secret").unwrap();
    let attempts = "
        id -u; pwd
        for way in /proc/1/root /proc/1/cwd /proc/*/root /proc/1/fd /proc/1/exe; do
            ls \"$way/work\" \"$way$1\" && echo reached
            cat \"$way$1\" && echo reached
        done
        ls /proc/self/root/$1 && echo reached
        chroot /proc/1/root ls && echo reached
        touch /etc/anna /usr/anna /sys/anna /proc/sys/kernel/hostname && echo reached
        true";
    let path = secret.to_str().unwrap();
    let ran = host
        .run_quickly_as("anna", &["sh", "-c", attempts, "sh", path])
        .success();
    assert_eq!(ran.stdout, "1000\n/home/anna\n");
    assert!(!host.exists(path));
    fs::remove_file(secret).unwrap();
}

fn tempfile() -> PathBuf {
    std::env::temp_dir().join(format!("testkit-host-secret-{}", std::process::id()))
}

#[test]
fn processes_end_with_the_machine_and_orphans_are_reaped() {
    let Some(host) = host_or_skip() else { return };
    let mut sleeper = Process::spawn(host.command_of_sleep());
    let orphan = "setsid sh -c 'echo $$ > /run/orphan; exec sleep 1000' > /dev/null 2>&1 &
        while ! test -s /run/orphan; do :; done";
    host.run(&["sh", "-c", orphan]).success();
    let inside: u32 = host.read_text("/run/orphan").trim().parse().unwrap();
    assert!(host.processes().contains(&inside));
    host.run(&["kill", "-KILL", &inside.to_string()]).success();
    wait_until("an orphan that is reaped", LIMIT, || {
        !host.processes().contains(&inside)
    });
    let mut signalled = Process::spawn(host.command_of_sleep());
    host.signal(&signalled, Signal::TERM);
    assert!(!signalled.wait(LIMIT).success());
    drop(host);
    // It waited for the program inside.
    assert!(!sleeper.wait(LIMIT).success());
}

trait Sleep {
    fn command_of_sleep(&self) -> std::process::Command;
}

impl Sleep for Host {
    fn command_of_sleep(&self) -> std::process::Command {
        let mut command = self.command("sleep");
        command
            .arg("1000")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

#[test]
fn a_killed_command_takes_its_program_along() {
    let Some(host) = host_or_skip() else { return };
    let mut command = host.command("sh");
    command.args(["-c", "echo begun; exec sleep 1000"]);
    let process = Process::spawn_talking(command);
    assert_eq!(process.wait_for_line(0, LIMIT), "begun");
    drop(process);
    wait_until("the end of the program", LIMIT, || {
        host.processes().is_empty()
    });
}

/// The test below, started again to be killed.
fn hold_a_machine(report: &OsStr) {
    let host = Host::new();
    let mut left = Process::spawn(host.command_of_sleep());
    wait_until("the program inside", LIMIT, || !host.processes().is_empty());
    fs::write(report, host.pid().to_string()).unwrap();
    left.wait(LIMIT);
}

#[test]
fn a_killed_test_leaves_nothing() {
    if let Some(report) = std::env::var_os("TESTKIT_HOLD_A_MACHINE") {
        return hold_a_machine(&report);
    }
    if let Err(reason) = Host::available() {
        return testkit::skip(reason);
    }
    let before = outside();
    let report = std::env::temp_dir().join(format!("testkit-host-holder-{}", std::process::id()));
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["a_killed_test_leaves_nothing", "--exact"])
        .env("TESTKIT_HOLD_A_MACHINE", &report)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let holder = Process::spawn(command);
    let mut init = 0;
    wait_until("a machine held by another process", LIMIT, || {
        let text = fs::read_to_string(&report).unwrap_or_default();
        init = text.parse().unwrap_or_default();
        init != 0
    });
    fs::remove_file(&report).unwrap();
    assert!(is_running(init));
    holder.signal(Signal::KILL);
    wait_until("the end of the machine", LIMIT, || !is_running(init));
    assert_eq!(outside(), before);
}

#[test]
fn a_server_in_its_network_is_reached_from_inside_only() {
    let Some(host) = host_or_skip() else { return };
    let server = host.in_network(TokenServer::start);
    let address = server.url();
    let address = address.strip_prefix("http://127.0.0.1:").unwrap();
    let port = address.split('/').next().unwrap();
    let ask = "exec 3<>/dev/tcp/127.0.0.1/$1 && printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3 && cat <&3";
    let ran = host.run(&["bash", "-c", ask, "bash", port]).success();
    assert!(ran.stdout.starts_with("HTTP/1.1 404"), "{}", ran.stdout);
    let other = Host::named("other");
    let ran = other.run(&["bash", "-c", ask, "bash", port]);
    assert!(!ran.status.success(), "{}", ran.stdout);
    // From a thread of another network.
    drop(server);
    let ran = host.run(&["bash", "-c", ask, "bash", port]);
    assert!(!ran.status.success(), "{}", ran.stdout);
}

#[test]
fn a_user_logs_in_by_ssh_also_from_another_machine() {
    let Some(server) = host_or_skip() else { return };
    for program in ["/usr/sbin/sshd", "/usr/bin/ssh"] {
        if !server.exists(program) {
            return testkit::skip(format!("needs {program}"));
        }
    }
    server.add_user("anna");
    assert_eq!(server.start_sshd(), 22);
    let key = server.make_key_for(&server, "anna");
    let script = "echo $USER $HOME $SHELL $(id -u)";
    let mut command = server.ssh_command("anna", &key);
    command.arg(script);
    assert_eq!(
        Ran::of(command).success().stdout,
        "anna /home/anna /bin/bash 1000\n"
    );

    let laptop = Host::named("laptop");
    let (address, _) = Host::join(&server, &laptop);
    let key = laptop.make_key_for(&server, "anna");
    let mut command = laptop.ssh_command_to(&address.to_string(), "anna", &key);
    command.arg("hostname");
    assert_eq!(Ran::of(command).success().stdout, "host\n");

    server.reboot_like();
    server.start_sshd();
    let mut command = laptop.ssh_command_to(&address.to_string(), "anna", &key);
    command.arg("hostname");
    assert_eq!(Ran::of(command).success().stdout, "host\n");
}

#[test]
fn a_restart_kills_and_clears() {
    let Some(host) = host_or_skip() else { return };
    let mut sleeper = Process::spawn(host.command_of_sleep());
    wait_until("the program inside", LIMIT, || !host.processes().is_empty());
    host.install_file(Path::new("/bin/true"), "/opt/installed/true");
    for path in ["/run/gone", "/tmp/gone", "/root/stays", "/var/lib/stays"] {
        host.write(path, "", 0o644);
    }
    host.make_directory("/srv/mounted", 0o755);
    host.small_file_system("/srv/mounted", 4096);
    host.write("/srv/mounted/gone", "", 0o644);
    let mounts = host.mounts().len();
    host.reboot_like();
    assert!(!sleeper.wait(LIMIT).success());
    for path in ["/run/gone", "/tmp/gone", "/srv/mounted/gone"] {
        assert!(!host.exists(path), "{path}");
    }
    for path in ["/root/stays", "/var/lib/stays", "/srv/mounted"] {
        assert!(host.exists(path), "{path}");
    }
    assert_eq!(host.mounts().len(), mounts - 1);
    host.run(&["/opt/installed/true"]).success();
    let modes = host.run(&["stat", "-c", "%a", "/run", "/tmp"]).success();
    assert_eq!(modes.stdout, "755\n1777\n");
    host.reboot_like();
    assert_eq!(host.mounts().len(), mounts - 1);
    host.unmount("/opt/installed/true");
    assert_eq!(host.mounts().len(), mounts - 2);
}

#[test]
fn what_is_installed_runs_for_everybody() {
    let Some(host) = host_or_skip() else { return };
    host.add_user("anna");
    host.install_program("stand-in-claude", "/usr/local/bin/claude");
    let direct = host
        .run_quickly_as("anna", &["claude", "--version"])
        .success();
    assert_eq!(
        host.run_as("anna", &["claude", "--version"])
            .success()
            .stdout,
        direct.stdout
    );
    host.write(
        "/usr/local/bin/talk",
        "#!/bin/sh\nread -r answer\necho \"you said $answer\"\n",
        0o755,
    );
    let mut terminal = host.terminal_as_user("anna", "sh", &["-c", "tty && talk < /dev/tty"]);
    terminal.type_text("yes\r");
    terminal.wait_for("you said yes", LIMIT);
    terminal.wait_for("/dev/pts/0", LIMIT);
    assert!(terminal.wait(LIMIT).success());
    let mut terminal = host.terminal(
        "sh",
        &[
            "-c",
            "trap 'echo caught; exit 7' INT; echo waiting; read -r line",
        ],
    );
    terminal.wait_for("waiting", LIMIT);
    terminal.type_text(testkit::terminal::CONTROL_C);
    terminal.wait_for("caught", LIMIT);
    assert_eq!(terminal.wait(LIMIT).code(), Some(7));
}

#[test]
fn a_login_has_its_own_environment_and_words_arrive_whole() {
    let Some(host) = host_or_skip() else { return };
    host.add_user("anna");
    let words = ["printf", "%s|", "a b", "it's", "$HOME", "", "new\nline"];
    assert_eq!(
        host.run_as("anna", &words).success().stdout,
        "a b|it's|$HOME||new\nline|"
    );
    let script = "echo $USER $HOME $PWD $(id -un) $(id -gn) $(umask)";
    let login = host.run_as("anna", &["sh", "-c", script]).success();
    let quick = host.run_quickly_as("anna", &["sh", "-c", script]).success();
    assert_eq!(login.stdout, "anna /home/anna /home/anna anna anna 0022\n");
    assert_eq!(quick.stdout, login.stdout);
    let echoed = host.run_with_input(&["cat"], b"typed").success();
    assert_eq!(echoed.stdout, "typed");
}

#[test]
fn links_are_followed_as_inside() {
    let Some(host) = host_or_skip() else { return };
    host.run(&["ln", "-s", "/etc/hostname", "/root/link"])
        .success();
    assert_eq!(host.read_text("/root/link"), "host\n");
    host.run(&["ln", "-s", "/run", "/root/run"]).success();
    host.write("/root/run/testkit-mark", "x", 0o640);
    assert!(host.exists("/run/testkit-mark"));
    assert!(!Path::new("/run/testkit-mark").exists());
    assert_eq!(
        host.run(&["stat", "-c", "%a", "/run/testkit-mark"])
            .success()
            .stdout,
        "640\n"
    );
}

#[test]
fn devices_and_terminals_are_its_own() {
    let Some(host) = host_or_skip() else { return };
    let script = "echo x > /dev/null && head -c 2 /dev/zero | od -An -tx1 && ls /dev/pts && test -w /dev/shm &&
        head -c 1 /dev/urandom > /dev/stdout | cat > /dev/null && script -qec tty /dev/null";
    let ran = host.run(&["sh", "-c", script]).success();
    let lines: Vec<_> = ran.stdout.lines().map(str::trim).collect();
    assert_eq!(lines, ["00 00", "ptmx", "/dev/pts/0"]);
    if Path::new("/dev/fuse").exists() {
        let mode = host.run(&["stat", "-c", "%a %t:%T", "/dev/fuse"]).success();
        assert_eq!(mode.stdout, "666 a:e5\n");
    }
}

#[test]
fn a_small_file_system_is_full_when_it_is() {
    let Some(host) = host_or_skip() else { return };
    host.make_directory("/srv/small", 0o750);
    host.small_file_system("/srv/small", 8192);
    let ran = host.run(&["sh", "-c", "head -c 8193 /dev/zero > /srv/small/file"]);
    assert!(ran.stderr.contains("No space left"), "{ran:?}");
    assert_eq!(
        host.run(&["stat", "-c", "%a", "/srv/small"])
            .success()
            .stdout,
        "750\n"
    );
    host.unmount("/srv/small");
    assert!(!host.exists("/srv/small/file"));
}

#[test]
fn busybox_makes_users_as_on_alpine() {
    let Some(host) = host_or_skip() else { return };
    if let Err(reason) = host.use_busybox_user_tools() {
        return testkit::skip(reason);
    }
    let missing = host.run(&["sh", "-c", "command -v useradd usermod groupadd gpasswd"]);
    assert_eq!(missing.stdout, "");
    assert_eq!(host.add_user("anna"), 1000);
    host.run(&["addgroup", "-S", "keepers"]).success();
    host.run(&[
        "adduser",
        "-S",
        "-D",
        "-H",
        "-G",
        "keepers",
        "-s",
        "/sbin/nologin",
        "keeper",
    ])
    .success();
    host.run(&["addgroup", "anna", "keepers"]).success();
    let groups = host.run(&["id", "-Gn", "anna"]).success();
    assert_eq!(groups.stdout, "anna keepers\n");
    assert!(host.uid_of("keeper") < 1000);
    host.run_with_input(&["chpasswd"], b"anna:FAKE-password\n")
        .success();
    assert!(host.read_text("/etc/shadow").contains("anna:$6$"));
    host.run(&["deluser", "--remove-home", "anna"]).success();
    assert!(!host.has_user("anna") && !host.exists("/home/anna"));
}
