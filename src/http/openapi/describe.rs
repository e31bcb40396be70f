//! Describe: puts together one operation of the OpenAPI document.

use std::ops::RangeInclusive;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    Content, ContentBuilder, Header, KnownFormat, Ref, RefOr, Required, ResponseBuilder, SchemaFormat,
};

use crate::http::openapi::enforced::WORDS;
use crate::http::problem::{Code, PROBLEM_JSON};

/// An idempotency key: 1 to 255 characters of printable ASCII as they are, or as a quoted string (RFC 9651, section 3.3.3).
const KEY: &str = r#"^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#;
/// The same with 16 characters or more.
const SECRET_KEY: &str = r#"^([!#-~][ -~]{14,253}[!-~]|"([ !#-\[\]-~]|\\["\\]){16,255}")$"#;
const BINARY: &str = "application/octet-stream";

/// A schema under the name by which operations refer to it.
pub(super) type NamedSchema = (String, RefOr<Schema>);

/// Describes one operation, and collects the schemas that it refers to.
pub(crate) struct Describe {
    operation: OperationBuilder,
    schemas: Vec<NamedSchema>,
}

impl Describe {
    pub(crate) fn new(name: &str, summary: &str, tag: &str) -> Self {
        let operation = OperationBuilder::new().operation_id(Some(name)).summary(Some(summary)).tag(tag);
        Self { operation, schemas: Vec::new() }
    }

    fn with(mut self, add: impl FnOnce(OperationBuilder) -> OperationBuilder) -> Self {
        self.operation = add(self.operation);
        self
    }

    /// The id in the path.
    pub(crate) fn id(self, what: &str) -> Self {
        self.id_named("id", what)
    }

    /// An id in the path, by the name of its part.
    pub(crate) fn id_named(self, name: &str, what: &str) -> Self {
        let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
        self.path(name, what, ObjectBuilder::new().schema_type(Type::String).format(Some(format)))
    }

    /// A text of this form in the path, with so many characters.
    pub(crate) fn formed_id(self, name: &str, what: &str, pattern: &str, characters: RangeInclusive<usize>) -> Self {
        self.path(name, what, text_of(pattern, characters))
    }

