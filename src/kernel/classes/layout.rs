//! The numbers of classes.
//!
//! A class is the sum of three numbers: one of the local range, one of the
//! narrow range and one of the service. In a layout they are digits of a number
//! with mixed bases: the service is the last digit, the local range the first.
//! Each name has a place, and the place decides the digit.
//!
//! A number never gets another meaning while flows carry it. A name keeps its
//! place while it is configured, and after that until [`Allotment::free`]. A
//! layout that has no place left gives way to a larger one, with numbers that
//! no flow carries.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accounting::{Class, ClassPlan, Classes};

/// The largest number of a class.
const LARGEST: usize = 65_535;

/// Places for names; the first is place 1, as 0 is the place of no name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Places(Vec<Option<Arc<str>>>);

impl Places {
    fn with_room(places: usize) -> Self {
        Self(vec![None; places])
    }

    /// Returns the number of digits: a place each, and none.
    fn digits(&self) -> usize {
        self.0.len() + 1
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        let is_it = |own: &Option<Arc<str>>| own.as_deref() == Some(name);
        self.0.iter().position(is_it).map(|at| at + 1)
    }

    /// Gives places to the names that have none. Returns whether all have one.
    fn take_in(&mut self, names: &BTreeSet<Arc<str>>) -> bool {
        let known: BTreeSet<_> = self.0.iter().flatten().cloned().collect();
        let mut new = names.difference(&known).cloned().peekable();
        for place in self.0.iter_mut().filter(|place| place.is_none()) {
            *place = new.next();
        }
        new.peek().is_none()
    }

    /// Frees the places of all other names. Returns whether there were any.
    fn keep(&mut self, names: &BTreeSet<Arc<str>>) -> bool {
        let mut has_freed = false;
        for place in &mut self.0 {
            if place.as_ref().is_some_and(|name| !names.contains(name)) {
                *place = None;
                has_freed = true;
            }
        }
        has_freed
    }
}

/// The names of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    locals: BTreeSet<Arc<str>>,
    narrows: BTreeSet<Arc<str>>,
    services: BTreeSet<Arc<str>>,
}

impl Names {
    fn of(plan: &ClassPlan) -> Self {
        let services = plan.services.iter();
        Self {
            locals: plan.locals.iter().map(|(_, name)| name.clone()).collect(),
            narrows: plan
                .narrows
                .iter()
                .map(|(_, name)| name.clone())
                .collect(),
            services: services.map(|one| one.name.clone()).collect(),
        }
    }
}

/// One layout of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Layout {
    /// The number of packets without any of the three.
    first: u16,
    locals: Places,
    narrows: Places,
    services: Places,
}

impl Layout {
    /// Digits of the service: none, and two for each, as an attempt at a
    /// service has a digit of its own.
    fn service_digits(&self) -> usize {
        2 * self.services.0.len() + 1
    }

    fn size(&self) -> usize {
        self.locals.digits() * self.narrows.digits() * self.service_digits()
    }

    fn numbers(&self) -> std::ops::Range<usize> {
        let first = usize::from(self.first);
        first..first + self.size()
    }

    /// Returns a layout with these places for each kind.
    fn with_room([locals, narrows, services]: [usize; 3]) -> Self {
        Self {
            first: 0,
            locals: Places::with_room(locals),
            narrows: Places::with_room(narrows),
            services: Places::with_room(services),
        }
    }

    fn take_in(&mut self, names: &Names) -> bool {
        self.locals.take_in(&names.locals)
            && self.narrows.take_in(&names.narrows)
            && self.services.take_in(&names.services)
    }

    fn keep(&mut self, names: &Names) -> bool {
        let locals = self.locals.keep(&names.locals);
        let narrows = self.narrows.keep(&names.narrows);
        let services = self.services.keep(&names.services);
        locals || narrows || services
    }

