//! The shape of a map: its type, its sizes and its flags, as the object asks
//! for them and as the kernel has them.

use std::collections::BTreeMap;
use std::io;

use aya::maps::MapData;
use aya_obj::Object;

use super::errno::io_error;
use super::error::{Error, load_error, missing_part};

/// The kernel's numbers that describe a map, each with its name in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MapShape([(&'static str, u32); 5]);

impl MapShape {
    fn new(
        kind: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        flags: u32,
    ) -> Self {
        Self([
            ("type", kind),
            ("key size", key_size),
            ("value size", value_size),
            ("number of entries", max_entries),
            ("flags", flags),
        ])
    }

    /// Asks the kernel about a map.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn of(map: &MapData) -> io::Result<Self> {
        let info = map.info().map_err(io_error)?;
        Ok(Self::new(
            info.map_type().map_err(io_error)? as u32,
            info.key_size(),
            info.value_size(),
            info.max_entries(),
            info.map_flags(),
        ))
    }

    /// Returns the first difference from `needed`, if there is one.
    pub(super) fn difference(&self, needed: &Self) -> Option<String> {
        let pairs = self.0.iter().zip(&needed.0);
        let ((name, own), (_, needed)) =
            pairs.into_iter().find(|(own, needed)| own != needed)?;
        Some(format!("{name} {own}, and {needed} is needed"))
    }
}

/// The shapes of maps by name.
pub(super) type MapShapes = BTreeMap<&'static str, MapShape>;

/// Returns the shapes of an object's maps with these names, once those in
/// `sizes` have so many entries.
///
/// # Errors
/// If the object is not the one that belongs to this program.
pub(super) fn of_object(
    object: &[u8],
    names: &[&'static str],
    sizes: &[(&'static str, u32)],
) -> Result<MapShapes, Error> {
    let object = Object::parse(object)
        .map_err(|error| load_error(aya::EbpfError::ParseError(error)))?;
    let shape = |&name: &&'static str| {
        let map = object.maps.get(name).ok_or_else(|| missing_part(name))?;
        let set = sizes.iter().find(|(sized, _)| *sized == name);
        let max_entries = set.map_or(map.max_entries(), |(_, size)| *size);
        let shape = MapShape::new(
            map.map_type(),
            map.key_size(),
            map.value_size(),
            max_entries,
            map.map_flags(),
        );
        Ok((name, shape))
    };
    names.iter().map(shape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named_with_both_numbers() {
        let needed = MapShape::new(2, 4, 8, 1, 1024);
        assert_eq!(needed.difference(&needed), None);
        let others = [
            (MapShape::new(1, 4, 8, 1, 1024), "type 1, and 2 is needed"),
            (MapShape::new(2, 8, 8, 1, 1024), "key size 8, and 4 is needed"),
            (
                MapShape::new(2, 4, 16, 1, 1024),
                "value size 16, and 8 is needed",
            ),
            (
                MapShape::new(2, 4, 8, 3, 1024),
                "number of entries 3, and 1 is needed",
            ),
            (MapShape::new(2, 4, 8, 1, 0), "flags 0, and 1024 is needed"),
        ];
        for (other, text) in others {
            assert_eq!(other.difference(&needed).as_deref(), Some(text));
        }
    }
}
