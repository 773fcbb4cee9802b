//! Logins from elsewhere.

use super::Host;
use std::process::Command;

/// Where the server's own files are; gone with a restart, as the server is.
const DIRECTORY: &str = "/run/testkit-sshd";
/// By which the machine is known. It stays over a restart.
const HOST_KEY: &str = "/etc/ssh/testkit_host_key";
/// Nothing else listens in a new network.
const PORT: u16 = 22;

impl Host {
    /// Starts the real sshd on every address of the machine, with PAM and keys only, and gives its port. It ends with the
    /// machine; its log is `/run/testkit-sshd/log`. It may be started again when it has ended.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn start_sshd(&self) -> u16 {
        self.start_sshd_that("no")
    }

    /// The same, but that it takes passwords too, as most do that are set up anew.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn start_sshd_that_takes_passwords(&self) -> u16 {
        self.start_sshd_that("yes")
    }

    #[track_caller]
    fn start_sshd_that(&self, takes_passwords: &str) -> u16 {
        let configuration = format!(
            "Port {PORT}
HostKey {HOST_KEY}
PidFile {DIRECTORY}/pid
UsePAM yes
PasswordAuthentication {takes_passwords}
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"
        );
        // It makes itself a daemon once it listens. /run/sshd is its own, as the service's file has it.
        let script = "mkdir -p -m 0755 /run/sshd /etc/ssh && mkdir -p -m 0700 \"$1\" &&
            cat > \"$1/configuration\" &&
            { [ -e \"$2\" ] || ssh-keygen -q -t ed25519 -N '' -f \"$2\"; } &&
            exec /usr/sbin/sshd -f \"$1/configuration\" -E \"$1/log\"";
        let words = ["sh", "-c", script, "sh", DIRECTORY, HOST_KEY];
        self.run_with_input(&words, configuration.as_bytes())
            .success();
        PORT
    }

    /// Kills the sshd that listens. Connections that are there stay.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn kill_sshd(&self) {
        let script = "kill -KILL \"$(cat \"$1/pid\")\"";
        self.run(&["sh", "-c", script, "sh", DIRECTORY]).success();
    }

    /// Kills every process of sshd's that has a connection; the one that listens stays, and so does what was started
    /// through the connections.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn kill_ssh_connections(&self) {
        // Each sets its title: `sshd: USER [priv]`, `sshd-session: USER@notty`.
        let script = "for each in /proc/[0-9]*; do
                grep -aqE '^sshd(-session|-auth)?: [^/]' \"$each/cmdline\" 2>/dev/null || continue
                kill -KILL \"${each#/proc/}\" && found=1
            done
            [ \"$found\" ]";
        self.run(&["sh", "-c", script]).success();
    }

    /// Makes a key with which root of this machine may log in as `user` of `target`, and gives the path of its private half.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    #[track_caller]
    pub fn make_key_for(&self, target: &Host, user: &str) -> String {
        let path = format!("/root/.ssh/to-{}-{user}", target.name());
        let script = "mkdir -p -m 0700 /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f \"$1\"";
        self.run(&["sh", "-c", script, "sh", &path]).success();
        let public = self.read(&format!("{path}.pub"));
        let script = "umask 077 && mkdir -p ~/.ssh && cat >> ~/.ssh/authorized_keys";
        let mut command = target.command_as_user(user, "sh");
        command.args(["-c", script]);
        crate::Ran::with_input(command, &public).success();
        path
    }

    /// A command that logs in as `user` at this machine's own sshd, to which the words to run there are added.
    #[must_use]
    pub fn ssh_command(&self, user: &str, key_path: &str) -> Command {
        self.ssh_command_to("127.0.0.1", user, key_path)
    }

    /// The same at the sshd of `address`, of a machine that was [joined](Host::join) to this one.
    #[must_use]
    pub fn ssh_command_to(&self, address: &str, user: &str, key_path: &str) -> Command {
        let mut command = self.command("ssh");
        command
            .args(["-F", "none", "-i", key_path, "-p", &PORT.to_string()])
            .args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"])
            .args(["-o", "UserKnownHostsFile=/dev/null"])
            .arg(format!("{user}@{address}"));
        command
    }
}
