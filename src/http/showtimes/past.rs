//! Past: a showtime as it stood at a time, or after one of its events.

use std::ops::ControlFlow;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::{RecordedEvent, Rejection, ShowtimeId, ShowtimeView, Timestamp};
use crate::http::caching::encoded_showtime::{EncodedShowtime, Form};
use crate::http::caching::representation::Coding;
use crate::http::history::journal;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::body;
use crate::http::request::query::{MOST_SEQUENCE, Query};
use crate::http::{AppState, credential};

/// How far the journal is followed.
#[derive(Clone, Copy)]
enum Until {
    /// To what was decided at this time.
    Time(Timestamp),
    /// To this event.
    Sequence(u64),
}

/// `GET /api/showtimes/{id}/past`
pub(super) async fn show(state: web::Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    credential::require_operator(&state, &request)?;
    let id = ShowtimeId(body::path_uuid(&request, "id")?);
    let query = Query::of(&request, &["time", "sequence"])?;
    let until = match (query.time("time")?, query.number("sequence", 1, MOST_SEQUENCE)?) {
        (Some(time), None) => Until::Time(time),
        (None, Some(sequence)) => Until::Sequence(sequence),
        (None, None) => return Err(wrong("time", "is missing; name a time or a sequence")),
        (Some(_), Some(_)) => return Err(wrong("sequence", "and time are both there; name one of them")),
    };
    let _place = journal::place(&state)?;
    let view = fold(&state, id, until).await?;
    let encoded = EncodedShowtime::of(&view, None);
    let encode = move || {
        let whole = encoded.form(Form::Whole);
        (whole.media_type(), whole.make(Coding::Identity, &|_coding| {}))
    };
    let (media_type, made) = web::block(encode).await.map_err(Problem::bug)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, media_type)).insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(response.body(made.bytes))
}

/// The showtime until then.
struct Past {
    view: Option<ShowtimeView>,
    /// A later event was met.
    is_over: bool,
}

async fn fold(state: &AppState, id: ShowtimeId, until: Until) -> Result<ShowtimeView, Problem> {
    let follow = move |past: &mut Past, recorded: RecordedEvent| {
        past.is_over = until.is_before(&recorded);
        if past.is_over {
            return ControlFlow::Break(());
        }
        match &mut past.view {
            Some(view) => view.follow(&recorded),
            None => past.view = ShowtimeView::scheduled(id, &recorded),
        }
        if past.view.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let begin = Past { view: None, is_over: false };
    let Past { view, is_over } = journal::fold(state, id, begin, follow).await?;
    match (view, until) {
        (None, _) if is_over => Err(wrong("time", "is before the showtime was created")),
        (None, _) if state.existence.ask(id).await? => {
            Err(Problem::new(Code::Internal, "a journal does not begin with its showtime"))
        }
        (None, _) => Err(Rejection::UnknownShowtime.into()),
        (Some(view), Until::Sequence(sequence)) if sequence > view.sequence => {
            let detail = format!("is after the last event, which has the sequence {}", view.sequence);
            Err(wrong("sequence", &detail))
        }
        (Some(view), Until::Sequence(_) | Until::Time(_)) => Ok(view),
    }
}

impl Until {
    fn is_before(self, recorded: &RecordedEvent) -> bool {
        match self {
            Self::Time(time) => recorded.recorded_at > time,
            Self::Sequence(sequence) => recorded.sequence > sequence,
        }
    }
}

fn wrong(parameter: &str, detail: &str) -> Problem {
    Problem::field(FieldError::parameter(parameter, detail))
}
