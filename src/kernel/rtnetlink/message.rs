//! Messages of rtnetlink(7): asking for a list, and taking an answer apart.

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

/// Numbers of netlink(7).
pub(in super::super) const NLMSG_ERROR: u16 = 2;
pub(in super::super) const NLMSG_DONE: u16 = 3;

/// Room for the largest datagram: the kernel fills dumps up to 32 KiB.
pub(in super::super) const DATAGRAM: usize = 64 * 1024;

/// Asks for a list and calls `on_message` with the type and the payload of each
/// of its messages. Over a socket of its own, so that events and answers do not
/// mix. With `is_strict` the kernel leaves out what the request does not name;
/// without, it looks at the request's type only.
pub(super) fn dump(
    request: RouteNetlinkMessage,
    is_strict: bool,
    buffer: &mut Vec<u8>,
    mut on_message: impl FnMut(u16, &[u8]),
) -> io::Result<()> {
    // Neither bound nor connected: the sandbox lets nobody connect. The kernel
    // binds it at the first request (netlink_sendmsg() in
    // net/netlink/af_netlink.c), and is whom a socket without a peer speaks to.
    let socket = Socket::new(NETLINK_ROUTE)?;
    if is_strict {
        socket.set_netlink_get_strict_chk(true)?;
    }
    socket.send(&dump_request(request), 0)?;

    let mut is_done = false;
    while !is_done {
        buffer.clear();
        match socket.recv(buffer, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                continue;
            }
            other => other?,
        };
        for_each_message(buffer, |kind, payload| {
            match kind {
                NLMSG_DONE => is_done = true,
                NLMSG_ERROR => return Err(error_in(payload)),
                _ => on_message(kind, payload),
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn dump_request(request: RouteNetlinkMessage) -> Vec<u8> {
    let mut message = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(request),
    );
    message.header.flags = NLM_F_DUMP | NLM_F_REQUEST;
    message.finalize();
    let mut buffer = vec![0; message.buffer_len()];
    message.serialize(&mut buffer);
    buffer
}

/// Calls `on_message` with the type and the payload of each message of a
/// datagram. What is cut off is left out.
pub(in super::super) fn for_each_message(
    mut datagram: &[u8],
    mut on_message: impl FnMut(u16, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    const ALIGNMENT: usize = 4;
    while let Ok(message) = NetlinkBuffer::new_checked(datagram) {
        on_message(message.message_type(), message.payload())?;
        let length = message.length() as usize;
        let Some(rest) = datagram.get(length.next_multiple_of(ALIGNMENT)..)
        else {
            break;
        };
        datagram = rest;
    }
    Ok(())
}

/// Returns the errno that a message of type NLMSG_ERROR begins with.
fn error_in(payload: &[u8]) -> io::Error {
    match payload.first_chunk() {
        Some(&code) => io::Error::from_raw_os_error(-i32::from_ne_bytes(code)),
        None => io::ErrorKind::UnexpectedEof.into(),
    }
}
