//! Sending frames from, and taking frames off, an interface, past every
//! protocol stack.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use super::link::Volume;
use super::netns::Netns;
use super::sys;

/// How many frames go into one system call.
const BATCH: usize = 256;

/// Puts frames onto an interface. They pass its egress hook, and the ingress
/// hook of the interface at the other end.
pub(crate) struct Sender {
    socket: OwnedFd,
}

impl Sender {
    /// Opens an interface for sending.
    pub(crate) fn open(namespace: &Netns, interface: &str) -> Self {
        Self { socket: open(namespace, interface, false) }
    }

    /// Opens an interface for sending around queues and hooks.
    pub(crate) fn open_around_the_stack(
        namespace: &Netns,
        interface: &str,
    ) -> Self {
        let sender = Self::open(namespace, interface);
        sys::set_socket_option(
            &sender.socket,
            libc::SOL_PACKET,
            libc::PACKET_QDISC_BYPASS,
            1,
        )
        .expect("packet sockets know it");
        sender
    }

    /// Sends frames and returns what they amount to.
    pub(crate) fn send<F: AsRef<[u8]>>(
        &self,
        frames: impl IntoIterator<Item = F>,
    ) -> Volume {
        let mut total = Volume::default();
        let mut frames = frames.into_iter();
        loop {
            let batch: Vec<F> = frames.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return total;
            }
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                let sent = match sys::send_messages(&self.socket, rest) {
                    Ok(sent) => sent,
                    // The device is behind: these were not taken.
                    Err(e) if e.kind() == ErrorKind::Interrupted => 0,
                    Err(e) => panic!("cannot send {} frames: {e}", rest.len()),
                };
                for frame in &rest[..sent] {
                    total.packets += 1;
                    total.bytes += frame.as_ref().len() as u64;
                }
                rest = &rest[sent..];
            }
        }
    }

    /// Sends frames one by one, of which a program on the egress hook may drop
    /// some or all, and returns what they amount to.
    pub(crate) fn offer(&self, frames: &[Vec<u8>]) -> Volume {
        for frame in frames {
            match sys::send_messages(&self.socket, &[frame]) {
                Ok(sent) => assert_eq!(sent, 1),
                // So the kernel tells the sender of a dropped frame.
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(e) => panic!("cannot send a frame: {e}"),
            }
        }
        Volume::of(frames)
    }

    /// Sends one frame many times.
    pub(crate) fn repeat(&self, frame: &[u8], count: usize) -> Volume {
        self.send(std::iter::repeat_n(frame, count))
    }
}

/// What a super-frame is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segmentation {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP over either.
    Udp,
}

/// Puts super-frames onto an interface: frames longer than the MTU which the
/// kernel, or the device, cuts into segments.
pub(crate) struct SuperFrameSender {
    file: File,
}

impl SuperFrameSender {
    /// Opens an interface for sending super-frames.
    pub(crate) fn open(namespace: &Netns, interface: &str) -> Self {
        let socket = open(namespace, interface, false);
        sys::set_socket_option(
            &socket,
            libc::SOL_PACKET,
            libc::PACKET_VNET_HDR,
            1,
        )
        .expect("packet sockets take a virtio header");
        Self { file: socket.into() }
    }

    /// Sends one frame whose payload, behind `header_length` bytes of headers
    /// from the Ethernet header on, is to be cut every `segment` bytes.
    pub(crate) fn send(
        &mut self,
        frame: &[u8],
        kind: Segmentation,
        header_length: u16,
        segment: u16,
    ) {
        let (kind, transport_length, checksum_offset) = match kind {
            Segmentation::Tcp4 => (1, 20, 16_u16),
            Segmentation::Tcp6 => (4, 20, 16),
            Segmentation::Udp => (5, 8, 6),
        };
        // struct virtio_net_hdr, in the machine's byte order.
        let needs_checksum = 1;
        let mut message = vec![needs_checksum, kind];
        message.extend(header_length.to_ne_bytes());
        message.extend(segment.to_ne_bytes());
        message.extend((header_length - transport_length).to_ne_bytes());
        message.extend(checksum_offset.to_ne_bytes());
        message.extend(frame);
        let written =
            self.file.write(&message).expect("cannot send a super-frame");
        assert_eq!(written, message.len(), "a super-frame was cut");
    }
}

