//! Areas: shown with what is left, sold by quantity, alone or with seats, in every answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::http::{is_problem, names};
use crate::services;
use crate::stack::{Answer, Held, Server, Stack};

fn plan() -> Value {
    json!({"name": "Hall", "focalPoint": {"x": 0, "y": -100},
    "categories": [{"key": "gold", "name": "Gold"}, {"key": "floor", "name": "Floor"}],
    "sections": [{"name": "Stalls", "rows": [{"label": "A", "count": 4, "category": "gold"}]}],
    "areas": [
        {"label": "Standing", "capacity": 5, "category": "floor", "x": -50, "y": 20, "width": 100, "height": 60},
        {"label": "Wiese 🌿", "capacity": 3}]})
}

fn prices() -> Value {
    json!({"currency": "EUR", "zones": [
        {"category": "gold", "tariffs": [{"key": "full", "amount": 5000}]},
        {"category": "floor", "tariffs": [{"key": "full", "amount": 3000}, {"key": "child", "amount": 1000}]},
        {"tariffs": [{"key": "full", "amount": 2000}]}]})
}

async fn showtime(server: &Server, plan: &Value, terms: Value) -> Answer {
    let made = server.send(server.as_operator(Method::POST, "/api/auditoriums").json(plan)).await.unwrap();
    let mut body = json!({"movieTitle": "M", "startTime": "2030-01-01T20:00:00Z", "auditoriumId": made.body["id"]});
    body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    server.post("/api/showtimes", &body).await
}

async fn reserve(server: &Server, showtime: &str, wanted: Value) -> Answer {
    let mut body = json!({"userId": "ada"});
    body.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
    server.post(&format!("/api/showtimes/{showtime}/bookings"), &body).await
}

fn seat_ids(answer: &Answer) -> Vec<Value> {
    answer.body["seatIds"].as_array().unwrap().clone()
}

