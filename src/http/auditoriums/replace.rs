//! Makes a new version of an auditorium, for operators.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::AuditoriumId;
use crate::http::auditoriums::answers::AuditoriumSummary;
use crate::http::auditoriums::create::name_in_plan;
use crate::http::auditoriums::format::{Format, stored_plan};
use crate::http::auditoriums::plan::{self, Plan, Wanted};
use crate::http::auditoriums::record::{NotRecorded, record};
use crate::http::auditoriums::show::unknown;
use crate::http::problem::{Code, Problem};
use crate::http::request::body;
use crate::http::request::query::Query;
use crate::http::{AppState, credential};
use crate::write_store::{AuditoriumHead, NewAuditorium, StoredAuditorium};

/// Most versions of one auditorium.
const MOST_VERSIONS: u32 = 10_000;
/// When to try again beyond that limit.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// `PUT /api/auditoriums/{id}`
pub(super) async fn replace(
    state: web::Data<AppState>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let id = AuditoriumId(body::path_uuid(&request, "id")?);
    let query = Query::of(&request, &["format", "name"])?;
    let format = Format::of(&query)?;
    let latest = state.auditoriums.auditorium_head(id, None).await.map_err(Arc::new)?.ok_or_else(unknown)?;
    require_version(request.headers(), latest.version)?;
    let name = match (format, query.get("name")) {
        (Format::Csv, name) => name.unwrap_or(&latest.name).to_owned(),
        (Format::Turnstile | Format::Pretix, None) => String::new(),
        (Format::Turnstile | Format::Pretix, Some(_)) => return Err(name_in_plan()),
    };
    let plan = plan::read(&state, &request, payload, Wanted { format, name, key: None }).await?;
    let stored = state.auditoriums.auditorium(id, Some(latest.version)).await.map_err(Arc::new)?;
    let stored = stored.ok_or_else(|| Problem::bug("a version of an auditorium is gone"))?;
    if stored.plan == plan.text {
        return Ok(answer(&latest));
    }
    if latest.version >= MOST_VERSIONS {
        let detail = format!("the auditorium has {MOST_VERSIONS} versions, as many as there may be");
        return Err(Problem::new(Code::QuotaExceeded, detail).retry_after(RETRY_AFTER));
    }
    let (plan, keeps_seats) = web::block(move || {
        let keeps_seats = plan.house.keeps_seats_of(&stored_plan(&stored.plan)?);
        Ok::<_, Problem>((plan, keeps_seats))
    })
    .await
    .map_err(Problem::bug)??;
    let head = next_version(&state, &latest, &plan, keeps_seats);
    let stored = StoredAuditorium { head: head.clone(), plan: plan.text.clone() };
    match record(&state, NewAuditorium { stored, idempotency: None }).await {
        Ok(()) => Ok(answer(&head)),
        Err(NotRecorded::Conflict) => Err(changed("another version was made at the same time")),
        Err(NotRecorded::KnownKey) => Err(Problem::bug("a key is known that was not sent")),
        Err(NotRecorded::Failed(problem)) => Err(problem),
    }
}

fn next_version(state: &AppState, latest: &AuditoriumHead, plan: &Plan, keeps_seats: bool) -> AuditoriumHead {
    let version = latest.version + 1;
    AuditoriumHead {
        id: latest.id,
        version,
        seats_since: if keeps_seats { latest.seats_since } else { version },
        name: plan.house.name().to_owned(),
        seat_count: plan.house.seat_count(),
        place_count: plan.house.place_count(),
        recorded_at: (state.clock)(),
    }
}

/// `If-Match` (RFC 9110, section 13.1.1) must name the latest version, in whichever format it was read. Weak tags match nothing; `*` matches
/// every version.
fn require_version(headers: &HeaderMap, version: u32) -> Result<(), Problem> {
    let mut lines = headers.get_all(header::IF_MATCH).peekable();
    if lines.peek().is_none() {
        return Err(Problem::new(
            Code::VersionRequired,
            "name the version that you have read in If-Match, such as \"1\"",
        ));
    }
    let known = [Format::Turnstile, Format::Pretix, Format::Csv].map(|format| format.tag(version));
    let is_latest = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim);
    let mut is_latest = is_latest.map(|tag| tag == "*" || known.iter().any(|known| known == tag));
    if is_latest.any(|is_latest| is_latest) {
        return Ok(());
    }
    Err(changed(&format!("the latest version is \"{version}\"")))
}

fn changed(detail: &str) -> Problem {
    Problem::new(Code::VersionChanged, format!("{detail}; read it, and make the change again"))
}

fn answer(head: &AuditoriumHead) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, Format::Turnstile.tag(head.version)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(AuditoriumSummary::from(head))
}
