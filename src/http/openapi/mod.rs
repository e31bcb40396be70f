//! The OpenAPI 3.1 document: every resource, method, status and header of the contract. Tests compare live answers with it.

mod describe;
mod enforced;

use serde_json::Value;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApiBuilder, Paths, ServerBuilder,
};

use crate::http::limits;
use crate::http::openapi::describe::NamedSchema;
use crate::http::problem::Document;

pub(super) use describe::Describe;

/// A method of a resource, as the document has it.
pub(super) struct Operation {
    /// Path of the resource.
    pub(super) path: &'static str,
    /// The method.
    pub(super) method: HttpMethod,
    /// Everything else.
    pub(super) description: Describe,
}

/// The document of these operations, as JSON. `published` are components whose schemas are published as files of their own.
pub(super) fn text(operations: Vec<Operation>, published: Vec<(&'static str, Value)>) -> String {
    let mut schemas = Vec::new();
    describe::collect::<Document<'_>>(&mut schemas);
    let mut paths = Paths::new();
    for Operation { path, method, description } in operations {
        let (operation, mut described) = description.build();
        schemas.append(&mut described);
        let is_limited = !limits::UNLIMITED.contains(&path);
        paths.add_path_operation(path, vec![method], if is_limited { describe::limited(operation) } else { operation });
    }
    let info = InfoBuilder::new()
        .title("Turnstile")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A reservation server for seats. Every change of a showtime has a sequence; every command's answer carries it. \
             While the view of clients is away, seat maps come from the write store and say so: `Turnstile-Source: write-store`. Errors are RFC 9457 problems with a stable `code`.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT or Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    let here = ServerBuilder::new().url("/").description(Some("The server that serves this document")).build();
    let document = OpenApiBuilder::new().info(info).servers(Some([here])).paths(paths);
    let written = serde_json::to_value(document.components(Some(components(schemas))).build());
    let written = written.and_then(|mut document| {
        enforced::complete(&mut document);
        for (name, schema) in published {
            if let Some(component) = document.pointer_mut(&format!("/components/schemas/{name}")) {
                *component = schema;
            }
        }
        serde_json::to_string_pretty(&document)
    });
    written.unwrap_or_else(|error| {
        tracing::error!(%error, "the OpenAPI document could not be written");
        "{}".to_owned()
    })
}

fn components(schemas: Vec<NamedSchema>) -> Components {
    let bearer = |what: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build())
    };
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("holdToken", bearer("The `holdToken` of a booking, for its holder."))
        .security_scheme("operatorKey", bearer("The operator's key, for operators."))
        .build()
}
