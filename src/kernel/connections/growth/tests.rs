use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A program that has read the word and has not counted yet.
#[derive(Clone, Copy, Debug)]
struct Running {
    word: u64,
    key: u8,
}

/// The kernel in a model.
struct Model {
    settings: Vec<AtomicU64>,
    rests: Vec<AtomicU64>,
    maps: [BTreeMap<u8, ConnectionsGrowth>; 2],
    running: Vec<Running>,
    /// The open connections by the generation in which they were counted.
    open: BTreeMap<u64, i64>,
    opened: u64,
    /// The number of calls that succeed before one fails.
    fails_after: Option<usize>,
}

/// Keys from here on find no room.
const ROOM: u8 = 5;

impl Model {
    fn new() -> Self {
        let words = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            settings: words(size_of::<ConnectionsSettings>() / 8),
            rests: words(4 * GROWTH_WORDS),
            maps: [BTreeMap::new(), BTreeMap::new()],
            running: Vec::new(),
            open: BTreeMap::new(),
            opened: 0,
            fails_after: None,
        }
    }

    fn begin(&mut self, key: u8) {
        let word = self.settings[WORD].load(Ordering::Relaxed);
        self.running.push(Running { word, key });
    }

    fn end(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let Running { word, key } = self.running.remove(0);
        let map = usize::from(word & IS_SECOND == IS_SECOND);
        *self.open.entry(word >> 1).or_default() += 1;
        self.opened += 1;
        if key < ROOM {
            let known = self.maps[map].len();
            let growth = self.maps[map].entry(key).or_default();
            growth.opened += 1;
            growth.open += 1;
            let added = self.maps[map].len() - known;
            let keys = &self.settings[KEYS_IN + map];
            keys.fetch_add(added as u64, Ordering::Relaxed);
        } else {
            let first = map * 2 * GROWTH_WORDS;
            self.rests[first].fetch_add(1, Ordering::Relaxed);
            self.rests[first + 3].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn attempt(&mut self) -> io::Result<()> {
        match &mut self.fails_after {
            Some(0) => Err(io::ErrorKind::OutOfMemory.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Kernel for Model {
    fn settings(&self) -> &[AtomicU64] {
        &self.settings
    }

    fn rests(&self) -> &[AtomicU64] {
        &self.rests
    }

    fn await_programs(&mut self) -> io::Result<()> {
        self.attempt()?;
        while !self.running.is_empty() {
            self.end();
        }
        Ok(())
    }

    /// Takes one key a call.
    fn take_batch(
        &mut self,
        map: usize,
        from: &mut Option<u32>,
        keys: &mut [ConnectionsKey],
        values: &mut [ConnectionsGrowth],
    ) -> (usize, io::Result<()>) {
        if let Err(error) = self.attempt() {
            return (0, Err(error));
        }
        let Some((key, value)) = self.maps[map].pop_first() else {
            *from = None;
            return (0, Ok(()));
        };
        keys[0].remote[15] = key;
        values[0] = value;
        *from = Some(0);
        (1, Ok(()))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Begin(u8),
    End,
    Take(Option<usize>),
    Recount(Option<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let fails = || prop::option::of(0..6_usize);
    prop_oneof![
        4 => (0..ROOM + 2).prop_map(Step::Begin),
        3 => Just(Step::End),
        1 => fails().prop_map(Step::Take),
        1 => fails().prop_map(Step::Recount),
    ]
}

proptest! {
    /// Whatever fails between them: nothing is lost, nothing is counted twice,
    /// and the number of open connections is that of this generation.
    #[test]
    fn growth_is_taken_once(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut growth = Growth::new(Model::new());
        let (mut opened, mut open) = (0, 0);
        for step in steps.into_iter().chain([Step::Take(None)]) {
            let mut credit = |_: &_, it: &crate::accounting::ConnectionGrowth| {
                opened += it.opened;
                open += it.open;
            };
            match step {
                Step::Begin(key) => growth.kernel.begin(key),
                Step::End => growth.kernel.end(),
                Step::Take(fails_after) => {
                    growth.kernel.fails_after = fails_after;
                    let taken = growth.take(&mut credit);
                    prop_assert!(taken.is_ok() || fails_after.is_some());
                }
                Step::Recount(fails_after) => {
                    growth.kernel.fails_after = fails_after;
                    if growth.recount(&mut credit).is_ok() {
                        open = 0;
                    }
                }
            }
            growth.kernel.fails_after = None;
        }
        // The growth of programs that still run is not counted yet.
        let kernel = &growth.kernel;
        prop_assert_eq!(opened, kernel.opened);
        let generation = kernel.settings[WORD].load(Ordering::Relaxed) >> 1;
        let expected = kernel.open.get(&generation).copied();
        prop_assert_eq!(open, expected.unwrap_or_default());
    }
}
