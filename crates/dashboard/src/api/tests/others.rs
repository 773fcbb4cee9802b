//! What else there is: launch commands, aliases, usage, directories, imports, settings, events.

use std::fs;
use std::os::unix::fs::symlink;

use axum::body::Body;
use axum::http::header;
use http_body_util::BodyExt as _;
use model::AccountId;
use serde_json::{Value, json};

use super::server::{ADMIN, LAUNCH, READ, Server};
use crate::events::Change;

#[tokio::test]
async fn a_launch_command_holds_no_credential_and_is_no_use() {
    let server = Server::new();
    let id = server.add_key("perso").await;
    let login = server.add_login("boulot").await;
    let launch = async |id: &str| {
        let path = format!("/api/accounts/{id}/launch");
        server.call("POST", &path, LAUNCH, None).await
    };
    let answer = launch(&id).await;
    assert!(!answer.text().contains("FAKE"));
    assert_eq!(
        answer.ok(),
        json!({"command": "/opt/bin/claude-accounts launch perso",
            "alias": "alias claude-perso='/opt/bin/claude-accounts launch perso --'",
            "env_keys": ["ANTHROPIC_API_KEY"], "account": "perso"})
    );
    let answer = launch(&login).await.ok();
    assert_eq!(answer["env_keys"], json!(["CLAUDE_CODE_OAUTH_TOKEN"]));
    launch("acc_none").await.refused(404);
    for shell in ["", "?shell=bash", "?shell=zsh", "?shell=fish"] {
        let script = server.get(&format!("/api/generate-aliases{shell}")).await;
        assert_eq!(script.status, 200);
        assert_eq!(
            script.headers[header::CONTENT_TYPE],
            "text/plain; charset=utf-8"
        );
        assert!(script.text().contains("claude-boulot") && !script.text().contains("FAKE"));
    }
    server
        .get("/api/generate-aliases?shell=csh")
        .await
        .refused(400);
    server
        .get("/api/generate-aliases?shel=zsh")
        .await
        .refused(400);
    for account in server.accounts().await {
        assert_eq!(account["last_used"], Value::Null);
    }
    let usage = server.get("/api/usage").await.ok();
    assert!(
        usage["days"]
            .as_array()
            .unwrap()
            .iter()
            .all(|day| day["launches"] == json!({}))
    );
}

#[tokio::test]
async fn aliases_are_installed_once() {
    let server = Server::new();
    server.add_key("perso").await;
    let rc = server.home.home().join(".bashrc");
    testkit::documents::write_private(&rc, "# mine\n");
    let installed = server.post("/api/install-aliases", json!({})).await.ok();
    let file = server.home.vault_dir().join("aliases.sh");
    assert_eq!(installed["aliases_file"], file.to_str().unwrap());
    assert_eq!(installed["added_to"], json!([".bashrc"]));
    assert_eq!(installed["count"], 1);
    assert!(fs::read_to_string(&rc).unwrap().starts_with("# mine\n"));
    let again = server.post("/api/install-aliases", json!({})).await.ok();
    assert_eq!(again["added_to"], json!([]));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("claude-perso") && !text.contains("FAKE"));
    let begun = fs::read_to_string(&rc).unwrap();
    testkit::documents::write_private(&rc, begun.lines().take(3).collect::<Vec<_>>().join("\n"));
    server
        .post("/api/install-aliases", json!({}))
        .await
        .refused(409);
}

#[tokio::test]
async fn usage_lists_every_day() {
    let server = Server::new();
    let id = server.add_key("perso").await;
    let vault = server.vault();
    vault.touch(&AccountId::from_stored(id.as_str()));
    vault.touch(&AccountId::from_stored(id.as_str()));
    let days =
        async |query: &str| server.get(&format!("/api/usage{query}")).await.ok()["days"].clone();
    let month = days("").await;
    let month = month.as_array().unwrap();
    assert_eq!(month.len(), 30);
    assert_eq!(month[29]["launches"], json!({&id: 2}));
    assert_eq!(month[0]["launches"], json!({}));
    assert_eq!(days("?days=1").await[0], month[29]);
    assert_eq!(days("?days=400").await.as_array().unwrap().len(), 400);
    for wrong in ["0", "401", "-1", "x", "99999999999999999999"] {
        server
            .get(&format!("/api/usage?days={wrong}"))
            .await
            .refused(400);
    }
}

