//! How the program serves: the browser that it opens, the certificate that it is given.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use end_to_end::LIMIT;
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use testkit::http::send;
use testkit::{Process, TestHome, wait_until};

/// Stands in for what opens addresses on a desktop: stays until it is told to go.
const OPENER: &str = "#!/bin/sh\nwhile [ -e \"$HOME/desktop\" ]; do sleep 0.05; done\n";

fn serve(home: &TestHome, arguments: &[&str], variables: &[(&str, &str)]) -> (Process, String) {
    let arguments = [&["serve", "--port", "0"], arguments].concat();
    let mut command = home.claude_accounts_command(&arguments);
    command.envs(variables.iter().copied());
    let process = Process::spawn_talking(command);
    let line = process.wait_for_line(0, LIMIT);
    let url = line.strip_prefix("dashboard: ").expect("an address");
    (process, url.to_owned())
}

fn end(mut process: Process) {
    process.signal(Signal::TERM);
    assert!(process.wait(LIMIT).success());
}

/// What the stand-ins that run at this moment were started with.
fn opened(opener: &Path) -> Vec<String> {
    let opener = opener.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| {
        let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let (_, arguments) = line.split_once(opener)?;
        Some(arguments.trim_matches('\0').to_owned())
    });
    lines.collect()
}

#[test]
fn the_browser_is_opened_where_there_is_a_desktop_unless_told_not_to() {
    let home = TestHome::new();
    let opener = home.bin().join("xdg-open");
    fs::write(&opener, OPENER).unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let desktop = home.home().join("desktop");
    for (arguments, variables, is_opened) in [
        (&[][..], &[("DISPLAY", ":77")][..], true),
        (&[], &[("WAYLAND_DISPLAY", "wayland-7")], true),
        (&[], &[], false),
        (&["--no-browser"], &[("DISPLAY", ":77")], false),
    ] {
        fs::write(&desktop, "").unwrap();
        let (process, url) = serve(&home, arguments, variables);
        // The browser is started before anything is answered.
        wait_until("the dashboard to answer", LIMIT, || {
            send("GET", &format!("{url}healthz"), &[], b"", LIMIT)
                .is_ok_and(|answer| answer.status == 200)
        });
        let wanted: &[String] = if is_opened { &[url] } else { &[] };
        assert_eq!(opened(&opener), wanted, "{arguments:?} {variables:?}");
        fs::remove_file(&desktop).unwrap();
        wait_until("the stand-in to go", LIMIT, || opened(&opener).is_empty());
        end(process);
    }
}

#[test]
fn a_certificate_that_it_is_given_is_what_it_encrypts_with() {
    let home = TestHome::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (home.home().join("its.pem"), home.home().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = [
        "--tls-cert",
        "its.pem",
        "--tls-key",
        "key.pem",
        "--no-browser",
    ];
    let (process, url) = serve(&home, &files, &[]);
    let authority = url.strip_prefix("https://").expect("an encrypted address");
    let authority = authority.trim_end_matches('/');
    let told = process.wait_for_line(1, LIMIT);
    assert!(told.starts_with("certificate: SHA-256 "), "{told}");

    let mut known = rustls::RootCertStore::empty();
    known
        .add(CertificateDer::from_pem_file(&certificate).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(known)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let address = authority.replace("localhost", "127.0.0.1");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut stream = rustls::StreamOwned::new(client, stream);
    let question =
        format!("GET /healthz HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security"), "{answer}");
    // Nothing else is answered: who does not encrypt is told where to go.
    let plain = send(
        "GET",
        &format!(
            "http://{}/healthz",
            authority.replace("localhost", "127.0.0.1")
        ),
        &[],
        b"",
        LIMIT,
    );
    assert_eq!(plain.unwrap().status, 400);
    end(process);
}
