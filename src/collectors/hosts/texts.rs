//! Names of ranges and services as small numbers.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use crate::accounting::{Classes, Range};
use crate::ranges::RangeNames;

/// Every name that a host has had since the start. There are at most 65,535;
/// further ones are none.
#[derive(Debug, Default)]
pub(super) struct Texts {
    list: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u16>,
    /// A copy for snapshots, until there is a new name.
    shown: Option<Arc<[Arc<str>]>>,
    names: RangeNames,
    /// The number of each range, by the range's own number, once it is known.
    ranges: Vec<Option<u16>>,
    /// The number of each service of the classes.
    services: Vec<u16>,
    classes: Arc<Classes>,
}

impl Texts {
    pub(super) fn new(names: RangeNames, texts: &[Arc<str>]) -> Self {
        let mut all = Self { names, ..Self::default() };
        for text in texts {
            all.intern(text);
        }
        all
    }

    fn intern(&mut self, text: &Arc<str>) -> u16 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let Ok(number) = u16::try_from(self.list.len() + 1) else { return 0 };
        self.list.push(Arc::clone(text));
        self.numbers.insert(Arc::clone(text), number);
        self.shown = None;
        number
    }

    pub(super) fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.classes = Arc::clone(classes);
        let services = classes.services().iter();
        self.services = services.map(|name| self.intern(name)).collect();
    }

    /// Returns the number of the service of a class, or zero.
    pub(super) fn service(&self, class: u16) -> u16 {
        let service = usize::from(self.classes.get(class).service);
        let place = service.checked_sub(1);
        let number = place.and_then(|place| self.services.get(place));
        number.copied().unwrap_or_default()
    }

    /// Returns the number of a range's name, or zero.
    pub(super) fn range(&mut self, range: Range) -> u16 {
        let Range(own) = range;
        if own == 0 {
            return 0;
        }
        let place = usize::from(own);
        if let Some(Some(number)) = self.ranges.get(place) {
            return *number;
        }
        let number = self.intern(&self.names.get(range));
        if self.ranges.len() <= place {
            self.ranges.resize(place + 1, None);
        }
        self.ranges[place] = Some(number);
        number
    }

    pub(super) fn shown(&mut self) -> Arc<[Arc<str>]> {
        let shown = self.shown.get_or_insert_with(|| (&*self.list).into());
        Arc::clone(shown)
    }
}
