//! What the files for compose promise. No engine here reads them; Python's YAML reader does.

use serde_json::{Value, json};
use std::process::Command;
use testkit::{Ran, skip};

use crate::scene::root;

/// `!reset` is compose's own: what it stands before is taken away.
const READ: &str = "
import json, sys, yaml
yaml.SafeLoader.add_constructor('!reset', lambda loader, node: 'reset')
json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)
";

/// `None`, and the test noted as skipped, where nothing can read it.
fn read(name: &str) -> Option<Value> {
    let command = |arguments: &[&str]| {
        let mut command = Command::new("/usr/bin/python3");
        command.env_clear().arg("-c").args(arguments);
        command
    };
    let found = command(&["import yaml"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        skip("needs /usr/bin/python3 with python3-yaml");
        return None;
    }
    let path = root().join(name);
    let ran = Ran::of(command(&[READ, path.to_str().unwrap()])).success();
    Some(ran.json())
}

#[test]
fn compose_yaml_confines_as_start_sh_does() {
    let Some(file) = read("compose.yaml") else {
        return;
    };
    let service = &file["services"]["claude-accounts"];
    for (member, expected) in [
        ("ports", json!(["127.0.0.1:5111:5111"])),
        ("read_only", json!(true)),
        ("cap_drop", json!(["ALL"])),
        ("security_opt", json!(["no-new-privileges:true"])),
        ("tmpfs", json!(["/tmp:exec", "/run"])),
        ("restart", json!("unless-stopped")),
        ("stop_grace_period", json!("15s")),
    ] {
        assert_eq!(service[member], expected, "{member}");
    }
    assert_eq!(
        service["healthcheck"]["test"],
        json!(["CMD", "claude-accounts-healthy"])
    );
    let volumes = service["volumes"].as_array().unwrap();
    let bound: Vec<_> = volumes
        .iter()
        .filter(|volume| volume["type"] == "bind")
        .collect();
    let sources: Vec<_> = bound.iter().map(|volume| &volume["source"]).collect();
    assert_eq!(sources, ["${HOME}/.claude-accounts", "${HOME}/.claude"]);
    assert!(
        bound
            .iter()
            .all(|volume| volume["bind"]["create_host_path"] == false)
    );
    // The image's own words, so that both ways start the same.
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let arguments = service["command"].as_array().unwrap();
    let words: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    assert!(dockerfile.contains(&format!("CMD [{}]", words.join(", "))));
    let start = std::fs::read_to_string(root().join("start.sh")).unwrap();
    assert!(start.contains(" --tmpfs /tmp:exec --tmpfs /run "));
}

/// The oldest that `Cargo.toml` promises is what everything else builds with.
#[test]
fn images_and_workflows_have_a_rust_that_builds_it() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let manifest = read("Cargo.toml");
    let mut lines = manifest.lines();
    let version = lines.find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.unwrap().trim_matches('"');
    for (file, line) in [
        ("Dockerfile", format!("ARG RUST_IMAGE=rust:{version}-")),
        (
            ".github/workflows/linux.yml",
            format!("image: rust:{version}-"),
        ),
        (
            ".github/workflows/release.yml",
            format!("image: rust:{version}-"),
        ),
        (
            ".github/workflows/macos.yml",
            format!("rustup default {version}\n"),
        ),
    ] {
        assert!(read(file).contains(&line), "{file}: {line}");
    }
}

#[test]
fn behind_caddy_only_caddy_may_come() {
    let Some(file) = read("compose.caddy.yaml") else {
        return;
    };
    let (ours, caddy) = (
        &file["services"]["claude-accounts"],
        &file["services"]["caddy"],
    );
    assert_eq!(ours["ports"], "reset");
    let address = caddy["networks"]["front"]["ipv4_address"].as_str().unwrap();
    let command = ours["command"].as_array().unwrap();
    assert_eq!(
        command[command.len() - 2..],
        ["--behind-proxy".into(), json!(format!("{address}/32"))]
    );
    assert!(!command.contains(&json!("--insecure-http")));
    assert_eq!(caddy["volumes"][0], "./packaging/caddy:/etc/caddy:ro");
}

/// Whatever the workspace is made of reaches the build.
#[test]
fn the_build_is_given_every_member_of_the_workspace() {
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let given = |name: &str| ignored.lines().any(|line| line == format!("!{name}"));
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = "))
        .unwrap();
    let members: Vec<String> = serde_json::from_str(members).unwrap();
    for member in members {
        let top = member.split('/').next().unwrap();
        assert!(given(top), "{top} is missing in .dockerignore");
    }
    for needed in ["Cargo.toml", "Cargo.lock", ".cargo", "web", "packaging"] {
        assert!(given(needed), "{needed} is missing in .dockerignore");
    }
}
