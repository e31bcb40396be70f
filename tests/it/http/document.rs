//! The OpenAPI document: complete, sound in itself, and able to find a wrong answer.

use std::collections::HashSet;

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::http::contract::Contract;
use crate::stack::Stack;

fn ours() -> Contract {
    Contract::of(serde_json::from_str(turnstile::http::openapi_document()).unwrap())
}

/// Every `$ref` below a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn it_is_version_3_1_and_every_reference_leads_somewhere() {
    let contract = ours();
    let document = contract.document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut found = Vec::new();
    references(document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        contract.validator(schema).unwrap_or_else(|error| panic!("schema {name}: {error}"));
        assert!(jsonschema::draft202012::meta::is_valid(schema), "schema {name} is no JSON Schema");
    }
}

#[test]
fn operations_are_named_once_and_declare_their_path_parameters() {
    let contract = ours();
    let mut names = HashSet::new();
    for (path, item) in contract.document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            let none = Vec::new();
            let declared: Vec<_> = operation["parameters"].as_array().unwrap_or(&none).iter().collect();
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let part = part.trim_end_matches('}');
                let known =
                    declared.iter().any(|one| one["in"] == "path" && one["name"] == part && one["required"] == true);
                assert!(known, "{method} {path} does not declare {part}");
            }
        }
    }
}

