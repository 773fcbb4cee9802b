//! The OpenAPI document around the routes.

use std::collections::HashSet;

use utoipa::openapi::link::Link;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, License, OpenApi as Document, OpenApiBuilder,
};
use utoipa::openapi::{RefOr, Required, SecurityRequirement, ServerBuilder};
use utoipa::{OpenApi, PartialSchema, ToSchema};

use crate::error::ErrorBody;

/// The document without routes: they add themselves.
pub(crate) fn base() -> Document {
    let info = InfoBuilder::new()
        .title("claude-accounts")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(License::new("MIT")))
        .build();
    let none: [&str; 0] = [];
    let mut document = OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .security(Some([
            SecurityRequirement::new("cookie", none),
            SecurityRequirement::new("token", none),
            SecurityRequirement::new("bearer", none),
        ]))
        .components(Some(
            ComponentsBuilder::new()
                .schema(ErrorBody::name(), ErrorBody::schema())
                .security_scheme("cookie", cookie_scheme())
                .security_scheme("token", token_scheme())
                .security_scheme("bearer", bearer_scheme())
                .build(),
        ))
        .build();
    document.merge(Others::openapi());
    document
}

/// What holds for all routes alike: names by which programs call them, and what their bodies need.
pub(crate) fn complete(document: &mut Document) {
    let optional: HashSet<String> = document
        .components
        .iter()
        .flat_map(|components| &components.schemas)
        .filter(|(_, schema)| needs_nothing(schema))
        .map(|(name, _)| format!("#/components/schemas/{name}"))
        .collect();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            operation.operation_id = Some(operation_id(method, path));
            allow_no_body(operation, &optional);
        }
    }
    link_new_accounts(document);
}

/// `get_accounts_id_status`: one of a kind, as `GET /api/accounts/{id}/status` is.
fn operation_id(method: &str, path: &str) -> String {
    let words = path
        .trim_start_matches("/api")
        .split(['/', '-', '.', '{', '}']);
    let words = words.filter(|word| !word.is_empty());
    std::iter::once(method)
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}

fn needs_nothing(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.required.is_empty())
}

/// Without a body it is `{}`: that will do where no field is needed.
fn allow_no_body(operation: &mut Operation, optional: &HashSet<String>) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    let is_optional = body.content.values().any(|content| {
        let RefOr::T(content) = content else { return false };
        matches!(&content.schema, Some(RefOr::Ref(schema)) if optional.contains(&schema.ref_location))
    });
    if is_optional {
        body.required = Some(Required::False);
    }
}

/// Whoever has added an account can ask for what belongs to it.
fn link_new_accounts(document: &mut Document) {
    let of_one = |path: &str| {
        path.starts_with("/api/accounts/{id}") || path.starts_with("/api/history/{id}")
    };
    let mut links: Vec<String> = Vec::new();
    for (path, item) in document.paths.paths.iter().filter(|(path, _)| of_one(path)) {
        let operations = [
            ("get", &item.get),
            ("put", &item.put),
            ("post", &item.post),
            ("delete", &item.delete),
        ];
        let present = operations
            .iter()
            .filter(|(_, operation)| operation.is_some());
        links.extend(present.map(|(method, _)| operation_id(method, path)));
    }
    let added = document.paths.paths.get_mut("/api/accounts");
    let responses = added.and_then(|item| item.post.as_mut());
    let created = responses.and_then(|create| create.responses.responses.get_mut("201"));
    if let Some(RefOr::T(created)) = created {
        for id in links {
            let link = Link::builder()
                .operation_id(&id)
                .parameter("id", "$response.body#/id")
                .build();
            created.links.insert(id, link.into());
        }
    }
}

const DESCRIPTION: &str = "Accounts of Claude Code on one machine, and terminals that run it.\n\n\
    A browser has a cookie, programs have a token with one of the scopes `read`, `launch` and \
    `admin`; each includes those before it. Requests that change something and come from a browser \
    have this server's origin. Failures are `{\"error\", \"hint\", \"code\"}`.";

fn cookie_scheme() -> SecurityScheme {
    let text = "Of a browser that signed in; over TLS its name begins with `__Host-`.";
    SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        "claude_accounts_session",
        text,
    )))
}

fn token_scheme() -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Auth-Token")))
}

fn bearer_scheme() -> SecurityScheme {
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    SecurityScheme::Http(scheme.build())
}

/// What is answered without being asked who is calling.
#[derive(OpenApi)]
#[openapi(paths(health, document))]
struct Others;

/// Whether the server answers
#[utoipa::path(
    get, path = "/healthz", tag = "server", security(()),
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain")),
)]
#[expect(dead_code, reason = "it describes")]
fn health() {}

/// This document
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)),
)]
#[expect(dead_code, reason = "it describes")]
fn document() {}