/// Puts frames onto an interface whose headers the kernel does not keep in one
/// piece.
pub(crate) struct ScatteredSender(SuperFrameSender);

impl ScatteredSender {
    /// Opens an interface for sending.
    pub(crate) fn open(namespace: &Netns, interface: &str) -> Self {
        Self(SuperFrameSender::open(namespace, interface))
    }

    /// Sends a frame of more than a page, of which only so many bytes are in
    /// the linear part of the packet.
    pub(crate) fn send(&mut self, frame: &[u8], linear: u16) {
        assert!(frame.len() > 4096, "the kernel puts less in one piece");
        // struct virtio_net_hdr, all zero but the length of the headers.
        let mut message = vec![0, 0];
        message.extend(linear.to_ne_bytes());
        message.extend([0; 6]);
        message.extend(frame);
        let written = self.0.file.write(&message).expect("cannot send a frame");
        assert_eq!(written, message.len(), "a frame was cut");
    }
}

/// Takes the frames that an interface receives from now on.
pub(crate) struct Capture {
    file: File,
}

impl Capture {
    /// Opens an interface for receiving; what the machine sends through it is
    /// not shown.
    pub(crate) fn open(namespace: &Netns, interface: &str) -> Self {
        let socket = open(namespace, interface, true);
        let ignore_outgoing = 23;
        sys::set_socket_option(&socket, libc::SOL_PACKET, ignore_outgoing, 1)
            .expect("packet sockets can ignore what goes out");
        enlarge_queue(&socket);
        Self { file: socket.into() }
    }

    /// Waits for `count` frames, and panics when there are fewer in time. The
    /// outermost VLAN tag is not part of them: the kernel keeps it apart.
    pub(crate) fn take(
        &mut self,
        count: usize,
        limit: Duration,
    ) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + limit;
        let mut frames = Vec::with_capacity(count);
        let mut buffer = vec![0; 1 << 16];
        while frames.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            let came = sys::wait_readable(self.file.as_fd(), left)
                .expect("cannot wait for a frame");
            assert!(
                came,
                "{} frames of {count} within {limit:?}",
                frames.len()
            );
            let length = self.file.read(&mut buffer).expect("cannot receive");
            frames.push(buffer[..length].to_vec());
        }
        frames
    }

    /// Returns whether no further frame is waiting.
    pub(crate) fn is_empty(&self) -> bool {
        !sys::wait_readable(self.file.as_fd(), Duration::ZERO)
            .expect("cannot look for a frame")
    }
}

/// What a packet socket saw, each packet as long as the socket was told: a
/// super-frame is one packet, and the outermost VLAN tag may be kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sniffed {
    pub(crate) received: Volume,
    pub(crate) sent: Volume,
}

/// Sees what passes an interface both ways, as `tcpdump` does.
pub(crate) struct Sniffer {
    socket: OwnedFd,
}

impl Sniffer {
    /// Opens an interface.
    pub(crate) fn open(namespace: &Netns, interface: &str) -> Self {
        let socket = open(namespace, interface, true);
        enlarge_queue(&socket);
        Self { socket }
    }

    /// Returns what passed since the last call, and panics where that was
    /// more than the queue holds.
    pub(crate) fn drain(&mut self) -> Sniffed {
        let mut sniffed = Sniffed::default();
        while let Some((length, outgoing)) =
            sys::drop_packet(&self.socket).expect("cannot receive")
        {
            let volume = if outgoing {
                &mut sniffed.sent
            } else {
                &mut sniffed.received
            };
            *volume = *volume + Volume { packets: 1, bytes: length as u64 };
        }
        let lost = sys::packets_lost(&self.socket);
        assert_eq!(lost.expect("it is a packet socket"), 0, "lost packets");
        sniffed
    }
}

/// Makes room for some ten thousand small frames.
fn enlarge_queue(socket: &OwnedFd) {
    let (level, room) = (libc::SOL_SOCKET, 32 << 20);
    sys::set_socket_option(socket, level, libc::SO_RCVBUFFORCE, room)
        .expect("root may take a large buffer");
}

fn open(namespace: &Netns, interface: &str, receive: bool) -> OwnedFd {
    namespace
        .run(|| {
            let index = sys::interface_index(interface)?;
            sys::packet_socket(index, receive)
        })
        .unwrap_or_else(|e| {
            panic!("cannot open a packet socket on {interface}: {e}")
        })
}
