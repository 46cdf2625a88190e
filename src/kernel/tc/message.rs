//! The messages about qdiscs and filters, written and read. Only some
//! attributes are read, so that one of a newer kernel cannot hide the rest.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use netlink_packet_route::tc::{
    TcAttribute, TcBpfFlags, TcFilterBpfOption, TcHandle, TcHeader, TcMessage,
    TcOption, TcU32OptionFlags,
};

use crate::accounting::Direction;
use crate::kernel::netlink::message::{attribute, number, text};

/// Numbers of linux/rtnetlink.h and linux/pkt_cls.h.
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_CHAIN: u16 = 11;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_ID: u16 = 11;

/// `struct tcmsg`.
const TC_HEADER_LENGTH: usize = 20;

/// The protocol of a filter for all packets, `ETH_P_ALL`.
pub(in crate::kernel) const ALL_PROTOCOLS: u16 = 3;

const BPF: &str = "bpf";
pub(in crate::kernel) const CLSACT: &str = "clsact";

/// A queueing discipline in the place of clsact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Qdisc {
    pub(in crate::kernel) ifindex: u32,
    /// `clsact`, or `ingress`, which takes the same place.
    pub(in crate::kernel) kind: String,
}

/// A filter on one hook of a device, or a priority as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kernel) struct Filter {
    /// The filter runs before those with a higher one.
    pub(in crate::kernel) priority: u16,
    pub(in crate::kernel) protocol: u16,
    pub(in crate::kernel) kind: String,
    /// Packets enter only chain zero by themselves.
    pub(in crate::kernel) chain: u32,
    /// Tells filters of one priority apart. Zero is the priority as a whole.
    pub(in crate::kernel) handle: u32,
    /// The name of a bpf filter.
    pub(in crate::kernel) name: Option<String>,
    /// The kernel's number of a bpf filter's program.
    pub(in crate::kernel) program: Option<u32>,
}

/// The parent of filters, as tc(8) names it: one hook of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Parent {
    pub(in crate::kernel) ifindex: u32,
    pub(in crate::kernel) direction: Direction,
}

/// The place of one of our filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Place {
    pub(in crate::kernel) hook: Parent,
    pub(in crate::kernel) priority: u16,
    pub(in crate::kernel) handle: u32,
}

impl Filter {
    /// Returns whether it is a bpf filter for all packets, so that another one
    /// can have the same priority.
    pub(in crate::kernel) fn takes_bpf(&self) -> bool {
        self.kind == BPF && self.protocol == ALL_PROTOCOLS
    }
}

impl Parent {
    /// Returns a message about all its filters.
    pub(super) fn message(self) -> TcMessage {
        let minor = match self.direction {
            Direction::Received => TcHandle::MIN_INGRESS,
            Direction::Sent => TcHandle::MIN_EGRESS,
        };
        let parent = TcHandle { major: TcHandle::CLSACT.major, minor };
        TcMessage::from_parts(
            TcHeader { parent, ..header(self.ifindex) },
            Vec::new(),
        )
    }
}

impl Place {
    /// Returns a message about the filter that is there.
    pub(super) fn message(self) -> TcMessage {
        let mut message = self.hook.message();
        message.header.handle = self.handle.into();
        message.header.info =
            u32::from(self.priority) << 16 | u32::from(ALL_PROTOCOLS.to_be());
        message.attributes.push(TcAttribute::Kind(BPF.into()));
        message
    }
}

impl Place {
    /// Returns a message that puts a program there, as a filter that itself
    /// decides on a packet and stays out of the hardware.
    pub(super) fn program(self, fd: u32, name: &str) -> TcMessage {
        let mut message = self.message();
        message.attributes.push(TcAttribute::Options(
            [
                TcFilterBpfOption::ProgFd(fd),
                TcFilterBpfOption::ProgName(name.into()),
                TcFilterBpfOption::Flags(TcBpfFlags::DirectAction),
                TcFilterBpfOption::FlagsGeneric(TcU32OptionFlags::SkipHw),
            ]
            .map(TcOption::Bpf)
            .into(),
        ));
        message
    }
}

fn header(ifindex: u32) -> TcHeader {
    TcHeader { index: ifindex.cast_signed(), ..TcHeader::default() }
}