#[tokio::test]
async fn directories_are_bound_where_they_really_are() {
    let server = Server::new();
    let id = server.add_key("perso").await;
    let (real, link) = (
        server.home.home().join("real"),
        server.home.home().join("link"),
    );
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let bind = |directory: &str, id: &str| {
        server.put(
            "/api/directories",
            json!({"directory": directory, "account_id": id}),
        )
    };
    let (real, link) = (
        real.to_str().unwrap().to_owned(),
        link.to_str().unwrap().to_owned(),
    );
    assert_eq!(bind(&link, &id).await.ok(), json!({"status": "bound"}));
    let listed = server.get("/api/directories").await.ok();
    assert_eq!(
        listed,
        json!([{"directory": real, "account_id": id, "account": "perso"}])
    );
    assert_eq!(server.account(&id).await["bindings"], json!([real]));
    bind(&real, "acc_none").await.refused(404);
    bind(&format!("{real}/missing"), &id).await.refused(404);
    for wrong in ["real", "", "../x", "/a\u{0}b"] {
        bind(wrong, &id).await.refused(400);
    }
    let unbind = async |directory: &str| {
        let query: String = url::form_urlencoded::byte_serialize(directory.as_bytes()).collect();
        server
            .delete(&format!("/api/directories?directory={query}"))
            .await
    };
    fs::remove_dir(&real).unwrap();
    assert_eq!(unbind(&real).await.ok(), json!({"status": "unbound"}));
    unbind(&real).await.refused(404);
    unbind("relative").await.refused(400);
    server.delete("/api/directories").await.refused(400);
}

