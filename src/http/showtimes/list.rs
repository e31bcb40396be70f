//! The list of showtimes by start time, page by page, filtered.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{MAX_SEATS_PER_SHOWTIME, ShowtimeFilter, ShowtimeId, ShowtimeSummary, Timestamp, TitleSearch};
use crate::http::AppState;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::query::Query;
use crate::http::showtimes::answers::SummaryAnswer;
use crate::http::showtimes::seat_maps::unreadable;
use crate::read_model::PageStart;

/// What a cursor looks like: 24 bytes in base64 for URLs.
pub(super) const CURSOR: &str = "^[A-Za-z0-9_-]{32}$";
/// Characters of a cursor.
pub(super) const CURSOR_CHARACTERS: usize = 32;
/// The parameters of one page. The cursor of a later page says what `past` said.
const PAGE: [&str; 3] = ["limit", "cursor", "past"];
/// The parameters that hold on every page.
const FILTERS: [&str; 5] = ["title", "from", "to", "onSale", "available"];
/// Showtimes that are read at once to be filtered. All filters share them.
const READ_AT_ONCE: usize = 500;
/// Showtimes that are read for one page at most. A page ends there, though it may have room, and its cursor goes on.
const MOST_READ: usize = 5_000;

/// A page of the list of showtimes, ordered by start time, then id.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShowtimePage)]
pub(super) struct PageAnswer {
    /// The showtimes.
    items: Vec<SummaryAnswer>,
    /// Where the next page begins, as `?cursor=`; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// What a client asks for.
struct Wanted {
    /// Most showtimes on the page.
    limit: u64,
    start: PageStart,
    /// The first start that is listed.
    from: Option<Timestamp>,
    /// The first start that is not listed any more.
    to: Option<Timestamp>,
    filter: ShowtimeFilter,
}

/// `GET /api/showtimes`
pub(super) async fn list(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let query = Query::of(&request, &[PAGE.as_slice(), FILTERS.as_slice()].concat())?;
    let wanted = Wanted::read(&query, (state.clock)(), state.settings.page_showtimes)?;
    let place = if wanted.filter.wants_all() { None } else { Some(state.long_reads.try_acquire()) };
    let _place = place.transpose().map_err(|_full| busy())?;
    let read = async |start, count| state.looks.list(start, count).await.map_err(|error| unreadable(&error));
    let (found, next) = page(&wanted, read).await?;
    let items = found.iter().map(SummaryAnswer::from).collect();
    let next_cursor = next.map(|(start_time, id)| cursor(start_time, id));
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(next) = &next_cursor {
        response.insert_header((header::LINK, link(&query, wanted.limit, next)));
    }
    Ok(response.json(PageAnswer { items, next_cursor }))
}

impl Wanted {
    fn read(query: &Query<'_>, now: Timestamp, most: u64) -> Result<Self, Problem> {
        let limit = query.number("limit", 1, most)?.unwrap_or(most.min(50));
        let past = query.flag("past")?;
        let title = query.parsed("title", TitleSearch::parse)?;
        let (from, to) = (query.time("from")?, query.time("to")?);
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(Problem::field(FieldError::parameter("to", "must be after from")));
        }
        let on_sale_at = query.flag("onSale")?.then_some(now);
        let available = query.number("available", 1, u64::from(MAX_SEATS_PER_SHOWTIME))?.unwrap_or(0);
        let place =
            query.parsed("cursor", |text| read_cursor(text).ok_or("is not a cursor that this server has given out"))?;
        let beginning = match place {
            None if past => None,
            None => before(whole_seconds(now)),
            Some(place) => Some(place),
        };
        let filter = ShowtimeFilter { title, on_sale_at, available: u32::try_from(available).unwrap_or(u32::MAX) };
        // What starts in the second before is read, too, and left out: so requests share what they read.
        let start = beginning.max(from.and_then(|from| before(whole_seconds(from))));
        Ok(Self { limit, start, from, to, filter })
    }
}

fn busy() -> Problem {
    Problem::new(Code::Overloaded, "other filtered lists are being read")
}

/// The showtimes of the page, and where the next page begins, if there may be one. `read` reads up to so many showtimes after a place.
async fn page(
    wanted: &Wanted,
    read: impl AsyncFn(PageStart, usize) -> Result<Arc<Vec<ShowtimeSummary>>, Problem>,
) -> Result<(Vec<ShowtimeSummary>, PageStart), Problem> {
    let size = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let at_once = if wanted.filter.wants_all() { size.saturating_add(1) } else { READ_AT_ONCE };
    let (mut found, mut start, mut looked_at) = (Vec::new(), wanted.start, 0);
    while looked_at < MOST_READ {
        let part = read(start, at_once).await?;
        for showtime in part.iter() {
            if wanted.to.is_some_and(|to| showtime.listing.start_time >= to) {
                return Ok((found, None));
            }
            let is_early = wanted.from.is_some_and(|from| showtime.listing.start_time < from);
            if !is_early && wanted.filter.wants(showtime) {
                if found.len() == size {
                    return Ok((found, start));
                }
                found.push(showtime.clone());
            }
            start = Some(place(showtime));
        }
        if part.len() < at_once {
            return Ok((found, None));
        }
        looked_at += part.len();
    }
    Ok((found, start))
}