    fn path(self, name: &str, what: &str, schema: ObjectBuilder) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
        self.with(|operation| operation.parameter(parameter.description(Some(what)).schema(Some(schema))))
    }

    /// A text in the query.
    pub(crate) fn parameter(self, name: &str, what: &str) -> Self {
        self.query(name, what, ObjectBuilder::new().schema_type(Type::String))
    }

    /// A text as people write it in the query, with so many characters.
    pub(crate) fn words(self, name: &str, what: &str, characters: RangeInclusive<usize>) -> Self {
        self.formed(name, what, WORDS, characters)
    }

    /// A text of this form in the query, with so many characters.
    pub(crate) fn formed(self, name: &str, what: &str, pattern: &str, characters: RangeInclusive<usize>) -> Self {
        self.query(name, what, text_of(pattern, characters))
    }

    /// As [`Self::words`], and it must be there.
    pub(crate) fn needed(self, name: &str, what: &str, characters: RangeInclusive<usize>) -> Self {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(Required::True);
        let parameter = parameter.description(Some(what)).schema(Some(text_of(WORDS, characters)));
        self.with(|operation| operation.parameter(parameter))
    }

    /// An id in the query.
    pub(crate) fn uuid(self, name: &str, what: &str) -> Self {
        let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
        self.query(name, what, ObjectBuilder::new().schema_type(Type::String).format(Some(format)))
    }

    /// A date and time in the query.
    pub(crate) fn time(self, name: &str, what: &str) -> Self {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        self.query(name, what, ObjectBuilder::new().schema_type(Type::String).format(Some(format)))
    }

    /// `true` or `false` in the query.
    pub(crate) fn flag(self, name: &str, what: &str) -> Self {
        self.query(name, what, ObjectBuilder::new().schema_type(Type::Boolean))
    }

    /// A whole number in the query.
    pub(crate) fn number(self, name: &str, what: &str, least: u64, most: u64) -> Self {
        let bound = |number: u64| Some(usize::try_from(number).unwrap_or(usize::MAX));
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(bound(least)).maximum(bound(most));
        self.query(name, what, schema)
    }

    /// One of a few words in the query.
    pub(crate) fn choice(self, name: &str, what: &str, words: &[&str]) -> Self {
        self.query(name, what, ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())))
    }

    fn query(self, name: &str, what: &str, schema: ObjectBuilder) -> Self {
        self.with(|operation| operation.parameter(optional(name, ParameterIn::Query, what, schema)))
    }

    fn header_parameter(self, name: &str, what: &str, schema: ObjectBuilder) -> Self {
        self.with(|operation| operation.parameter(optional(name, ParameterIn::Header, what, schema)))
    }

    /// What the summary leaves open, in Markdown.
    pub(crate) fn text(self, text: &str) -> Self {
        self.with(|operation| operation.description(Some(text)))
    }

    pub(crate) fn conditional(self) -> Self {
        self.header_parameter(
            "If-None-Match",
            "Entity tags that the client has",
            ObjectBuilder::new().schema_type(Type::String),
        )
    }

    /// The version that a change is based on; without it the change is refused.
    pub(crate) fn if_match(self, what: &str) -> Self {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let parameter = ParameterBuilder::new().name("If-Match").parameter_in(ParameterIn::Header);
        let parameter = parameter.required(Required::True).description(Some(what)).schema(Some(schema));
        self.with(|operation| operation.parameter(parameter))
    }

    pub(crate) fn key(self) -> Self {
        self.header_parameter("Idempotency-Key", "Same key, same answer, one effect; kept for 24 hours", key_of(KEY))
    }

    /// The key of a reservation, which gives the hold token.
    pub(crate) fn secret_key(self) -> Self {
        let what = "A secret of at least 16 characters, such as a random UUID: whoever repeats the request with it gets the hold token \
                    again. Same key, same booking, one effect; kept for 24 hours";
        self.header_parameter("Idempotency-Key", what, key_of(SECRET_KEY))
    }

    /// Open to everybody.
    pub(crate) fn public(self) -> Self {
        self.with(|operation| operation.securities(Some(Vec::<SecurityRequirement>::new())))
    }

    /// Open to everybody; operators may do more.
    pub(crate) fn public_or_operator(self) -> Self {
        self.operator().with(|operation| operation.security(SecurityRequirement::default()))
    }

    /// For the holder of a booking and for operators.
    pub(crate) fn holder(self) -> Self {
        self.with(|operation| operation.security(shown("holdToken")).security(shown("operatorKey")))
    }

    /// The same, where the hold token may also be in the body.
    pub(crate) fn holder_or_body(self) -> Self {
        self.holder().with(|operation| operation.security(SecurityRequirement::default()))
    }

    /// For operators.
    pub(crate) fn operator(self) -> Self {
        self.with(|operation| operation.security(shown("operatorKey")))
    }

    /// A body that must be there.
    pub(crate) fn body<T: ToSchema>(self) -> Self {
        self.taken::<T>(Required::True)
    }

    /// A body that may be absent.
    pub(crate) fn optional_body<T: ToSchema>(self) -> Self {
        self.taken::<T>(Required::False)
    }

    fn taken<T: ToSchema>(mut self, required: Required) -> Self {
        collect::<T>(&mut self.schemas);
        let body = RequestBodyBuilder::new().content("application/json", content_of::<T>()).required(Some(required));
        self.with(|operation| operation.request_body(Some(body.build())))
    }

    /// A body in JSON, with an example, or in CSV.
    pub(crate) fn body_or_csv<T: ToSchema>(mut self, example: Value) -> Self {
        collect::<T>(&mut self.schemas);
        let json = ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).example(Some(example)).build();
        let body = RequestBodyBuilder::new().content("application/json", json).content("text/csv", csv());
        let body = body.required(Some(Required::True)).build();
        self.with(|operation| operation.request_body(Some(body)))
    }

    /// An answer in JSON of either kind, or in CSV. Headers as below.
    pub(crate) fn either_or_csv<One: ToSchema, Other: ToSchema>(
        mut self,
        status: u16,
        what: &str,
        headers: &[&str],
    ) -> Self {
        collect::<One>(&mut self.schemas);
        collect::<Other>(&mut self.schemas);
        let either =
            OneOfBuilder::new().item(Ref::from_schema_name(One::name())).item(Ref::from_schema_name(Other::name()));
        let json = ContentBuilder::new().schema(Some(either)).build();
        let response = ResponseBuilder::new().description(what).content("application/json", json);
        self.answered(status, response.content("text/csv; charset=utf-8", csv()), headers)
    }

    /// An answer in JSON or in CSV.
    pub(crate) fn json_or_csv<T: ToSchema>(mut self, status: u16, what: &str) -> Self {
        collect::<T>(&mut self.schemas);
        let response = ResponseBuilder::new().description(what).content("application/json", content_of::<T>());
        self.answered(status, response.content("text/csv; charset=utf-8", csv()), &[])
    }

    /// An answer in JSON. Headers whose name ends with `?` may be absent.
    pub(crate) fn json<T: ToSchema>(mut self, status: u16, what: &str, headers: &[&str]) -> Self {
        collect::<T>(&mut self.schemas);
        let response = ResponseBuilder::new().description(what).content("application/json", content_of::<T>());
        self.answered(status, response, headers)
    }

    /// An answer whose body, if there is one, is not described. Headers as above.
    pub(crate) fn ok(self, status: u16, what: &str, headers: &[&str]) -> Self {
        self.answered(status, ResponseBuilder::new().description(what), headers)
    }

    /// Bytes. Headers as above.
    pub(crate) fn binary(self, status: u16, what: &str, headers: &[&str]) -> Self {
        let schema = ObjectBuilder::new().schema_type(SchemaType::AnyValue).content_media_type(BINARY);
        let content = ContentBuilder::new().schema(Some(schema)).build();
        self.answered(status, ResponseBuilder::new().description(what).content(BINARY, content), headers)
    }

    fn answered(self, status: u16, response: ResponseBuilder, headers: &[&str]) -> Self {
        let response = headers.iter().fold(response, |response, name| {
            response.header(name.trim_end_matches('?'), text_header(!name.ends_with('?')))
        });
        self.with(|operation| operation.response(status.to_string(), response))
    }

    /// The errors, by status; which codes they may have follows from it.
    pub(crate) fn problems(self, statuses: &[u16]) -> Self {
        let add = |operation: OperationBuilder, status: &u16| operation.response(status.to_string(), problem(*status));
        self.with(|operation| statuses.iter().fold(operation, add))
    }

    /// The operation with the answers that every resource has, and the schemas that it refers to.
    pub(crate) fn build(self) -> (Operation, Vec<NamedSchema>) {
        (headed(self.operation.build()), self.schemas)
    }
}

