//! Interfaces whose other end is the test itself.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use super::netns::Netns;
use super::sys;
use super::wait::PATIENCE;

/// What a packet of the device begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// An Ethernet header: a tap device.
    Ethernet,
    /// An IP header: a tun device.
    Ip,
}

/// A tun or tap device, gone when it is dropped.
pub(crate) struct Tun {
    file: File,
}

impl Tun {
    /// Makes the device in a namespace and brings it up, without addresses.
    pub(crate) fn create(namespace: &Netns, name: &str, layer: Layer) -> Self {
        let flags = match layer {
            Layer::Ethernet => libc::IFF_TAP,
            Layer::Ip => libc::IFF_TUN,
        };
        // The device belongs to the namespace its file is opened in.
        let file = namespace.run(|| {
            let file = File::options()
                .read(true)
                .write(true)
                .open("/dev/net/tun")
                .expect("cannot open /dev/net/tun");
            sys::name_tun(&file, name, flags | libc::IFF_NO_PI)
                .unwrap_or_else(|e| panic!("cannot make {name}: {e}"));
            file
        });
        namespace.ip(&format!("link set {name} up"));
        Self { file }
    }

    /// Lets the machine receive packets from the device.
    pub(crate) fn inject(&mut self, packets: &[Vec<u8>]) {
        for packet in packets {
            let written = self.file.write(packet).expect("cannot inject");
            assert_eq!(written, packet.len(), "a packet was cut");
        }
    }

    /// Takes one packet that the machine sent to the device.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let came = sys::wait_readable(self.file.as_fd(), PATIENCE)
            .expect("cannot wait for a packet");
        assert!(came, "the machine sent no packet");
        let mut packet = vec![0; 1 << 16];
        let length = self.file.read(&mut packet).expect("cannot take");
        packet.truncate(length);
        packet
    }
}