/// The same list from the next page on.
fn link(query: &Query<'_>, limit: u64, next: &str) -> String {
    let mut parameters = url::form_urlencoded::Serializer::new(String::new());
    parameters.append_pair("limit", &limit.to_string()).append_pair("cursor", next);
    parameters.extend_pairs(FILTERS.iter().filter_map(|name| Some((name, query.get(name)?))));
    format!("</api/showtimes?{}>; rel=\"next\"", parameters.finish())
}

fn place(showtime: &ShowtimeSummary) -> (Timestamp, ShowtimeId) {
    (showtime.listing.start_time, showtime.id)
}

/// Right before the showtimes that start at `time`.
fn before(time: Timestamp) -> PageStart {
    (time > Timestamp::MIN).then(|| (Timestamp::from_millis(time.as_millis() - 1), ShowtimeId(Uuid::max())))
}

/// So that requests of the same second share one call.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.as_millis().div_euclid(1_000) * 1_000)
}

/// Opaque to clients: start time and id of the last line, so that a page begins right after it, whatever was added since.
fn cursor(start_time: Timestamp, id: ShowtimeId) -> String {
    let mut bytes = start_time.as_millis().to_be_bytes().to_vec();
    bytes.extend_from_slice(id.0.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Every text of a cursor's form is a place in the order. A start time out of range counts as the first or the last one.
fn read_cursor(text: &str) -> Option<(Timestamp, ShowtimeId)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (time, id) = bytes.split_first_chunk::<8>()?;
    let time = Timestamp::from_millis(i64::from_be_bytes(*time));
    Some((time, ShowtimeId(Uuid::from_slice(id).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Listing, Stamp};

    /// So many showtimes, one a second; each third is "Metropolis".
    fn house(count: i64) -> Vec<ShowtimeSummary> {
        let made = (0..count).map(|number| ShowtimeSummary {
            id: ShowtimeId(Uuid::from_u128(9)),
            listing: Arc::new(Listing::new(
                if number % 3 == 0 { "Metropolis" } else { "M" },
                Timestamp::from_millis(number * 1_000),
            )),
            sequence: 1,
            stamp: Stamp(1),
            seats: 1,
            available: 1,
        });
        made.collect()
    }

    fn titled(text: &str) -> ShowtimeFilter {
        ShowtimeFilter { title: Some(TitleSearch::parse(text).unwrap()), ..ShowtimeFilter::default() }
    }

    /// Pages to the end: how many showtimes each has.
    async fn pages(house: &[ShowtimeSummary], mut wanted: Wanted) -> Vec<usize> {
        let mut lengths = Vec::new();
        loop {
            let read = async |start: PageStart, count: usize| {
                let after = house.iter().filter(|showtime| Some(place(showtime)) > start);
                Ok(Arc::new(after.take(count).cloned().collect()))
            };
            let (found, next) = page(&wanted, read).await.unwrap();
            assert!(found.iter().all(|showtime| wanted.filter.wants(showtime)));
            lengths.push(found.len());
            if next.is_none() {
                return lengths;
            }
            assert!(next > wanted.start, "a page goes on");
            wanted.start = next;
        }
    }

    #[tokio::test]
    async fn a_page_ends_with_its_limit_its_time_or_the_showtimes_looked_at() {
        let house = house(10_001);
        let wanted = |limit, filter| Wanted { limit, start: None, from: None, to: None, filter };
        assert_eq!(pages(&house[..7], wanted(3, ShowtimeFilter::default())).await, [3, 3, 1]);
        assert_eq!(pages(&house[..6], wanted(3, ShowtimeFilter::default())).await, [3, 3]);
        assert_eq!(pages(&house[..7], wanted(2, titled("metropolis"))).await, [2, 1]);
        assert_eq!(pages(&house, wanted(200, titled("nosferatu"))).await, [0, 0, 0]);
        assert_eq!(pages(&house, wanted(4_000, titled("metropolis"))).await, [1_667, 1_667, 0]);
        let until = |to| Wanted { to: Some(Timestamp::from_millis(to)), ..wanted(3, ShowtimeFilter::default()) };
        assert_eq!(pages(&house, until(4_000)).await, [3, 1]);
        assert_eq!(pages(&house, until(4_001)).await, [3, 2]);
        assert_eq!(pages(&house, until(0)).await, [0]);
        let from = Some(Timestamp::from_millis(1_500));
        let early = Wanted { from, ..until(4_000) };
        assert_eq!(pages(&house, early).await, [2], "what is read to share it is left out");
    }

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let place = (Timestamp::from_millis(-5), ShowtimeId(Uuid::from_u128(9)));
        assert_eq!(read_cursor(&cursor(place.0, place.1)), Some(place));
        for wrong in ["", "x", "AAAA", &"A".repeat(64), "!!!!", &URL_SAFE_NO_PAD.encode(&[0xff; 24][..23])] {
            assert_eq!(read_cursor(wrong), None, "{wrong}");
        }
        let mut beyond = i64::MAX.to_be_bytes().to_vec();
        beyond.extend_from_slice(&[0; 16]);
        let beyond = URL_SAFE_NO_PAD.encode(beyond);
        assert_eq!(read_cursor(&beyond), Some((Timestamp::MAX, ShowtimeId(Uuid::nil()))));
        assert_eq!(beyond.len(), CURSOR_CHARACTERS);
    }
}
