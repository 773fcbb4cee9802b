//! The API does what its description says, as an independent program finds it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use end_to_end::Machine;
use end_to_end::dashboard::Dashboard;
use testkit::{Mode, Process, skip};

/// Some thousand requests on a machine that builds at the same time.
const LIMIT: Duration = Duration::from_secs(280);

#[test]
fn schemathesis_finds_nothing() {
    let Some(packages) = std::env::var_os("CLAUDE_ACCOUNTS_TEST_PYTHONPATH") else {
        return skip("CLAUDE_ACCOUNTS_TEST_PYTHONPATH does not say where schemathesis is");
    };
    if !Path::new(&packages).join("schemathesis").exists() {
        return skip("schemathesis is not installed");
    }
    let machine = Machine::new();
    let refusal = r#"{"error":"invalid_grant"}"#.to_owned();
    machine.tokens.set_mode(Mode::Status(400, refusal));
    machine.add_key("perso");
    let dashboard = Dashboard::start(&machine);
    let configuration = concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis.toml");
    let mut command = machine.home.command("python3");
    command
        .args([
            "-c",
            "from schemathesis.cli import schemathesis; schemathesis()",
        ])
        .args(["--config-file", configuration, "run"])
        // The same requests each time; other ones are for whoever changes the API.
        .args(["--seed", "1", "--max-examples", "8", "--no-color"])
        .arg(format!("{}/api/openapi.json", dashboard.url))
        .current_dir(machine.home.root().join("tmp"))
        .env("PYTHONPATH", &packages)
        .env("CLAUDE_ACCOUNTS_TEST_TOKEN", &dashboard.token);
    let said = machine.home.root().join("tmp/said");
    command.stdout(fs::File::create(&said).unwrap());
    let status = Process::spawn(command).wait(LIMIT);
    assert!(status.success(), "{}", fs::read_to_string(&said).unwrap());
}
