//! What every route may answer instead of what was asked for, for the OpenAPI document.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

/// Of any route for those who are signed in.
pub(crate) struct Refusals;

/// Of a route whose body is read, too.
pub(crate) struct BodyRefusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        described(&[
            ("400", "Something in the request is wrong."),
            ("401", "Nobody is signed in, or not any more."),
            (
                "403",
                "The scope, the origin or the host does not allow it, or the password is needed again.",
            ),
            ("500", "A fault of this program or machine."),
            ("503", "Busy, or the vault is locked: try again."),
            ("507", "The disk is full."),
        ])
    }
}

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = Refusals::responses();
        responses.extend(described(&[
            ("408", "The body came too slowly."),
            ("413", "The body is larger than 1 MiB."),
            ("415", "The body is not declared as JSON."),
        ]));
        responses
    }
}

fn described(list: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let response = |description: &str| {
        let schema = Ref::from_schema_name("ErrorBody");
        ResponseBuilder::new()
            .description(description)
            .content("application/json", Content::new(Some(schema)))
            .build()
    };
    list.iter()
        .map(|(status, description)| ((*status).to_owned(), response(description).into()))
        .collect()
}
