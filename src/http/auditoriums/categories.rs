//! The categories of an auditorium alone, for seat maps: a plan may be long, and a showtime's layout has only the keys.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::AuditoriumId;
use crate::domain::auditorium::{Category, Colour};
use crate::http::AppState;
use crate::http::auditoriums::format::stored_plan;
use crate::http::auditoriums::show::{MOST_VERSION, head, unknown};
use crate::http::caching::representation::matches;
use crate::http::problem::Problem;
use crate::http::request::body;
use crate::http::request::query::Query;

/// What this is called among the forms of a plan that are kept.
const FORM: &str = "categories";

/// The categories of an auditorium.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditoriumCategories)]
pub(super) struct CategoriesAnswer<'a> {
    /// What the auditorium is called.
    name: &'a str,
    /// Its categories, in the order of its plan.
    categories: Vec<CategoryAnswer<'a>>,
}

/// A category of places, which prices go by.
#[derive(Serialize, ToSchema)]
#[schema(as = Category)]
struct CategoryAnswer<'a> {
    /// What seats and prices name it by.
    key: &'a str,
    /// What people read.
    name: &'a str,
    /// How it is drawn, as `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    colour: Option<&'a str>,
}

/// `GET /api/auditoriums/{id}/categories`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let id = AuditoriumId(body::path_uuid(&request, "id")?);
    let query = Query::of(&request, &["version"])?;
    let version = query.number("version", 1, MOST_VERSION)?.and_then(|version| u32::try_from(version).ok());
    let head = head(&state, id, version).await?;
    let tag = HeaderValue::from_str(&format!("\"{}-{FORM}\"", head.version)).map_err(Problem::bug)?;
    let known = matches(request.headers(), &tag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, tag)).insert_header((header::CACHE_CONTROL, "no-cache"));
    if known {
        return Ok(response.finish());
    }
    let key = (id, head.version, head.recorded_at, FORM);
    let body = state.plans.get(key, async || made(&state, id, head.version).await).await?.ok_or_else(unknown)?;
    Ok(response.content_type("application/json").body(body))
}

async fn made(state: &AppState, id: AuditoriumId, version: u32) -> Result<Option<Bytes>, Problem> {
    let Some(stored) = state.auditoriums.auditorium(id, Some(version)).await.map_err(Arc::new)? else {
        return Ok(None);
    };
    let written = web::block(move || {
        let house = stored_plan(&stored.plan)?;
        let answer = CategoriesAnswer { name: house.name(), categories: house.categories().iter().map(told).collect() };
        serde_json::to_vec(&answer).map_err(Problem::bug)
    });
    Ok(Some(Bytes::from(written.await.map_err(Problem::bug)??)))
}

fn told(category: &Category) -> CategoryAnswer<'_> {
    CategoryAnswer { key: &category.key, name: &category.name, colour: category.colour.as_ref().map(Colour::as_str) }
}
