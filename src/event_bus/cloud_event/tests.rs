//! What is encoded is decoded, and nothing else is.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    CancelReason, Orphans, PaymentReference, Row, SeatId, SeatMap, SeatStatus, Stamp, TakenSeat, Terms, TimeZone,
    UserId,
};

fn showtime() -> impl Strategy<Value = ShowtimeId> {
    any::<u128>().prop_map(|id| ShowtimeId(Uuid::from_u128(id)))
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis()).prop_map(Timestamp::from_millis)
}

fn terms() -> impl Strategy<Value = Terms> {
    let limits = (prop::option::of(1..20_u32), prop::option::of(any::<u32>()), prop::option::of(any::<u32>()));
    let zone =
        prop::sample::select(vec!["Europe/Berlin", "America/St_Johns"]).prop_map(|name| TimeZone::parse(name).unwrap());
    (prop::option::of(timestamp()), prop::option::of(timestamp()), limits, prop::option::of(zone)).prop_map(
        |(on_sale_from, on_sale_until, (places_per_booking, places_per_customer, hold_seconds), time_zone)| Terms {
            auditorium: None,
            prices: None,
            on_sale_from,
            on_sale_until,
            places_per_booking,
            places_per_customer,
            holds_without_sale: places_per_booking,
            hold_seconds,
            orphans: if on_sale_from.is_some() { Orphans::Refuse } else { Orphans::Allow },
            accessible_for_all_from: on_sale_until,
            time_zone,
        },
    )
}

fn money(amount: i64) -> crate::domain::Money {
    serde_json::from_value(serde_json::json!({"currency": "EUR", "amount": amount})).unwrap()
}