#[test]
fn every_resource_of_the_contract_is_described() {
    let contract = ours();
    for (method, path) in [
        ("get", "/api/bookings"),
        ("post", "/api/bookings"),
        ("get", "/api/bookings/{id}"),
        ("post", "/api/bookings/{id}/confirm"),
        ("post", "/api/bookings/{id}/cancel"),
        ("post", "/api/bookings/{id}/extend"),
        ("post", "/api/bookings/{id}/refund"),
        ("post", "/api/bookings/{id}/seats"),
        ("get", "/api/showtimes"),
        ("post", "/api/showtimes"),
        ("get", "/api/showtimes/{id}"),
        ("get", "/api/showtimes/{id}/layout"),
        ("get", "/api/showtimes/{id}/status"),
        ("post", "/api/showtimes/{id}/bookings"),
        ("get", "/api/showtimes/{id}/blocks"),
        ("post", "/api/showtimes/{id}/blocks"),
        ("delete", "/api/showtimes/{id}/blocks/{blockId}"),
        ("post", "/api/showtimes/{id}/blocks/{blockId}/seats"),
        ("get", "/api/refusals/{requestId}"),
        ("get", "/api/dead-letters"),
        ("post", "/api/dead-letters/replay"),
        ("get", "/api/nodes"),
        ("get", "/api/auditoriums"),
        ("post", "/api/auditoriums"),
        ("get", "/api/auditoriums/{id}"),
        ("put", "/api/auditoriums/{id}"),
        ("get", "/api/auditoriums/{id}/categories"),
        ("get", "/schemas/auditorium-1.json"),
        ("post", "/hub/bookings/negotiate"),
        ("get", "/hub/bookings"),
        ("get", "/ws/showtimes/{id}"),
        ("get", "/livez"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/openapi.json"),
        ("get", "/asyncapi.json"),
    ] {
        assert!(contract.document()["paths"][path][method].is_object(), "{method} {path} is missing");
    }
}

/// Answers and document are made from the same types, so renaming a member changes both: the names are held here.
#[test]
fn the_members_of_the_contract_keep_their_names() {
    let contract = ours();
    for (schema, members) in [
        (
            "Reservation",
            "areas bestAvailable blockId channelKey paymentReference seatId seatIds showtimeId tariffs userId",
        ),
        ("ReservationHere", "areas bestAvailable blockId channelKey paymentReference seatId seatIds tariffs userId"),
        ("AreaPlaces", "areaId quantity tariff"),
        ("BestAvailable", "accessible category companions quantity section together"),
        ("Confirmation", "holdToken paymentReference"),
        ("SeatExchange", "add areas blockId channelKey holdToken remove tariffs"),
        ("AreaTotal", "areaId quantity tariff"),
        ("Refund", "reason seatIds"),
        (
            "BookingOutcome",
            "bookingId difference expiresAt expiresInSeconds message price refund refundAmount replayed seatIds sequence showtimeId status",
        ),
        (
            "Reserved",
            "bookingId choice difference expiresAt expiresInSeconds holdToken message price refund refundAmount replayed seatIds sequence showtimeId status",
        ),
        (
            "Booking",
            "bookingId cancelReason expiresAt expiresInSeconds paymentReference price refundedSeatIds refusedPayment reservedAt seatIds sequence showtimeId status userId",
        ),
        (
            "NewShowtime",
            "accessibleForAllFrom auditoriumId auditoriumVersion holdSeconds holdsWithoutSale movieTitle onSaleFrom onSaleUntil orphans placesPerBooking placesPerCustomer prices rows startTime timeZone",
        ),
        (
            "ShowtimeChange",
            "accessibleForAllFrom auditoriumVersion holdSeconds holdsWithoutSale movieTitle onSaleFrom onSaleUntil orphans placesPerBooking placesPerCustomer prices startTime timeZone",
        ),
        ("Cancellation", "reason"),
        (
            "ShowtimeOutcome",
            "accessibleForAllFrom auditorium cancelled holdSeconds holdsWithoutSale id movieTitle onSaleFrom onSaleUntil orphans placesPerBooking placesPerCustomer prices sequence startTime startTimeLocal timeZone",
        ),
        ("Row", "row seats"),
        (
            "Showtime",
            "accessibleForAllFrom areas auditorium cancelled holdSeconds holdsWithoutSale id movieTitle onSaleFrom onSaleUntil orphans placesPerBooking placesPerCustomer prices seats sequence startTime startTimeLocal timeZone",
        ),
        (
            "Layout",
            "accessibleForAllFrom areas auditorium cancelled holdSeconds holdsWithoutSale id movieTitle onSaleFrom onSaleUntil orphans placesPerBooking placesPerCustomer prices rows seatIdPrefix startTime startTimeLocal timeZone",
        ),
        ("Area", "areaId available capacity category label"),
        ("LayoutArea", "areaId capacity category firstSeat height label width x y"),
        ("Seat", "area category kind label number row seatId section status"),
        ("LayoutRow", "aisleAfter area categories indices labels row seats section special x y"),
        ("AuditoriumVersion", "id version"),
        ("Prices", "currency zones"),
        ("PriceZone", "category tariffs"),
        ("Tariff", "amount key name operatorsOnly"),
        ("BookingPrice", "currency places total"),
        ("PlacePrice", "amount seatId tariff"),
        ("Money", "amount currency"),
        (
            "ShowtimeSummary",
            "accessibleForAllFrom auditorium available cancelled holdSeconds holdsWithoutSale id movieTitle onSaleFrom onSaleUntil orphans placesPerBooking placesPerCustomer prices seats sequence startTime startTimeLocal timeZone",
        ),
        ("ShowtimePage", "items nextCursor"),
        ("AuditoriumSummary", "id name places seats seatsSince updatedAt version"),
        ("AuditoriumPage", "items nextCursor"),
        ("Auditorium", "$schema areas categories focalPoint name sections"),
        ("NewBlock", "channel reason seatIds type until"),
        ("NewChannel", "key name"),
        ("Block", "blockId channel reason replayed seatIds sequence showtimeId status type until"),
        ("BlockPage", "items nextCursor"),
        ("BlockRelease", "remove"),
        ("Readiness", "dependencies status"),
        ("Dependency", "detail required status"),
        ("BookingPage", "items nextCursor"),
        ("Report", "areas categories channels sections sequence showtimeId tariffs total"),
        ("Tally", "available blocked key reserved revenue sold"),
        ("EventPage", "items nextAfter"),
        ("RecordedEvent", "event recordedAt sequence"),
        ("Refusals", "items requestId"),
        ("Refusal", "bookingId method path problem refusedAt retryAfterSeconds showtimeId userId"),
        ("DeadLetters", "items total"),
        ("DeadLetter", "buriedAt events messageId reason routingKey"),
        ("EventRange", "firstSequence lastSequence showtimeId"),
        ("DeadLetterReplay", "left replayed"),
        ("Nodes", "items"),
        ("Node", "address dependencies heardAt host nodeId startedAt status version"),
        ("Alternative", "choice seatIds"),
        ("ReservationPreview", "choice price seatIds sequence showtimeId"),
        ("BookingInTheWay", "blockType bookingId seats status userId"),
        ("Conflict", "label number reason row seatId section yours"),
        ("FieldError", "detail header parameter pointer"),
        (
            "Problem",
            "alternatives areaId bookingId bookingStatus bookings code conflicts dependencies detail errors expiredAt instance left limit longest message most onSaleFrom onSaleUntil \
             reason sequence showtimeId startedAt status title traceId type until",
        ),
    ] {
        let mut found = Vec::new();
        members_of(&contract, &contract.document()["components"]["schemas"][schema], &mut found);
        found.sort_unstable();
        assert_eq!(found.join(" "), members, "{schema}");
    }
    for (schema, words) in [
        ("BookingStatus", json!(["Pending", "Confirmed", "Cancelled", "Expired"])),
        ("BlockStatus", json!(["Blocked", "Ended"])),
        ("SeatStatus", json!(["Available", "Reserved", "Sold", "Blocked"])),
        ("ConflictReason", json!(["Reserved", "Sold", "Locked"])),
    ] {
        assert_eq!(contract.document()["components"]["schemas"][schema]["enum"], words, "{schema}");
    }
}

/// The names of a schema's members, those of the schemas that it is put together from included.
fn members_of(contract: &Contract, schema: &Value, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        members_of(contract, contract.document().pointer(&reference[1..]).unwrap(), found);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        members_of(contract, part, found);
    }
    found.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
}

