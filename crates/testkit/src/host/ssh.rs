//! Logins from elsewhere.

use super::Host;
use std::process::Command;

/// Where the server's own files are; gone with a restart, as the server is.
const DIRECTORY: &str = "/run/testkit-sshd";
/// Nothing else listens in a new network.
const PORT: u16 = 22;

impl Host {
    /// Starts the real sshd on every address of the machine, with PAM and keys only, and gives its port. It ends with the
    /// machine; its log is `/run/testkit-sshd/log`.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn start_sshd(&self) -> u16 {
        self.make_directory(DIRECTORY, 0o700);
        let configuration = format!(
            "Port {PORT}
HostKey {DIRECTORY}/key
PidFile {DIRECTORY}/pid
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"
        );
        self.write(&format!("{DIRECTORY}/configuration"), configuration, 0o600);
        // It makes itself a daemon once it listens. /run/sshd is its own, as the service's file has it.
        let script = "mkdir -p -m 0755 /run/sshd &&
            ssh-keygen -q -t ed25519 -N '' -f \"$1/key\" &&
            exec /usr/sbin/sshd -f \"$1/configuration\" -E \"$1/log\"";
        self.run(&["sh", "-c", script, "sh", DIRECTORY]).success();
        PORT
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