/// Returns a message about the clsact qdisc of a device.
pub(super) fn clsact(ifindex: u32) -> TcMessage {
    let handle = TcHandle { major: TcHandle::CLSACT.major, minor: 0 };
    let parent = TcHandle::CLSACT;
    TcMessage::from_parts(
        TcHeader { handle, parent, ..header(ifindex) },
        vec![TcAttribute::Kind(CLSACT.into())],
    )
}

/// Reads a qdisc, if it is in the place of clsact.
pub(super) fn qdisc(payload: &[u8]) -> Option<Qdisc> {
    let header = TcHeader::parse(payload).ok()?;
    if header.parent != TcHandle::CLSACT {
        return None;
    }
    let kind = attribute(payload.get(TC_HEADER_LENGTH..)?, TCA_KIND)?;
    Some(Qdisc { ifindex: header.index.cast_unsigned(), kind: text(kind) })
}

/// Reads a filter.
pub(super) fn filter(payload: &[u8]) -> Option<Filter> {
    let header = TcHeader::parse(payload).ok()?;
    let attributes = payload.get(TC_HEADER_LENGTH..)?;
    let options = attribute(attributes, TCA_OPTIONS).unwrap_or_default();
    let kind = text(attribute(attributes, TCA_KIND)?);
    let of_bpf = |kind_of| match kind == BPF {
        true => attribute(options, kind_of),
        false => None,
    };
    let [high, low] = [header.info >> 16, header.info & 0xFFFF]
        .map(|half| u16::try_from(half).expect("half of 32 bits"));
    Some(Filter {
        priority: high,
        protocol: u16::from_be(low),
        chain: attribute(attributes, TCA_CHAIN)
            .and_then(number)
            .unwrap_or_default(),
        handle: header.handle.into(),
        name: of_bpf(TCA_BPF_NAME).map(text),
        program: of_bpf(TCA_BPF_ID).and_then(number),
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable as _;

    const PLACE: Place = Place {
        hook: Parent { ifindex: 7, direction: Direction::Sent },
        priority: 5,
        handle: 0x6765_0001,
    };

    fn bytes(message: &TcMessage) -> Vec<u8> {
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    #[test]
    fn a_filter_is_read_as_it_was_written() {
        let filter = filter(&bytes(&PLACE.program(3, "name"))).unwrap();
        let expected = Filter {
            priority: 5,
            protocol: ALL_PROTOCOLS,
            kind: "bpf".into(),
            chain: 0,
            handle: 0x6765_0001,
            name: Some("name".into()),
            program: None,
        };
        assert_eq!(filter, expected);
        assert!(filter.takes_bpf());
    }

    /// `struct tcmsg` of linux/rtnetlink.h, and the numbers of its fields.
    #[test]
    fn a_hook_is_named_as_the_kernel_names_it() {
        let ingress = Parent { direction: Direction::Received, ..PLACE.hook };
        for (hook, parent) in
            [(ingress, 0xFFFF_FFF2_u32), (PLACE.hook, 0xFFFF_FFF3)]
        {
            let bytes = bytes(&hook.message());
            assert_eq!(bytes[4..8], 7_u32.to_ne_bytes());
            assert_eq!(bytes[12..16], parent.to_ne_bytes());
        }
        let place = bytes(&PLACE.message());
        assert_eq!(place[16..18], 3_u16.to_be_bytes());
        assert_eq!(place[18..20], 5_u16.to_ne_bytes());
    }

    #[test]
    fn only_a_qdisc_in_the_place_of_clsact_is_read() {
        let mut message = clsact(7);
        let expected = Qdisc { ifindex: 7, kind: "clsact".into() };
        assert_eq!(qdisc(&bytes(&message)), Some(expected));
        message.header.parent = TcHandle::ROOT;
        assert_eq!(qdisc(&bytes(&message)), None);
    }

    #[test]
    fn what_is_cut_off_is_left_out() {
        let whole = bytes(&PLACE.program(3, "name"));
        for length in 0..whole.len() {
            let read = filter(&whole[..length]);
            assert!(read.is_none_or(|f| f.name.is_none_or(|n| n == "name")));
        }
    }
}
