//! Wire: requests as bytes, made with as few copies as the client library allows, and what is read of a reservation's answer.

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::Full;
use hyper::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, Request, Uri};
use serde::Deserialize;
use uuid::Uuid;

use crate::domain::{BookingId, HoldToken, SeatId, Timestamp};
use crate::loadtest::house::House;
use crate::loadtest::workload::Asking;

/// `POST /api/bookings`
const BOOKINGS: &str = "/api/bookings";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// What a request is that was made but not sent.
pub type Outgoing = Request<Full<Bytes>>;

/// A reservation's answer, as far as it is needed.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct GrantAnswer<'a> {
    /// The new booking.
    pub booking_id: BookingId,
    /// Its seats.
    pub seat_ids: Vec<SeatId>,
    /// The hold's deadline.
    pub expires_at: Timestamp,
    /// The holder's secret.
    #[serde(borrow)]
    pub hold_token: &'a str,
    /// Sequence of the change.
    pub sequence: u64,
}

/// The answer to a confirmation or a cancellation, as far as it is needed.
#[derive(Deserialize, Debug)]
pub struct ChangeAnswer {
    /// Sequence of the change.
    pub sequence: u64,
}

/// A reservation of these seats, or of as many others as the house gives. `in_path` names the showtime in the path too, for balancers that go by it.
pub fn reserve(house: &House, seats: &[u32], user: &str, in_path: bool) -> Outgoing {
    let mut body = BytesMut::with_capacity(house.opening.len() + 39 * seats.len() + user.len() + 16);
    body.put_slice(&house.opening);
    match house.asking {
        Asking::Named => put_ids(&mut body, house, seats),
        Asking::Best | Asking::Area => body.put_slice(seats.len().to_string().as_bytes()),
    }
    body.put_slice(house.closing.as_bytes());
    body.put_slice(b",\"userId\":\"");
    body.put_slice(user.as_bytes());
    body.put_slice(b"\"}");
    let uri = if in_path { house.bookings.clone() } else { Uri::from_static(BOOKINGS) };
    post(uri, body.freeze())
}

fn put_ids(body: &mut BytesMut, house: &House, seats: &[u32]) {
    let mut buffer = Uuid::encode_buffer();
    let ids = seats.iter().filter_map(|index| house.seats.get(usize::try_from(*index).unwrap_or(usize::MAX)));
    for (position, seat) in ids.enumerate() {
        body.put_slice(if position == 0 { b"\"" } else { b",\"" });
        body.put_slice(seat.0.as_hyphenated().encode_lower(&mut buffer).as_bytes());
        body.put_u8(b'"');
    }
}

/// `GET` without a body.
pub fn get(uri: Uri) -> Outgoing {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = uri;
    request
}

/// `GET` by somebody who may take gzip and may have an earlier answer.
pub fn read(uri: Uri, gzip: bool, tag: Option<&HeaderValue>) -> Outgoing {
    let mut request = get(uri);
    if gzip {
        request.headers_mut().insert(ACCEPT_ENCODING, GZIP);
    }
    if let Some(tag) = tag {
        request.headers_mut().insert(IF_NONE_MATCH, tag.clone());
    }
    request
}

/// `POST` of JSON.
pub fn post(uri: Uri, body: Bytes) -> Outgoing {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    request
}

/// A command about a booking, shown with its hold token.
pub fn command(booking: BookingId, token: &HoldToken, command: &str, body: Bytes) -> Option<Outgoing> {
    let uri = Uri::try_from(format!("{BOOKINGS}/{booking}/{command}")).ok()?;
    bearing(post(uri, body), &token.expose())
}

/// `GET` of a booking, by its holder.
pub fn booking(booking: BookingId, token: &HoldToken) -> Option<Outgoing> {
    bearing(get(Uri::try_from(format!("{BOOKINGS}/{booking}")).ok()?), &token.expose())
}

/// Shows a secret with a request; `None` if it is not fit for a header.
pub fn bearing(mut request: Outgoing, secret: &str) -> Option<Outgoing> {
    let mut value = HeaderValue::try_from(format!("Bearer {secret}")).ok()?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Some(request)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::ShowtimeId;

    #[tokio::test]
    async fn a_reservation_is_the_json_of_the_contract() {
        let id = ShowtimeId(Uuid::from_u128(7));
        let house = House::derived(id, vec![5]).unwrap();
        let request = reserve(&house, &[4, 1], "c3", false);
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/api/bookings"));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let seats = [SeatId::new(id, 4), SeatId::new(id, 1)];
        assert_eq!(body, json!({ "showtimeId": id, "seatIds": seats, "userId": "c3" }));
        for (asking, member, wanted) in [
            (Asking::Best, "bestAvailable", json!({"quantity": 2, "together": "preferred"})),
            (Asking::Area, "areas", json!([{"areaId": "\"Standing\"", "quantity": 2}])),
        ] {
            let request = reserve(&house.clone().asked(asking, Some("\"Standing\"")), &[4, 1], "c3", false);
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body, json!({ "showtimeId": id, member: wanted, "userId": "c3" }));
        }
        assert_eq!(reserve(&house, &[0], "c3", true).uri().path(), format!("/api/showtimes/{id}/bookings"));
    }
}