    /// Returns the places of the three digits of a number of this layout, and
    /// whether it is of an attempt.
    fn places(&self, number: usize) -> ([usize; 3], bool) {
        let number = number - usize::from(self.first);
        let service = number % self.service_digits();
        let rest = number / self.service_digits();
        let narrow = rest % self.narrows.digits();
        let local = rest / self.narrows.digits();
        let is_attempt = service > 0 && service.is_multiple_of(2);
        ([local, narrow, service.div_ceil(2)], is_attempt)
    }
}

/// The numbers that the program adds up, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    /// The number of packets without a local range.
    pub(super) first: u16,
    /// The number that takes its place, by local range.
    pub(super) locals: BTreeMap<Arc<str>, u16>,
    /// By narrow range.
    pub(super) narrows: BTreeMap<Arc<str>, u16>,
    /// By service.
    pub(super) services: BTreeMap<Arc<str>, u16>,
}

/// There are not enough numbers that no flow carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The numbers of all classes that flows may carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Allotment {
    /// The last one is in use, the others have numbers that flows may carry.
    layouts: Vec<Layout>,
    /// The names of the last plan.
    #[serde(skip)]
    wanted: Names,
}

impl Allotment {
    /// Returns an allotment in which flows may carry any number, each without a
    /// meaning: for maps whose notes are lost.
    pub(super) fn unknown() -> Self {
        let carried = [LARGEST - 2, 0, 0];
        let carried = Layout { first: 1, ..Layout::with_room(carried) };
        let own = Layout { first: u16::MAX, ..Layout::with_room([0; 3]) };
        Self { layouts: vec![carried, own], wanted: Names::default() }
    }

    /// Returns whether the numbers of all layouts are possible and apart.
    pub(super) fn is_sound(&self) -> bool {
        let mut free = 1;
        let mut layouts: Vec<_> =
            self.layouts.iter().map(Layout::numbers).collect();
        layouts.sort_unstable_by_key(|numbers| numbers.start);
        layouts.into_iter().all(|numbers| {
            let is_apart = numbers.start >= free;
            free = numbers.end;
            is_apart && numbers.end <= LARGEST + 1
        })
    }

    /// Gives numbers to all names of a plan.
    ///
    /// # Errors
    /// If that has to wait for [`Allotment::free`]; nothing has changed then.
    pub(super) fn take_in(&mut self, plan: &ClassPlan) -> Result<(), Full> {
        let names = Names::of(plan);
        let mut taken = self.layouts.last().cloned();
        if let Some(layout) = &mut taken
            && layout.take_in(&names)
            && let Some(last) = self.layouts.last_mut()
        {
            *last = layout.clone();
        } else {
            let layout = self.larger(&names).ok_or(Full)?;
            self.layouts.push(layout);
        }
        self.wanted = names;
        Ok(())
    }

    /// Returns a layout with room for the names, and for some more if possible,
    /// with numbers that no other layout has.
    fn larger(&self, names: &Names) -> Option<Layout> {
        let Names { locals, narrows, services } = names;
        let needed = [locals.len(), narrows.len(), services.len()];
        let roomy = needed.map(|names| match names {
            0 => 0,
            names => names + names / 4 + 2,
        });
        [roomy, needed].into_iter().find_map(|room| {
            let mut layout = Layout::with_room(room);
            let size = layout.size();
            if size > LARGEST / 2 && room != needed {
                return None;
            }
            layout.first = self.gap(size)?;
            layout.take_in(names).then_some(layout)
        })
    }

    /// Returns the first of so many numbers that no layout has.
    fn gap(&self, size: usize) -> Option<u16> {
        let mut layouts: Vec<_> =
            self.layouts.iter().map(Layout::numbers).collect();
        layouts.sort_unstable_by_key(|numbers| numbers.start);
        let mut first = 1;
        for numbers in layouts {
            if numbers.start >= first + size {
                break;
            }
            first = numbers.end;
        }
        let fits = first + size <= LARGEST + 1;
        fits.then(|| u16::try_from(first).ok()).flatten()
    }