fn event() -> impl Strategy<Value = Event> {
    let booking = any::<u128>().prop_map(|id| BookingId(Uuid::from_u128(id)));
    let seats = prop::collection::vec(any::<u128>().prop_map(|id| SeatId(Uuid::from_u128(id))), 0..4);
    let rows = prop::collection::btree_set("[A-Z]{1,3}", 1..4)
        .prop_map(|labels| SeatMap::new(labels.into_iter().map(|row| Row::numbered(row, 3)).collect()).unwrap());
    prop_oneof![
        (".{0,20}", timestamp(), rows.clone(), terms()).prop_map(|(movie_title, start_time, rows, terms)| {
            Event::ShowtimeScheduled { movie_title, start_time, rows, terms }
        }),
        (".{0,20}", timestamp(), terms(), prop::option::of(rows)).prop_map(|(movie_title, start_time, terms, rows)| {
            Event::ShowtimeChanged { movie_title, start_time, terms, rows }
        }),
        ".{1,20}".prop_map(|reason| Event::ShowtimeCancelled { reason: CancelReason::stored(reason) }),
        (booking.clone(), seats.clone(), "[^\\p{Cc}\\s]{1,20}", timestamp()).prop_map(
            |(booking_id, seat_ids, user, expires_at)| Event::SeatsReserved {
                booking_id,
                seat_ids,
                user_id: UserId::stored(user),
                expires_at,
                price: None,
                from_blocks: Vec::new(),
            }
        ),
        (booking.clone(), seats.clone(), timestamp()).prop_map(|(booking_id, seat_ids, expires_at)| {
            Event::HoldExtended { booking_id, seat_ids, expires_at }
        }),
        (booking.clone(), seats.clone(), "[^\\p{Cc}\\s]{1,20}", prop::option::of("[a-z]{1,9}")).prop_map(
            |(booking_id, seat_ids, reference, late_for)| {
                let (payment_reference, late_for) = (PaymentReference::stored(reference), late_for.map(UserId::stored));
                Event::BookingConfirmed { booking_id, seat_ids, payment_reference, late_for }
            }
        ),
        (booking.clone(), seats.clone(), "[^\\p{Cc}\\s]{1,20}").prop_map(|(booking_id, seat_ids, reference)| {
            let taken = |seat_id| TakenSeat { seat_id, status: SeatStatus::Sold };
            let (taken, refund) = (seat_ids.into_iter().map(taken).collect(), PaymentReference::stored(reference));
            Event::PaymentRefused { booking_id, taken, refund }
        }),
        (booking.clone(), seats.clone(), prop::option::of((".{1,20}", ".{1,20}"))).prop_map(
            |(booking_id, seat_ids, ended)| {
                let (reason, refund) = ended.unzip();
                let (reason, refund) = (reason.map(CancelReason::stored), refund.map(PaymentReference::stored));
                let refund_amount = refund.as_ref().map(|_payment| money(4_500));
                Event::BookingCancelled { booking_id, seat_ids, reason, refund, refund_amount }
            }
        ),
        (booking.clone(), seats.clone(), prop::option::of((".{1,20}", ".{1,20}"))).prop_map(
            |(booking_id, seat_ids, refunded)| {
                let (reason, refund) = refunded.unzip();
                let (reason, refund) = (reason.map(CancelReason::stored), refund.map(PaymentReference::stored));
                let refund_amount = refund.as_ref().map(|_payment| money(0));
                Event::SeatsReleased { booking_id, seat_ids, reason, refund, refund_amount }
            }
        ),
        (booking.clone(), seats.clone(), any::<bool>(), prop::option::of(timestamp())).prop_map(
            |(booking_id, seat_ids, confirmed, held_since)| Event::BookingChanged {
                booking_id,
                seat_ids,
                confirmed,
                price: None,
                difference: confirmed.then(|| money(-1_500)),
                held_since,
                from_blocks: vec![],
            },
        ),
        (booking, seats).prop_map(|(booking_id, seat_ids)| Event::HoldExpired { booking_id, seat_ids }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let last_start = u64::try_from(i64::MAX).unwrap() - 8;
    let events = prop::collection::vec((event(), timestamp()), 1..6);
    (showtime(), 1..=last_start, events, prop::option::of("00-[0-9a-f]{32}-[0-9a-f]{16}-01")).prop_map(
        |(showtime, first, events, traceparent)| {
            let events = (first..)
                .zip(events)
                .map(|(sequence, (event, recorded_at))| {
                    let (stamp, follows) = (Stamp(!sequence), Stamp(!(sequence - 1)));
                    RecordedEvent { sequence, recorded_at, stamp, follows, event }
                })
                .collect();
            Message { run: EventRun::new(showtime, events).unwrap().into(), traceparent }
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(message in message()) {
        prop_assert_eq!(decode(&body([&message])).unwrap(), [message]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_damaged_message_never_panics_and_never_passes_for_another_showtime(
        message in message(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = body([&message]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(decoded) = decode(&bytes) {
            // A damaged trace begins another message of the same showtime.
            prop_assert!(decoded.iter().all(|decoded| decoded.run.showtime_id() == message.run.showtime_id()));
            prop_assert_eq!(decoded[0].run.first_sequence(), message.run.first_sequence());
        }
    }

    #[test]
    fn sequences_sort_as_texts(a in 1..u64::MAX, b in 1..u64::MAX) {
        prop_assert_eq!(a.cmp(&b), sequence_text(a).cmp(&sequence_text(b)));
    }
}

fn body<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<u8> {
    encode(messages).unwrap().body
}

fn sample() -> Message {
    let showtime = ShowtimeId(Uuid::from_u128(0x1f));
    let booking_id = BookingId(Uuid::from_u128(7));
    let seat_ids = vec![SeatId::new(showtime, 3)];
    let events = vec![
        RecordedEvent {
            sequence: 41,
            recorded_at: Timestamp::from_millis(0),
            stamp: Stamp(0xa5),
            follows: Stamp(u64::MAX),
            event: Event::BookingCancelled {
                booking_id,
                seat_ids: seat_ids.clone(),
                reason: None,
                refund: None,
                refund_amount: None,
            },
        },
        RecordedEvent {
            sequence: 42,
            recorded_at: Timestamp::from_millis(5),
            stamp: Stamp(0xa6),
            follows: Stamp(0xa5),
            event: Event::HoldExpired { booking_id, seat_ids },
        },
    ];
    let traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    Message { run: EventRun::new(showtime, events).unwrap().into(), traceparent }
}

#[test]
fn the_wire_form_is_the_one_that_is_promised() {
    let message = sample();
    let json: serde_json::Value = serde_json::from_slice(&body([&message])).unwrap();
    let seat = SeatId::new(message.run.showtime_id(), 3);
    let expected = serde_json::json!({
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-00000000001f:41",
        "source": "/showtimes/00000000-0000-0000-0000-00000000001f",
        "type": "turnstile.BookingCancelled",
        "subject": "00000000-0000-0000-0000-000000000007",
        "time": "1970-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "partitionkey": "00000000-0000-0000-0000-00000000001f",
        "sequence": "00000000000000000041",
        "stamp": "00000000000000a5",
        "follows": "ffffffffffffffff",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {
            "type": "BookingCancelled",
            "bookingId": "00000000-0000-0000-0000-000000000007",
            "seatIds": [seat],
        },
    });
    assert_eq!(json[0], expected);
    assert_eq!(message_id(&message.run), "00000000-0000-0000-0000-00000000001f:41");
    assert_eq!(encode([&message]).unwrap().content_type, "application/cloudevents-batch+json");
    let mixed = ["showtime.15.Mixed", "showtime.15.BookingCancelled", "showtime.15.HoldExpired"];
    assert_eq!(routing_keys([&message]), mixed);
    let alone = EventRun::new(message.run.showtime_id(), vec![message.run.events()[1].clone()]).unwrap();
    let alone = Message { run: alone.into(), traceparent: None };
    assert_eq!(routing_keys([&alone]), ["showtime.15.HoldExpired"]);
    assert_eq!(routing_keys([&alone, &alone]), ["showtime.15.HoldExpired"]);
    assert_eq!(routing_keys([&alone, &message]), mixed);
    let encoded = encode([&alone]).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        (encoded.content_type, &json["type"]),
        ("application/cloudevents+json", &"turnstile.HoldExpired".into())
    );
    assert_eq!(decode(&encoded.body).unwrap(), [alone]);
}

#[test]
fn messages_of_several_showtimes_share_a_body_and_are_parted_again() {
    let first = sample();
    let other = ShowtimeId(Uuid::from_u128(0x2f));
    let second = Message { run: EventRun::new(other, first.run.events().to_vec()).unwrap().into(), traceparent: None };
    let messages = [first, second];
    assert_eq!(decode(&body(&messages)).unwrap(), messages);
}

#[test]
fn every_lie_is_named() {
    let lies = [
        ("specversion", "0.3"),
        ("id", "00000000-0000-0000-0000-00000000001f:43"),
        ("type", "turnstile.SeatsReserved"),
        ("subject", "00000000-0000-0000-0000-000000000008"),
        ("datacontenttype", "text/plain"),
        ("partitionkey", "00000000-0000-0000-0000-00000000002f"),
        ("sequence", "42"),
        ("sequence", "00000000000000000000"),
        ("sequence", "18446744073709551615"),
    ];
    for (attribute, value) in lies {
        let mut json: serde_json::Value = serde_json::from_slice(&body([&sample()])).unwrap();
        json[1][attribute] = value.into();
        let error = decode(json.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("event 1: {attribute} is")), "{attribute}: {error}");
    }
    // Another source begins another message, which must be true in itself.
    let mut foreign: serde_json::Value = serde_json::from_slice(&body([&sample()])).unwrap();
    foreign[1]["source"] = "/showtimes/00000000-0000-0000-0000-00000000002f".into();
    let error = decode(foreign.to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("event 1: partitionkey is"), "{error}");
    let mut gap: serde_json::Value = serde_json::from_slice(&body([&sample()])).unwrap();
    gap[1]["sequence"] = "00000000000000000043".into();
    gap[1]["id"] = "00000000-0000-0000-0000-00000000001f:43".into();
    assert!(matches!(decode(gap.to_string().as_bytes()), Err(DecodeError::Gap)));
    assert!(matches!(decode(b"[]"), Err(DecodeError::Empty)));
    let mut unknown: serde_json::Value = serde_json::from_slice(&body([&sample()])).unwrap();
    unknown[0]["surprise"] = 1.into();
    assert!(decode(unknown.to_string().as_bytes()).unwrap_err().to_string().contains("surprise"));
}
