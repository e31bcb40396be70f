//! The plan of an auditorium, in any format.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use crate::domain::AuditoriumId;
use crate::http::AppState;
use crate::http::auditoriums::format::Format;
use crate::http::caching::representation::matches;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::body;
use crate::http::request::query::Query;
use crate::write_store::AuditoriumHead;

/// Highest version that may be asked for: stores keep it as a signed number of 32 bits.
pub(super) const MOST_VERSION: u64 = 0x7FFF_FFFF;

/// `GET /api/auditoriums/{id}`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = AuditoriumId(body::path_uuid(&request, "id")?);
    let query = Query::of(&request, &["version", "format"])?;
    let format = Format::of(&query)?;
    let version = query.number("version", 1, MOST_VERSION)?.and_then(|version| u32::try_from(version).ok());
    let head = head(&state, id, version).await?;
    let tag = HeaderValue::from_str(&format.tag(head.version)).map_err(Problem::bug)?;
    if matches(request.headers(), &tag) {
        let mut response = HttpResponse::NotModified();
        return Ok(response
            .insert_header((header::ETAG, tag))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .finish());
    }
    let key = (id, head.version, head.recorded_at, format.as_str());
    let body =
        state.plans.get(key, async || made(&state, id, head.version, format).await).await?.ok_or_else(unknown)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, tag)).insert_header((header::CACHE_CONTROL, "no-cache"));
    Ok(response.insert_header((header::CONTENT_TYPE, format.content_type())).body(body))
}

/// The head of a version, the latest if none is named.
pub(super) async fn head(state: &AppState, id: AuditoriumId, version: Option<u32>) -> Result<AuditoriumHead, Problem> {
    state.auditoriums.auditorium_head(id, version).await.map_err(Arc::new)?.ok_or_else(|| match version {
        None => unknown(),
        Some(_) => Problem::new(Code::UnknownAuditorium, "the auditorium is unknown, or has no such version")
            .with_errors(vec![FieldError::parameter("version", "names no version of an auditorium")]),
    })
}

async fn made(state: &AppState, id: AuditoriumId, version: u32, format: Format) -> Result<Option<Bytes>, Problem> {
    let Some(stored) = state.auditoriums.auditorium(id, Some(version)).await.map_err(Arc::new)? else {
        return Ok(None);
    };
    let body = match format {
        Format::Turnstile => format.write(stored.plan)?,
        Format::Pretix | Format::Csv => web::block(move || format.write(stored.plan)).await.map_err(Problem::bug)??,
    };
    Ok(Some(Bytes::from(body)))
}

/// No auditorium has the id in the path.
pub(super) fn unknown() -> Problem {
    Problem::new(Code::UnknownAuditorium, "no auditorium has this id")
        .with_errors(vec![FieldError::parameter("id", "names no auditorium")])
}