    /// Returns the numbers of the names of the last plan.
    pub(super) fn numbers(&self) -> Numbers {
        let Some(layout) = self.layouts.last() else {
            return Numbers::default();
        };
        let narrow = layout.service_digits();
        let local = narrow * layout.narrows.digits();
        let all = |places: &Places,
                   names: &BTreeSet<Arc<str>>,
                   one: &dyn Fn(usize) -> usize| {
            let number = |name: &Arc<str>| {
                let number = one(places.place_of(name)?);
                Some((name.clone(), u16::try_from(number).ok()?))
            };
            names.iter().filter_map(number).collect()
        };
        let Names { locals, narrows, services } = &self.wanted;
        let first = usize::from(layout.first);
        Numbers {
            first: layout.first,
            locals: all(&layout.locals, locals, &|at| first + at * local),
            narrows: all(&layout.narrows, narrows, &|at| at * narrow),
            services: all(&layout.services, services, &|at| at * 2 - 1),
        }
    }

    /// Returns the meanings of all numbers.
    pub(super) fn classes(&self) -> Classes {
        let mut classes = Classes::default();
        let (mut ranges, mut services) =
            (Interner::default(), Interner::default());
        for layout in &self.layouts {
            let end = layout.numbers().end;
            if classes.meanings.len() < end {
                classes.meanings.resize(end, Class::default());
            }
            let locals = ranges.all(&layout.locals);
            let narrows = ranges.all(&layout.narrows);
            let own = services.all(&layout.services);
            for number in layout.numbers() {
                let ([local, narrow, service], is_attempt) =
                    layout.places(number);
                classes.meanings[number] = Class {
                    local: locals[local],
                    narrow: narrows[narrow],
                    service: own[service],
                    is_attempt,
                };
            }
        }
        classes.ranges = ranges.names;
        classes.services = services.names;
        classes
    }

    /// Returns whether a class is one that packets do not get any more.
    pub(super) fn is_dead(&self, class: u16) -> bool {
        let number = usize::from(class);
        let Some((layout, others)) = self.layouts.split_last() else {
            return false;
        };
        if others.iter().any(|other| other.numbers().contains(&number)) {
            return true;
        }
        if !layout.numbers().contains(&number) {
            return false;
        }
        let ([local, narrow, service], _) = layout.places(number);
        let is_gone = |place: usize, places: &Places, names: &BTreeSet<_>| {
            let name = place.checked_sub(1).map(|at| places.0[at].as_ref());
            name.flatten().is_some_and(|name| !names.contains(name))
        };
        let Names { locals, narrows, services } = &self.wanted;
        is_gone(local, &layout.locals, locals)
            || is_gone(narrow, &layout.narrows, narrows)
            || is_gone(service, &layout.services, services)
    }

    /// Returns whether there are such classes.
    pub(super) fn has_dead(&self) -> bool {
        let mut layout = self.layouts.last().cloned();
        self.layouts.len() > 1
            || layout.as_mut().is_some_and(|it| it.keep(&self.wanted))
    }

    /// Frees the numbers of these classes, which no flow carries any more.
    pub(super) fn free(&mut self) {
        if let Some(mut layout) = self.layouts.pop() {
            layout.keep(&self.wanted);
            self.layouts = vec![layout];
        }
    }
}

/// Numbers of names, beginning with 1.
#[derive(Default)]
struct Interner {
    names: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u16>,
}

impl Interner {
    /// Returns the numbers of all places, the first of which has no name.
    fn all(&mut self, places: &Places) -> Vec<u16> {
        let names = places.0.iter().map(|name| match name {
            None => 0,
            Some(name) => {
                *self.numbers.entry(name.clone()).or_insert_with(|| {
                    self.names.push(name.clone());
                    u16::try_from(self.names.len()).unwrap_or(0)
                })
            }
        });
        std::iter::once(0).chain(names).collect()
    }
}

#[cfg(test)]
mod tests;
