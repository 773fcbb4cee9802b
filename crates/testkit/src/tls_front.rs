//! Names of the internet that lead to a stand-in on a disposable machine: for the addresses that the real client has built
//! in, which are `https://`.

use crate::{Host, Process};
use std::time::Duration;

/// The certificate on the machine, in PEM, which is its own authority: for `NODE_EXTRA_CA_CERTS`, which the real client
/// heeds, as it does `SSL_CERT_FILE` and the system's own store.
pub const CERTIFICATE: &str = "/etc/stand-in-tls/certificate.pem";
const KEY: &str = "/etc/stand-in-tls/key.pem";
const SCRIPT: &str = "/etc/stand-in-tls/tls_front.py";
const NEEDED: [&str; 2] = ["openssl", "python3"];
/// `$1` key, `$2` certificate, `$3` subjectAltName.
const MAKE_CERTIFICATE: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
    -subj /CN=stand-in -addext \"subjectAltName=$3\" -keyout \"$1\" -out \"$2\" && chmod 644 \"$2\"";
const PATIENCE: Duration = Duration::from_secs(30);

/// The running front. Dropping it ends it; the names then lead nowhere.
#[derive(Debug)]
pub struct TlsFront {
    _process: Process,
}

impl TlsFront {
    /// From now on `https://` and each of `names` leads, on `host`, to the server at `url` (`http://127.0.0.1:PORT/…`).
    ///
    /// # Errors
    /// The reason to skip the test, where a program that this needs is not installed.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start(host: &Host, names: &[&str], url: &str) -> Result<TlsFront, String> {
        for program in NEEDED {
            let found = host.run(&["sh", "-c", "command -v -- \"$1\"", "sh", program]);
            if found.status.code() != Some(0) {
                return Err(format!("needs {program} to speak TLS"));
            }
        }
        host.make_directory("/etc/stand-in-tls", 0o755);
        host.write(SCRIPT, include_str!("tls_front.py"), 0o644);
        let alternatives: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
        let words = ["sh", "-c", MAKE_CERTIFICATE, "sh", KEY, CERTIFICATE];
        host.run(&[&words[..], &[&alternatives.join(",")]].concat())
            .success();
        let hosts = host.read_text("/etc/hosts");
        let hosts = format!("{hosts}\n127.0.0.1 {}\n", names.join(" "));
        host.write("/etc/hosts", hosts, 0o644);
        let mut command = host.command("python3");
        command.args([SCRIPT, CERTIFICATE, KEY, port(url)]);
        let process = Process::spawn_talking(command);
        assert_eq!(process.wait_for_line(0, PATIENCE), "ready");
        Ok(TlsFront { _process: process })
    }
}

fn port(url: &str) -> &str {
    let authority = url.split('/').nth(2).expect("http://127.0.0.1:PORT/…");
    authority.rsplit(':').next().expect("a port")
}