#[tokio::test]
async fn directories_are_browsed_from_the_home() {
    let server = Server::new();
    fs::create_dir_all(server.home.home().join("work/inner")).unwrap();
    fs::create_dir_all(server.home.home().join("repo/.git")).unwrap();
    let browse = async |query: &str| {
        server
            .call("GET", &format!("/api/browse{query}"), LAUNCH, None)
            .await
    };
    let home = browse("").await.ok();
    let real = server.home.home().canonicalize().unwrap();
    assert_eq!(home["current"], real.to_str().unwrap());
    assert_eq!(browse("?path=").await.ok(), home);
    let names: Vec<&str> = home["dirs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["repo", "work"]);
    assert_eq!(home["dirs"][1]["has_children"], true);
    let hidden = browse("?hidden=true").await.ok();
    assert_eq!(hidden["dirs"][0]["name"], ".claude-accounts");
    let work = browse(&format!("?path={}/work/../work", real.display()))
        .await
        .ok();
    assert_eq!(work["current"], real.join("work").to_str().unwrap());
    assert_eq!(work["parent"], real.to_str().unwrap());
    assert_eq!(browse("?path=/").await.ok()["parent"], Value::Null);
    browse("?path=work").await.refused(400);
    browse("?path=%2e%2e%2fetc").await.refused(400);
    browse("?path=/%00").await.refused(400);
    browse("?path=/%ff").await.refused(400);
    browse("?hidden=maybe").await.refused(400);
    browse("?path=/nowhere/at/all").await.refused(404);
    let recent = server
        .call("GET", "/api/recent-dirs", LAUNCH, None)
        .await
        .ok();
    assert_eq!(
        recent["shortcuts"][0]["path"],
        server.home.home().to_str().unwrap()
    );
    assert_eq!(recent["projects"][0]["name"], "repo");
}

#[tokio::test]
async fn what_is_exported_can_be_imported() {
    let server = Server::new();
    let key = server.add_key("perso").await;
    server.add_login("boulot").await;
    let export = async |query: &str| {
        server
            .call("GET", &format!("/api/export{query}"), ADMIN, None)
            .await
    };
    let all = export("").await;
    assert_eq!(all.headers[header::CACHE_CONTROL], "no-store");
    let all = all.ok();
    assert_eq!(all[0]["api_key"], "sk-ant-api03-FAKEaaaaaaaaaaaaaaabc123");
    assert!(all[1]["refresh_token"].is_string());
    assert_eq!(
        export(&format!("?accounts={key}"))
            .await
            .ok()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    export("?accounts=acc_none").await.refused(404);
    let other = Server::new();
    let answer = other.post("/api/import", all.clone()).await.ok();
    assert_eq!(answer["imported"], 2);
    assert_eq!(
        answer["results"][0],
        json!({"name": "perso", "action": "added", "stored_as": "perso"})
    );
    let exported_again = other.call("GET", "/api/export", ADMIN, None).await.ok();
    assert_eq!(exported_again, all);
    let skipped = other.post("/api/import", all).await.ok();
    assert_eq!(
        (&skipped["imported"], &skipped["results"][0]["stored_as"]),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn an_import_does_all_or_nothing_and_says_beforehand_what() {
    let server = Server::new();
    server.add_key("Work").await;
    let import = async |body: Value| server.post("/api/import", body).await;
    let accounts = json!([{"name": "work", "api_key": "FAKE-other"}, {"name": "new"}]);
    let with = |policy: &str, dry_run: bool| json!({"accounts": accounts, "on_conflict": policy, "dry_run": dry_run});
    let dry = import(with("rename", true)).await.ok();
    assert_eq!(
        dry["results"][0],
        json!({"name": "work", "action": "renamed", "stored_as": "work-2"})
    );
    assert_eq!(server.accounts().await.len(), 1);
    let replaced = import(with("replace", false)).await.ok();
    assert_eq!(replaced["results"][0]["action"], "replaced");
    assert_eq!(server.accounts().await.len(), 2);
    let refusal = import(json!([{"name": "ok"}, {"name": "a/b"}, 7]))
        .await
        .refused(400);
    assert_eq!(refusal["errors"][0]["position"], 2);
    assert_eq!(refusal["errors"].as_array().unwrap().len(), 2);
    let twice = json!([{"name": "x"}, {"name": "X"}]);
    let refusal = import(twice).await.refused(409);
    assert_eq!(refusal["errors"][0]["position"], 2);
    for wrong in [
        json!({"accounts": {}}),
        json!({"accounts": [], "on_conflict": "FAKE"}),
        json!({"accounts": [], "dryrun": true}),
        json!({}),
        json!("FAKE"),
        json!([{"name": "x", "api_key": "FAKE FAKE"}]),
    ] {
        import(wrong).await.refused(400);
    }
    assert_eq!(server.accounts().await.len(), 2);
}

#[tokio::test]
async fn settings_are_kept() {
    let server = Server::new();
    let settings = server.get("/api/settings").await.ok();
    assert_eq!(settings["recording"], false);
    assert_eq!(settings["protection"], "file");
    assert_eq!(settings["keeper"], json!({"running": false, "sessions": 0}));
    assert_eq!(settings["client"], Value::Null);
    assert_eq!(settings["vault"], server.home.vault_dir().to_str().unwrap());
    server.put("/api/settings", json!({})).await.ok();
    server
        .put("/api/settings", json!({"recording": true}))
        .await
        .ok();
    assert_eq!(server.get("/api/settings").await.ok()["recording"], true);
    let stored = server
        .app
        .store
        .setting(crate::api::settings::RECORDING)
        .unwrap();
    assert_eq!(stored.as_deref(), Some("on"));
    server
        .put("/api/settings", json!({"recording": "yes"}))
        .await
        .refused(400);
}

#[tokio::test]
async fn events_are_told_until_the_right_to_them_ends() {
    let server = Server::new();
    let request = Server::request("GET", "/api/events", READ).body(Body::empty());
    let mut events = server.stream(request.unwrap()).await;
    let mut next = async || {
        let frame = events.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    };
    assert!(
        next()
            .await
            .unwrap()
            .starts_with("event: hello\ndata: {\"version\":")
    );
    server.app.events.tell(Change::Accounts);
    assert_eq!(next().await.unwrap(), "event: accounts\ndata: {}\n\n");
    for _ in 0..500 {
        server.app.events.tell(Change::Sessions);
    }
    assert_eq!(next().await.unwrap(), "event: accounts\ndata: {}\n\n");
    assert_eq!(next().await.unwrap(), "event: sessions\ndata: {}\n\n");
    assert_eq!(
        server.app.store.remove_token("read").unwrap().as_deref(),
        Some("read")
    );
    server.app.events.tell(Change::Ended(Vec::new()));
    assert_eq!(next().await.unwrap(), "event: signed_out\ndata: {}\n\n");
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn events_end_with_the_server() {
    let server = Server::new();
    let request = Server::request("GET", "/api/events", READ).body(Body::empty());
    let mut events = server.stream(request.unwrap()).await;
    assert!(events.frame().await.is_some());
    server.app.events.close();
    assert!(events.frame().await.is_none());
}

#[tokio::test]
async fn a_change_by_another_program_is_told() {
    let server = Server::new();
    let mut changes = server.app.events.listen();
    let watching = tokio::spawn(crate::vault_watch::watch(std::sync::Arc::downgrade(
        &server.app,
    )));
    let name = model::AccountName::parse("new").unwrap();
    let account = vault::NewAccount::empty(name, model::AuthType::OAuth);
    // The watch may not have begun: it is told of what comes after.
    let told = async {
        loop {
            tokio::select! {
                change = changes.recv() => return change.unwrap(),
                () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {
                    server.vault().touch(&AccountId::from_stored("acc_none"));
                    drop(server.vault().add(&account));
                    server.execute("UPDATE accounts SET last_used = random()", []);
                }
            }
        }
    };
    let patience = std::time::Duration::from_secs(30);
    assert_eq!(
        tokio::time::timeout(patience, told).await.unwrap(),
        Change::Accounts
    );
    watching.abort();
}