/// The recorder itself: what it lets pass would pass in every test.
#[test]
fn the_recorder_finds_wrong_answers() {
    let contract = ours();
    let json_header = |value: &'static str| {
        HeaderMap::from_iter([("content-type".parse().unwrap(), HeaderValue::from_static(value))])
    };
    let seat = json!({"seatId": "11111111-1111-1111-1111-111111111111", "row": "A", "number": 1, "status": "Sold"});
    let showtime = json!({"id": "11111111-1111-1111-1111-111111111111", "movieTitle": "M", "startTime": "2030-01-01T20:00:00Z",
        "sequence": 1, "seats": [seat]});
    let mut headers = json_header("application/json");
    headers.insert("etag", HeaderValue::from_static("\"x\""));
    headers.insert("vary", HeaderValue::from_static("Accept-Encoding"));
    let check = |status, headers: &HeaderMap, body: &Value| {
        contract.check("GET", "/api/showtimes/x?minSequence=1", status, headers, body)
    };
    assert_eq!(check(200, &headers, &showtime), Ok(()));
    assert!(check(200, &json_header("application/json"), &showtime).unwrap_err().contains("Vary"));
    assert!(check(200, &json_header("text/plain"), &showtime).is_err());
    assert!(check(418, &headers, &showtime).unwrap_err().contains("418"));
    let wrong = |pointer: &str, value: Value| {
        let mut showtime = showtime.clone();
        *showtime.pointer_mut(pointer).unwrap() = value;
        assert!(check(200, &headers, &showtime).is_err(), "{pointer} passed: {showtime}");
    };
    wrong("/id", json!("1"));
    wrong("/startTime", json!("tomorrow"));
    wrong("/sequence", json!("1"));
    wrong("/sequence", json!(-1));
    wrong("/seats/0/status", json!("Locked"));
    wrong("/seats/0/number", json!(0));
    wrong("/movieTitle", Value::Null);
    let mut more = showtime.clone();
    more["secret"] = json!(1);
    assert!(check(200, &headers, &more).is_err(), "an undocumented member passed");
    let problem = json!({"type": "/problems/unknown-showtime", "title": "t", "status": 404, "detail": "d", "message": "d",
        "code": "unknown-showtime", "instance": "/x", "traceId": "1"});
    assert_eq!(check(404, &json_header("application/problem+json"), &problem), Ok(()));
    assert!(check(404, &json_header("application/json"), &problem).is_err());
    let mut unknown = problem.clone();
    unknown["code"] = json!("made-up");
    assert!(check(404, &json_header("application/problem+json"), &unknown).is_err());
    assert!(contract.check("GET", "/nowhere", 404, &json_header("text/html"), &json!("")).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_serves_it_and_the_program_prints_it() {
    let stack = Stack::embedded();
    let server = stack.start();
    let answer = server.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(&answer.body, ours().document());
    let printed = stack.run(&["openapi"]).await;
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), answer.body);
}