/// The same on every profile; every other command comes to the other node.
async fn a_hall_is_sold(server: &Server, other: &Server) {
    let created = showtime(server, &plan(), json!({"prices": prices()})).await;
    assert_eq!((created.status, &created.body["seats"]), (201, &json!(12)), "{created:?}");
    let id = created.body["id"].as_str().unwrap();
    let path = format!("/api/showtimes/{id}");
    let shown = other.get(&format!("{path}?minSequence=1")).await;
    let areas = |standing: u32, lawn: u32| {
        json!([{"areaId": "Standing", "label": "Standing", "capacity": 5, "category": "floor", "available": standing},
            {"areaId": "Wiese 🌿", "label": "Wiese 🌿", "capacity": 3, "available": lawn}])
    };
    assert_eq!(shown.body["areas"], areas(5, 3));
    let seats = shown.body["seats"].as_array().unwrap();
    let place = json!({"seatId": seats[5]["seatId"], "area": "Standing", "row": "Standing", "number": 2, "category": "floor",
        "status": "Available"});
    assert_eq!((seats.len(), &seats[5]), (12, &place));
    assert_eq!(seats[3].get("area"), None);
    let layout = other.get(&format!("{path}/layout")).await;
    let drawn = json!({"areaId": "Standing", "label": "Standing", "capacity": 5, "category": "floor", "firstSeat": 4,
        "x": -5000, "y": 12_000, "width": 10_000, "height": 6000});
    assert_eq!(layout.body["areas"][0], drawn, "{layout:?}");
    assert_eq!(
        layout.body["areas"][1],
        json!({"areaId": "Wiese 🌿", "label": "Wiese 🌿", "capacity": 3, "firstSeat": 9})
    );
    assert_eq!(layout.body["rows"][2], json!({"row": "Wiese 🌿", "seats": 3, "area": {}}));

    let wanted = json!({"seatIds": [seats[1]["seatId"]], "areas": [
        {"areaId": "Standing", "quantity": 1, "tariff": "child"}, {"areaId": "Standing", "quantity": 2},
        {"areaId": "Wiese 🌿", "quantity": 1}]});
    let held = reserve(server, id, wanted).await;
    assert_eq!(held.status, 201, "{held:?}");
    let ids = seat_ids(&held);
    let price = ids.iter().zip([("full", 5000), ("child", 1000), ("full", 3000), ("full", 3000), ("full", 2000)]);
    let price: Vec<Value> =
        price.map(|(id, (tariff, amount))| json!({"seatId": id, "tariff": tariff, "amount": amount})).collect();
    assert_eq!(held.body["price"], json!({"currency": "EUR", "total": 14_000, "places": price}));
    assert_eq!((ids.len(), &ids[0]), (5, &seats[1]["seatId"]));
    let after = other.get(&format!("{path}?minSequence=2")).await;
    assert_eq!(after.body["areas"], areas(2, 2));

    let refused =
        reserve(other, id, json!({"seatId": seats[0]["seatId"], "areas": [{"areaId": "Standing", "quantity": 3}]}))
            .await;
    is_problem(&refused, 409, "too-few-places");
    assert_eq!(refused.body["message"], "area Standing: 3 places are wanted, 2 are left");
    assert_eq!((&refused.body["areaId"], &refused.body["left"]), (&json!("Standing"), &json!(2)));
    let wanted =
        json!({"userId": "ada", "bestAvailable": {"quantity": 1}, "areas": [{"areaId": "Wiese 🌿", "quantity": 2}]});
    let preview = other.post(&format!("{path}/bookings?preview=true"), &wanted).await;
    assert_eq!((preview.status, &preview.body["price"]["total"]), (200, &json!(9000)), "{preview:?}");
    assert_eq!(preview.body["choice"], "Stalls row A 1, no single seat left");
    let best = json!({"bestAvailable": {"quantity": 2}, "areas": [{"areaId": "Standing", "quantity": 2}]});
    let both = reserve(other, id, best).await;
    assert_eq!((both.status, &both.body["choice"]), (201, &json!("Stalls row A 3-4, together, no single seat left")));
    let taken = reserve(server, id, json!({"seatId": ids[1]})).await;
    is_problem(&taken, 409, "seats-taken");
    let said = taken.body["message"].as_str().unwrap();
    assert!(said.starts_with("place Standing ") && said.ends_with(" is taken"), "{said}");

    // Confirmed, refunded in part by its places' ids, and sold again.
    let booking = Held::from(&held.body);
    assert_eq!(other.confirm(&booking, &format!("payment for {id}")).await.status, 200);
    let refund = format!("/api/bookings/{}/refund", booking.booking_id);
    let refunded =
        server.send(server.as_operator(Method::POST, &refund).json(&json!({"seatIds": ids[1..3]}))).await.unwrap();
    assert_eq!((refunded.status, seat_ids(&refunded).len()), (200, 3), "{refunded:?}");
    let exchange = json!({"add": [ids[1]], "remove": [ids[4]]});
    let path = format!("/api/bookings/{}/seats", booking.booking_id);
    let exchanged = other.send(other.as_operator(Method::POST, &path).json(&exchange)).await.unwrap();
    assert_eq!(
        (exchanged.status, &exchanged.body["price"]["total"]),
        (200, &json!(5000 + 3000 + 3000)),
        "{exchanged:?}"
    );
    let last = reserve(server, id, json!({"areas": [{"areaId": "Standing", "quantity": 1}]})).await;
    assert_eq!((last.status, seat_ids(&last)), (201, vec![ids[2].clone()]));
    let sequence = last.body["sequence"].as_u64().unwrap();
    let shown = other.get(&format!("/api/showtimes/{id}?minSequence={sequence}")).await;
    assert_eq!(shown.body["areas"], areas(0, 3));
    assert_eq!(other.get("/api/showtimes?limit=200&available=4&title=M").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hall_with_areas_is_sold_on_the_embedded_profile() {
    let stack = Stack::embedded();
    let server = stack.start();
    a_hall_is_sold(&server, &server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hall_with_areas_is_sold_on_two_nodes() {
    let stack = Stack::real(services::shared()).await;
    let (one, other) = (stack.start(), stack.start());
    a_hall_is_sold(&one, &other).await;
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_without_seats_is_sold_and_a_repeated_request_is_the_same() {
    let stack = Stack::embedded();
    let server = stack.start();
    let field = json!({"name": "Field", "sections": [], "areas": [{"label": "Lawn", "capacity": 200_000}]});
    let created = showtime(&server, &field, json!({"placesPerCustomer": 25})).await;
    assert_eq!((created.status, &created.body["seats"]), (201, &json!(200_000)), "{created:?}");
    let id = created.body["id"].as_str().unwrap();
    let once = async |quantity: u32| {
        let body = json!({"showtimeId": id, "areas": [{"areaId": "Lawn", "quantity": quantity}], "userId": "eve"});
        let request = server.request(Method::POST, "/api/bookings").json(&body);
        server.send(request.header("Idempotency-Key", "a secret of the client's")).await.unwrap()
    };
    let (one, again) = (once(20).await, once(20).await);
    assert_eq!((one.status, again.status), (201, 201), "{one:?}");
    for member in ["bookingId", "holdToken", "seatIds"] {
        assert_eq!(one.body[member], again.body[member], "{member}");
    }
    assert_eq!(again.body["replayed"], true);
    is_problem(&once(19).await, 422, "idempotency-key-reused");
    let more = reserve(&server, id, json!({"areas": [{"areaId": "Lawn", "quantity": 6}], "userId": "eve"})).await;
    is_problem(&more, 409, "customer-limit");
    is_problem(&reserve(&server, id, json!({"bestAvailable": {"quantity": 1}})).await, 409, "too-few-seats");
    let shown = server.get(&format!("/api/showtimes/{id}?minSequence=2")).await;
    assert_eq!(shown.body["areas"][0]["available"], 199_980);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_wish_for_places_is_named() {
    let stack = Stack::embedded();
    let server = stack.start();
    let created = showtime(&server, &plan(), json!({"prices": prices()})).await;
    let id = created.body["id"].as_str().unwrap();
    let seats = server.seats(id, 1).await;
    let seat = &seats[0].0;
    let one = json!([{"areaId": "Standing", "quantity": 1}]);
    for (wanted, pointers) in [
        (json!({"areas": []}), &["/areas"][..]),
        (json!({"areas": null}), &["/seatIds"]),
        (json!({"areas": {}}), &["/areas"]),
        (json!({"areas": [7]}), &["/areas/0"]),
        (json!({"areas": [{}]}), &["/areas/0/areaId"]),
        (json!({"areas": [{"areaId": "Standing"}]}), &["/areas/0/quantity"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 0}]}), &["/areas/0/quantity"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 21}]}), &["/areas/0/quantity"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": "2"}]}), &["/areas/0/quantity"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 2, "row": 1}]}), &["/areas/0/row"]),
        (json!({"areas": [{"areaId": 7, "quantity": 2}]}), &["/areas/0/areaId"]),
        (json!({"areas": [{"areaId": "", "quantity": 2}]}), &["/areas/0/areaId"]),
        (json!({"areas": [{"areaId": "Stand\u{200B}ing", "quantity": 2}]}), &["/areas/0/areaId"]),
        (json!({"areas": [{"areaId": "x".repeat(41), "quantity": 2}]}), &["/areas/0/areaId"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 2, "tariff": "\n"}]}), &["/areas/0/tariff"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 2, "tariff": "dog"}]}), &["/areas/0/tariff"]),
        (
            json!({"areas": [{"areaId": "Standing", "quantity": 2}, {"areaId": "standing", "quantity": 2}]}),
            &["/areas/1/areaId"],
        ),
        (json!({"areas": vec![one[0].clone(); 21]}), &["/areas"]),
        (json!({"areas": [{"areaId": "Standing", "quantity": 20}], "seatId": seat}), &["/areas"]),
        (json!({"areas": one, "seatIds": []}), &["/seatIds"]),
        (json!({"areas": one, "seatIds": [seat, "x"]}), &["/seatIds/1"]),
        (json!({"areas": one, "seatIds": [seat, seat]}), &["/seatIds/1"]),
        (json!({"areas": one, "seatId": uuid::Uuid::new_v4()}), &["/seatId"]),
        (json!({"areas": one, "bestAvailable": {"quantity": 0}}), &["/bestAvailable"]),
        (json!({"areas": one, "tariffs": ["full"]}), &["/tariffs"]),
        (json!({"areas": [1], "seatIds": 7, "tariffs": 7}), &["/areas/0", "/seatIds", "/tariffs"]),
    ] {
        let answer = reserve(&server, id, wanted.clone()).await;
        assert_eq!(answer.status, 400, "{wanted}: {answer:?}");
        names(&answer, "pointer", pointers);
    }
    let unpriced = server.schedule(1).await.0;
    let refused = reserve(&server, &unpriced, json!({"areas": one})).await;
    is_problem(&refused, 400, "unknown-seats");
    assert_eq!(refused.body["message"], "there is no area \"Standing\" in this showtime");
}
