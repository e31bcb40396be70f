//! Object: JSON read as it arrives, member by member, so that every wrong one is named and nothing is kept that is not needed.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::domain::auditorium::builder::Builder;
use crate::domain::auditorium::fault::{Step, shortened};
use crate::domain::auditorium::json::scalar::{Scalar, Value, point};
use crate::domain::auditorium::parts::Point;

/// Something that a value is read into. What it does not expect is named as wrong and skipped.
pub(in crate::domain::auditorium) trait Shape<'de>: Sized {
    /// What it expects: "a list".
    const EXPECTED: &'static str;

    /// Reads an object.
    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        skip_object(map)?;
        self.scalar(builder, Scalar::Object);
        Ok(())
    }

    /// Reads a list.
    fn list<S: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut S) -> Result<(), S::Error> {
        skip_list(list)?;
        self.scalar(builder, Scalar::List);
        Ok(())
    }

    /// Takes anything else.
    fn scalar(self, builder: &mut Builder, value: Scalar) {
        builder.faults.add(&[], format!("must be {}, not {}", Self::EXPECTED, value.kind()));
    }
}

/// Reads a value into a shape, with the builder at hand.
pub(in crate::domain::auditorium) struct Read<'a, S>(
    pub(in crate::domain::auditorium) &'a mut Builder,
    pub(in crate::domain::auditorium) S,
);

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for Read<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Shape<'de>> Visitor<'de> for Read<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(S::EXPECTED)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.1.scalar(self.0, Scalar::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, _value: bool) -> Result<(), E> {
        self.1.scalar(self.0, Scalar::Bool);
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.1.scalar(self.0, Scalar::Number(value));
        Ok(())
    }

    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "numbers beyond 2^53 are refused anyway")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "numbers beyond 2^53 are refused anyway")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<(), E> {
        self.1.scalar(self.0, Scalar::Text(value));
        Ok(())
    }

    fn visit_seq<L: SeqAccess<'de>>(self, mut list: L) -> Result<(), L::Error> {
        self.1.list(self.0, &mut list)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        self.1.object(self.0, &mut map)
    }
}

/// Keeps a value if it is a scalar, and that it was one if not.
struct Keep<'x>(&'x mut Value);

impl Shape<'_> for Keep<'_> {
    const EXPECTED: &'static str = "a value";

    fn scalar(self, _builder: &mut Builder, value: Scalar) {
        *self.0 = Some(value);
    }
}

/// A point, as an object with x and y.
pub(in crate::domain::auditorium) struct PointOf<'x>(pub(in crate::domain::auditorium) &'x mut Option<Point>);

impl<'de> Shape<'de> for PointOf<'_> {
    const EXPECTED: &'static str = "an object with x and y";

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        let (mut x, mut y) = (None, None);
        members(builder, map, &["x", "y"], |builder, map, member| {
            keep(builder, map, if member == "x" { &mut x } else { &mut y })
        })?;
        *self.0 = point((x, y), ("x", "y"), &mut builder.faults);
        Ok(())
    }
}

/// The next member's value.
pub(in crate::domain::auditorium) fn keep<'de, M: MapAccess<'de>>(
    builder: &mut Builder,
    map: &mut M,
    into: &mut Value,
) -> Result<(), M::Error> {
    map.next_value_seed(Read(builder, Keep(into)))
}

/// A shape that need not be there: `null` counts as absent.
struct OrAbsent<S>(S);

impl<'de, S: Shape<'de>> Shape<'de> for OrAbsent<S> {
    const EXPECTED: &'static str = S::EXPECTED;

    fn object<M: MapAccess<'de>>(self, builder: &mut Builder, map: &mut M) -> Result<(), M::Error> {
        self.0.object(builder, map)
    }

    fn list<L: SeqAccess<'de>>(self, builder: &mut Builder, list: &mut L) -> Result<(), L::Error> {
        self.0.list(builder, list)
    }

    fn scalar(self, builder: &mut Builder, value: Scalar) {
        if value != Scalar::Null {
            self.0.scalar(builder, value);
        }
    }
}

/// The next member's value, read into a shape; its faults stand below the member.
pub(in crate::domain::auditorium) fn below<'de, M: MapAccess<'de>, S: Shape<'de>>(
    builder: &mut Builder,
    map: &mut M,
    name: &'static str,
    shape: S,
) -> Result<(), M::Error> {
    builder.faults.enter(Step::Name(name));
    map.next_value_seed(Read(builder, OrAbsent(shape)))?;
    builder.faults.leave();
    Ok(())
}

/// Reads all members of an object by `read`, which must take the value. A member that is there twice or not known is named and skipped.
pub(in crate::domain::auditorium) fn members<'de, M, F>(
    builder: &mut Builder,
    map: &mut M,
    names: &'static [&'static str],
    mut read: F,
) -> Result<(), M::Error>
where
    M: MapAccess<'de>,
    F: FnMut(&mut Builder, &mut M, &'static str) -> Result<(), M::Error>,
{
    let mut seen = 0_u32;
    while let Some(member) = map.next_key_seed(Name(names))? {
        match member {
            Member::Known(position, name) if seen & (1 << position) == 0 => {
                seen |= 1 << position;
                read(builder, map, name)?;
            }
            Member::Known(_, name) => {
                builder.faults.member(name, "is there more than once");
                map.next_value::<IgnoredAny>()?;
            }
            Member::Unknown(_) if builder.skips_unknown() => {
                map.next_value::<IgnoredAny>()?;
            }
            Member::Unknown(name) => {
                let escaped = shortened(&name).replace('~', "~0").replace('/', "~1");
                let pointer = format!("{}/{escaped}", builder.faults.pointer(&[]));
                builder.faults.add_at(pointer, "is not known here");
                map.next_value::<IgnoredAny>()?;
            }
        }
        builder.faults.go_on().map_err(M::Error::custom)?;
    }
    Ok(())
}

/// Reads all entries of a list by `read`, which takes the entry at a position.
pub(in crate::domain::auditorium) fn entries<'de, L: SeqAccess<'de>>(
    builder: &mut Builder,
    list: &mut L,
    mut read: impl FnMut(&mut Builder, &mut L, usize) -> Result<Option<()>, L::Error>,
) -> Result<(), L::Error> {
    for index in 0.. {
        builder.faults.enter(Step::Index(index));
        let more = read(builder, list, index)?;
        builder.faults.leave();
        builder.faults.go_on().map_err(L::Error::custom)?;
        if more.is_none() {
            break;
        }
    }
    Ok(())
}

fn skip_object<'de, M: MapAccess<'de>>(map: &mut M) -> Result<(), M::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_list<'de, L: SeqAccess<'de>>(list: &mut L) -> Result<(), L::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

enum Member {
    Known(usize, &'static str),
    Unknown(String),
}

/// Reads a member's name.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Member, E> {
        let known = self.0.iter().copied().enumerate().find(|(_, name)| *name == text);
        Ok(known.map_or_else(|| Member::Unknown(text.to_owned()), |(position, name)| Member::Known(position, name)))
    }
}
