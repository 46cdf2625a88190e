//! Other people's programs on TCX and clsact, and who is attached where.

use std::sync::OnceLock;

use aya::maps::{Array, MapData};
use aya::programs::tc::{
    NlOptions, SchedClassifierLink, TcAttachOptions, qdisc_add_clsact,
};
use aya::programs::{LinkOrder, SchedClassifier, TcAttachType};
use aya::{Ebpf, EbpfLoader};

use super::clang::compile;
use super::link::Volume;
use super::netns::Netns;

/// What a program tells the kernel to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Ask the next program.
    Next = -1,
    /// Let it through, past the programs behind.
    Pass = 0,
    /// Throw it away.
    Drop = 2,
}

/// A counting program at one end of a hook's list, detached when dropped.
pub(crate) struct Counter {
    ebpf: Ebpf,
    _link: SchedClassifierLink,
}

impl Counter {
    /// Attaches one, first or last in the order of the hook.
    pub(crate) fn attach(
        namespace: &Netns,
        interface: &str,
        hook: TcAttachType,
        order: LinkOrder,
        verdict: Verdict,
    ) -> Self {
        let options = TcAttachOptions::TcxOrder(order);
        Self::attach_by(namespace, interface, hook, options, verdict)
    }

    /// Attaches one that only counts, behind all others, in the way that the
    /// kernel has.
    pub(crate) fn last(
        namespace: &Netns,
        interface: &str,
        hook: TcAttachType,
    ) -> Self {
        let has_tcx = namespace
            .run(|| SchedClassifier::query_tcx(interface, hook).is_ok());
        if has_tcx {
            let order = LinkOrder::last();
            return Self::attach(
                namespace,
                interface,
                hook,
                order,
                Verdict::Next,
            );
        }
        // It is there already where the exporter came first.
        let _ = namespace.run(|| qdisc_add_clsact(interface));
        Self::filter(namespace, interface, hook, 60_000, Verdict::Next)
    }

    /// Attaches one as a filter of the device's clsact qdisc, which must be
    /// there.
    pub(crate) fn filter(
        namespace: &Netns,
        interface: &str,
        hook: TcAttachType,
        priority: u16,
        verdict: Verdict,
    ) -> Self {
        let place = NlOptions { priority, ..NlOptions::default() };
        let options = TcAttachOptions::Netlink(place);
        Self::attach_by(namespace, interface, hook, options, verdict)
    }

    fn attach_by(
        namespace: &Netns,
        interface: &str,
        hook: TcAttachType,
        options: TcAttachOptions,
        verdict: Verdict,
    ) -> Self {
        // aya looks the name up in the namespace of the calling thread.
        namespace.run(|| {
            let number = verdict as i32;
            let mut ebpf = EbpfLoader::new()
                .override_global("verdict", &number, true)
                .load(object())
                .expect("cannot load the counting program");
            let program: &mut SchedClassifier = ebpf
                .program_mut("count")
                .expect("it is in the object")
                .try_into()
                .expect("it is a classifier");
            program.load().expect("cannot load the counting program");
            let id = program
                .attach_with_options(interface, hook, options)
                .expect("cannot attach the counting program");
            let link = program.take_link(id).expect("it was just attached");
            Self { ebpf, _link: link }
        })
    }

    /// Returns what the program has seen; bytes without tags kept apart.
    pub(crate) fn seen(&self) -> Volume {
        Volume { packets: self.read(0), bytes: self.read(1) }
    }

    /// Returns the length of the longest packet it has seen.
    pub(crate) fn longest(&self) -> u64 {
        self.read(2)
    }

    fn read(&self, index: u32) -> u64 {
        let map = self.ebpf.map("seen").expect("it is in the object");
        let seen: Array<&MapData, u64> =
            map.try_into().expect("it is an array of u64");
        seen.get(&index, 0).expect("it has three elements")
    }
}

/// Returns the names of the programs on a hook, in the order they run.
pub(crate) fn attached(
    namespace: &Netns,
    interface: &str,
    hook: TcAttachType,
) -> Vec<String> {
    namespace.run(|| {
        let (_, programs) = SchedClassifier::query_tcx(interface, hook)
            .unwrap_or_else(|e| panic!("cannot query {interface}: {e}"));
        programs
            .iter()
            .map(|p| p.name_as_str().unwrap_or_default().to_owned())
            .collect()
    })
}

/// Returns the counting program, compiled once in a run; or compiled before,
/// where `COUNTER_OBJECT` names the file: a guest has no compiler.
fn object() -> &'static [u8] {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    OBJECT.get_or_init(|| match std::env::var_os("COUNTER_OBJECT") {
        Some(compiled) => {
            std::fs::read(compiled).expect("it was compiled before")
        }
        None => compile("tests/privileged/harness/counter.bpf.c"),
    })
}
