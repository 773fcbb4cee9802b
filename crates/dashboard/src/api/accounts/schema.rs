//! The schemas of what callers give of accounts, as exactly as it is checked.

use model::NAME_LIMIT;
use serde_json::Value;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, OneOfBuilder, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::input::{
    CREDENTIAL_LIMIT, Credential, LATEST, NewAccountBody, VARIABLES_LIMIT, Variables,
};

/// Printable ASCII, with white space around it.
pub(crate) const CREDENTIAL_PATTERN: &str = r"^[ \t\r\n]*[!-~]*[ \t\r\n]*$";

impl ToSchema for NewAccountBody {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        for (name, schema) in [
            (Credential::name(), Credential::schema()),
            (Variables::name(), Variables::schema()),
        ] {
            schemas.push((name.into_owned(), schema));
        }
    }
}

/// A key has no tokens, and a login no key.
impl PartialSchema for NewAccountBody {
    fn schema() -> RefOr<Schema> {
        let expires_at = || {
            nullable(Type::Integer)
                .minimum(Some(0))
                .maximum(Some(LATEST))
                .description(Some("Epoch milliseconds; 0 if it is not known."))
        };
        let account = || {
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .property("name", new_name())
                .property("expires_at", expires_at())
                .property("environment", or_null(Variables::schema()))
                .required("name")
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let with_key = account()
            .title(Some("An account with an API key"))
            .property(
                "auth_type",
                nullable(Type::String).enum_values(Some(["api_key".into(), Value::Null])),
            )
            .property("api_key", or_null(Credential::schema()))
            .property("access_token", nothing())
            .property("refresh_token", nothing());
        let with_login = account()
            .title(Some("An account with a login"))
            .property("auth_type", text().enum_values(Some(["oauth"])))
            .property("api_key", nothing())
            .property("access_token", or_null(Credential::schema()))
            .property("refresh_token", or_null(Credential::schema()))
            .required("auth_type");
        OneOfBuilder::new()
            .item(with_key)
            .item(with_login)
            .description(Some("An account to be added."))
            .into()
    }
}

impl ToSchema for Credential {}

impl PartialSchema for Credential {
    fn schema() -> RefOr<Schema> {
        text()
            .max_length(Some(CREDENTIAL_LIMIT))
            .pattern(Some(CREDENTIAL_PATTERN))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .description(Some("A key or token; white space around it is left out."))
            .into()
    }
}

impl ToSchema for Variables {}

impl PartialSchema for Variables {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property_names(Some(variable_name().build()))
            .additional_properties(Some(RefOr::from(variable_value())))
            .max_properties(Some(VARIABLES_LIMIT))
            .description(Some("Variables that are set in each launch."))
            .into()
    }
}

pub(crate) fn variable_name() -> ObjectBuilder {
    text().pattern(Some("^[A-Za-z_][A-Za-z0-9_]*$"))
}

pub(crate) fn variable_value() -> ObjectBuilder {
    text().pattern(Some(r"^[^\u0000]*$"))
}

/// A name in an import, where white space in it is not mended.
pub(crate) fn imported_name() -> ObjectBuilder {
    text()
        .pattern(Some(r"^[\p{L}\p{N}_][\p{L}\p{N}._-]*$"))
        .min_length(Some(1))
        .max_length(Some(NAME_LIMIT))
}

fn new_name() -> ObjectBuilder {
    text()
        .pattern(Some(r"^[ \t\r\n]*[\p{L}\p{N}_][\p{L}\p{N}._ \t\r\n-]*$"))
        .min_length(Some(1))
        .max_length(Some(NAME_LIMIT))
        .description(Some(
            "Letters and digits of any script, `.`, `_` and `-`; white space in it becomes `-`.",
        ))
}

/// The same; an empty one counts as not given.
pub(super) fn changed_name() -> Schema {
    nullable(Type::String)
        .pattern(Some(r"^[ \t\r\n]*([\p{L}\p{N}_][\p{L}\p{N}._ \t\r\n-]*)?$"))
        .max_length(Some(NAME_LIMIT))
        .into()
}

/// A field of a form that nobody filled in.
fn nothing() -> ObjectBuilder {
    nullable(Type::String)
        .pattern(Some(r"^[ \t\r\n]*$"))
        .max_length(Some(CREDENTIAL_LIMIT))
}

fn or_null(schema: impl Into<RefOr<Schema>>) -> OneOfBuilder {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(schema).item(null)
}

/// A credential document, as far as it is looked at.
pub(super) fn document() -> Schema {
    let token = |shortest| {
        text()
            .pattern(Some("^[!-~]*$"))
            .min_length(Some(shortest))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
    };
    let login = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("accessToken", token(1))
        .property("refreshToken", token(0))
        .property("expiresAt", nullable(Type::Number))
        .property("scopes", ArrayBuilder::new())
        .required("accessToken");
    nullable(Type::Object)
        .property("claudeAiOauth", login)
        .required("claudeAiOauth")
        .into()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(crate) fn nullable(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter(vec![kind, Type::Null]))
}
