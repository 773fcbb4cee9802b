//! The schemas of an export and an import: `vault` reads and writes them, here they are described.

use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{OneOfBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::accounts::schema::{self, nullable};
use super::import_export::OnConflict;

/// An account with its secrets, as it is exported.
pub(crate) struct ExportedAccount;

/// What an import takes: an array of accounts, or an object around it.
pub(crate) struct ImportBody;

impl ToSchema for ExportedAccount {}

impl PartialSchema for ExportedAccount {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("name", text())
            .property("auth_type", kinds())
            .property("api_key", text())
            .property("access_token", text())
            .property("refresh_token", text())
            .property(
                "expires_at",
                ObjectBuilder::new().schema_type(Type::Integer),
            )
            .property("document", object())
            .property("identity", object())
            .property("environment", object())
            .required("name")
            .required("auth_type")
            .required("api_key")
            .required("access_token")
            .required("refresh_token")
            .required("expires_at")
            .description(Some(
                "`document` is the rest of the credential document, `identity` whose login it is.",
            ))
            .into()
    }
}

impl ToSchema for ImportBody {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OnConflict::name().into_owned(), OnConflict::schema()));
    }
}

impl PartialSchema for ImportBody {
    fn schema() -> RefOr<Schema> {
        let accounts = || ArrayBuilder::new().items(importable());
        let with_options = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("accounts", accounts())
            .property("on_conflict", OnConflict::schema())
            .property("dry_run", ObjectBuilder::new().schema_type(Type::Boolean))
            .required("accounts")
            .additional_properties(Some(false_schema()));
        OneOfBuilder::new()
            .item(accounts())
            .item(with_options)
            .description(Some(
                "No two accounts have the same name, in whatever case.",
            ))
            .into()
    }
}

/// An account as an import takes it: what is missing is empty, what is unknown is passed over.
fn importable() -> ObjectBuilder {
    let credential = || nullable(Type::String).pattern(Some(schema::CREDENTIAL_PATTERN));
    let environment = nullable(Type::Object)
        .property_names(Some(schema::variable_name().build()))
        .additional_properties(Some(RefOr::from(schema::variable_value())));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("name", schema::imported_name())
        .property("auth_type", importable_kinds())
        .property("api_key", credential())
        .property("access_token", credential())
        .property("refresh_token", credential())
        .property("expires_at", nullable(Type::Number))
        .property("document", nullable(Type::Object))
        .property("identity", utoipa::openapi::schema::empty())
        .property("environment", environment)
        .required("name")
}

fn kinds() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["api_key", "oauth"].map(Value::from)))
}

/// Where it is not said, it is a login if there is an access token.
fn importable_kinds() -> ObjectBuilder {
    let values = ["api_key".into(), "oauth".into(), "".into(), Value::Null];
    nullable(Type::String).enum_values(Some(values))
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

fn false_schema() -> AdditionalProperties<Schema> {
    AdditionalProperties::FreeForm(false)
}
