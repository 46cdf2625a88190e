//! The messages in a datagram of netlink(7) and their attributes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::io;

use netlink_packet_core::{
    NLA_HEADER_SIZE, NLM_F_DUMP_INTR, NetlinkBuffer, NetlinkHeader,
    NetlinkMessage, NetlinkPayload, NetlinkSerializable, NlasIterator,
};

/// Types of messages that belong to every protocol, of linux/netlink.h.
pub(in crate::kernel) const NLMSG_ERROR: u16 = 2;
pub(in crate::kernel) const NLMSG_DONE: u16 = 3;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// A message of type NLMSG_ERROR has the error code and the header of the
/// request before its attributes.
const ERROR_LENGTH: usize = 20;

/// One message of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Message<'a> {
    /// Its type.
    pub(in crate::kernel) kind: u16,
    flags: u16,
    /// The number of the request that it answers.
    pub(super) sequence: u32,
    pub(in crate::kernel) payload: &'a [u8],
}

impl Message<'_> {
    /// Returns whether the listed objects changed while the kernel listed them,
    /// so that the list may lack some (nl_dump_check_consistent() in
    /// include/net/netlink.h).
    pub(super) fn is_interrupted(&self) -> bool {
        self.flags & NLM_F_DUMP_INTR != 0
    }

    /// Returns the result in a message of type NLMSG_ERROR, which also
    /// acknowledges, or NLMSG_DONE, which also reports errors of a list.
    pub(super) fn result(&self) -> io::Result<()> {
        let code = self.payload.first_chunk().map(|&it| i32::from_ne_bytes(it));
        match code {
            Some(code) if code < 0 => Err(io::Error::from_raw_os_error(-code)),
            // Kernels before 2.6 ended a list without a code.
            None if self.kind != NLMSG_DONE => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            _ => Ok(()),
        }
    }

    /// Returns the reason in words in a message of type NLMSG_ERROR.
    pub(super) fn reason(&self) -> Option<String> {
        attribute(self.payload.get(ERROR_LENGTH..)?, NLMSGERR_ATTR_MSG)
            .map(text)
    }
}

/// Returns the messages of a datagram. A message that is cut off is left out,
/// and ends them.
pub(in crate::kernel) fn messages(
    mut datagram: &[u8],
) -> impl Iterator<Item = Message<'_>> {
    const ALIGNMENT: usize = 4;
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(datagram).ok()?;
        let length = (message.length() as usize).next_multiple_of(ALIGNMENT);
        datagram = datagram.get(length..).unwrap_or_default();
        Some(Message {
            kind: message.message_type(),
            flags: message.flags(),
            sequence: message.sequence_number(),
            payload: message.payload(),
        })
    })
}

/// A request for all objects of a kind, without a header of its protocol.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernel) struct All(pub(in crate::kernel) u16);

impl NetlinkSerializable for All {
    fn message_type(&self) -> u16 {
        self.0
    }

    fn buffer_len(&self) -> usize {
        0
    }

    fn serialize(&self, _buffer: &mut [u8]) {}
}

/// Returns a request as it is sent.
pub(super) fn request<R: NetlinkSerializable>(
    request: R,
    flags: u16,
    sequence: u32,
) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = sequence;
    let payload = NetlinkPayload::InnerMessage(request);
    let mut message = NetlinkMessage::new(header, payload);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Returns the types and values of attributes, up to one that is cut off.
pub(in crate::kernel) fn attributes(
    attributes: &[u8],
) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(attributes).map_while(Result::ok).filter_map(
        |attribute| {
            let length = usize::from(attribute.length());
            let kind = attribute.kind();
            Some((kind, attribute.into_inner().get(NLA_HEADER_SIZE..length)?))
        },
    )
}

/// Returns the value of the first attribute of a type.
pub(in crate::kernel) fn attribute(all: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(all).find(|&(own, _)| own == kind).map(|(_, value)| value)
}

/// Reads a text, which ends at the first zero.
pub(in crate::kernel) fn text(value: &[u8]) -> String {
    let text = value.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// Reads a number of 32 bits.
pub(in crate::kernel) fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|&bytes| u32::from_ne_bytes(bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a message as the kernel writes it.
    pub(in crate::kernel::netlink) fn written(
        kind: u16,
        flags: u16,
        sequence: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 16).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// Returns an attribute as the kernel writes it.
    pub(in crate::kernel::netlink) fn attribute_of(
        kind: u16,
        value: &[u8],
    ) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn the_messages_of_a_datagram_are_read_in_order() {
        let mut datagram = written(16, 2, 7, b"12345");
        datagram.extend(written(17, 0, 8, b""));
        let read: Vec<_> = messages(&datagram).collect();
        let one =
            Message { kind: 16, flags: 2, sequence: 7, payload: b"12345" };
        let two = Message { kind: 17, flags: 0, sequence: 8, payload: b"" };
        assert_eq!(read, [one, two]);
        for length in 0..datagram.len() {
            assert!(messages(&datagram[..length]).count() < 2, "{length}");
        }
    }

    #[test]
    fn a_request_for_all_objects_is_a_header_alone() {
        let bytes = request(All(18), 0x301, 5);
        assert_eq!(bytes, written(18, 0x301, 5, b""));
    }

    #[test]
    fn the_end_of_a_list_may_be_an_error() {
        let end = |kind, payload: &[u8]| {
            let datagram = written(kind, 0, 1, payload);
            let result = messages(&datagram).next().unwrap().result();
            result.map_err(|error| error.raw_os_error())
        };
        assert_eq!(end(NLMSG_DONE, &0_i32.to_ne_bytes()), Ok(()));
        assert_eq!(end(NLMSG_DONE, b""), Ok(()));
        let refused = (-libc::ENOENT).to_ne_bytes();
        assert_eq!(end(NLMSG_DONE, &refused), Err(Some(libc::ENOENT)));
        assert_eq!(end(NLMSG_ERROR, &refused), Err(Some(libc::ENOENT)));
        assert_eq!(end(NLMSG_ERROR, b""), Err(None));
    }

    #[test]
    fn the_reason_stands_behind_the_request() {
        let mut payload = (-2_i32).to_ne_bytes().to_vec();
        payload.extend([0; 16]);
        let read = |payload: &[u8]| {
            let datagram = written(NLMSG_ERROR, 0, 1, payload);
            messages(&datagram).next().unwrap().reason()
        };
        assert_eq!(read(&payload), None);
        payload.extend(attribute_of(NLMSGERR_ATTR_MSG, b"help\0"));
        assert_eq!(read(&payload).as_deref(), Some("help"));
    }
}
