use http_body_util::BodyExt as _;

use super::*;

fn page() -> Page {
    Page::new(PageSource::Embedded)
}

fn get(path: &str, headers: &[(header::HeaderName, &str)]) -> Option<Response> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
        .collect();
    page().answer(
        &Method::GET,
        &path.parse().unwrap(),
        &headers,
        Some("ws://localhost:5111"),
    )
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn asset(name: &str) -> String {
    format!("/assets/{}/{name}", page().files.fingerprint())
}

#[tokio::test]
async fn every_screen_is_the_document_with_its_own_nonce() {
    let mut nonces = Vec::new();
    for screen in SCREENS {
        let response = get(screen, &[]).unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{screen}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], NOT_KEPT);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .unwrap()
            .split('\'')
            .next()
            .unwrap()
            .to_owned();
        assert!(
            policy.contains("connect-src 'self' ws://localhost:5111;"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        let document = text(response).await;
        assert!(document.contains(&format!("nonce=\"{nonce}\"")) && !document.contains("{{"));
        nonces.push(nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), SCREENS.len());
}

#[tokio::test]
async fn what_the_document_names_is_there_and_kept_for_ever() {
    let document = text(get("/", &[]).unwrap()).await;
    let prefix = asset("");
    let named: Vec<&str> = document
        .split('"')
        .filter(|part| part.starts_with(&prefix))
        .collect();
    for path in named {
        let response = get(path, &[]).unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], FOR_EVER);
    }
}

#[test]
fn only_what_browsers_fetch_is_embedded() {
    for name in files::names() {
        let top = name.split('/').next().unwrap();
        let known = ["index.html", "src", "styles", "vendor"];
        assert!(known.contains(&top) || AT_THE_ROOT.contains(&top), "{name}");
        assert!(
            !name.contains("node_modules") && !name.contains("test"),
            "{name}"
        );
    }
}

#[test]
fn a_file_comes_compressed_to_those_who_take_it() {
    let Some(name) = files::names()
        .into_iter()
        .find(|name| name.ends_with("xterm.js"))
    else {
        return;
    };
    let path = asset(name);
    let plain = get(&path, &[]).unwrap();
    assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
    let length = |response: &Response| -> usize {
        response.headers()[header::CONTENT_LENGTH]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    let mut tags = vec![plain.headers()[header::ETAG].clone()];
    for (accept, expected) in [("gzip", "gzip"), ("gzip, br", "br")] {
        let response = get(&path, &[(header::ACCEPT_ENCODING, accept)]).unwrap();
        assert_eq!(response.headers()[header::CONTENT_ENCODING], expected);
        assert_eq!(response.headers()[header::VARY], "Accept-Encoding");
        assert!(length(&response) < length(&plain) / 2);
        tags.push(response.headers()[header::ETAG].clone());
    }
    let tag = tags[2].to_str().unwrap();
    for known in [tag.to_owned(), format!("W/{tag}, \"x\""), "*".to_owned()] {
        let headers = [
            (header::ACCEPT_ENCODING, "br"),
            (header::IF_NONE_MATCH, known.as_str()),
        ];
        assert_eq!(
            get(&path, &headers).unwrap().status(),
            StatusCode::NOT_MODIFIED,
            "{known}"
        );
    }
    let headers = [(header::IF_NONE_MATCH, tag)];
    assert_eq!(get(&path, &headers).unwrap().status(), StatusCode::OK);
}

#[test]
fn other_fingerprints_and_other_files_are_not_there() {
    for path in [
        "/assets/0000000000000000/src/main.js".to_owned(),
        "/assets/".to_owned(),
        "/assets/x".to_owned(),
        asset("src/../index.html"),
        asset("..%2f..%2fetc/passwd"),
        asset("package.json"),
        asset("node_modules/preact/package.json"),
    ] {
        let response = get(&path, &[]).unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], NOT_KEPT);
    }
    assert!(get("/nothing", &[]).is_none() && get("/api/accounts", &[]).is_none());
}

#[tokio::test]
async fn head_is_an_answer_without_its_body_and_nothing_else_is_taken() {
    let uri: Uri = "/".parse().unwrap();
    let answer = |method| {
        page()
            .answer(&method, &uri, &HeaderMap::new(), None)
            .unwrap()
    };
    let head = answer(Method::HEAD);
    assert!(head.headers()[header::CONTENT_LENGTH] != "0" && text(head).await.is_empty());
    let post = answer(Method::POST);
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.headers()[header::ALLOW], "GET,HEAD");
}

#[test]
fn a_directory_serves_its_own_files_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("web");
    std::fs::create_dir(&below).unwrap();
    for (path, content) in [
        (below.join("index.html"), "inside"),
        (directory.path().join("secret.js"), "outside"),
    ] {
        use std::io::Write as _;
        std::fs::File::create(path)
            .unwrap()
            .write_all(content.as_bytes())
            .unwrap();
    }
    let page = Page::new(PageSource::Directory(below));
    let status = |path: &str| {
        page.answer(
            &Method::GET,
            &path.parse().unwrap(),
            &HeaderMap::new(),
            None,
        )
        .unwrap()
        .status()
    };
    assert_eq!(status("/"), StatusCode::OK);
    assert_eq!(status("/assets/directory/index.html"), StatusCode::OK);
    assert_eq!(
        status("/assets/directory/../secret.js"),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        status("/assets/directory//etc/passwd"),
        StatusCode::NOT_FOUND
    );
}