/// What the server enforces stands in the document, in a form that tells good requests from bad ones.
#[test]
fn the_document_tells_good_bodies_from_bad_ones() {
    let contract = ours();
    let check = |schema: &str, body: &Value, good: bool| {
        let validator = contract.validator(&json!({"$ref": format!("#/components/schemas/{schema}")})).unwrap();
        assert_eq!(validator.is_valid(body), good, "{schema}: {body}");
    };
    let id = "11111111-1111-1111-1111-111111111111";
    let here = |body: Value, good| check("ReservationHere", &body, good);
    here(json!({"seatIds": [id], "userId": "u"}), true);
    here(json!({"seatId": id, "userId": "u", "seatIds": null}), true);
    here(json!({"seatId": id, "seatIds": [id], "userId": "u"}), false);
    here(json!({"userId": "u"}), false);
    let places = |area: &str, quantity: u32| json!([{"areaId": area, "quantity": quantity}]);
    here(json!({"areas": places("Standing", 2), "userId": "u"}), true);
    here(json!({"areas": places("Standing", 2), "seatIds": [id], "userId": "u"}), true);
    here(json!({"areas": places("Standing", 2), "bestAvailable": {"quantity": 2}, "userId": "u"}), true);
    here(json!({"areas": places("Standing", 2), "bestAvailable": {"quantity": 2}, "seatId": id, "userId": "u"}), false);
    here(json!({"bestAvailable": {"quantity": 2}, "userId": "u"}), true);
    for wrong in [places("Standing", 0), places("Standing", 21), places(" ", 2), places("\u{200B}", 2), json!([])] {
        here(json!({"areas": wrong, "userId": "u"}), false);
    }
    here(json!({"areas": [{"areaId": "Standing", "quantity": 2, "row": 1}], "userId": "u"}), false);
    here(json!({"seatIds": [], "userId": "u"}), false);
    here(json!({"seatIds": [id, id], "userId": "u"}), false);
    here(json!({"seatIds": [id], "userId": "u", "price": 1}), false);
    for (user, good) in [("Zoë 😀", true), (" ", false), ("u\u{200B}", false), ("u\u{E0001}", false), ("u\n", false)]
    {
        here(json!({"seatIds": [id], "userId": user}), good);
    }
    check("Reservation", &json!({"seatIds": [id], "userId": "u"}), false);
    check("Reservation", &json!({"showtimeId": id, "seatIds": [id], "userId": "u"}), true);
    check("HolderProof", &json!({"seatIds": [id]}), false);
    check("Confirmation", &json!({"paymentReference": "p", "holdToken": null}), true);
    check("SeatExchange", &json!({"add": [id], "remove": null}), true);
    check("SeatExchange", &json!({"add": [id, id]}), false);
    check("SeatExchange", &json!({"areas": places("Standing", 0), "tariffs": null}), true);
    check("SeatExchange", &json!({"areas": places("Standing", 21)}), false);
    check("Refund", &json!({"seatIds": [id], "reason": "broken"}), true);
    check("Refund", &json!({"seatIds": [], "reason": "broken"}), false);
    check("Refund", &json!({"reason": "broken\u{200B}"}), false);
}

#[test]
fn keys_limits_and_who_may_are_in_the_document() {
    let contract = ours();
    let paths = &contract.document()["paths"];
    let schema = |path: &str, method: &str, name: &str| {
        let parameters = paths[path][method]["parameters"].as_array().unwrap();
        parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["schema"].clone()
    };
    let limit = schema("/api/showtimes", "get", "limit");
    assert_eq!((&limit["minimum"], &limit["maximum"]), (&json!(1), &json!(200)));
    assert_eq!(schema("/api/showtimes/{id}", "get", "minSequence")["minimum"], 0);
    let fits = |schema: &Value, key: &str| contract.validator(schema).unwrap().is_valid(&json!(key));
    let secret = schema("/api/bookings", "post", "Idempotency-Key");
    let key = schema("/api/bookings/{id}/cancel", "post", "Idempotency-Key");
    for (text, secret_fits, key_fits) in [
        ("0123456789abcdef", true, true),
        ("\"0123456789abcdef\"", true, true),
        ("0123456789abcde", false, true),
        ("\"0123456789abcde\"", false, true),
        ("\"0123456789abcdef", false, false),
        ("", false, false),
    ] {
        assert_eq!((fits(&secret, text), fits(&key, text)), (secret_fits, key_fits), "{text}");
    }
    for item in paths.as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            assert!(operation["security"].is_array(), "{}", operation["operationId"]);
            for status in ["400", "408", "431"] {
                assert!(operation["responses"][status].is_object(), "{} has no {status}", operation["operationId"]);
            }
            let mut parameters = operation["parameters"].as_array().into_iter().flatten();
            if parameters.any(|parameter| parameter["name"] == "Idempotency-Key") {
                assert!(operation["responses"]["422"].is_object(), "{} has no 422", operation["operationId"]);
            }
        }
    }
    assert_eq!(paths["/api/showtimes"]["post"]["security"], json!([{"operatorKey": []}]));
    assert_eq!(contract.document()["servers"][0]["url"], "/");
}
