//! What serde_json would let pass and the protocol does not: nesting, arrays in the place of structs.

use crate::limits::MESSAGE_DEPTH_MAX;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What is said of a line that is no object.
pub(super) const NO_OBJECT: &str = "a message begins with '{'";

/// Checks what must hold before any parser sees the line: UTF-8, an object, no deep nesting.
pub(super) fn check(line: &[u8]) -> Result<&str, &'static str> {
    if line.first() != Some(&b'{') {
        return Err(NO_OBJECT);
    }
    let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8")?;
    // Few brackets cannot be nested deeply, wherever they stand; to count them takes much less time.
    if brackets(line) > MESSAGE_DEPTH_MAX && depth(line) > MESSAGE_DEPTH_MAX {
        Err("the message is nested too deeply")
    } else {
        Ok(text)
    }
}

fn brackets(line: &[u8]) -> usize {
    line.iter().filter(|byte| matches!(byte, b'{' | b'[')).count()
}

/// The deepest nesting of objects and arrays, outside strings.
fn depth(line: &[u8]) -> usize {
    let (mut open, mut deepest, mut in_text, mut escaped) = (0usize, 0usize, false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Derived structs also accept arrays; the protocol has objects only.
struct OnlyMap<T>(T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for OnlyMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

struct MapVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for MapVisitor<T> {
    type Value = OnlyMap<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OnlyMap<T>, A::Error> {
        T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(OnlyMap)
    }
}

/// At most `MAX` objects; one more is refused before it is stored.
struct BoundedMaps<T, const MAX: usize>(Vec<T>);

impl<'de, T: DeserializeOwned, const MAX: usize> Deserialize<'de> for BoundedMaps<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(SeqVisitor::<T, MAX>(PhantomData))
    }
}

struct SeqVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: DeserializeOwned, const MAX: usize> Visitor<'de> for SeqVisitor<T, MAX> {
    type Value = BoundedMaps<T, MAX>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at most {MAX} objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<BoundedMaps<T, MAX>, A::Error> {
        let mut maps = Vec::new();
        while let Some(OnlyMap(map)) = sequence.next_element()? {
            if maps.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            maps.push(map);
        }
        Ok(BoundedMaps(maps))
    }
}

pub(crate) fn only_map<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    OnlyMap::deserialize(deserializer).map(|map| map.0)
}

pub(crate) fn only_map_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Option::<OnlyMap<T>>::deserialize(deserializer).map(|map| map.map(|map| map.0))
}

/// Objects without a bound of their own: the line's length bounds them.
pub(crate) fn only_map_vec<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    BoundedMaps::<T, { crate::limits::LINE_BYTES_MAX }>::deserialize(deserializer).map(|maps| maps.0)
}

pub(crate) fn only_maps<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Option::<BoundedMaps<T, MAX>>::deserialize(deserializer).map(|maps| maps.map(|maps| maps.0))
}