/// Adds a type's schema, and those that it refers to.
pub(crate) fn collect<T: ToSchema>(schemas: &mut Vec<NamedSchema>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn csv() -> Content {
    ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build()
}

fn content_of<T: ToSchema>() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).build()
}

/// Adds the answer to a client that has made too many requests.
pub(crate) fn limited(mut operation: Operation) -> Operation {
    let refusal = problem(429).header("RateLimit", text_header(false)).header("RateLimit-Policy", text_header(false));
    operation.responses.responses.insert("429".to_owned(), refusal.build().into());
    operation
}

/// Adds the answers to a head that is too large or does not arrive in time; every resource has them.
fn headed(mut operation: Operation) -> Operation {
    for status in [408, 431] {
        let refusal = problem(status).build().into();
        operation.responses.responses.entry(status.to_string()).or_insert(refusal);
    }
    operation
}

fn problem(status: u16) -> ResponseBuilder {
    let titles: Vec<_> =
        Code::ALL.iter().filter(|code| code.status().as_u16() == status).map(|code| code.title()).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new().description(titles.join("; ")).content(PROBLEM_JSON, content);
    match status {
        429 | 503 => response.header("Retry-After", number_header()),
        401 => response.header("WWW-Authenticate", text_header(true)),
        _ => response,
    }
}

/// Present in every such answer, unless marked `x-optional`.
fn text_header(always: bool) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String));
    if !always {
        header.extensions = Some(ExtensionsBuilder::new().add("x-optional", true).build());
    }
    header
}

/// A whole number, present in every such answer.
fn number_header() -> Header {
    Header::new(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_usize)))
}

fn optional(name: &str, place: ParameterIn, what: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(what))
        .schema(Some(schema))
        .build()
}

fn text_of(pattern: &str, characters: RangeInclusive<usize>) -> ObjectBuilder {
    key_of(pattern).min_length(Some(*characters.start())).max_length(Some(*characters.end()))
}

fn key_of(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

fn shown(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, Vec::<String>::new())
}
