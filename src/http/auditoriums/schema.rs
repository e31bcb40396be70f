//! The published JSON Schema of auditoriums; the OpenAPI document has it as a component.

use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::problem::Problem;
use crate::http::request::query::Query;

/// The file as it is published.
const TEXT: &str = include_str!("auditorium-1.json");
/// Name of the component.
const COMPONENT: &str = "Auditorium";
/// Where references in the file lead.
const INSIDE: &str = "#/$defs/";

/// A plan in our format, by its name in the OpenAPI document. The document gets the schema from the published file.
pub(super) struct AuditoriumPlan;

impl ToSchema for AuditoriumPlan {
    fn name() -> std::borrow::Cow<'static, str> {
        COMPONENT.into()
    }
}

impl PartialSchema for AuditoriumPlan {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().into()
    }
}

/// `GET /schemas/auditorium-1.json`
pub(super) async fn show(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Query::none(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/schema+json"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(TEXT))
}

/// The schema under its name as a component of the OpenAPI document, its references leading there.
pub(crate) fn as_component() -> (&'static str, Value) {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut schema: Value = serde_json::from_str(TEXT).unwrap_or_default();
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("$id");
            schema.remove("$schema");
        }
        lead_inside(&mut schema);
        schema
    });
    (COMPONENT, SCHEMA.clone())
}

fn lead_inside(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                *reference = reference.replace(INSIDE, &format!("#/components/schemas/{COMPONENT}/$defs/"));
            }
            members.values_mut().for_each(lead_inside);
        }
        Value::Array(list) => list.iter_mut().for_each(lead_inside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A plan for people to copy: most of what the format has.
pub(super) fn example() -> Value {
    json!({
        "name": "Stadttheater",
        "focalPoint": {"x": 0, "y": -200},
        "categories": [
            {"key": "best", "name": "Best seats", "colour": "#7f4a91"},
            {"key": "rest", "name": "All others", "colour": "#3b7dd8"}
        ],
        "sections": [{
            "name": "Stalls",
            "category": "best",
            "rows": [
                {"label": "A", "count": 20, "numbering": "odd", "from": "right", "aisleAfter": [10], "curve": 60},
                {"label": "B", "category": "rest", "seats": [
                    {"label": "W1", "kind": "wheelchair"},
                    {"label": "W2", "kind": "companion", "companionOf": "W1"},
                    {"count": 8, "numbering": "letters"},
                    {"label": "12A", "kind": "restrictedView", "note": "Behind a pillar"}
                ]}
            ]
        }],
        "areas": [{"label": "Standing", "capacity": 300, "category": "rest"}]
    })
}
