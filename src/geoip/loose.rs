//! Values of records that may have any form: vendors put a text, a number or a
//! map in the same place, and another form than the expected one is no fault.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// A value that is made of some forms, and is the default for all others.
pub(super) trait Loose<'a>: Default {
    /// Returns the value of a text.
    fn of_text(_: &'a str) -> Self {
        Self::default()
    }

    /// Returns the value of a whole number.
    fn of_number(_: u64) -> Self {
        Self::default()
    }

    /// Returns the value of a map, all of which must be read. Maps may lie in
    /// maps: the depth of the decoder's recursion is bounded.
    ///
    /// # Errors
    /// If the map cannot be read.
    fn of_map<M: MapAccess<'a>>(mut map: M) -> Result<Self, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    /// Returns the value of a list, all of which must be read.
    ///
    /// # Errors
    /// If the list cannot be read.
    fn of_list<S: SeqAccess<'a>>(mut list: S) -> Result<Self, S::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

/// Returns the next value of a map.
///
/// # Errors
/// If it cannot be read.
pub(super) fn next<'a, T: Loose<'a>, M: MapAccess<'a>>(
    map: &mut M,
) -> Result<T, M::Error> {
    map.next_value_seed(Seed(PhantomData))
}

/// Returns the next value of a list, or none at its end.
///
/// # Errors
/// If it cannot be read.
pub(super) fn next_element<'a, T: Loose<'a>, S: SeqAccess<'a>>(
    list: &mut S,
) -> Result<Option<T>, S::Error> {
    list.next_element_seed(Seed(PhantomData))
}

impl<'a> Loose<'a> for Option<&'a str> {
    fn of_text(text: &'a str) -> Self {
        Some(text)
    }
}

struct Seed<T>(PhantomData<T>);

impl<'a, T: Loose<'a>> DeserializeSeed<'a> for Seed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'a>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'a, T: Loose<'a>> Visitor<'a> for Seed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<T, E> {
        Ok(T::of_text(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::of_number(number))
    }

    fn visit_map<M: MapAccess<'a>>(self, map: M) -> Result<T, M::Error> {
        T::of_map(map)
    }

    fn visit_seq<S: SeqAccess<'a>>(self, seq: S) -> Result<T, S::Error> {
        T::of_list(seq)
    }

    fn visit_str<E>(self, _: &str) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(u64::try_from(number).map_or_else(|_| T::default(), T::of_number))
    }

    fn visit_u128<E>(self, number: u128) -> Result<T, E> {
        Ok(u64::try_from(number).map_or_else(|_| T::default(), T::of_number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<T, E> {
        Ok(T::default())
    }
}
