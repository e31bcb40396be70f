//! Places of areas and tariffs in a body, of reservations and exchanges; and how refusals name them.

use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::{AreaPlaces, Rejection, SeatSelection, Tariffs};
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::request::fields::{self, Fields, Object, Wrong};

/// Places of an area.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = AreaPlaces)]
#[expect(dead_code, reason = "describes what `read_area` reads")]
pub(super) struct AreaPlacesBody {
    /// The area, as the showtime names it.
    #[schema(min_length = 1, max_length = 40)]
    area_id: String,
    /// Number of places.
    #[schema(minimum = 1, maximum = 20)]
    quantity: u32,
    /// Key of their tariff, if the showtime has prices; absent: the first of the area's zone. Places at several tariffs are several entries.
    #[schema(min_length = 1, max_length = 40)]
    tariff: Option<String>,
}

/// An entry of `areas`, of at least so many places.
pub(super) fn read_area(value: &RawValue, least: u32) -> Result<AreaPlaces, Wrong> {
    let Some(mut object) = Object::of(value) else {
        return Err(("".into(), "must be an object with areaId and quantity".to_owned()));
    };
    let quantity = object.take("quantity").and_then(fields::whole_number);
    let mut text = |name: &str| match object.take(name) {
        None => Ok(None),
        Some(text) => serde_json::from_str::<String>(text.get())
            .map(Some)
            .map_err(|_kind| (format!("/{name}").into(), "must be a string".to_owned())),
    };
    let (area, tariff) = (text("areaId")?, text("tariff")?);
    if let Some((name, why)) = object.left_over().next() {
        return Err((fields::pointer(&name).into(), why.to_owned()));
    }
    let area = area.ok_or_else(|| ("/areaId".into(), "is missing".to_owned()))?;
    let most = SeatSelection::MAX_SEATS;
    let is_possible = |quantity: &u32| *quantity >= least && usize::try_from(*quantity).is_ok_and(|few| few <= most);
    let quantity = quantity.filter(is_possible);
    let quantity =
        quantity.ok_or_else(|| ("/quantity".into(), format!("must be a whole number from {least} to {most}")))?;
    let parsed = AreaPlaces::parse(&area, quantity, tariff.as_deref());
    parsed.map_err(|(member, error)| (format!("/{member}").into(), error.to_string()))
}

/// The chosen tariffs; `None` after noting what is wrong.
pub(super) fn read_tariffs(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let tariffs = fields.optional_list("tariffs", SeatSelection::MAX_SEATS, |value| {
        let key = serde_json::from_str::<String>(value.get());
        let key = key.map_err(|_kind| ("".into(), "must be a string".to_owned()))?;
        Tariffs::key(&key).map_err(|error| ("".into(), error.to_string()))
    });
    if tariffs.is_none() && fields.names("/tariffs") { None } else { Some(tariffs.unwrap_or_default()) }
}

/// The tariffs of so many places; `None` after noting that they are not as many.
pub(super) fn tariffs_of(tariffs: Vec<String>, places: usize, fields: &mut Fields<'_>) -> Option<Tariffs> {
    let count = tariffs.len();
    let made = Tariffs::new(tariffs, places);
    if made.is_none() {
        let detail = format!("has {count} tariffs for {places} places; one for each is needed, or one for all");
        fields.wrong("/tariffs".to_owned(), detail);
    }
    made
}

/// The problem, if what is wrong is an entry of `areas`. `have_tariffs`: tariffs were chosen for seats, too.
pub(super) fn refused_area(rejection: &Rejection, areas: &[AreaPlaces], have_tariffs: bool) -> Option<Problem> {
    let (code, pointer) = wrong_area(rejection, areas, have_tariffs)?;
    let detail = rejection.to_string();
    Some(Problem::new(code, detail.clone()).with_errors(vec![FieldError::pointer(pointer, detail)]))
}

fn wrong_area(rejection: &Rejection, areas: &[AreaPlaces], have_tariffs: bool) -> Option<(Code, String)> {
    if let Rejection::UnknownArea { area } = rejection {
        let position = areas.iter().position(|wanted| wanted.area_id() == area).unwrap_or_default();
        return Some((Code::UnknownSeats, format!("/areas/{position}/areaId")));
    }
    if let Rejection::UnknownTariff { tariff, place } | Rejection::OperatorsTariff { tariff, place } = rejection
        && place.in_area
        && let Some(pointer) = place_of_tariff(areas, tariff, Some(place.row.as_str()))
    {
        let is_unknown = matches!(rejection, Rejection::UnknownTariff { .. });
        let code = if is_unknown { Code::UnknownTariff } else { Code::OperatorsTariff };
        return Some((code, pointer));
    }
    if let Rejection::NoTariffs { tariff } = rejection
        && !have_tariffs
    {
        return place_of_tariff(areas, tariff, None).map(|pointer| (Code::UnknownTariff, pointer));
    }
    None
}

/// Where in the body a refused tariff is, of a place of an area, if its label is known; `None`: not among the areas.
fn place_of_tariff(areas: &[AreaPlaces], tariff: &str, area: Option<&str>) -> Option<String> {
    let is_it =
        |wanted: &AreaPlaces| wanted.tariff() == Some(tariff) && area.is_none_or(|area| area == wanted.area_id());
    // The usual tariff of an area may be for operators, too.
    let is_usual = |wanted: &AreaPlaces| wanted.tariff().is_none() && area == Some(wanted.area_id());
    let position = areas.iter().position(is_it).or_else(|| areas.iter().position(is_usual))?;
    Some(format!("/areas/{position}/tariff"))
}
