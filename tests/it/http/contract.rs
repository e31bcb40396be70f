//! The recorder: holds live answers against the OpenAPI document. Every answer that a test gets through `Server::send` passes here.

use std::sync::LazyLock;

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

/// The document that this build serves.
pub struct Contract {
    document: Value,
}

static OURS: LazyLock<Contract> =
    LazyLock::new(|| Contract::of(serde_json::from_str(turnstile::http::openapi_document()).unwrap()));

/// Fails with what is wrong if an answer is not as the document says. `path` may have a query.
#[track_caller]
pub fn hold(method: &str, path: &str, status: u16, headers: &HeaderMap, body: &Value) {
    if let Err(wrong) = OURS.check(method, path, status, headers, body) {
        panic!("{method} {path} answered {status}, against the contract: {wrong}\n{body:#}");
    }
}

impl Contract {
    pub fn of(document: Value) -> Self {
        Self { document }
    }

    pub fn document(&self) -> &Value {
        &self.document
    }

    /// What is wrong with an answer. Errors of undocumented paths and methods must be problems all the same.
    pub fn check(
        &self,
        method: &str,
        path: &str,
        status: u16,
        headers: &HeaderMap,
        body: &Value,
    ) -> Result<(), String> {
        let path = path.split('?').next().unwrap_or_default();
        if method == "HEAD" {
            return if *body == "" { Ok(()) } else { Err("HEAD was answered with a body".to_owned()) };
        }
        let method = method.to_ascii_lowercase();
        let operation = self.item(path).and_then(|item| item.get(&method));
        let Some(operation) = operation else {
            return if status >= 400 { self.problem(status, headers, body) } else { Ok(()) };
        };
        let described = operation["responses"]
            .get(status.to_string())
            .ok_or_else(|| format!("status {status} is not in the document"))?;
        Self::headers(described, headers)?;
        if status >= 400 {
            self.problem(status, headers, body)?;
        }
        let Some(content) = described.get("content").and_then(Value::as_object) else {
            return Ok(());
        };
        let media_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let described = content.get(media_type).ok_or_else(|| {
            format!("media type {media_type:?}, the document has {:?}", content.keys().collect::<Vec<_>>())
        })?;
        self.body(&described["schema"], body)
    }

    /// The path item whose template fits; a template without parameters wins.
    fn item(&self, path: &str) -> Option<&Value> {
        let paths = self.document["paths"].as_object()?;
        let fits = |template: &str| {
            let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            template.len() == path.len()
                && template.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
        };
        paths.get(path).or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item))
    }

    fn headers(described: &Value, headers: &HeaderMap) -> Result<(), String> {
        let none = Map::new();
        for (name, header) in described["headers"].as_object().unwrap_or(&none) {
            if header.get("x-optional").is_none() && !headers.contains_key(name.as_str()) {
                return Err(format!("the header {name} is missing"));
            }
        }
        Ok(())
    }

    fn problem(&self, status: u16, headers: &HeaderMap, body: &Value) -> Result<(), String> {
        let media_type = headers.get("content-type").and_then(|value| value.to_str().ok());
        if media_type != Some("application/problem+json") {
            return Err(format!("an error of media type {media_type:?}"));
        }
        self.body(&json!({"$ref": "#/components/schemas/Problem"}), body)?;
        if body["status"] != status {
            return Err(format!("the problem says status {}", body["status"]));
        }
        if status == 500 {
            return Err("a bug: the server answered 500".to_owned());
        }
        Ok(())
    }

    /// Against a schema, without any member that the document does not have.
    fn body(&self, schema: &Value, body: &Value) -> Result<(), String> {
        let validator = self.validator(schema)?;
        let wrong: Vec<_> =
            validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    /// Makes a validator for a schema of this document, formats included.
    pub fn validator(&self, schema: &Value) -> Result<Validator, String> {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "unevaluatedProperties": false,
            "components": self.document["components"],
        });
        jsonschema::options().should_validate_formats(true).build(&whole).map_err(|error| error.to_string())
    }
}
